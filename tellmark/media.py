"""Video and sound in: one streaming reader on FFmpeg through PyAV. ``tellmark.encoding`` is the way out.

Memory stays constant however long a video is. Inside tellmark every frame is upright and of even size; YUV means
I420 planes in BT.601, limited range: one uint8 array of shape (height * 3 / 2, width), the layout of
``cv2.COLOR_RGB2YUV_I420``.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import av
import cv2
import numpy as np
from av.video.reformatter import Colorspace

from tellmark.errors import MediaError
from tellmark.sound_start import delay_s, from_first_picture, within
from tellmark.types import F32, U8

MAX_SIDE = 8192  # px; larger frames are refused before they are decoded
_BT709 = 1  # AVCOL_SPC_BT709
_PLAYLISTS = (b"#EXTM3U", b"<?xml", b"<MPD", b"ffconcat")
_NOT_MEDIA = {"tty", "concat", "hls", "dash", "sdp"}  # FFmpeg "plays" text files, and lists of other files


@dataclass(frozen=True, slots=True)
class MediaInfo:
    """What a container says of itself. Sizes are as coded: before the turn it asks for, before cropping to even."""

    path: Path
    width: int  # px, 0 without video
    height: int
    fps: float  # average, 0 without video
    duration_s: float
    has_video: bool
    video_tracks: int  # of which the first is read; the cover of a recording is none
    has_audio: bool
    video_codec: str | None


class VideoFrame:
    """One decoded frame, converted only when asked; upright, or as it is stored."""

    __slots__ = ("_frame", "_turns", "index", "time_s")

    def __init__(self, frame: Any, index: int, time_s: float, turns: int) -> None:
        self._frame = frame
        self._turns = turns  # quarters, counter-clockwise
        self.index = index
        self.time_s = time_s  # from the first frame on

    def at(self, index: int, time_s: float) -> VideoFrame:
        """The same picture at another time."""
        return VideoFrame(self._frame, index, time_s, self._turns)

    @property
    def keyframe(self) -> bool:
        """Whether the encoder coded the frame on its own."""
        return bool(self._frame.key_frame)

    def rgb(self) -> U8:
        """(height, width, 3) RGB, even size."""
        source = Colorspace.ITU709 if self._frame.colorspace == _BT709 else Colorspace.ITU601
        rgb: U8 = self._frame.reformat(format="rgb24", src_colorspace=source).to_ndarray()
        rgb = np.rot90(rgb, self._turns)
        return np.ascontiguousarray(rgb[: rgb.shape[0] // 2 * 2, : rgb.shape[1] // 2 * 2])

    def i420(self) -> U8:
        """(height * 3 / 2, width) planes, BT.601 limited range, even size."""
        frame = self._frame
        plain = frame.format.name == "yuv420p" and frame.colorspace != _BT709
        if plain and self._turns == 0 and frame.width % 2 == 0 and frame.height % 2 == 0:
            planes: U8 = frame.to_ndarray()
            return planes
        return rgb_to_i420(self.rgb())


class VideoReader:
    """Iterate over the frames of a video in constant memory.

    ``fps`` resamples to a constant rate by dropping and repeating frames: frame k is the picture on screen at k / fps.
    Frames come as players show them, or, not ``upright``, as they are stored; ``turned`` says, once frames were read,
    whether these differ. Raises :class:`MediaError` if the file cannot be opened or holds not one decodable frame.
    """

    def __init__(self, path: Path | str, *, fps: float | None = None, upright: bool = True) -> None:
        self.path = Path(path)
        self.turned = False
        self._upright = upright
        self._container = open_media(self.path)
        self._stream = _film(self._container)
        if self._stream is None:
            self._container.close()
            raise MediaError(f"{self.path} holds no video; give a video file")
        try:
            self.info = _info(self.path, self._container)
        except MediaError:
            self._container.close()
            raise
        self._fps = fps

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._container.close()

    def __iter__(self) -> Iterator[VideoFrame]:
        source = self._decode()
        return source if self._fps is None else _at_rate(source, self._fps, self.info.fps)

    def _decode(self) -> Iterator[VideoFrame]:
        index, start = 0, None
        for frame in _decoded(self._container, self._stream):
            time = frame.time if frame.time is not None else index / (self.info.fps or 25.0)
            start = time if start is None else start
            turns = round(frame.rotation / 90) % 4
            self.turned |= turns != 0
            yield VideoFrame(frame, index, max(0.0, time - start), turns if self._upright else 0)
            index += 1
        if index == 0:
            raise MediaError(f"{self.path} holds no frame that can be decoded; the file is damaged")


def probe(path: Path | str) -> MediaInfo:
    """What the container says. Raises :class:`MediaError` if it is missing, empty or nothing FFmpeg can read."""
    with open_media(Path(path)) as container:
        return _info(Path(path), container)


def read_audio(path: Path | str, sample_rate_hz: int = 16_000, chunk_s: float = 10.0) -> Iterator[F32]:
    """Yield the sound of a file as mono float32 in [-1, 1], in chunks of ``chunk_s`` (the last one shorter).

    The sound of a film begins with its first picture: silence is added, or its start left out, where it does not.

    Raises :class:`MediaError` if there is no sound that can be decoded, or a WAV file ends before its header says.
    """
    path = Path(path)
    require_file(path)
    _require_whole_wav(path)
    size = max(1, round(chunk_s * sample_rate_hz))
    with open_media(path) as container:
        if (stream := first_sound(container)) is None:
            raise MediaError(f"{path} holds no sound that can be decoded; give a file with an audio track")
        resampler = av.AudioResampler(format="fltp", layout="mono", rate=sample_rate_hz)
        pending: list[F32] = []
        held = total = 0
        for frame in resampled(container, stream, resampler):
            samples: F32 = frame.to_ndarray()[0]
            pending.append(samples)
            held += len(samples)
            total += len(samples)
            if held >= size:
                joined = np.concatenate(pending)
                whole = held // size * size
                yield from np.split(joined[:whole], whole // size)
                pending, held = [joined[whole:]], held - whole
        if total == 0:
            raise MediaError(f"{path} holds no sound that can be decoded; the file is empty or damaged")
        if held:
            yield np.concatenate(pending)


def load_audio(path: Path | str, sample_rate_hz: int = 16_000) -> F32:
    """The whole sound of a file: (samples,) mono float32 in [-1, 1]."""
    return np.concatenate(list(read_audio(path, sample_rate_hz)))


def rgb_to_i420(rgb: U8) -> U8:
    """(height, width, 3) RGB -> (height * 3 / 2, width) planes, BT.601 limited range; even sizes only."""
    i420: U8 = cv2.cvtColor(rgb, cv2.COLOR_RGB2YUV_I420)
    return i420


def i420_to_rgb(i420: U8) -> U8:
    """The inverse of :func:`rgb_to_i420`, up to chroma subsampling and rounding."""
    rgb: U8 = cv2.cvtColor(i420, cv2.COLOR_YUV2RGB_I420)
    return rgb


def sha256_of(path: Path | str) -> str:
    """SHA-256 of a file, 64 hex digits. Raises :class:`MediaError` where the system will not read it."""
    try:
        with Path(path).open("rb") as handle:
            return hashlib.file_digest(handle, "sha256").hexdigest()
    except OSError as error:
        raise MediaError(f"{path} cannot be read ({error.strerror}); check the file and its permissions") from error


def require_file(path: Path) -> None:
    """Raise :class:`MediaError` for what is no file, empty, or not ours to read."""
    if not path.exists():
        raise MediaError(f"{path} does not exist; check the path")
    if path.is_dir():
        raise MediaError(f"{path} is a folder; give a file")
    if not path.is_file():
        raise MediaError(f"{path} is a pipe or a device; save what comes out of it as a file, and give that")
    if not os.access(path, os.R_OK):
        raise MediaError(f"{path} cannot be read: permission denied; ask whoever owns it")
    if path.stat().st_size == 0:
        raise MediaError(f"{path} is empty (0 bytes); give the complete file")


def _require_whole_wav(path: Path) -> None:
    """FFmpeg plays what is left of a cut WAV file and says nothing; a clip made of half a sentence helps nobody."""
    with path.open("rb") as handle:
        head = handle.read(12)
        if head[:4] != b"RIFF" or head[8:] != b"WAVE":
            return
        while len(header := handle.read(8)) == 8:
            size = int.from_bytes(header[4:], "little")
            if header[:4] == b"data":
                held = path.stat().st_size - handle.tell()
                if held < size < 0xFFFF_FF00:  # recorders that cannot seek write the largest size there is
                    raise MediaError(
                        f"{path} is cut short: its header promises {size} bytes of sound, it holds {held}; "
                        "give the complete file"
                    )
                return
            handle.seek(size + size % 2, 1)


def open_media(path: Path) -> Any:
    """A PyAV container for reading. Raises :class:`MediaError` for what is missing, empty or no media."""
    require_file(path)
    problem = f"{path} is not a video, picture or sound that can be read, or it is damaged"
    try:
        with path.open("rb") as handle:
            if handle.read(16).startswith(_PLAYLISTS):  # FFmpeg would wait for ever for what it may not fetch
                raise MediaError(problem)
        # Only this file is read: playlists and scripts that name others, or the network, are not followed.
        container = av.open(str(path), metadata_errors="replace", options={"protocol_whitelist": "file"})
    except (av.FFmpegError, ValueError, OSError) as error:
        raise MediaError(problem) from error
    if _NOT_MEDIA & set(container.format.name.split(",")):
        container.close()
        raise MediaError(problem)
    return container


def _films(container: Any) -> list[Any]:
    """The video streams; the cover of a recording, a single picture kept beside the sound, is none."""
    cover = av.stream.Disposition.attached_pic
    return [stream for stream in _known(container.streams.video) if not stream.disposition & cover]


def first_sound(container: Any) -> Any:
    """The first stream of sound that can be decoded, or None."""
    return next(iter(_known(container.streams.audio)), None)


def _known(streams: Any) -> list[Any]:
    """Those of a codec that FFmpeg knows: of others PyAV has no properties."""
    return [stream for stream in streams if stream.codec_context is not None]


def _film(container: Any) -> Any:
    """The first video stream, or None."""
    return next(iter(_films(container)), None)


def _info(path: Path, container: Any) -> MediaInfo:
    video = _film(container)
    audio = first_sound(container)
    if video is None and audio is None:
        raise MediaError(f"{path} holds neither video nor sound; give a media file")
    width = height = 0
    fps = 0.0
    if video is not None:
        width, height = video.width, video.height
        if width == 0 or height == 0:
            raise MediaError(f"{path} is not a video or picture that can be read, or it is damaged")
        if max(width, height) > MAX_SIDE:
            raise MediaError(f"{path} has frames of {width} x {height} px; scale it to at most {MAX_SIDE} px a side")
        fps = float(video.average_rate or video.guessed_rate or 0)
    stream: Any = video or audio
    if stream.duration is not None:
        duration = float(stream.duration * stream.time_base)
    else:
        duration = (container.duration or 0) / av.time_base
    codec = video.codec_context.name if video is not None else None
    tracks = len(_films(container))
    return MediaInfo(path, width, height, fps, duration, video is not None, tracks, audio is not None, codec)


def whole_packets(container: Any, *streams: Any) -> Iterator[Any]:
    """The packets of all streams, or of these, until the container ends, or ends in the middle of one."""
    with contextlib.suppress(av.FFmpegError):
        yield from container.demux(*streams)


def _decoded(container: Any, stream: Any) -> Iterator[Any]:
    """Frames of a stream; damaged packets are passed over, as players do."""
    stream.thread_type = "AUTO"
    for packet in whole_packets(container, stream):
        try:
            yield from packet.decode()
        except av.FFmpegError:
            continue


def resampled(container: Any, stream: Any, resampler: Any) -> Iterator[Any]:
    """Sound frames of a stream as ``resampler`` makes them, from the first picture on where there are pictures.

    Damaged packets are passed over. Broadcasts change their channels on the way, damaged MP3 files their rate.
    """
    known = None
    for frame in from_first_picture(within(_decoded(container, stream)), delay_s(_film(container), stream)):
        kind = (frame.format.name, frame.layout.name, frame.sample_rate)
        if known not in (None, kind):
            yield from resampler.resample(None)
            made = {name: getattr(resampler, name) for name in ("format", "layout", "rate", "frame_size")}
            resampler = av.AudioResampler(**made)
        known = kind
        frame.pts = None  # gaps and overlaps in damaged files would otherwise be errors
        yield from resampler.resample(frame)
    yield from resampler.resample(None)


def _at_rate(frames: Iterator[VideoFrame], fps: float, source_fps: float) -> Iterator[VideoFrame]:
    index = 0
    shown: VideoFrame | None = None
    for frame in frames:
        while shown is not None and index / fps < frame.time_s - 1e-6:
            yield shown.at(index, index / fps)
            index += 1
        shown = frame
    if shown is not None:
        end = shown.time_s + 1 / (source_fps or fps)
        while index == 0 or index / fps < end - 1e-6:
            yield shown.at(index, index / fps)
            index += 1
