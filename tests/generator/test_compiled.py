"""Compiled code computes the same in the process that compiles it and in those that load it from the cache.

A function compiled with ``fastmath`` exists twice where another calls it: alone, and arranged anew within its caller.
The process that compiled both runs the first, those that load the caller from the cache the second. Their last bits
differ, and so do the clips of a dataset that was built by both. So compiled code calls such a function only if it is
inlined before anything is compiled.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import subprocess
import sys
from pathlib import Path

from numba.core.dispatcher import Dispatcher

from tellmark import generator

_MOTION = """
import hashlib
import numpy as np
from tellmark.generator.audio.acoustics import SAMPLE_RATE_HZ
from tellmark.generator.audio.encoder import SpeechEncoder
from tellmark.generator.motion import Performance
from tellmark.generator.types import Controls

sound = np.random.default_rng(0).normal(0, 0.1, 2 * SAMPLE_RATE_HZ).astype(np.float32)
rows = Performance(Controls(), 1).latent(SpeechEncoder.load().encode(sound))
print(len(rows), hashlib.sha256(rows.tobytes()).hexdigest())
"""


def compiled() -> list[Dispatcher]:
    modules = [
        importlib.import_module(found.name)
        for found in pkgutil.walk_packages(generator.__path__, f"{generator.__name__}.")
    ]
    return [value for module in modules for value in vars(module).values()
            if isinstance(value, Dispatcher) and value.py_func.__module__ == module.__name__]  # fmt: skip


def test_what_may_be_rearranged_is_inlined_where_compiled_code_calls_it() -> None:
    called = {
        (caller.py_func.__qualname__, name): callee.targetoptions
        for caller in compiled()
        for name in caller.py_func.__code__.co_names
        if isinstance(callee := caller.py_func.__globals__.get(name), Dispatcher)
    }
    assert ("_layers", "_attend") in called
    loose = [pair for pair, options in called.items() if options.get("fastmath") and options.get("inline") != "always"]
    assert not loose


def test_motion_is_the_same_freshly_compiled_and_from_the_cache(tmp_path: Path) -> None:
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    first, second = (
        subprocess.run(
            [sys.executable, "-c", _MOTION], env=environment, check=True, capture_output=True, text=True
        ).stdout
        for _ in range(2)
    )
    assert any(tmp_path.rglob("*.nbc"))
    assert first.startswith("50 ")
    assert first == second
