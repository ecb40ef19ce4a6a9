"""The model: the same numbers without scikit-learn, additive by family, calibrated, safe to load."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

from tellmark.detector import tells
from tellmark.detector.features import NAMES
from tellmark.detector.metrics import auc, auc_interval, expected_calibration_error
from tellmark.detector.models.additive import Tells
from tellmark.detector.models.model import TellModel
from tellmark.detector.models.rows import Rows, balanced_weights, clip_means, folds, looks
from tellmark.detector.models.trees import Trees, from_sklearn
from tellmark.errors import InputError, UsageError
from tellmark.types import F64
from tests.detector.columns import normal


class Drawn(NamedTuple):
    x: F64
    rows: Rows


def draw(persons: int = 60, shift: float = 1.0, seed: int = 0) -> Drawn:
    """Windows of clips, three a clip, two clips a person; fakes differ in two columns of two families."""
    rng = np.random.default_rng(seed)
    who = np.repeat([f"p{i}" for i in range(persons)], 6)
    clips = np.repeat([f"c{i}" for i in range(2 * persons)], 3)
    labels = np.repeat(np.arange(persons) % 2, 6)
    x = normal(rng, len(who)) + np.repeat(normal(rng, persons), 6, axis=0)
    x[:, NAMES.index("noise.level_kb")] += shift * labels
    x[:, NAMES.index("jitter.head")] += shift * labels
    x[rng.random(x.shape) < 0.05] = np.nan
    return Drawn(x, Rows(labels, clips, who, np.where(labels == 1, "warp", "real")))


@pytest.fixture(scope="module")
def data() -> Drawn:
    return draw(shift=2.0)


@pytest.fixture(scope="module")
def model(data: Drawn) -> TellModel:
    return Tells().fit(*data)


def test_trees_are_those_of_sklearn() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(500, 6))
    x[rng.random(x.shape) < 0.1] = np.nan
    y = (np.nan_to_num(x[:, 0]) * np.nan_to_num(x[:, 1]) + np.isnan(x[:, 2]) > 0.2).astype(int)
    booster = HistGradientBoostingClassifier(max_iter=40, max_depth=4, random_state=0).fit(x, y)
    trees, baseline = from_sklearn(booster)
    unseen = rng.normal(size=(300, 6))
    unseen[rng.random(unseen.shape) < 0.3] = np.nan
    np.testing.assert_allclose(
        baseline + trees.leaves(unseen).sum(1), booster.decision_function(unseen), rtol=0, atol=1e-9
    )


def test_the_trained_model_is_sklearns(data: Drawn, monkeypatch: pytest.MonkeyPatch) -> None:
    fitted = []
    original = HistGradientBoostingClassifier.fit

    def keep(self: Any, *args: Any, **kwargs: Any) -> Any:
        fitted.append(self)
        return original(self, *args, **kwargs)

    monkeypatch.setattr(HistGradientBoostingClassifier, "fit", keep)
    model = Tells(tuple(tells.FAMILIES)).boost(*data)
    np.testing.assert_allclose(model.margin(data.x), fitted[-1].decision_function(data.x), atol=1e-9)


def test_both_halves_weigh_alike(data: Drawn) -> None:
    trees, both = Tells().boost(*data), Tells().learn(*data)
    assert both.line is not None
    line = both.line.parts(data.x).sum(1)
    np.testing.assert_allclose(both.margin(data.x), trees.margin(data.x) + line, atol=1e-9)
    assert line.std() == pytest.approx(trees.margin(data.x).std())


def test_trees_count_for_what_they_are_told(data: Drawn) -> None:
    trees, less = Tells().boost(*data), Tells(trees=0.25).learn(*data)
    assert less.line is not None
    own = less.margin(data.x) - less.line.parts(data.x).sum(1)
    np.testing.assert_allclose(own, 0.25 * trees.margin(data.x), atol=1e-9)


def test_contributions_add_up(model: TellModel, data: Drawn) -> None:
    judged = model.judge(data.x[:3])
    constant = float(model.calibration.log_odds(model.baseline))
    logit = constant + sum(tell["contribution"] for tell in judged.tells.values())
    assert judged.p_synthetic == pytest.approx(1 / (1 + np.exp(-logit)))
    assert len(judged.windows) == 3
    assert set(judged.tells) == set(tells.USUAL)
    assert all(0 <= tell["score"] <= 1 for tell in judged.tells.values())


def two_kinds(persons: int, seed: int) -> Drawn:
    """Of the fakes one kind goes up in a column of noise, the other in one of jitter, and down in the first kind's."""
    drawn = draw(persons, shift=0.0, seed=seed)
    kind = np.where(
        drawn.rows.labels == 0, "real", np.where(np.repeat(np.arange(persons) % 4, 6) == 1, "ours", "theirs")
    )
    drawn.x[:, NAMES.index("noise.level_kb")] += 5.0 * (kind == "theirs") - 5.0 * (kind == "ours")
    drawn.x[:, NAMES.index("jitter.head")] += 5.0 * (kind == "ours")
    return Drawn(drawn.x, Rows(drawn.rows.labels, drawn.rows.clips, drawn.rows.identities, kind))


