"""Softness is read from two pictures of one face, and put on again where it was read."""

import cv2
import numpy as np

from tellmark.generator.mesh import blur
from tellmark.generator.types import Portrait
from tellmark.landmarks import LIPS_OUTER
from tellmark.types import F32, U8


def read(made: U8, real: U8, points: F32) -> F32:
    """Of a video of one frame."""
    return np.asarray(blur.read(blur.compare(made, real, points)[None])[0], np.float32)


def test_a_blur_is_read_as_what_it_was(someone: Portrait) -> None:
    soft = cv2.GaussianBlur(someone.image, (0, 0), 1.2)
    found = read(someone.image, soft, someone.landmarks)
    np.testing.assert_allclose(found, 1.2, atol=0.25)


def test_nothing_is_made_sharper(someone: Portrait) -> None:
    soft = cv2.GaussianBlur(someone.image, (0, 0), 1.2)
    assert read(soft, someone.image, someone.landmarks).max() == 0


def test_only_mouth_and_eyes_become_soft_and_each_by_its_own(someone: Portrait) -> None:
    frame = someone.image.copy()
    blur.soften(frame, someone.landmarks, np.array([1.5, 0.0], np.float32))
    changed = (frame != someone.image).any(2)
    low, high = someone.landmarks[list(LIPS_OUTER), :2].min(0), someone.landmarks[list(LIPS_OUTER), :2].max(0)
    rows, columns = np.nonzero(changed)
    margin = 0.16 * (high - low) + 2
    assert (low - margin <= (columns.min(), rows.min())).all()
    assert (high + margin >= (columns.max(), rows.max())).all()
    assert read(someone.image, frame, someone.landmarks)[0] > 1
    blur.soften(frame := someone.image.copy(), someone.landmarks, np.array([0.1, 0.1], np.float32))
    np.testing.assert_array_equal(frame, someone.image)


def test_a_soft_frame_makes_up_for_a_sharp_one(someone: Portrait) -> None:
    soft = cv2.GaussianBlur(someone.image, (0, 0), 1.0)
    pair = [blur.compare(someone.image, soft, someone.landmarks), blur.compare(soft, someone.image, someone.landmarks)]
    assert blur.read(np.stack(pair * 30))[20:40].max() < 0.1
