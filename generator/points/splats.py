"""The point renderer: a portrait as a cloud of points, thrown anew at every frame. The second, different renderer.

It stands behind the interface of :mod:`tellmark.generator.render` and shares with it what a portrait and a motion are,
and no code that makes pixels: points instead of triangles, thrown forwards instead of fetched backwards, its own
matte, plate, depth, lids, eyes and mouth. So a detector that learned the marks of one can be tested on the other's.

A frame: copy the plate, lay eyes and mouth on it, move the nodes, throw the points, resolve.
"""

from __future__ import annotations

import cv2
import numpy as np

from tellmark.generator.geometry.basis import CORRECTIVES, face_frame
from tellmark.generator.geometry.glasses import find as find_glasses
from tellmark.generator.geometry.glasses import lid_room
from tellmark.generator.geometry.hairline import hair_depth
from tellmark.generator.geometry.moods import mood_lids
from tellmark.generator.geometry.seams import CELLS, MARGIN, STEP, WIDE, build_fields, nodes, under_seams
from tellmark.generator.points.dentition import build_dentition, draw_dentition, opening
from tellmark.generator.points.globes import build_globes, draw_globe, openings
from tellmark.generator.points.splatting import CHANNELS, pose_nodes, resolve, splat
from tellmark.generator.points.surfels import RELIEF, build_surfels, depth_of, matte_of, plate_of
from tellmark.generator.types import EXPRESSIONS, SIZE, Motion, Portrait
from tellmark.landmarks import FACE_OVAL, LIPS_INNER
from tellmark.types import F32, U8

_CAMERA = 5.0  # face widths from the head's joint
_SWAY = 0.35  # share of the head's shift and growth that shoulders have
_LIMITS = np.array([21.0, 16.0, 30.0])  # degrees that turn, nod and tilt approach
_GAIN = np.array([1.12, 1.12, 1.0])  # tracked, a turned picture reads less than it was turned; see docs/log.md
_CONTRAST = 26.0  # of depth, per face width
_BEHIND = -0.06  # face widths that what lies under a seam is further away
_PRODUCTS = tuple(tuple(EXPRESSIONS.index(part) for part in name.split("*")) for name in CORRECTIVES)
_INDEX = {name: index for index, name in enumerate(EXPRESSIONS)}


