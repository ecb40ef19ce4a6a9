import dataclasses

import cv2
import numpy as np
import pytest

from tellmark.generator.geometry.basis import LOWER_LIP, UPPER_LIP
from tellmark.generator.geometry.white import white_point
from tellmark.generator.mesh.mesh import Mesh, Pose, build_mesh, move
from tellmark.generator.mesh.mouth import Mouth, build_mouth, draw_mouth
from tellmark.generator.mesh.teeth import own_interior, upper_teeth
from tellmark.generator.points.dentition import build_dentition
from tellmark.generator.types import EXPRESSIONS, Portrait
from tellmark.landmarks import LIPS_INNER

STILL = Pose(np.eye(3, dtype=np.float32), np.zeros(2, np.float32), 1.0)


@pytest.fixture(scope="module")
def mesh(someone_else: Portrait) -> Mesh:
    return build_mesh(someone_else.landmarks)


@pytest.fixture(scope="module")
def mouth(someone_else: Portrait, mesh: Mesh) -> Mouth:
    return build_mouth(someone_else.image, someone_else.landmarks, mesh)


def drawn(mouth: Mouth, mesh: Mesh, **weights: float) -> tuple[np.ndarray, np.ndarray]:
    """A grey frame with the mouth drawn in, and the mask of the lips' opening."""
    expression = np.array([weights.get(name, 0.0) for name in EXPRESSIONS], np.float32)
    points = move(mesh, expression, STILL)
    frame = np.full((512, 512, 3), 128, np.uint8)
    draw_mouth(mouth, frame, points, mesh, STILL)
    opening = np.zeros((512, 512), np.uint8)
    cv2.fillPoly(opening, [np.rint(points[list(LIPS_INNER), :2]).astype(np.int32)], 1)
    return frame, opening > 0


def test_nothing_is_drawn_between_resting_lips(mouth: Mouth, mesh: Mesh) -> None:
    for weights in ({}, {"press": 1.0}, {"brow_up": 1.0}):
        frame, _ = drawn(mouth, mesh, **weights)
        assert (frame == 128).all()


