"""What the speech encoder is trained on: sounds as they are heard, and what is true of them.

Synthetic speech is made on the spot, in many languages and voices, whose phonemes and with them the lips are known, and
spoiled as recordings are (``train_inversion``). Of recordings, phonemes and lips are not known: a teacher that hears
them clean has to say.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from tellmark.generator.audio.acoustics import SAMPLE_RATE_HZ, analyse
from tellmark.generator.audio.hearing import Hearing
from tellmark.generator.audio.levels import normalise
from tellmark.generator.audio.sentences import sentences
from tellmark.generator.audio.visemes import GESTURES, group, lip_tracks, segments
from tellmark.generator.audio.voice import Phoneme
from tellmark.generator.training.train_inversion import invented, noise, spoil, spoken
from tellmark.media import read_audio
from tellmark.types import F32, F64

LANGUAGES = (
    *("en-us", "en", "de", "es", "fr", "it", "pl", "pt-br", "tr", "nl", "sv", "fi", "hu", "id", "ro", "cs", "sw"),
    *("cmn", "cmn", "ru", "hi", "ko", "ja", "vi", "en-us", "de", "es"),
)
VARIANTS = ("", "", "", "m1", "m2", "m4", "m5", "m6", "m8", "f1", "f2", "f3", "f5", "klatt", "klatt2", "whisper")
KEPT_ASIDE = (("da", "el", "hr", "ca"), ("m3", "m7", "f4", "klatt4"))  # languages and voices, for the benchmark

CROP = 400  # hops of a training example
WARM = 12  # rows at the start of a crop that are not judged, unless the sound starts there
BATCH = 16
CLOSED = ("closure", "labiodental")  # may be shorter than a row


@dataclass(frozen=True, slots=True)
class Example:
    """A sound as heard, and what is true of it."""

    hops: NDArray[np.float16]  # (H, COLUMNS)
    gestures: NDArray[np.float16]  # (T, len(GESTURES))
    groups: NDArray[np.int64]  # (T,) index into ``PHONEME_GROUPS``; -1 is not known
    scalars: NDArray[np.float16]  # (T, 4) speaking, energy, voiced, pitch_st / 6
    clean: NDArray[np.float16] | None = None  # (H, COLUMNS) what the teacher hears; None where the truth is known


def synthetic(index: int, seed: int) -> Example:
    """Utterance number ``index``: one or two texts by one voice, spoiled."""
    rng = np.random.default_rng((seed, index))
    sound, phonemes = drawn_voice(rng, known=0.35)
    if rng.random() < 0.15:  # some sounds go on after the speech
        sound = np.pad(sound, (0, int(rng.uniform(1, 6) * SAMPLE_RATE_HZ)))
    if rng.random() < 0.04:  # and some hold none
        heard = noise(len(sound), rng)
        heard = heard / np.abs(heard).max() * 10 ** rng.uniform(-2.5, 0)
        return example(np.zeros_like(sound), [Phoneme(0.0, "")], heard.astype(np.float32))
    return example(sound, phonemes, spoil(sound, rng))


def drawn_voice(rng: np.random.Generator, known: float) -> tuple[F32, list[Phoneme]]:
    """One or two random texts by one voice, and their phonemes; a share ``known`` are sentences, not invented."""
    language, variant = str(rng.choice(LANGUAGES)), str(rng.choice(VARIANTS))
    there = sentences(language)
    texts = [
        str(rng.choice(there)) if there and (rng.random() < known or language == "cmn") else invented(rng)
        for _ in range(rng.integers(1, 3))
    ]
    return spoken("\n".join(texts), rng, language, variant or None)


def example(sound: F32, phonemes: Sequence[Phoneme], heard: F32) -> Example:
    """What is true of ``sound``, heard as ``heard``."""
    rows = round(len(sound) / SAMPLE_RATE_HZ * 25)
    duration_s = len(sound) / SAMPLE_RATE_HZ
    gestures, places = targets(phonemes, duration_s)
    groups, talking = np.zeros(rows, np.int64), np.zeros(int(np.ceil(duration_s * 100)))
    for start_s, end_s, name in segments(phonemes, duration_s):
        found = group(name)
        groups[int(np.ceil(start_s * 25 - 1e-6)) : int(np.ceil(end_s * 25 - 1e-6))] = -1 if found is None else found
        if found != 0:
            talking[round(start_s * 100) : round(end_s * 100) + 1] = 1
    closed = ndimage.binary_closing(np.pad(talking, 30) > 0, np.ones(25, bool))[30:-30]  # short gaps are speech
    speaking = ndimage.gaussian_filter1d(closed.astype(np.float64), 3)[places]
    measured = _measured(sound, rows)
    measured[:, 0] = speaking
    return _pack(heard, gestures, groups, measured)


def targets(phonemes: Sequence[Phoneme], duration_s: float) -> tuple[F64, NDArray[np.int64]]:
    """What the lips do: (T, len(GESTURES)) a row a frame, and the 10 ms each stands at.

    Closures count by the strongest moment around, for they may be shorter than a row.
    """
    tracks = lip_tracks(phonemes, duration_s)
    soft, hard = ndimage.gaussian_filter1d(tracks, 1.5, axis=0), ndimage.maximum_filter1d(tracks, 3, axis=0)
    places = np.minimum(4 * np.arange(round(duration_s * 25)), len(tracks) - 1)
    gestures = soft[places]
    for name in CLOSED:
        gestures[:, GESTURES.index(name)] = hard[places, GESTURES.index(name)]
    return gestures, places


def _measured(sound: F32, rows: int) -> F64:
    """(rows, 4) speaking, energy, voiced and pitch / 6 of a clean sound, from the seconds around."""
    level = normalise(analyse([sound]))
    pitch = np.clip(level.pitch_st, -18, 18) / 6
    hops = np.column_stack([level.speaking, level.energy, level.voiced, pitch])
    return np.asarray(ndimage.gaussian_filter1d(hops, 1.4, axis=0)[np.minimum(4 * np.arange(rows), len(hops) - 1)])


def _pack(heard: F32, gestures: F64, groups: NDArray[np.int64], measured: F64, clean: F32 | None = None) -> Example:
    half = np.float16
    taught = None if clean is None else hops_of(clean).astype(half)
    return Example(hops_of(heard).astype(half), gestures.astype(half), groups, measured.astype(half), taught)


def hops_of(sound: F32) -> F32:
    """All hops that the rows of a sound need: it ends in as much silence as the encoder looks ahead."""
    return Hearing().push(np.pad(sound, (0, 1280)))


def recorded(paths: Sequence[Path], seed: int) -> Iterator[Example]:
    """Recordings, spoiled; without the truth about phonemes and lips, which the teacher has to give."""
    for index, path in enumerate(paths):
        rng = np.random.default_rng((seed, 1, index))
        sound = np.concatenate(list(read_audio(path, SAMPLE_RATE_HZ)))
        sound = sound / max(float(np.abs(sound).max()), 1e-3)
        rows = round(len(sound) / SAMPLE_RATE_HZ * 25)
        unknown = np.full(rows, -1)
        yield _pack(spoil(sound, rng), np.zeros((rows, len(GESTURES))), unknown, _measured(sound, rows), sound)


_TRUTHS = ("gestures", "groups", "scalars")
_PARTS = ("hops", "clean", *_TRUTHS, "weight")


def crops(examples: Sequence[Example], rng: np.random.Generator, size: int = BATCH) -> dict[str, Tensor]:
    """A batch of crops of CROP hops; ``weight`` says which rows count."""
    rows = CROP // 4 - 1  # the last needs hops beyond the crop
    batch: dict[str, list[F32]] = {name: [] for name in _PARTS}
    for index in rng.integers(len(examples), size=size):
        item = examples[index]
        last = max(0, len(item.groups) - rows)
        first = int(rng.integers(-WARM, last + 1))
        first = max(first, 0)
        weight = np.ones(rows, np.float32)
        weight[: WARM if first else 0] = 0
        weight[len(item.groups) - first :] = 0
        hops = _cut(item.hops, 4 * first, CROP)
        batch["hops"].append(_masked(hops, rng))
        batch["clean"].append(hops if item.clean is None else _cut(item.clean, 4 * first, CROP))
        for name in _TRUTHS:
            batch[name].append(_cut(getattr(item, name), first, rows))
        batch["weight"].append(weight if item.clean is None else -weight)  # negative: the teacher knows
    return {name: torch.from_numpy(np.stack(parts)) for name, parts in batch.items()}


def _cut(rows: NDArray[np.generic], first: int, count: int) -> F32:
    part = rows[first : first + count]
    return np.pad(part, [(0, count - len(part)), *[(0, 0)] * (rows.ndim - 1)]).astype(np.float32)


def _masked(hops: F32, rng: np.random.Generator) -> F32:
    """Now and then some neighbouring bands are missing (SpecAugment, Park et al. 2019)."""
    if rng.random() < 0.4:
        first, width = rng.integers(0, 30), rng.integers(2, 6)
        for base in (0, 32):
            hops[:, base + first : base + min(32, first + width)] = 0
    return hops
