"""`tellmark bench motion`: what a motion model does, with real video beside it, tracked from frames at 25 fps.

    tellmark bench motion --with model=rules --with real=FOLDER --with tracks=TRACKS --with singing=FOLDER

``real`` holds talking faces with sound and ``tracks`` what ``tellmark track`` made of it; without them the column of
real video stays empty. The model then also speaks what those persons say who were kept from the sync net's training.
``docs/motion.md`` says what each measure means and what it cannot say.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tellmark.benchmarks import motion_controls, sync
from tellmark.benchmarks import motion_stats as measures
from tellmark.benchmarks.motion_stage import Stage, Voice, model_named, perform, speak
from tellmark.benchmarks.train_sync import held_out
from tellmark.errors import InputError, TellmarkError
from tellmark.generator.actors import actor
from tellmark.generator.retarget import retarget
from tellmark.generator.sentences import sentences
from tellmark.generator.speech import load_speech
from tellmark.generator.track import FPS, Track, read_manifest
from tellmark.generator.types import Controls, Motion, MotionModel, Portrait
from tellmark.types import F32, F64

LANGUAGES = {"en-us": "en", "de": "de", "es": "es", "cmn": "cmn"}
SEAM_WINDOW = 60  # frames, unless the model or ``window`` says otherwise
_MBP = {  # sentences full of closures, of our own
    "en-us": "Maybe my brother brings a big bowl of plums to the museum by bus. Bob and Pam jump over the pump.",
    "de": "Mein Bruder bäckt am Abend bunte Pfannkuchen mit Pflaumen und Beeren. Bitte bring mir ein Buch mit.",
    "es": "Mi primo Pablo bebe un poco de agua en el pueblo. Mañana compramos pan blanco para mamá.",
    "cmn": "妈妈明天不买面包，爸爸跑步回来。朋友们把白色的杯子摆满了。",
}
_CLOSED_MM = 1.2  # inner lips of a mouth that is shut, as tracked, above the same at rest
_SOUNDING = 0.5


@dataclass(frozen=True, slots=True)
class Real:
    """A real clip: its sound and what was tracked."""

    sound: Path
    person_id: str
    track: Track


def run(
    *, quick: bool = False, model: str = "rules", real: str = "", tracks: str = "", singing: str = "", window: str = ""
) -> list[dict[str, Any]]:
    """Rows of {measure, model, value, real, target, n}."""
    chosen = model_named(model)
    clips = _real(Path(real), Path(tracks), quick) if real and tracks else []
    people = [actor(seed) for seed in ((1, 5) if quick else (1, 5, 11))]
    rows = _Rows(model)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _statistics(rows, chosen, people, clips, folder)
        _sync(rows, chosen, people, clips, folder, Path(singing) if singing else None)
        _closures(rows, chosen, people[:1] if quick else people[:2], folder)
        _silence(rows, chosen, people[0], folder)
        _seeds_and_seams(rows, chosen, folder, int(window) if window else SEAM_WINDOW)
        _controls(rows, chosen, people[: 2 if quick else 3], folder)
    return rows.rows


class _Rows:
    def __init__(self, model: str) -> None:
        self.rows: list[dict[str, Any]] = []
        self._model = model

    def add(
        self, measure: str, value: float, target: str = "", *, real: float | None = None, n: int | str = ""
    ) -> None:
        beside = "" if real is None else round(float(real), 4)
        self.rows.append(
            {
                "measure": measure,
                "model": self._model,
                "value": round(float(value), 4),
                "real": beside,
                "target": target,
                "n": n,
            }
        )


def _statistics(rows: _Rows, model: MotionModel, people: list[Portrait], clips: list[Real], folder: Path) -> None:
    """What the head, lids and eyes do in speech."""
    texts = list(sentences("en"))
    sounds = [clip.sound for clip in clips if held_out(clip.person_id)]
    sounds = sounds or [speak(folder, "en-us", texts[k : k + 4]).path for k in (0, 4)]
    made = [perform(model, people[k % len(people)], sound, seed=k).seen for k, sound in enumerate(sounds)]
    seen = [retarget(clip.track, smooth=False) for clip in clips]
    summaries = [_summary(made), _summary(seen) if seen else {}]
    targets = {"delta P": "within 20 % of real", "blinks a minute": "within 20 % of real"}
    for name, value in summaries[0].items():
        rows.add(
            name, value, targets.get(name, ""), real=summaries[1].get(name), n=f"{len(made)} clips, {len(seen)} real"
        )


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


def _sync(
    rows: _Rows, model: MotionModel, people: list[Portrait], clips: list[Real], folder: Path, singing: Path | None
) -> None:
    """The sync net's judgement: on the sounds of real clips it never saw, on languages, on songs."""
    aside = [clip for clip in clips if held_out(clip.person_id)]
    if aside:
        theirs = [_judged(sync.lip_shape(clip.track), sync.sound_of(clip.sound)) for clip in aside]
        ours = [_spoken(model, people[k % len(people)], clip.sound, k) for k, clip in enumerate(aside)]
        both = [(a, b) for a, b in zip(ours, theirs, strict=True) if a and b]
        mine, real = ([pair[k] for pair in both] for k in (0, 1))
        for name, pick in _PICKS.items():
            target = ">= 0.9 of real" if name == "confidence" else ""
            rows.add(f"sync {name}, real voices", pick(mine), target, real=pick(real), n=len(both))
    for language, short in LANGUAGES.items():
        texts = list(sentences(short))[:6] or [_MBP[language]] * 2
        voices = [speak(folder, language, texts[k : k + 3]).path for k in (0, 3)]
        judged = [s for k, voice in enumerate(voices) if (s := _spoken(model, people[k], voice, k))]
        rows.add(f"sync confidence, {language} (espeak)", _PICKS["confidence"](judged), n=len(judged))
    if singing:
        songs = sorted(path for path in singing.iterdir() if "sing" in path.name.lower() and path.is_file())
        judged = [s for k, song in enumerate(songs) if (s := _spoken(model, people[k % len(people)], song, k))]
        if judged:
            rows.add("sync confidence, singing", _PICKS["confidence"](judged), n=len(judged))


