"""Tells in proportion to the quality: compression moves real clips nowhere, what is fake stays visible."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tellmark.detector.features import NAMES
from tellmark.detector.metrics import auc
from tellmark.detector.models import quality
from tellmark.detector.models.additive import Tells
from tellmark.detector.models.model import TellModel
from tellmark.detector.models.proportion import Proportion
from tellmark.detector.models.rows import Rows, balanced_weights, clip_means
from tellmark.types import F64
from tests.detector.columns import normal

RUNGS = ("c23", "c40")
SEEN, TELL = NAMES.index("spectral.slope_high"), NAMES.index("persistence.decay")


def draw(persons: int = 40, seed: int = 0) -> tuple[F64, Rows]:
    """Two windows a clip. The quality shows in one column; the tell of fakes is as far off as c40 moves every clip.

    At c40 the tell is also three times as unsteady, and three times as large.
    """
    rng = np.random.default_rng(seed)
    kinds = [(person, label, rung) for person in range(persons) for label in (0, 1) for rung in RUNGS]
    owner = np.repeat(np.arange(len(kinds)), 2)
    labels = np.array([label for _, label, _ in kinds])[owner]
    rungs = np.array([rung for *_, rung in kinds])[owner]
    x = normal(rng, len(owner))
    x[:, SEEN] += np.where(rungs == "c40", 6.0, 0.0)
    x[:, TELL] = (x[:, TELL] + 3.0 * labels) * np.where(rungs == "c40", 3.0, 1.0) + np.where(rungs == "c40", 3.0, 0.0)
    who = np.array([f"p{person}" for person, *_ in kinds])[owner]
    return x, Rows(labels, owner.astype(str), who, np.where(labels == 1, "warp", "real"), rungs)


def learnt(x: F64, rows: Rows) -> Proportion:
    assert rows.rungs is not None
    return quality.learn(x, rows.rungs, rows.labels == 0, balanced_weights(rows))


@pytest.fixture(scope="module")
def model() -> TellModel:
    return Tells().fit(*draw())


def test_axes_tell_the_rungs_of_people_never_seen() -> None:
    found = learnt(*draw())
    x, rows = draw(seed=1)
    assert found.seen(x).shape == (len(x), 1)
    assert abs(auc((rows.rungs == "c40").astype(int), found.seen(x)[:, 0]) - 0.5) > 0.49
    moved = x.copy()
    moved[:, TELL] = np.nan
    np.testing.assert_array_equal(found.seen(moved), found.seen(x))  # spectrum and noise alone


def test_real_clips_of_every_rung_lie_alike_and_fakes_apart() -> None:
    x, rows = draw(seed=1)
    z = learnt(*draw()).of(x)[:, TELL]
    for rung in RUNGS:
        real, fake = (z[(rows.rungs == rung) & (rows.labels == label)] for label in (0, 1))
        assert abs(np.median(real)) < 0.8  # of 3
        assert 0.5 < np.std(real) < 2.0
        assert np.median(fake) > 1.8
    raw = x[:, TELL]
    assert abs(np.median(raw[(rows.rungs == "c40") & (rows.labels == 0)]) - 3.0) < 0.6  # like a fake of c23


def test_one_odd_clip_moves_no_line() -> None:
    x, rows = draw()
    before = learnt(x, rows)
    x[np.flatnonzero(rows.labels == 0)[:2], TELL] = 1e4
    after = learnt(x, rows)
    np.testing.assert_allclose(after.usual[:, TELL], before.usual[:, TELL], atol=0.3)


def test_what_nobody_knows_stays_unknown() -> None:
    x, rows = draw()
    x[:, TELL] = np.nan
    x[:5, SEEN] = np.nan
    found = learnt(x, rows).of(x)
    assert np.isnan(found[:, TELL]).all()
    assert np.isnan(found[:5, SEEN]).all()
    assert np.isfinite(found[:, TELL + 1]).all()


def test_one_model_of_both_rungs(model: TellModel) -> None:
    x, rows = draw(seed=2)
    assert model.proportion is not None
    assert Tells(by_quality=False).learn(x, rows).proportion is None
    first, means = clip_means(rows.clips, model.margin(x))
    labels, rungs = rows.labels[first], np.asarray(rows.rungs)[first]
    assert auc(labels, means) > 0.97
    middles = {rung: np.median(means[(labels == 0) & (rungs == rung)]) for rung in RUNGS}
    gap = np.median(means[labels == 1]) - np.median(means[labels == 0])
    assert abs(middles["c23"] - middles["c40"]) < 0.25 * gap, "a real clip is as real at either rung"


def test_contributions_add_up_and_the_file_holds_all(model: TellModel, tmp_path: Path) -> None:
    x, _ = draw(seed=3)
    found = model.judge(x[:2])
    constant = float(model.calibration.log_odds(model.baseline))
    logit = constant + sum(tell["contribution"] for tell in found.tells.values())
    assert found.p_synthetic == pytest.approx(1 / (1 + np.exp(-logit)))
    model.save(tmp_path / "model.npz")
    again = TellModel.load(tmp_path / "model.npz")
    np.testing.assert_array_equal(again.predict(x), model.predict(x))


@pytest.mark.parametrize("why", ["a clip has none", "a rung has two fakes", "nobody says", "one rung"])
def test_without_rungs_tells_stay_as_they_are(why: str) -> None:
    x, rows = draw(persons=12)
    assert rows.rungs is not None
    if why == "a clip has none":
        rows.rungs[:2] = ""
    elif why == "a rung has two fakes":
        keep = (rows.rungs == "c23") | (rows.labels == 0) | np.isin(rows.identities, ["p0", "p1"])
        x, rows = x[keep], rows[keep]
    elif why == "one rung":
        x, rows = x[rows.rungs == "c23"], rows[rows.rungs == "c23"]
    else:
        rows = replace(rows, rungs=None)
    assert Tells().learn(x, rows).proportion is None
