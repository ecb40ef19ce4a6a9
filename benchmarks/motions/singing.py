"""Singing in `bench motion`: do lips follow held notes?

Recordings of singing where there are some, and two lines of our own (``song``), whose syllables are known. There the
sync net's judgement has a limit of its own: half a second earlier or later, a held note looks the same. So beside the
models stand lips that were made from the known syllables, rendered and tracked alike.
"""

from __future__ import annotations

from functools import partial
from itertools import product

import numpy as np

from tellmark.benchmarks.motions import sync
from tellmark.benchmarks.motions.case import Case, Rows
from tellmark.benchmarks.motions.lips import PICKS, count_closures, judged, real_confidence, spoken
from tellmark.benchmarks.motions.song import LINES, sing
from tellmark.benchmarks.motions.stage import Voice, perform, show
from tellmark.generator.audio.visemes import GESTURES, lip_tracks
from tellmark.generator.rules import centred, lips
from tellmark.generator.speech import load_speech
from tellmark.generator.track import FPS
from tellmark.generator.types import EXPRESSIONS, Motion


def singing(rows: Rows, case: Case) -> None:
    """Sync of sung lines and of recordings, and closures of every sung /m/."""
    lines = [sing(case.folder, line) for line in LINES]
    sounds = [sync.sound_of(line.path) for line in lines]
    made = [perform(case.model, case.people[k], line.path, seed=k) for k, line in enumerate(lines)]
    known = [show(case.people[k], known_lips(line)) for k, line in enumerate(lines)]
    ours, best = ([sync.lip_shape(stage.track) for stage in stages] for stages in (made, known))
    limit = 0.0
    for name, shapes, heard in (
        ("sung, lips of the known syllables", best, sounds),
        ("sung", ours, sounds),
        ("sung, the other line's sound", ours, sounds[::-1]),
    ):
        found = [s for pair in zip(shapes, heard, strict=True) if (s := judged(*pair))]
        value = PICKS["confidence"](found)
        limit = limit or value
        target = f">= {0.9 * limit:.3f}" if name == "sung" else "control"
        rows.add(f"sync confidence, {name}", value, target, n=len(found))
    count_closures(rows, case, "sung", lines)
    if case.singing:
        songs = sorted(path for path in case.singing.iterdir() if "sing" in path.name.lower() and path.is_file())
        cast = product(case.people, enumerate(songs))  # everybody sings everything: faces differ by as much as songs
        found = [s for person, (k, song) in cast if (s := spoken(case.model, person, song, k))]
        if found:
            name = "sync confidence, recordings of singing"
            rows.add(name, PICKS["confidence"](found), ">= 0.9 of real", real=real_confidence(case), n=len(found))


def known_lips(voice: Voice) -> Motion:
    """A head that keeps still and a mouth that does what the phonemes of ``voice`` ask for."""
    frames = load_speech(voice.path, fps=FPS).frames
    tracks = lip_tracks(voice.phonemes, frames / FPS, FPS)
    heard = dict(zip(GESTURES, tracks.T, strict=True)) | {"speaking": np.ones(frames)}
    motion = Motion.rest(FPS, frames)
    for name, track in lips(heard, partial(centred, fps=FPS)).items():
        motion.expression[:, EXPRESSIONS.index(name)] = track
    return motion
