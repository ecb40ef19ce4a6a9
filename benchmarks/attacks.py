"""What happens to a video on its way: recompression, scaling, crops, other frame rates, colour and geometry.

An attack is a pure function on a clip, a list of RGB frames of even size with a frame rate. Encodings run in memory and
return the decoded frames. Every attack of the ladder ends as a list of frames, as a detector would get them.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial, reduce

import av
import cv2
import numpy as np

from tellmark.types import U8

LONG_GOP_S = 10.0  # keyframe interval that most encoders use when nothing else is asked for


@dataclass(frozen=True, slots=True)
class Frames:
    """A decoded clip: RGB frames (H, W, 3) uint8 and their rate."""

    frames: list[U8]
    fps: float


Attack = Callable[[Frames], Frames]


def encoded(
    clip: Frames, *, crf: int, codec: str = "libx264", preset: str = "veryfast", gop_s: float = LONG_GOP_S
) -> bytes:
    """The clip as an MP4 file in memory."""
    buffer = io.BytesIO()
    height, width = clip.frames[0].shape[:2]
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream(codec, rate=Fraction(clip.fps).limit_denominator(1001))
        stream.width, stream.height, stream.pix_fmt, stream.thread_count = width, height, "yuv420p", 1
        stream.options = {"crf": str(crf), "g": str(max(1, round(gop_s * clip.fps)))} | _options(codec, preset)
        for frame in clip.frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")))
        container.mux(stream.encode())
    return buffer.getvalue()


def _options(codec: str, preset: str) -> dict[str, str]:
    """What an encoder needs besides its quality: VP9 and AV1 know no presets by name."""
    if codec == "libvpx-vp9":
        return {"b": "0", "deadline": "realtime", "cpu-used": "6"}
    if codec == "libsvtav1":
        return {"preset": "10", "svtav1-params": "lp=1"}
    return {"preset": preset} | ({"x265-params": "log-level=none"} if codec == "libx265" else {})


def decoded(data: bytes, fps: float) -> Frames:
    """The frames of a file in memory."""
    with av.open(io.BytesIO(data)) as container:
        return Frames([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)], fps)


def recompress(
    clip: Frames, crf: int, codec: str = "libx264", preset: str = "veryfast", gop_s: float = LONG_GOP_S
) -> Frames:
    """Encode and decode."""
    return decoded(encoded(clip, crf=crf, codec=codec, preset=preset, gop_s=gop_s), clip.fps)


def resize(clip: Frames, factor: float) -> Frames:
    """Scale both sides, to even sizes."""
    height, width = clip.frames[0].shape[:2]
    return _resized(clip, round(width * factor / 2) * 2, round(height * factor / 2) * 2)


def crop(clip: Frames, share: float, x: float = 0.5, y: float = 0.5) -> Frames:
    """Take ``share`` of each dimension away; x and y say where the rest lies (0 left or top, 1 right or bottom)."""
    height, width = clip.frames[0].shape[:2]
    kept_h, kept_w = (int(side * (1 - share)) // 2 * 2 for side in (height, width))
    top, left = int((height - kept_h) * y), int((width - kept_w) * x)
    return _each(clip, lambda frame: frame[top : top + kept_h, left : left + kept_w])


def crop_and_rescale(clip: Frames, share: float, x: float = 0.5, y: float = 0.5) -> Frames:
    """:func:`crop`, then back to the size it had."""
    height, width = clip.frames[0].shape[:2]
    return _resized(crop(clip, share, x, y), width, height)


def pad(clip: Frames, share: float) -> Frames:
    """Black bars of ``share`` of the height, above and below."""
    bar = int(clip.frames[0].shape[0] * share) // 2 * 2
    return _each(clip, lambda frame: cv2.copyMakeBorder(frame, bar, bar, 0, 0, cv2.BORDER_CONSTANT))


def mirror(clip: Frames) -> Frames:
    """Left and right swapped."""
    return _each(clip, lambda frame: frame[:, ::-1])


def rotate(clip: Frames, degrees: float) -> Frames:
    """Turn counter-clockwise about the centre; corners are filled with the edge."""
    height, width = clip.frames[0].shape[:2]
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, 1.0)
    return _each(clip, lambda frame: cv2.warpAffine(frame, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE))


def change_rate(clip: Frames, fps: float) -> Frames:
    """Another frame rate by dropping and repeating frames."""
    count = round(len(clip.frames) * fps / clip.fps)
    source = [min(int(index * clip.fps / fps + 1e-6), len(clip.frames) - 1) for index in range(count)]
    return Frames([clip.frames[index] for index in source], fps)


def trim(clip: Frames, start_s: float, duration_s: float) -> Frames:
    """A stretch of the clip."""
    first = round(start_s * clip.fps)
    return replace(clip, frames=clip.frames[first : first + round(duration_s * clip.fps)])


def brightness(clip: Frames, factor: float) -> Frames:
    """Multiply all values."""
    return _mapped(clip, np.arange(256) * factor)


def contrast(clip: Frames, factor: float) -> Frames:
    """Multiply the distance from mid-grey."""
    return _mapped(clip, (np.arange(256) - 128) * factor + 128)


def gamma(clip: Frames, exponent: float) -> Frames:
    """Raise values in [0, 1] to a power."""
    return _mapped(clip, 255 * (np.arange(256) / 255) ** exponent)


def greyscale(clip: Frames) -> Frames:
    """Luma in all three channels."""
    return _each(clip, lambda frame: cv2.cvtColor(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB))


def blur(clip: Frames, sigma_px: float) -> Frames:
    """Gaussian blur."""
    return _each(clip, lambda frame: cv2.GaussianBlur(frame, (0, 0), sigma_px))


def noise(clip: Frames, sigma: float, seed: int = 0) -> Frames:
    """White Gaussian noise, in code values."""
    random = np.random.default_rng(seed)

    def noisy(frame: U8) -> U8:
        return np.clip(frame + random.normal(0, sigma, frame.shape), 0, 255).astype(np.uint8)

    return _each(clip, noisy)


def chain(*attacks: Attack) -> Attack:
    """One after the other."""
    return lambda clip: reduce(lambda state, attack: attack(state), attacks, clip)


def _h264(crf: int, gop_s: float = LONG_GOP_S) -> Attack:
    return partial(recompress, crf=crf, gop_s=gop_s)


CORE: dict[str, Attack] = {
    "none": lambda clip: clip,
    "h264 crf 18": _h264(18),
    "h264 crf 23": _h264(23),
    "h264 crf 28": _h264(28),
    "half size + crf 23": chain(partial(resize, factor=0.5), _h264(23)),
    "crop 25 % + crf 23": chain(partial(crop, share=0.25, x=0.3, y=0.6), _h264(23)),
    "crop 25 % a side + crf 23": chain(partial(crop, share=0.5), _h264(23)),
    "crop 25 % + rescale + crf 23": chain(partial(crop_and_rescale, share=0.25, x=0.6, y=0.4), _h264(23)),
    "mirror + crf 23": chain(mirror, _h264(23)),
    "25 -> 15 fps + crf 23": chain(partial(change_rate, fps=15.0), _h264(23)),
    "25 -> 30 fps + crf 23": chain(partial(change_rate, fps=30.0), _h264(23)),
    "brightness 1.2 + crf 23": chain(partial(brightness, factor=1.2), _h264(23)),
    "contrast 0.8 + crf 23": chain(partial(contrast, factor=0.8), _h264(23)),
    "gamma 1.3 + crf 23": chain(partial(gamma, exponent=1.3), _h264(23)),
    "rotate 2 deg + crf 23": chain(partial(rotate, degrees=2.0), _h264(23)),
    "3 s from 1.3 s + crf 23": chain(partial(trim, start_s=1.3, duration_s=3.0), _h264(23)),
}
HARDER: dict[str, Attack] = {
    "h264 crf 33": _h264(33),
    "h264 crf 33, 2 s gop": _h264(33, 2.0),
    "h264 crf 36, 2 s gop": _h264(36, 2.0),
    "h264 crf 28 twice": chain(_h264(28), _h264(28)),
    "hevc crf 28": partial(recompress, crf=28, codec="libx265", preset="ultrafast"),
    "resize 0.875 + crf 27": chain(partial(resize, factor=0.875), _h264(27)),
    "crop 5 % + crf 23": chain(partial(crop, share=0.05), _h264(23)),
    "pad 10 % + crf 23": chain(partial(pad, share=0.1), _h264(23)),
    "rotate 5 deg + crf 23": chain(partial(rotate, degrees=5.0), _h264(23)),
    "greyscale + crf 23": chain(greyscale, _h264(23)),
    "blur 1.5 px + crf 23": chain(partial(blur, sigma_px=1.5), _h264(23)),
    "noise 5 + crf 28": chain(partial(noise, sigma=5.0), _h264(28)),
    "brightness 0.7 + crf 23": chain(partial(brightness, factor=0.7), _h264(23)),
    "screen recording": chain(
        partial(crop, share=0.02), partial(resize, factor=0.83), partial(gamma, exponent=0.9),
        partial(change_rate, fps=30.0), _h264(26),
    ),
}  # fmt: skip


def _each(clip: Frames, change: Callable[[U8], U8]) -> Frames:
    return replace(clip, frames=[change(frame) for frame in clip.frames])


def _mapped(clip: Frames, values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> Frames:
    table = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return _each(clip, lambda frame: cv2.LUT(frame, table))


def _resized(clip: Frames, width: int, height: int) -> Frames:
    shrinks = width < clip.frames[0].shape[1]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return _each(clip, lambda frame: cv2.resize(frame, (width, height), interpolation=method))
