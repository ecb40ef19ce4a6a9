"""The gap's definition: its parts, its null, its order, its interval."""

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import roc_auc_score

from tellmark.reports.dose import curve, isotonic
from tellmark.reports.gap import Arm, Scored, auc, gap

RNG = np.random.default_rng(4)


def scored(fake: float = 1.0, null: float | None = 0.0, persons: int = 40, folds: int = 1, seed: int = 0) -> Scored:
    """A person's clips share half of their noise; ``fake`` and ``null`` are shifts of their scores."""
    rng = np.random.default_rng(seed)
    shifts = {Arm.NEGATIVE: 0.0, Arm.FAKE: fake} | ({Arm.NULL: null} if null is not None else {})
    own = rng.normal(size=persons)
    rows = [
        (own[k] + rng.normal() + shift, arm, f"p{k}", k % folds)
        for k in range(persons)
        for arm, shift in shifts.items()
    ]
    score, arm, identity, fold = zip(*rows, strict=True)
    return Scored(np.array(score), np.array(arm), np.array(identity), np.array(fold))


def test_it_is_twice_the_difference_of_two_aucs() -> None:
    clips = scored(1.5, 0.4)
    parts = {}
    for arm in (Arm.FAKE, Arm.NULL):
        rows = (clips.arm == arm) | (clips.arm == Arm.NEGATIVE)
        parts[arm] = roc_auc_score(clips.arm[rows] == arm, clips.score[rows])
    found = gap(clips)
    assert found.value == pytest.approx(2 * (parts[Arm.FAKE] - parts[Arm.NULL]))
    assert found.detectability == pytest.approx(2 * parts[Arm.FAKE] - 1)
    assert found.low < found.value < found.high
    assert gap(clips) == found


def test_footage_that_only_passed_the_pipeline_has_none() -> None:
    """The pipeline leaves a strong trace; a second null rendering stands in for the fakes."""
    found = [gap(scored(0.8, 0.8, seed=seed), draws=200) for seed in range(60)]
    assert abs(np.mean([one.value for one in found])) < 0.03
    assert np.mean([one.low <= 0 <= one.high for one in found]) >= 0.85
    assert np.mean([one.detectability for one in found]) > 0.3


def test_a_null_that_scores_low_by_chance_adds_nothing() -> None:
    found = gap(scored(1.5, -1.0))
    assert found.null < -0.2
    assert found.value == found.detectability
    assert found.high <= 1
    values = [gap(scored(0.0, 0.0, seed=seed), draws=10).value for seed in range(60)]
    assert -0.12 < np.mean(values) < 0.02


def test_without_a_null_arm_it_is_not_corrected() -> None:
    found = gap(scored(1.5, None))
    assert not found.corrected
    assert np.isnan(found.null)
    assert found.value == found.detectability


def test_it_grows_with_the_shift_of_the_fakes() -> None:
    values = [gap(scored(shift, 0.3), draws=10).value for shift in (0.0, 0.3, 1.0, 2.0, 4.0)]
    assert values == sorted(values)


def test_models_of_different_folds_are_not_set_against_each_other() -> None:
    clips = scored(3.0, None, folds=2)
    apart = Scored(clips.score + 100 * clips.fold, clips.arm, clips.identity, clips.fold)
    assert gap(apart).value == pytest.approx(gap(clips).value)
    pooled = roc_auc_score(apart.arm == Arm.FAKE, apart.score)
    assert pooled < 0.8 < auc(apart)


def test_the_interval_is_that_of_persons_not_of_clips() -> None:
    clips = scored(1.0, None, persons=12)
    many = Scored(*(np.repeat(column, 20) for column in (clips.score, clips.arm, clips.identity, clips.fold)))
    assert gap(many).high - gap(many).low == pytest.approx(gap(clips).high - gap(clips).low, rel=0.05)


@pytest.mark.parametrize("persons", [4, 24, 60])
def test_classes_that_lie_apart_leave_room_for_whoever_was_not_met(persons: int) -> None:
    """Drawing persons who all agree gives a point; the exact interval of successes in as many trials does not."""
    found = gap(scored(100.0, 0.0, persons=persons))
    share = binomtest(persons, persons).proportion_ci(0.95, method="exact").low
    assert found.detectability == 1
    assert found.detectability_ci == pytest.approx((2 * share - 1, 1.0))
    assert found.null_ci[0] < found.null < found.null_ci[1]


def test_an_empty_class_gives_no_number() -> None:
    clips = scored(1.0, None)
    found = gap(clips[clips.arm == Arm.NEGATIVE])
    assert np.isnan(found.value)
    assert np.isnan(found.low)


def _doses(strength: float, severities: tuple[float, ...] = (0.0, 0.25, 0.5, 1.0), persons: int = 60):
    rng = np.random.default_rng(2)
    rows = [(strength * s + rng.normal(), s, f"p{k}", k % 3) for k in range(persons) for s in severities]
    score, severity, identity, fold = (np.array(column) for column in zip(*rows, strict=True))
    arm = np.where(severity > 0, Arm.FAKE, Arm.NEGATIVE)
    return severity, Scored(score, arm, identity, fold)


def test_the_dose_at_which_a_known_artifact_is_seen() -> None:
    """Shifts of a normal score: the AUC is Phi(shift / sqrt 2), which passes .75 at .954."""
    found = curve("blur", *_doses(2.0))
    assert found.dose is not None
    assert found.dose == pytest.approx(0.954 / 2, abs=0.12)
    low, high = found.dose_ci
    assert low is not None
    assert high is not None
    assert low < 0.954 / 2 < high
    assert list(found.auc) == sorted(found.auc)
    assert (found.clips, found.persons) == (60, 60)


def test_a_crossing_below_the_smallest_dose_may_lie_anywhere_below_it() -> None:
    found = curve("blur", *_doses(40.0))
    assert found.dose is not None
    assert 0 < found.dose < 0.25
    assert found.dose_ci == (0.0, 0.25)


def test_a_dial_that_nothing_sees_has_no_dose() -> None:
    found = curve("sound", *_doses(0.0))
    assert found.dose is None
    assert found.dose_ci[1] is None
    assert all(low <= 0.5 <= high for low, high in found.auc_ci)


def test_isotonic_agrees_with_scikit_learn() -> None:
    for _ in range(20):
        values = RNG.normal(size=9)
        assert isotonic(values) == pytest.approx(IsotonicRegression().fit_transform(np.arange(9), values))
