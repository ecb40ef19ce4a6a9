"""Train ``inversion.npz`` (20 minutes on one core): ``python -m tellmark.generator.training.train_inversion OUT.npz``.

``--start WEIGHTS.npz`` goes on from weights, with fewer ``--utterances`` and ``--steps``, at a quarter of the rate.

The data is made on the spot: invented words in many languages and voices, spoken by espeak-ng, so that every phoneme
and with it the lips' track is known; then spoiled as recordings are: vocal tract, room, microphone, noise, telephone.
"""

from __future__ import annotations

import argparse
import tempfile
import wave
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import soxr
import torch
from numpy.typing import NDArray
from scipy import signal

from tellmark.generator.audio.acoustics import SAMPLE_RATE_HZ, analyse
from tellmark.generator.audio.inversion import in_context
from tellmark.generator.audio.levels import normalise
from tellmark.generator.audio.visemes import GESTURES, lip_tracks
from tellmark.generator.audio.voice import Phoneme, synthesize
from tellmark.runs import atomic_path
from tellmark.types import F32, F64

LANGUAGES = ("en-us", "en", "de", "es", "fr", "it", "pl", "pt-br", "tr", "nl", "sv", "fi", "hu", "id", "ro", "cs", "sw")
VARIANTS = (*(f"m{i}" for i in range(1, 9)), *(f"f{i}" for i in range(1, 6)), "klatt", "klatt2", "klatt4")
ONSETS = ("", *"pbmpbmfvwtdnszlrkgjhc", "sh", "ch", "pl", "br", "st", "tr", "sp", "gr", "th", "pf")
VOWELS = (*"aaeeiioouu", "ai", "ou", "ie", "au", "y")
CODAS = ("", "", "", "", *"nmsrltpbkdf", "mp", "nt", "st", "rm")

HIDDEN = (96, 64)
STEPS, BATCH = 25_000, 1024
RATE = 4e-3  # the highest


def train(
    path: Path, utterances: int = 3500, seed: int = 0, *, steps: int = STEPS, start: Path | None = None
) -> dict[str, float]:
    """Write the weights to ``path``; return the correlation of every gesture on utterances kept aside.

    ``start``: weights to go on from.
    """
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    examples = list(_examples(utterances, seed))
    aside = max(1, len(examples) // 20)
    inputs, targets = (torch.from_numpy(np.concatenate(part)) for part in zip(*examples[aside:], strict=True))
    held_in, held_out = (torch.from_numpy(np.concatenate(part)) for part in zip(*examples[:aside], strict=True))

    sizes = (inputs.shape[1], *HIDDEN, len(GESTURES))
    layers: list[torch.nn.Module] = []
    for before, after in pairwise(sizes):
        layers += [torch.nn.Linear(before, after), torch.nn.ReLU()]
    model = torch.nn.Sequential(*layers[:-1])
    if start is not None:
        _read(model, start)
    optimiser = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=1e-3)
    highest = RATE if start is None else RATE / 4
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, highest, total_steps=steps)
    for _ in range(steps):
        chosen = torch.randint(len(inputs), (BATCH,))
        loss = torch.nn.functional.binary_cross_entropy_with_logits(model(inputs[chosen].float()), targets[chosen])
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
        schedule.step()

    with torch.no_grad():
        guess = torch.sigmoid(model(held_in.float())).numpy()
    arrays = {}
    for index, layer in enumerate(_linear(model)):
        arrays[f"weight_{index}"] = layer.weight.detach().numpy().T.astype(np.float16)
        arrays[f"bias_{index}"] = layer.bias.detach().numpy().astype(np.float16)
    with atomic_path(path, force=True) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **arrays)
    pairs = {name: (guess[:, column], held_out[:, column].numpy()) for column, name in enumerate(GESTURES)}
    # A few utterances may lack a gesture: there is nothing to correlate with.
    return {name: float(np.corrcoef(*pair)[0, 1]) if np.ptp(pair[1]) > 0 else 0.0 for name, pair in pairs.items()}


def _linear(model: torch.nn.Sequential) -> list[torch.nn.Linear]:
    return [layer for layer in model if isinstance(layer, torch.nn.Linear)]


def _read(model: torch.nn.Sequential, path: Path) -> None:
    """Weights that were written before."""
    with np.load(path) as stored, torch.no_grad():
        for index, layer in enumerate(_linear(model)):
            layer.weight.copy_(torch.from_numpy(stored[f"weight_{index}"].T.astype(np.float32)))
            layer.bias.copy_(torch.from_numpy(stored[f"bias_{index}"].astype(np.float32)))


def _examples(utterances: int, seed: int) -> Iterator[tuple[NDArray[np.float16], F32]]:
    """(inputs, targets) of every utterance, every third hop."""
    for index in range(utterances):
        rng = np.random.default_rng((seed, index))
        language, variant = str(rng.choice(LANGUAGES)), str(rng.choice(VARIANTS))
        sound, phonemes = spoken(invented(rng), rng, language, variant)
        sound = spoil(sound, rng)
        heard = normalise(analyse([sound]))
        tracks = lip_tracks(phonemes, len(sound) / SAMPLE_RATE_HZ)
        rows = slice(int(rng.integers(3)), min(len(tracks), len(heard.energy)), 3)
        yield in_context(heard.columns())[rows].astype(np.float16), tracks[rows].astype(np.float32)


