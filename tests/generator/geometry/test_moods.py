"""Moods that can be seen: each moves what it should, the right way and far enough, in distances between the pupils.

Sizes of people in films for development, from the median of a film to its 97th percentile, the upper tenth of films:
corners of the mouth .10 up, width .17, brows .08 up, .06 down (``docs/log.md``, 1 December).
"""

from collections.abc import Iterator

import numpy as np
import pytest

from tellmark.faces import MediapipeTracker
from tellmark.generator.dynamics.conditioning import MOODS as CONDITIONED
from tellmark.generator.geometry.basis import LOWER_LIP, UPPER_LIP
from tellmark.generator.mesh.mesh import Pose, build_mesh, move
from tellmark.generator.renderers import RENDERERS, renderer
from tellmark.generator.rules import expressions, moods
from tellmark.generator.types import EXPRESSIONS, MOODS, Controls, Motion, Portrait
from tellmark.landmarks import eye_opening
from tellmark.types import F32

STILL = Pose(np.eye(3, dtype=np.float32), np.zeros(2, np.float32), 1.0)
CORNERS, CHEEKS = [61, 291], [50, 280, 205, 425]
INNER, OUTER = [107, 336, 55, 285], [70, 300, 46, 276]


def silent(*asked: dict[str, float], **tracks: float) -> Motion:
    """Frames of a face that says nothing, or holds ``tracks``, one for each of the moods asked for."""
    held = {name: np.full(1, value) for name, value in tracks.items()}
    rest, controls = Motion.rest(25.0, len(asked)), [Controls(emotion=emotion) for emotion in asked]
    for row, control in enumerate(controls):
        rest.expression[row], rest.mood[row] = expressions(held, control, 1)[0], moods(control, 1)[0]
    return rest


@pytest.fixture(scope="module", params=RENDERERS)
def seen(request: pytest.FixtureRequest, someone_else: Portrait) -> dict[str, F32]:
    """(478, 2) where a renderer puts the face in each mood, and in none, in distances between the pupils."""
    made, faces = renderer(request.param, someone_else), {}
    performance = silent({}, *({name: 1.0} for name in MOODS))
    for row, name in enumerate(("neutral", *MOODS)):
        made.render(performance, row)
        faces[name] = made.points[:, :2].copy()
    apart = np.linalg.norm(faces["neutral"][468] - faces["neutral"][473])
    return {name: points / apart for name, points in faces.items()}


def test_moods_are_seen_the_right_way(seen: dict[str, F32]) -> None:
    rest = seen["neutral"]

    def down(mood: str, points: list[int]) -> float:
        return float((seen[mood] - rest)[points, 1].mean())

    def wider(mood: str, one: int, other: int) -> float:
        lengths = [np.linalg.norm(points[one] - points[other]) for points in (seen[mood], rest)]
        return float(lengths[0] - lengths[1])

    assert down("happy", CORNERS) < -0.06
    assert wider("happy", *CORNERS) > 0.11
    assert down("happy", CHEEKS) < -0.05
    assert down("sad", INNER) < -0.06
    assert down("sad", OUTER) > -0.02  # oblique
    assert wider("sad", 107, 336) < -0.02
    assert down("sad", CORNERS) > 0.04
    assert down("angry", INNER) > 0.06
    assert down("angry", OUTER) < 0.03
    assert wider("angry", 107, 336) < -0.05
    assert down("surprised", INNER) < -0.10
    assert down("surprised", OUTER) < -0.08


@pytest.fixture(scope="module")
def tracker() -> Iterator[MediapipeTracker]:
    with MediapipeTracker(static=True) as made:
        yield made


@pytest.mark.parametrize("name", RENDERERS)
def test_lids_narrow_droop_and_widen(name: str, someone: Portrait, tracker: MediapipeTracker) -> None:
    made = renderer(name, someone)
    performance = silent({}, *({mood: 1.0} for mood in MOODS))
    opening = {
        mood: float(np.mean(eye_opening(tracker.track(made.render(performance, row))[0].landmarks)))
        for row, mood in enumerate(("neutral", *MOODS))
    }
    assert opening["happy"] < 0.9 * opening["neutral"]
    assert opening["sad"] < 0.97 * opening["neutral"]
    assert opening["surprised"] > 1.08 * opening["neutral"]


def test_half_a_mood_moves_half_as_far_and_none_nothing(someone_else: Portrait) -> None:
    mesh = build_mesh(someone_else.landmarks)
    plain = np.zeros(len(EXPRESSIONS), np.float32)
    rest = move(mesh, plain, STILL)
    np.testing.assert_array_equal(move(mesh, plain, STILL, np.zeros(len(MOODS), np.float32)), rest)
    for mood in np.eye(len(MOODS), dtype=np.float32):
        whole, half = (np.linalg.norm(move(mesh, plain, STILL, w * mood) - rest, axis=1)[:478] for w in (1, 0.5))
        assert whole.max() > 2 * mesh.px_per_mm
        np.testing.assert_allclose(half, whole / 2, atol=0.6 * mesh.px_per_mm)  # lips meet


@pytest.mark.parametrize("mood", MOODS)
def test_lips_meet_in_any_mood(mood: str, someone: Portrait, someone_else: Portrait) -> None:
    for portrait in (someone, someone_else):
        mesh = build_mesh(portrait.landmarks)
        performance = silent({mood: 1.0}, press=0.9, jaw=0.05)
        points = move(mesh, performance.expression[0], STILL, performance.mood[0])
        gap = (points[list(LOWER_LIP[3][3:8]), 1] - points[list(UPPER_LIP[3][3:8]), 1]) / mesh.px_per_mm
        rest = (mesh.rest[list(LOWER_LIP[3][3:8]), 1] - mesh.rest[list(UPPER_LIP[3][3:8]), 1]) / mesh.px_per_mm
        assert (gap < np.maximum(0.25 * rest, 0) + 0.8).all()


def test_who_smiles_already_smiles_less_further(someone_else: Portrait) -> None:
    grave, happy = someone_else.landmarks.copy(), MOODS.index("happy")
    smiling = grave + build_mesh(grave).basis[EXPRESSIONS.index("smile"), :478]
    rise = []
    for face in (grave, smiling):
        mesh = build_mesh(face.astype(np.float32))
        rise.append(float(-mesh.moods[happy, CORNERS, 1].mean() / mesh.px_per_mm))
    assert 0 < rise[1] < 0.8 * rise[0]


def test_moods_are_named_as_the_weights_know_them() -> None:
    assert MOODS == CONDITIONED == ("happy", "sad", "angry", "surprised")
