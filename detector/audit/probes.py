"""Small classifiers on what has nothing to do with the face: the container, the scenery, one frame, a breath of sound.

What they can tell apart, a detector may have learnt instead of the forgery. Each gives one row of numbers a clip; their
AUC is that of boosted stumps on persons that were held out.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from tellmark import landmarks as lm
from tellmark.detector import tells
from tellmark.detector.features import measure
from tellmark.detector.models.rows import folds
from tellmark.detector.windows.stats import rms
from tellmark.detector.windows.tracks import WindowReader, read_frames
from tellmark.detector.windows.window import Window, region
from tellmark.errors import InputError, MediaError
from tellmark.media import read_audio
from tellmark.types import F64

LEADING_S = 0.2
_RATE_HZ = 16_000
_BANDS = 8
_THUMBNAIL = 4  # px a side


def metadata(path: Path) -> F64:
    """(20,) what the container declares, texts as numbers: nothing of it says what is shown."""
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        sound = container.streams.audio[0] if container.streams.audio else None
        facts: list[Any] = [
            container.format.name, len(container.streams), len(container.metadata), *sorted(container.metadata)[:3],
            video.codec_context.name, video.codec_context.profile, video.codec_context.level, video.width, video.height,
            float(video.average_rate or 0), str(video.time_base), video.frames, float(video.duration or 0),
            video.pix_fmt, sound is not None,
            sound.codec_context.name if sound else None, sound.rate if sound else 0, sound.channels if sound else 0,
        ]  # fmt: skip
    facts += [None] * (20 - len(facts))
    return np.array([_number(fact) for fact in facts])


def leading_sound(path: Path) -> F64:
    """(12,) of the first 0.2 s: level, peak, exact zeros, zero crossings, bands in dB; NaN without sound."""
    try:
        samples = next(iter(read_audio(path, _RATE_HZ, LEADING_S)))
    except (MediaError, StopIteration):
        return np.full(4 + _BANDS, np.nan)
    power = np.abs(np.fft.rfft(samples * np.hanning(len(samples)))) ** 2
    bands = [10 * np.log10(band.sum() + 1e-9) for band in np.array_split(power, _BANDS)]
    level = 20 * np.log10(rms(samples) + 1e-6)
    crossings = np.mean(np.diff(np.signbit(samples).astype(int)) != 0) if len(samples) > 1 else 0.0
    return np.array([level, np.abs(samples).max(), np.mean(samples == 0), crossings, *bands])


def first_window(path: Path) -> Window | None:
    """The first window of a clip; None where no face is followed for so long."""
    return next(iter(WindowReader(read_frames(path))), None)


def first_frame(window: Window | None) -> F64:
    """The tells that need no motion, of a window's first frame, and a thumbnail of its face."""
    if window is None:
        return np.full(len(_STILL) + 3 * _THUMBNAIL**2, np.nan)
    still = Window(
        window.start_s,
        window.crops[:1],
        window.landmarks[:1],
        window.source_landmarks[:1],
        window.context[:1],
        window.context_landmarks[:1],
    )
    small = cv2.resize(window.crops[0], (_THUMBNAIL, _THUMBNAIL), interpolation=cv2.INTER_AREA)
    return np.concatenate([measure(still)[_STILL], small.astype(np.float64).ravel()])


def framing(window: Window | None) -> F64:
    """(20,) of the first picture: how large the head is and where, and a thumbnail of the face, grey: its light."""
    if window is None:
        return np.full(4 + _THUMBNAIL**2, np.nan)
    points, (height, width) = window.context_landmarks[0], window.context.shape[1:]
    small = cv2.resize(window.crops[0], (_THUMBNAIL, _THUMBNAIL), interpolation=cv2.INTER_AREA)
    place = points.mean(0) / (width, height)
    return np.array([*place, *np.ptp(points, axis=0) / (width, height), *small.mean(2, dtype=np.float64).ravel()])


def background(window: Window | None) -> F64:
    """(24,) the scenery without the head: thumbnail, contrast, sharpness, noise, how much of it changes."""
    count = _THUMBNAIL**2 + 8
    if window is None:
        return np.full(count, np.nan)
    context = window.context.astype(np.float32)
    outside = _outside(window)
    if outside.mean() < 0.1:
        return np.full(count, np.nan)
    first = np.where(outside, context[0], context[0][outside].mean())
    edges = cv2.Laplacian(context[0], cv2.CV_32F)[outside]
    change = np.abs(np.diff(context, axis=0))[:, outside]
    thumbnail = cv2.resize(first, (_THUMBNAIL, _THUMBNAIL), interpolation=cv2.INTER_AREA).ravel()
    return np.array([
        *thumbnail, float(np.std(context[0][outside])), rms(edges), float(np.median(np.abs(edges))),
        float(change.mean()), float(np.median(change)), float(np.quantile(change, 0.99)),
        float(np.mean(change == 0)), float(outside.mean()),
    ])  # fmt: skip


def probe_scores(x: F64, labels: NDArray[np.int64], identities: NDArray[np.str_], *, seed: int = 0) -> F64:
    """(N,) log-odds of each clip by boosted stumps that saw no clip of its person.

    Raises :class:`InputError` where a class has fewer than two persons.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier

    if not np.isfinite(x).any():
        raise InputError("there is nothing to measure it on")
    scores = np.full(len(x), np.nan)
    for train, test in folds(labels, identities, 5, seed):
        booster = HistGradientBoostingClassifier(
            max_iter=100, max_depth=1, min_samples_leaf=max(3, min(15, len(train) // 8)), random_state=seed
        )
        known = np.isfinite(x[train]).any(0)  # scikit-learn cannot bin a column of nothing
        weight = np.where(labels[train] == 1, 1 / labels[train].sum(), 1 / (1 - labels[train]).sum())
        booster.fit(x[train][:, known], labels[train], sample_weight=weight * len(train))
        scores[test] = booster.decision_function(x[test][:, known])
    return scores


def _outside(window: Window) -> NDArray[np.bool_]:
    """(h, w) what neither head nor shoulders touch in any sampled frame."""
    height, width = window.context.shape[1:]
    touched = np.zeros((height, width), np.uint8)
    for index in window.sampled:
        points = window.context_landmarks[index]
        size = float(np.ptp(points[:, 1]))
        touched |= region(points, lm.FACE_OVAL, (height, width), grow=round(0.35 * size))
        low, (left, right) = points[:, 1].max(), (points[:, 0].min() - size / 2, points[:, 0].max() + size / 2)
        touched[max(0, int(low)) :, max(0, int(left)) : int(right)] = 1
    return np.asarray(touched == 0)


def _number(fact: Any) -> float:
    """Texts become a number that equal texts share; it means nothing else."""
    if fact is None:
        return float("nan")
    if isinstance(fact, str):
        return float(sum(byte * (k + 1) for k, byte in enumerate(fact.encode())) % 9973)
    return float(fact)


def _still_columns() -> NDArray[np.intp]:
    places: list[int] = []
    start = 0
    for tell in tells.FAMILIES.values():
        if not tell.DYNAMIC:
            places += range(start, start + len(tell.FEATURES))
        start += len(tell.FEATURES)
    return np.array(places, np.intp)


_STILL = _still_columns()
