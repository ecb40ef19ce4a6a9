"""Makes the clips of one take: an original, and the fake that pairs with it.

What could tell the classes apart without being forgery is shared: the pair is heard with the same sound, written by the
same encoder, and the fake's portrait is a frame of the original's own camera, with its noise, blur and colours.
"""

from __future__ import annotations

import dataclasses
import json
import tempfile
import wave
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

import tellmark
from tellmark.errors import FaceError, MediaError
from tellmark.generator.actors import actor
from tellmark.generator.casting import Sound, Take, number
from tellmark.generator.clip import render_clip
from tellmark.generator.footage import Shot, find_shot, framed
from tellmark.generator.plan import Plan
from tellmark.generator.portrait import load_portrait
from tellmark.generator.reference import ReferenceRenderer
from tellmark.generator.speech import load_speech
from tellmark.generator.types import SIZE, Motion, Portrait, Speech
from tellmark.generator.voice import synthesize
from tellmark.manifest import to_row
from tellmark.media import load_audio, read_audio, sha256_of, write_image
from tellmark.runs import atomic_path
from tellmark.types import F32, Clip, Kind, Label
from tellmark.watermark.claims import Ingredient, Provenance
from tellmark.watermark.writer import ClipWriter

LABELS = {"reference": Label.REFERENCE, "real": Label.REAL, "talk": Label.FAKE}
_SPOKEN_HZ, _RECORDED_HZ = 22_050, 48_000


def record_path(out: Path, clip_id: str) -> Path:
    """Where the record of a finished clip lies."""
    return out / ".build" / "records" / f"{clip_id}.json"


def skip_path(out: Path, take_id: str) -> Path:
    """Where the reason lies why a take was left out."""
    return out / ".build" / "skipped" / f"{take_id}.json"


def make_take(plan: Plan, take: Take, out: Path) -> str:
    """Make the clips of ``take`` that have no record yet; each record is written after its clip.

    A take is left out as a whole, and before anything of it is written, where its footage or picture turns out to be
    unusable. Returns the take's id.
    """
    missing = [method for method in take.methods if not record_path(out, take.clip_id(method)).exists()]
    if not missing or skip_path(out, take.take_id).exists():
        return take.take_id
    with tempfile.TemporaryDirectory(prefix="tellmark-") as scratch:
        try:
            stage = _Stage(plan, take, Path(scratch))
        except (FaceError, MediaError) as error:
            reason = {"take": take.take_id, "file": str(take.path or ""), "reason": str(error)}
            _write_json(skip_path(out, take.take_id), reason)
            return take.take_id
        for method in missing:
            clip = stage.shoot(method, out)
            _write_json(record_path(out, clip.clip_id), to_row(clip))
    return take.take_id


