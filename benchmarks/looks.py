"""What tells actors from footage: statistics of regions, ranked by how well each alone tells the two apart.

Faces are brought upright to one size, smaller than any of them was, so that size and sharpness cannot tell
much. Each person is one picture and, in each region, one row of :data:`FEATURES`; nothing else of a picture is kept.
Looks decide: an AUC here says where to look, and only what these statistics can see.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from tellmark.benchmarks import kept_aside
from tellmark.errors import FaceError
from tellmark.faces import find_face
from tellmark.landmarks import FACE_OVAL, LEFT_EYE, LIPS_OUTER, RIGHT_EYE
from tellmark.types import F32, F64, U8

_SIDE, _FACE = (
    256,
    96.0,
)  # px of the picture that is looked at, and the geometric mean of a face's width and height in it
_FREE = ("MIT", "Apache-2.0", "CC BY 4.0")
_BANDS = (0.7, 1.4, 2.8, 5.6, 11.2)  # px, between which detail is counted
_COLOUR = 1.5  # px, that colour is blurred by
_LEAST, _FEWEST = 60, 10  # px that a region must have, people of a kind who must show it
_PLACES: dict[str, tuple[tuple[int, ...], ...]] = {
    "forehead": ((103, 67, 109, 10, 338, 297, 332, 334, 296, 336, 107, 66, 105),),
    "cheeks": ((117, 118, 101, 36, 205, 187, 123), (346, 347, 330, 266, 425, 411, 352)),
    "nose": ((168, 193, 48, 64, 98, 2, 327, 294, 278, 417),),
    "eyes": (RIGHT_EYE, LEFT_EYE),
    "mouth": (LIPS_OUTER,),
}
FEATURES = (
    "lightness", "red", "yellow",  # mean, against the cheeks'; of the cheeks themselves as they are
    "lightness, spread", "red, spread", "yellow, spread", "lights", "darks",  # 95th and 5th percentile off the median
    *(f"detail, {low} to {high} px" for low, high in pairwise(_BANDS)),
    "red detail", "yellow detail", "direction", "peakedness", "change over 1 px", "change over 3 px",
)  # fmt: skip
Rows = dict[str, F64]  # of each region (people, features)


@dataclass(frozen=True, slots=True)
class Tell:
    """How well a feature tells: its AUC, and the medians of both."""

    region: str
    feature: str
    auc: float  # above .5: larger in actors
    made: float
    real: float


def tells(real: Rows, made: Rows) -> list[Tell]:
    """Every feature of every region, the most telling first."""
    found = []
    for region in _shown(real, made):
        for k, feature in enumerate(FEATURES):
            a, b = (rows[region][:, k] for rows in (made, real))
            found.append(Tell(region, feature, _auc(a, b), float(np.nanmedian(a)), float(np.nanmedian(b))))
    return sorted(found, key=lambda tell: -abs(tell.auc - 0.5))


def told(real: Rows, made: Rows, folds: int = 7) -> dict[str, float]:
    """AUC of each region's features together: linear discriminants with shrinkage, on people they have not seen."""
    out = {}
    for region in _shown(real, made):
        rows = np.concatenate([made[region], real[region]])
        label = np.repeat([1, 0], [len(made[region]), len(real[region])])
        keep = np.isfinite(rows).all(axis=1)
        rows, label = rows[keep], label[keep]
        fold, score = np.zeros(len(rows), int), np.zeros(len(rows))
        for side in (0, 1):
            fold[label == side] = np.arange((label == side).sum()) % folds
        for k in range(folds):
            train = fold != k
            score[~train] = _discriminant(rows[train], label[train], rows[~train])
        out[region] = _auc(score[label == 1], score[label == 0])
    return out


def _shown(real: Rows, made: Rows) -> list[str]:
    return [name for name in real if min(np.isfinite(rows[name]).all(axis=1).sum() for rows in (real, made)) >= _FEWEST]


