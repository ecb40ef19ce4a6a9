from dataclasses import replace

import numpy as np
import pytest

from tellmark.generator.geometry.basis import LOWER_LIP, UPPER_LIP, expression_basis
from tellmark.generator.mesh.layers import PAD
from tellmark.generator.mesh.mesh import Mesh, Pose, build_mesh, head_share, move, placed, pose_of
from tellmark.generator.types import EXPRESSIONS, SIZE, Motion, Portrait
from tellmark.landmarks import LEFT_BROW, RIGHT_BROW, mouth_opening

STILL = Pose(np.eye(3, dtype=np.float32), np.zeros(2, np.float32), 1.0)


@pytest.fixture(scope="module")
def mesh(someone: Portrait) -> Mesh:
    return build_mesh(someone.landmarks)


def strength(**weights: float) -> np.ndarray:
    return np.array([weights.get(name, 0.0) for name in EXPRESSIONS], np.float32)


def posed(mesh: Mesh, **channels: object) -> np.ndarray:
    motion = Motion.rest(25.0)
    for name, value in channels.items():
        getattr(motion, name)[0] = value
    return move(mesh, motion.expression[0], pose_of(mesh, motion, 0))


def test_rest_is_the_portrait(mesh: Mesh, someone: Portrait) -> None:
    np.testing.assert_allclose(posed(mesh), mesh.rest, atol=1e-3)
    np.testing.assert_allclose(mesh.rest[:478, :2], someone.landmarks[:, :2], atol=1e-4)
    # Depth keeps the tracker's order: what it says is in front stays in front.
    inner = [1, 4, 13, 14, 168, 50, 280]
    assert np.corrcoef(mesh.rest[inner, 2], someone.landmarks[inner, 2])[0, 1] > 0.999


def test_triangles_cover_frame_and_padding_once(mesh: Mesh) -> None:
    corners = mesh.rest[mesh.triangles, :2].astype(np.float64)
    one, two = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    area = np.abs(one[:, 0] * two[:, 1] - one[:, 1] * two[:, 0]).sum() / 2
    assert area == pytest.approx((SIZE + 2 * PAD) ** 2, rel=0.02)


@pytest.mark.parametrize(
    ("rotation", "expected"),
    [((8, 0, 0), (1, 0)), ((-8, 0, 0), (-1, 0)), ((0, 8, 0), (0, -1)), ((0, -8, 0), (0, 1))],
    ids=["yaw to the viewer's right", "yaw left", "pitch up", "pitch down"],
)
def test_nose_points_where_the_head_turns(mesh: Mesh, rotation: tuple[float, ...], expected: tuple[int, int]) -> None:
    shift = (posed(mesh, rotation_deg=rotation) - mesh.rest)[1, :2]
    assert shift @ expected > 4
    assert abs(shift @ expected[::-1]) < 0.5 * (shift @ expected)


def test_roll_is_clockwise_as_seen_and_keeps_lengths(mesh: Mesh) -> None:
    moved = posed(mesh, rotation_deg=(0, 0, 10))
    eyes_before, eyes_after = mesh.rest[263, :2] - mesh.rest[33, :2], moved[263, :2] - moved[33, :2]
    turned = np.rad2deg(np.arctan2(eyes_after[1], eyes_after[0]) - np.arctan2(eyes_before[1], eyes_before[0]))
    assert turned == pytest.approx(10, abs=0.1)
    assert np.linalg.norm(eyes_after) == pytest.approx(np.linalg.norm(eyes_before), rel=1e-3)


def test_shoulders_stay_and_hair_follows(mesh: Mesh, someone: Portrait) -> None:
    shift = np.linalg.norm((posed(mesh, rotation_deg=(6, 4, 8)) - mesh.rest)[:, :2], axis=1)
    x, y = mesh.rest[:, 0], mesh.rest[:, 1]
    chin, top = someone.landmarks[152], someone.landmarks[10]
    height = chin[1] - top[1]
    assert shift[y > chin[1] + 0.55 * height].max() < 0.01
    hair = (np.abs(x - top[0]) < 0.3 * height) & (y < top[1] - 0.1 * height) & (y > 0)
    assert shift[hair].min() > 5


def test_angles_saturate_softly(mesh: Mesh) -> None:
    tips = np.array([posed(mesh, rotation_deg=(yaw, 0, 0))[1, 0] for yaw in range(0, 61, 2)])
    steps = np.diff(tips)
    assert (steps > -1e-3).all()
    assert steps[-1] < 0.02 * steps[0]
    assert tips[-1] - tips[0] < 2.2 * (tips[5] - tips[0])


def test_distance_scales_and_translation_shifts_in_face_widths(mesh: Mesh) -> None:
    def width(points: np.ndarray) -> float:
        return float(np.linalg.norm(points[454, :2] - points[234, :2]))

    rest = width(mesh.rest)
    assert width(posed(mesh, distance=1.25)) == pytest.approx(rest / 1.25, rel=0.01)
    assert width(posed(mesh, distance=0.8)) == pytest.approx(rest / 0.8, rel=0.01)
    moved = posed(mesh, translation=(0.1, -0.05)) - mesh.rest
    np.testing.assert_allclose(moved[1, :2], np.array([0.1, -0.05]) * mesh.face_width, rtol=0.01)


