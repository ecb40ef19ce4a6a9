"""The failure gallery, of virtual actors alone: no frame of a real person leaves here, whatever the manifest holds."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from tellmark.errors import InputError
from tellmark.media import VideoReader
from tellmark.types import U8, Clip, Label

ACTOR = "actor:"
MOMENTS = (0.25, 0.75)  # of the clip's length
SIZE = 288  # px


@dataclass(frozen=True, slots=True)
class Picture:
    """One frame as a JPEG data URI."""

    uri: str
    time_s: float


@dataclass(frozen=True, slots=True)
class Sample:
    """Frames of a scored fake and, at the same times, of the clip it pairs with."""

    identity: str
    why: str  # it is shown
    p: float
    original_p: float | None  # None: the original was not scored
    fake: tuple[Picture, ...]
    original: tuple[Picture, ...]


def may_be_shown(clip: Clip) -> bool:
    """True for clips of virtual actors alone: a real person's clip, real or animated, is never shown."""
    return clip.identity.startswith(ACTOR) and clip.label is not Label.REAL


def choose(clips: Sequence[Clip], scores: Mapping[str, float], count: int = 3) -> list[tuple[str, Clip, Clip]]:
    """(why, fake, original) of different actors: the ``count`` - 1 worst misses, then the worst false alarm.

    Where there is room for three or more, the forgery that was found most clearly comes last, for comparison.
    """
    by_id = {clip.clip_id: clip for clip in clips if may_be_shown(clip)}
    pairs: dict[str, tuple[Clip, Clip]] = {}
    for clip in sorted(by_id.values(), key=lambda clip: (scores.get(clip.clip_id, 0.0), clip.clip_id)):
        original = by_id.get(clip.original or "")
        if clip.label is Label.FAKE and clip.clip_id in scores and original is not None:
            pairs.setdefault(clip.identity, (clip, original))
    ranked = list(pairs.values())
    best = [("found most clearly", *ranked.pop())] if len(ranked) > 2 and count > 2 else []
    alarms = sorted(ranked, key=lambda pair: (-scores.get(pair[1].clip_id, 0.0), pair[1].clip_id))
    alarm = [("false alarm: the original that scored highest", *alarms[0])] if len(ranked) > 1 and count > 2 else []
    missed = [pair for pair in ranked if not alarm or pair != alarms[0]][: count - len(alarm) - len(best)]
    return [*(("missed: a forgery that scored lowest", *pair) for pair in missed), *alarm, *best]


def samples(folder: Path, clips: Sequence[Clip], scores: Mapping[str, float], count: int = 4) -> list[Sample]:
    """Decode the frames of the pairs that :func:`choose` names.

    Raises :class:`InputError` if a clip of the dataset is missing, :class:`MediaError` if it cannot be decoded.
    """
    return [
        Sample(
            identity=fake.identity,
            why=why,
            p=scores[fake.clip_id],
            original_p=scores.get(original.clip_id),
            fake=_pictures(folder, fake),
            original=_pictures(folder, original),
        )
        for why, fake, original in choose(clips, scores, count)
    ]


def _pictures(folder: Path, clip: Clip) -> tuple[Picture, ...]:
    if not may_be_shown(clip):  # the last gate before pixels are read
        raise InputError(f"{clip.clip_id} shows no virtual actor; a report shows nobody else")
    path = folder / clip.path
    if not path.resolve().is_relative_to(folder.resolve()):
        raise InputError(f"{clip.path} leads out of {folder}; run `tellmark dataset check`")
    if not path.exists():
        raise InputError(f"{path} is missing; run `tellmark dataset check` and build the dataset again")
    frames = round(clip.seconds * clip.fps)
    wanted = {min(frames - 1, int(moment * frames)) for moment in MOMENTS}
    pictures = []
    with VideoReader(path) as reader:
        for frame in reader:
            if frame.index in wanted:
                pictures.append(Picture(_jpeg(frame.rgb()), frame.time_s))
            if frame.index >= max(wanted):
                break
    return tuple(pictures)


def _jpeg(rgb: U8) -> str:
    buffer = io.BytesIO()
    Image.fromarray(rgb).resize((SIZE, SIZE), Image.Resampling.LANCZOS).save(buffer, "jpeg", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
