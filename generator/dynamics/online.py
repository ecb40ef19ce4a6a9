"""Motion from rules while the sound is still coming: what ``rules`` does, from the past alone.

Lips follow the speech encoder's gestures. Nods and brows answer a stressed syllable once it was heard, some 0.1 s later
than offline, where they are seen coming. No row waits for another: what delays a frame is the encoder's look-ahead.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
from scipy import signal

from tellmark.generator.audio.visemes import GESTURES
from tellmark.generator.dynamics import behaviour, posture
from tellmark.generator.rules import expressions, lips, moods
from tellmark.generator.types import Controls, Encoded, Motion
from tellmark.types import F64

FPS = 25.0

_CALM_S = 0.25  # the longest smoothing that is done; shorter ones the encoder has done already
_LEAST_S, _STRONG = 0.25, 0.15  # between two accents; of an accent
_NODS, _RAISES = 0.6, 0.4  # shares of the accents
_PATIENCE_S = 0.5  # a pause draws a blink that is due within this


class OnlineRules:
    """The rule-based :class:`~tellmark.generator.types.StreamingModel`."""

    name = "rules-online"

    def stream(self, controls: Controls, seed: int) -> OnlinePerformance:
        """A new performance; the same seed and sound give the same motion."""
        return OnlinePerformance(controls, seed)


class OnlinePerformance:
    """One performance under way, a :class:`~tellmark.generator.types.MotionStream` that holds nothing back."""

    def __init__(self, controls: Controls, seed: int) -> None:
        streams = {name: np.random.default_rng((seed % 2**64, n)) for n, name in enumerate(_STREAMS, 11)}
        self._controls = controls
        self._gain = {name: controls.gains.get(name, 1.0) for name in ("head", "blink", "brow", "mouth")}
        self._gain["head"] *= posture.livelier(controls.emotion)
        self._slow = [_Wander(streams["slow"], 0.65, size) for size in (3.4, 2.6, 1.8)]
        self._fast = [_Wander(streams["fast"], 0.16, size) for size in (0.75, 0.85, 0.50)]
        self._shift = [_Wander(streams["shift"], 0.9, size) for size in (0.032, 0.022)]
        self._nearer = _Wander(streams["shift"], 1.2, 0.012)
        self._brow = _Wander(streams["brow"], 0.8, 0.05)
        self._tremor = [_Wander(streams["tremor"], 0.25, 0.12) for _ in range(2)]
        self._breath = float(streams["slow"].random())
        self._accents = _Accents(streams["accents"])
        self._blinks = Blinks(streams["blinks"])
        self._gaze = _Gaze(streams["gaze"], controls.gaze_deg)
        self._life, self._phrase = _Mean(0.5), _Mean(_CALM_S)
        self._rows = 0

    def finish(self) -> Motion:
        """Nothing: no row waits."""
        return Motion.rest(FPS, 0)

    def push(self, heard: Encoded) -> Motion:
        """A row of motion for every row heard."""
        frames = len(heard)
        if not frames:
            return self.finish()
        times_s = (self._rows + np.arange(frames)) / FPS
        self._rows += frames
        speaking = heard.speaking.astype(np.float64)
        nod, raised = self._accents.over(times_s, heard)
        rotation, shift = self._head(times_s, speaking, nod)
        eyes = behaviour.look(self._gaze.over(times_s) + _columns(self._tremor, frames), rotation)
        lids = self._gain["blink"] * self._blinks.over(times_s, speaking)
        lids = np.maximum(lids, np.clip(-0.012 * eyes[:, 1:], 0, 0.25))  # the upper lid follows the eye down
        tracks = self._mouth(heard, speaking)
        brow = np.clip(self._brow.over(frames), 0, None) + raised
        tracks["brow_up"] = self._gain["brow"] * np.clip(brow, 0, 1)
        nearer = 1 + self._gain["head"] * self._nearer.over(frames)
        motion = Motion(
            fps=FPS,
            rotation_deg=rotation.astype(np.float32),
            translation=(self._gain["head"] * shift).astype(np.float32),
            distance=(self._controls.distance * nearer).astype(np.float32),
            expression=expressions(tracks, self._controls, frames),
            blink=np.clip(lids, 0, 1).astype(np.float32),
            gaze_deg=eyes.astype(np.float32),
            mood=moods(self._controls, frames),
        )
        return posture.carried(motion, self._controls.emotion)

    def _head(self, times_s: F64, speaking: F64, nod: F64) -> tuple[F64, F64]:
        frames = len(times_s)
        life = (0.45 + 0.55 * self._life.over(speaking))[:, None]
        rotation = (_columns(self._slow, frames) + _columns(self._fast, frames)) * life
        rotation[:, 2] += 0.2 * rotation[:, 0]
        breath = np.sin(2 * np.pi * (0.26 * times_s + self._breath))
        rotation[:, 1] += nod + 0.12 * breath
        shift = _columns(self._shift, frames) * life
        shift[:, 0] += 0.002 * rotation[:, 0]
        shift[:, 1] -= 0.003 * breath + 0.0015 * rotation[:, 1]
        rotation *= self._gain["head"]
        return rotation + behaviour.head_towards(self._controls.gaze_deg), shift

    def _mouth(self, heard: Encoded, speaking: F64) -> dict[str, F64]:
        rows = {name: heard.gestures[:, i].astype(np.float64) for i, name in enumerate(GESTURES)}

        def smooth(track: F64, *, sigma_s: float) -> F64:
            return self._phrase.over(track) if sigma_s >= 0.1 else track

        tracks = lips({**rows, "speaking": speaking}, smooth)
        return {name: self._gain["mouth"] * track for name, track in tracks.items()}


_STREAMS = ("slow", "fast", "shift", "brow", "tremor", "accents", "blinks", "gaze")


class _Mean:
    """A running mean that forgets with ``tau_s``; 0 before the start."""

    def __init__(self, tau_s: float) -> None:
        self._keep = float(np.exp(-1 / (tau_s * FPS)))
        self._state = np.zeros(1)

    def over(self, track: F64) -> F64:
        mean, self._state = signal.lfilter([1 - self._keep], [1.0, -self._keep], track, zi=self._state)
        return np.asarray(mean, np.float64)


class _Wander:
    """Smooth stationary noise, as :func:`behaviour.wander` makes it, in pieces; ``size`` is its standard deviation."""

    def __init__(self, rng: np.random.Generator, tau_s: float, size: float) -> None:
        pole = np.exp(-1 / (tau_s * FPS))
        self._rng = rng.spawn(1)[0]
        self._poles = [1.0, -2 * pole, pole**2]
        self._size = size / np.sqrt((1 + pole**2) / (1 - pole**2) ** 3)
        self._state = np.zeros(2)
        self.over(int(8 * tau_s * FPS))

    def over(self, frames: int) -> F64:
        noise = self._rng.standard_normal(frames)
        wandering, self._state = signal.lfilter([1.0], self._poles, noise, zi=self._state)
        return np.asarray(self._size * wandering, np.float64)


def _columns(wanders: list[_Wander], frames: int) -> F64:
    return np.column_stack([wander.over(frames) for wander in wanders])


@dataclass(frozen=True, slots=True)
class _Stroke:
    """A :func:`behaviour.bump` and its size."""

    start_s: float
    size: float
    rise_s: float
    hold_s: float
    fall_s: float
    ease: float = 1.0

    def at(self, times_s: F64) -> F64:
        strokes_s = (self.rise_s, self.hold_s, self.fall_s)
        return self.size * behaviour.bump(times_s, self.start_s, *strokes_s, ease=self.ease)

    @property
    def end_s(self) -> float:
        return self.start_s + self.rise_s + self.hold_s + self.fall_s


class _Strokes:
    """The strokes that are not over yet."""

    def __init__(self) -> None:
        self._going: deque[_Stroke] = deque()

    def add(self, stroke: _Stroke) -> None:
        self._going.append(stroke)

    def at(self, time_s: float) -> float:
        while self._going and self._going[0].end_s < time_s:
            self._going.popleft()
        return float(sum(stroke.at(np.array([time_s]))[0] for stroke in self._going))


class _Accents:
    """Stressed syllables, as :func:`behaviour.accents` finds them, one row late; they draw nods and raise the brows."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._smooth, self._context = _Mean(0.08), _Mean(0.6)
        self._before = (0.0, 0.0)
        self._last_s = -1.0
        self._nods, self._raises = _Strokes(), _Strokes()

    def over(self, times_s: F64, heard: Encoded) -> tuple[F64, F64]:
        """Degrees of nodding and raise of the brows, per row."""
        loud = heard.energy * (0.7 + 0.3 * np.tanh(heard.pitch_st.astype(np.float64) / 3))
        smooth, context = self._smooth.over(loud), self._context.over(loud)
        moved = np.zeros((len(times_s), 2))
        for row, time_s in enumerate(times_s):
            earlier, before = self._before
            if earlier < before >= smooth[row] and time_s - self._last_s >= _LEAST_S:
                self._accent(float(time_s), float(np.clip(2.5 * (before - context[row]), 0, 1)))
            self._before = (before, float(smooth[row]))
            moved[row] = self._nods.at(float(time_s)), self._raises.at(float(time_s))
        return moved[:, 0], moved[:, 1]

    def _accent(self, time_s: float, strength: float) -> None:
        if strength <= _STRONG:
            return
        self._last_s = time_s
        nods, size = self._rng.random(), self._rng.normal(1.0, 0.3)
        raises, lift, fall_s = self._rng.random(), self._rng.uniform(0.5, 1.0), self._rng.uniform(0.25, 0.6)
        if nods < _NODS:
            self._nods.add(_Stroke(time_s, -2.6 * strength * size, 0.18, 0.03, 0.32))
        if raises < _RAISES:
            self._raises.add(_Stroke(time_s, 0.45 * strength * lift, 0.2, 0.1, fall_s))


