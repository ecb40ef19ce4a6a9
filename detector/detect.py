"""What gives a file away: the shipped detector on one video or picture."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tellmark.detector import tells
from tellmark.detector.features import ClipFeatures, clip_features, measure
from tellmark.detector.models.model import TellModel
from tellmark.detector.windows.people import windows_of_people
from tellmark.detector.windows.sound import Sound
from tellmark.detector.windows.tracks import read_frames
from tellmark.detector.windows.window import FPS, FRAMES
from tellmark.errors import MediaError
from tellmark.faces import MIN_FACE_PX
from tellmark.pictures import read_image
from tellmark.types import F64, Detection

if TYPE_CHECKING:  # torch takes seconds
    from tellmark.detector.models.fusion import Fusion

SHIPPED = Path(__file__).parent / "default.npz"


@cache
def default_model() -> TellModel:
    """The model that comes with tellmark; its card says on what it was trained and what it is worth."""
    return TellModel.load(SHIPPED)


def detect(path: Path | str, model: TellModel | Fusion | Path | str | None = None) -> Detection:
    """Judge the largest face of a video, window by window of 1.6 s; where there are several, each of them as well.

    ``p_synthetic`` supposes that real and synthetic clips are equally frequent. It is None, with a note that says
    why, for a still (most tells need motion), without a face, for a face below 64 px, and where no face stays for 1.6
    s. Memory stays constant however long the video is. Raises :class:`~tellmark.errors.MediaError` for a file that is
    neither video nor picture, and :class:`~tellmark.errors.InputError` for a ``model`` that is none.
    """
    path = Path(path)
    if isinstance(model, Path | str):
        from tellmark.detector.models.fusion import load_model

        model = load_model(Path(model))
    if model is not None and not isinstance(model, TellModel):
        return _by_views(path, model)
    model = model or default_model()
    found = clip_features(path)
    if not len(found.x):
        return Detection(
            str(path), None, _still_tells(path, found, model), (), model.name, found.faces, _why_not(found)
        )
    verdict = model.judge(found.x)
    timeline = tuple((round(float(t), 3), float(p)) for t, p in zip(found.times_s, verdict.windows, strict=True))
    people = _people(path, model) if found.faces > 1 else ()
    note = _of_several(found.faces, verdict.p_synthetic, people, model) if found.faces > 1 else None
    return Detection(
        str(path), verdict.p_synthetic, verdict.tells, timeline, model.name, found.faces, note, people,
        model.operating_point,
    )  # fmt: skip


def _people(path: Path, model: TellModel) -> tuple[dict[str, Any], ...]:
    """The verdict on each person who stays for a window, largest face first; box is x0, y0, x1, y1 where they began."""
    rows: dict[int, list[F64]] = {}
    times: dict[int, list[float]] = {}
    boxes: dict[int, list[float]] = {}
    for person, part in windows_of_people(read_frames(path), sound=Sound(path)):
        rows.setdefault(person, []).append(measure(part))
        times.setdefault(person, []).append(part.start_s + len(part) / 2 / FPS)
        points = part.source_landmarks[0][:, :2]
        boxes.setdefault(person, [*map(float, points.min(0)), *map(float, points.max(0))])
    found = []
    for person in sorted(rows, key=lambda one: boxes[one][1] - boxes[one][3]):
        verdict = model.judge(np.array(rows[person]))
        timeline = [(round(t, 3), float(p)) for t, p in zip(times[person], verdict.windows, strict=True)]
        box = [round(value, 1) for value in boxes[person]]
        found.append({"person": person, "p_synthetic": verdict.p_synthetic, "timeline": timeline, "box": box})
    return tuple(found)


def _of_several(faces: int, p: float, people: Sequence[dict[str, Any]], model: TellModel) -> str:
    """Whom a verdict is about, and whether that of somebody else is worse."""
    note = f"up to {faces} faces were seen; this is about the largest one"
    limit = point["threshold"] if (point := model.operating_point) else 0.5
    worse = sum(float(one["p_synthetic"]) > limit for one in people) if p <= limit else 0
    said = "the threshold" if point else "even odds"
    return note + (f", and {worse} of the others {'lies' if worse == 1 else 'lie'} above {said}" if worse else "")


def _by_views(path: Path, model: Fusion) -> Detection:
    """The same by a network, a temporal model or a fusion; ``tells`` has a score a part."""
    from tellmark.detector.views import clip_views

    seen = clip_views(path, model.needs)
    if not len(seen):
        why = "a still has no motion to judge" if seen.frames == 1 else "no face of 64 px or more stays for 1.6 s"
        return Detection(str(path), None, {}, (), model.name, seen.faces, f"cannot say: {why}")
    verdict = model.judge(seen.views)
    timeline = tuple((round(float(t), 3), float(p)) for t, p in zip(seen.times_s, verdict.windows, strict=True))
    return Detection(str(path), verdict.p_synthetic, verdict.tells, timeline, model.name, seen.faces)


def _still_tells(path: Path, found: ClipFeatures, model: TellModel) -> dict[str, dict[str, float]]:
    """The tells that need no motion, of a picture; nothing for a video."""
    if found.frames != 1:
        return {}
    try:
        picture = read_image(path)
    except MediaError:  # a video of one frame
        return {}
    single = clip_features([(0.0, picture)], length=1)
    if not len(single.x):
        return {}
    every = model.judge(single.x).tells
    return {family: said for family, said in every.items() if not tells.FAMILIES[family].DYNAMIC}


def _why_not(found: ClipFeatures) -> str:
    if found.frames == 1:
        return "cannot say: a still has no motion to judge; give a video of 2 s or more"
    if found.faces == 0:
        return "cannot say: no face was found"
    if found.largest_px < MIN_FACE_PX:
        return f"cannot say: the largest face is {found.largest_px:.0f} px; {MIN_FACE_PX} px or more are needed"
    needed = FRAMES / FPS
    return f"cannot say: no face stays in sight for {needed:.1f} s (followed for {found.followed / FPS:.1f} s in all)"
