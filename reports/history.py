"""The published reports in the order of time: how a gap changed from version to version.

    python -m tellmark.reports.history reports/published

A report lies in DATE-TOPIC, and reports of one topic are one series. Values of one series compare where the version of
the tells is the same; the table says which it was. Of reports that were replaced the numbers alone are kept, in
earlier/DATE-TOPIC.N.json.
"""

from __future__ import annotations

import csv
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tellmark.errors import InputError
from tellmark.reports import figures
from tellmark.runs import atomic_path

TABLE, PLOT = "history.csv", "history.svg"
EARLIER = "earlier"  # the folder of results that a later report of the same topic replaced


def collect(folder: Path) -> list[dict[str, Any]]:
    """A row a report below ``folder``, by topic and date, replaced ones first.

    Raises :class:`InputError` for results that are garbled.
    """
    rows = []
    earlier = [(path.name.removesuffix(".json"), path) for path in folder.glob(f"{EARLIER}/*.json")]
    present = [(path.parent.name, path) for path in folder.glob("*/results.json")]
    for name, path in [*sorted(earlier), *sorted(present)]:
        found = re.fullmatch(r"(\d{4}-\d{2}-\d{2})-(.+?)(?:\.\d+)?", name)
        if not found:
            raise InputError(f"{path} is not named DATE-TOPIC; name it such as 2026-11-25-talk")
        try:
            results = json.loads(path.read_text(encoding="utf-8"))
            gap, made = results["gap"], results["made_with"]
            rows.append(
                {
                    "topic": found[2],
                    "date": found[1],
                    "generator": "; ".join(filter(None, made["generator"])),
                    "tells": made["tells"],
                    "gap": gap["value"],
                    "gap_low": gap["ci"][0],
                    "gap_high": gap["ci"][1],
                    "detectability": gap["detectability"],
                    "null": gap["null"],
                    "fakes": gap["fakes"],
                    "identities": gap["identities"],
                }
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(f"{path} is no result of `tellmark report` ({error}); write it again") from error
    return sorted(rows, key=lambda row: (row["topic"], row["date"]))


def write(folder: Path, rows: Sequence[dict[str, Any]]) -> None:
    """The table and its plot."""
    with atomic_path(folder / TABLE, force=True) as temporary, temporary.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    plot = figures.gaps([(f"{row['topic']}\n{row['date']}", row) for row in rows])
    with atomic_path(folder / PLOT, force=True) as temporary:
        temporary.write_text(figures.standalone(plot, "history"), encoding="utf-8")


if __name__ == "__main__":
    place = Path(sys.argv[1])
    write(place, collect(place))
