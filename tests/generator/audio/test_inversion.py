"""The network that reads lips from sound, and its training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tellmark.generator.audio import inversion
from tellmark.generator.audio.inversion import CONTEXT, gestures, in_context, network
from tellmark.generator.audio.visemes import GESTURES
from tellmark.generator.training import train_inversion


def test_the_forward_pass_is_that_of_torch() -> None:
    read = network()
    rows = np.random.default_rng(1).normal(0, 1, (50, len(read.weights[0]))).astype(np.float32)
    expected = torch.from_numpy(rows)
    for index, (weight, bias) in enumerate(zip(read.weights, read.biases, strict=True)):
        expected = torch.nn.functional.linear(expected, torch.from_numpy(weight.T.copy()), torch.from_numpy(bias))
        expected = torch.relu(expected) if index < len(read.weights) - 1 else torch.sigmoid(expected)
    np.testing.assert_allclose(read(rows), expected.numpy(), atol=1e-5)


def test_context_is_neighbours_in_order_and_ends_repeat() -> None:
    hops = np.arange(40, dtype=np.float32)[:, None]
    rows = in_context(hops)
    np.testing.assert_array_equal(rows[20], 20 + np.array(CONTEXT))
    np.testing.assert_array_equal(rows[0], np.clip(CONTEXT, 0, None))
    np.testing.assert_array_equal(rows[39], np.clip(39 + np.array(CONTEXT), None, 39))


def test_blocks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    columns = len(network().weights[0]) // len(CONTEXT)
    hops = np.random.default_rng(2).normal(0, 1, (333, columns)).astype(np.float32)
    whole = gestures(hops)
    assert whole.shape == (333, len(GESTURES))
    monkeypatch.setattr(inversion, "_AT_ONCE", 50)
    np.testing.assert_allclose(gestures(hops), whole, atol=1e-5)


def test_training_learns_and_writes_what_is_read(tmp_path: Path) -> None:
    correlation = train_inversion.train(tmp_path / "weights.npz", utterances=6, steps=80)
    assert correlation["open"] > 0.4
    with np.load(tmp_path / "weights.npz") as stored:
        shapes = [stored[f"weight_{index}"].shape for index in range(len(stored.files) // 2)]
    assert shapes == [weight.shape for weight in network().weights]


def test_training_goes_on_from_weights(tmp_path: Path) -> None:
    shipped = Path(str(inversion.resources.files("tellmark.generator.audio").joinpath("inversion.npz")))
    from_nothing = train_inversion.train(tmp_path / "new.npz", utterances=4, steps=2)
    going_on = train_inversion.train(tmp_path / "on.npz", utterances=4, steps=2, start=shipped)
    assert going_on["open"] > from_nothing["open"] + 0.2
