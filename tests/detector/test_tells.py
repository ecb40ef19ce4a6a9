"""Each tell answers to the artifact it is named after."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tellmark.detector import tells
from tellmark.detector.windows.sound import NONE
from tellmark.detector.windows.window import Window
from tellmark.types import F32


def value(window: Window, feature: str) -> float:
    family, name = feature.split(".")
    tell = tells.FAMILIES[family]
    return float(tell.compute(window)[list(tell.FEATURES).index(name)])


@pytest.fixture(scope="module")
def plain(painted: Callable[..., Any]) -> Window:
    return painted(noise=1.5).window


@pytest.mark.parametrize(
    ("artifact", "feature", "rises"),
    [
        ({"face_blur": 2.0}, "spectral.slope_low", False),
        ({"face_blur": 2.0}, "noise.level_kb", False),
        ({"face_blur": 2.0}, "boundary.noise_step", False),
        ({"swim": True}, "warping.skin", True),
        ({"swim": True}, "persistence.skin_4", False),
        ({"shake": 1.0}, "jitter.nose", True),
        ({"shake": 1.0}, "eyes.gaze_speed", True),
        ({"shake": 1.0}, "pose.speed", True),
        ({"flicker": 6.0}, "flicker.luma", True),
        ({"drag": 1.0}, "rigidity.drag_far", True),
        ({"drag": 1.0}, "rigidity.still", False),
        ({"mouth_blur": 3.0}, "mouth.sharp_vs_skin", False),
        ({"pulse": 1.0}, "pulse.strength", True),
        ({"pulse": 1.0}, "pulse.strength_vs_surround", True),
        ({"pulse": 1.0}, "pulse.sides", True),
        ({"pulse": 1.0}, "pulse.heights", True),
        ({"pulse_of_each_side": 1.0}, "pulse.sides", False),
    ],
)
def test_artifact_moves_its_tell(
    painted: Callable[..., Any], plain: Window, artifact: dict[str, Any], feature: str, rises: bool
) -> None:
    change = value(painted(**{"noise": 1.5, **artifact}).window, feature) - value(plain, feature)
    assert change > 0.1 if rises else change < -0.1


def test_every_family_keeps_its_form(plain: Window) -> None:
    for family, tell in tells.FAMILIES.items():
        found = tell.compute(plain)
        assert found.dtype == np.float64
        assert found.shape == (len(tell.FEATURES),), family
        assert np.isfinite(found).mean() > 0.8, family
        assert (tell.__doc__ or "").strip(), family


@pytest.mark.parametrize("offset", [4, 16, 32])
def test_where_arrays_lie_in_memory_does_not_matter(plain: Window, offset: int) -> None:
    def placed(array: Any, bytes_off: int) -> Any:
        room = np.empty(array.nbytes + 128, np.uint8)
        start = -room.ctypes.data % 64 + bytes_off
        copy = room[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
        copy[...] = array
        return copy

    names = ("crops", "landmarks", "source_landmarks", "context", "context_landmarks", "sound")
    one, other = (Window(0.0, *(placed(getattr(plain, name), off) for name in names)) for off in (0, offset))
    for family, tell in tells.FAMILIES.items():
        np.testing.assert_array_equal(tell.compute(one), tell.compute(other), err_msg=family)


def test_a_still_has_only_still_tells(painted: Callable[..., Any]) -> None:
    window = painted(1).window
    for family, tell in tells.FAMILIES.items():
        known = np.isfinite(tell.compute(window))
        assert known.any() != tell.DYNAMIC, family


def test_a_flat_picture_raises_no_warning(painted: Callable[..., Any]) -> None:
    window = painted(40, sway=0).window
    flat = Window(
        0.0,
        np.full_like(window.crops, 128),
        window.landmarks,
        window.source_landmarks,
        np.full_like(window.context, 128),
        window.context_landmarks,
        np.zeros_like(window.sound),
    )
    for tell in tells.FAMILIES.values():
        found = tell.compute(flat)
        assert not np.isinf(found).any()


def test_repeated_frames_are_passed_over(painted: Callable[..., Any]) -> None:
    scene = painted(20, noise=1.5)
    doubled = type(scene)([f for f in scene.frames for _ in (0, 1)], [p for p in scene.points for _ in (0, 1)])
    assert list(doubled.window.steps) == list(range(1, 39, 2))
    assert value(doubled.window, "warping.skin") == pytest.approx(value(scene.window, "warping.skin"), abs=0.3)


def speaking(plain: Window, sound: F32, *, late: int = 0) -> Window:
    """The window with lips that open as the sound is loud, ``late`` frames after it."""
    level = np.sqrt((sound.reshape(len(plain), 640) ** 2).mean(1))
    landmarks = plain.landmarks.copy()
    landmarks[:, 13, 1] = landmarks[:, 14, 1] - 60 * np.roll(level, late)
    return Window(0.0, plain.crops, landmarks, plain.source_landmarks, plain.context, plain.context_landmarks, sound)


@pytest.fixture(scope="module")
def speech() -> F32:
    """40 frames of noise whose loudness changes from syllable to syllable, as no other stretch does."""
    rng = np.random.default_rng(3)
    level = np.repeat(rng.uniform(0.01, 0.3, 14), 3)[:40]
    return np.asarray((rng.normal(size=(40, 640)) * level[:, None]).ravel(), np.float32)


@pytest.mark.parametrize("late", [-4, 0, 3])
def test_how_late_a_mouth_is(plain: Window, speech: F32, late: int) -> None:
    window = speaking(plain, speech, late=late)
    assert value(window, "sync.late") == pytest.approx(late / 25)
    assert value(window, "sync.best") > 0.8
    assert value(window, "sync.confidence") > 0.5
    assert value(window, "sync.at_once") > 0.8 or late


def test_a_mouth_that_does_not_go_with_its_sound(plain: Window, speech: F32) -> None:
    other = speaking(plain, speech)
    other.sound = np.roll(speech, len(speech) // 2)
    assert value(other, "sync.confidence") < value(speaking(plain, speech), "sync.confidence") - 0.2
    assert value(other, "sync.at_once") < 0.5


def test_nothing_is_said_of_lips_without_sound(plain: Window, speech: F32) -> None:
    for sound in (NONE, np.zeros_like(speech), 1e-4 * speech):
        silent = speaking(plain, speech)
        silent.sound = sound
        assert np.isnan(tells.sync.compute(silent)).all()
