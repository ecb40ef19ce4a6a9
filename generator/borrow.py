"""Motion borrowed from video: pose, expression or both as somebody else performed them, the rest from a model."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tellmark.generator.retarget import retarget
from tellmark.generator.rules import MOUTH
from tellmark.generator.track import track_video
from tellmark.generator.types import EXPRESSIONS, Controls, Motion, MotionModel, Speech
from tellmark.types import F32

_BROWS = ("brow_up", "brow_down")
_STEADY_GAZE = 0.95  # share of a head turn that the eyes undo to keep looking where they look, as in ``behaviour``
_EYES_REACH_DEG = 28.0


@dataclass(frozen=True, slots=True)
class Performance:
    """A tracked performance to borrow from."""

    motion: Motion
    sha256: str  # of the video


def perform(video: Path | str) -> Performance:
    """Track a video and read its motion. Raises :class:`MediaError` or :class:`FaceError` for one of no use."""
    track = track_video(video)
    return Performance(retarget(track), track.sha256)


class BorrowedMotion:
    """:class:`~tellmark.generator.types.MotionModel` that takes pose or expression, or both, from a performance.

    Pose is the head's rotation, place and distance; expression is the face's, with blinks and gaze. A performance that
    is shorter than the speech goes on backwards and forwards. The eyes keep looking where they looked in the motion
    they come from, although the head they sit in turns otherwise.
    """

    def __init__(
        self, model: MotionModel, *, pose: Performance | None = None, expression: Performance | None = None
    ) -> None:
        self._model, self._pose, self._expression = model, pose, expression
        taken = {"pose": pose, "expression": expression}
        # The manifest names the model, and with it whose motion it used.
        self.name = model.name + "".join(f" + {what} of {who.sha256[:16]}" for what, who in taken.items() if who)

    def generate(self, speech: Speech, controls: Controls, seed: int) -> Motion:
        """Motion with ``speech.frames`` rows at ``speech.fps``; gains and distance of ``controls`` act on all of it."""
        own = self._model.generate(speech, controls, seed)
        head, face = own, own
        if self._pose is not None:
            head = _pose_gain(stretched(self._pose.motion, own.fps, len(own)), controls)
        if self._expression is not None:
            face = _face_gains(stretched(self._expression.motion, own.fps, len(own)), controls)
        undone = _STEADY_GAZE * (face.rotation_deg - head.rotation_deg)[:, :2]
        return dataclasses.replace(
            own,
            rotation_deg=head.rotation_deg,
            translation=head.translation,
            distance=head.distance,
            expression=face.expression,
            blink=face.blink,
            mood=face.mood,
            gaze_deg=np.clip(face.gaze_deg + undone, -_EYES_REACH_DEG, _EYES_REACH_DEG).astype(np.float32),
        )


def stretched(motion: Motion, fps: float, frames: int) -> Motion:
    """The motion at another rate and of another length: from its start, back from its end, and so on."""
    rows = motion.array()
    position = np.arange(frames) / fps * motion.fps
    last = max(len(rows) - 1, 1)
    position = last - np.abs(position % (2 * last) - last)
    position = np.minimum(position, len(rows) - 1)
    low = np.floor(position).astype(int)
    part = (position - low)[:, None].astype(np.float32)
    high = np.minimum(low + 1, len(rows) - 1)
    return Motion.from_array(fps, rows[low] * (1 - part) + rows[high] * part)


def _pose_gain(motion: Motion, controls: Controls) -> Motion:
    gain = np.float32(controls.gains.get("head", 1.0))
    nearer = motion.distance - np.median(motion.distance)
    return dataclasses.replace(
        motion,
        rotation_deg=gain * motion.rotation_deg,
        translation=gain * motion.translation,
        distance=np.asarray(controls.distance * (1 + gain * nearer), np.float32),
    )


def _face_gains(motion: Motion, controls: Controls) -> Motion:
    by_name = {name: controls.gains.get("mouth", 1.0) for name in MOUTH}
    by_name |= {name: controls.gains.get("brow", 1.0) for name in _BROWS}
    gains: F32 = np.array([by_name.get(name, 1.0) for name in EXPRESSIONS], np.float32)
    blink = np.clip(controls.gains.get("blink", 1.0) * motion.blink, 0, 1)
    return dataclasses.replace(
        motion, expression=np.clip(motion.expression * gains, 0, 1.5).astype(np.float32), blink=blink.astype(np.float32)
    )