class _Stage:
    """A take made ready: the sound, the portrait, and what the original is filmed with."""

    def __init__(self, plan: Plan, take: Take, scratch: Path) -> None:
        self._plan, self._take = plan, take
        self._wav = scratch / "voice.wav"
        self._said = _record(take.sound, plan.seconds, self._wav)
        self._speech: Speech = load_speech(self._wav, fps=plan.fps)
        self._shot: Shot | None = None
        if take.actor is not None:
            self._actor = actor(take.actor)
            self._reference = ReferenceRenderer(take.actor, number(take.seed, "camera") % 2**31)
            self._portrait = self._still_of_actor(scratch)
        elif "real" in take.methods:
            assert take.path is not None
            self._shot = find_shot(take.path, start_s=take.sound.start_s, seconds=plan.seconds, fps=plan.fps)
            still = next(islice(framed(self._shot), self._shot.still, None))
            write_image(scratch / f"{take.take_id}.png", still)
            self._portrait = load_portrait(scratch / f"{take.take_id}.png", consent=take.consent, framing="keep")
        else:
            assert take.path is not None
            portrait = load_portrait(take.path, consent=take.consent)
            self._portrait = dataclasses.replace(portrait, name=take.identity)  # the file's name may be a person's

    def shoot(self, method: str, out: Path) -> Clip:
        """Make the clip of one method. One without a record may be there from a run that was killed: it is replaced."""
        plan, take = self._plan, self._take
        path = out / "clips" / f"{take.clip_id(method)}.mp4"
        seed = number(take.seed, method) % 2**31
        params: dict[str, Any] = {**self._said}
        if method == "real":
            sha256, payload = self._film(path)
            assert self._shot is not None
            params |= {"window": self._shot.window, "first_frame": self._shot.first}
        else:
            reference = method == "reference"
            made = render_clip(
                self._actor if reference else self._portrait,
                self._speech,
                path,
                renderer=self._reference if reference else None,
                seed=seed,
                encoding=plan.encoding,
                force=True,
                method=method,
                max_seconds=plan.seconds,
            )
            sha256, payload = made.sha256, made.payload
            params |= made.params
        frames = round(plan.seconds * plan.fps)
        others = [name for name in take.methods if LABELS[name] is not Label.FAKE]
        original = take.clip_id(others[0]) if others else take.source_id
        fake = LABELS[method] is Label.FAKE
        return Clip(
            clip_id=take.clip_id(method),
            path=f"clips/{path.name}",
            sha256=sha256,
            label=LABELS[method],
            method=method,
            identity=take.identity,
            source_id=take.source_id,
            voice_id=take.sound.voice_id,
            split=take.split,
            seed=seed,
            width=SIZE,
            height=SIZE,
            fps=plan.fps,
            seconds=frames / plan.fps,
            codec=plan.encoding.codec,
            crf=plan.encoding.crf,
            preset=plan.encoding.preset,
            marked=True,
            payload=payload,
            generator_version=f"tellmark {tellmark.__version__}",
            licence=take.licence,
            original=original if fake else None,
            params=json.dumps(params, sort_keys=True, ensure_ascii=False),
            fake_segments=json.dumps([[0.0, frames / plan.fps]] if fake else []),
            consent_sha256=self._portrait.consent_sha256,
        )

    def _still_of_actor(self, scratch: Path) -> Portrait:
        """The actor at rest, photographed by the camera of the reference performance and tracked anew."""
        path = scratch / "still.png"
        write_image(path, self._reference.render(Motion.rest(self._plan.fps), 0))
        seen = load_portrait(path, consent="a virtual actor", framing="keep")
        return dataclasses.replace(
            seen, name=self._take.identity, sha256=self._actor.sha256, source=None, consent_sha256=None
        )

    def _film(self, path: Path) -> tuple[str, str]:
        """Write the footage as a marked control clip."""
        assert self._shot is not None
        plan, take = self._plan, self._take
        source = Ingredient("source", take.source_id, "video/mp4", sha256_of(self._shot.path))
        with ClipWriter(
            path,
            width=SIZE,
            height=SIZE,
            fps=plan.fps,
            provenance=Provenance(
                Kind.CONTROL, path.name, None, ingredients=(source,), parent="source", consent_sha256=None
            ),
            audio=self._wav,
            encoding=plan.encoding,
            force=True,
        ) as writer:
            for frame in framed(self._shot):
                writer.write(frame)
        return writer.result.sha256, writer.result.payload


def _record(sound: Sound, seconds: float, path: Path) -> dict[str, Any]:
    """Write exactly ``seconds`` of the sound as mono 16-bit WAV; returns what was heard, for the clip's parameters."""
    if sound.path is not None:
        rate = _RECORDED_HZ
        chunks = _cut(sound.path, sound.start_s, seconds)
        said: dict[str, Any] = {"sound_start_s": sound.start_s}
    else:
        rate = _SPOKEN_HZ
        chunks = _spoken(sound, path.with_name("sentence.wav"))
        said = {"language": sound.language, "voice": sound.variant, "speed": sound.speed, "pitch": sound.pitch}
    wanted = round(seconds * rate)
    parts: list[F32] = []
    for chunk in chunks:
        parts.append(chunk)
        if sum(map(len, parts)) >= wanted:
            break
    samples = np.concatenate([*parts, np.zeros(wanted, np.float32)])[:wanted]  # the last frames of a file may lack
    with wave.open(str(path), "wb") as handle:
        handle.setnchannels(1)
        handle.setsampwidth(2)
        handle.setframerate(rate)
        handle.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return said


def _cut(path: Path, start_s: float, seconds: float) -> Iterator[F32]:
    """The sound of a file from ``start_s`` on."""
    skip = round(start_s * _RECORDED_HZ)
    for chunk in read_audio(path, _RECORDED_HZ):
        yield chunk[skip:]
        skip = max(0, skip - len(chunk))


def _spoken(sound: Sound, path: Path) -> Iterator[F32]:
    """Sentence after sentence, from the first again when all are said."""
    while True:
        for text in sound.texts:
            synthesize(text, path, language=sound.language, variant=sound.variant, speed=sound.speed, pitch=sound.pitch)
            yield load_audio(path, _SPOKEN_HZ)


def _write_json(path: Path, value: dict[str, Any]) -> None:
    with atomic_path(path, force=True) as temporary:
        temporary.write_text(json.dumps(value, ensure_ascii=False) + "\n", encoding="utf-8")
