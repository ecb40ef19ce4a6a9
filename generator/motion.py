"""The learned motion model: speech and controls in, motion out, frame by frame, by a diffusion transformer.

Each frame starts as noise and flows to where the face goes next, given the past three seconds, the sound and the
controls. Offline and streaming are one path; a row waits for the next, which the mouth has to know (``mouth``).
Classifier-free guidance (Ho & Salimans 2022) moves it away from where it
would go without the sound.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from statistics import NormalDist

import numpy as np
import torch
from safetensors.torch import load
from torch import Tensor

from tellmark.generator.audio.acoustics import SAMPLE_RATE_HZ
from tellmark.generator.audio.encoder import EncoderStream, SpeechEncoder
from tellmark.generator.dynamics import latent_motion as columns
from tellmark.generator.dynamics import posture
from tellmark.generator.dynamics.behaviour import HEAD_SHARE
from tellmark.generator.dynamics.conditioning import CONDITIONS, SOUND, conditions, sound_rows
from tellmark.generator.dynamics.decoding import Decoder
from tellmark.generator.dynamics.diffusion import CONTEXT, MotionTransformer, Sizes
from tellmark.generator.dynamics.eyes import Eyes
from tellmark.generator.dynamics.mouth import settled
from tellmark.generator.dynamics.noise import Noise
from tellmark.generator.rules import expressions, moods
from tellmark.generator.types import EXPRESSIONS, Controls, Encoded, Motion, Speech
from tellmark.media import read_audio
from tellmark.types import F32, F64

STEPS = 5  # of the flow, for each frame
GUIDANCE = 0.5
_HOME_S = 20.0  # in which head and eyes are drawn back to where the controls want them: too slow to be seen
_EYES = 31  # stream of chance
# How lively a performance is as a whole differs as it does from person to person: median and spread of the logarithm,
# with which sizes of heads' movements lie as those of 31 persons do in films (``docs/log.md``, 1 December).
_GOLDEN = 0x9E3779B97F4A7C15  # of 2**64
_LIVELY_MEDIAN, _LIVELY_SPREAD, _LIVELY_ENDS = 1.3, 0.4, 1.25
# Degrees from where the controls want them that heads and eyes (in the head) go freely, and where they end, after the
# films' largest excursions. It is what is worn that is bent, not what the model knows of itself.
_FREE_DEG, _ENDS_DEG = np.array([12.0, 7.0, 9.0]), np.array([20.0, 11.0, 15.0])
_EYES_FREE_DEG, _EYES_END_DEG = np.array([8.0, 5.0]), np.array([14.0, 9.0])
_HELD = [*range(6), *range(columns.GAZE.start, columns.GAZE.stop)]


@dataclass(frozen=True, slots=True)
class Weights:
    """A trained model."""

    network: MotionTransformer
    spread: F32  # (D,) units of the places
    change: F32  # (D,) usual change from frame to frame, in those units


class Performance:
    """One performance under way, a :class:`~tellmark.generator.types.MotionStream` that holds one row back."""

    def __init__(
        self, controls: Controls, seed: int, weights: Weights | None = None, *, steps: int = STEPS,
        guidance: float = GUIDANCE,
    ) -> None:  # fmt: skip
        self._weights = weights or motion_weights()
        self._controls, self._steps = controls, steps
        self._noise = Noise(seed)
        self._lively = liveliness(seed) * np.float32(posture.livelier(controls.emotion))
        self._eyes = Eyes(np.random.default_rng((seed % 2**64, _EYES)), controls.gaze_deg, float(self._lively))
        given = conditions(controls.gaze_deg, controls.distance, {}, lips=False, head=True)
        self._given = torch.from_numpy(given)[None]
        self._home = _start(controls) / self._weights.spread
        self._place = self._home.copy()
        self._eyes_towards = np.float32(1 - HEAD_SHARE) * np.array(controls.gaze_deg, np.float32)
        self._last: tuple[F32, Encoded] | None = None  # the row that waits and the one before, and their sound
        # With guidance, a second past runs beside the first, which cannot hear.
        self._hears = torch.tensor([[1.0], [0.0]]) if guidance > 0 else torch.ones(1, 1)
        self._decoder = Decoder(self._weights.network, len(self._hears))
        # Guidance makes everything more alike; where the head goes, the sound says little.
        self._guidance = np.zeros(columns.CHANNELS, np.float32)
        self._guidance[columns.DYNAMIC] = guidance
        # Without a past nothing holds or moves a head: for its first seconds it would sit stiller than it does later.
        for common in self._common(np.zeros((CONTEXT, SOUND), np.float32), torch.zeros_like(self._hears)):
            self._next(common)

    def push(self, heard: Encoded) -> Motion:
        """A row for every row heard, one late: the first call gives one fewer."""
        if not len(heard):
            return Motion.rest(columns.FPS, 0)
        moved = self._moved(heard)
        if self._last is None:  # nothing but itself is before the first row
            self._last = moved[:1], heard[:1]
        rows, known = np.concatenate([self._last[0], moved]), Encoded.joined([self._last[1], heard])
        self._last = rows[-2:], known[-2:]
        return self._worn(rows, known)

    def finish(self) -> Motion:
        """The row that was waiting."""
        if self._last is None:
            return Motion.rest(columns.FPS, 0)
        (rows, known), self._last = self._last, None
        return self._worn(np.concatenate([rows, rows[-1:]]), Encoded.joined([known, known[-1:]]))

    def _moved(self, heard: Encoded) -> F32:
        """(n, D) rows of motion as the network has them, with eyes that rest and jump; n rows heard, at least one."""
        motion = gained(columns.to_motion(self.latent(heard)), self._controls, self._lively)
        wish = self._eyes_towards + bounded(motion.gaze_deg - self._eyes_towards, _EYES_FREE_DEG, _EYES_END_DEG)
        gaze, lids = self._eyes.over(wish, motion.blink, motion.rotation_deg)
        lids = np.clip(lids * np.float32(self._controls.gains.get("blink", 1.0)), 0, 1)
        return dataclasses.replace(motion, gaze_deg=gaze, blink=lids).array()

    def _worn(self, rows: F32, heard: Encoded) -> Motion:
        """The rows between the first and the last, T - 2 of T, with the mouth and the mood that are seen."""
        motion = Motion.from_array(columns.FPS, rows)
        tracks = settled(motion.expression, heard, self._controls.gains.get("mouth", 1.0))
        # Moods were worn in training as these very offsets; asked for as a condition they come out fainter.
        frames = len(rows) - 2
        worn = dataclasses.replace(
            motion[1:-1],
            expression=expressions(tracks, self._controls, frames),
            mood=moods(self._controls, frames),
        )
        return posture.carried(worn, self._controls.emotion)

    def latent(self, heard: Encoded) -> F32:
        """(n, CHANNELS) latent motion of n rows of speech, at least one."""
        return np.stack([self._next(common) for common in self._common(sound_rows(heard), self._hears)])

    def _next(self, common: F32) -> F32:
        """(CHANNELS,) the next frame; common: (streams, W)."""
        flowing = self._noise.draw()
        for step in range(self._steps):
            flow = self._decoder.flow(common, self._place, flowing, step / self._steps)
            flowing = flowing + (flow[0] + self._guidance * (flow[0] - flow[-1])) / self._steps
        self._place = self._place + flowing * self._weights.change
        self._place[_HELD] += (self._home - self._place)[_HELD] / np.float32(_HOME_S * columns.FPS)
        self._decoder.keep(common, self._place, flowing)
        return np.asarray(self._place * self._weights.spread)

    @torch.inference_mode()
    def _common(self, sound: F32, hears: Tensor) -> F32:
        """(n, streams, W) what the tokens of a frame have in common; hears: (streams, 1), 0 for one that does not."""
        rows = torch.from_numpy(sound)[:, None]
        size = len(rows), len(hears), -1
        return self._weights.network.common(rows.expand(size), hears, self._given.expand(size)).numpy()


class DiffusionMotion:
    """The learned :class:`~tellmark.generator.types.MotionModel`, and a streaming one."""

    name = "diffusion"

    def generate(self, speech: Speech, controls: Controls, seed: int) -> Motion:
        """Motion with ``speech.frames`` rows at ``speech.fps``."""
        rows = [piece.array() for piece in self.pieces(speech, controls, seed)]
        return Motion.from_array(speech.fps, np.concatenate(rows))

    def pieces(self, speech: Speech, controls: Controls, seed: int) -> Iterator[Motion]:
        """The rows of :meth:`generate`, about a second at a time; all in one piece at other rates than 25 a second."""
        performed = self._performed(speech, controls, seed)
        if speech.fps != columns.FPS:
            rows = columns.resampled(np.concatenate([piece.array() for piece in performed]), columns.FPS, speech.fps)
            performed = iter([Motion.from_array(speech.fps, rows)])
        missing, last = speech.frames, Motion.rest(speech.fps)
        for piece in performed:
            if len(wanted := piece[:missing]):
                yield wanted
                missing, last = missing - len(wanted), wanted[-1:]
        if missing:
            yield Motion.from_array(speech.fps, np.repeat(last.array(), missing, axis=0))

    def _performed(self, speech: Speech, controls: Controls, seed: int) -> Iterator[Motion]:
        """The performance of a speech at 25 rows a second, as it is heard; of one that was cut short a little more."""
        performance, hearing = self.stream(controls, seed), SpeechEncoder.load().stream()
        enough, made = speech.frames * columns.FPS / speech.fps + 1, 0
        for heard in _heard(speech.path, hearing):
            piece = performance.push(heard)
            yield piece
            made += len(piece)
            if made >= enough:
                break
        yield performance.finish()

    def stream(self, controls: Controls, seed: int) -> Performance:
        """A new performance; the same seed and sound give the same motion."""
        return Performance(controls, seed)


def _heard(path: Path, hearing: EncoderStream) -> Iterator[Encoded]:
    for samples in read_audio(path, SAMPLE_RATE_HZ, 1.0):
        yield hearing.push(samples)
    yield hearing.finish()


def _start(controls: Controls) -> F32:
    """(CHANNELS,) at rest, where the controls want the head."""
    rest = np.zeros(columns.CHANNELS, np.float32)
    rest[columns.ROTATION][:2] = HEAD_SHARE * np.array(controls.gaze_deg)
    rest[columns.GAZE] = (1 - HEAD_SHARE) * np.array(controls.gaze_deg)
    rest[columns.DISTANCE] = np.log(controls.distance)
    return rest


def liveliness(seed: int) -> np.float32:
    """How much of the head's movement that is made is worn in a performance, 0.79 to 2.14.

    Seeds in a row are spread evenly over what people do, by multiples of the golden ratio (Knuth 1973, section 6.4,
    "Fibonacci hashing"): a few performances show it already. Seed 0 is the person in the middle.
    """
    share = ((seed * _GOLDEN + 2**63) % 2**64 + 0.5) / (2**64 + 1)
    size = _LIVELY_SPREAD * np.clip(NormalDist().inv_cdf(share), -_LIVELY_ENDS, _LIVELY_ENDS)
    return np.float32(_LIVELY_MEDIAN * np.exp(size))


def gained(motion: Motion, controls: Controls, lively: np.float32) -> Motion:
    """Head, brows and mouth made larger or smaller about where the controls want them; ``lively``: the head as well."""
    gain = {name: np.float32(controls.gains.get(name, 1.0)) for name in ("head", "brow", "mouth")}
    towards = np.float32(HEAD_SHARE) * np.array([*controls.gaze_deg, 0], np.float32)
    # Turns are held after they are made larger: a lively head goes no further than the films' do.
    turned = bounded(lively * (motion.rotation_deg - towards), _FREE_DEG, _ENDS_DEG)
    parts = [gain["brow"] if name.startswith("brow") else gain["mouth"] for name in EXPRESSIONS]
    return Motion(
        motion.fps,
        towards + gain["head"] * turned,
        gain["head"] * lively * motion.translation,
        np.float32(controls.distance) * (motion.distance / np.float32(controls.distance)) ** (gain["head"] * lively),
        motion.expression * np.array(parts, np.float32),
        motion.blink,
        motion.gaze_deg,
        motion.mood,
    )


def bounded(off_deg: F32, free_deg: F64, ends_deg: F64) -> F32:
    """(T, n) degrees off, as they are up to ``free_deg`` and never beyond ``ends_deg``, (n,) each."""
    size, room = np.abs(off_deg), ends_deg - free_deg
    held = np.minimum(size, free_deg) + room * np.tanh(np.maximum(size - free_deg, 0) / room)
    return np.asarray(np.sign(off_deg) * held, np.float32)


@cache
def motion_weights() -> Weights:
    """The trained model that ships."""
    path = resources.files("tellmark.generator").joinpath("motion.safetensors")
    return read_weights({name: tensor.float() for name, tensor in load(path.read_bytes()).items()})


def read_weights(tensors: dict[str, Tensor]) -> Weights:
    """A model from its tensors; ``spread`` and ``change`` are among them."""
    spread, change = tensors.pop("spread").numpy(), tensors.pop("change").numpy()
    width, layers = (
        tensors["out.weight"].shape[1],
        1 + max(int(n.split(".")[1]) for n in tensors if n.startswith("blocks.")),
    )
    network = MotionTransformer(Sizes(len(spread), SOUND, len(CONDITIONS), width, layers))
    network.load_state_dict(tensors)
    return Weights(network.eval().requires_grad_(False), spread, change)
