"""`tellmark bench gap --with data=DIR --with work=DIR2`: the published reports built again, and what their gaps are.

DIR has an index of footage (:mod:`tellmark.benchmarks.footage`), DIR2 keeps what is made of it (`tellmark.published`).
``topics=talk,other-systems`` chooses reports. ``--quick`` takes six persons, and its reports are not kept.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from tellmark.console import Console
from tellmark.errors import UsageError
from tellmark.published import PLANS, PUBLISHED, publish
from tellmark.reports import history

_FEW = 6  # persons


def run(
    *, quick: bool = False, data: str = "", work: str = "", topics: str = "talk,other-systems"
) -> list[dict[str, Any]]:
    """Rows of {topic, gap, gap_low, gap_high, fakes, identities}."""
    if not data or not work:
        raise UsageError(
            "bench gap needs --with data=DIR, real footage with its index, and --with work=DIR, to keep clips"
        )
    chosen = topics.split(",")
    if not quick:
        return _built(chosen, Path(data), Path(work), PUBLISHED, None)
    with tempfile.TemporaryDirectory() as name:
        shutil.copytree(PUBLISHED / PLANS, Path(name) / PLANS)
        return _built(chosen, Path(data), Path(work) / "short", Path(name), _FEW)


def _built(topics: list[str], data: Path, work: Path, published: Path, most: int | None) -> list[dict[str, Any]]:
    for topic in topics:
        publish(topic, data, work, Console().progress, published, most=most)
    last = {row["topic"]: row for row in history.collect(published)}
    names = ("topic", "gap", "gap_low", "gap_high", "fakes", "identities")
    return [{name: last[topic][name] for name in names} for topic in topics]
