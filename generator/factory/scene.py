"""A take made ready: its sound, the frames and the tracked face of its original, the still that its fakes start from.

Everything is made when it is first asked for, so that a take that only talks films nothing. Frames lie in a file of the
scratch folder that is mapped into memory, 0.8 MB each: they are gone through several times, and in any order.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from tellmark.errors import FaceError
from tellmark.generator.actors import recipe_sha256
from tellmark.generator.actors.reference import ReferenceRenderer
from tellmark.generator.factory.face_tracks import follow
from tellmark.generator.factory.roles import Take, number
from tellmark.generator.factory.soundtrack import record
from tellmark.generator.footage import Shot, find_shot, framed
from tellmark.generator.motions import motion_model
from tellmark.generator.performance.puppetry import puppeteer
from tellmark.generator.performance.surroundings import complete
from tellmark.generator.portrait import load_portrait
from tellmark.generator.retarget import retarget
from tellmark.generator.speech import load_speech
from tellmark.generator.track import Track
from tellmark.generator.types import SIZE, Controls, Motion, MotionModel, Portrait, Speech
from tellmark.media import sha256_of
from tellmark.pictures import write_image
from tellmark.types import F32, U8


class Scene:
    """A take, ``seconds`` long, in ``folder``; its own files there begin with ``take_id``.

    Every property raises :class:`FaceError` or :class:`MediaError` where the picture or the footage cannot be used.
    """

    def __init__(self, take: Take, seconds: float, folder: Path) -> None:
        self.take = take
        self.seconds = seconds
        self.count = round(seconds * take.fps)  # frames
        self.folder = folder
        self.wav = folder / f"{take.take_id}.wav"
        self.said = record(take.sound, seconds, self.wav)

    @cached_property
    def speech(self) -> Speech:
        """What is heard, a row a frame."""
        return self.listen(self.wav)

    @cached_property
    def shot(self) -> Shot:
        """Where in the footage the take lies."""
        assert self.take.path is not None
        return find_shot(self.take.path, start_s=self.take.sound.start_s, seconds=self.seconds, fps=self.take.fps)

    @cached_property
    def frames(self) -> U8:
        """(T, 512, 512, 3) the original."""
        return kept(self._filmed(), self.count, self.folder / f"{self.take.take_id}.frames")

    @cached_property
    def track(self) -> F32:
        """(T, 478, 3) px, the face in ``frames``; where the tracker erred the gap is bridged."""
        return follow(self.frames)

    @cached_property
    def still(self) -> Portrait:
        """A frame of the original's own camera, or the picture where there is no original."""
        take = self.take
        if take.original is None:
            assert take.path is not None
            portrait = load_portrait(take.path, consent=take.consent)
            return dataclasses.replace(portrait, name=take.identity)  # the file's name may be a person's
        path = self.folder / f"{take.take_id}.png"
        if take.original == "real":
            write_image(path, next(islice(framed(self.shot), self.shot.still, None)))
            return load_portrait(path, consent=take.consent, framing="keep")
        assert take.actor is not None
        # The actor at rest, photographed by the camera of the reference performance and tracked anew.
        write_image(path, self._reference.render(Motion.rest(take.fps), 0))
        seen = load_portrait(path, consent="a virtual actor", framing="keep")
        return dataclasses.replace(
            seen, name=take.identity, sha256=self.source_sha256, source=None, consent_sha256=None
        )

    def performance(self, still: Portrait) -> Motion:
        """What is done in the original, in the terms in which ``still`` moves; of its own still, all that is seen."""
        return self._own_performance if still is self.still else retarget(self._tracked)

    @cached_property
    def _own_performance(self) -> Motion:
        """Aligning pictures takes longer than all else about a method, and three of them need it."""
        return complete(self.frames, self.still, puppeteer(self._tracked, self.still.landmarks))

    @property
    def _tracked(self) -> Track:
        everywhere = np.ones(self.count, np.bool_)
        return Track(self.track, everywhere, self.take.fps, SIZE, SIZE, sha256="", has_audio=True)

    @cached_property
    def donor(self) -> Scene:
        """The take's donor, in the same folder."""
        assert self.take.donor is not None
        folder = self.folder / "donor"
        folder.mkdir(exist_ok=True)
        return Scene(self.take.donor, self.seconds, folder)

    @cached_property
    def source_sha256(self) -> str:
        """Of the picture or the film, or of the actor's recipe."""
        if self.take.actor is not None:
            return recipe_sha256(self.take.actor)
        assert self.take.path is not None
        return sha256_of(self.take.path)

    def listen(self, wav: Path) -> Speech:
        """Features of a sound as long as the take."""
        speech = load_speech(wav, fps=self.take.fps)
        return dataclasses.replace(
            speech, duration_s=self.count / self.take.fps, features=speech.features[: self.count]
        )

    def rng(self, *words: object) -> np.random.Generator:
        """Randomness that depends on the take and on ``words``."""
        return np.random.default_rng(number(self.take.seed, *words))

    def filming(self) -> dict[str, Any]:
        """Parameters of the original."""
        if self.take.actor is not None:
            return {"renderer": self._reference.name, "motion_model": self._mover.name, "seed": self._seed}
        return {"window": list(self.shot.stretch.window), "first_frame": self.shot.stretch.first}

    @cached_property
    def _reference(self) -> ReferenceRenderer:
        assert self.take.actor is not None
        return ReferenceRenderer(self.take.actor, number(self.take.seed, "camera") % 2**31)

    @property
    def _mover(self) -> MotionModel:
        """The take's own, of its fakes as well: how somebody moves must not tell the classes apart."""
        return motion_model(self.take.motion)

    @property
    def _seed(self) -> int:
        return number(self.take.seed, "reference") % 2**31

    def _filmed(self) -> Iterator[U8]:
        if self.take.actor is None:
            yield from framed(self.shot)
            return
        motion = self._mover.generate(self.speech, Controls(), self._seed)
        for index in range(self.count):
            yield self._reference.render(motion, index)


def kept(frames: Iterable[U8], count: int, path: Path) -> U8:
    """``count`` frames, each as they come, in a file that is mapped into memory."""
    stored: U8 | None = None
    done = 0
    for frame in frames:
        if stored is None:
            stored = mapped(path, (count, *frame.shape))
        stored[done] = frame
        done += 1
    if stored is None or done < count:
        raise FaceError(f"the picture ends after {done} of {count} frames")
    return stored


def mapped(path: Path, shape: tuple[int, ...]) -> U8:
    """An array in a new file. Raises :class:`OSError` where the disk has no room for all of it.

    Without the room set aside, a page that finds the disk full would end the process with a signal.
    """
    if hasattr(os, "posix_fallocate"):
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            os.posix_fallocate(handle, 0, int(np.prod(shape)))
        finally:
            os.close(handle)
        return np.memmap(path, np.uint8, "r+", shape=shape)
    return np.memmap(path, np.uint8, "w+", shape=shape)