class Blinks:
    """Blinks, as :func:`behaviour.blinks` makes them; the start of a pause draws one that is due soon."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._due_s, self._last_s = float(rng.uniform(0.3, 3.0)), -1.0
        self._talking = False
        self._lids = (_Strokes(), _Strokes())

    def over(self, times_s: F64, speaking: F64) -> F64:
        """(T, 2) lids of the right and left eye."""
        lids = np.zeros((len(times_s), 2))
        for row, time_s in enumerate(times_s):
            stops = self._talking and speaking[row] < 0.5
            self._talking = bool(speaking[row] >= 0.5)
            if time_s >= self._due_s or (stops and self._due_s - time_s < _PATIENCE_S):
                self._blink(float(time_s))
            lids[row] = [eye.at(float(time_s)) for eye in self._lids]
        return np.clip(lids, 0, 1)

    def _blink(self, time_s: float) -> None:
        blink = behaviour.draw_blink(self._rng)
        if time_s - self._last_s >= behaviour.SHORTEST_INTERVAL_S:
            for start_s in blink.starts_s(time_s):
                for lid, size in zip(self._lids, blink.depths, strict=True):
                    lid.add(_Stroke(start_s, size, *blink.strokes_s, ease=behaviour.LID_EASE))
            self._last_s = blink.starts_s(time_s)[-1]
        self._due_s = max(time_s, self._due_s) + behaviour.blink_interval_s(self._rng)


class _Gaze:
    """Fixations joined by saccades, as :func:`behaviour.gaze` makes them."""

    def __init__(self, rng: np.random.Generator, towards_deg: tuple[float, float]) -> None:
        self._rng = rng
        self._towards = np.asarray(towards_deg, np.float64)
        self._place = self._target = self._towards + rng.normal(0, 0.7, 2)
        self._start_s, self._length_s = 0.0, 0.02
        self._next(0.0)

    def over(self, times_s: F64) -> F64:
        """(T, 2) direction looked at, degrees."""
        track = np.empty((len(times_s), 2))
        for row, time_s in enumerate(times_s):
            while time_s >= self._start_s + self._length_s:
                self._place = self._target
                self._next(self._start_s + self._length_s)
            part = behaviour.bump(np.array([time_s]), self._start_s, self._length_s, 1e6, 1.0)[0]
            track[row] = self._place + (self._target - self._place) * part
        return track

    def _next(self, now_s: float) -> None:
        step, stay_s = behaviour.draw_fixation(self._rng)
        self._target = self._towards + step
        self._start_s = now_s + stay_s
        self._length_s = behaviour.saccade_s(self._target - self._place)
