"""Does the detector treat people alike? Its result for each group, and the gap to everybody else, with intervals.

Groups come from a clip's ``params``: ``language``, ``monk_tone``, ``presentation``, or what other datasets say under
``groups``. A group is told with at least two persons of each class and ``FEWEST`` clips.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellmark.detector import metrics
from tellmark.types import F64, Clip

FEWEST = 8
_KEYS = ("language", "monk_tone", "presentation")


def groups_of(clip: Clip) -> dict[str, str]:
    """Attribute -> group of one clip."""
    said = json.loads(clip.params)
    found = {key: str(said[key]) for key in _KEYS if said.get(key) is not None}
    return {**found, **{str(key): str(value) for key, value in (said.get("groups") or {}).items()}}


def group_gaps(
    clips: Sequence[Clip],
    labels: NDArray[np.int64],
    scores: F64,
    *,
    bootstraps: int = metrics.BOOTSTRAPS,
    seed: int = 0,
) -> list[dict[str, Any]]:
    """A row a group: ``attribute``, ``group``, ``n``, ``auc``, ``auc_ci``, ``fpr`` at .5, ``gap``, ``gap_ci``.

    ``gap`` is the group's AUC less that of all clips of the same attribute that are in other groups.
    """
    members: dict[tuple[str, str], list[int]] = defaultdict(list)
    for i, clip in enumerate(clips):
        for attribute, group in groups_of(clip).items():
            members[attribute, group].append(i)
    who = np.array([clip.identity for clip in clips])
    rows = []
    for (attribute, group), inside in sorted(members.items()):
        others = [i for (one, other), found in members.items() if one == attribute and other != group for i in found]
        persons = [len(set(who[[i for i in inside if labels[i] == label]])) for label in (0, 1)]
        if len(inside) < FEWEST or min(persons) < 2 or not others:
            continue
        first, second = ((labels[part], scores[part], who[part].tolist()) for part in (inside, others))
        area = metrics.auc(*first[:2])
        negative = scores[[i for i in inside if labels[i] == 0]]
        rows.append(
            {
                "attribute": attribute,
                "group": group,
                "n": len(inside),
                "persons": len(set(who[inside])),
                "auc": area,
                "auc_ci": list(metrics.auc_interval(*first, bootstraps=bootstraps, seed=seed)),
                "fpr": float(np.mean(negative > 0.5)),
                "gap": area - metrics.auc(*second[:2]),
                "gap_ci": list(metrics.difference_interval(first, second, bootstraps=bootstraps, seed=seed)),
            }
        )
    return rows
