"""A performance that goes on and on."""

import gc

import numpy as np

from tellmark.benchmarks.motions.long import perform
from tellmark.generator.audio.encoder import LOOK_AHEAD_S
from tellmark.generator.dynamics.online import OnlineRules


def test_a_sound_goes_round_and_motion_keeps_up() -> None:
    sound = np.random.default_rng(0).normal(0, 0.05, 16_000).astype(np.float32)
    gc.collect()  # what earlier tests left would be given back meanwhile
    motion, held_mb = perform(OnlineRules(), sound, 80)
    assert 80 - 25 * LOOK_AHEAD_S - 1 <= len(motion) <= 80
    assert np.isfinite(motion.array()).all()
    assert 0 < held_mb[0] <= held_mb[1] + 50
