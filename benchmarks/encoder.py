"""`tellmark bench encoder`: the speech encoder beside the older lip reading, on languages and voices kept aside.

Synthetic speech, whose phonemes are known, under several conditions. The older network hears some seconds beyond every
row, the encoder 80 ms.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from scipy import signal
from sklearn.metrics import roc_auc_score

from tellmark.generator.audio.acoustics import SAMPLE_RATE_HZ, analyse
from tellmark.generator.audio.encoder import ROWS_PER_S, SpeechEncoder
from tellmark.generator.audio.sentences import sentences
from tellmark.generator.audio.visemes import GESTURES, segments
from tellmark.generator.audio.voice import Phoneme
from tellmark.generator.speech import FEATURES, features
from tellmark.generator.training.encoder_data import KEPT_ASIDE, Example, example
from tellmark.generator.training.train_inversion import invented, spoken
from tellmark.types import F32, F64

NEAR_S = 0.040
FALSE_ALARMS = 0.05
_LIPS = tuple("pbm")
_TARGETS = ("en-us", "cmn", "de", "es")  # languages that the motion is judged on; the voices are kept aside
Spoiler = Callable[[F32, np.random.Generator], F32]


@dataclass(frozen=True, slots=True)
class Case:
    """An utterance and what is true of it."""

    language: str
    sound: F32
    phonemes: list[Phoneme]
    truth: Example


@dataclass(frozen=True, slots=True)
class Reading:
    """What a network says of a case; rows at 25 a second."""

    gestures: F32
    speaking: F32


def run(*, quick: bool = False, seed: int | str = 1) -> list[dict[str, Any]]:
    """A row per condition and network: correlations, closures found, speaking told from silence."""
    torch.set_num_threads(1)
    cases = list(_cases(8 if quick else 48, int(seed)))
    rows = []
    for condition, spoil in _CONDITIONS.items():
        for name, read in (("lip reading", _older), ("encoder", _encoder)):
            readings = []
            for index, case in enumerate(cases):
                readings.append(read(spoil(case.sound, np.random.default_rng((int(seed), index)))))
            rows.append({"condition": condition, "network": name, **_judged(cases, readings)})
    for language in sorted({case.language for case in cases}):
        chosen = [case for case in cases if case.language == language]
        for name, read in (("lip reading", _older), ("encoder", _encoder)):
            judged = _judged(chosen, [read(case.sound) for case in chosen])
            rows.append({"condition": f"clean, {language}", "network": name, **judged})
    return [*rows, *_speed(cases)]


def _cases(count: int, seed: int) -> Iterator[Case]:
    """Half languages that neither network learnt, half those that matter most; voices that the encoder never heard."""
    languages = [*KEPT_ASIDE[0], *_TARGETS]
    for index in range(count):
        rng = np.random.default_rng((seed, 77, index))
        language = languages[index % len(languages)]
        known = sentences(language)
        text = " ".join(rng.choice(known, 2, replace=False)) if known else invented(rng) + " " + invented(rng)
        sound, phonemes = spoken(text, rng, language, str(rng.choice(KEPT_ASIDE[1])))
        yield Case(language, sound, phonemes, example(sound, phonemes, sound))


def _encoder(sound: F32) -> Reading:
    encoded = SpeechEncoder.load().encode(sound)
    return Reading(encoded.gestures, encoded.speaking)


def _older(sound: F32) -> Reading:
    rows = features(analyse([sound]), ROWS_PER_S)
    lips = [FEATURES.index(name) for name in GESTURES]
    return Reading(rows[:, lips], rows[:, FEATURES.index("speaking")])


def _judged(cases: list[Case], readings: list[Reading]) -> dict[str, float]:
    told = np.concatenate([reading.gestures for reading in readings])
    true = np.concatenate([case.truth.gestures for case in cases]).astype(np.float64)
    speaking = np.concatenate([reading.speaking for reading in readings])
    talks = np.concatenate([case.truth.scalars[:, 0] for case in cases]).astype(np.float64)
    sure = (talks < 0.1) | (talks > 0.9)
    at, aside = _closures(cases, readings)
    bar = float(np.quantile(aside, 1 - FALSE_ALARMS))
    correlations = {name: _correlation(told[:, i], true[:, i]) for i, name in enumerate(GESTURES)}
    return {
        **{name: round(value, 3) for name, value in correlations.items()},
        "mean": round(float(np.mean(list(correlations.values()))), 3),
        "closures": len(at),
        "found_at_5_percent_false": round(float(np.mean(at > bar)), 3),
        "found_above_half": round(float(np.mean(at > 0.5)), 3),
        "random_above_half": round(float(np.mean(aside > 0.5)), 3),
        "speaking_auc": round(float(roc_auc_score(talks[sure] > 0.5, speaking[sure])), 4),
        "speaking_right": round(float(np.mean((speaking[sure] > 0.5) == (talks[sure] > 0.5))), 3),
    }


def _correlation(a: F32, b: F64) -> float:
    return float(np.corrcoef(a, b)[0, 1])


def _closures(cases: list[Case], readings: list[Reading]) -> tuple[F64, F64]:
    """The largest closure read within ``NEAR_S`` of the middle of every /p b m/, and of random times away from them."""
    rng = np.random.default_rng(0)
    at, aside = [], []
    for case, reading in zip(cases, readings, strict=True):
        closure = reading.gestures[:, GESTURES.index("closure")]
        duration_s = len(case.sound) / SAMPLE_RATE_HZ
        spans = [(start, end) for start, end, name in segments(case.phonemes, duration_s) if name[:1] in _LIPS]
        middles = [(start + end) / 2 for start, end in spans]
        at += [_strongest(closure, time_s) for time_s in middles]
        first, last = case.phonemes[1].time_s, case.phonemes[-1].time_s
        for time_s in rng.uniform(first, last, 4 * len(spans)):
            if all(time_s < start - 0.1 or time_s > end + 0.1 for start, end in spans):
                aside.append(_strongest(closure, time_s))
    return np.array(at), np.array(aside)


def _strongest(track: F32, time_s: float) -> float:
    near = np.abs(np.arange(len(track)) / ROWS_PER_S - time_s) <= NEAR_S + 1e-9
    return float(track[near].max()) if near.any() else 0.0


def _noisy(sound: F32, rng: np.random.Generator, *, snr_db: float, babble: bool = False) -> F32:
    if babble:
        noise = sum(np.roll(sound[::-1], shift) for shift in rng.integers(len(sound), size=6))
    else:
        noise = signal.lfilter([1.0], [1.0, -0.7], rng.standard_normal(len(sound)))
    noise = np.asarray(noise) * np.sqrt(np.mean(sound**2) / np.mean(np.asarray(noise) ** 2)) * 10 ** (-snr_db / 20)
    return np.asarray(sound + noise, np.float32)


def _telephone(sound: F32, rng: np.random.Generator) -> F32:
    band = signal.butter(4, (300, 3400), "bandpass", fs=SAMPLE_RATE_HZ, output="sos")
    return np.asarray(0.05 * signal.sosfilt(band, sound), np.float32)


def _room(sound: F32, rng: np.random.Generator) -> F32:
    tail = rng.standard_normal(8000) * np.exp(-6.9 * np.arange(8000) / 6400)
    tail *= 0.3 / np.sqrt(np.sum(tail**2))
    tail[0] = 1.0
    return np.asarray(signal.fftconvolve(sound, tail)[: len(sound)], np.float32)


_CONDITIONS: dict[str, Spoiler] = {
    "clean": lambda sound, rng: sound,
    "noise 20 dB": partial(_noisy, snr_db=20.0),
    "noise 10 dB": partial(_noisy, snr_db=10.0),
    "noise 5 dB": partial(_noisy, snr_db=5.0),
    "babble 10 dB": partial(_noisy, snr_db=10.0, babble=True),
    "room": _room,
    "telephone": _telephone,
}


def _speed(cases: list[Case]) -> list[dict[str, Any]]:
    """Milliseconds of one core: per second of sound offline, and per push of 40 ms."""
    sound = np.concatenate([case.sound for case in cases])[: 60 * SAMPLE_RATE_HZ]
    encoder = SpeechEncoder.load()
    start = time.perf_counter()
    encoder.encode(sound)
    offline_ms = 1000 * (time.perf_counter() - start) / (len(sound) / SAMPLE_RATE_HZ)
    stream, times = encoder.stream(), []
    for first in range(0, len(sound), 640):
        start = time.perf_counter()
        stream.push(sound[first : first + 640])
        times.append(1000 * (time.perf_counter() - start))
    return [
        {
            "condition": "ms of one core per second of sound, offline",
            "network": "encoder",
            "mean": round(offline_ms, 2),
        },
        {"condition": "ms per push of 40 ms, median", "network": "encoder", "mean": round(float(np.median(times)), 2)},
    ]
