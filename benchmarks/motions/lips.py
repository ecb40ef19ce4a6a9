"""Lips and sound in `bench motion`: the sync net's judgement, closures of known phonemes, stillness in silence."""

from __future__ import annotations

import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tellmark.benchmarks.motions import stats as measures
from tellmark.benchmarks.motions import sync
from tellmark.benchmarks.motions.case import Case, Real, Rows
from tellmark.benchmarks.motions.stage import Stage, Voice, perform, speak
from tellmark.benchmarks.motions.train_sync import held_out
from tellmark.errors import InputError
from tellmark.generator.audio.sentences import sentences
from tellmark.generator.geometry.basis import face_frame
from tellmark.generator.geometry.headpose import fit_heads
from tellmark.generator.retarget import bridged
from tellmark.generator.speech import FEATURES, load_speech
from tellmark.generator.track import FPS
from tellmark.generator.types import MotionModel, Portrait
from tellmark.types import F32, F64

LANGUAGES = {"en-us": "en", "de": "de", "es": "es", "cmn": "cmn"}
_MBP = {  # sentences full of closures, of our own
    "en-us": "Maybe my brother brings a big bowl of plums to the museum by bus. Bob and Pam jump over the pump.",
    "de": "Mein Bruder bäckt am Abend bunte Pfannkuchen mit Pflaumen und Beeren. Bitte bring mir ein Buch mit.",
    "es": "Mi primo Pablo bebe un poco de agua en el pueblo. Mañana compramos pan blanco para mamá.",
    "cmn": "妈妈明天不买面包，爸爸跑步回来。朋友们把白色的杯子摆满了。",
}
_ALSO = {  # languages that closures alone are counted in
    "fr": "Ma petite maman a préparé un bon pain pour papa. Les bateaux passent sous le pont, et Paul prend un bus.",
    "it": "La mamma prepara una bella pizza per il bambino. Il papà compra un po' di pane e beve un bicchiere pieno.",
    "ru": "Мама купила папе белую рубашку. Бабушка помыла банки и положила большие яблоки в пакет.",
    "tr": "Babam bana büyük bir bebek aldı. Pazarda biber ve peynir bulup kapıya bıraktım, pembe balon patladı.",
}
_ASIDE = {  # sentences that nothing was chosen on, by voices that the speech encoder was not taught
    "de": (
        "Papa probiert im Park die Pumpe am Boot. Der Apfelbaum am Berg bekommt im April blaue Blüten.",
        "Am Samstag kommt Barbara mit dem Bus vom Dampfbad. Pferde stampfen, und im Kamin brummt ein Bär.",
    ),
}
_VOICES_ASIDE = ("m3", "f4")
_CLOSED_MM = 1.2  # inner lips of a mouth that is shut, as tracked, above the same at rest


def agreement(rows: Rows, case: Case) -> None:
    """The sync net's judgement: on the sounds of real clips it never saw, and on languages.

    Real video of every language there is not, so that all languages stand beside the same real clips.
    """
    aside, beside = of_strangers(case), real_confidence(case)
    if aside:
        theirs = [_of_clip(clip) for clip in aside]
        ours = [spoken(case.model, case.people[k % len(case.people)], clip.sound, k) for k, clip in enumerate(aside)]
        both = [(a, b) for a, b in zip(ours, theirs, strict=True) if a and b]
        mine, real = ([pair[k] for pair in both] for k in (0, 1))
        for name, pick in PICKS.items():
            target = ">= 0.9 of real" if name == "confidence" else ""
            rows.add(f"sync {name}, real voices", pick(mine), target, real=pick(real), n=len(both))
        swapped = [judged(sync.lip_shape(clip.track), sync.sound_of(other.sound)) for clip, other in _next(aside)]
        chance = PICKS["confidence"]([s for s in swapped if s])
        rows.add("sync confidence, real lips on another's voice", chance, "control", n=len(aside))
    for language, short in LANGUAGES.items():
        texts = [*(sentences(short)[:5] or [_MBP[language]]), _MBP[language]]
        voices = [speak(case.folder, language, texts[k::2]).path for k in (0, 1)]
        found = [s for k, voice in enumerate(voices) if (s := spoken(case.model, case.people[k], voice, k))]
        value = PICKS["confidence"](found)
        rows.add(f"sync confidence, {language} (espeak)", value, ">= 0.9 of real", real=beside, n=len(found))


def of_strangers(case: Case) -> list[Real]:
    """Real clips of persons whom the sync net never saw."""
    return [clip for clip in case.clips if held_out(clip.person_id)]


def real_confidence(case: Case) -> float | None:
    """Mean sync confidence of real video; None without any."""
    found = [s for clip in of_strangers(case) if (s := _of_clip(clip))]
    return PICKS["confidence"](found) if found else None