class SplatRenderer:
    """:class:`~tellmark.generator.types.Renderer` by splatting points. Not for two threads at once.

    The same portrait, motion and index give the same bytes; the rest frame gives the portrait. ``render`` returns the
    same array each time, and leaves in ``points`` (478, 3) px where it put the face.
    """

    name = "splat"

    def __init__(self, portrait: Portrait) -> None:
        image, landmarks = portrait.image, portrait.landmarks
        frame = face_frame(landmarks)
        self._rest_points = (landmarks * np.array([1, 1, RELIEF], np.float32)).astype(np.float32)
        self.points = self._rest_points
        self._width = 140 * frame.px_per_mm
        glasses = find_glasses(image, landmarks)
        self._fields = build_fields(landmarks, glasses, lid_room(image, landmarks, glasses))
        self._rest = np.ascontiguousarray(np.dstack([nodes(), depth_of(landmarks)]), np.float32)
        down = frame.axes[1, :2] / np.linalg.norm(frame.axes[1, :2])
        self._down = down.astype(np.float32)
        self._chin = landmarks[152, :2].astype(np.float32)
        self._share = self._head_share(self._rest)
        joint = self._chin - 0.08 * self._width * self._down
        oval = self._rest_points[list(FACE_OVAL), 2]
        self._pivot = np.array([*joint, float(np.median(oval)) + 0.12 * self._width], np.float32)
        self._anchor = np.array([self._chin[0], 0.4 * self._chin[1] + 0.6 * SIZE], np.float32)
        self._mood_lids = mood_lids(landmarks)
        self._globes = build_globes(image, landmarks)
        self._mouth = build_dentition(image, landmarks)
        self._kept: F32 | None = None
        self._heap = np.zeros((SIZE, SIZE, CHANNELS), np.float32)
        self._nodes = np.zeros((CELLS + 1, CELLS + 1, 3), np.float32)
        self._parting = np.zeros((CELLS + 1, CELLS + 1, 2), np.float32)
        self._frame = np.zeros((SIZE, SIZE, 3), np.uint8)
        below = np.zeros((WIDE, WIDE), np.float32)
        below[MARGIN : MARGIN + SIZE, MARGIN : MARGIN + SIZE] = under_seams(image, landmarks)
        self._below = below
        alpha = matte_of(portrait)
        self._plate = plate_of(image, alpha)
        # What the holes of the skin show at rest must be the portrait, so the skin is what is left of it.
        hole = np.maximum(openings(landmarks), opening(landmarks))
        behind = self._behind(Motion.rest(25.0), 0)
        if self._mouth.own is not None:
            own = self._mouth.own[..., None]
            self._kept = np.dstack([image * own, own]).astype(np.float32)
            behind = self._behind(Motion.rest(25.0), 0)
        self._surfels = build_surfels(image, alpha * (1 - hole), behind, hair_depth(image, landmarks))

    def render(self, motion: Motion, index: int) -> U8:
        """Frame ``index`` of the motion: (512, 512, 3) RGB uint8, overwritten by the next call."""
        self._behind(motion, index)
        weights = self._weights(motion, index)
        rotation, shift, scale = self._pose(motion, index)
        fields = self._fields
        moved = _sum(weights, fields.above)
        pose_nodes(
            self._rest, moved, self._share, rotation, self._pivot, self._anchor, shift, scale,
            _CAMERA * self._width, _SWAY, _CONTRAST / self._width, self._nodes,
        )  # fmt: skip
        row, column = fields.corner
        parting = _sum(weights, fields.parting) @ (rotation[:2].T * np.float32(scale))
        self._parting[row : row + parting.shape[0], column : column + parting.shape[1]] = parting
        made = self._surfels
        splat(
            made.colours, made.bends, made.present, self._below, made.cells, STEP, MARGIN, self._nodes, self._parting,
            _BEHIND * _CONTRAST, self._heap,
        )  # fmt: skip
        resolve(self._heap, self._frame)
        return self._frame

    def _behind(self, motion: Motion, index: int) -> U8:
        """What the skin is thrown at: the plate with eyes and mouth in place, in the frame's own array."""
        frame = self._frame
        np.copyto(frame, self._plate)
        up = float(motion.gaze_deg[index, 1] + motion.mood[index] @ self._mood_lids[:, 2])
        gaze = (float(motion.gaze_deg[index, 0]), up)
        self.points = self._place(motion, index)
        depth = self._rest_points[[33, 133, 263, 362], 2].mean()
        for globe in self._globes:
            rest = np.column_stack([globe.handles, np.full(3, depth)]).astype(np.float32)
            draw_globe(globe, frame, self._turn(rest, motion, index)[:, :2], self.points[list(globe.points), :2], gaze)
        mouth = self._mouth
        lips = self.points[list(LIPS_INNER), :2]
        skull = np.concatenate([np.zeros((1, 3)), 10 * mouth.axes]) + mouth.origin * (1, 1, RELIEF)
        now = self._turn(skull.astype(np.float32), motion, index)
        place, origin = (now[1:] - now[:1]) / 10, now[0]
        source, goal = (np.ascontiguousarray(one[:3, :2], np.float32) for one in (skull, now))
        back = cv2.getAffineTransform(goal, source).astype(np.float32)
        draw_dentition(mouth, frame, lips, place, origin, motion.expression[index], self._kept, back)
        return frame

    def _place(self, motion: Motion, index: int) -> F32:
        """(478, 3) px: the tracked points in this frame."""
        weights = self._weights(motion, index)[: len(self._fields.basis)]
        return self._turn(self._rest_points + _sum(weights, self._fields.basis), motion, index)

    def _turn(self, points: F32, motion: Motion, index: int) -> F32:
        """(n, 3) px where points of the head are, whose depth is given relative to the camera's plane."""
        rotation, shift, scale = self._pose(motion, index)
        relative = points - self._pivot
        turned = relative @ rotation.T
        camera = _CAMERA * self._width
        turned[:, :2] *= (camera + relative[:, 2:]) / (camera + turned[:, 2:])
        turned += self._pivot
        turned[:, :2] = self._anchor + (turned[:, :2] - self._anchor) * scale + shift
        return np.asarray(turned, np.float32)

    def _pose(self, motion: Motion, index: int) -> tuple[F32, F32, float]:
        """Rotation (3, 3), shift (2,) px and scale of the head."""
        angles = _LIMITS * np.tanh(_GAIN * motion.rotation_deg[index] / _LIMITS)
        yaw, pitch, roll = np.deg2rad(angles)
        cos, sin = np.cos, np.sin
        turn = np.array([[cos(yaw), 0, -sin(yaw)], [0, 1, 0], [sin(yaw), 0, cos(yaw)]])
        nod = np.array([[1, 0, 0], [0, cos(pitch), sin(pitch)], [0, -sin(pitch), cos(pitch)]])
        tilt = np.array([[cos(roll), -sin(roll), 0], [sin(roll), cos(roll), 0], [0, 0, 1]])
        shift = np.clip(motion.translation[index], -0.5, 0.5) * self._width
        scale = 1 / float(np.clip(motion.distance[index], 0.65, 1.6))
        return (tilt @ nod @ turn).astype(np.float32), shift.astype(np.float32), scale

    def _weights(self, motion: Motion, index: int) -> F32:
        """(E + M + 3,) weights of the fields: expressions, correctives, moods, right and left lid, lower lids."""
        expression = np.clip(motion.expression[index], -0.3, 1.4)
        products = [np.clip(expression[a], 0, 1.2) * np.clip(expression[b], 0, 1.2) for a, b in _PRODUCTS]
        squint, smile, angry, raised = (
            float(np.clip(expression[_INDEX[name]], 0, 1)) for name in ("squint", "smile", "brow_down", "brow_up")
        )
        up = float(np.clip(motion.gaze_deg[index, 1] / 15, -1, 1))
        # Lids follow brows and an upward gaze; that a lowered gaze closes them is the motion's to say.
        narrow = 0.15 * squint + 0.08 * angry - 0.08 * raised - 0.08 * max(up, 0.0)
        mood = motion.mood[index]
        down, risen, _ = mood @ self._mood_lids
        rise = squint + 0.3 * smile
        rise += min(float(risen), max(1 - rise, 0.0))
        closed = np.clip(motion.blink[index], 0, 1)
        lids = closed + (narrow + down) * (1 - closed)
        return np.array([*expression, *products, *mood, *lids, rise], np.float32)

    def _head_share(self, rest: F32) -> F32:
        """(nodes, nodes) in which a place goes with the head: all of it to the chin, nothing of the chest."""
        below = (rest[..., :2] - self._chin) @ self._down / self._width
        t = np.clip((below + 0.02) / 0.62, 0, 1)
        return np.ascontiguousarray(1 - t * t * t * (t * (6 * t - 15) + 10), np.float32)


def _sum(weights: F32, fields: F32) -> F32:
    """The weighted sum of fields (k, ..)."""
    return np.asarray((weights @ fields.reshape(len(fields), -1)).reshape(fields.shape[1:]), np.float32)
