"""Video out: one streaming writer of H.264 + AAC in MP4, on FFmpeg through PyAV.

It writes whatever it is given. Generated video goes through :class:`tellmark.watermark.writer.ClipWriter`, which marks
and signs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import av
import numpy as np

from tellmark.errors import MediaError
from tellmark.media import open_media, resampled
from tellmark.types import U8

_SMPTE170M = 6  # BT.601's matrix, primaries and transfer in FFmpeg's enums
_LIMITED = 1  # AVCOL_RANGE_MPEG


@dataclass(frozen=True, slots=True)
class Encoding:
    """How a video is written; every clip of a dataset shares one."""

    codec: str = "libx264"
    crf: int = 18
    preset: str = "veryfast"
    keyframe_s: float = 2.0
    threads: int = 1
    audio_rate_hz: int = 48_000
    audio_channels: int | None = None  # None: as the source, at most two


class VideoWriter:
    """Write I420 frames, and the sound of another file, to an MP4 (H.264 + AAC, index in front).

    ``audio`` is any file FFmpeg reads; its sound is transcoded as the frames come. With ``trim_audio`` it ends with the
    last frame. Use as a context manager; an exception inside leaves a broken file behind for the caller to remove.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        width: int,
        height: int,
        fps: float,
        audio: Path | str | None = None,
        encoding: Encoding | None = None,
        trim_audio: bool = True,
    ) -> None:
        if width % 2 or height % 2:
            raise ValueError(f"width and height must be even, got {width} x {height}")
        encoding = encoding or Encoding()
        self._shape = (height * 3 // 2, width)
        self._fps = fps
        self._trim = trim_audio
        self._frames = 0
        self._container = av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"})
        rate = Fraction(fps).limit_denominator(1001)
        self._video: Any = self._container.add_stream(encoding.codec, rate=rate)
        self._video.width, self._video.height, self._video.pix_fmt = width, height, "yuv420p"
        self._video.thread_count = encoding.threads
        self._video.options = {
            "crf": str(encoding.crf),
            "preset": encoding.preset,
            "g": str(max(1, round(encoding.keyframe_s * fps))),
        }
        context = self._video.codec_context
        context.colorspace = context.color_primaries = context.color_trc = _SMPTE170M
        context.color_range = _LIMITED
        self._time_base = context.time_base = 1 / rate
        self._audio: Any = None
        if audio is not None:
            self._sound = _AudioSource(Path(audio), encoding)
            self._audio = self._container.add_stream("aac", rate=encoding.audio_rate_hz)
            self._audio.layout = self._sound.layout
            self._audio.bit_rate = 128_000

    def write(self, i420: U8) -> None:
        """Append one frame: (height * 3 / 2, width) uint8."""
        if i420.shape != self._shape or i420.dtype != np.uint8:
            raise ValueError(f"expected uint8 {self._shape}, got {i420.dtype} {i420.shape}")
        frame = av.VideoFrame.from_ndarray(i420, format="yuv420p")
        frame.pts, frame.time_base = self._frames, self._time_base
        frame.colorspace, frame.color_range = _SMPTE170M, _LIMITED
        self._container.mux(self._video.encode(frame))
        self._frames += 1
        self._write_audio(until_s=self._frames / self._fps)

    def close(self) -> None:
        """Flush both streams and write the index."""
        self._container.mux(self._video.encode())
        if self._audio is not None:
            if not self._trim:
                self._write_audio(until_s=float("inf"))
            self._container.mux(self._audio.encode())
            self._sound.close()
        self._container.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self._container.close()

    def _write_audio(self, until_s: float) -> None:
        if self._audio is None:
            return
        for frame in self._sound.until(until_s):
            self._container.mux(self._audio.encode(frame))


class _AudioSource:
    """Sound frames of a file, resampled, pulled up to a time."""

    def __init__(self, path: Path, encoding: Encoding) -> None:
        self._container = open_media(path)
        if not self._container.streams.audio:
            self._container.close()
            raise MediaError(f"{path} holds no sound; give a file with an audio track")
        stream = self._container.streams.audio[0]
        channels = encoding.audio_channels or min(2, stream.channels)
        self.layout = "mono" if channels == 1 else "stereo"
        self._rate = encoding.audio_rate_hz
        # One AAC frame a step, so that the sound can be cut at the end of the video to within a frame.
        resampler = av.AudioResampler(format="fltp", layout=self.layout, rate=self._rate, frame_size=1024)
        self._frames = resampled(self._container, stream, resampler)
        self._next: Any = next(self._frames, None)
        self._samples = 0

    def until(self, time_s: float) -> Iterator[Any]:
        while self._next is not None and self._samples < time_s * self._rate:
            frame, self._next = self._next, next(self._frames, None)
            frame.pts, frame.time_base = self._samples, Fraction(1, self._rate)
            self._samples += frame.samples
            yield frame

    def close(self) -> None:
        self._container.close()
