"""Train ``closures.npz``: ``python -m tellmark.generator.training.train_closures OUT.npz``. Minutes on one core.

Synthetic speech, spoiled as recordings are, whose phonemes and so whose closures are known, heard by the encoder that
ships.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from tellmark.generator.audio.acoustics import SAMPLE_RATE_HZ
from tellmark.generator.audio.closures import READ, rows_of
from tellmark.generator.audio.encoder import SpeechEncoder
from tellmark.generator.audio.visemes import GESTURES
from tellmark.generator.audio.voice import Phoneme
from tellmark.generator.training.encoder_data import VARIANTS, drawn_voice, targets
from tellmark.generator.training.train_inversion import spoil, spoken
from tellmark.runs import atomic_path
from tellmark.types import F32

UTTERANCES, STEPS, BATCH, WIDTH = 700, 4000, 512, 48
_SPOILED = 0.6  # share of the utterances
_RATE = 2e-3


# What the encoder hears worst: "pf", which espeak-ng says without a burst, and stops after nasal vowels or nasals.
_HARD = {
    "de": "Topf Apfel Kopf Pfad Pfeife hüpfen Kampf Zopf impfen Pfosten Strumpf Pfütze klopfen Schnupfen Opfer Pfand "
    "Karpfen Empfang Zapfen Pfote Gipfel tapfer Pfarrer Sumpf zupfen",
    "fr": "lampe tomber ensemble simple compter un pas on parle en partant sans pain temps perdu grand père champ pin "
    "bombe jambe rompre ample en bas mon bateau ton pied vent plein on boit trompe nymphe bon poids cent pages",
    "es": "campo tiempo sombra también limpio rompe hombre la boca la vaca sabe lobo cabe tumba compra abuelo cuba",
}
_HARD_SHARE = 0.3  # of the utterances


def _drawn(rng: np.random.Generator) -> tuple[F32, list[Phoneme]]:
    if rng.random() > _HARD_SHARE:
        return drawn_voice(rng, known=0.5)
    language = str(rng.choice(list(_HARD)))
    words = rng.choice(_HARD[language].split(), size=rng.integers(6, 14))
    return spoken(" ".join(words), rng, language, str(rng.choice(VARIANTS)) or None)


def heard_and_true(index: int, seed: int, encoder: SpeechEncoder) -> tuple[F32, F32, F32]:
    """Of one utterance: the rows and logits of ``closures.rows_of``, and the truth (T - 2, len(READ))."""
    rng = np.random.default_rng((seed, index))
    sound, phonemes = _drawn(rng)
    encoded = encoder.encode(spoil(sound, rng) if rng.random() < _SPOILED else sound)
    gestures, _ = targets(phonemes, len(sound) / SAMPLE_RATE_HZ)
    beside, said = rows_of(encoded)
    truth = gestures[1 : 1 + len(said), [GESTURES.index(name) for name in READ]].astype(np.float32)
    return beside[: len(truth)], said[: len(truth)], truth


def train(path: Path, *, utterances: int = UTTERANCES, steps: int = STEPS, seed: int = 0) -> float:
    """Write the weights; returns the loss of the last steps."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    encoder = SpeechEncoder.load()
    made = [heard_and_true(index, seed, encoder) for index in range(utterances)]
    beside, said, truth = (torch.from_numpy(np.concatenate(part)) for part in zip(*made, strict=True))
    layers = nn.Linear(beside.shape[1], WIDTH), nn.Linear(WIDTH, len(READ))
    nn.init.zeros_(layers[1].weight)  # at first the encoder's word counts
    net = nn.Sequential(layers[0], nn.ReLU(), layers[1])
    optimiser = torch.optim.AdamW(net.parameters(), _RATE, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, _RATE, total_steps=steps, pct_start=0.1)
    losses = []
    for _ in range(steps):
        rows = torch.randint(len(beside), (BATCH,))
        loss = functional.binary_cross_entropy_with_logits(said[rows] + net(beside[rows]), truth[rows])
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
        schedule.step()
        losses.append(float(loss.detach()))
    parts = {
        f"{kind}_{n}": getattr(layer, kind).detach().numpy().T
        for n, layer in enumerate(layers)
        for kind in ("weight", "bias")
    }
    with atomic_path(path, force=True) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **{name: part.astype(np.float16) for name, part in parts.items()})
    return float(np.mean(losses[-100:]))


def main(arguments: Sequence[str] | None = None) -> None:
    """See the module."""
    parser = argparse.ArgumentParser(prog="python -m tellmark.generator.training.train_closures", description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--utterances", type=int, default=UTTERANCES)
    parser.add_argument("--steps", type=int, default=STEPS)
    options = parser.parse_args(arguments)
    print(f"loss {train(options.out, utterances=options.utterances, steps=options.steps):.4f}")


if __name__ == "__main__":
    main()
