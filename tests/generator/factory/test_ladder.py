"""A rung gives the same bytes whatever was in the memory that its encoder is given."""

import os
import subprocess
import sys

import pytest

from tellmark.encoding import Encoding
from tellmark.generator.factory.ladder import rung
from tellmark.generator.factory.plan import COMPRESSION

_WRITE = """
import sys, tempfile
from pathlib import Path
import av, numpy as np
from tellmark.encoding import Encoding, VideoWriter
from tellmark.generator.factory.ladder import rung
step, rng = rung(sys.argv[1], Encoding(crf=23)), np.random.default_rng(5)
with tempfile.TemporaryDirectory() as folder:
    path = Path(folder, "a.mp4")
    with VideoWriter(path, width=step.side, height=step.side, fps=10, encoding=step.encoding) as writer:
        for k in range(10):
            waves = 128 + 40 * np.sin((np.arange(step.side) + 3 * k) / 9)
            writer.write((waves + rng.normal(0, 3, (step.side * 3 // 2, step.side))).astype(np.uint8))
    with av.open(str(path)) as clip:
        sys.stdout.write(str(hash(b"".join(bytes(packet) for packet in clip.demux()))))
"""


@pytest.mark.parametrize("name", COMPRESSION)
def test_memory_does_not_show(name: str) -> None:
    def written(rubbish: int) -> str:
        environment = os.environ | {"MALLOC_PERTURB_": str(rubbish), "PYTHONHASHSEED": "0"}  # of the C library of Linux
        command = [sys.executable, "-c", _WRITE, name]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout

    assert rung(name, Encoding()).side % 128 == 0
    assert written(85) == written(170) != ""
