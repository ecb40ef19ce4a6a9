"""`tellmark bench motion`: what motion models do, with real video beside them, tracked from frames at 25 fps.

    tellmark bench motion --with real=FOLDER --with tracks=TRACKS --with singing=FOLDER

One table: real video, the rules, the diffusion model (or what ``model`` names), a target, and who is better. ``real``
holds talking faces with sound and ``tracks`` what ``tellmark track`` made of it; without them the column of real video
stays empty. The models then also speak what those persons say who were kept from the sync net's training.
``docs/motion.md`` says what each measure means and what it cannot say.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tellmark.benchmarks.motions import capp, round_trip, sync
from tellmark.benchmarks.motions import controls as motion_controls
from tellmark.benchmarks.motions import lips as motion_lips
from tellmark.benchmarks.motions import long as motion_long
from tellmark.benchmarks.motions import singing as motion_singing
from tellmark.benchmarks.motions import stats as measures
from tellmark.benchmarks.motions.case import Case, Real, Rows
from tellmark.benchmarks.motions.stage import model_named, perform, speak
from tellmark.benchmarks.motions.table import table
from tellmark.benchmarks.motions.train_sync import held_out
from tellmark.errors import InputError, TellmarkError, UsageError
from tellmark.generator.actors import actor
from tellmark.generator.audio.sentences import sentences
from tellmark.generator.retarget import retarget
from tellmark.generator.speech import FEATURES, load_speech
from tellmark.generator.track import FPS, Track, read_manifest
from tellmark.generator.types import EXPRESSIONS, Controls, Motion
from tellmark.types import F64

SEAM_WINDOW = 25  # frames, unless ``window`` says otherwise: the pieces of a second in which files are heard
_MORE = (17, 23, 29, 35)  # actors whose moods are seen as well: what one costs differs from face to face


def run(
    *,
    quick: bool = False,
    model: str = "rules,diffusion",
    real: str = "",
    tracks: str = "",
    singing: str = "",
    window: str = "",
    minutes: float | str = 1,
    performances: int | str = 1,
    part: str = "",
) -> list[dict[str, Any]]:
    """Rows of {measure, real, a column a model, target, better, n}; see :func:`motion_table.table`.

    ``model``: names with commas between them. ``part``: some of ``PARTS``, likewise; all of them without. ``minutes``
    is how long the long run is, and ``performances`` how many of them are looked at for seams.
    """
    parts = part.split(",") if part else list(PARTS)
    if unknown := [name for name in parts if name not in PARTS]:
        raise UsageError(f"bench motion has no part {unknown[0]}; choose one of {', '.join(PARTS)}")
    names = model.split(",")
    models = [model_named(name) for name in names]
    clips = _real(Path(real), Path(tracks), quick) if real and tracks else []
    people = [actor(seed) for seed in ((1, 5) if quick else (1, 5, 11))]
    found: list[dict[str, Any]] = []
    for name, one in zip(names, models, strict=True):
        rows = Rows(name)
        with tempfile.TemporaryDirectory() as folder:
            songs = Path(singing) if singing else None
            frames = int(window or SEAM_WINDOW)
            case = Case(one, people, clips, Path(folder), songs, frames, float(minutes), int(performances))
            for chosen in parts:
                PARTS[chosen](rows, case)
        found += rows.rows
    return table(found, names)


def _statistics(rows: Rows, case: Case) -> None:
    """What the head, lids and eyes do in speech."""
    texts = list(sentences("en"))
    sounds = [clip.sound for clip in case.clips if held_out(clip.person_id)]
    sounds = sounds or [speak(case.folder, "en-us", texts[k : k + 4]).path for k in (0, 4)]
    stages = [perform(case.model, case.people[k % len(case.people)], sound, seed=k) for k, sound in enumerate(sounds)]
    made = [stage.seen for stage in stages]
    seen = [retarget(clip.track, smooth=False) for clip in case.clips]
    summaries = [_summary(made), _summary(seen) if seen else {}]
    targets = {"delta P": "within 20 % of real", "blinks a minute": "within 20 % of real"}
    for name, value in summaries[0].items():
        rows.add(
            name, value, targets.get(name, ""), real=summaries[1].get(name), n=f"{len(made)} clips, {len(seen)} real"
        )
    _alignment(rows, list(zip(sounds, (stage.track for stage in stages), strict=True)), case)


def _alignment(rows: Rows, made: list[tuple[Path, Track]], case: Case) -> None:
    """Audio-pose alignment after CAPP, and what is left of it with the pose some frames too early and too late."""
    theirs = [(clip.sound, clip.track) for clip in case.clips if held_out(clip.person_id)]
    ours, real = (_aligned(pairs) for pairs in (made, theirs))
    if ours is None:
        return
    for off in range(capp.SHIFTS[-1] + 1):
        name = f"audio-pose alignment (CAPP), {off} frames off" if off else "audio-pose alignment (CAPP)"
        values = [None if way is None else float(way[[k for k in (4 - off, 4 + off)]].mean()) for way in (ours, real)]
        # No target, nor better or worse: the net is too weak (docs/models/capp.md).
        rows.add(name, values[0] or 0.0, "no judge", real=values[1], n=len(made))


def _aligned(pairs: list[tuple[Path, Track]]) -> F64 | None:
    """(9,) mean of :func:`capp.scores` over the clips that are long enough."""
    found = []
    for sound, track in pairs:
        with contextlib.suppress(InputError):
            found.append(capp.scores(capp.pose_rows(track), capp.sound_rows(sound)))
    return np.mean(found, axis=0) if found else None


def _summary(motions: list[Motion]) -> dict[str, float]:
    """Medians over clips; blinks pooled, since many clips have none."""
    found = [measures.blinks(motion.blink.astype(np.float64), motion.fps) for motion in motions]
    length = np.array([len(motion) for motion in motions], np.float64)
    out = {
        "delta P": float(np.median([measures.delta_p(motion.rotation_deg.astype(np.float64)) for motion in motions])),
        "blinks a minute": float(np.average([blink.a_minute for blink in found], weights=length)),
        "blink duration s": float(np.nanmedian([blink.duration_s for blink in found])),
        "head spread deg": float(np.median([motion.rotation_deg.std(0).mean() for motion in motions])),
    }
    spreads = [measures.gaze_spread(motion) for motion in motions]
    return out | {name: float(np.median([spread[name] for spread in spreads])) for name in spreads[0]}


def _seeds_and_seams(rows: Rows, case: Case) -> None:
    """On the motion itself, not on frames: a tracker would add its own jumps and blur."""
    voice = speak(case.folder, "en-us", list(sentences("en"))[:8])
    speech = load_speech(voice.path, fps=FPS)
    made = [case.model.generate(speech, Controls(), seed) for seed in range(5)]
    rows.add("diversity of the head over seeds (motion)", measures.diversity(made), "near 1", n=len(made))
    for name, value in measures.seams(made, case.window).items():
        target = "1" if "ratio" in name else "> 0.05"
        rows.add(f"{name}, window {case.window} (motion)", value, target, n=sum(map(len, made)))


def _controls(rows: Rows, case: Case) -> None:
    sound = speak(case.folder, "en-us", list(sentences("en"))[:2]).path
    errors: defaultdict[str, list[float]] = defaultdict(list)
    poses = []
    for portrait in case.people:
        for name, values in motion_controls.gaze_and_distance(case.model, portrait, sound).items():
            errors[name] += values
        poses.append(motion_controls.pose(case.model, portrait, sound))
    distance, pose = errors["distance"], np.concatenate(poses)
    for what, target in (("gaze", "<= 3"), ("gaze in the motion", "<= 3"), ("gaze held still", "control")):
        name = what.replace("gaze", "gaze error deg", 1)
        rows.add(name, float(np.mean(errors[what])), target, n=len(errors[what]))
        rows.add(f"{name}, worst", max(errors[what]), target, n=len(errors[what]))
    rows.add("distance error", float(np.mean(distance)), "<= 0.05", n=len(distance))
    rows.add("distance error, worst", max(distance), n=len(distance))
    for axis, name in enumerate(("yaw", "pitch", "roll")):
        rows.add(f"pose error deg, {name}", float(pose[:, axis].mean()), "<= 2", n=len(pose))
        rows.add(f"pose error deg, {name}, 95th percentile", float(np.percentile(pose[:, axis], 95)), n=len(pose))


def _emotions(rows: Rows, case: Case) -> None:
    texts = list(sentences("en"))
    sounds = [speak(case.folder, "en-us", texts[k : k + 2]).path for k in (0, 2)]
    people = [*case.people, *map(actor, _MORE)]
    for name, found in motion_controls.emotions(case.model, people, sounds).items():
        rows.add(f"emotion {name}: AUC against neutral", found.auc, ">= 0.9", n=len(people))
        rows.add(f"emotion {name}: sync over neutral's", found.sync, ">= 0.95", n=len(people) * len(sounds))
        rows.add(f"emotion {name}: sync over neutral's, standard error", found.error, n=len(people))
        rows.add(f"emotion {name}: sync over neutral's, worst actor", found.worst, n=len(people))


def _round_trip(rows: Rows, case: Case) -> None:
    found = [round_trip.errors(portrait) for portrait in case.people]
    targets = {"yaw": "<= 2", "pitch": "<= 2", "roll": "<= 2", "distance": "<= 0.05", "blink": "<= 1"}
    for name in found[0]:
        values = [one[name] for one in found]
        what = "share read" if name in EXPRESSIONS else "largest error"
        target = "<= 3" if name.startswith("gaze") else targets.get(name, "")
        rows.add(f"round trip {name}, {what}", float(np.median(values)), target, n=len(values))
        if name not in EXPRESSIONS:
            rows.add(f"round trip {name}, {what}, worst actor", max(values), n=len(values))


PARTS: dict[str, Callable[[Rows, Case], None]] = {
    "statistics": _statistics,
    "sync": motion_lips.agreement,
    "singing": motion_singing.singing,
    "closures": motion_lips.closures,
    "silence": motion_lips.silence,
    "seeds": _seeds_and_seams,
    "long": motion_long.long_run,
    "controls": _controls,
    "emotions": _emotions,
    "roundtrip": _round_trip,
}


def _real(folder: Path, tracks: Path, quick: bool) -> list[Real]:
    """Real clips with speech in them."""
    clips = []
    for row in read_manifest(tracks):
        track = Track.load(tracks / row["track"])
        if row["has_audio"] != "1" or track.found.mean() < 0.9 or len(track) < 2 * sync.REACH + sync.WINDOW:
            continue
        try:
            speech = load_speech(folder / row["path"], fps=FPS)
        except TellmarkError:
            continue
        if speech.features[:, FEATURES.index("speaking")].mean() > 0.3:
            clips.append(Real(folder / row["path"], row["person_id"], track))
    return clips[::3] if quick else clips
