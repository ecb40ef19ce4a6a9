"""The table of `bench motion`: one row a measure, real video and every model beside each other, and who is better."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any


def table(rows: Sequence[dict[str, Any]], models: Sequence[str]) -> list[dict[str, Any]]:
    """Rows of {measure, real, a column a model, target, better, n} of rows of {measure, model, value, real, ..}."""
    merged: dict[str, dict[str, Any]] = {}
    for row in rows:
        at = merged.setdefault(
            row["measure"], {"measure": row["measure"], "real": row["real"]} | dict.fromkeys(models, "")
        )
        at[row["model"]] = row["value"]
        at |= {"target": row["target"], "better": "", "n": row["n"]}
    for at in merged.values():
        at["better"] = better({name: at[name] for name in models if at[name] != ""}, at["real"], at["target"])
    return list(merged.values())


def better(values: dict[str, float], real: float | str, target: str) -> str:
    """The model that comes nearest to the target or, without one, to real video; "all" where all reach it or are equal.

    "" where nothing says which way is better.
    """
    misses = {name: missed(value, real, target) for name, value in values.items() if not math.isnan(value)}
    if len(misses) < 2 or any(miss is None for miss in misses.values()):
        return ""
    known = {name: miss for name, miss in misses.items() if miss is not None}
    least = min(known.values())
    first = [name for name, miss in known.items() if miss == least]
    return "all" if len(first) == len(known) else ", ".join(first)


def missed(value: float, real: float | str, target: str) -> float | None:
    """By how much a value misses its target, 0 where it does not; None where there is none that could be missed."""
    bound = re.fullmatch(r"(>=|<=|>|<) ([.\d]+)( of real)?", target)
    if bound:
        if bound[3] and isinstance(real, str):
            return None
        limit = float(bound[2]) * (float(real) if bound[3] else 1)
        return max(0.0, limit - value if bound[1].startswith(">") else value - limit)
    if target.startswith("within") and not isinstance(real, str):
        share = float(re.findall(r"[.\d]+", target)[0]) / 100
        return max(0.0, abs(value - real) - share * real)
    if near := re.fullmatch(r"(?:near )?([.\d]+)", target):
        return abs(value - float(near[1]))
    return None if target or isinstance(real, str) else abs(value - real)
