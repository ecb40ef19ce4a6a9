"""Sound as it comes in, a talking face as it goes out: frames, and one marked, signed, registered clip.

The delay of a frame is the encoder's look-ahead, the row that the motion waits for (40 ms; none with the rules), the
piece of sound it came with, and the work.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import av
import numpy as np

from tellmark.encoding import Encoding
from tellmark.errors import UsageError
from tellmark.generator.audio.acoustics import SAMPLE_RATE_HZ
from tellmark.generator.audio.encoder import ROWS_PER_S, SpeechEncoder
from tellmark.generator.clip import Params, RenderedClip, clip_params, provenance_of
from tellmark.generator.motion import DiffusionMotion
from tellmark.generator.render import MeshRenderer
from tellmark.generator.types import SIZE, Controls, Encoded, Motion, Portrait, Renderer, StreamingModel
from tellmark.types import F32, U8
from tellmark.watermark.live import LiveWriter, check_live_output


class FrameStream:
    """One performance under way: sound in pieces of any size in, frames out, ``ROWS_PER_S`` a second.

    ``portrait``, ``motion_model``, ``controls`` and ``seed`` are as for :func:`~tellmark.generator.clip.render_clip`.
    The frames of a sound do not depend on the pieces it came in.
    """

    def __init__(
        self,
        portrait: Portrait,
        *,
        motion_model: StreamingModel | None = None,
        renderer: Renderer | None = None,
        controls: Controls | None = None,
        seed: int | None = None,
        sample_rate_hz: int = SAMPLE_RATE_HZ,
    ) -> None:
        self.motion_model = motion_model or DiffusionMotion()
        self.renderer = renderer or MeshRenderer(portrait)
        self.controls = controls or Controls()
        self.seed = portrait.seed if seed is None else seed
        self._ears = _Resampler(sample_rate_hz)
        self._encoder = SpeechEncoder.load().stream()
        self._motion = self.motion_model.stream(self.controls, self.seed)
        self._warm_up()

    def _warm_up(self) -> None:
        """Load and compile what the first frame needs, or it is late."""
        warm = SpeechEncoder.load().stream()
        heard = Encoded.joined([warm.push(np.zeros(SAMPLE_RATE_HZ // 5, np.float32)), warm.finish()])
        motion = self.motion_model.stream(self.controls, 0).push(heard)
        self.renderer.render(motion if len(motion) else Motion.rest(ROWS_PER_S), 0)

    def push(self, samples: F32) -> Iterator[U8]:
        """(N,) mono samples in [-1, 1] to the frames they complete: (512, 512, 3) RGB; an array may be used again."""
        yield from self._frames(self._motion.push(self._encoder.push(self._ears.push(samples))))

    def finish(self) -> Iterator[U8]:
        """The frames that were waiting for what comes next."""
        heard = Encoded.joined([self._encoder.push(self._ears.finish()), self._encoder.finish()])
        yield from self._frames(self._motion.push(heard))
        yield from self._frames(self._motion.finish())

    def _frames(self, motion: Motion) -> Iterator[U8]:
        for index in range(len(motion)):
            yield self.renderer.render(motion, index)


class _Resampler:
    """Mono sound to ``SAMPLE_RATE_HZ``, in pieces."""

    def __init__(self, sample_rate_hz: int) -> None:
        self._rate = sample_rate_hz
        self._resampler = av.AudioResampler("flt", "mono", SAMPLE_RATE_HZ) if sample_rate_hz != SAMPLE_RATE_HZ else None

    def push(self, samples: F32) -> F32:
        if self._resampler is None or not len(samples):
            return samples
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples[None], np.float32), format="flt", layout="mono")
        frame.sample_rate = self._rate
        return _joined(self._resampler.resample(frame))

    def finish(self) -> F32:
        return np.zeros(0, np.float32) if self._resampler is None else _joined(self._resampler.resample(None))


def _joined(frames: list[av.AudioFrame]) -> F32:
    return np.concatenate([np.zeros(0, np.float32), *(frame.to_ndarray()[0] for frame in frames)])


def stream_clip(
    portrait: Portrait,
    sound: Iterable[F32],
    out: Path | str,
    *,
    sample_rate_hz: int = SAMPLE_RATE_HZ,
    voice: str = "live",
    motion_model: StreamingModel | None = None,
    renderer: Renderer | None = None,
    controls: Controls | None = None,
    seed: int | None = None,
    echo: BinaryIO | None = None,
    encoding: Encoding | None = None,
    force: bool = False,
    registry: str | Path | None = None,
    method: str = "talk",
) -> RenderedClip:
    """Render a talking face while its sound comes in; marked at once, signed and registered at the end.

    sound: mono pieces at ``sample_rate_hz``; where it ends, so does the clip. voice: what the manifest calls it. After
    an error what there is stays in ``OUT.part.mp4``, marked. echo: see
    :class:`~tellmark.watermark.live.LiveWriter`. Raises :class:`UsageError` before any work where ``out`` cannot be
    written or a photo comes without consent, and :class:`~tellmark.errors.MediaError` afterwards where no frame came
    of it.
    """
    out = Path(out)
    check_live_output(out, force=force)
    if portrait.source is not None and portrait.consent_sha256 is None:
        raise UsageError("a picture of a person needs --consent: who agreed to this clip, or the picture's licence")
    stream = FrameStream(
        portrait,
        motion_model=motion_model,
        renderer=renderer,
        controls=controls,
        seed=seed,
        sample_rate_hz=sample_rate_hz,
    )
    made = clip_params(portrait, stream.renderer, stream.motion_model.name, stream.controls, stream.seed, ROWS_PER_S)
    params: Params = {"method": method, **made, "live": True}
    frames = 0
    with LiveWriter(
        out,
        width=SIZE,
        height=SIZE,
        fps=ROWS_PER_S,
        sample_rate_hz=sample_rate_hz,
        provenance=provenance_of(out.name, portrait, voice, "", params),
        echo=echo,
        encoding=encoding or Encoding(),
        registry=registry,
        force=force,
    ) as writer:
        for piece in sound:
            writer.hear(piece)
            for frame in stream.push(piece):
                writer.write(frame)
                frames += 1
        for frame in stream.finish():
            writer.write(frame)
            frames += 1
        clip = writer.finish()
    seconds = frames / ROWS_PER_S
    return RenderedClip(clip.path, clip.sha256, clip.payload, frames, ROWS_PER_S, seconds, stream.seed, params)
