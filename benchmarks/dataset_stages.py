"""What each stage of a dataset's build costs in CPU time: what the constants of the dry run are read from.

One take, of one second and of ``seconds``: what both share is the fixed cost, the rest is per frame. In seconds of a
machine whose :func:`~tellmark.generator.factory.calibrate.unit_s` is ``UNIT_S``, so that a busy or a slower machine
gives the same figures.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from tellmark.generator.factory import takes
from tellmark.generator.factory.calibrate import UNIT_S, unit_s
from tellmark.generator.factory.casting import cast
from tellmark.generator.factory.plan import Plan, load_plan
from tellmark.generator.factory.roles import Take, Version
from tellmark.generator.factory.scene import Scene

_FAKES = '"talk", "reenact", "lipsync", "swap", "selfblend", "splice"'
_PLAN = """
seconds = {seconds}
{people}
methods = ["{original}", {fakes}]
arms = ["null"]
[splits]
test = 1.0
[voices]
languages = ["en-us"]
variants = ["m1", "f2"]
"""
_FOOTAGE = '[footage]\nfolder = "{}"\nlicence = "as measured"\nconsent = "as measured"\n'
_RUNGS = ("raw", "c23", "c40", "messenger")
_DIALS = ("mouth_blur", "noise_mismatch", "background_swim", "shape_wobble")


def stages(footage: str, seconds: float) -> list[dict[str, Any]]:
    """Rows of {stage, fixed s, s a frame}: of an actor, or of the first person in the folder ``footage``."""
    found = [_measured(footage, length) for length in (1.0, seconds)]
    (short, few), (long, many) = found
    rows = []
    for name in long:
        slope = max(0.0, (long[name] - short[name]) / (many - few))
        rows.append({"stage": name, "fixed s": round(short[name] - slope * few, 3), "s a frame": round(slope, 5)})
    return rows


def _measured(footage: str, seconds: float) -> tuple[dict[str, float], int]:
    """(stage -> CPU seconds on the machine of ``UNIT_S``, frames)."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        original = "real" if footage else "reference"
        people = "fps = 25" if footage else "actors = [11, 12]"
        text = _PLAN.format(seconds=seconds, people=people, original=original, fakes=_FAKES)
        (folder / "plan.toml").write_text(text + (_FOOTAGE.format(Path(footage).resolve()) if footage else ""))
        plan = load_plan(folder / "plan.toml")
        take = cast(plan)[0][0]
        spent = _spent(plan, take, folder)
        unit_s.cache_clear()  # the load may have changed
        return {stage: value * UNIT_S / unit_s() for stage, value in spent.items()}, round(seconds * take.fps)


def _spent(plan: Plan, take: Take, folder: Path) -> dict[str, float]:
    out = folder / "out"
    for part in ("clips", "masks", "tracks", ".build/records"):
        (out / part).mkdir(parents=True)
    spent: dict[str, float] = {}

    def timed(stage: str, work: Callable[[], Any]) -> Any:
        started = time.process_time()
        result = work()
        spent[stage] = time.process_time() - started
        return result

    def made(name: str, *, dial: str | None = None, rung: str | None = None) -> None:
        version = Version(name, dial, 0.5 if dial else 0.0, rung)
        takes._Studio(plan, scene, name, out).make([version])

    scene: Scene = timed("open", lambda: Scene(take, plan.seconds, folder))
    timed("find", lambda: scene.shot if take.path else scene.filming())
    timed("film", lambda: scene.frames)
    timed("track", lambda: scene.track)
    timed("still", lambda: scene.still)
    timed("performance", lambda: scene.performance(scene.still))
    timed("listen", lambda: scene.speech)
    timed("donor", lambda: scene.donor.still)
    for name in take.methods:
        timed(name, partial(made, name))
    for rung in _RUNGS:
        timed(f"rung {rung}", partial(made, take.methods[0], rung=rung))
    for dial in _DIALS:
        timed(f"selfblend with {dial}", partial(made, "selfblend", dial=dial))
    return spent
