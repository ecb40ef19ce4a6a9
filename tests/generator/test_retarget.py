"""Round trips: a performance that is known is rendered, tracked and read back."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tellmark.errors import FaceError
from tellmark.faces import MediapipeTracker
from tellmark.generator.actors import actor
from tellmark.generator.borrow import BorrowedMotion, Performance, stretched
from tellmark.generator.geometry.headpose import RELIEF, STABLE, fit_heads
from tellmark.generator.render import MeshRenderer
from tellmark.generator.retarget import bridged, retarget, steady
from tellmark.generator.rules import RuleMotion
from tellmark.generator.track import Track
from tellmark.generator.types import EXPRESSIONS, Controls, Motion, Portrait, Speech

LENGTH = 20


def performance() -> tuple[Motion, dict[str, slice]]:
    """Rest, then each thing by itself."""
    names = ["rest", "yaw", "pitch", "roll", "near", "gaze right", "gaze up", "blink", "jaw"]
    where = {name: slice(k * LENGTH, (k + 1) * LENGTH) for k, name in enumerate(names)}
    motion = Motion.rest(25.0, LENGTH * len(names))
    wave = np.sin(np.linspace(0, 2 * np.pi, LENGTH))
    for axis, (name, size) in enumerate((("yaw", 8), ("pitch", 6), ("roll", 10))):
        motion.rotation_deg[where[name], axis] = size * wave
    motion.distance[where["near"]] = 1 + 0.15 * wave
    motion.gaze_deg[where["gaze right"], 0] = 12 * wave
    motion.gaze_deg[where["gaze up"], 1] = 8 * wave
    motion.blink[where["blink"]] = np.interp(np.arange(LENGTH), (6, 9, 10, 15), (0, 1, 1, 0))[:, None]
    motion.expression[where["jaw"], EXPRESSIONS.index("jaw")] = np.abs(wave)
    return motion, where


@pytest.fixture(scope="module")
def someone() -> Portrait:
    """An actor whose gaze is read within 3 degrees; that of ten of eighteen others is not (6.5 at most)."""
    return actor(9)


def filmed(person: Portrait, motion: Motion) -> Track:
    """What the tracker sees of a motion that a person wears."""
    renderer = MeshRenderer(person)
    with MediapipeTracker() as tracker:
        rows = [tracker.track(renderer.render(motion, k))[0].landmarks for k in range(len(motion))]
    return Track(np.stack(rows), np.ones(len(rows), bool), 25.0, 512, 512, "ab" * 32, False)


@pytest.fixture(scope="module")
def track(someone: Portrait) -> Track:
    return filmed(someone, performance()[0])


@pytest.fixture(scope="module")
def read(track: Track) -> Motion:
    return retarget(track, track.landmarks[:10].mean(0))


def test_pose_and_distance_come_back(read: Motion) -> None:
    known, where = performance()
    for name, axis in (("yaw", 0), ("pitch", 1), ("roll", 2)):
        error = np.abs(read.rotation_deg - known.rotation_deg)[where[name]]
        assert error[:, axis].max() < 2.2, name
    near = where["near"]
    np.testing.assert_allclose(read.distance[near], known.distance[near], rtol=0.05)
    # The tracker takes a jaw wide open for a little of a nod; speech stays below half of that.
    assert np.abs(read.rotation_deg[where["jaw"]]).max() < 6
    assert np.abs(read.translation[where["gaze right"]]).max() < 0.01


def test_gaze_comes_back(read: Motion) -> None:
    known, where = performance()
    for name in ("gaze right", "gaze up"):
        assert np.abs(read.gaze_deg - known.gaze_deg)[where[name]].max() < 3, name


def test_a_blink_keeps_its_time_and_depth(read: Motion) -> None:
    known, where = performance()
    lids, asked = read.blink.mean(1), known.blink.mean(1)
    start = where["blink"].start
    assert abs(np.flatnonzero(lids > 0.5)[0] - np.flatnonzero(asked > 0.5)[0]) <= 1
    assert abs(lids[where["blink"]].argmax() + start - asked.argmax()) <= 1
    assert lids[where["blink"]].max() > 0.8
    assert lids[: where["blink"].start].max() < 0.4


def test_an_open_jaw_is_read_as_one() -> None:
    """Of an actor whose mouth corners keep their place; of two of nine they are read as drawn apart as well."""
    motion, where = performance()
    opening = Motion.from_array(25.0, np.concatenate([motion.array()[where[name]] for name in ("rest", "jaw")]))
    seen = filmed(actor(53), opening)
    found = retarget(seen, seen.landmarks[:10].mean(0)).expression[LENGTH:].max(0)
    assert found[EXPRESSIONS.index("jaw")] > 0.5
    assert found.argmax() == EXPRESSIONS.index("jaw")


def test_rest_is_found_in_the_track() -> None:
    """Of the actor whose still is the most frontal of 200: how far another's is turned is not in the track."""
    track = filmed(actor(77), performance()[0])
    found, read = retarget(track), retarget(track, track.landmarks[:10].mean(0))
    assert np.abs(found.rotation_deg - read.rotation_deg).mean() < 1.5


