"""White is found in the eyes, and never darker than skin allows; stone has no colour to give."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from tellmark.generator.geometry.white import colourfulness, saturation, skin, white_point
from tellmark.generator.types import Portrait


def _tinted(image: np.ndarray, gains: tuple[float, float, float]) -> np.ndarray:
    return np.clip(image * np.array(gains), 0, 255).astype(np.uint8)


def test_white_is_brighter_than_the_cheeks_and_hardly_coloured(someone: Portrait) -> None:
    white, cheeks = white_point(someone.image, someone.landmarks), skin(someone.image, someone.landmarks)
    assert white.mean() > 0.94 * cheeks.mean()
    assert saturation(white) < saturation(cheeks)


def test_white_takes_on_part_of_the_light(someone: Portrait) -> None:
    plain = white_point(someone.image, someone.landmarks)
    red = white_point(_tinted(someone.image, (1.0, 0.5, 0.5)), someone.landmarks)
    assert red[0] / red[1] > plain[0] / plain[1]
    assert red[0] / red[1] < 2 * plain[0] / plain[1]
    blue = white_point(_tinted(someone.image, (0.4, 0.7, 1.0)), someone.landmarks)
    assert blue[2] / blue[0] > 2 * plain[2] / plain[0]  # no eye is blue by itself: that is a lamp


@pytest.mark.parametrize(("grey", "expected"), [(True, 0.0), (False, 1.0)])
def test_pictures_without_colour_are_told(someone: Portrait, grey: bool, expected: float) -> None:
    image = someone.image
    if grey:
        image = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    assert colourfulness(image, someone.landmarks) == pytest.approx(expected, abs=0.05)
