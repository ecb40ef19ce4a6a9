"""How one clip moves and how that goes with its sound: the measures of `bench motion`, for any video of one face."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tellmark.benchmarks.motions import stats as measures
from tellmark.benchmarks.motions import sync
from tellmark.errors import InputError
from tellmark.generator.retarget import retarget
from tellmark.generator.track import FPS, Track
from tellmark.types import F64

LAGS = 4  # frames to either side over which head and loudness may be apart
_SHIFTS = 20


def clip_motion(track: Track, sound: Path | None, start_s: float = 0.0) -> dict[str, float]:
    """Measures of one clip by name; those of the sound only where there is some, ``start_s`` into its file.

    ``audio-pose alignment`` is the correlation of the head's speed with the loudness at the best of nine lags, less
    what the same search finds with the sound shifted by a second and more: 0 where they have nothing to do with each
    other. Raises :class:`~tellmark.errors.FaceError` without a face.
    """
    motion = retarget(track, smooth=False)
    turns = motion.rotation_deg.astype(np.float64)
    blink = measures.blinks(motion.blink.astype(np.float64), motion.fps)
    found = {
        "delta P": measures.delta_p(turns),
        "head spread": float(turns.std(0).mean()),
        "blinks a minute": blink.a_minute,
        "blink duration": blink.duration_s,
        "gaze spread": float(motion.gaze_deg.std(0).mean()),
    }
    if sound is not None and track.fps == FPS:
        heard = sync.sound_of(sound)[round(100 * start_s) :]
        try:
            agreement = sync.score(sync.lip_shape(track), heard)
        except InputError:  # too short to be shifted
            return found
        found |= {
            "sync confidence": agreement.confidence,
            "sync distance": agreement.distance,
            "sync offset, frames": float(abs(agreement.offset)),
        }
        loudness = heard[:, -3].astype(np.float64)  # energy, a value every 10 ms
        frames = min(len(turns) - 1, len(loudness) // sync.HOPS_A_FRAME)
        loud = loudness[: frames * sync.HOPS_A_FRAME].reshape(frames, -1).mean(1)
        found["audio-pose alignment"] = alignment(np.linalg.norm(np.diff(turns, axis=0), axis=1)[:frames], loud)
    return found


def alignment(speed: F64, loudness: F64) -> float:
    """See :func:`clip_motion`; both are (T,), a value a frame. NaN below three seconds."""
    count = len(speed)
    if count < 3 * FPS:
        return float("nan")
    shifts = np.linspace(FPS, count - FPS, _SHIFTS).round().astype(int)
    return _best(speed, loudness) - float(np.mean([_best(speed, np.roll(loudness, int(shift))) for shift in shifts]))


def _best(a: F64, b: F64) -> float:
    pairs = [(a[max(0, lag) : len(a) + min(0, lag)], b[max(0, -lag) : len(b) - max(0, lag)]) for lag in _lags()]
    return max(float(np.corrcoef(x, y)[0, 1]) if x.std() > 0 and y.std() > 0 else 0.0 for x, y in pairs)


def _lags() -> range:
    return range(-LAGS, LAGS + 1)
