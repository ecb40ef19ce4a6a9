"""What differs between the lips is read as broad colour, and put there and nowhere else."""

import numpy as np
import pytest

from tellmark.generator.geometry.basis import LOWER_LIP
from tellmark.generator.mesh import inside
from tellmark.generator.types import Portrait
from tellmark.landmarks import LIPS_INNER
from tellmark.types import F32

OPEN_PX = 30


@pytest.fixture
def parted(someone: Portrait) -> F32:
    """Lips that are apart, (478, 3) px."""
    points = someone.landmarks.copy()
    points[list(LOWER_LIP[3][1:10]), 1] += OPEN_PX * (1 - np.linspace(-0.8, 0.8, 9, dtype=np.float32) ** 2)
    return points


def test_colour_from_lip_to_lip_is_read_and_put_on(parted: F32) -> None:
    made = np.full((512, 512, 3), 120, np.uint8)
    top, bottom = parted[13, 1], parted[14, 1]
    ramp = np.clip((np.arange(512) - top) / (bottom - top), 0, 1)[:, None, None] * np.array([60, 30, -50])
    real = np.broadcast_to(np.rint(made + ramp), made.shape).astype(np.uint8)
    frame = made.copy()
    inside.tint(frame, parted, inside.read(made, real, parted))
    x, rows = round(float(parted[13, 0])), slice(int(top) + 3, int(bottom) - 2)
    np.testing.assert_allclose(frame[rows, x].astype(float), real[rows, x].astype(float), atol=6)
    changed = np.nonzero((frame != made).any(2))
    lips = parted[list(LIPS_INNER), 1]  # that of the middle is not the highest
    assert changed[0].min() >= lips.min() - 2
    assert changed[0].max() <= lips.max() + 2


def test_detail_is_not_copied(parted: F32) -> None:
    made = np.full((512, 512, 3), 120, np.uint8)
    real = made.copy()
    real[:, ::4], real[:, 1::4] = 180, 180  # stripes of two pixels, which a broad patch takes as their mean
    real[:, 2::4], real[:, 3::4] = 60, 60
    frame = made.copy()
    inside.tint(frame, parted, inside.read(made, real, parted))
    assert np.abs(frame.astype(int) - made).max() < 15


def test_a_mouth_outside_the_frame_has_no_inside(someone: Portrait) -> None:
    frame, gone = someone.image.copy(), someone.landmarks + np.float32([0, 600, 0])
    assert not inside.read(frame, 255 - frame, gone).any()
    inside.tint(frame, gone, np.ones(inside.NUMBERS, np.float32))
    np.testing.assert_array_equal(frame, someone.image)
