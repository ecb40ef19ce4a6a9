"""Closures read again with the row that follows."""

from pathlib import Path

import numpy as np

from tellmark.generator.audio.acoustics import SAMPLE_RATE_HZ
from tellmark.generator.audio.closures import READ, read_again
from tellmark.generator.audio.encoder import SpeechEncoder
from tellmark.generator.audio.visemes import GESTURES, lip_tracks
from tellmark.generator.audio.voice import synthesize
from tellmark.generator.types import Encoded
from tellmark.media import load_audio
from tellmark.types import F32


def _read(path: Path, text: str, language: str) -> tuple[Encoded, F32]:
    """The encoder's rows, and how shut the lips truly are at each."""
    phonemes = synthesize(text, path, language=language)
    sound = load_audio(path, SAMPLE_RATE_HZ)
    heard = SpeechEncoder.load().encode(sound)
    closure = lip_tracks(phonemes, len(sound) / SAMPLE_RATE_HZ)[:, GESTURES.index("closure")]
    return heard, np.array([closure[max(0, 4 * k - 1) : 4 * k + 2].max() for k in range(len(heard))], np.float32)


def test_what_the_encoder_misses_is_read_and_nothing_else_shuts(tmp_path: Path) -> None:
    text = "Er bringt Pfannkuchen mit Pflaumen, und Pferde stampfen.\nEin Pfarrer pfeift."
    heard, truth = _read(tmp_path / "voice.wav", text, "de")
    first = heard.gestures[1:-1, GESTURES.index("closure")]
    again, truth = read_again(heard)[:, READ.index("closure")], truth[1:-1]
    shut, open_ = truth > 0.6, np.convolve(truth, np.ones(3), mode="same") < 0.1
    assert (again[shut] > 0.4).mean() > (first[shut] > 0.4).mean() + 0.1
    assert (again[open_] > 0.4).mean() < 0.03


def test_rows_come_one_by_one_as_all_at_once(tmp_path: Path) -> None:
    heard, _ = _read(tmp_path / "voice.wav", "A bump.", "en-us")
    whole = read_again(heard)
    assert len(whole) == len(heard) - 2
    single = np.concatenate([read_again(heard[k : k + 3]) for k in range(len(heard) - 2)])
    assert np.abs(single - whole).max() < 1e-5
    assert len(read_again(heard[:2])) == 0
