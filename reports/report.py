"""The authenticity-gap report: one self-contained HTML page, with the numbers and vector figures beside it."""

from __future__ import annotations

import csv
import importlib.resources
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from markupsafe import Markup
from matplotlib.figure import Figure

from tellmark.reports import figures
from tellmark.reports.breakdown import FEWEST
from tellmark.reports.gap import FEWEST_PERSONS
from tellmark.reports.latex import COLUMNS, tabular
from tellmark.reports.records import Records, load
from tellmark.reports.results import measure, scored
from tellmark.reports.samples import samples
from tellmark.reports.statistics import reliability
from tellmark.runs import atomic_path, check_output
from tellmark.types import Label, VerdictKind


def build_report(
    directory: Path | str,
    out_dir: Path | str,
    *,
    evaluation: Mapping[str, Any] | Path | None = None,
    benchmarks: Sequence[Path] = (),
    commands: Sequence[str] = (),
    force: bool = False,
) -> Path:
    """Write ``out_dir``: index.html, results.json, CSV and LaTeX tables, figures/; return the path of index.html.

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
        commands=list(dict.fromkeys([*records.dataset.get("commands", []), *commands])),
        css=Markup(importlib.resources.files("tellmark.reports").joinpath("report.css").read_text("utf-8")),
    )
    for name, svg in drawn.items():
        _write(out / "figures" / f"{name}.svg", svg)
    for name in TABLES:
        _write_csv(out / f"{name}.csv", results[name])
        if name in COLUMNS:
            _write_or_remove(out / "tables" / f"{name}.tex", tabular(name, results[name]) if results[name] else None)
    _write(out / "results.json", json.dumps(results, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
    _write(index, page)
    return index


def _plots(records: Records, results: Mapping[str, Any]) -> dict[str, tuple[Figure, str]]:
    """Name -> (figure, the text that stands for it)."""
    evaluation = records.evaluation
    sets: dict[tuple[bool, str], list[float]] = {}
    counts = Counter((score.label, score.method) for score in evaluation.scores)
    for score in evaluation.scores:
        small = counts[score.label, score.method] < FEWEST and len(counts) > 4
        method = "other methods" if small else score.method
        name = score.label if score.label == method else f"{score.label}: {method}"
        sets.setdefault((score.fake, name), []).append(score.p)
    dots = [(name, fake, np.array(values)) for (fake, name), values in sorted(sets.items(), reverse=True)]
    medians = ", ".join(f"{name} {np.median(values):.2f}" for name, _, values in dots)
    plots = {}
    stated = {name: [row for row in results[name] if row["gap"] is not None] for name in GAPS}
    if rows := stated["tells"]:
        plots["tells"] = (figures.tells(rows), _said("Gap of each tell", rows, "family"))
    keys = {"methods": "method", "makings": "making", "compression": "compression", "sizes": "size", "groups": "group"}
    for name, key in keys.items():
        if len(stated[name]) > 1:
            named = [(f"{row.get('attribute', '')} {row[key]}".strip(), row) for row in stated[name]]
            plots[name] = (figures.gaps(named), _said(f"Gap by {key}", stated[name], key))
    if len(stated["durations"]) > 1:
        named = [(f"{row['seconds']:.1f} s", row) for row in stated["durations"]]
        plots["durations"] = (figures.gaps(named), _said("Gap by seconds judged", stated["durations"], "seconds"))
    if results["doses"]:
        seen = [row for row in results["doses"] if row["dose"] is not None]
        plots["doses"] = (
            figures.doses(results["doses"]),
            f"Response to {len(results['doses'])} dials; {len(seen)} pass an AUC of .75. All values are in the table.",
        )
    if results["motion"]:
        negatives = {clip.method for clip in records.clips if clip.label is not Label.FAKE}
        plots["motion"] = (
            figures.motion(results["motion"], sorted(negatives)),
            "Measures of motion for each method beside the negatives. All values are in the table.",
        )
    plots["roc"] = (
        figures.roc(evaluation.overall["roc"]),
        f"ROC curve with an area of {evaluation.overall['auc']:.3f}.",
    )
    plots["scores"] = (figures.scores(dots), f"Scores of all clips by class. Medians: {medians}.")
    plots["calibration"] = (
        figures.calibration(reliability(*scored(records))),
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


def _said(what: str, rows: Sequence[Mapping[str, Any]], key: str) -> str:
    """The text that stands for a plot of gaps."""
    largest, smallest = max(rows, key=lambda row: row["gap"]), min(rows, key=lambda row: row["gap"])
    return (
        f"{what}, {len(rows)} rows. Largest: {largest[key]} at {largest['gap']:.2f}. "
        f"Smallest: {smallest[key]} at {smallest['gap']:.2f}."
    )


def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    environment.filters["signed"] = _signed
    environment.filters["figure"] = lambda value, digits=2: "–" if value is None else f"{value:.{digits}f}"
    environment.filters["probability"] = _probability
    environment.filters.update(mark=_mark, control_value=_control_value, control_verdict=_control_verdict)
    environment.filters["breakable"] = lambda name: Markup("<wbr>").join(re.split(r"(?<=[._])", name))
    environment.globals["fewest_persons"] = FEWEST_PERSONS
    environment.globals["labels"] = {label.value: text for label, text in LABELS.items()}
    source = importlib.resources.files("tellmark.reports").joinpath("report.html").read_text("utf-8")
    return environment.from_string(source)


TABLES = (
    "tells", "methods", "makings", "compression", "sizes", "durations", "doses", "distances", "motion", "groups",
    "channels", "scores",
)  # fmt: skip
GAPS = ("tells", "methods", "makings", "compression", "sizes", "durations", "groups")  # tables whose rows are gaps
LABELS = {
    Label.FAKE: "forgeries; the methods are in the table",
    Label.REFERENCE: "a virtual actor performing in 3D before a simulated camera; not real",
    Label.REAL: "footage of a real person",
}


def _signed(value: float | None) -> str:
    """Two decimals, a true minus, no minus zero."""
    return "–" if value is None else f"{round(value, 2) + 0.0:.2f}".replace("-", "−")


def _probability(value: float) -> Markup:
    """Three decimals; a power of ten where they would say nothing."""
    if value >= 0.001:
        return Markup(f"{value:.3f}")
    digits, _, exponent = f"{value:.0e}".partition("e")
    return Markup(f"{digits}\u00a0·\u00a010<sup>−{-int(exponent)}</sup>") if value > 0 else Markup("0")


_SHOWN = {"report", "printed", "a matrix"}  # controls without a mark to miss


def _mark(text: str | None) -> str:
    """The pass mark of a control, as it is printed: ``drop <= .02`` is "drop ≤ 0.02"."""
    if not text or text in _SHOWN:
        return "none, only shown"
    for typed, printed in (("report, ", ""), ("<=", "≤"), (">=", "≥"), ("+-", "±")):
        text = text.replace(typed, printed)
    return re.sub(r"(?<!\d)\.(?=\d)", "0.", text)


def _control_value(row: Mapping[str, Any]) -> str:
    """Two decimals; a power of ten where a control fails by less than they show."""
    value = row["value"]
    if row["passed"] is False and value and round(value, 2) == 0:
        return Markup("−" if value < 0 else "") + _probability(abs(value))
    return _signed(value)


def _control_verdict(row: Mapping[str, Any]) -> str:
    if row["passed"] is None:
        return "not measured" if row["value"] is None else "too few clips"
    if row["pass_mark"] in _SHOWN:
        return "–"
    return "pass" if row["passed"] else "FAILS"


def _write_or_remove(path: Path, text: str | None) -> None:
    if text is None:
        path.unlink(missing_ok=True)
    else:
        _write(path, text)


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
