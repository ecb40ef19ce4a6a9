"""Who judges whom: nobody is judged by a model that saw them, and what nobody learns from is taught to nobody."""

from typing import Any

import numpy as np
import pytest

from tellmark.detector.doses import judge_doses
from tellmark.detector.features import NAMES, ClipFeatures
from tellmark.detector.heldout import judge_held_out
from tellmark.detector.models import additive
from tellmark.detector.models.additive import Tells
from tellmark.errors import InputError
from tellmark.types import Clip, Label
from tests.detector.columns import normal


def pair(person: str, method: str, x: np.ndarray, params: str = "{}") -> tuple[Clip, ClipFeatures]:
    clip = Clip(
        clip_id=f"{person}-{method}-{params}", path="", sha256=f"{person}-{method}-{params}", method=method,
        label=Label.REAL if method in ("real", "null") else Label.FAKE, identity=person, source_id=person, voice_id="",
        split="train", seed=0, width=512, height=512, fps=25.0, seconds=3.2, codec="libx264", crf=23, preset="veryfast",
        marked=True, payload=None, generator_version="", licence="", params=params,
    )  # fmt: skip
    return clip, ClipFeatures(np.array([0.8, 2.4]), x, 80, 1, 80, 200.0)


def people(count: int, method: str, shift: float, seed: int) -> list[tuple[Clip, ClipFeatures]]:
    rng = np.random.default_rng(seed)
    x = normal(rng, count, 2)
    x[:, :, ::7] += shift
    return [pair(f"p{k}", method, x[k]) for k in range(count)]


class Spy(Tells):
    """Remembers whom its models were taught."""

    def __init__(self) -> None:
        super().__init__()
        object.__setattr__(self, "taught", [])

    def fit(self, x: Any, rows: Any, *, seed: int = 0) -> Any:
        self.taught.append((set(rows.identities.tolist()), set(rows.methods.tolist())))  # type: ignore[attr-defined]
        return super().fit(x, rows, seed=seed)


def test_nobody_is_judged_by_a_model_that_saw_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(additive._BOOSTING, "max_iter", 60)
    taught = people(12, "real", 0, 1) + people(12, "talk", 1.5, 2)
    nulls = [*people(12, "null", 0, 3), pair("stranger", "null", np.zeros((2, len(NAMES))))]
    spy = Spy()
    judged = judge_held_out(taught, nulls, spy, count=3)
    assert len(judged) == len(taught) + len(nulls)
    for one in judged:
        names, methods = spy.taught[one.fold]  # type: ignore[attr-defined]
        assert one.clip.identity not in names
        assert methods == {"real", "talk"}
    by_method = {
        m: np.mean([one.judgement.p_synthetic for one in judged if one.clip.method == m])
        for m in ("real", "null", "talk")
    }
    assert by_method["talk"] > 0.7 > 0.4 > max(by_method["real"], by_method["null"])


def test_two_persons_a_class_are_too_few() -> None:
    with pytest.raises(InputError, match=r"fakes of 2 and other clips of 12 persons .*--persons"):
        judge_held_out(people(12, "real", 0, 1) + people(2, "talk", 1.5, 2))


def dialled(shift: float, persons: int = 12) -> list[tuple[Clip, ClipFeatures]]:
    rng = np.random.default_rng(0)
    direction = normal(rng) * (np.arange(len(NAMES)) % 5 == 0)
    made = []
    for k in range(persons):
        base = normal(rng, 2)
        made.append(pair(f"p{k}", "talk", base))
        for severity in (0.3, 0.6, 1.0):
            noise = 0.2 * normal(rng, 2)
            params = f'{{"dial": "blur", "severity": {severity}}}'
            made.append(pair(f"p{k}", "talk", base + shift * severity * direction + noise, params))
    return made


def test_a_larger_dose_scores_further_on_people_that_were_left_out() -> None:
    doses = judge_doses(dialled(3.0))
    assert len(doses) == 12 * 4
    means = [np.mean([d.score for d in doses if d.severity == s]) for s in (0.0, 0.3, 0.6, 1.0)]
    assert means == sorted(means)
    assert means[-1] > means[0] + 2


def test_without_an_effect_doses_score_alike() -> None:
    doses = judge_doses(dialled(0.0))
    full, none = ([d.score for d in doses if d.severity == s] for s in (1.0, 0.0))
    assert abs(np.mean(full) - np.mean(none)) < 2 * np.std(none)


def test_two_people_are_too_few() -> None:
    assert judge_doses(dialled(3.0, persons=2)) == []