_PICKS: dict[str, Callable[[list[sync.Sync]], float]] = {
    "confidence": lambda found: float(np.mean([s.confidence for s in found])),
    "distance": lambda found: float(np.mean([s.distance for s in found])),
    "offset within a frame": lambda found: float(np.mean([abs(s.offset) <= 1 for s in found])),
}


def _spoken(model: MotionModel, portrait: Portrait, sound: Path, seed: int) -> sync.Sync | None:
    return _judged(sync.lip_shape(perform(model, portrait, sound, seed=seed).track), sync.sound_of(sound))


def _judged(lips: F32, sound: F32) -> sync.Sync | None:
    try:
        return sync.score(lips, sound)
    except InputError:  # too short to be shifted
        return None


def _closures(rows: _Rows, model: MotionModel, people: list[Portrait], folder: Path) -> None:
    """Are the lips shut when /m b p/ are heard, and how often are they at other moments of speech?"""
    for language in LANGUAGES:
        voice = speak(folder, language, [_MBP[language]])
        shut, chance = [], []
        for seed, portrait in enumerate(people):
            gap = _gap_mm(perform(model, portrait, voice.path, seed=seed))
            duration_s = len(gap) / FPS
            times = measures.closure_times(voice.phonemes, duration_s)
            others = measures.moments_without_closure(voice.phonemes, duration_s, 2 * len(times))
            shut += measures.closed_at(gap, times, FPS, _CLOSED_MM).tolist()
            chance += measures.closed_at(gap, others, FPS, _CLOSED_MM).tolist()
        rows.add(f"closures of m b p within 40 ms, {language}", float(np.nanmean(shut)), ">= 0.95", n=len(shut))
        rows.add(f"closed at other moments of speech, {language}", float(np.nanmean(chance)), "control", n=len(chance))


def _gap_mm(stage: Stage) -> F64:
    """(T,) mm between the inner lips as tracked, above what the tracker says of the portrait's own closed mouth."""
    from tellmark.generator.basis import face_frame
    from tellmark.generator.headpose import fit_heads
    from tellmark.generator.retarget import bridged

    rest = stage.rest.astype(np.float64)
    shape = fit_heads(bridged(stage.track.landmarks, stage.track.found), rest).shape
    gap = np.linalg.norm(shape[:, 14, :2] - shape[:, 13, :2], axis=1) - np.linalg.norm(rest[14, :2] - rest[13, :2])
    return np.asarray(gap / face_frame(stage.rest).px_per_mm, np.float64)


