"""Several people in one picture, each followed apart: the windows of every face, in constant memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field

from tellmark.detector.windows.sound import Sound
from tellmark.detector.windows.tracks import MAX_FACES, Frames, Part, tracked
from tellmark.detector.windows.window import FPS, FRAMES, Window
from tellmark.faces import MIN_FACE_PX, Face, FaceTracker, MediapipeTracker

_PATIENCE = round(FPS)  # frames after which somebody who is out of sight is forgotten


@dataclass(slots=True)
class _Person:
    """Somebody in sight."""

    number: int
    last: Face
    seen: int  # frame
    part: Part = field(default_factory=Part)


def windows_of_people(
    frames: Frames, *, sound: Sound | None = None, tracker: FaceTracker | None = None
) -> Iterator[tuple[int, Window]]:
    """(person, window) as windows of 1.6 s fill up; persons are numbered as they appear.

    A face goes to whoever was nearest in the last frame; one that is near to nobody is somebody new, and so is one that
    comes back after a second. Up to four people at a time, faces of 64 px or more.
    """
    own = tracker or MediapipeTracker(max_faces=MAX_FACES)
    people: list[_Person] = []
    count = 0
    try:
        with closing(tracked(frames, own)) as found:
            for index, (time_s, rgb, faces) in enumerate(found):
                free = list(people)
                for face in faces:
                    if face.size < MIN_FACE_PX:
                        continue
                    near = [one for one in free if _continues(one, face)]
                    if near:
                        person = min(near, key=lambda one: float(abs(one.last.landmarks - face.landmarks).mean()))
                        free.remove(person)
                    else:
                        person = _Person(count, face, index)
                        count += 1
                        people.append(person)
                    if person.seen < index - 1 or not person.part.fits(face, rgb):
                        person.part = Part()
                    person.part.add(time_s, rgb, face)
                    person.last, person.seen = face, index
                    if len(person.part.times) == FRAMES:
                        yield person.number, person.part.window(sound)
                        person.part = Part()
                people = [one for one in people if index - one.seen < _PATIENCE]
    finally:
        if tracker is None:
            own.close()


def _continues(person: _Person, face: Face) -> bool:
    """Whether the face is where the person was: within half the face's height."""
    moved = face.landmarks[:468, :2].mean(0) - person.last.landmarks[:468, :2].mean(0)
    return float((moved**2).sum() ** 0.5) < 0.5 * max(face.size, person.last.size)