def footage(folder: Path) -> Rows:
    """Rows of the people in freely licensed footage of a folder with index.csv, a frame each; nobody kept aside."""
    pictures: dict[str, U8] = {}
    with (folder / "index.csv").open(newline="", encoding="utf-8") as handle:
        for row in csv.DictReader(handle):
            person = row["person_id"]
            free = row["kind"] == "real" and row["licence"] in _FREE and "CC BY-NC" not in row["notes"]
            if not free or person in pictures or kept_aside.is_kept_aside(person):
                continue
            video = cv2.VideoCapture(str(folder / row["path"]))
            video.set(cv2.CAP_PROP_POS_FRAMES, int(video.get(cv2.CAP_PROP_FRAME_COUNT)) // 3)
            found, frame = video.read()
            if found:
                pictures[person] = np.ascontiguousarray(frame[..., ::-1])
    return rows_of(list(pictures.values()))


def rows_of(pictures: list[U8]) -> Rows:
    """Features of RGB pictures by region, NaN where it is not in the picture; pictures without a face are left out."""
    each = []
    for picture in pictures:
        try:
            each.append(look(picture, find_face(picture).landmarks))
        except FaceError:
            continue
    return {region: np.stack([one[region] for one in each]) for region in each[0]}


def look(picture: U8, landmarks: F32) -> dict[str, F64]:
    """Features (len(FEATURES),) of each region of one picture."""
    small, known, points = _upright(picture, landmarks)
    masks = {name: mask & known for name, mask in _regions(points).items()}
    log = np.log(small.astype(np.float32) / 255 + np.float32(0.02))
    # Video keeps colour at half the resolution, and less.
    red, yellow = (cv2.GaussianBlur(log[..., k] - log[..., k + 1], (0, 0), _COLOUR) for k in (0, 1))
    planes = np.stack([log @ np.array([0.30, 0.59, 0.11], np.float32), red, yellow])
    cheeks = planes[:, masks["cheeks"]].mean(axis=1)
    complete = {name: mask.sum() >= _LEAST for name, mask in masks.items()}
    return {
        name: _features(planes - (0 if name == "cheeks" else 1) * cheeks[:, None, None], mask)
        if complete[name]
        else np.full(len(FEATURES), np.nan)
        for name, mask in masks.items()
    }


def _upright(picture: U8, landmarks: F32) -> tuple[U8, NDArray[np.bool_], F32]:
    """(_SIDE, _SIDE, 3) the face upright in the middle, where that is in the picture, and (478, 2) its points."""
    points = landmarks[:, :2]
    right, left = points[list(RIGHT_EYE)].mean(axis=0), points[list(LEFT_EYE)].mean(axis=0)
    angle = float(np.arctan2(*(left - right)[::-1]))
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]], np.float32)
    oval = points[list(FACE_OVAL)] @ turn.T
    scale = _FACE / float(np.sqrt(np.prod(np.ptp(oval, axis=0))))
    move = np.array([_SIDE / 2, 0.45 * _SIDE]) - scale * (oval.min(axis=0) + oval.max(axis=0)) / 2
    matrix = np.column_stack([scale * turn, move]).astype(np.float64)
    soft = cv2.GaussianBlur(picture, (0, 0), max(0.5 * np.sqrt(max(1 / scale**2 - 1, 0)), 0.1))
    small = cv2.warpAffine(soft, matrix, (_SIDE, _SIDE), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    within = cv2.warpAffine(np.ones(picture.shape[:2], np.uint8), matrix, (_SIDE, _SIDE), flags=cv2.INTER_NEAREST)
    known = cv2.erode(within, np.ones((7, 7), np.uint8)) > 0  # borders are often encoded badly
    return np.asarray(small, np.uint8), known, np.asarray(points @ matrix[:, :2].T + matrix[:, 2], np.float32)


def _regions(points: F32) -> dict[str, NDArray[np.bool_]]:
    """(_SIDE, _SIDE) masks of the regions around the (478, 2) points of an upright face."""
    out = {}
    for name, loops in _PLACES.items():
        canvas = np.zeros((_SIDE, _SIDE), np.uint8)
        for loop in loops:
            cv2.fillConvexPoly(canvas, cv2.convexHull(np.round(points[list(loop)]).astype(np.int32)), 1)
        out[name] = cv2.erode(canvas, np.ones((3, 3), np.uint8)) > 0 if name in ("forehead", "cheeks") else canvas > 0
    oval = points[list(FACE_OVAL)]
    middle, (width, height) = (oval.min(axis=0) + oval.max(axis=0)) / 2, np.ptp(oval, axis=0)
    y, x = np.mgrid[:_SIDE, :_SIDE].astype(np.float32)
    across, up, below = (x - middle[0]) / width, (middle[1] - y) / height, (y - oval[:, 1].max()) / height

    def within(factor: float) -> NDArray[np.bool_]:
        canvas = np.zeros((_SIDE, _SIDE), np.uint8)
        cv2.fillPoly(canvas, [np.round(middle + (oval - middle) * factor).astype(np.int32)], 1)
        return canvas > 0

    face, beside, beyond = within(0.9), within(1.14), within(1.36)
    upper = up > 0.05
    out["outline"] = within(1.0) & ~face & (up < -0.12)
    out["hair edge"] = beside & ~face & upper
    out["hair"] = beyond & ~beside & upper
    out["neck"] = (np.abs(across) < 0.24) & (below > 0.04) & (below < 0.20)
    out["cloth"] = (np.abs(across) < 0.75) & (below > 0.5) & (below < 0.9)
    out["backdrop"] = (np.abs(across) > 0.85) & (up > -0.1)
    return out


def _features(planes: F32, mask: NDArray[np.bool_]) -> F64:
    """FEATURES of the (3, _SIDE, _SIDE) lightness, red and yellow within the mask."""
    light = planes[0]
    inside = planes[:, mask]
    low, middle, high = np.percentile(inside[0], [5, 50, 95])
    blurs = [cv2.GaussianBlur(light, (0, 0), sigma) for sigma in _BANDS]
    detail = [np.log((a - b)[mask].std() + 1e-4) for a, b in pairwise(blurs)]
    tint = [np.log((p - cv2.GaussianBlur(p, (0, 0), 2.8))[mask].std() + 1e-4) for p in planes[1:]]
    dx, dy = cv2.Scharr(blurs[0], -1, 1, 0)[mask], cv2.Scharr(blurs[0], -1, 0, 1)[mask]
    energy = (dx**2 + dy**2).sum() + 1e-9
    direction = np.hypot((dx**2 - dy**2).sum(), 2 * (dx * dy).sum()) / energy
    fine = (blurs[0] - blurs[2])[mask]
    peaked = np.log(((fine**4).mean() + 1e-16) / ((fine**2).mean() ** 2 + 1e-16))
    spread = inside[0].std() + 1e-4
    change = [np.log(np.abs(light - np.roll(light, step, axis=1))[mask].mean() / spread + 1e-4) for step in (1, 3)]
    return np.array([*inside.mean(axis=1), *np.log(inside.std(axis=1) + 1e-4), high - middle, middle - low,
                     *detail, *tint, direction, peaked, *change])  # fmt: skip


def _auc(high: F64, low: F64) -> float:
    """Chance that one of ``high`` lies above one of ``low``; NaN are left out."""
    high, low = high[np.isfinite(high)], low[np.isfinite(low)]
    if not len(high) or not len(low):
        return 0.5
    return float(((high[:, None] > low).mean() + (high[:, None] >= low).mean()) / 2)


def _discriminant(rows: F64, label: NDArray[np.int_], unseen: F64, shrink: float = 0.3) -> F64:
    """Scores of ``unseen`` by Fisher's discriminant on standardised rows, its covariance drawn towards the identity."""
    mean, spread = rows.mean(axis=0), rows.std(axis=0) + 1e-9
    z = (rows - mean) / spread
    centre = [z[label == side].mean(axis=0) for side in (0, 1)]
    within = np.cov((z - np.stack(centre)[label]).T)
    way = np.linalg.solve((1 - shrink) * within + shrink * np.eye(len(within)), centre[1] - centre[0])
    return np.asarray((unseen - mean) / spread @ way)
