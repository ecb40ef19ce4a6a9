"""Video out: streaming writers of H.264 + AAC in MP4, on FFmpeg through PyAV; one for files, one for live streams.

They write whatever they are given. Generated video goes through ``tellmark.watermark.writer`` and ``.live``, which mark
and sign.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import av
import numpy as np

from tellmark.errors import MediaError
from tellmark.media import first_sound, open_media, resampled, whole_packets
from tellmark.types import F32, U8

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
    last frame. ``options`` are the encoder's own. Use as a context manager; an exception inside leaves a broken file
    behind for the caller to remove.
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
        options: Mapping[str, str] | None = None,
    ) -> None:
        if width % 2 or height % 2:
            raise ValueError(f"width and height must be even, got {width} x {height}")
        encoding = encoding or Encoding()
        self._fps = fps
        self._trim = trim_audio
        self._container = av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"})
        self._video = _VideoTrack(self._container, width, height, fps, encoding, **(options or {}))
        self._audio: Any = None
        if audio is not None:
            self._sound = _AudioSource(Path(audio), encoding)
            self._audio = _audio_track(self._container, encoding, self._sound.layout)

    def write(self, i420: U8) -> None:
        """Append one frame: (height * 3 / 2, width) uint8."""
        self._video.write(i420)
        self._write_audio(until_s=self._video.frames / self._fps)

    def close(self) -> None:
        """Flush both streams and write the index."""
        self._video.flush()
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


class FragmentWriter:
    """Write I420 frames and mono sound, both as they come, to a fragmented MP4 that can be played while it grows.

    Every frame is a fragment of its own, written once the next one is there. ``sink`` is any object with a ``write``
    method; what was written is whole at every moment but for the last fragment. Sound has to be there before the
    frames it belongs to, or these wait for it.
    """

    def __init__(
        self,
        sink: Sink,
        *,
        width: int,
        height: int,
        fps: float,
        sample_rate_hz: int,
        encoding: Encoding | None = None,
    ) -> None:
        encoding = encoding or Encoding()
        options = {"movflags": "+empty_moov+default_base_moof", "frag_duration": str(round(0.9e6 / fps))}
        # Sound is ahead of the pictures; it is not held back for them, and with it goes the fragment before.
        at_once = {"flush_packets": "1", "max_interleave_delta": "1"}
        self._container = av.open(sink, "w", format="mp4", options=options, container_options=at_once)
        self._video = _VideoTrack(self._container, width, height, fps, encoding, tune="zerolatency")
        self._audio = _audio_track(self._container, encoding, "mono")
        self._resampler = av.AudioResampler("fltp", "mono", encoding.audio_rate_hz, frame_size=1024)
        self._rate, self._samples = sample_rate_hz, 0

    @property
    def frames(self) -> int:
        """How many were written."""
        return self._video.frames

    def write(self, i420: U8) -> None:
        """Append one frame: (height * 3 / 2, width) uint8."""
        self._video.write(i420)

    def write_sound(self, samples: F32) -> None:
        """Append (N,) samples in [-1, 1]."""
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(samples[None], np.float32), format="fltp", layout="mono"
        )
        frame.sample_rate, frame.pts, frame.time_base = self._rate, self._samples, Fraction(1, self._rate)
        self._samples += len(samples)
        self._encode_sound(frame)

    def close(self) -> None:
        """Flush both streams."""
        if self._samples:
            self._encode_sound(None)
        self._container.mux(self._audio.encode())
        self._video.flush()
        self._container.close()

    def _encode_sound(self, frame: Any) -> None:
        for piece in self._resampler.resample(frame):
            self._container.mux(self._audio.encode(piece))


def remux(source: Path, target: Path) -> None:
    """Copy the tracks of a fragmented MP4 into a plain one with its index in front; nothing is encoded again.

    Of one that was cut off what is whole is copied.
    """
    with (
        av.open(str(source)) as held,
        av.open(str(target), "w", format="mp4", options={"movflags": "+faststart"}) as out,
    ):
        tracks = {stream.index: out.add_stream_from_template(stream) for stream in held.streams}
        for packet in whole_packets(held):
            if packet.dts is not None:
                packet.stream = tracks[packet.stream.index]
                out.mux(packet)


class Sink(Protocol):
    """What a :class:`FragmentWriter` writes to."""

    def write(self, data: bytes, /) -> int: ...


class _VideoTrack:
    """The H.264 track of a container."""

    def __init__(self, container: Any, width: int, height: int, fps: float, encoding: Encoding, **options: str) -> None:
        self._container = container
        self._shape = (height * 3 // 2, width)
        self.frames = 0
        rate = Fraction(fps).limit_denominator(1001)
        self._stream: Any = container.add_stream(encoding.codec, rate=rate)
        self._stream.width, self._stream.height, self._stream.pix_fmt = width, height, "yuv420p"
        self._stream.thread_count = encoding.threads
        self._stream.options = {
            "crf": str(encoding.crf),
            "preset": encoding.preset,
            "g": str(max(1, round(encoding.keyframe_s * fps))),
            **({"x265-params": "log-level=none"} if encoding.codec == "libx265" else {}),  # it writes to stderr itself
            **options,
        }
        context = self._stream.codec_context
        context.colorspace = context.color_primaries = context.color_trc = _SMPTE170M
        context.color_range = _LIMITED
        self._time_base = context.time_base = 1 / rate

    def write(self, i420: U8) -> None:
        if i420.shape != self._shape or i420.dtype != np.uint8:
            raise ValueError(f"expected uint8 {self._shape}, got {i420.dtype} {i420.shape}")
        frame = av.VideoFrame.from_ndarray(i420, format="yuv420p")
        frame.pts, frame.time_base = self.frames, self._time_base
        frame.colorspace, frame.color_range = _SMPTE170M, _LIMITED
        self._container.mux(self._stream.encode(frame))
        self.frames += 1

    def flush(self) -> None:
        self._container.mux(self._stream.encode())


def _audio_track(container: Any, encoding: Encoding, layout: str) -> Any:
    stream = container.add_stream("aac", rate=encoding.audio_rate_hz)
    stream.layout = layout
    stream.bit_rate = 128_000
    return stream


class _AudioSource:
    """Sound frames of a file, resampled, pulled up to a time."""

    def __init__(self, path: Path, encoding: Encoding) -> None:
        self._container = open_media(path)
        if (stream := first_sound(self._container)) is None:
            self._container.close()
            raise MediaError(f"{path} holds no sound that can be decoded; give a file with an audio track")
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