def test_fakes_of_two_kinds_have_a_model_each(tmp_path: Path) -> None:
    taught, judged = two_kinds(80, 0), two_kinds(80, 1)
    model = Tells(apart=("ours",)).fit(*taught)
    assert model.kin is not None
    first, scores = clip_means(judged.rows.clips, model.margin(judged.x))
    kinds = judged.rows.methods[first]
    for kind in ("ours", "theirs"):
        chosen = (kinds == kind) | (kinds == "real")
        assert auc(kinds[chosen] == kind, scores[chosen]) > 0.8
    x = judged.x[judged.rows.methods == "ours"]
    verdict = model.judge(x)
    alone = replace(model, kin=None)
    assert verdict.p_synthetic > alone.judge(x).p_synthetic
    assert verdict.tells["jitter"]["contribution"] > alone.judge(x).tells["jitter"]["contribution"]
    added = sum(tell["contribution"] for tell in verdict.tells.values())
    constant = float(model.calibration.log_odds((model.margin(x) - model.terms(x).sum(1)).mean()))
    assert verdict.p_synthetic == pytest.approx(1 / (1 + np.exp(-(constant + added))))
    model.save(tmp_path / "model.npz")
    np.testing.assert_array_equal(TellModel.load(tmp_path / "model.npz").margin(x), model.margin(x))


def test_one_kind_alone_has_no_model_apart(data: Drawn) -> None:
    assert Tells(apart=("warp",)).learn(*data).kin is None
    assert Tells(apart=("other",)).learn(*data).kin is None


def test_a_kin_that_is_not_sure_says_nothing() -> None:
    taught, judged = two_kinds(80, 0), two_kinds(80, 1)
    model = Tells(apart=("ours",)).learn(*taught)
    alone = replace(model, kin=None).margin(judged.x)
    added = model.margin(judged.x) - alone
    assert (added >= 0).all()
    real, theirs = judged.rows.labels == 0, judged.rows.methods == "ours"
    assert (added[real] > 0).mean() < 0.1 < 0.7 < (added[theirs] > 0).mean()
    assert model.kin is not None
    assert (added <= model.kin.most + 1e-9).all()
    assert np.isclose(added[theirs], model.kin.most).any()


def test_a_family_is_moved_by_its_own_features_only(model: TellModel, data: Drawn) -> None:
    x = data.x[:20]
    changed = x.copy()
    column = NAMES.index("jitter.head")
    changed[:, column] = np.where(changed[:, column] > 0, -3, 3)
    moved = np.abs(model.terms(changed) - model.terms(x)).sum(0) > 0
    assert [family for family, is_moved in zip(model.families, moved, strict=True) if is_moved] == ["jitter"]


def test_unseen_persons_are_told_apart_and_calibrated(model: TellModel) -> None:
    unseen = draw(persons=120, shift=2.0, seed=5)
    first, means = clip_means(unseen.rows.clips, model.margin(unseen.x))
    p, y = model.calibration(means), unseen.rows.labels[first]
    assert auc(y, p) > 0.85
    assert expected_calibration_error(y, p) < 0.12
    named = model.judge(unseen.x).tells
    top = sorted(named, key=lambda family: -abs(model.probes[family].slope * np.std(_term(model, unseen.x, family))))
    assert set(top[:2]) == {"noise", "jitter"}


def _term(model: TellModel, x: F64, family: str) -> F64:
    return model.terms(x)[:, model.families.index(family)]


def test_random_labels_are_chance() -> None:
    noise = draw(persons=120, shift=0.0, seed=2)
    scores = np.zeros(len(noise.rows.labels))
    for train, test in folds(noise.rows.labels, noise.rows.identities, 4, 0):
        part = Tells().boost(noise.x[train], noise.rows[train])
        scores[test] = part.margin(noise.x[test])
    first, means = clip_means(noise.rows.clips, scores)
    low, high = auc_interval(noise.rows.labels[first], means, noise.rows.identities[first].tolist())
    assert low < 0.55
    assert high > 0.45


def test_same_seed_same_model(data: Drawn, model: TellModel) -> None:
    again = Tells().fit(*data)
    np.testing.assert_array_equal(model.margin(data.x), again.margin(data.x))


def test_families_left_out_add_nothing(data: Drawn) -> None:
    part = Tells(families=("noise", "pose")).fit(*data)
    silent = [k for k, family in enumerate(part.families) if family not in ("noise", "pose")]
    assert not part.terms(data.x)[:, silent].any()
    assert auc(data.rows.labels, part.margin(data.x)) > 0.8


