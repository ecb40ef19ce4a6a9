"""The authenticity-gap report: one self-contained HTML page, with the numbers and vector figures beside it."""

from __future__ import annotations

import csv
import hashlib
import importlib.metadata
import importlib.resources
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from markupsafe import Markup
from matplotlib.figure import Figure

from tellmark.reports import figures
from tellmark.reports.limits import limits, overlaps
from tellmark.reports.records import Records, load
from tellmark.reports.samples import ACTOR, samples
from tellmark.reports.statistics import auc, auc_interval, gap, reliability, wilson
from tellmark.runs import atomic_path, check_output
from tellmark.types import Label, VerdictKind

SCHEMA = "tellmark.report/1"
SPLITS = ("train", "val", "test")


def build_report(
    directory: Path | str,
    out_dir: Path | str,
    *,
    evaluation: Mapping[str, Any] | Path | None = None,
    benchmarks: Sequence[Path] = (),
    commands: Sequence[str] = (),
    force: bool = False,
) -> Path:
    """Write ``out_dir``: index.html, results.json, CSV tables and figures/; return the path of index.html.

    ``directory`` holds dataset.json, manifest.parquet, the clips, evaluation.json (or ``evaluation`` stands in for it)
    and, where channels were tried, verification.jsonl. ``benchmarks`` are CSV files shown as tables; ``commands`` the
    commands that led here, printed as they are. The same records give the same bytes.

    Raises :class:`InputError` where a record is missing or unusable, :class:`UsageError` if ``out_dir`` holds a report
    and ``force`` is not given.
    """
    folder, out = Path(directory), Path(out_dir)
    index = out / "index.html"
    check_output(index, force=force)
    records = load(folder, evaluation, tuple(benchmarks))
    results = measure(records)
    plots = _plots(records, results)
    drawn = {name: figures.standalone(plot, name) for name, (plot, _) in plots.items()}
    scores = {score.clip_id: score.p for score in records.evaluation.scores}
    page = _template().render(
        results=results,
        plots={name: Markup(figures.inline(drawn[name], name, text)) for name, (_, text) in plots.items()},
        samples=samples(folder, records.clips, scores),
        benchmarks=records.benchmarks,
        commands=list(commands) or list(records.dataset.get("commands", [])),
        css=Markup(importlib.resources.files("tellmark.reports").joinpath("report.css").read_text("utf-8")),
    )
    for name, svg in drawn.items():
        _write(out / "figures" / f"{name}.svg", svg)
    for name in ("tells", "methods", "channels", "scores"):
        _write_csv(out / f"{name}.csv", results[name])
    _write(out / "results.json", json.dumps(results, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
    _write(index, page)
    return index


def measure(records: Records) -> dict[str, Any]:
    """Every number of the report as plain JSON data (schema ``tellmark.report/1``)."""
    evaluation, overall = records.evaluation, records.evaluation.overall
    low, high = overall["auc_ci"]
    return {
        "schema": SCHEMA,
        "name": records.dataset.get("name", records.folder.name),
        "gap": {"value": gap(overall["auc"]), "ci": [gap(low), gap(high)]},
        "detector": {key: value for key, value in overall.items() if key != "roc"}
        | {
            "model": evaluation.model,
            "seed": evaluation.seed,
            "clips": evaluation.n_clips,
            "fakes": sum(score.fake for score in evaluation.scores),
            "others": sum(not score.fake for score in evaluation.scores),
            "identities": evaluation.n_identities,
            "negative_class": evaluation.negative_class,
        },
        "tells": [
            {
                "family": tell.family,
                "gap": gap(tell.auc),
                "gap_low": gap(tell.auc_ci[0]),
                "gap_high": gap(tell.auc_ci[1]),
                "auc": tell.auc,
                "top_feature": tell.top_feature,
                "cohens_d": tell.cohens_d,
            }
            for tell in evaluation.tells
        ],
        "methods": _methods(records),
        "calibration": [
            {"low": one.low, "high": one.high, "clips": one.count, "mean_p": one.mean_p, "fakes": one.rate}
            for one in reliability(*_scored(records))
        ],
        "watermark_matrix": evaluation.watermark,
        "channels": _channels(records),
        "composition": _composition(records),
        "overlaps": overlaps(records.clips),
        "encodings": sorted(
            {
                f"{clip.width}×{clip.height}, {clip.fps:g} fps, {clip.codec}, CRF {clip.crf}, preset {clip.preset}"
                for clip in records.clips
            }
        ),
        "marked": sum(clip.marked for clip in records.clips),
        "clips": len(records.clips),
        "licences": dict(sorted(Counter(clip.licence for clip in records.clips).items())),
        "limits": limits(records),
        "made_with": _made_with(records),
        "scores": [
            {
                "clip_id": _public(score.clip_id, score.identity, "clip"),
                "label": score.label,
                "method": score.method,
                "identity": _public(score.identity, score.identity, "person"),
                "p": score.p,
            }
            for score in evaluation.scores
        ],
    }


def _scored(records: Records) -> tuple[Any, Any]:
    """(scores, is it fake), in the order of the evaluation."""
    rows = records.evaluation.scores
    return np.array([row.p for row in rows]), np.array([row.fake for row in rows])


def _methods(records: Records) -> list[dict[str, Any]]:
    """Detectability of each forgery method against all negatives."""
    rows = records.evaluation.scores
    negatives = [row for row in rows if not row.fake]
    table = []
    for method in sorted({row.method for row in rows if row.fake}):
        fakes = [row for row in rows if row.fake and row.method == method]
        both = fakes + negatives
        value = auc(np.array([row.p for row in fakes]), records.evaluation.p(False))
        low, high = auc_interval(
            np.array([row.p for row in both]),
            np.array([row.fake for row in both]),
            [row.identity for row in both],
            seed=records.evaluation.seed,
        )
        table.append(
            {
                "method": method,
                "clips": len(fakes),
                "gap": gap(value),
                "gap_low": gap(low),
                "gap_high": gap(high),
                "auc": value,
            }
        )
    return table


def _channels(records: Records) -> list[dict[str, Any]]:
    """Verdicts and payloads after each channel, in the order in which the channels were tried."""
    order = list(dict.fromkeys(check.channel for check in records.checks))
    table = []
    for channel in order:
        rows = [check for check in records.checks if check.channel == channel]
        verdicts = Counter(check.verdict for check in rows)
        right = sum(check.payload_ok for check in rows)
        low, high = wilson(right, len(rows))
        table.append(
            {"channel": channel, "clips": len(rows)}
            | {verdict.value: verdicts[verdict] for verdict in VerdictKind}
            | {
                "payload_rate": right / len(rows),
                "payload_low": low,
                "payload_high": high,
                "median_p_value": float(np.median([check.p_value for check in rows])),
            }
        )
    return table


def _composition(records: Records) -> list[dict[str, Any]]:
    """Counts per split, label and method."""

    def key(clip: Any) -> tuple[int, str, str, str]:
        order = SPLITS.index(clip.split) if clip.split in SPLITS else len(SPLITS)
        return order, clip.split, clip.label.value, clip.method

    table = []
    for (_, split, label, method), group in groupby(sorted(records.clips, key=key), key):
        clips = list(group)
        table.append(
            {
                "split": split,
                "label": label,
                "method": method,
                "clips": len(clips),
                "identities": len({clip.identity for clip in clips}),
                "voices": len({clip.voice_id for clip in clips}),
                "minutes": sum(clip.seconds for clip in clips) / 60,
            }
        )
    return table


def _made_with(records: Records) -> dict[str, Any]:
    """Versions, seeds, machine and plan, as far as dataset.json holds them."""
    generators = sorted({clip.generator_version for clip in records.clips})
    return {
        "report": f"tellmark {importlib.metadata.version('tellmark')}",
        "generator": generators,
        "versions": dict(records.dataset.get("versions", {})),
        "machine": dict(records.dataset.get("machine", {})),
        "dataset_seed": records.dataset.get("seed"),
        "evaluation_seed": records.evaluation.seed,
        "plan": records.dataset.get("plan_text"),
    }


def _plots(records: Records, results: Mapping[str, Any]) -> dict[str, tuple[Figure, str]]:
    """Name -> (figure, the text that stands for it)."""
    evaluation, rows = records.evaluation, results["tells"]
    groups = sorted({(score.fake, score.label, score.method) for score in evaluation.scores}, reverse=True)
    dots = [
        (
            label if label == method else f"{label}: {method}",
            fake,
            np.array([s.p for s in evaluation.scores if (s.label, s.method) == (label, method)]),
        )
        for fake, label, method in groups
    ]
    medians = ", ".join(f"{name} {np.median(values):.2f}" for name, _, values in dots)
    plots = {}
    if rows:
        strongest = rows[0]
        plots["tells"] = (
            figures.tells(
                [row["family"] for row in rows],
                [row["gap"] for row in rows],
                [(row["gap_low"], row["gap_high"]) for row in rows],
            ),
            f"Detectability of {len(rows)} tells with 95% intervals. The strongest is {strongest['family']} at "
            f"{strongest['gap']:.2f}. All values are in the table.",
        )
    plots["roc"] = (
        figures.roc(evaluation.overall["roc"]),
        f"ROC curve with an area of {evaluation.overall['auc']:.3f}.",
    )
    plots["scores"] = (figures.scores(dots), f"Scores of all clips by class. Medians: {medians}.")
    plots["calibration"] = (
        figures.calibration(reliability(*_scored(records))),
        f"Share of fakes against the mean score, in bins; expected calibration error {evaluation.overall['ece']:.3f}.",
    )
    if results["channels"]:
        channels = results["channels"]
        worst = min(channels, key=lambda row: row["payload_rate"])
        plots["channels"] = (
            figures.channels(
                [row["channel"] for row in channels],
                [{v.value: row[v.value] / row["clips"] for v in VerdictKind} for row in channels],
            ),
            f"Verdicts after {len(channels)} channels. The payload is read least often after {worst['channel']}: "
            f"{worst['payload_rate']:.0%}.",
        )
    return plots


def _public(name: str, identity: str, prefix: str) -> str:
    """``name`` if it belongs to a virtual actor, else a pseudonym: names of real people leave no trace in a report."""
    return name if identity.startswith(ACTOR) else f"{prefix}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    environment.filters["signed"] = lambda value: f"{round(value, 2) + 0.0:.2f}".replace("-", "−")  # no minus zero
    environment.filters["breakable"] = lambda name: Markup("_<wbr>").join(name.split("_"))
    environment.globals["labels"] = {label.value: text for label, text in LABELS.items()}
    source = importlib.resources.files("tellmark.reports").joinpath("report.html").read_text("utf-8")
    return environment.from_string(source)


LABELS = {
    Label.FAKE: "a forgery: one portrait, animated",
    Label.REFERENCE: "a virtual actor performing in 3D before a simulated camera; not real",
    Label.REAL: "footage of a real person",
}


def _write(path: Path, text: str) -> None:
    with atomic_path(path, force=True) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    if not rows:
        path.unlink(missing_ok=True)  # a table of an earlier report must not pass for one of this
        return
    with atomic_path(path, force=True) as temporary, temporary.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
