"""What the speech encoder is trained on."""

from __future__ import annotations

import numpy as np

from tellmark.generator.audio.acoustics import SAMPLE_RATE_HZ
from tellmark.generator.audio.visemes import GESTURES, PHONEME_GROUPS, group, segments
from tellmark.generator.training.encoder_data import BATCH, CROP, KEPT_ASIDE, WARM, crops, example, synthetic
from tellmark.generator.training.train_inversion import spoken


def test_targets_follow_the_phonemes() -> None:
    sentence = "My baby brother bumped into the big purple lamp. What do you think about five brave firemen?"
    sound, phonemes = spoken(sentence, np.random.default_rng(3), "en-us", KEPT_ASIDE[1][0])
    truth = example(sound, phonemes, sound)
    assert len(truth.groups) == round(len(sound) / 640)
    for start, end, name in segments(phonemes, len(sound) / SAMPLE_RATE_HZ):
        if end - start >= 0.08 and group(name) is not None:
            assert truth.groups[round((start + end) / 2 * 25)] == group(name) or name[:1] in tuple("tdkgptɾ")
    closed = truth.gestures[truth.groups == PHONEME_GROUPS.index("p b m"), GESTURES.index("closure")]
    assert closed.mean() > 0.6


def test_crops_say_which_rows_count() -> None:
    pool = [synthetic(0, 0)]
    batch = crops(pool, np.random.default_rng(0))
    assert batch["hops"].shape[:2] == (BATCH, CROP)
    assert batch["weight"].shape == batch["groups"].shape == (BATCH, CROP // 4 - 1)
    inside = batch["weight"][:, 0] == 0  # a crop that starts within the sound has nothing before its first rows
    assert inside.any()
    assert (batch["weight"][inside, :WARM] == 0).all()
    assert (batch["weight"] >= 0).all()  # the truth is known