def _silence(rows: _Rows, model: MotionModel, portrait: Portrait, folder: Path) -> None:
    """Lips between two sentences against lips in them."""
    voice = speak(folder, "en-us", list(sentences("en"))[:1])
    sound = _with_pause(voice, folder)
    stage = perform(model, portrait, sound)
    gap, speaking = _gap_mm(stage), load_speech(sound, fps=FPS).features[:, 2] > _SOUNDING
    quiet = ~_widened(speaking, 8)
    busy = float(np.abs(np.diff(gap))[speaking[1:]].mean())
    rows.add(
        "lip motion in silence over speech",
        float(np.abs(np.diff(gap))[quiet[1:]].mean()) / busy,
        "near 0",
        n=int(quiet.sum()),
    )
    rows.add("lips apart in silence mm", float(gap[quiet].mean()), "near 0", n=int(quiet.sum()))


def _with_pause(voice: Voice, folder: Path, seconds: float = 3.0) -> Path:
    """The voice, silence, the voice again."""
    import wave

    out = folder / "pause.wav"
    with wave.open(str(voice.path)) as file:
        params, frames = file.getparams(), file.readframes(file.getnframes())
    with wave.open(str(out), "wb") as file:
        file.setparams(params)
        file.writeframes(frames + bytes(2 * round(seconds * params.framerate)) + frames)
    return out


def _widened(flags: Any, frames: int) -> Any:
    return np.convolve(flags, np.ones(2 * frames + 1), mode="same") > 0


def _seeds_and_seams(rows: _Rows, model: MotionModel, folder: Path, window: int) -> None:
    """On the motion itself, not on frames: a tracker would add its own jumps and blur."""
    voice = speak(folder, "en-us", list(sentences("en"))[:8])
    speech = load_speech(voice.path, fps=FPS)
    made = [model.generate(speech, Controls(), seed) for seed in range(5)]
    rows.add("diversity of the head over seeds (motion)", measures.diversity(made), "near 1", n=len(made))
    for name, value in measures.seams(made[0], window).items():
        rows.add(f"{name}, window {window} (motion)", value, "1" if "ratio" in name else "> 0.05", n=len(made[0]))


def _controls(rows: _Rows, model: MotionModel, people: list[Portrait], folder: Path) -> None:
    texts = list(sentences("en"))
    sounds = [speak(folder, "en-us", texts[k : k + 2]).path for k in (0, 2)]
    errors: dict[str, list[float]] = {"gaze": [], "distance": []}
    poses = []
    for portrait in people:
        for name, values in motion_controls.gaze_and_distance(model, portrait, sounds[0]).items():
            errors[name] += values
        poses.append(motion_controls.pose(model, portrait, sounds[0]))
    gaze, distance, pose = errors["gaze"], errors["distance"], np.concatenate(poses)
    rows.add("gaze error deg", float(np.mean(gaze)), "<= 3", n=len(gaze))
    rows.add("gaze error deg, worst", max(gaze), n=len(gaze))
    rows.add("distance error", float(np.mean(distance)), "<= 0.05", n=len(distance))
    rows.add("distance error, worst", max(distance), n=len(distance))
    for axis, name in enumerate(("yaw", "pitch", "roll")):
        rows.add(f"pose error deg, {name}", float(pose[:, axis].mean()), "<= 2", n=len(pose))
        rows.add(f"pose error deg, {name}, 95th percentile", float(np.percentile(pose[:, axis], 95)), n=len(pose))
    for name, (auc, ratio) in motion_controls.emotions(model, people, sounds).items():
        rows.add(f"emotion {name}: AUC against neutral", auc, ">= 0.9", n=len(people))
        rows.add(f"emotion {name}: sync over neutral's", ratio, ">= 0.95", n=len(people) * len(sounds))


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
        if speech.features[:, 2].mean() > 0.3:
            clips.append(Real(folder / row["path"], row["person_id"], track))
    return clips[::3] if quick else clips
