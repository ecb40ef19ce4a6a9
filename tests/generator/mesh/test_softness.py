import cv2
import numpy as np
import pytest

from tellmark.generator.mesh.softness import softness
from tellmark.generator.types import Portrait


@pytest.mark.parametrize("sigma", [1.0, 1.8])
def test_a_known_blur_is_measured(someone: Portrait, sigma: float) -> None:
    sharp = softness(someone.image, someone.landmarks)
    blurred = softness(cv2.GaussianBlur(someone.image, (0, 0), sigma), someone.landmarks)
    assert blurred == pytest.approx(np.hypot(sharp, sigma), rel=0.35)
    assert blurred > sharp + 0.2
