"""`tellmark bench reenact`: real clips rendered again from their first frame and tracked motion, beside the truth.

The yardstick is the still copy, frame 0 repeated, which costs nothing. Every error is squared over R, G and B, averaged
over a clip and then turned into decibels, so that the frames that move count; "by frame" is the mean of the frames'
own decibels. What a motion is read from is the whole frame: its landmarks, by alignment hair, shoulders and scenery,
and of each frame sixteen numbers of light and twenty-four of the colour between the lips. The face is what lies within
the tracked oval of the real frame. Times are of the one thread that renders, so that a busy machine does not lengthen
them.

The renderer was tuned on the persons of the split ``development`` alone; what counts is ``held-out``.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from tellmark.benchmarks.reenactment.clips import SPLITS, Clip, read_clip, videos
from tellmark.benchmarks.reenactment.measures import Flicker, decibels, face_mask, sharpness, squared_error
from tellmark.benchmarks.reenactment.sheet import write_sheet
from tellmark.errors import TellmarkError, UsageError
from tellmark.generator.performance.puppetry import puppeteer
from tellmark.generator.performance.surroundings import complete
from tellmark.generator.render import MeshRenderer
from tellmark.generator.track import FPS
from tellmark.generator.types import Motion
from tellmark.runs import Progress
from tellmark.types import U8

DATA = Path("../shared/data/real")
SECONDS = 2.0  # of each clip
_SHEET_FRAMES = 8
_MEANS = (
    "face still dB", "face dB", "face gain dB", "face gain dB by frame", "frame still dB", "frame dB", "frame gain dB",
    "rest dB", "mouth sharpness", "eyes sharpness", "flicker", "ms a frame",
)  # fmt: skip


def run(
    *,
    quick: bool = False,
    data: Path | str = DATA,
    tracks: Path | str | None = None,
    split: str | None = None,
    seconds: float | str = SECONDS,
    limit: int | str | None = None,
    sheet: Path | str | None = None,
    progress: Progress | None = None,
) -> list[dict[str, Any]]:
    """A row a clip, and two for each split: its means, and how many clips miss a target.

    data: a folder of videos, its index beside or above it. tracks: their tracks, as ``tellmark track`` writes them for
    that folder; without, they are tracked here. split: one of ``SPLITS``; both by default. seconds: of each clip.
    limit: so many clips of each split. sheet: a folder for a marked video and a picture of each clip, real beside
    rendered: they show the persons of the clips. quick: two clips of each split, 2 s of each.

    Raises :class:`UsageError` for an unknown split, or where there are no videos or none of use.
    """
    length, most = (2.0, 2) if quick else (float(seconds), None if limit is None else int(limit))
    found = videos(Path(data), split)
    chosen = [video for half in SPLITS for video in [v for v in found if v[1] == half][:most]]
    rows: list[dict[str, Any]] = []
    cv2.setNumThreads(1)  # one core is what is timed
    for done, video in enumerate(chosen, 1):
        try:
            clip = read_clip(*video, seconds=length, tracks=None if tracks is None else Path(tracks))
            rows.append(_measure(clip, None if sheet is None else Path(sheet)))
        except TellmarkError as error:
            rows.append({"split": video[1], "clip": video[0], "unusable": type(error).__name__})
        if progress is not None:
            progress(done, len(chosen))
    usable = [row for row in rows if "unusable" not in row]
    if not usable:
        raise UsageError(f"none of the videos in {data} can be used; give clips of one person's face")
    return rows + [summary for half in SPLITS for summary in _summaries(half, usable)]


def _measure(clip: Clip, sheet: Path | None) -> dict[str, Any]:
    portrait = clip.portrait()
    motion = complete(clip.frames, portrait, puppeteer(clip.track(), portrait.landmarks))
    renderer = MeshRenderer(portrait)
    rest = squared_error(renderer.render(Motion.rest(FPS), 0), clip.frames[0]).mean()
    errors: dict[str, list[float]] = {name: [] for name in ("face still", "face", "frame still", "frame")}
    sharp: dict[str, list[float]] = {"mouth": [], "eyes": [], "real mouth": [], "real eyes": []}
    flicker, real_flicker = _Sum(), _Sum()
    times, kept = [], []
    for index, real in enumerate(clip.frames):
        start = time.thread_time()
        made = renderer.render(motion, index)
        times.append((time.thread_time() - start) * 1e3)
        mask = face_mask(clip.landmarks[index])
        flicker.add(made, mask)
        real_flicker.add(real, mask)
        if sheet is not None:
            kept.append(made.copy())
        if not index:
            continue  # the portrait itself
        for name, picture in (("face still", clip.frames[0]), ("face", made)):
            error = squared_error(picture, real)
            errors[name].append(float(error[mask].mean()))
            errors[name.replace("face", "frame")].append(float(error.mean()))
        for prefix, picture in (("", made), ("real ", real)):
            for part, value in sharpness(picture, clip.landmarks[index]).items():
                sharp[prefix + part].append(value)
    if sheet is not None:
        write_sheet(sheet, clip, np.stack(kept), _SHEET_FRAMES)
    loss = {name: decibels(np.array(values)) for name, values in errors.items()}
    by_frame = [decibels(a) - decibels(b) for a, b in zip(errors["face"], errors["face still"], strict=True)]
    row = {
        "face still dB": loss["face still"],
        "face dB": loss["face"],
        "face gain dB": loss["face"] - loss["face still"],
        "face gain dB by frame": float(np.mean(by_frame)),
        "frame still dB": loss["frame still"],
        "frame dB": loss["frame"],
        "frame gain dB": loss["frame"] - loss["frame still"],
        "rest dB": decibels(float(rest)),
        "mouth sharpness": float(np.mean(sharp["mouth"]) / np.mean(sharp["real mouth"])),
        "eyes sharpness": float(np.mean(sharp["eyes"]) / np.mean(sharp["real eyes"])),
        "flicker": flicker.mean / max(real_flicker.mean, 1e-6),
        "ms a frame": float(np.median(times)),
    }
    widest = float(np.abs(motion.rotation_deg[:, 0]).max())
    return {
        "split": clip.split, "clip": clip.number, "frames": len(clip.frames), "enlarged": round(clip.scale, 2),
        "widest yaw deg": round(widest, 1), **{name: round(value, 3) for name, value in row.items()},
    }  # fmt: skip


class _Sum:
    """The mean flicker of one video."""

    def __init__(self) -> None:
        self._measure, self._values = Flicker(), list[float]()

    def add(self, frame: U8, mask: Any) -> None:
        value = self._measure.add(frame, mask)
        if value is not None:
            self._values.append(value)

    @property
    def mean(self) -> float:
        return float(np.mean(self._values)) if self._values else 0.0


def _summaries(split: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The means of a split, and in the same columns how many clips are short of the target there is."""
    rows = [row for row in rows if row["split"] == split]
    if not rows:
        return []
    frames = sum(row["frames"] for row in rows)
    means = {name: round(float(np.mean([row[name] for row in rows])), 3) for name in _MEANS}
    missed = {
        "frame gain dB": sum(row["frame gain dB"] <= 0 for row in rows),
        "face gain dB": sum(row["face gain dB"] <= 0 for row in rows),
        "rest dB": sum(row["rest dB"] < 40 for row in rows),
        "mouth sharpness": sum(not 0.8 <= row["mouth sharpness"] <= 1.2 for row in rows),
        "eyes sharpness": sum(not 0.8 <= row["eyes sharpness"] <= 1.2 for row in rows),
        "flicker": sum(row["flicker"] > 1.3 for row in rows),
        "ms a frame": sum(row["ms a frame"] > 10 for row in rows),
    }
    return [
        {"split": split, "clip": f"mean of {len(rows)}", "frames": frames, **means},
        {"split": split, "clip": f"misses of {len(rows)}", "frames": frames, **missed},
    ]
