"""Every kind of model learns what its view shows, is kept without code, and goes on where it stopped."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tellmark.detector.metrics import auc
from tellmark.detector.models import fusion
from tellmark.detector.models.fusion import Fusion, load_model, stack, take, train_fusion
from tellmark.detector.models.learning import Schedule, descend
from tellmark.detector.models.network import Network
from tellmark.detector.models.rows import Rows
from tellmark.detector.models.selfblend import self_blend
from tellmark.detector.models.temporal import Temporal
from tellmark.errors import InputError
from tests.detector.columns import normal

N = 48


@pytest.fixture(scope="module")
def rows() -> Rows:
    labels = np.arange(N) % 2
    return Rows(
        labels,
        np.array([f"c{i}" for i in range(N)]),
        np.array([f"p{i // 2}" for i in range(N)]),
        np.where(labels == 1, "warp", "real"),
    )


@pytest.fixture(scope="module")
def views(rows: Rows) -> dict[str, Any]:
    """Tells shift a feature, motion trembles, crops of fakes are rough."""
    rng = np.random.default_rng(0)
    tells = normal(rng, N)
    tells[:, 0] += 2.5 * rows.labels
    motion = np.cumsum(rng.normal(size=(N, 40, 12)), axis=1).astype(np.float32) * 0.1
    motion += (rows.labels[:, None, None] * rng.normal(size=(N, 40, 12))).astype(np.float32)
    amplitude = np.where(rows.labels == 1, 60, 15)[:, None, None, None, None]
    crops = 120 + amplitude * rng.uniform(-1, 1, (N, 4, 32, 32, 3))
    return {"tells": tells, "motion": motion, "crops": crops.astype(np.uint8)}


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = {**fusion.PARTS, "network": Network("meso4", size=32, epochs=6), "temporal": Temporal(width=8, epochs=8)}
    monkeypatch.setattr(fusion, "PARTS", parts)


@pytest.mark.usefixtures("small")
def test_a_fusion_judges_what_it_has_learned(tmp_path: Path, views: dict[str, Any], rows: Rows) -> None:
    model, margins = train_fusion("fusion", views, rows)
    assert set(margins) == {"tells", "network", "temporal", "model"}
    assert auc(rows.labels, margins["model"]) > 0.9
    assert min(model.weights.values()) >= 0
    path = tmp_path / "model.safetensors"
    model.save(path)
    again = load_model(path)
    assert isinstance(again, Fusion)
    chosen = take(views, np.array([1]))
    one, other = model.judge(chosen), again.judge(chosen)
    assert one.p_synthetic == pytest.approx(other.p_synthetic)
    assert set(one.tells) == {"tells", "network", "temporal"}
    constant = model.calibration.offset
    logit = np.log(one.p_synthetic / (1 - one.p_synthetic))
    assert sum(part["contribution"] for part in one.tells.values()) + constant == pytest.approx(logit, abs=1e-6)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(InputError, match="no model"):
        load_model(path)


def test_a_useless_part_gets_no_weight(rows: Rows) -> None:
    rng = np.random.default_rng(1)
    good, bad = rows.labels + 0.3 * rng.normal(size=N), -rows.labels + rng.normal(size=N)
    weights = stack({"good": good, "bad": bad}, rows)
    assert weights["good"] > 0.5
    assert weights["bad"] == pytest.approx(0, abs=1e-6)


def test_training_goes_on_where_it_stopped(tmp_path: Path) -> None:
    x, y = torch.randn(32, 4, generator=torch.Generator().manual_seed(0)), np.arange(32) % 2

    def batch(chosen: Any, rng: Any) -> Any:
        return x[chosen], y[chosen]

    def net() -> torch.nn.Module:
        torch.manual_seed(3)
        return torch.nn.Linear(4, 1)

    schedule = Schedule(epochs=4, batch=8)
    whole = descend(net(), batch, np.ones(32), schedule)
    checkpoint = tmp_path / "part.pt"

    calls = 0

    def breaks(chosen: Any, rng: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls > 9:  # two epochs of four steps are done
            raise KeyboardInterrupt
        return batch(chosen, rng)

    with pytest.raises(KeyboardInterrupt):
        descend(net(), breaks, np.ones(32), schedule, checkpoint=checkpoint)
    assert checkpoint.exists()
    resumed = descend(net(), batch, np.ones(32), schedule, checkpoint=checkpoint)
    assert not checkpoint.exists()
    for one, other in zip(whole.parameters(), resumed.parameters(), strict=True):
        torch.testing.assert_close(one, other)


def test_self_blending_changes_the_face_and_not_the_corners() -> None:
    crop = np.random.default_rng(0).integers(60, 200, (64, 64, 3)).astype(np.uint8)
    made = self_blend(crop, np.random.default_rng(5))
    change = np.abs(made.astype(int) - crop)
    assert change[28:36, 28:36].mean() > 5
    assert change[:4, :4].max() <= 1


def test_fields_of_rows_follow_the_choice(rows: Rows) -> None:
    part = rows[np.array([0, 3])]
    assert dataclasses.asdict(part)["clips"].tolist() == ["c0", "c3"]
