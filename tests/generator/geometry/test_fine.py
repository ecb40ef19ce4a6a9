"""A layer at twice its size keeps its own samples and has halfway values between them."""

import cv2
import numpy as np

from tellmark.generator.geometry.fine import double, doubled

HALFWAY = np.array([-3, 19, 19, -3]) / 32


def noise(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (20, 31, 4)).astype(np.uint8)


def test_samples_stay_and_those_between_are_halfway() -> None:
    layer = noise(1)
    fine = doubled(layer)
    edge = {"borderType": cv2.BORDER_REPLICATE}
    across = cv2.filter2D(layer.astype(float), -1, HALFWAY[None], anchor=(1, 0), **edge)
    down = cv2.filter2D(layer.astype(float), -1, HALFWAY[:, None], anchor=(0, 1), **edge)
    both = cv2.filter2D(across, -1, HALFWAY[:, None], anchor=(0, 1), **edge)
    np.testing.assert_array_equal(fine[::2, ::2], layer)
    for made, expected in ((fine[::2, 1::2], across), (fine[1::2, ::2], down), (fine[1::2, 1::2], both)):
        np.testing.assert_array_equal(made, np.clip(np.floor(expected + 0.5), 0, 255).astype(np.uint8))


def test_a_part_that_changed_is_brought_up_to_date() -> None:
    layer = noise(2)
    fine = doubled(layer)
    layer[5:9, 10:18] = noise(3)[5:9, 10:18]
    double(layer, fine, 5, 9, 10, 18)
    np.testing.assert_array_equal(fine, doubled(layer))
