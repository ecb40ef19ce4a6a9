"""`lipsync`: a filmed face whose mouth says something else. Only the mouth and what is around it is made.

In every frame the still's face is rendered with the head, brows and cheeks as tracked and the lips as the new words
want them, drawn onto the frame's own points, brought to its colours and blended by a soft mask.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from tellmark.generator.factory.roles import number
from tellmark.generator.factory.scene import Scene
from tellmark.generator.factory.soundtrack import record
from tellmark.generator.methods import Forgery
from tellmark.generator.methods.warp import (
    STABLE,
    as_mask,
    blend,
    draw,
    hull,
    oval,
    place,
    recolour,
    similarity,
    statistics,
    with_mouth,
)
from tellmark.generator.motions import motion_model
from tellmark.generator.renderers import renderer
from tellmark.generator.rules import MOUTH
from tellmark.generator.types import EXPRESSIONS, Controls, Motion, Speech
from tellmark.landmarks import LIPS_OUTER, face_width
from tellmark.types import F32, U8

_STABLE = list(STABLE)
_REACH = 0.42  # face widths from the middle of the mouth: points beyond stay as filmed
_CALM = 0.5  # tracked smiles and frowns are kept by half, for lips also smile as they speak


def forge(scene: Scene) -> Forgery:
    """Let the original say the take's ``words``."""
    words = scene.take.words
    assert words is not None
    wav = scene.folder / f"{scene.take.take_id}.words.wav"
    params = record(words, scene.seconds, wav)
    return Forgery(
        frames=respoken(scene, scene.listen(wav), np.ones(scene.count, np.float32)),
        wav=wav,
        voice_id=words.voice_id,
        params={"renderer": scene.take.renderer, "motion_model": scene.take.motion}
        | {f"words_{name}": value for name, value in params.items()},
    )


def respoken(scene: Scene, speech: Speech, share: NDArray[np.float32]) -> Iterator[tuple[U8, U8]]:
    """The original's frames with a mouth that says ``speech``, by ``share`` (T,) of its mask; frames of 0 as filmed."""
    motion = _performance(scene, speech)
    made = renderer(scene.take.renderer, scene.still)
    untouched = np.zeros(scene.frames.shape[1:3], np.uint8)
    have = want = None
    for t in range(scene.count):
        frame, face = np.asarray(scene.frames[t]), scene.track[t]
        if share[t] <= 0:
            yield frame, untouched
            continue
        rendered = made.render(motion, t)
        points = _aim(face, made.points)
        drawn, covered = draw(rendered, made.points, points, with_mouth())
        width = float(face_width(face))
        lips = np.concatenate([points[list(LIPS_OUTER)], face[list(LIPS_OUTER)]])
        inside = hull(oval(face), 0.05 * width, -0.06 * width)
        region = hull(lips, 0.12 * width, 0.13 * width) * inside * covered * share[t]
        around = np.clip(hull(lips, 0.05 * width, 0.20 * width) - hull(lips, 0.05 * width, 0.02 * width), 0, 1)
        now = statistics(drawn, around * covered), statistics(frame, around)
        # Light changes slowly: without this the mouth would flicker with the estimate.
        have = now[0] if have is None else 0.8 * have + 0.2 * now[0]
        want = now[1] if want is None else 0.8 * want + 0.2 * now[1]
        yield blend(frame, recolour(drawn, have, want, region, (0.8, 1.25)), region), as_mask(region)


def _performance(scene: Scene, speech: Speech) -> Motion:
    """What was tracked, with the lips of ``speech``."""
    tracked = scene.performance(scene.still)
    spoken = motion_model(scene.take.motion).generate(speech, Controls(), number(scene.take.seed, "lipsync") % 2**31)
    expression = tracked.expression.copy()
    for name in ("smile", "frown"):
        expression[:, EXPRESSIONS.index(name)] *= _CALM
    for name in MOUTH:
        expression[:, EXPRESSIONS.index(name)] = spoken.expression[:, EXPRESSIONS.index(name)]
    return dataclasses.replace(tracked, expression=expression)


def _aim(face: F32, rendered: F32) -> F32:
    """(478, 3) where the rendered points go in the frame: at the mouth in their own shape, elsewhere as filmed."""
    goal = place(similarity(rendered[_STABLE, :2], face[_STABLE, :2]), rendered)
    middle = face[list(LIPS_OUTER), :2].mean(0)
    away = np.linalg.norm(face[:, :2] - middle, axis=1) / (_REACH * face_width(face))
    weight = np.clip(1.6 - 1.6 * away, 0, 1)
    edge = np.linalg.norm(face[:, None, :2] - oval(face)[None, :, :2], axis=2).min(1) / (0.12 * face_width(face))
    weight = (weight * np.clip(edge, 0, 1))[:, None].astype(np.float32)
    return np.asarray(face + weight * (goal - face), np.float32)
