"""The measurement of our fakes against real footage, on features that were made up."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tellmark.benchmarks.detection import own_fakes
from tellmark.benchmarks.detection.speed import CLIP
from tellmark.detector.evaluate import CACHE
from tellmark.detector.features import NAMES, ClipFeatures, cached_features
from tellmark.errors import UsageError
from tellmark.manifest import write_manifest
from tellmark.types import Clip, Label
from tests.detector.columns import normal


def made_up(folder: Path, shift: dict[str, float], rungs: tuple[str, ...], *, plain: bool = True) -> Path:
    """A dataset of ten persons whose fakes differ in one feature, by ``shift`` on each rung; no clip is on disk."""
    folder.mkdir()
    rng = np.random.default_rng(len(rungs))
    clips: list[Clip] = []
    for person in range(10):
        for method in ("real", "talk", "plain")[: 3 if plain else 2]:
            for rung in rungs:
                fake = method == "talk"
                x = normal(rng, 2)
                x[:, NAMES.index("flicker.luma")] += shift[rung] * fake
                clip = replace(
                    CLIP, clip_id=f"{person}-{method}-{rung}", sha256=f"{len(clips):062x}{len(rungs):02x}",
                    path="clips/none.mp4", identity=f"person:{person}", method=method, compression=rung,
                    label=Label.FAKE if fake else Label.REAL, marked=method != "plain",
                )  # fmt: skip
                found = ClipFeatures(np.array([0.8, 2.4]), x, 80, 1, 80, 200.0)
                cached_features(folder / clip.path, clip.sha256, folder / CACHE, lambda _, found=found: found)  # type: ignore[misc]
                clips.append(clip)
    write_manifest(folder, clips)
    return folder


def test_rungs_teachings_and_another_renderer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tellmark.detector.metrics.BOOTSTRAPS", 20)
    monkeypatch.setattr(own_fakes, "FOLDS", 2)
    own = made_up(tmp_path / "own", {"c23": 6.0, "c40": 0.0}, ("c23", "c40"))
    other = made_up(tmp_path / "other", {"c23": 0.0}, ("c23",), plain=False)
    found = {(row["taught_on"], row["measure"]): row for row in own_fakes.run(own, other, deals=1)}
    assert {taught for taught, _ in found} == {"all rungs", "all rungs, tells as they are", "its own rung"}
    assert found["its own rung", "auc"]["value"] > 0.95
    halves = [found["all rungs", f"auc, {half} half"]["of"] for half in ("development", "other")]
    assert sum(int(of.split()[0]) for of in halves) == 10
    assert found["its own rung", "auc"]["of"] == "10 fakes, 10 real, 10 persons, 1 deals of folds"
    assert 0.1 < found["its own rung", "auc c40"]["value"] < 0.9  # nothing can be learned
    assert 0.1 < found["all rungs", "auc unseen renderer"]["value"] < 0.9  # these fakes do not differ


def test_both_classes_are_needed(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="both classes"):
        own_fakes.run(_only_real(tmp_path))


def _only_real(folder: Path) -> Path:
    one = folder / "real"
    one.mkdir()
    write_manifest(one, [replace(CLIP, clip_id="a", sha256="0" * 64, path="clips/a.mp4", identity="person:1")])
    return one
