"""The tables of a report as LaTeX: `tabular` with the rules of the package booktabs, ready for \\input."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from tellmark.reports.gap import FEWEST_PERSONS

_SPECIAL = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "×": r"$\times$", "–": "--", "−": "$-$", "\u00a0": "~",
}  # fmt: skip

_FEW = f"too few persons to say, fewer than {FEWEST_PERSONS} in one of the classes."
COLUMNS: dict[str, dict[str, str]] = {
    "tells": {
        "family": "Tell", "gap": "Gap", "gap_low": "low", "gap_high": "high", "detectability": "Detectability",
        "null": "Null", "top_feature": "Strongest feature", "cohens_d": "$d$",
    },
    "methods": {
        "method": "Method", "clips": "Clips", "gap": "Gap", "gap_low": "low", "gap_high": "high",
        "detectability": "Detectability", "null": "Null",
    },
    "makings": {
        "making": "Renderer, motion", "clips": "Clips", "gap": "Gap", "gap_low": "low", "gap_high": "high",
        "detectability": "Detectability", "null": "Null",
    },
    "compression": {"compression": "Compression", "clips": "Clips", "gap": "Gap", "gap_low": "low", "gap_high": "high"},
    "sizes": {"size": "Size", "clips": "Clips", "gap": "Gap", "gap_low": "low", "gap_high": "high"},
    "durations": {"seconds": "Seconds", "gap": "Gap", "gap_low": "low", "gap_high": "high"},
    "doses": {
        "dial": "Dial", "dose": "Dose at AUC .75", "dose_low": "low", "dose_high": "high", "clips": "Clips",
        "persons": "Persons",
    },
    "motion": {
        "measure": "Measure", "method": "Method", "mean": "Mean", "low": "low", "high": "high", "persons": "Persons",
    },
    "distances": {"set": "Set", "clips": "Clips", "value": "Distance", "low": "low", "high": "high"},
    "groups": {
        "attribute": "Attribute", "group": "Group", "clips": "Clips", "gap": "Gap", "gap_low": "low",
        "gap_high": "high",
    },
    "channels": {
        "channel": "Channel", "clips": "Clips", "intact": "Intact", "recovered": "Recovered",
        "watermarked": "Watermarked", "altered": "Altered", "none": "None", "payload_rate": "Payload read",
    },
}  # fmt: skip
"""Table -> its columns and their headings; what is not here is in the CSV file alone."""


def tabular(name: str, rows: Sequence[Mapping[str, Any]]) -> str:
    """The table ``name`` of :data:`COLUMNS`; numbers flush right with two decimals, what is unknown as a dash.

    Where that is a gap of too few persons, a last line says so.
    """
    columns = COLUMNS[name]
    numeric = [all(isinstance(row.get(key), int | float | None) for row in rows) for key in columns]
    lines = [
        r"\begin{tabular}{" + "".join("r" if number else "l" for number in numeric) + "}",
        r"\toprule",
        " & ".join(columns.values()) + r" \\",
        r"\midrule",
        *(" & ".join(_cell(row.get(key)) for key in columns) + r" \\" for row in rows),
        *([rf"\midrule \multicolumn{{{len(columns)}}}{{l}}{{--: {_FEW}}} \\"] if any(map(_of_few, rows)) else []),
        r"\bottomrule",
        r"\end{tabular}",
    ]
    return "\n".join(lines) + "\n"


def _of_few(row: Mapping[str, Any]) -> bool:
    return "gap" in row and row["gap"] is None and row.get("persons", FEWEST_PERSONS) < FEWEST_PERSONS


def escaped(text: str) -> str:
    """Text as LaTeX prints it."""
    return re.sub(r"[\\&%$#_{}~^×–−\u00a0]", lambda match: _SPECIAL[match[0]], text)


def _cell(value: Any) -> str:
    if value is None:
        return "--"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return escaped(str(value))
    if isinstance(value, int):
        return str(value)
    return f"{round(value, 2) + 0.0:.2f}".replace("-", "$-$")
