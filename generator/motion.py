"""The learned motion model: speech and controls in, motion out, frame by frame, by a diffusion transformer.

Each frame starts as noise and flows to where the face goes next, given the past three seconds, the sound and the
controls. Offline and streaming are one path. Guidance (Ho & Salimans 2022) follows the sound more closely than chance.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np
import torch
from safetensors import safe_open
from torch import Tensor

from tellmark.generator import latent_motion as columns
from tellmark.generator.acoustics import SAMPLE_RATE_HZ
from tellmark.generator.diffusion import CLEAN, Cache, MotionTransformer, Sizes
from tellmark.generator.encoder import Encoded, SpeechEncoder
from tellmark.generator.motion_data import CONDITIONS, HEAD_SHARE, SOUND, conditions, sound_rows
from tellmark.generator.types import EXPRESSIONS, Controls, Motion, Speech
from tellmark.media import read_audio
from tellmark.types import F32

STEPS = 5  # of the flow, for each frame
GUIDANCE = 0.5


@dataclass(frozen=True, slots=True)
class Weights:
    """A trained model."""

    network: MotionTransformer
    spread: F32  # (D,) units of the places
    change: F32  # (D,) usual change from frame to frame, in those units


class MotionStream:
    """One performance as it comes: rows of speech in, rows of latent motion out, at ``latent_motion.FPS``."""

    def __init__(
        self, controls: Controls, seed: int, weights: Weights | None = None, *, steps: int = STEPS,
        guidance: float = GUIDANCE, calm: float = 1.0,
    ) -> None:  # fmt: skip
        self._weights = weights or motion_weights()
        self._steps, self._guidance, self._calm = steps, guidance, calm
        self._noise = torch.Generator().manual_seed(seed % 2**63)
        given = conditions(controls.gaze_deg, controls.distance, controls.emotion, lips=False, head=True)
        self._given = torch.from_numpy(given)[None]
        self._change = torch.from_numpy(self._weights.change)
        self._place = self._start(controls)
        self._moved = torch.zeros_like(self._place)
        self._cache: Cache = []
        self._frame = 0

    @torch.inference_mode()
    def push(self, sound: Encoded) -> F32:
        """(n, CHANNELS) latent motion of n rows of speech."""
        rows = torch.from_numpy(sound_rows(sound))
        network, both = self._weights.network, self._guidance > 0
        made = []
        for row in rows:
            heard = torch.tensor([[1.0], [0.0]]) if both else torch.ones(1, 1)
            size = len(heard)
            common = network.common(row.expand(size, -1), heard, self._given.expand(size, -1))
            flowing = self._calm * torch.randn(self._place.shape, generator=self._noise)
            for step in range(self._steps):
                pair = torch.cat([self._place, flowing])[None].expand(size, -1)
                token = common + network.noisy(pair)
                flow = network.step(token, step / self._steps, self._frame, self._cache, keep=False)
                flow = flow[0] + self._guidance * (flow[0] - flow[1]) if both else flow[0]
                flowing = flowing + flow / self._steps
            self._place, self._moved = self._place + flowing * self._change, flowing
            pair = torch.cat([self._place, self._moved])[None].expand(size, -1)
            network.step(common + network.past(pair), CLEAN, self._frame, self._cache, keep=True)
            self._frame += 1
            made.append(self._place.numpy() * self._weights.spread)
        return np.stack(made) if made else np.zeros((0, len(self._place)), np.float32)

    def _start(self, controls: Controls) -> Tensor:
        """At rest, looking where it is asked to."""
        rest = np.zeros(columns.CHANNELS, np.float32)
        rest[columns.DISTANCE] = np.log(controls.distance)
        return torch.from_numpy(rest / self._weights.spread)


class LearnedMotion:
    """The learned :class:`~tellmark.generator.types.MotionModel`."""

    name = "diffusion"

    def generate(self, speech: Speech, controls: Controls, seed: int) -> Motion:
        """Motion with ``speech.frames`` rows at ``speech.fps``."""
        samples = np.concatenate(list(read_audio(speech.path, SAMPLE_RATE_HZ)))
        rows = MotionStream(controls, seed).push(SpeechEncoder.load().encode(samples))
        return to_frames(rows, speech.fps, speech.frames, controls)


def to_frames(rows: F32, fps: float, frames: int, controls: Controls) -> Motion:
    """Latent motion as a motion of so many frames, with the controls' gains."""
    array = columns.to_motion(rows, fps).array()
    array = np.concatenate([array, np.repeat(array[-1:], max(0, frames - len(array)), axis=0)])[:frames]
    return _gained(Motion.from_array(fps, array), controls)


def _gained(motion: Motion, controls: Controls) -> Motion:
    """Head, lids, brows and mouth made larger or smaller about where the controls want them."""
    gain = {name: np.float32(controls.gains.get(name, 1.0)) for name in ("head", "blink", "brow", "mouth")}
    towards = np.float32(HEAD_SHARE) * np.array([*controls.gaze_deg, 0], np.float32)
    parts = {name: gain["brow"] if name.startswith("brow") else gain["mouth"] for name in EXPRESSIONS}
    return Motion(
        motion.fps,
        towards + gain["head"] * (motion.rotation_deg - towards),
        gain["head"] * motion.translation,
        np.float32(controls.distance) * (motion.distance / np.float32(controls.distance)) ** gain["head"],
        motion.expression * np.array([parts[name] for name in EXPRESSIONS], np.float32),
        np.clip(gain["blink"] * motion.blink, 0, 1),
        motion.gaze_deg,
    )


@cache
def motion_weights() -> Weights:
    """The trained model that ships."""
    path = resources.files("tellmark.generator").joinpath("motion.safetensors")
    with resources.as_file(path) as file, safe_open(file, "pt") as stored:
        return read_weights({name: stored.get_tensor(name).float() for name in stored.keys()})


def read_weights(tensors: dict[str, Tensor]) -> Weights:
    """A model from its tensors; ``spread`` and ``change`` are among them."""
    spread, change = tensors.pop("spread").numpy(), tensors.pop("change").numpy()
    width, layers = tensors["out.weight"].shape[1], 1 + max(int(n.split(".")[1]) for n in tensors if n.startswith("blocks."))
    network = MotionTransformer(Sizes(len(spread), SOUND, len(CONDITIONS), width, layers))
    network.load_state_dict(tensors)
    return Weights(network.eval().requires_grad_(False), spread, change)
