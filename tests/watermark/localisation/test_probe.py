"""The probe gives the frames back, and an encoder leaves less of its mark where the picture moves."""

import os
import subprocess
import sys

import cv2
import numpy as np
import pytest

from tellmark.media import rgb_to_i420
from tellmark.types import U8
from tellmark.watermark.localisation.half_seconds import blocks, details, means
from tellmark.watermark.localisation.probe import Probe, pattern


def _frames(count: int) -> list[U8]:
    """A grey wall with faint texture; in its left half other texture moves by 5 pixels a frame."""
    random = np.random.default_rng(0)
    texture = cv2.resize(random.uniform(90, 160, (48, 96, 3)).astype(np.float32), (1024, 512))
    made = []
    for index in range(count):
        picture = texture[:, :512].copy()
        picture[:, :256] = texture[:, 512 - 5 * index : 768 - 5 * index]
        made.append(rgb_to_i420(picture.astype(np.uint8)))
    return made


def test_frames_come_back_with_a_mark_that_motion_wears_away() -> None:
    frames = _frames(40)
    before = [frame.copy() for frame in frames]
    with Probe(23) as probe:
        for frame in frames:
            probe.write(frame)
        answers = list(probe.frames())
    assert all(np.array_equal(a, b) for a, b in zip(frames, before, strict=True))
    assert [answer.shape for answer in answers] == [(768, 512)] * 40
    assert np.abs(answers[20][:512].astype(int) - frames[20][:512]).mean() < 6
    times = [index / 25 for index in range(40)]
    (_, plain), (_, marked) = (means(zip(times, made, strict=True)) for made in (frames, answers))
    sent = pattern(256, 256)
    came = blocks((details(marked) - details(plain)) * sent, 1, 2)[1:, 1:, 0].sum(axis=(0, 1))  # chroma, once it moves
    put = blocks(sent**2, 1, 2)[1:, 0].sum(axis=0)
    still, moving = (came / put)[1], (came / put)[0]
    assert still > 0.1
    assert moving < 0.7 * still


_REPEATED = """
import hashlib, sys
import cv2, numpy as np
from tellmark.media import rgb_to_i420
from tellmark.watermark.localisation.probe import Probe
texture = np.random.default_rng(0).uniform(60, 190, (64, 80, 3)).astype(np.float32)
texture = cv2.resize(texture, (640, 512), interpolation=cv2.INTER_CUBIC).clip(0, 255).astype(np.uint8)
with Probe(23) as probe:
    for index in range(30):
        probe.write(rgb_to_i420(np.ascontiguousarray(texture[:, 4 * index : 4 * index + 512])))
    print(hashlib.sha256(b"".join(frame.tobytes() for frame in probe.frames())).hexdigest())
"""


def test_an_answer_does_not_hang_on_memory_that_nobody_wrote() -> None:
    """A frame of 512 pixels is 528 wide in the probe, 33 macroblocks: the case that x264 gets wrong in assembler."""
    said = {
        subprocess.run(
            [sys.executable, "-c", _REPEATED],
            env=os.environ | {"MALLOC_PERTURB_": perturbed},
            capture_output=True,
            check=True,
        ).stdout
        for perturbed in ("1", "85")
    }
    assert len(said) == 1


def test_nothing_goes_in_and_nothing_comes_out() -> None:
    with Probe(23) as probe:
        assert not list(probe.frames())


def test_sums_over_blocks_are_those_of_the_parts() -> None:
    maps = np.random.default_rng(1).normal(size=(2, 10, 14)).astype(np.float32)
    summed = blocks(maps, 2, 3)
    assert summed.shape == (2, 2, 3)
    assert summed[1, 0, 2] == pytest.approx(float(maps[1, :5, 9:].sum()), rel=1e-5)
    assert summed.sum() == pytest.approx(float(maps.sum()), rel=1e-4)