def test_each_expression_moves_what_it_should(mesh: Mesh) -> None:
    rest = mesh.rest[:478]
    faces = {name: move(mesh, strength(**{name: 1.0}), STILL)[:478] for name in EXPRESSIONS}
    shift = {name: (points - rest) / mesh.px_per_mm for name, points in faces.items()}

    def gap(points: np.ndarray) -> float:
        return float(points[14, 1] - points[13, 1]) / mesh.px_per_mm

    def width(points: np.ndarray) -> float:
        return float(np.linalg.norm(points[291] - points[61]))

    assert gap(faces["jaw"]) - gap(rest) > 12
    assert 8 < shift["jaw"][152, 1] < 18
    assert mouth_opening(faces["jaw"]) > mouth_opening(rest) + 0.1
    assert width(faces["wide"]) > 1.1 * width(rest)
    assert width(faces["pucker"]) < 0.75 * width(rest)
    assert gap(faces["press"]) <= max(gap(rest), 0) + 0.05
    assert shift["upper_raise"][13, 1] < -2
    assert shift["lower_tuck"][14, 1] < 0.3
    assert shift["smile"][[61, 291], 1].max() < -2.5
    assert shift["smile"][61, 0] < -2 < 2 < shift["smile"][291, 0]
    assert shift["frown"][[61, 291], 1].min() > 2.5
    brows = [*RIGHT_BROW, *LEFT_BROW]
    assert shift["brow_up"][brows, 1].mean() < -3
    assert shift["brow_down"][brows, 1].mean() > 1.5
    assert shift["squint"][[50, 280], 1].max() < -0.8
    for name in ("jaw", "wide", "pucker", "press", "upper_raise", "lower_tuck", "smile", "frown"):
        assert np.linalg.norm(shift[name][[33, 263, 168, 10]], axis=1).max() < 0.5, name


def test_open_rounded_mouth_is_round(mesh: Mesh) -> None:
    points = move(mesh, strength(jaw=0.55, pucker=0.9), STILL)
    upper, lower = points[list(UPPER_LIP[3]), :2], points[list(LOWER_LIP[3]), :2]
    opening = np.linalg.norm(lower - upper, axis=1)
    # An ellipse keeps 60 % of its height at 80 % of its half width, a V 20 %.
    assert opening[[1, 9]].mean() > 0.45 * opening[5]
    corners = points[[78, 308], 1].mean()
    middle = (points[13, 1] + points[14, 1]) / 2
    assert abs(corners - middle) < 0.25 * opening[5]


def test_lips_never_cross(mesh: Mesh) -> None:
    rng = np.random.default_rng(0)
    rest_gap = mesh.rest[list(LOWER_LIP[3]), 1] - mesh.rest[list(UPPER_LIP[3]), 1]
    for _ in range(60):
        weights = (rng.random(len(EXPRESSIONS)) * (rng.random(len(EXPRESSIONS)) < 0.4)).astype(np.float32)
        points = move(mesh, weights, STILL)
        gap = points[list(LOWER_LIP[3]), 1] - points[list(UPPER_LIP[3]), 1]
        assert gap[1:10].min() > min(rest_gap.min(), 0) - 0.3


def test_basis_turns_with_the_face(someone: Portrait) -> None:
    angle = np.deg2rad(20)
    rotation = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]], np.float32)
    upright = expression_basis(someone.landmarks)
    tilted = expression_basis(someone.landmarks @ rotation.T)
    np.testing.assert_allclose(tilted, upright @ rotation.T, atol=0.05)


def test_head_ends_at_the_neck_and_shoulders_begin_beside_it(someone: Portrait) -> None:
    chin = someone.landmarks[152, :2]
    width = float(np.linalg.norm(someone.landmarks[454, :2] - someone.landmarks[234, :2]))
    places = np.array([[0, -0.3], [0, 0.05], [0, 0.6], [0.45, 0.05], [1.1, 0.05]], np.float32) * width + chin
    crown, throat, chest, neck, shoulder = head_share(places.astype(np.float32), someone.landmarks)
    assert crown > 0.99
    assert 0.2 < throat < 0.9
    assert chest < 0.01
    assert shoulder < neck - 0.2


def test_a_place_turns_grows_and_shifts_about_the_middle() -> None:
    affine = placed(np.array([0.1, -0.2, 90.0, np.log(2)], np.float32), 100.0)
    corner = np.array([356.0, 256.0])
    np.testing.assert_allclose(affine[:, :2] @ corner + affine[:, 2], [256 + 10, 256 + 200 - 20], atol=1e-3)


def test_shoulders_stand_where_they_were_seen(mesh: Mesh) -> None:
    moved = Pose(np.eye(3, dtype=np.float32), np.array([30, 0], np.float32), 1.0)
    still = replace(moved, torso=placed(np.zeros(4, np.float32), mesh.face_width))
    low = mesh.head < 1e-3
    weights = np.zeros(len(EXPRESSIONS), np.float32)
    assert np.abs(move(mesh, weights, still)[low] - mesh.rest[low]).max() < 0.05
    assert (move(mesh, weights, moved)[low] - mesh.rest[low])[:, 0].min() > 5  # unseen, they sway
