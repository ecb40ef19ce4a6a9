"""`tellmark bench report`: how fast a report is written once features are cached, and whether it is the same twice.

A made-up dataset of 500 clips (50 with --quick), its features drawn at random and put into the cache: what is timed is
everything between features and the finished page, with the fitting of the models by itself as the floor. Motion and
channels, which decode video, are kept beside the clips like features are, and left out.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np

from tellmark.detector.evaluate import CACHE
from tellmark.detector.features import NAMES, ClipFeatures, version
from tellmark.detector.heldout import judge_held_out
from tellmark.manifest import write_manifest
from tellmark.reports.report import build_report
from tellmark.study import Settings, study
from tellmark.study_files import GAP
from tellmark.types import Clip, Label

WINDOWS = 3  # of 1.6 s
_METHODS = ("real", "null", "talk", "swap", "lipsync")


def run(*, quick: bool = False, clips: str = "") -> list[dict[str, Any]]:
    """Rows of {measure, value, unit}."""
    count = int(clips or (50 if quick else 500))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "data"
        made = invent(folder, count)
        taught = [(clip, found) for clip, found in made if clip.method != "null"]
        pages, times, alone = [], [], []
        for part in ("one", "two"):
            start = time.perf_counter()
            judge_held_out(taught)
            alone.append(time.perf_counter() - start)
            (folder / GAP).unlink(missing_ok=True)
            (folder / "evaluation.json").unlink(missing_ok=True)
            start = time.perf_counter()
            study(folder, lambda _: nullcontext(None), Settings(motion=False, verified=0))
            build_report(folder, Path(name) / part)
            times.append(time.perf_counter() - start)
            pages.append({p.relative_to(Path(name) / part): p.read_bytes() for p in (Path(name) / part).rglob("*.*")})
    seconds, fitting = min(times), min(alone)
    return [
        {"measure": "clips", "value": count, "unit": f"of {WINDOWS} windows"},
        {"measure": "report, features cached", "value": round(seconds, 2), "unit": "s"},
        {"measure": "report, features cached", "value": round(60 * count / seconds), "unit": "clips/minute"},
        {
            "measure": "fitting the models alone",
            "value": round(60 * count / fitting),
            "unit": "clips/min, models alone",
        },
        {"measure": "ratio", "value": round(seconds / fitting, 3), "unit": "report / fitting alone"},
        {"measure": "files that differ between two runs", "value": _differing(*pages), "unit": f"of {len(pages[0])}"},
    ]


def invent(folder: Path, count: int, *, shift: float = 0.8, seed: int = 0) -> list[tuple[Clip, ClipFeatures]]:
    """A dataset of ``count`` clips without pictures; in fakes one feature in ten is ``shift`` higher.

    Its features lie in the cache, where whoever measures it finds them.
    """
    rng = np.random.default_rng(seed)
    (folder / CACHE).mkdir(parents=True)
    pairs = []
    for k in range(count):
        method, person = _METHODS[k % len(_METHODS)], k // len(_METHODS)
        fake = method not in ("real", "null")
        x = rng.normal(size=(1, len(NAMES))) + 0.5 * rng.normal(size=(WINDOWS, len(NAMES)))
        x[:, ::10] += shift * fake
        digest = hashlib.sha256(f"{seed}-{k}".encode()).hexdigest()
        clip = Clip(
            clip_id=f"{method}-{person:03d}", path=f"clips/{method}-{person:03d}.mp4", sha256=digest,
            label=Label.FAKE if fake else Label.REAL, method=method, identity=f"person:{person:03d}",
            source_id=f"{person:03d}", voice_id="", split="train", seed=seed, width=512, height=512, fps=25.0,
            seconds=1.6 * WINDOWS, codec="libx264", crf=23, preset="veryfast", marked=True, payload=None,
            generator_version="made up", licence="none needed", original=f"real-{person:03d}" if fake else None,
        )  # fmt: skip
        features = ClipFeatures(np.arange(WINDOWS) * 1.6 + 0.8, x, 40 * WINDOWS, 1, 40 * WINDOWS, 200.0)
        np.savez(folder / CACHE / f"{digest}-{version()}.npz", **dataclasses.asdict(features))
        pairs.append((clip, features))
    write_manifest(folder, [clip for clip, _ in pairs])
    (folder / "dataset.json").write_text(json.dumps({"schema": "tellmark.dataset/1", "name": "made up", "seed": seed}))
    return pairs


def _differing(one: dict[Path, bytes], two: dict[Path, bytes]) -> int:
    return sum(one.get(name) != two.get(name) for name in one.keys() | two.keys())
