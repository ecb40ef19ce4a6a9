"""Recompression in memory at constant quality: H.264, HEVC, VP9, AV1, and codecs of old; or at a rate."""

from __future__ import annotations

import io
import os
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from tellmark.benchmarks.attacks.clip import Frames

LONG_GOP_S = 10.0  # keyframe interval that most encoders use when nothing else is asked for
SHORT_GOP_S = 2.0  # of streaming services
_CONTAINERS = {"wmv2": "avi", "libvpx": "webm"}  # where MP4 has no place for a codec


def encoded(
    clip: Frames,
    *,
    crf: int = 23,
    codec: str = "libx264",
    preset: str = "veryfast",
    gop_s: float = LONG_GOP_S,
    samples: str = "yuv420p",
    kbit: int | None = None,
) -> bytes:
    """The clip as a file in memory. crf: of codecs older than H.264 the quantiser, 2 to 31.

    samples: FFmpeg's name of the sample format. kbit: a rate (kbit/s) that is kept in place of a quality; not
    of codecs that have a quantiser.
    """
    buffer = io.BytesIO()
    height, width = clip.frames[0].shape[:2]
    with av.open(buffer, "w", format=_CONTAINERS.get(codec, "mp4")) as container:
        stream = container.add_stream(codec, rate=Fraction(clip.fps).limit_denominator(1001))
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else samples
        stream.width, stream.height, stream.thread_count = width, height, 1
        stream.options = {"g": str(max(1, round(gop_s * clip.fps)))} | _options(codec, crf, preset, kbit)
        stream.codec_context.open()
        if codec == "libsvtav1":
            _ordinary_priority()
        for frame in clip.frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")))
        container.mux(stream.encode())
    return buffer.getvalue()


def _options(codec: str, crf: int, preset: str, kbit: int | None) -> dict[str, str]:
    """How an encoder is told its quality or rate, and its speed: VP8, VP9 and AV1 know no presets by name."""
    quality = {"crf": str(crf)} if kbit is None else {"b": f"{kbit}k"}
    if codec in ("mpeg2video", "mpeg4", "wmv2", "mjpeg"):
        return {"qmin": str(crf), "qmax": str(crf)}
    if codec in ("libvpx-vp9", "libvpx"):
        return {"b": "0"} | quality | {"deadline": "realtime", "cpu-used": "6"}
    if codec == "libsvtav1":
        return quality | {"preset": "10", "svtav1-params": "lp=1"}
    return quality | {"preset": preset} | ({"x265-params": "log-level=none"} if codec == "libx265" else {})


def _ordinary_priority() -> None:
    """SVT-AV1 run by root gives itself and its caller real-time priority: a core for itself, against all other work."""
    for task in Path("/proc/self/task").glob("*"):  # there is none but on Linux, nor is there the problem
        with suppress(ProcessLookupError):
            os.sched_setscheduler(int(task.name), os.SCHED_OTHER, os.sched_param(0))


def decoded(data: bytes, fps: float) -> Frames:
    """The frames of a file in memory."""
    with av.open(io.BytesIO(data)) as container:
        frames = list(container.decode(video=0))
    keyframes = tuple(number for number, frame in enumerate(frames) if frame.key_frame)
    return Frames([frame.to_ndarray(format="rgb24") for frame in frames], fps, keyframes=keyframes)


def recompress(
    clip: Frames,
    crf: int = 23,
    codec: str = "libx264",
    preset: str = "veryfast",
    gop_s: float = LONG_GOP_S,
    samples: str = "yuv420p",
    kbit: int | None = None,
) -> Frames:
    """Encode and decode; settings as of :func:`encoded`."""
    data = encoded(clip, crf=crf, codec=codec, preset=preset, gop_s=gop_s, samples=samples, kbit=kbit)
    made = decoded(data, clip.fps)
    return replace(made, seed=clip.seed)
