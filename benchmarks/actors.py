"""`tellmark bench actors`: what can be counted of the virtual actors.

Seeds whose face the tracker takes, what one costs, which tones of skin occur, how even the attributes of 48 are that
were asked to be balanced. ``--with sheet=FILE.png`` writes those 48 at 256 pixels, to be looked at: that they pass for
photographs no figure here can say. ``--with footage=DIR`` adds what tells 48 others from freely licensed footage
(:mod:`tellmark.benchmarks.looks`), ``--with shared=DIR`` the nearest-neighbour test against the people that went into
the mixtures (``generator/actors/likeness.py``); both need the maintainers' material.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from tellmark.benchmarks import looks
from tellmark.errors import FaceError
from tellmark.generator.actors import actor
from tellmark.generator.actors.likeness import check
from tellmark.generator.actors.recipe import actor_attributes, balanced, draw_recipe, monk_tone
from tellmark.generator.types import Portrait
from tellmark.landmarks import eye_opening, head_rotation_deg, mouth_opening
from tellmark.pictures import write_image
from tellmark.types import U8

_SHOWN, _SIDE, _COLUMNS = 48, 256, 8
_AMONG = 2000  # seeds that the balanced ones are taken from
_UNSEEN, _TOLD = range(6000, 6048), 12  # not looked at while looks are tuned; tells that are listed
_BY = ("presentation", "monk_tone")
_ALSO = ("age", "glasses", "expression", "light", "background", "camera")

Row = dict[str, Any]


def run(*, quick: bool = False, sheet: str = "", shared: str = "", footage: str = "", seeds: str = "") -> list[Row]:
    """Rows of {measure, value, unit}."""
    count = int(seeds) if seeds else (12 if quick else 200)
    rows = _tracked(count)
    attributes = [actor_attributes(seed) for seed in range(_AMONG)]
    tones = Counter(one.monk_tone for one in attributes)
    for tone in range(1, 11):
        rows.append(_row(f"Monk tone {tone}, of {_AMONG} seeds", tones[tone] / _AMONG, "share"))
    near = [abs(one.monk_tone - monk_tone(draw_recipe(seed).skin)) <= 1 for seed, one in enumerate(attributes)]
    rows.append(_row(f"Monk tone within one of the nearest swatch, of {_AMONG} seeds", sum(near) / _AMONG, "share"))
    for name in _ALSO:
        for value, found in sorted(Counter(str(getattr(one, name)) for one in attributes).items()):
            rows.append(_row(f"{name}: {value}, of {_AMONG} seeds", found / _AMONG, "share"))
    chosen = balanced(_SHOWN, _BY, range(_AMONG))
    for name in _BY:
        counts = Counter(getattr(actor_attributes(seed), name) for seed in chosen)
        rows.append(_row(f"48 balanced by {' and '.join(_BY)}: {name}, rarest over commonest",
                         min(counts.values()) / max(counts.values()), "ratio"))  # fmt: skip
    if sheet:
        write_image(Path(sheet), contact_sheet(chosen))
    if footage:
        rows += _told(Path(footage))
    if shared:
        for result in check(Path(shared), count=min(count, 100)):
            name = f"{result.components} components, {'cosine' if result.cosine else 'Euclidean'}"
            rows.append(_row(f"likeness, {name}: closest actor over closest pair of people mixed",
                             result.actors_nearest / result.members_apart, "ratio, wanted at least 1"))  # fmt: skip
            rows.append(_row(f"likeness, {name}: closest uninvolved person over the same pair",
                             result.others_nearest / result.members_apart, "ratio"))  # fmt: skip
            rows.append(_row(f"likeness, {name}: control", result.ratio, "ratio, 1 is no lean"))
    return rows


def contact_sheet(seeds: list[int]) -> U8:
    """The portraits of ``seeds`` side by side, 256 pixels each."""
    tiles = [cv2.resize(actor(seed).image, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA) for seed in seeds]
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % _COLUMNS)
    return np.vstack([np.hstack(tiles[k : k + _COLUMNS]) for k in range(0, len(tiles), _COLUMNS)])


def _told(folder: Path) -> list[Row]:
    real, made = looks.footage(folder), looks.rows_of([actor(seed).image for seed in _UNSEEN])
    rows = [
        _row(f"told from footage, {region}", auc, "AUC, people unseen; .5 is not at all")
        for region, auc in looks.told(real, made).items()
    ]
    for tell in looks.tells(real, made)[:_TOLD]:
        medians = f"median {tell.made:.3f} in actors and {tell.real:.3f} in footage"
        rows.append(_row(f"tell: {tell.region}, {tell.feature}", tell.auc, f"AUC, {medians}"))
    return rows


def _tracked(count: int) -> list[Row]:
    portraits: list[Portrait] = []
    times = []
    for seed in range(count):
        start = time.thread_time()
        try:
            portraits.append(actor(seed))
        except FaceError:
            sys.stderr.write(f"actor {seed}: no face found\n")
        times.append(time.thread_time() - start)
    landmarks = np.stack([portrait.landmarks for portrait in portraits])
    yaw, pitch, _ = (float(np.abs(angle).max()) for angle in head_rotation_deg(landmarks))
    return [
        _row("seeds tracked", len(portraits) / count, f"share of {count}"),
        _row("one actor", float(np.median(times)), "s of CPU"),
        _row("yaw, largest", yaw, "degrees"),
        _row("pitch, largest", pitch, "degrees"),
        _row("mouth, widest", float(mouth_opening(landmarks).max()), "opening"),
        _row("eyes, narrowest", float(np.min(eye_opening(landmarks))), "opening"),
    ]


def _row(measure: str, value: float, unit: str) -> Row:
    return {"measure": measure, "value": round(value, 3), "unit": unit}
