"""What passes between the stages of the generator: portrait, speech, controls, motion, and the two interfaces.

``MotionModel`` turns speech into motion, ``Renderer`` turns motion into frames; the rule-based and the learned model,
the mesh renderer and every later one stand behind these.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from tellmark.errors import UsageError
from tellmark.types import F32, U8

SIZE = 512  # every generated frame is SIZE x SIZE

EXPRESSIONS = (
    "jaw",  # jaw opening, 1 = wide open
    "wide",  # lip corners apart, as in "ee"
    "pucker",  # lips rounded and forward, as in "oo"
    "press",  # lips pressed together, as in "m b p"
    "upper_raise",  # upper lip raised, upper teeth show
    "lower_tuck",  # lower lip against the upper teeth, as in "f v"
    "smile",  # corners up and out, cheeks raised
    "frown",  # corners down
    "brow_up",
    "brow_down",
    "squint",
)
EMOTIONS: dict[str, dict[str, float]] = {
    "neutral": {},
    "happy": {"smile": 0.6, "upper_raise": 0.3, "squint": 0.45, "brow_up": 0.15},
    "sad": {"frown": 0.6, "brow_up": 0.35, "brow_down": 0.25},
    "angry": {"brow_down": 0.9, "squint": 0.35, "frown": 0.3},
    "surprised": {"brow_up": 0.95, "jaw": 0.12},
}
MOODS = tuple(name for name in EMOTIONS if name != "neutral")


@dataclass(frozen=True, slots=True)
class Portrait:
    """A face framed for rendering."""

    image: U8  # (512, 512, 3) RGB
    landmarks: F32  # (478, 3) px in ``image``
    matte: F32  # (512, 512) in [0, 1]; 1 = person
    name: str
    sha256: str  # of the source file, or of the actor's recipe
    source: Path | None = None  # the picture file; None for an actor
    consent_sha256: str | None = None  # SHA-256 of the consent text; None for an actor

    @property
    def seed(self) -> int:
        """The seed of the performance where none is given: of ``sha256``, so that no two portraits move alike."""
        return zlib.crc32(self.sha256.encode())


@dataclass(frozen=True, slots=True)
class Speech:
    """Features of one speech clip, one row a video frame; the sound itself stays in its file."""

    path: Path
    sha256: str
    duration_s: float
    fps: float
    features: F32  # (T, len(names)); what each column is: ``tellmark.generator.speech.FEATURES``

    @property
    def frames(self) -> int:
        """Number of video frames: round(duration_s * fps), at least 1."""
        return len(self.features)


@dataclass(frozen=True, slots=True)
class Encoded:
    """What ``encoder`` hears of a sound, 25 rows a second; row t describes the moment t / 25 s."""

    features: F32  # (T, encoder.FEATURES) in [-1, 1]
    gestures: F32  # (T, len(visemes.GESTURES)) in [0, 1]
    phonemes: F32  # (T, len(visemes.PHONEME_GROUPS)) probabilities
    speaking: F32  # (T,) probability of speech and its short gaps
    energy: F32  # (T,) 0 = background, 1 = loud syllables
    voiced: F32  # (T,) probability that the vocal folds vibrate
    pitch_st: F32  # (T,) semitones above the speaker's mean so far, 0 where unvoiced

    def __len__(self) -> int:
        return len(self.features)

    def __getitem__(self, rows: slice) -> Encoded:
        return Encoded(*(getattr(self, field.name)[rows] for field in fields(self)))

    @classmethod
    def joined(cls, parts: Sequence[Encoded]) -> Encoded:
        """The parts one after the other; at least one."""
        return cls(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(cls)))


@dataclass(frozen=True, slots=True)
class Controls:
    """What the user asks of a performance beyond the speech.

    gaze_deg: main gaze (yaw to the viewer's right, pitch up), degrees in [-30, 30].
    distance: head distance as a factor of the portrait's own, in [0.7, 1.5]; 2 would halve the head's size.
    emotion: weights of ``EMOTIONS`` in [0, 1].
    gains: per-channel factors in [0, 2] for "head", "blink", "brow", "mouth".
    """

    gaze_deg: tuple[float, float] = (0.0, 0.0)
    distance: float = 1.0
    emotion: dict[str, float] = field(default_factory=dict)
    gains: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not all(-30 <= angle <= 30 for angle in self.gaze_deg):
            raise UsageError(f"--gaze {self.gaze_deg}: both angles must lie between -30 and 30 degrees")
        if not 0.7 <= self.distance <= 1.5:
            raise UsageError(f"--distance {self.distance}: must lie between 0.7 and 1.5")
        for name, weight in self.emotion.items():
            if name not in EMOTIONS:
                raise UsageError(f"--emotion {name}: unknown; choose one of {', '.join(EMOTIONS)}")
            if not 0 <= weight <= 1:
                raise UsageError(f"--emotion {name}:{weight}: the weight must lie between 0 and 1")
        for name, gain in self.gains.items():
            if name not in ("head", "blink", "brow", "mouth") or not 0 <= gain <= 2:
                raise UsageError(f"gain {name}={gain}: head, blink, brow or mouth, each between 0 and 2")


@dataclass(frozen=True, slots=True)
class Seen:
    """What a video shows of a performance beyond what a motion model makes, one row a frame.

    A place is (x right, y down, roll in degrees clockwise as seen, log of the scale), shifts in face widths, about the
    middle of the frame, relative to the portrait.
    """

    shape: F32  # (T, 478, 2) face widths: what the face's points do beyond pose and expressions, as if unturned
    crown: F32  # (T, 4) place of hair, ears and hat, relative to where the face's pose has them
    torso: F32  # (T, 4) place of the shoulders
    scene: F32  # (T, 4) place of what is behind the person
    blur: F32  # (T, 2) px: sigmas by which mouth and eyes are softer than in the portrait
    inside: F32  # (T, inside.NUMBERS) shares of white: colour between the lips beyond what is drawn there
    light: F32  # (T, light.NUMBERS) logs of factors: the picture's exposure, and the light on the face as cosines

    def __getitem__(self, rows: slice | NDArray[np.integer[Any]]) -> Seen:
        return Seen(*(getattr(self, field.name)[rows] for field in fields(self)))


@dataclass(frozen=True, slots=True)
class Motion:
    """A performance, one row a frame. All arrays are float32 with T rows."""

    fps: float
    rotation_deg: (
        F32  # (T, 3) yaw (to the viewer's right), pitch (up), roll (clockwise as seen), relative to the portrait
    )
    translation: F32  # (T, 2) x right, y down, in face widths, relative to the portrait
    distance: F32  # (T,) factor of the portrait's head distance
    expression: F32  # (T, len(EXPRESSIONS)), 0 = as in the portrait, 1 = full
    blink: F32  # (T, 2) subject's right and left eye, 0 open .. 1 closed
    gaze_deg: F32  # (T, 2) of the eyes in the head: yaw (to the viewer's right), pitch (up), relative to the portrait
    mood: F32 = field(default_factory=lambda: np.zeros((0, len(MOODS)), np.float32))
    """(T, len(MOODS)) in [0, 1]: what of a mood no expression says (``geometry.moods``). None of any by default."""
    seen: Seen | None = None  # of a motion that was read from video; no channel of :meth:`array`

    def __post_init__(self) -> None:
        if not self.mood.size:
            object.__setattr__(self, "mood", np.zeros((len(self), len(MOODS)), np.float32))

    def __len__(self) -> int:
        return len(self.distance)

    def __getitem__(self, rows: slice) -> Motion:
        part = Motion.from_array(self.fps, self.array()[rows])
        return part if self.seen is None else replace(part, seen=self.seen[rows])

    def array(self) -> F32:
        """(T, D) all channels side by side, in the order of the fields."""
        return np.concatenate(
            [
                self.rotation_deg, self.translation, self.distance[:, None], self.expression, self.blink,
                self.gaze_deg, self.mood,
            ],
            axis=1,
            dtype=np.float32,
        )  # fmt: skip

    @classmethod
    def rest(cls, fps: float, frames: int = 1) -> Motion:
        """``frames`` frames exactly as in the portrait, in arrays of their own."""
        sizes = (3, 2, len(EXPRESSIONS), 2, 2)
        rotation, translation, expression, blink, gaze = (np.zeros((frames, n), np.float32) for n in sizes)
        return cls(fps, rotation, translation, np.ones(frames, np.float32), expression, blink, gaze)

    @classmethod
    def from_array(cls, fps: float, array: F32) -> Motion:
        """The inverse of :meth:`array`."""
        edges = np.cumsum([3, 2, 1, len(EXPRESSIONS), 2, 2, len(MOODS)])
        if array.ndim != 2 or array.shape[1] != edges[-1]:
            raise ValueError(f"expected (T, {edges[-1]}), got {array.shape}")
        rotation, translation, distance, expression, blink, gaze, mood = np.split(
            array.astype(np.float32), edges[:-1], axis=1
        )
        return cls(fps, rotation, translation, distance[:, 0], expression, blink, gaze, mood)


class MotionModel(Protocol):
    """Speech and controls in, motion out; the same seed gives the same motion."""

    name: str

    def generate(self, speech: Speech, controls: Controls, seed: int) -> Motion:
        """Motion with ``speech.frames`` rows at ``speech.fps``."""
        ...


@runtime_checkable
class GradualModel(MotionModel, Protocol):
    """A motion model that can be drawn while it is still moving."""

    def pieces(self, speech: Speech, controls: Controls, seed: int) -> Iterator[Motion]:
        """The rows of ``generate``, in order, in pieces as they are made."""
        ...


class MotionStream(Protocol):
    """One performance under way: what is heard goes in as it comes, motion comes out at the same 25 rows a second.

    Rows may be held back for a bounded time, but every row that went in comes out, and how the rows are cut into
    pieces changes nothing.
    """

    def push(self, heard: Encoded) -> Motion:
        """The rows of motion that are known now, perhaps none."""
        ...

    def finish(self) -> Motion:
        """The rows that were waiting for what comes next."""
        ...


class StreamingModel(Protocol):
    """A motion model that needs no more of the future than its streams hold back."""

    name: str

    def stream(self, controls: Controls, seed: int) -> MotionStream:
        """A new performance; the same seed and sound give the same motion."""
        ...


class Renderer(Protocol):
    """One portrait, ready to be posed."""

    name: str

    def render(self, motion: Motion, index: int) -> U8:
        """Frame ``index`` of the motion: (512, 512, 3) RGB uint8. The array may be reused by the next call."""
        ...


class PortraitRenderer(Renderer, Protocol):
    """A renderer of portraits; it says where it put the face."""

    points: F32
    """(478, 3) px of the frame that was rendered last."""
