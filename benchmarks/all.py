"""`tellmark bench all`: the README's figures measured again, in one run on one machine, each beside a floor or a peer.

    tellmark bench all                                    # hours: every benchmark that claims.toml names
    tellmark bench all --quick                            # minutes: the short form, for CI
    tellmark bench all --quick --with gate=FILE.csv       # and exit code 1 where a ratio fell behind FILE by 10 %

Times and speeds of two machines do not compare; their ratio to a floor measured in the same run does, so the gate looks
at ratios where there is one. A figure that fell behind is measured twice more before it counts: a busy machine is no
regression. Results of the single benchmarks go where they always go; with --quick they are not kept.
"""

from __future__ import annotations

import csv
import importlib
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tellmark.benchmarks.claims import Claim, claims, value
from tellmark.errors import InputError, TellmarkError
from tellmark.runs import RESULTS, machine_slug, write_results

TOLERANCE = 0.10
_TRIES = 3


def run(*, quick: bool = False, gate: str = "", only: str = "") -> list[dict[str, Any]]:
    """Rows of {figure, says, value, peer, peer value, ratio, committed, behind, regressed}. ``only``: one benchmark."""
    chosen = [one for one in claims() if one.run and (not quick or one.run.get("quick"))]
    chosen = [one for one in chosen if not only or (one.run or {})["bench"] == only]
    before = _read(Path(gate)) if gate else {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) if quick else RESULTS
        rows = [_tried(claim, folder, quick, before.get(claim.row)) for claim in chosen]
    if not only and not gate:
        plot(rows, RESULTS / f"{'all-quick' if quick else 'all'}-{machine_slug()}.svg")
    return rows


def _tried(claim: Claim, folder: Path, quick: bool, before: dict[str, str] | None) -> dict[str, Any]:
    """The claim's row; where its benchmark could not be run, why, so that hours of the others are not lost."""
    sys.stderr.write(f"{claim.row} ..\n")
    try:
        return _measured(claim, folder, quick, before)
    except TellmarkError as error:
        return {"figure": claim.row, "says": f"not measured: {error}", "regressed": "yes" if before else "no"}


def _measured(claim: Claim, folder: Path, quick: bool, before: dict[str, str] | None) -> dict[str, Any]:
    """The claim's row after its benchmark has run; the best of up to three where the first falls behind."""
    best: dict[str, Any] = {}
    for _ in range(_TRIES if before else 1):
        assert claim.run is not None
        module = importlib.import_module(f"tellmark.benchmarks.{claim.run['bench']}")
        write_results(claim.run["bench"], module.run(quick=quick, **claim.run.get("settings", {})), folder)
        row = _row(claim, folder, quick)
        row |= {"committed": before["ratio"] or before["value"] if before else None}
        row["behind"] = _behind(row, claim.higher_is_better)
        if not best or (row["behind"] or 0) < (best["behind"] or 0):
            best = row
        if (best["behind"] or 0) <= TOLERANCE:
            break
    return best | {"regressed": "yes" if (best["behind"] or 0) > TOLERANCE else "no"}


def _row(claim: Claim, folder: Path, quick: bool) -> dict[str, Any]:
    here = {"machine": machine_slug()}
    first = value({**claim.values[0], **here}, folder)
    peer = value({**claim.peer, **here}, folder) if claim.peer else None
    return {
        "figure": claim.row,
        "says": "" if quick else _text(claim, folder),
        "value": round(first, 4),
        "peer": claim.peer["name"] if claim.peer else "",
        "peer value": None if peer is None else round(peer, 4),
        "ratio": None if not peer else round(first / peer, 4),
    }


def _text(claim: Claim, folder: Path) -> str:
    try:
        return claim.text(folder)
    except InputError as error:  # some values ask for settings, such as a folder of pictures
        return f"in part: {error}"


def _behind(row: dict[str, Any], higher_is_better: bool) -> float | None:
    """By which share the ratio, or the value without one, is worse than the committed one; negative where better."""
    if row["committed"] in (None, ""):
        return None
    now, then = float(row["ratio"] if row["ratio"] is not None else row["value"]), float(row["committed"])
    if then == 0:
        return 0.0 if now == 0 else float("inf")
    return round((then - now) / then if higher_is_better else (now - then) / then, 4)


def _read(path: Path) -> dict[str, dict[str, str]]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return {row["figure"]: row for row in csv.DictReader(file)}
    except (OSError, KeyError) as error:
        raise InputError(f"{path} is no result of `tellmark bench all` ({error}); give one of {RESULTS}") from error


def plot(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Ratios to their peers as bars on a logarithmic scale, 1 in the middle."""
    from tellmark.reports.figures import bars, standalone
    from tellmark.runs import atomic_path

    known = [(f"{row['figure']}\nagainst {row['peer']}", float(row["ratio"])) for row in rows if row.get("ratio")]
    if known:
        with atomic_path(path, force=True) as temporary:
            temporary.write_text(standalone(bars(known, "ratio to the peer measured beside it"), path.stem))
