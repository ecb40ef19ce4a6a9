"""Systems left out: nothing of them, and nobody judged, is learnt from; shuffled labels say nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit

from tellmark.detector import metrics
from tellmark.detector.features import ClipFeatures
from tellmark.detector.heldout import HeldOut
from tellmark.detector.models.model import Judgement
from tellmark.detector.models.rows import Rows
from tellmark.detector.unseen import Pairs, false_alarms, leave_one_system_out, shuffled
from tellmark.types import F64, Clip, Label
from tests.detector.columns import normal


def made(tmp: int = 0) -> Pairs:
    rng = np.random.default_rng(tmp)
    pairs = []
    for k in range(60):
        fake = k % 2 == 1
        x = normal(rng, 2) + 2.0 * fake
        clip = Clip(
            clip_id=f"c{k}", path=f"c{k}.mp4", sha256=f"{k:064x}", label=Label.FAKE if fake else Label.REAL,
            method=f"system{k % 3}" if fake else "real", identity=f"p{k // 2}", source_id=f"s{k}", voice_id="",
            split="train", seed=0, width=8, height=8, fps=25.0, seconds=4.0, codec="h264", crf=23, preset="medium",
            marked=False, payload=None, generator_version="", licence="MIT", params="{}",
        )  # fmt: skip
        pairs.append((clip, ClipFeatures(np.zeros(2), x, 80, 1, 80, 200.0)))
    return pairs


def mean_of_columns(seen: list[Rows]) -> Callable[[F64, Rows], Callable[[F64], F64]]:
    def learn(x: F64, rows: Rows) -> Callable[[F64], F64]:
        seen.append(rows)
        sign = np.sign(x[rows.labels == 1].mean() - x[rows.labels == 0].mean())
        return lambda z: sign * z.mean(1)

    return learn


def test_neither_the_system_nor_a_person_judged_is_learnt_from() -> None:
    seen: list[Rows] = []
    found = leave_one_system_out(made(), mean_of_columns(seen), count=3, bootstraps=20)
    assert found.mean() == pytest.approx(1.0)
    assert found.sources == {f"system{k}": 10 for k in range(3)}
    assert len(seen) == 9
    for number, rows in enumerate(seen):
        left_out = f"system{number // 3}"
        assert left_out not in rows.methods
        judged = {clip.identity for clip, _ in made() if clip.method == left_out}
        assert not judged & set(rows.identities)


def test_more_clips_are_learnt_from_and_never_judged() -> None:
    seen: list[Rows] = []
    more = [(replace(clip, method="ours", clip_id=f"own {clip.clip_id}"), found) for clip, found in made(1)]
    found = leave_one_system_out(made(), mean_of_columns(seen), also=more, count=3, bootstraps=20)
    assert set(found.auc) == {f"system{k}" for k in range(3)}
    for number, rows in enumerate(seen):
        assert "ours" in rows.methods
        judged = {clip.identity for clip, _ in made() if clip.method == f"system{number // 3}"}
        assert not judged & set(rows.identities)


def test_shuffled_labels_teach_no_more_than_chance() -> None:
    seen: list[Rows] = []
    rows = Rows(
        np.repeat([0, 1], 50), np.repeat([f"c{k}" for k in range(50)], 2), np.repeat("p", 100), np.repeat("m", 100)
    )
    shuffled(mean_of_columns(seen), 0)(np.random.default_rng(0).normal(size=(100, 3)), rows)
    assert seen[0].labels.sum() == 50
    assert 0.3 < (seen[0].labels == rows.labels).mean() < 0.7
    assert (seen[0].labels[::2] == seen[0].labels[1::2]).all()  # windows of a clip stay together


def test_the_threshold_lets_few_others_through() -> None:
    rng = np.random.default_rng(0)
    for draw in (rng.normal, rng.exponential, rng.logistic):
        kept, new = expit(draw(size=(2, 400, 99)))
        let_through = [(other > metrics.threshold_at(one, 0.05)).mean() for one, other in zip(kept, new, strict=True)]
        assert 0.045 < np.mean(let_through) < 0.055
        steady, quantile = (
            np.std([(new > of(one)).mean() for one in kept])
            for of in (lambda one: metrics.threshold_at(one, 0.05), lambda one: np.quantile(one, 0.95))
        )
        assert steady < 0.9 * quantile
    assert metrics.threshold_at([0.5], 0.05) == float("inf")
    clip = made()[0][0]
    labels = [Label.FAKE if k % 2 else Label.REAL for k in range(200)]
    judged = [
        HeldOut(replace(clip, label=label), Judgement(0.7 * (label is Label.FAKE) + k / 1e3, {}, np.zeros(1)), k % 5)
        for k, label in enumerate(labels)
    ]
    alarms, hits = false_alarms(judged, 0.05)
    assert alarms < 0.1
    assert hits == 1.0
