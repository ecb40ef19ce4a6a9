"""Training of closures read again."""

from pathlib import Path

import numpy as np

from tellmark.generator.audio.closures import READ, logits
from tellmark.generator.audio.encoder import SpeechEncoder
from tellmark.generator.training.train_closures import heard_and_true, train


def test_a_short_training_knows_more_than_the_encoder(tmp_path: Path) -> None:
    train(tmp_path / "out.npz", utterances=12, steps=150)
    with np.load(tmp_path / "out.npz") as stored:
        weights = {name: stored[name].astype(np.float32) for name in stored.files}
    beside, said, truth = heard_and_true(3, 0, SpeechEncoder.load())
    assert len(beside) == len(said) == len(truth)
    assert truth.shape[1] == len(READ)

    def loss(values: np.ndarray) -> float:
        return float(np.mean(np.logaddexp(0, values) - truth * values))

    assert loss(logits((beside, said), weights)) < loss(said)
