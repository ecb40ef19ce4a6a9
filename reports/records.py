"""Reads what a report is made of: the dataset's manifest, the detector's evaluation, the verdicts after each channel.

Everything is a record on disk; nothing is measured here and nothing of the generator or the detector is imported.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tellmark.errors import InputError
from tellmark.manifest import read_clips
from tellmark.reports.measured import GapScores, csv_rows, json_object, read_audit, read_gap, read_groups, read_motion
from tellmark.types import F64, Clip, Label, VerdictKind

EVALUATION_SCHEMA = "tellmark.evaluation/1"


@dataclass(frozen=True, slots=True)
class Score:
    """The detector's score of one clip that it was not trained on."""

    clip_id: str
    fake: bool
    label: str
    method: str
    identity: str
    p: float  # calibrated probability of "fake", in [0, 1]


@dataclass(frozen=True, slots=True)
class Tell:
    """How well one family of features alone separates the classes."""

    family: str
    auc: float
    auc_ci: tuple[float, float]  # 95 %
    top_feature: str
    cohens_d: float | None  # None: its feature could not be measured


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The ``tellmark.evaluation/1`` record of one detector on one dataset."""

    model: str
    n_clips: int
    n_identities: int
    seed: int
    negative_class: str
    overall: Mapping[str, Any]  # auc, auc_ci, ap, eer, tpr_at_1pct_fpr, brier, ece, roc
    tells: tuple[Tell, ...]
    scores: tuple[Score, ...]
    watermark: Mapping[str, float] | None  # fake_<arm>_vs_negative_<arm> -> AUC, arms marked and clean
    notes: tuple[str, ...]

    def p(self, fake: bool) -> F64:
        """Scores of the fakes, or of the other clips."""
        return np.array([score.p for score in self.scores if score.fake is fake], dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Check:
    """The verdict on one clip after one channel."""

    clip_id: str
    channel: str
    verdict: VerdictKind
    payload_ok: bool
    p_value: float


@dataclass(frozen=True, slots=True)
class Records:
    """All that one report is about."""

    folder: Path
    dataset: Mapping[str, Any]  # dataset.json
    clips: tuple[Clip, ...]
    evaluation: Evaluation
    checks: tuple[Check, ...]  # empty: not measured
    benchmarks: tuple[tuple[str, tuple[dict[str, str], ...]], ...]  # (name, rows) of each CSV file
    gap: GapScores | None = None  # None: not measured; the evaluation alone speaks then
    motion: Mapping[str, Mapping[str, float]] = field(default_factory=dict)  # clip_id -> measure -> value
    audit: Mapping[str, Any] | None = None  # tellmark.audit/1
    groups: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # clip_id -> attribute -> group


def load(
    folder: Path, evaluation: Mapping[str, Any] | Path | None = None, benchmarks: tuple[Path, ...] = ()
) -> Records:
    """Read every record of ``folder``; ``evaluation`` stands in for ``folder/evaluation.json``.

    Raises :class:`InputError` where a record is missing, damaged, of another schema, or not of this dataset.
    """
    dataset = json_object(folder / "dataset.json", "build it with `tellmark dataset build`")
    clips = tuple(read_clips(folder))
    if isinstance(evaluation, Mapping):
        result, source = evaluation, "the evaluation"
    else:
        path = evaluation or folder / "evaluation.json"
        result, source = json_object(path, f"make it with `tellmark evaluate MODEL {folder}`"), str(path)
    return Records(
        folder=folder,
        dataset=dataset,
        clips=clips,
        evaluation=_evaluation(result, source, {clip.clip_id for clip in clips}),
        checks=_checks(folder / "verification.jsonl"),
        benchmarks=tuple((path.stem, csv_rows(path)) for path in benchmarks),
        gap=read_gap(folder / "gap.json", clips),
        motion=read_motion(folder / "motion.jsonl"),
        audit=read_audit(folder / "audit.json"),
        groups=read_groups(folder / "groups.csv", clips),
    )


def _evaluation(record: Mapping[str, Any], source: str, known: set[str]) -> Evaluation:
    if record.get("schema") != EVALUATION_SCHEMA:
        found = record.get("schema")
        raise InputError(f"{source} has schema {found!r}, not {EVALUATION_SCHEMA!r}; run `tellmark evaluate` again")
    try:
        scores = tuple(
            Score(
                clip_id=str(row["clip_id"]),
                fake=Label(row["label"]) is Label.FAKE,
                label=str(row["label"]),
                method=str(row["method"]),
                identity=str(row["identity"]),
                p=float(row["p"]),
            )
            for row in record["scores"]
        )
        tells = tuple(
            Tell(
                family=str(family),
                auc=float(row["auc"]),
                auc_ci=_interval(row["auc_ci"]),
                top_feature=str(row["top_feature"]),
                cohens_d=None if row["cohens_d"] is None else float(row["cohens_d"]),
            )
            for family, row in record["tells"].items()
        )
        overall = dict(record["overall"])
        for key in ("auc", "ap", "eer", "tpr_at_1pct_fpr", "brier", "ece"):
            overall[key] = float(overall[key])
        overall["auc_ci"] = _interval(overall["auc_ci"])
        overall["roc"] = [_pair(point) for point in overall["roc"]]
        evaluation = Evaluation(
            model=str(record["model"]),
            n_clips=int(record["n_clips"]),
            n_identities=int(record["n_identities"]),
            seed=int(record["seed"]),
            negative_class=str(record["negative_class"]),
            overall=overall,
            tells=tuple(sorted(tells, key=lambda tell: (-tell.auc, tell.family))),
            scores=tuple(sorted(scores, key=lambda score: score.clip_id)),
            watermark=record.get("watermark"),
            notes=tuple(str(note) for note in record.get("notes", ())),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{source} lacks or garbles {error}; run `tellmark evaluate` again") from error
    if len({score.fake for score in scores}) < 2:
        raise InputError(f"{source} scores one class only; evaluate on a split that holds fakes and their originals")
    strangers = sorted({score.clip_id for score in scores} - known)
    if strangers:
        raise InputError(f"{source} scores {strangers[0]}, which this dataset lacks; evaluate the model on this one")
    return evaluation


def _checks(path: Path) -> tuple[Check, ...]:
    if not path.exists():
        return ()
    checks = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            checks.append(
                Check(
                    clip_id=str(row["clip_id"]),
                    channel=str(row["channel"]),
                    verdict=VerdictKind(row["verdict"]),
                    payload_ok=bool(row["payload_ok"]),
                    p_value=float(row["p_value"]),
                )
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"{path}, line {number}: not a verification row ({error}); remove or mend it") from error
    return tuple(checks)


def _pair(value: Any) -> tuple[float, float]:
    low, high = value
    return float(low), float(high)


def _interval(value: Any) -> tuple[float, float]:
    """Of an AUC. The evaluation gives none where too few identities could be drawn: anything is possible then."""
    if value is None or None in value:
        return 0.0, 1.0
    return _pair(value)
