"""Where the sound of a film begins: with its first picture, as every file that tellmark writes has it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

_PLANES = 8  # FFmpeg's AV_NUM_DATA_POINTERS
_APART_S = 60.0  # tracks of one film that claim to begin further apart are not believed


def delay_s(film: Any, sound: Any) -> float:
    """How much later than the pictures (a PyAV stream, or None) the sound begins, in seconds.

    0 without pictures, or where a file cannot be right.
    """
    if film is None or film.start_time is None or sound.start_time is None:
        return 0.0
    late = float(sound.start_time * sound.time_base - film.start_time * film.time_base)
    return late if abs(late) <= _APART_S else 0.0


def from_first_picture(frames: Iterator[Any], late_s: float) -> Iterator[Any]:
    """PyAV's ``frames`` of sound with ``late_s`` of silence before them; below 0, without so much of their start."""
    first = next(frames, None)
    if first is None:
        return
    late = round(late_s * first.sample_rate)
    rest = 128 if first.format.name.startswith("u8") else 0  # where samples have no sign, silence is in the middle
    while late > 0:
        silent = min(late, first.samples)
        yield _sound(np.full_like(first.to_ndarray(), rest), first, silent)
        late -= silent
    for frame in itertools.chain([first], frames):
        if late < 0:
            late += frame.samples
            if late > 0:
                yield _sound(frame.to_ndarray(), frame, late)
        else:
            yield frame


def within(frames: Iterator[Any]) -> Iterator[Any]:
    """PyAV's ``frames`` of sound; samples that are floats within [-1, 1]: files hold louder ones, and no numbers.

    Frames of more planes than a frame has room for are left out: damaged ones claim dozens of channels.
    """
    for frame in frames:
        if frame.format.is_planar and frame.layout.nb_channels > _PLANES:  # PyAV 18 reads past their last plane
            continue
        if frame.format.name.startswith(("flt", "dbl")):
            samples = frame.to_ndarray()
            if not np.abs(samples).max(initial=0.0) <= 1:  # nor a number
                kept = np.clip(np.nan_to_num(samples, nan=0.0), -1, 1)
                each = 1 if frame.format.is_planar else frame.layout.nb_channels
                yield _sound(kept, frame, kept.shape[1] // each)
                continue
        yield frame


def _sound(samples: NDArray[Any], like: Any, count: int) -> Any:
    """The last ``count`` samples of a channel as a frame of the same kind."""
    each = 1 if like.format.is_planar else like.layout.nb_channels
    kept = np.ascontiguousarray(samples[:, -count * each :])
    frame = av.AudioFrame.from_ndarray(kept, format=like.format.name, layout=like.layout.name)
    frame.sample_rate = like.sample_rate
    return frame
