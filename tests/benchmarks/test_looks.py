"""What tells actors from footage: statistics of regions, on pictures and rows made here."""

import numpy as np
import pytest

from tellmark.benchmarks import looks
from tellmark.generator.actors import facespace

COUNT = len(looks.FEATURES)


@pytest.fixture
def rows():
    rng = np.random.default_rng(0)
    return [{"skin": rng.normal(size=(60, COUNT)), "eyes": rng.normal(size=(60, COUNT))} for _ in range(2)]


def test_two_groups_of_one_kind_are_not_told_apart(rows):
    assert all(abs(auc - 0.5) < 0.15 for auc in looks.told(*rows).values())


def test_what_differs_is_named_first_with_its_sign(rows):
    real, made = rows
    made["eyes"][:, 3] += 2
    first = looks.tells(real, made)[0]
    assert (first.region, first.feature) == ("eyes", looks.FEATURES[3])
    assert first.auc > 0.85
    assert first.made > first.real
    told = looks.told(real, made)
    assert told["eyes"] > 0.8 > told["skin"]


def test_people_of_whom_a_region_is_not_seen_do_not_count(rows):
    real, made = rows
    real["eyes"][:30] = np.nan
    made["eyes"][30:] = np.nan
    assert abs(looks.told(real, made)["eyes"] - 0.5) < 0.2
    assert all(np.isfinite(tell.real) for tell in looks.tells(real, made))


def test_features_say_what_they_are_called():
    shape = facespace.load().mean
    rng = np.random.default_rng(1)
    plain = np.full((512, 512, 3), (190, 140, 120), np.uint8)
    rough = np.clip(plain + rng.normal(0, 14, (512, 512, 1)), 0, 255).astype(np.uint8)
    tinted = plain.copy()
    tinted[:256, :, 2] = 150  # blue above, over the forehead
    even, coarse, above = (looks.look(picture, shape) for picture in (plain, rough, tinted))
    detail, yellow = looks.FEATURES.index("detail, 0.7 to 1.4 px"), looks.FEATURES.index("yellow")
    assert coarse["cheeks"][detail] > even["cheeks"][detail] + 1
    assert above["forehead"][yellow] < even["forehead"][yellow] - 0.1
    assert even["forehead"][yellow] == pytest.approx(0, abs=1e-3)


def test_a_region_outside_the_picture_is_not_seen():
    shape = facespace.load().mean
    cut = np.full((round(float(shape[152, 1])), 512, 3), 128, np.uint8)  # ends at the chin
    seen = looks.look(cut, shape)
    assert np.isnan(seen["cloth"]).all()
    assert np.isfinite(seen["eyes"]).all()
