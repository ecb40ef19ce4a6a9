"""The settings that benchmarks of a watermark share: which rungs of the ladder, on which hosts, said how."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Any

from tellmark.benchmarks.attacks import GROUPS, LADDER, Rung
from tellmark.benchmarks.marks.hosts import Hosts
from tellmark.errors import UsageError

Row = dict[str, Any]


def groups(group: str, others: Sequence[str] = ()) -> list[str]:
    """What ``group=NAME,..`` chooses, all where it is empty. Raises :class:`UsageError` for an unknown name.

    others: names that are no groups of the ladder.
    """
    known = (*GROUPS, *others)
    named = group.split(",") if group else list(known)
    if unknown := set(named) - set(known):
        raise UsageError(f"group={','.join(sorted(unknown))}: choose among {', '.join(known)}")
    return named


def rungs(named: Iterable[str], only: str) -> list[Rung]:
    """The rungs of the named groups whose name contains ``only``, or one of several texts with ``|`` between them."""
    among = set(named)
    return [
        rung for rung in LADDER.values() if rung.group in among and any(text in rung.name for text in only.split("|"))
    ]


def labelled(rows: Iterable[Row], said: str, used: Hosts) -> list[Row]:
    """Rows with what is said of their hosts, by default whether they are rendered or real."""
    hosts = said or used.kind
    return [{"measure": row["measure"], "condition": row["condition"], "hosts": hosts} | row for row in rows]


def say(what: str) -> None:
    """What is being measured, on stderr: a full run takes hours."""
    sys.stderr.write(f"{what}\n")
