import cv2
import numpy as np

from tellmark.generator.mesh.lids import build_eyes, draw_eye
from tellmark.generator.types import Portrait
from tellmark.landmarks import RIGHT_EYE, RIGHT_IRIS
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


def _hollow(portrait: Portrait, left: float) -> U8:
    """The portrait with its right eye in a hollow: from brow to lid, ``left`` of the light is left."""
    lid = portrait.landmarks[list(RIGHT_EYE[:9]), :2]
    band = np.rint(np.concatenate([lid + np.array((0, 1)), (lid - np.array((0, 12)))[::-1]])).astype(np.int32)
    shade = cv2.GaussianBlur(cv2.fillPoly(np.zeros((512, 512), np.float32), [band], 1), (0, 0), 1.5)[..., None]
    return np.asarray(portrait.image * (1 - (1 - left) * shade), np.uint8)


def test_a_shut_lid_has_the_light_of_the_skin_under_the_eye_and_not_the_shade_of_the_hollow(
    someone_else: Portrait,
) -> None:
    landmarks, image = someone_else.landmarks, _hollow(someone_else, 0.5)
    x, top, bottom = (round(float(v)) for v in (landmarks[159, 0], landmarks[159, 1], landmarks[145, 1]))
    middle = (top + bottom) // 2
    lid = slice(top, max(middle - 1, top + 2)), slice(x - 4, x + 5)
    under = image[bottom + 6 : bottom + 10, x - 4 : x + 5].mean()
    hollow = image[top - 8 : top - 3, x - 4 : x + 5].mean()
    shut = _shut(image, landmarks)[lid].mean()
    assert hollow < 0.7 * under
    assert 0.7 * under < shut < 1.1 * under


def test_a_lamp_is_seen_once_in_an_eye_that_looks_aside(someone_else: Portrait) -> None:
    landmarks, image = someone_else.landmarks, someone_else.image.copy()
    centre = landmarks[RIGHT_IRIS[0], :2]
    radius = float(np.linalg.norm(landmarks[list(RIGHT_IRIS[1:]), :2] - centre, axis=1).mean())
    x, y = (int(v) for v in np.rint(centre))
    cv2.circle(image, (x, y), round(radius), (60, 40, 30), -1)
    top = round(float(landmarks[159, 1]))
    cv2.circle(image, (x, top + 2), 1, (255, 255, 255), -1)  # just below the upper lid
    layer = np.dstack([image, np.full(image.shape[:2], 255, np.uint8)])
    eye = build_eyes(image, landmarks)[0]
    draw_eye(eye, -0.3, 0.0, (0.0, -8.0), layer, 0, 0)
    bright = (layer[top - 8 : y + round(radius), x - 3 : x + 4, :3].min(2) > 200).any(1).astype(int)
    assert np.count_nonzero(np.diff(bright) == 1) + bright[0] <= 1


def test_skin_over_a_lid_does_not_take_the_shade_of_an_iris_that_reaches_behind_it(someone_else: Portrait) -> None:
    grain = np.random.default_rng(0).normal(0, 12, someone_else.image.shape)
    image = np.clip(someone_else.image + grain, 0, 255).astype(np.uint8)
    large = someone_else.landmarks.copy()
    large[list(RIGHT_IRIS)] = large[RIGHT_IRIS[0]] + 1.6 * (large[list(RIGHT_IRIS)] - large[RIGHT_IRIS[0]])
    usual, eye = (build_eyes(image, landmarks)[0] for landmarks in (someone_else.landmarks, large))
    rows, columns = np.indices(eye.reach.shape)
    place = np.stack([columns, rows], -1) - eye.origin
    s, t = place @ eye.along, place @ np.array([-eye.along[1], eye.along[0]])
    skin = np.interp(s, np.linspace(-0.85, 0.85, 57) * eye.width, eye.upper) - t > 0.1 * eye.width
    behind = np.hypot(s - eye.iris[0], t - eye.iris[1]) < 1.3 * eye.iris_radius
    assert (skin & behind).sum() > 20
    np.testing.assert_array_equal(eye.lashes[skin], usual.lashes[skin])
