"""Tells in proportion to motion: calm people are no fakes, and what is fake stays visible whoever sits still."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tellmark.detector.features import NAMES
from tellmark.detector.metrics import auc
from tellmark.detector.models import liveliness, quality
from tellmark.detector.models.additive import Tells
from tellmark.detector.models.model import TellModel
from tellmark.detector.models.rows import Rows, balanced_weights, clip_means
from tellmark.types import F64
from tests.detector.columns import normal

SPEED, TELL, OUTLINE = (NAMES.index(name) for name in ("pose.speed", "persistence.decay", "boundary.edge"))
LEARNER = Tells(by_motion=True)


def draw(persons: int = 60, seed: int = 0, calm_fakes: float = 1.0) -> tuple[F64, Rows]:
    """Two windows a clip. The tell follows motion, in both classes alike, and fakes are 1.5 off on top of it.

    Fakes move less by ``calm_fakes``, in deviations of what real people do.
    """
    rng = np.random.default_rng(seed)
    owner = np.repeat(np.arange(2 * persons), 2)
    labels = owner % 2
    x = normal(rng, len(owner))
    moves = rng.normal(size=2 * persons)[owner] - calm_fakes * labels
    x[:, SPEED] = moves + 0.1 * rng.normal(size=len(owner))
    x[:, TELL] += 1.5 * labels - 3 * moves
    who = np.char.add("p", (owner // 2).astype(str))
    return x, Rows(labels, owner.astype(str), who, np.where(labels == 1, "warp", "real"))


def test_a_real_clip_lies_alike_however_much_it_moves() -> None:
    x, rows = draw()
    found = liveliness.learn(x, rows.labels == 0, balanced_weights(rows))
    fresh, judged = draw(seed=1)
    real = judged.labels == 0
    slope = np.polyfit(fresh[real, SPEED], found.of(fresh)[real, TELL], 1)[0]
    assert abs(slope) < 0.25
    assert abs(np.polyfit(fresh[real, SPEED], fresh[real, TELL], 1)[0]) > 2.5


def test_the_axes_themselves_stay_in_order() -> None:
    x, rows = draw()
    z = liveliness.learn(x, rows.labels == 0, balanced_weights(rows)).of(x)
    assert np.corrcoef(x[:, SPEED], z[:, SPEED])[0, 1] == pytest.approx(1.0, abs=1e-6)


def test_fakes_that_move_otherwise_are_still_told() -> None:
    """Taught on calm fakes, judged on lively ones: without proportion the tell points the wrong way."""
    x, judged = draw(seed=2, calm_fakes=-1.5)
    first, _ = clip_means(judged.clips, x[:, 0])
    areas = [
        auc(judged.labels[first], clip_means(judged.clips, learner.learn(*draw()).margin(x))[1])
        for learner in (LEARNER, Tells())
    ]
    assert areas[0] > areas[1] + 0.1


def test_only_trees_weigh_the_outline_and_the_file_holds_all(tmp_path: Path) -> None:
    x, rows = draw()
    model = LEARNER.learn(x, rows)
    assert model.line is not None
    assert model.proportion is not None
    assert model.line.slope[OUTLINE] == model.line.bend[OUTLINE] == 0
    model.save(tmp_path / "model.npz")
    np.testing.assert_array_equal(TellModel.load(tmp_path / "model.npz").margin(x), model.margin(x))


def test_a_proportion_to_motion_is_told_from_one_to_quality() -> None:
    x, rows = draw()
    rungs = np.where(np.arange(len(x)) // 4 % 2 == 1, "c40", "c23")
    weights = balanced_weights(rows)
    assert liveliness.is_axis_of(liveliness.learn(x, rows.labels == 0, weights))
    assert not liveliness.is_axis_of(quality.learn(x, rungs, rows.labels == 0, weights))


def test_without_the_families_that_show_motion_tells_stay_as_they_are() -> None:
    assert Tells(families=("noise", "boundary"), by_motion=True).learn(*draw()).proportion is None
