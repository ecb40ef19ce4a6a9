"""Scenery that gives a class away is left out, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tellmark.benchmarks.detection.speed import CLIP
from tellmark.detector.audit.matching import matched, unpaired, without_counterpart
from tellmark.detector.audit.probes import probe_scores
from tellmark.detector.metrics import auc
from tellmark.types import Label


def test_real_clips_that_look_like_no_fake_are_left_out() -> None:
    """Twenty fakes, forty real sources in the same scenes and forty in others, two clips each."""
    rng = np.random.default_rng(0)
    kinds = np.repeat(["fake", "same", "other"], [20, 40, 40])
    sources = np.array([f"{kind}{number}" for number, kind in enumerate(kinds)])
    scene = np.where(kinds == "other", 4.0, 0.0)[:, None] + rng.normal(size=(100, 3))
    x = np.repeat(scene, 2, axis=0) + rng.normal(scale=0.1, size=(200, 3))
    sources = np.repeat(sources, 2)
    labels = np.repeat((kinds == "fake").astype(int), 2)

    kept = matched(x, labels, sources, sources, each=2)
    assert {name for name in kept if name.startswith("fake")} == {name for name in sources if name.startswith("fake")}
    assert len(kept) == 60
    assert sum(name.startswith("same") for name in kept) > 35

    taken = np.isin(sources, list(kept))
    before = auc(labels, probe_scores(x, labels, sources))
    after = auc(labels[taken], probe_scores(x[taken], labels[taken], sources[taken]))
    assert before > 0.7 > after


def test_a_negative_stands_for_one_fake_alone() -> None:
    """Thirty fakes; of ten negatives in the same scenes each can stand for one, far ones for none."""
    rng = np.random.default_rng(0)
    kinds = np.repeat(["fake", "same", "other"], [30, 10, 60])
    sources = np.array([f"{kind}{number}" for number, kind in enumerate(kinds)])
    x = np.where(kinds == "other", 9.0, 0.0)[:, None] + rng.normal(scale=0.1, size=(100, 3))
    alone = without_counterpart(x, (kinds == "fake").astype(int), sources, sources)
    assert all(name.startswith("fake") for name in alone)
    assert 20 <= len(alone) <= 26


def test_a_fake_with_its_original_needs_no_counterpart() -> None:
    """Twenty fakes in scenes of their own; ten of them name an original, which stands for no other."""
    rng = np.random.default_rng(0)
    fakes = [
        replace(CLIP, clip_id=f"f{k}", identity=f"p{k}", source_id=f"f{k}", label=Label.FAKE, original=f"r{k}")
        for k in range(20)
    ]
    real = [
        replace(CLIP, clip_id=f"r{k}", identity=f"p{k}", source_id=f"r{k}", label=Label.REAL, original=None)
        for k in (*range(10), *range(20, 40))
    ]
    x = rng.normal(scale=0.1, size=(50, 3))
    x[30:] += 9.0  # no other real clip is like any fake
    assert unpaired([*fakes, *real], x) == {f"f{k}" for k in range(10, 20)}
