"""`tellmark bench all`: the README's figures measured again, in one run on one machine, each beside a floor or a peer.

    tellmark bench all                                    # every figure that needs nobody's footage
    tellmark bench all --with data=DIR --with work=DIR2   # all figures; hours
    tellmark bench all --with long=yes                    # the longest in full, not in their short form
    tellmark bench all --with only=render,report          # some of them
    tellmark bench all --quick                            # minutes: the short form, for CI
    tellmark bench all --quick --with rounds=5            # the baseline of the gate (make baseline)
    tellmark bench all --quick --with gate=FILE.csv       # and exit code 1 where a ratio fell behind FILE by 10 %

Times and speeds of two machines do not compare; their ratio to a floor measured in the same run does, so the gate looks
at ratios where there is one. It takes the median of three rounds, of five where that fell behind, and sets it against
the worst round of the baseline: what differed between rounds of the same code there is no regression here. Results of
the single benchmarks go where they always go; those of short forms are not kept. Rows that need footage of real people
ask for ``data``, a folder with index.csv (``docs/benchmarks.md``), and for ``work``, where datasets made of it are kept
and gone on with; without them, they are shown as their results have them.
"""

from __future__ import annotations

import csv
import importlib
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tellmark.benchmarks.claims import Claim, claims, value
from tellmark.errors import InputError, TellmarkError
from tellmark.runs import RESULTS, machine_slug, write_results

TOLERANCE = 0.10
_ROUNDS, _MOST = 3, 5  # of the gate; of a figure that fell behind

Row = dict[str, Any]


def run(
    *,
    quick: bool = False,
    gate: str = "",
    only: str = "",
    rounds: int | str = 1,
    long: str = "no",
    data: str = "",
    work: str = "",
) -> list[dict[str, Any]]:
    """Rows of {figure, says, value, peer, peer value, ratio, ..}; :func:`_tried` and :func:`_judged` say of what.

    only: names of benchmarks; rounds: how often each is run, the median counts; long: ``yes`` runs
    those of half an hour or more in full; data: footage of real people with its index; work: where
    datasets made of it are kept.
    """
    folders = {name: path for name, path in (("data", data), ("work", work)) if path}
    names = set(filter(None, only.split(",")))
    chosen = [one for one in claims() if not names or names & {run.bench for run in one.runs}]
    if unknown := names - {run.bench for one in chosen for run in one.runs}:
        raise InputError(f"only={','.join(sorted(unknown))}: no row of claims.toml is measured by that")
    if quick:
        chosen = [one for one in chosen if one.quick]
    before = _read(Path(gate)) if gate else {}
    with tempfile.TemporaryDirectory() as name:
        rows = []
        for claim in chosen:
            form = _Form(quick or (claim.long and long != "yes"), folders, Path(name))
            rows.append(_tried(claim, form, int(rounds), before.get(claim.row)))
    if not names and not gate:
        plot(rows, RESULTS / f"{'all-quick' if quick else 'all'}-{machine_slug()}.svg")
    return rows


@dataclass(frozen=True, slots=True)
class _Form:
    """How a claim's benchmarks are run."""

    short: bool
    folders: Mapping[str, str]  # what {data} and {work} of their settings stand for
    scratch: Path  # results of short forms, which are not kept

    @property
    def results(self) -> Path:
        return self.scratch if self.short else RESULTS


def _tried(claim: Claim, form: _Form, rounds: int, before: dict[str, str] | None) -> Row:
    """The claim's row; where its benchmark could not be run, why, so that hours of the others are not lost."""
    missing = sorted({name for run in claim.runs for name in run.needs()} - set(form.folders))
    if missing:
        shown = f"results; measured again with {' and '.join(f'{name}=DIR' for name in missing)}"
        return _row(claim, RESULTS, {}, False, shown) | {"seconds": None, "regressed": "no"}
    sys.stderr.write(f"{claim.row} ..\n")
    start = time.perf_counter()
    try:
        found = [_measured(claim, form) for _ in range(_ROUNDS if before else rounds)]
        row = _judged(claim, found, before)
        while before and row["regressed"] == "yes" and len(found) < _MOST:
            found.append(_measured(claim, form))
            row = _judged(claim, found, before)
        return row | {"seconds": round((time.perf_counter() - start) / len(found), 1)}
    except (TellmarkError, OSError, RuntimeError) as error:
        return {"figure": claim.row, "says": f"not measured: {error}", "regressed": "yes" if before else "no"}


def _measured(claim: Claim, form: _Form) -> Row:
    """The claim's row after its benchmarks have run."""
    for run in claim.runs:
        module = importlib.import_module(f"tellmark.benchmarks.{run.bench}")
        write_results(run.results, module.run(quick=form.short, **run.filled(form.folders)), form.results)
    here = {"machine": machine_slug()}
    return _row(claim, form.results, here, form.short, "short form" if form.short else "full")


def _row(claim: Claim, folder: Path, here: Mapping[str, str], short: bool, form: str) -> Row:
    first = value({**((claim.peer or {}).get("of") or claim.values[0]), **here}, folder)
    peer = value({**claim.peer, **here}, folder) if claim.peer else None
    return {
        "figure": claim.row,
        "form": form,
        "says": "" if short else _text(claim, folder),
        "value": round(first, 4),
        "peer": claim.peer["name"] if claim.peer else f"none: {claim.alone}",
        "peer value": None if peer is None else round(peer, 4),
        "ratio": None if not peer else round(first / peer, 4),
    }


def _text(claim: Claim, folder: Path) -> str:
    try:
        return claim.text(folder)
    except InputError as error:  # some values ask for settings, such as a folder of pictures
        return f"in part: {error}"


def _judged(claim: Claim, found: Sequence[Row], before: dict[str, str] | None) -> Row:
    """The round in the middle, its range, and how far it fell behind the worst round of ``before``."""
    ordered = sorted(found, key=_figure)
    worst = ordered[0] if claim.higher_is_better else ordered[-1]
    row = ordered[len(ordered) // 2] | {"rounds": len(found), "worst round": _figure(worst)}
    middle = statistics.median(map(_figure, found))
    row |= {"committed": None, "behind": None, "regressed": "no"}
    if before:
        committed = float(before.get("worst round") or before["ratio"] or before["value"])
        behind = _behind(middle, committed, claim.higher_is_better)
        row |= {"committed": committed, "behind": behind, "regressed": "yes" if behind > TOLERANCE else "no"}
    return row


def _figure(row: Row) -> float:
    """What two runs of one code are compared by."""
    return float(row["ratio"] if row["ratio"] is not None else row["value"])


def _behind(now: float, then: float, higher_is_better: bool) -> float:
    """By which share ``now`` is worse than ``then``; negative where better."""
    if then == 0:
        return 0.0 if now == 0 else float("inf")
    return round((then - now) / then if higher_is_better else (now - then) / then, 4)


def _read(path: Path) -> dict[str, dict[str, str]]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return {row["figure"]: row for row in csv.DictReader(file)}
    except (OSError, KeyError) as error:
        raise InputError(f"{path} is no result of `tellmark bench all` ({error}); give one of {RESULTS}") from error


def plot(rows: Sequence[Row], path: Path) -> None:
    """Ratios to their peers as bars on a logarithmic scale, 1 in the middle."""
    from tellmark.reports.figures import bars, standalone
    from tellmark.runs import atomic_path

    known = [(f"{row['figure']}\nagainst {row['peer']}", float(row["ratio"])) for row in rows if row.get("ratio")]
    if known:
        with atomic_path(path, force=True) as temporary:
            temporary.write_text(standalone(bars(known, "ratio to the peer measured beside it"), path.stem))