def _of_clip(clip: Real) -> sync.Sync | None:
    return judged(sync.lip_shape(clip.track), sync.sound_of(clip.sound))


PICKS: dict[str, Callable[[list[sync.Sync]], float]] = {
    "confidence": lambda found: float(np.mean([s.confidence for s in found])),
    "distance": lambda found: float(np.mean([s.distance for s in found])),
    "offset within a frame": lambda found: float(np.mean([abs(s.offset) <= 1 for s in found])),
}


def _next(clips: list[Real]) -> list[tuple[Real, Real]]:
    """Every clip with the next one of another person."""
    others = [
        next((o for o in clips[k + 1 :] + clips[:k] if o.person_id != c.person_id), c) for k, c in enumerate(clips)
    ]
    return list(zip(clips, others, strict=True))


def spoken(model: MotionModel, portrait: Portrait, sound: Path, seed: int) -> sync.Sync | None:
    """Sync of a sound that a model speaks, rendered and tracked."""
    return judged(sync.lip_shape(perform(model, portrait, sound, seed=seed).track), sync.sound_of(sound))


def judged(lips: F32, sound: F32) -> sync.Sync | None:
    """Their sync; None for clips that are too short to be shifted."""
    try:
        return sync.score(lips, sound)
    except InputError:
        return None


def closures(rows: Rows, case: Case) -> None:
    """Are the lips shut when /m b p/ are heard, and how often are they at other moments of speech?"""
    for language, text in {**_MBP, **_ALSO}.items():
        count_closures(rows, case, language, [speak(case.folder, language, [text])])
    for language, texts in _ASIDE.items():
        voices = [speak(case.folder, language, list(texts), variant=variant) for variant in _VOICES_ASIDE]
        count_closures(rows, case, f"{language}, kept aside", voices)


def count_closures(rows: Rows, case: Case, name: str, voices: list[Voice]) -> None:
    """Two rows: closures of these voices that are seen, and other moments of speech that look like one."""
    shut, chance = [], []
    for voice in voices:
        for seed, portrait in enumerate(case.people):
            gap = _gap_mm(perform(case.model, portrait, voice.path, seed=seed))
            duration_s = len(gap) / FPS
            times = measures.closure_times(voice.phonemes, duration_s)
            others = measures.moments_without_closure(voice.phonemes, duration_s, 2 * len(times))
            shut += measures.closed_at(gap, times, FPS, _CLOSED_MM).tolist()
            chance += measures.closed_at(gap, others, FPS, _CLOSED_MM).tolist()
    rows.add(f"closures of m b p within 40 ms, {name}", float(np.nanmean(shut)), ">= 0.95", n=len(shut))
    rows.add(f"closed at other moments of speech, {name}", float(np.nanmean(chance)), "control", n=len(chance))


def _gap_mm(stage: Stage) -> F64:
    """(T,) mm between the inner lips as tracked, above what the tracker says of the portrait's own closed mouth."""
    rest = stage.rest.astype(np.float64)
    shape = fit_heads(bridged(stage.track.landmarks, stage.track.found), rest).shape
    gap = np.linalg.norm(shape[:, 14, :2] - shape[:, 13, :2], axis=1) - np.linalg.norm(rest[14, :2] - rest[13, :2])
    return np.asarray(gap / face_frame(stage.rest).px_per_mm, np.float64)


def silence(rows: Rows, case: Case) -> None:
    """Lips between two sentences against lips in them."""
    voice = speak(case.folder, "en-us", list(sentences("en"))[:1])
    sound = with_pause(voice, case.folder)
    stage = perform(case.model, case.people[0], sound)
    gap, speaking = _gap_mm(stage), load_speech(sound, fps=FPS).features[:, FEATURES.index("speaking")] > 0.5
    quiet = ~_widened(speaking, 8)
    busy = float(np.abs(np.diff(gap))[speaking[1:]].mean())
    rows.add(
        "lip motion in silence over speech",
        float(np.abs(np.diff(gap))[quiet[1:]].mean()) / busy,
        "near 0",
        n=int(quiet.sum()),
    )
    rows.add("lips apart in silence mm", float(gap[quiet].mean()), "near 0", n=int(quiet.sum()))


def with_pause(voice: Voice, folder: Path, seconds: float = 3.0) -> Path:
    """The voice, silence, the voice again."""
    out = folder / "pause.wav"
    with wave.open(str(voice.path)) as file:
        params, frames = file.getparams(), file.readframes(file.getnframes())
    with wave.open(str(out), "wb") as file:
        file.setparams(params)
        file.writeframes(frames + bytes(2 * round(seconds * params.framerate)) + frames)
    return out


def _widened(flags: Any, frames: int) -> Any:
    return np.convolve(flags, np.ones(2 * frames + 1), mode="same") > 0
