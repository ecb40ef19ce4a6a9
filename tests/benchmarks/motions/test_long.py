"""A performance that goes on and on."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np

from tellmark.benchmarks.motions.long import perform
from tellmark.generator.audio.encoder import LOOK_AHEAD_S
from tellmark.generator.dynamics.online import OnlineRules


def test_a_sound_goes_round_and_motion_keeps_up() -> None:
    sound = np.random.default_rng(0).normal(0, 0.05, 16_000).astype(np.float32)
    # In a process of its own: here memory that earlier tests took may be given back meanwhile.
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        motion, held_mb = pool.submit(perform, OnlineRules(), sound, 80).result()
    assert 80 - 25 * LOOK_AHEAD_S - 1 <= len(motion) <= 80
    assert np.isfinite(motion.array()).all()
    assert 0 < held_mb[0] <= held_mb[1] + 50
