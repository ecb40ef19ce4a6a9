"""A face that is moved by known amounts: the motion that is read from its points puts them back."""

import numpy as np
import pytest

from tellmark.generator.mesh.mesh import build_mesh, move, pose_of
from tellmark.generator.performance.puppetry import puppeteer
from tellmark.generator.track import Track
from tellmark.generator.types import EXPRESSIONS, Motion, Portrait
from tellmark.landmarks import LEFT_EYE, LIPS_INNER, LIPS_OUTER, RIGHT_EYE

LENGTH = 24


def landing(portrait: Portrait, motion: Motion) -> np.ndarray:
    """(T, 478, 3) px: where the mesh puts the face."""
    mesh = build_mesh(portrait.landmarks)
    rows = [move(mesh, motion.expression[k], pose_of(mesh, motion, k))[:478] for k in range(len(motion))]
    points = np.stack(rows)
    points[..., 2] = portrait.landmarks[:, 2]
    return points


@pytest.fixture(scope="module")
def track(someone: Portrait) -> Track:
    wave = np.sin(np.linspace(0, 2 * np.pi, LENGTH))
    motion = Motion.rest(25.0, LENGTH)
    motion.rotation_deg[:] = np.outer(wave, (9, 5, 6))
    motion.translation[:] = np.outer(wave, (0.1, 0.05))
    motion.distance[:] = 1 + 0.1 * wave
    motion.expression[:, EXPRESSIONS.index("smile")] = np.abs(wave)
    points = landing(someone, motion)
    # One corner of the mouth rises by itself, which no mixture of the expressions does.
    points[:, [61, 185, 146, 76, 62, 78], 1] -= 5 * np.abs(wave)[:, None]
    return Track(points, np.ones(LENGTH, bool), 25.0, 512, 512, "", False)


def test_the_face_lands_where_it_was_seen(someone: Portrait, track: Track) -> None:
    read = puppeteer(track, someone.landmarks)
    landed = landing(someone, read)
    lids = {*RIGHT_EYE, *LEFT_EYE, *range(468, 478)}
    seen = np.array([point for point in (*LIPS_OUTER, *LIPS_INNER, 1, 10, 152, 234, 454, 50, 280) if point not in lids])
    off = np.linalg.norm(landed[:, seen, :2] - track.landmarks[:, seen, :2], axis=2)
    assert np.median(off) < 0.3
    assert off.max() < 2
    bare = landing(someone, Motion.from_array(25.0, read.array()))
    assert np.linalg.norm(bare[:, 61, :2] - track.landmarks[:, 61, :2], axis=1).max() > 2  # expressions alone miss it


def test_a_face_at_rest_has_nothing_of_its_own(someone: Portrait) -> None:
    still = Track(np.tile(someone.landmarks, (6, 1, 1)), np.ones(6, bool), 25.0, 512, 512, "", False)
    read = puppeteer(still, someone.landmarks)
    assert read.seen is not None
    assert np.abs(read.seen.shape).max() < 2e-3
    assert np.abs(read.rotation_deg).max() < 0.2