def spoken(text: str, rng: np.random.Generator, language: str, variant: str | None) -> tuple[F32, list[Phoneme]]:
    """The text at ``SAMPLE_RATE_HZ``, by a voice of random speed, pitch and size, with some silence around it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "speech.wav"
        phonemes = synthesize(
            text,
            path,
            language=language,
            variant=variant,
            speed=int(rng.integers(110, 230)),
            pitch=int(rng.integers(20, 80)),
        )
        with wave.open(str(path)) as file:
            rate = file.getframerate()
            sound = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float32) / 32768
    # Played slower or faster: a longer or shorter vocal tract, a lower or higher voice.
    stretch = float(np.exp(rng.uniform(-0.2, 0.2)))
    sound = soxr.resample(sound, rate / stretch, SAMPLE_RATE_HZ)
    lead_s, tail_s = rng.uniform(0, 1.0, 2)
    sound = np.pad(sound, (int(lead_s * SAMPLE_RATE_HZ), int(tail_s * SAMPLE_RATE_HZ)))
    end = Phoneme(lead_s + phonemes[-1].time_s * stretch, "")
    return sound, [Phoneme(0.0, ""), *(Phoneme(lead_s + t * stretch, name) for t, name in phonemes), end]


def invented(rng: np.random.Generator) -> str:
    """A few sentences of words that no language has."""

    def word() -> str:
        return "".join(
            str(rng.choice(ONSETS)) + str(rng.choice(VOWELS)) + str(rng.choice(CODAS))
            for _ in range(rng.choice((1, 2, 2, 3)))
        )

    sentences = (" ".join(word() for _ in range(rng.integers(2, 7))) for _ in range(rng.integers(1, 4)))
    return ". ".join(sentences) + "."


def spoil(sound: F32, rng: np.random.Generator) -> F32:
    """The same speech through a room, a microphone, noise, and sometimes a telephone."""
    if rng.random() < 0.4:
        decay_s, tail = rng.uniform(0.1, 0.5), int(0.4 * SAMPLE_RATE_HZ)
        room = rng.standard_normal(tail) * np.exp(-6.9 * np.arange(tail) / (decay_s * SAMPLE_RATE_HZ))
        room *= rng.uniform(0.05, 0.4) / np.sqrt(np.sum(room**2))
        room[0] = 1.0
        sound = signal.fftconvolve(sound, room)[: len(sound)].astype(np.float32)
    spectrum = np.fft.rfft(sound)
    octaves = np.log2(np.maximum(np.fft.rfftfreq(len(sound), 1 / SAMPLE_RATE_HZ), 60) / 1000)
    knots = np.linspace(-4.1, 3.1, 8)
    gain_db = np.interp(octaves, knots, rng.normal(0, 3, len(knots))) + rng.uniform(-4, 2) * octaves
    sound = np.fft.irfft(spectrum * 10 ** (gain_db / 20), len(sound)).astype(np.float32)
    if rng.random() < 0.75:
        added = _babble(sound, rng) if rng.random() < 0.25 else noise(len(sound), rng)
        snr_db = rng.uniform(3, 45)
        added *= np.sqrt(np.mean(sound**2) / np.mean(added**2)) * 10 ** (-snr_db / 20)
        sound = (sound + added).astype(np.float32)
    if rng.random() < 0.12:
        telephone = signal.butter(4, (300, 3400), "bandpass", fs=SAMPLE_RATE_HZ, output="sos")
        sound = signal.sosfilt(telephone, sound).astype(np.float32)
    return np.asarray(sound * 10 ** (rng.uniform(-40, 0) / 20) / np.abs(sound).max(), np.float32)


def noise(samples: int, rng: np.random.Generator) -> F64:
    """Coloured noise, from rumble to hiss, sometimes swelling."""
    spectrum = np.fft.rfft(rng.standard_normal(samples))
    frequency = np.maximum(np.fft.rfftfreq(samples, 1 / SAMPLE_RATE_HZ), 50)
    sound = np.fft.irfft(spectrum * frequency ** -rng.uniform(0, 1), samples)
    if rng.random() < 0.3:
        sound *= 1 + 0.7 * np.sin(2 * np.pi * rng.uniform(0.2, 4) * np.arange(samples) / SAMPLE_RATE_HZ)
    return np.asarray(sound, np.float64)


def _babble(sound: F32, rng: np.random.Generator) -> F64:
    """A crowd: the speech itself, backwards, several times over."""
    shifts = rng.integers(len(sound), size=rng.integers(3, 8))
    return np.asarray(sum(np.roll(sound[::-1], shift) * rng.uniform(0.4, 1) for shift in shifts) + 1e-6, np.float64)


def main() -> None:
    parser = argparse.ArgumentParser(description="train the reading of lips from sound")
    parser.add_argument("out", type=Path)
    parser.add_argument("--utterances", type=int, default=3500)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--start", type=Path, help="weights to go on from")
    given = parser.parse_args()
    found = train(given.out, given.utterances, given.seed, steps=given.steps, start=given.start)
    for gesture, correlation in found.items():
        print(f"{gesture:12s} {correlation:.3f}")


if __name__ == "__main__":
    main()