@pytest.mark.parametrize("missing", [1, 0])
def test_what_only_one_class_has_is_not_learnt(missing: int) -> None:
    drawn = draw()
    sync = [k for k, name in enumerate(NAMES) if name.startswith("sync.")]
    drawn.x[np.ix_(drawn.rows.labels == missing, sync)] = np.nan
    model = Tells(tuple(tells.FAMILIES)).fit(*drawn)
    assert "pulse" in model.judge(drawn.x[:3]).tells
    assert "sync" not in model.judge(drawn.x[:3]).tells
    given = drawn.x[:3].copy()
    given[:, sync] = 5.0
    assert model.judge(given).p_synthetic == model.judge(drawn.x[:3]).p_synthetic


def test_folds_share_no_identity(data: Drawn) -> None:
    for train, test in folds(data.rows.labels, data.rows.identities, 5, 0):
        assert not set(data.rows.identities[train]) & set(data.rows.identities[test])
    with pytest.raises(InputError, match="two identities"):
        folds(np.array([0, 0, 1]), np.array(["a", "b", "c"]), 5, 0)


def test_a_feature_that_no_clip_has_is_not_asked_about() -> None:
    drawn, column = draw(persons=12, shift=3.0), NAMES.index("jitter.head")
    drawn.x[:, column] = np.nan
    found = Tells().boost(*drawn)
    assert column not in found.trees.feature
    assert auc(drawn.rows.labels, found.margin(drawn.x)) > 0.9


def test_weights_balance_classes_and_clips() -> None:
    labels, clips = np.array([0, 0, 0, 0, 1]), np.array(["a", "a", "a", "b", "c"])
    weights = balanced_weights(Rows(labels, clips, clips, np.array(["real"] * 4 + ["warp"])))
    assert weights[labels == 0].sum() == pytest.approx(weights[labels == 1].sum())
    assert weights[:3].sum() == pytest.approx(weights[3])
    assert weights.mean() == pytest.approx(1)


def test_a_frequent_method_counts_by_the_root_of_its_clips() -> None:
    clips = np.array([str(i) for i in range(6)])
    rows = Rows(
        np.array([0, 1, 1, 1, 1, 1]), clips, clips, np.array(["real", "often", "often", "often", "often", "rare"])
    )
    weights = balanced_weights(rows)
    assert weights[1:5].sum() == pytest.approx(2 * weights[5])


def test_two_looks_are_clips_of_one_source_and_method_window_by_window() -> None:
    clips = np.array(["a0", "a0", "a0", "a1", "a1", "n", "f", "b"])
    sources = np.array(["a", "a", "a", "a", "a", "a", "a", "b"])
    methods = np.array(["real"] * 5 + ["null", "warp", "real"])
    rows = Rows(np.array([0, 0, 0, 0, 0, 0, 1, 0]), clips, clips, methods, None, sources)
    np.testing.assert_array_equal(looks(rows), [[0, 3], [1, 4]])
    np.testing.assert_array_equal(looks(rows[np.array([3, 0, 7])]), [[0, 1]])
    assert looks(Rows(rows.labels, clips, clips, methods)).shape == (0, 2)


def test_saved_and_loaded_alike(tmp_path: Path, model: TellModel, data: Drawn) -> None:
    path = tmp_path / "model.npz"
    model.save(path)
    loaded = TellModel.load(path)
    np.testing.assert_array_equal(loaded.predict(data.x), model.predict(data.x))
    assert loaded.judge(data.x).tells == model.judge(data.x).tells
    assert loaded.card == model.card
    with pytest.raises(UsageError, match="--force"):
        model.save(path)
    model.save(path, force=True)


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.npz"
    path.write_bytes(b"not a model")
    with pytest.raises(InputError, match="no model"):
        TellModel.load(path)
    with pytest.raises(InputError, match="no model"):
        TellModel.load(tmp_path / "missing.npz")
    path.write_bytes(pickle.dumps({"any": "thing"}))
    with pytest.raises(InputError, match="no model"):
        TellModel.load(path)
    np.savez(path, about=np.array(["pickled"], dtype=object))
    with pytest.raises(InputError, match="no model"):
        TellModel.load(path)


def test_a_tree_in_a_circle_is_refused(model: TellModel) -> None:
    arrays = model.trees.arrays()
    arrays["left"] = np.zeros_like(arrays["left"])
    with pytest.raises(ValueError, match="circle"):
        Trees.from_arrays(arrays)
    arrays["left"] = np.full_like(arrays["left"], 10**6)
    with pytest.raises(ValueError, match="outside"):
        Trees.from_arrays(arrays)