def test_frames_without_a_face_are_bridged(track: Track, read: Motion) -> None:
    holes = track.found.copy()
    holes[[0, 45, 46, len(holes) - 1]] = False
    landmarks = np.where(holes[:, None, None], track.landmarks, np.float32(np.nan))
    filled = bridged(landmarks, holes)
    assert np.isfinite(filled).all()
    np.testing.assert_allclose(filled[0], track.landmarks[1])
    motion = retarget(replace(track, landmarks=landmarks, found=holes), track.landmarks[:10].mean(0))
    assert np.abs(motion.rotation_deg - read.rotation_deg).max() < 2
    with pytest.raises(FaceError, match="no frame"):
        retarget(replace(track, found=np.zeros_like(holes)))


def test_a_known_turn_of_points_is_fitted_exactly(someone: Portrait) -> None:
    from scipy.spatial.transform import Rotation

    rest = someone.landmarks.astype(np.float64)
    turn = Rotation.from_euler("z", 10, degrees=True).as_matrix()
    moved = (1.2 * rest @ turn.T + (5, -3, 0)).astype(np.float32)
    moved[STABLE[3]] += 40  # one point astray does not turn the head
    heads = fit_heads(moved[None], rest)
    np.testing.assert_allclose(heads.rotation_deg[0], (0, 0, 10), atol=0.2)
    assert heads.scale[0] == pytest.approx(1.2, rel=5e-3)


def test_a_nod_is_read_from_places_more_than_from_depth(someone: Portrait) -> None:
    """A tracker that sees a chin drop tips the whole face back in depth, and leaves it where it is in the picture."""
    from scipy.spatial.transform import Rotation

    rest = someone.landmarks.astype(np.float64)
    deep = rest * (1, 1, RELIEF)
    nod = deep @ Rotation.from_euler("x", 8, degrees=True).as_matrix().T / (1, 1, RELIEF)
    tipped = rest.copy()
    tipped[:, 2] = nod[:, 2]
    whole, alone = fit_heads(np.stack([nod, tipped]).astype(np.float32), rest).rotation_deg[:, 1]
    assert abs(whole) == pytest.approx(8, abs=0.3)
    assert abs(alone) < 2


def test_smoothing_takes_tremble_and_leaves_blinks() -> None:
    rng = np.random.default_rng(0)
    still = 0.02 * rng.standard_normal((200, 1))
    blink = still.copy()
    blink[100:104, 0] += (0.5, 1, 1, 0.5)
    out = steady(blink)
    assert np.abs(out[100:104] - blink[100:104]).max() < 0.02
    assert out[:90].std() < 0.6 * still[:90].std()


def test_borrowed_motion_is_that_of_the_performer(read: Motion) -> None:
    from tellmark.generator.speech import FEATURES

    speech = Speech(Path("voice.wav"), "0" * 64, 12.0, 25.0, np.zeros((300, len(FEATURES)), np.float32))
    who = Performance(read, "ab" * 32)
    rules = RuleMotion().generate(speech, Controls(), 3)
    posed = BorrowedMotion(RuleMotion(), pose=who).generate(speech, Controls(), 3)
    np.testing.assert_allclose(posed.rotation_deg[: len(read)], read.rotation_deg, atol=1e-4)
    np.testing.assert_array_equal(posed.expression, rules.expression)
    # The eyes look where they looked, in another head.
    world = lambda motion: motion.gaze_deg + 0.95 * motion.rotation_deg[:, :2]  # noqa: E731
    free = np.abs(posed.gaze_deg).max(1) < 27
    np.testing.assert_allclose(world(posed)[free], world(rules)[free], atol=1e-3)
    faced = BorrowedMotion(RuleMotion(), expression=who).generate(speech, Controls(gains={"mouth": 0.5, "blink": 0}), 3)
    np.testing.assert_array_equal(faced.rotation_deg, rules.rotation_deg)
    jaw = EXPRESSIONS.index("jaw")
    np.testing.assert_allclose(faced.expression[: len(read), jaw], 0.5 * read.expression[:, jaw], atol=1e-4)
    assert faced.blink.max() == 0
    assert BorrowedMotion(RuleMotion(), pose=who).name == "rules + pose of abababababababab"


def test_a_short_performance_goes_back_and_forth(read: Motion) -> None:
    long = stretched(read, 50.0, 4 * len(read))
    assert np.abs(np.diff(long.rotation_deg, axis=0)).max() <= np.abs(np.diff(read.rotation_deg, axis=0)).max() + 1e-4
    np.testing.assert_allclose(long.rotation_deg[2 * (len(read) - 1)], read.rotation_deg[-1], atol=1e-4)
    np.testing.assert_allclose(long.rotation_deg[4 * (len(read) - 1)], read.rotation_deg[0], atol=1e-4)
    assert len(stretched(Motion.rest(25.0, 1), 25.0, 7)) == 7
