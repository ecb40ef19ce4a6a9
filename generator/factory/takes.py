"""Makes the clips of one take: an original, and the fakes that pair with it.

What could tell the classes apart without being forgery is shared: the pair is heard with the same sound (but where the
words are the forgery), written by the same encoder at the same rungs, and a still that is animated is a frame of the
original's own camera, with its noise, blur and colours. Masks, tracks, dials and marks are added here, for all methods
alike.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

import tellmark
from tellmark.errors import FaceError, MediaError
from tellmark.generator.actors.recipe import actor_attributes
from tellmark.generator.factory import dials
from tellmark.generator.factory.face_tracks import follow, write_track
from tellmark.generator.factory.ladder import Rung, rung
from tellmark.generator.factory.masks import MaskWriter
from tellmark.generator.factory.occupancy import scratch, working
from tellmark.generator.factory.origin import consent_sha256, provenance
from tellmark.generator.factory.plan import Plan
from tellmark.generator.factory.roles import Take, Version, number, versions
from tellmark.generator.factory.scene import Scene, kept, mapped
from tellmark.generator.factory.soundtrack import RECORDED_HZ, write_sound
from tellmark.generator.methods import Forgery, method
from tellmark.generator.types import SIZE
from tellmark.manifest import to_row
from tellmark.media import load_audio, sha256_of
from tellmark.recode import recode, resized
from tellmark.runs import atomic_path
from tellmark.types import F32, U8, Clip, Kind, Label
from tellmark.watermark.registry import Registry
from tellmark.watermark.verify import read_pixels
from tellmark.watermark.writer import ClipWriter

_ORIGINAL = {"reference": Label.REFERENCE, "real": Label.REAL}
_FADE = 0.01  # s, where a delayed sound wraps around


def record_path(out: Path, clip_id: str) -> Path:
    """Where the record of a finished clip lies: its row, and the checksums of its mask and track."""
    return out / ".build" / "records" / f"{clip_id}.json"


def skip_path(out: Path, take_id: str) -> Path:
    """Where the reason lies why a take was left out."""
    return out / ".build" / "skipped" / f"{take_id}.json"


def make_take(plan: Plan, take: Take, out: Path) -> str:
    """Make the clips of ``take`` that have no record yet; each record is written after its clip.

    A take is left out as a whole where its footage, its donor's or its picture turns out to be unusable; what was
    written of it is removed. Returns the take's id.
    """
    with working(out):
        _make(plan, take, out)
    return take.take_id


def _make(plan: Plan, take: Take, out: Path) -> None:
    missing = [version for version in versions(plan, take) if not record_path(out, take.clip_id(version)).exists()]
    if not missing or skip_path(out, take.take_id).exists():
        return
    with scratch() as folder:
        try:
            scene = Scene(take, plan.seconds, folder)
            for name, group in groupby(missing, key=lambda version: version.method):
                _Studio(plan, scene, name, out).make(list(group))
        except (FaceError, MediaError) as error:
            reason = {"take": take.take_id, "file": str(take.path or ""), "reason": str(error)}
            _write_json(skip_path(out, take.take_id), reason)
            for version in versions(plan, take):
                _remove(out, take.clip_id(version))


def _remove(out: Path, clip_id: str) -> None:
    record_path(out, clip_id).unlink(missing_ok=True)
    for folder in ("clips", "masks", "tracks"):
        for path in (out / folder).glob(f"{clip_id}.*"):
            if folder == "clips":
                withdraw(path)
            path.unlink()


def withdraw(clip: Path) -> None:
    """Take a signed clip that is given up out of the registry; none that was handed on has its hash."""
    with Registry() as registry:
        registry.withdraw(sha256_of(clip))


@dataclass(frozen=True, slots=True)
class _Made:
    """What all clips of a take by one method share."""

    forgery: Forgery
    film: dials.Film
    sound: F32


class _Studio:
    """The clips of one take by one method."""

    def __init__(self, plan: Plan, scene: Scene, name: str, out: Path) -> None:
        self._plan, self._scene, self._name, self._out = plan, scene, name, out
        self._take = scene.take
        self._arm = name in ("null", "plain") or name == scene.take.original
        self._label = _ORIGINAL[scene.take.original] if self._arm and scene.take.original else Label.FAKE

    def make(self, missing: list[Version]) -> None:
        """Make these versions, whose method is this one, dose by dose."""
        made = self._forge()
        for _, group in groupby(missing, key=lambda version: (version.dial, version.severity)):
            self._make_dose(made, list(group))

    def _forge(self) -> _Made:
        scene, take = self._scene, self._take
        untouched = np.broadcast_to(np.uint8(0), (scene.count, SIZE, SIZE))
        if self._name in (take.original, "plain", "import"):
            params = scene.filming()
            if self._name == "import":
                _refuse_marked(scene)
            forgery = Forgery(iter(()), scene.wav, take.sound.voice_id, params, () if self._arm else None)
            return _Made(forgery, dials.Film(scene.frames, untouched, scene.track, take.fps), self._heard(scene.wav))
        if self._name == "reenact" and self._plan.driver == "other":
            from tellmark.generator.methods.reenact import forge

            forgery = forge(scene, scene.donor)
        else:
            forgery = method(self._name)(scene)
        stem = scene.folder / f"{take.take_id}.{self._name}"
        masks = mapped(Path(f"{stem}.masks"), (scene.count, SIZE, SIZE))

        def frames() -> Iterator[U8]:
            for index, (frame, mask) in enumerate(forgery.frames):
                masks[index] = mask
                yield frame

        stored = kept(frames(), scene.count, Path(f"{stem}.frames"))
        return _Made(forgery, dials.Film(stored, masks, follow(stored), take.fps), self._heard(forgery.wav))

    def _heard(self, wav: Path) -> F32:
        wanted = round(self._plan.seconds * RECORDED_HZ)
        samples = load_audio(wav, RECORDED_HZ)
        return np.pad(samples, (0, max(0, wanted - len(samples))))[:wanted]

    def _make_dose(self, made: _Made, group: list[Version]) -> None:
        """One dose at every rung: frames are made once and go to all the writers side by side."""
        first, take, out = group[0], self._take, self._out
        name = dataclasses.replace(first, compression=None).name
        wav = self._scene.folder / "heard.wav"
        late = round(dials.offset_s(first.dial or "", first.severity) * RECORDED_HZ)
        write_sound(wav, dials.delayed(made.sound, late, round(_FADE * RECORDED_HZ)), RECORDED_HZ)
        track = out / "tracks" / f"{take.take_id}-{name}.npz"
        with atomic_path(track, force=True) as temporary:
            write_track(temporary, made.film.track)
        files = {track: sha256_of(track)}
        mask_path = None if self._arm or self._name == "import" else out / "masks" / f"{take.take_id}-{name}.mkv"
        if self._name == "plain":
            written = [self._recoded(version, wav) for version in group]
        else:
            rng = np.random.default_rng(number(take.seed, first.method, first.dial))
            with ExitStack() as stack:
                writers = [stack.enter_context(self._writer(version, wav, made)) for version in group]
                masks = stack.enter_context(MaskWriter(mask_path, take.fps)) if mask_path else None
                for frame, mask in dials.turn(made.film, first.dial or "", first.severity, rng):
                    for version, writer in zip(group, writers, strict=True):
                        writer.write(resized(np.asarray(frame), self._rung(version).side))
                    if masks:
                        masks.write(np.asarray(mask))
            written = [(writer.path, writer.result.payload) for writer in writers]
        if mask_path:
            files[mask_path] = sha256_of(mask_path)
        for version, (path, payload) in zip(group, written, strict=True):
            clip = self._row(version, made.forgery, path, payload, track, mask_path)
            sums = {str(file.relative_to(out)): digest for file, digest in files.items()}
            _write_json(record_path(out, clip.clip_id), {"clip": to_row(clip), "files": sums})

    def _recoded(self, version: Version, wav: Path) -> tuple[Path, str | None]:
        path, step = self._path(version), self._rung(version)
        recode(self._scene.shot.stretch, path, sides=(SIZE, step.side), audio=wav, encoding=step.encoding)
        return path, None

    def _path(self, version: Version) -> Path:
        return self._out / "clips" / f"{self._take.clip_id(version)}.mp4"

    def _rung(self, version: Version) -> Rung:
        return rung(version.compression, self._plan.encoding)

    def _writer(self, version: Version, wav: Path, made: _Made) -> ClipWriter:
        path, step = self._path(version), self._rung(version)
        # The same plan marks the same clips alike, so that a build which was interrupted ends as one that was not.
        digest = hashlib.sha256(f"{self._plan.text}\0{path.stem}".encode()).digest()
        return ClipWriter(
            path,
            width=step.side,
            height=step.side,
            fps=self._take.fps,
            provenance=provenance(self._scene, version, made.forgery.params, self._kind, path.name),
            audio=wav,
            encoding=step.encoding,
            force=True,
            payload_id=int.from_bytes(digest[:7]),
        )

    @property
    def _kind(self) -> Kind:
        return Kind.CONTROL if self._label is Label.REAL else Kind.SYNTHETIC

    def _row(
        self, version: Version, forgery: Forgery, path: Path, payload: str | None, track: Path, mask: Path | None
    ) -> Clip:
        take, step, out = self._take, self._rung(version), self._out
        seconds = self._scene.count / take.fps
        params = {**self._scene.said, **forgery.params}
        if take.actor is not None:  # of whom more is known than of anybody filmed: results are told by group
            known = actor_attributes(take.actor)
            params |= {"presentation": known.presentation, "monk_tone": known.monk_tone}
        if version.dial:
            params |= {"dial": version.dial, "severity": version.severity}
        segments = forgery.segments if forgery.segments is not None else ((0.0, seconds),)
        original = take.source_id
        if take.original:
            original = take.clip_id(Version(take.original, compression=version.compression))
        return Clip(
            clip_id=take.clip_id(version),
            path=str(path.relative_to(out)),
            sha256=sha256_of(path),
            label=self._label,
            method=take.system or version.method,
            identity=take.identity,
            source_id=take.source_id,
            voice_id=forgery.voice_id,
            split=take.split,
            seed=take.seed,
            width=step.side,
            height=step.side,
            fps=take.fps,
            seconds=seconds,
            codec=step.encoding.codec,
            crf=step.encoding.crf,
            preset=step.encoding.preset,
            marked=payload is not None,
            payload=payload,
            generator_version=f"tellmark {tellmark.__version__}",
            licence=take.licence,
            original=original if version.method != take.original else None,
            params=json.dumps(params, sort_keys=True, ensure_ascii=False),
            mask_path=str(mask.relative_to(out)) if mask else None,
            track_path=str(track.relative_to(out)),
            fake_segments=json.dumps([list(segment) for segment in segments]),
            consent_sha256=consent_sha256(take.consent),
            compression=version.compression,
        )


def _refuse_marked(scene: Scene) -> None:
    """Two marks would destroy each other."""
    assert scene.take.path is not None
    mark, _ = read_pixels(scene.take.path, thorough=False)
    if mark.present:
        raise MediaError("it carries tellmark's mark already, and two marks would destroy each other")


def _write_json(path: Path, value: dict[str, Any]) -> None:
    with atomic_path(path, force=True) as temporary:
        temporary.write_text(json.dumps(value, ensure_ascii=False) + "\n", encoding="utf-8")
