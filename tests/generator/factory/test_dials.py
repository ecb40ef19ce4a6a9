"""Dials: nothing at 0, more at more, and only where the mask says."""

import numpy as np
import pytest

from tellmark.faces import find_face
from tellmark.generator.factory import dials
from tellmark.generator.factory.dials import DIALS, Film
from tellmark.generator.render import MeshRenderer
from tellmark.generator.types import SIZE, Motion, Portrait
from tellmark.types import F32, U8

T = 8
ON_PIXELS = [name for name in DIALS if name != "lip_sync_offset"]


@pytest.fixture(scope="module")
def film(someone: Portrait) -> Film:
    """A face that turns, opens its mouth and blinks."""
    rest = Motion.rest(10.0, T)
    rest.rotation_deg[:, 0] = np.linspace(0, 6, T)
    rest.expression[:, 0] = np.linspace(0.2, 0.6, T)
    rest.blink[3:5] = 1.0
    renderer = MeshRenderer(someone)
    frames = np.stack([renderer.render(rest, k).copy() for k in range(T)])
    track = np.stack([find_face(frame).landmarks for frame in frames])
    return Film(frames, np.zeros((T, SIZE, SIZE), np.uint8), track, 10.0)


def turned(film: Film, name: str, severity: float) -> tuple[U8, U8]:
    pairs = list(dials.turn(film, name, severity, np.random.default_rng(1)))
    return np.stack([np.array(frame) for frame, _ in pairs]), np.stack([np.array(mask) for _, mask in pairs])


def change(film: Film, frames: U8) -> float:
    return float(np.abs(frames.astype(np.float64) - film.frames).mean())


@pytest.mark.parametrize("name", ON_PIXELS)
def test_each_dial_does_more_at_more_and_nothing_at_nothing(film: Film, name: str) -> None:
    before = film.frames.copy()
    none, untouched = turned(film, name, 0.0)
    assert np.array_equal(none, film.frames)
    assert not untouched.any()
    doses = [turned(film, name, severity) for severity in (0.25, 0.5, 1.0)]
    strengths = [change(film, frames) for frames, _ in doses]
    assert 0.005 < strengths[0] < strengths[1] < strengths[2]
    assert np.array_equal(film.frames, before)  # a dial works on copies
    frames, mask = doses[2]
    outside = mask == 0
    assert outside.any()
    assert np.array_equal(frames[outside], film.frames[outside])


def test_a_dose_is_the_same_each_time(film: Film) -> None:
    for name in ("temporal_jitter", "noise_mismatch", "background_swim"):
        assert np.array_equal(turned(film, name, 0.7)[0], turned(film, name, 0.7)[0])


def test_blinks_are_gone(film: Film) -> None:
    from tellmark.landmarks import eye_opening

    frames, _ = turned(film, "blink_absence", 1.0)
    openings = [float(np.minimum(*eye_opening(find_face(frame).landmarks))) for frame in frames]
    shut = [float(np.minimum(*eye_opening(face))) for face in film.track]
    assert min(shut) < 0.6 * np.median(shut)
    assert min(openings) > 0.75 * np.median(openings)


def test_sound_wraps_around_without_a_click() -> None:
    tone = np.sin(np.arange(8000) * 0.05).astype(np.float32)
    late: F32 = dials.delayed(tone.copy(), 1000, 80)
    assert np.array_equal(late[1100:], tone[100:-1000])
    assert np.abs(np.diff(late)).max() < 0.1
    assert np.array_equal(dials.delayed(tone, 0, 80), tone)
    assert dials.offset_s("lip_sync_offset", 0.5) == pytest.approx(0.2)
    assert dials.offset_s("mouth_blur", 0.5) == 0.0