def test_interior_fills_the_opening_and_nothing_else(mouth: Mouth, mesh: Mesh) -> None:
    frame, opening = drawn(mouth, mesh, jaw=1.0)
    changed = (frame != 128).any(2)
    grown = cv2.dilate(opening.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    core = cv2.erode(opening.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    assert not changed[~grown].any()
    assert changed[core].mean() > 0.97


def test_upper_teeth_hang_from_the_upper_lip_and_the_rest_is_dark(mouth: Mouth, mesh: Mesh) -> None:
    # How much of them shows is a face's own, and what shows little is in the lip's shade.
    frame, opening = drawn(dataclasses.replace(mouth, show_mm=4.6), mesh, jaw=0.9)
    rows = np.flatnonzero(opening.any(1))
    middle = int(np.median(np.flatnonzero(opening.any(0))))
    column = frame[rows[0] : rows[-1] + 1, middle - 2 : middle + 3].astype(float).mean((1, 2))
    teeth = column[2 : 2 + len(column) // 4].max()
    assert teeth > 1.8 * column[len(column) // 2 : -2].min()


def test_teeth_are_in_the_dark_behind_lips_that_hardly_part_and_behind_rounded_ones(mouth: Mouth, mesh: Mesh) -> None:
    def brightness(**weights: float) -> float:
        frame, opening = drawn(mouth, mesh, **weights)
        rows, middle = np.flatnonzero(opening.any(1)), int(np.median(np.flatnonzero(opening.any(0))))
        column = frame[rows[0] : rows[-1] + 1, middle - 2 : middle + 3].astype(float).mean((1, 2))
        return float(column[3 : len(column) // 2 + 1].max())  # below the blurred edge of the lip

    shown = dataclasses.replace(mouth, show_mm=5.0)
    hidden = dataclasses.replace(mouth, show_mm=0.5)
    wide, narrow, rounded = ({"jaw": 0.9}, {"jaw": 0.3}, {"jaw": 0.7, "pucker": 0.9})
    mouth = shown
    assert brightness(**narrow) < 0.8 * brightness(**wide)
    assert brightness(**rounded) < 0.6 * brightness(**wide)
    with_teeth = brightness(**wide)
    mouth = hidden
    assert brightness(**wide) < 0.8 * with_teeth


def test_a_tongue_takes_after_its_lips_but_not_after_what_is_painted_on_them(
    someone_else: Portrait, mesh: Mesh
) -> None:
    places = np.rint(someone_else.landmarks[[*UPPER_LIP[1], *LOWER_LIP[1]], :2]).astype(int)

    def flesh(*rgb: int) -> np.ndarray:
        image = someone_else.image.copy()
        image[places[:, 1], places[:, 0]] = rgb
        return build_mouth(image, someone_else.landmarks, mesh).flesh

    pale, red, painted = flesh(150, 120, 115), flesh(170, 100, 95), flesh(200, 0, 60)
    assert red[0] / red[1] > 1.05 * pale[0] / pale[1]
    assert pale[0] > pale[1]
    assert painted[1] > 0.85 * red[1]


def test_opening_grows_in_without_a_jump(mouth: Mouth, mesh: Mesh) -> None:
    before = drawn(mouth, mesh, jaw=0.0)[0].astype(float)
    largest = 0.0
    for jaw in np.linspace(0.01, 0.4, 40):
        frame = drawn(mouth, mesh, jaw=float(jaw))[0].astype(float)
        largest = max(largest, float(np.abs(frame - before).sum() / 3 / 128))
        before = frame
    # Total change a step, in pixels going from grey to black: the mouth is some 60 px wide.
    assert largest < 60


def test_own_teeth_are_kept_and_a_dark_gap_is_not(someone_else: Portrait) -> None:
    landmarks = someone_else.landmarks.copy()
    mm = float(np.linalg.norm(landmarks[454, :2] - landmarks[234, :2])) / 140
    lower = [95, 88, 178, 87, 14, 317, 402, 318, 324]
    landmarks[lower, 1] += 8 * mm * np.sin(np.linspace(0.4, np.pi - 0.4, len(lower)))
    opening = np.rint(landmarks[list(LIPS_INNER), :2]).astype(np.int32)
    toothy, dark = someone_else.image.copy(), someone_else.image.copy()
    cv2.fillPoly(toothy, [opening], (225, 222, 212))
    cv2.fillPoly(dark, [opening], (40, 16, 14))
    kept = own_interior(toothy, landmarks)
    assert kept is not None
    x, y = opening.mean(0).astype(int)
    np.testing.assert_allclose(kept[y, x], [225, 222, 212, 1], atol=3)
    assert own_interior(dark, landmarks) is None
    # Teeth whose edges the lower lip hides go on below it, and not beside the corners.
    longer = own_interior(toothy, landmarks, 3 * mm)
    assert longer is not None
    below = np.rint(landmarks[14, :2] + (0, 1.0 * mm)).astype(int)
    assert kept[below[1], below[0], 3] < 0.1 < 0.5 < longer[below[1], below[0], 3]
    assert longer[..., 3].sum(0).nonzero()[0].tolist() == kept[..., 3].sum(0).nonzero()[0].tolist()


def test_teeth_sprite_is_premultiplied_symmetric_and_in_the_light(someone_else: Portrait) -> None:
    white = white_point(someone_else.image, someone_else.landmarks)
    assert (white >= 30).all()
    assert (white <= 250).all()
    sprite = upper_teeth(white, 2.0)
    assert sprite[..., 3].min() >= 0
    assert sprite[..., 3].max() <= 1.001
    assert (sprite[..., :3].max(2) <= 256 * sprite[..., 3] + 1e-3).all()
    np.testing.assert_allclose(sprite, sprite[:, ::-1], atol=6)
    np.testing.assert_allclose(upper_teeth(white / 2, 2.0)[..., :3], sprite[..., :3] / 2, rtol=1e-3, atol=1e-2)


def test_people_have_teeth_of_their_own_that_stay_the_same() -> None:
    white = np.array([200.0, 190.0, 180.0])
    one, again, other = (upper_teeth(white, 2.0, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert np.abs(one - other)[..., :3].max() > 20
    assert abs(one[..., 3].mean() - other[..., 3].mean()) < 0.1


def test_lips_that_come_together_close_over_their_teeth(someone_else: Portrait) -> None:
    landmarks = someone_else.landmarks.copy()
    lower = [*LOWER_LIP[3], *LOWER_LIP[2], *LOWER_LIP[1]]
    landmarks[lower, 1] += 14  # apart, with something bright between them
    image = someone_else.image.copy()
    cv2.fillPoly(image, [np.rint(landmarks[list(LIPS_INNER), :2]).astype(np.int32)], (250, 250, 250))
    mesh = build_mesh(landmarks)
    mouth = build_mouth(image, landmarks, mesh)
    middle = tuple(np.rint(landmarks[13, :2] + (0, 1)).astype(int)[::-1])
    values = []
    for closed in (0.0, 1.0):
        points = mesh.rest.copy()
        points[lower, 1] -= 14 * closed
        frame = np.full((512, 512, 3), 250, np.uint8)
        draw_mouth(mouth, frame, points, mesh, STILL)
        values.append(int(frame[middle].mean()))
    assert values[0] == 250  # as in the portrait
    assert values[1] < 200


def test_the_point_renderer_gives_a_picture_teeth_of_its_own_and_in_its_light(someone_else: Portrait) -> None:
    one, again = (build_dentition(someone_else.image, someone_else.landmarks) for _ in range(2))
    np.testing.assert_array_equal(one.upper, again.upper)
    blue = np.rint(someone_else.image * (0.3, 0.7, 1.0)).astype(np.uint8)
    other = build_dentition(blue, someone_else.landmarks)
    assert one.upper.shape != other.upper.shape or np.abs(one.upper - other.upper).max() > 0.1
    red, _, blueness = other.upper_colours.mean(0)
    assert blueness > 1.5 * red


def test_teeth_stay_in_place_behind_lips_that_come_nearer(someone_else: Portrait) -> None:
    landmarks = someone_else.landmarks.copy()
    landmarks[[*LOWER_LIP[3], *LOWER_LIP[2], *LOWER_LIP[1]], 1] += 24
    image = someone_else.image.copy()
    loop = np.rint(landmarks[list(LIPS_INNER), :2]).astype(np.int32)
    cv2.fillPoly(image, [loop], (235, 230, 220))
    edge = int(landmarks[13, 1]) + 12  # the lower half is dark
    inside = np.zeros((512, 512), np.uint8)
    cv2.fillPoly(inside, [loop], 1)
    image[edge:][inside[edge:] > 0] = (60, 20, 20)
    mesh = build_mesh(landmarks)
    mouth = build_mouth(image, landmarks, mesh)
    assert mouth.own is not None
    points = mesh.rest.copy()
    points[[*LOWER_LIP[3], *LOWER_LIP[2], *LOWER_LIP[1]], 1] -= 15
    frame = np.full((512, 512, 3), 128, np.uint8)
    draw_mouth(mouth, frame, points, mesh, STILL)
    column = frame[int(landmarks[13, 1]) + 3 : int(points[14, 1]) - 2, int(landmarks[13, 0])].mean(1)
    # Squeezed, the edge of the teeth would have come up into the middle of the opening.
    assert (column > 180).all()


def test_lower_teeth_of_an_open_portrait_do_not_hang_from_its_skull(someone_else: Portrait) -> None:
    landmarks = someone_else.landmarks.copy()
    landmarks[[*LOWER_LIP[3], *LOWER_LIP[2], *LOWER_LIP[1]], 1] += 20
    image = someone_else.image.copy()
    loop = np.rint(landmarks[list(LIPS_INNER), :2]).astype(np.int32)
    x, top, bottom = int(loop[:, 0].mean()), int(landmarks[13, 1]), int(landmarks[14, 1])
    cv2.fillPoly(image, [loop], (225, 222, 212))
    middle = (top + bottom) // 2
    image[middle : middle + 3, x - 40 : x + 40] = np.where(
        (cv2.fillPoly(np.zeros((512, 512), np.uint8), [loop], 1) > 0)[middle : middle + 3, x - 40 : x + 40, None],
        np.array([40, 16, 14], np.uint8),
        image[middle : middle + 3, x - 40 : x + 40],
    )
    kept = own_interior(image, landmarks)
    assert kept is not None
    assert kept[(top + middle) // 2, x, 3] > 0.9
    assert kept[(middle + bottom) // 2 + 1, x, 3] < 0.1
