"""Forgeries: the estimate finds a pattern under a picture, and a copied mark is never vouched for."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from tellmark.benchmarks import forging
from tellmark.benchmarks.attacks import Frames
from tellmark.watermark.signal.pattern import TILE


def _clip(seed: int) -> Frames:
    """Three seconds in which discs wander over a texture."""
    random = np.random.default_rng(seed)
    ground = cv2.resize(
        random.integers(50, 206, (24, 24, 3), dtype=np.uint8), (512, 512), interpolation=cv2.INTER_CUBIC
    )
    start, step = random.uniform(100, 400, (5, 2)), random.uniform(-3, 3, (5, 2))
    frames = []
    for index in range(75):
        frame = ground.copy()
        for (x, y), (dx, dy) in zip(start, step, strict=True):
            cv2.circle(frame, (int(x + dx * index), int(y + dy * index)), 50, (30, 200, 90), -1, cv2.LINE_AA)
        frames.append(frame)
    return Frames(frames, 25.0, seed)


def test_the_estimate_resembles_what_was_added() -> None:
    random = np.random.default_rng(0)
    y, x = np.mgrid[:512, :512]
    pattern = 1.5 * np.sin(2 * np.pi * (17 * x + 19 * y) / TILE)
    frames = []
    for _ in range(20):
        picture = 120 + 0.1 * x + random.normal(0, 3, (512, 512))
        frames.append(np.repeat(np.clip(picture + pattern, 0, 255)[..., None], 3, axis=2).astype(np.uint8))
    estimate = forging.residual(Frames(frames, 25.0))
    assert np.corrcoef(estimate[..., 0].ravel(), pattern.ravel())[0, 1] > 0.8
    folded = forging.tile(estimate)
    assert folded.shape == (TILE, TILE, 3)
    assert np.corrcoef(folded[..., 0].ravel(), pattern[:TILE, :TILE].ravel())[0, 1] > 0.85


@pytest.mark.slow
def test_a_copied_mark_is_never_recovered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forging, "STRENGTHS", (2.0,))
    plain = [_clip(seed) for seed in range(2)]
    bench = forging._Bench(tmp_path)
    genuine = [bench.publish(clip) for clip in plain]
    blind, informed = forging._copies(bench, plain, genuine)
    assert (informed["clips"], informed["present"], informed["payload"], informed["altered"]) == (2, 2, 2, 2)
    assert blind["recovered"] == informed["recovered"] == 0
    assert min(blind["psnr y, dB"], informed["psnr y, dB"]) > 30
