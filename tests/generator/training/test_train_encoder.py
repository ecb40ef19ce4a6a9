"""Training the speech encoder: it learns, goes on where it was, and writes what is read."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest
import torch

from tellmark.generator.audio.acoustics import SAMPLE_RATE_HZ
from tellmark.generator.audio.encoder import SpeechEncoder
from tellmark.generator.training import train_encoder
from tellmark.generator.training.encoder_data import crops, synthetic
from tellmark.generator.training.train_encoder import Course
from tellmark.generator.training.train_inversion import spoken
from tellmark.types import F32


def test_training_learns_resumes_and_writes_what_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train_encoder, "BATCH", 4)
    recording = tmp_path / "real.wav"
    _write(recording, spoken("A voice of somebody who is real.", np.random.default_rng(1), "en", None)[0])
    given = {"utterances": 6, "recordings": [recording]}
    train_encoder.train(tmp_path / "a.safetensors", steps=30, **given)  # type: ignore[arg-type]
    state = torch.load(tmp_path / "a.state", weights_only=True)
    assert state["step"] == 30
    course = Course.new(0)
    course.resume(tmp_path / "a.state")
    pool = [synthetic(0, 0)]
    batch = crops(pool, np.random.default_rng(0), 4)
    assert course.learn(batch, 1e-4) < Course.new(0).learn(batch, 1e-4)
    stored = train_encoder.load_file(tmp_path / "a.safetensors")
    shapes = {name: tuple(tensor.shape) for name, tensor in stored.items()}
    assert shapes == {name: tuple(tensor.shape) for name, tensor in SpeechEncoder.load()._network.state_dict().items()}


def _write(path: Path, sound: F32) -> None:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, SAMPLE_RATE_HZ, 0, "NONE", ""))
        file.writeframes(np.round(32767 * np.clip(sound, -1, 1)).astype("<i2").tobytes())
