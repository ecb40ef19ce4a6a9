import cv2
import numpy as np

from tellmark.generator.mesh.lids import build_eyes, draw_eye
from tellmark.generator.types import Portrait
from tellmark.landmarks import RIGHT_EYE
from tellmark.types import F32, U8


def _shut(image: U8, landmarks: F32) -> U8:
    """The portrait (512, 512, 3) with its right eye closed."""
    layer = np.dstack([image, np.full(image.shape[:2], 255, np.uint8)])
    draw_eye(build_eyes(image, landmarks)[0], 1.0, 0.0, (0.0, 0.0), layer, 0, 0)
    return np.asarray(layer[..., :3], np.uint8)


def test_a_closed_lid_covers_the_eye_down_to_the_lower_one(someone_else: Portrait) -> None:
    landmarks, image = someone_else.landmarks, someone_else.image.copy()
    loop = np.rint(landmarks[list(RIGHT_EYE), :2]).astype(np.int32)
    cv2.fillPoly(image, [loop], (0, 255, 0))  # no skin is as green
    inside = cv2.erode(cv2.fillPoly(np.zeros((512, 512), np.uint8), [loop], 1), np.ones((3, 3), np.uint8)) > 0
    green = _shut(image, landmarks).astype(int)
    excess = green[..., 1] - green[..., [0, 2]].max(2)
    # The lower lid's own edge, up to which the upper one comes, was painted with the eye.
    rows = np.flatnonzero(inside.any(1))
    upper = inside.copy()
    upper[rows[0] + round(0.7 * len(rows)) :] = False
    assert excess[upper].max() < 60


def test_the_light_in_an_iris_is_not_moved_along_with_lashes(someone_else: Portrait) -> None:
    landmarks, image = someone_else.landmarks, someone_else.image.copy()
    # A lid that is tracked below a catchlight.
    edge = landmarks[159, :2]
    x, y = np.rint(edge).astype(int)
    cv2.circle(image, (int(x), int(y) - 2), 2, (255, 255, 255), -1)
    below = slice(y + 1, round(float(landmarks[145, 1])) + 3)
    shut = _shut(image, landmarks)[below, x - 4 : x + 5].mean(2)
    skin = someone_else.image[y - 12 : y - 6, x - 4 : x + 5].mean()
    assert shut.max() < 0.5 * (255 + skin)
