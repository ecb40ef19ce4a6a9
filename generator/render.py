"""The mesh renderer: one portrait, posed by a motion, frame by frame.

A frame is a backward map drawn from the moved mesh, the person layer fetched through it at twice its size, and the
whole laid over the still background. Eyes are drawn into the person layer beforehand, the mouth's interior over the
frame afterwards, and over all of it the light as a video has it, where the motion was read from one.
"""

from __future__ import annotations

import cv2
import numpy as np

from tellmark.generator.geometry.fine import double, doubled
from tellmark.generator.geometry.glasses import find as find_glasses
from tellmark.generator.geometry.glasses import lid_room
from tellmark.generator.geometry.moods import mood_lids
from tellmark.generator.geometry.raster import over, over_moved, raster
from tellmark.generator.mesh import blur, inside, wrinkles
from tellmark.generator.mesh.corners import Corners
from tellmark.generator.mesh.layers import PAD, shown, split
from tellmark.generator.mesh.lids import WIDEST, build_eyes, draw_eye
from tellmark.generator.mesh.light import Light
from tellmark.generator.mesh.mesh import build_mesh, move, placed, pose_of
from tellmark.generator.mesh.mouth import build_mouth, draw_mouth
from tellmark.generator.types import EXPRESSIONS, SIZE, Motion, Portrait
from tellmark.types import F32, U8

_FACE_POINTS = 478
_CORNERS = np.array([[0, 0], [SIZE, 0], [0, SIZE], [SIZE, SIZE]], np.float32)
_STILL = 0.25  # px that the background's corners may be off before it is fetched anew
_FOLDS = np.array([0.35, 0.6, 0.6, 0.6], np.float32)  # how much of wrinkles lined skin shows
_LEAST_LINED = 0.2  # what of them the smoothest skin shows; more would be seen as drawn lines
_INDEX = {name: index for index, name in enumerate(EXPRESSIONS)}


class MeshRenderer:
    """:class:`~tellmark.generator.types.Renderer` by warping a layered mesh. Not for two threads at once.

    The same portrait, motion and index give the same bytes; the rest frame gives the portrait. ``render`` returns
    the same array each time, and leaves in ``points`` (478, 3) px where it put the face, in ``around`` (n, 2) px where
    the mesh's other points went.
    """

    name = "mesh"

    def __init__(self, portrait: Portrait) -> None:
        layers = split(portrait)
        self._person = layers.person
        self._fine = doubled(layers.person)
        self._background = layers.background
        glasses = find_glasses(portrait.image, portrait.landmarks)
        self._mesh = build_mesh(portrait.landmarks, glasses)
        self._triangles = shown(layers.person, self._mesh.sources, self._mesh.triangles)
        self._sources = 2 * self._mesh.sources
        self._eyes = build_eyes(
            portrait.image, portrait.landmarks, lid_room(portrait.image, portrait.landmarks, glasses)
        )
        self._mood_lids = mood_lids(portrait.landmarks)
        self._mouth = build_mouth(portrait.image, portrait.landmarks, self._mesh)
        self._corners = Corners(self._person, portrait.landmarks, PAD)
        self._light = Light(portrait.landmarks)
        lines = wrinkles.on_skin(wrinkles.creases(portrait.landmarks), portrait.image, portrait.landmarks)
        lined = wrinkles.lined(lines, portrait.image, portrait.landmarks)
        self._folds = _FOLDS * np.float32(max(lined, _LEAST_LINED))
        self._lines = cv2.copyMakeBorder(lines, PAD, PAD, PAD, PAD, cv2.BORDER_CONSTANT, value=(0,) * 4)
        self._looks: list[tuple[float, float, tuple[float, float]]] = []  # of the eyes as they are drawn
        self.points = self._mesh.rest[:_FACE_POINTS]
        self.around = self._mesh.rest[_FACE_POINTS:, :2]
        self._map_x = np.zeros((SIZE, SIZE), np.float32)
        self._map_y = np.zeros((SIZE, SIZE), np.float32)
        self._depth = np.zeros((SIZE, SIZE), np.float32)
        self._layer = np.zeros((SIZE, SIZE, 4), np.uint8)
        self._frame = np.zeros((SIZE, SIZE, 3), np.uint8)

    def render(self, motion: Motion, index: int) -> U8:
        """Frame ``index`` of the motion: (512, 512, 3) RGB uint8, overwritten by the next call."""
        expression = motion.expression[index]
        self._draw_eyes(motion, index)
        pose = pose_of(self._mesh, motion, index)
        points = move(self._mesh, expression, pose, motion.mood[index])
        self.points, self.around = points[:_FACE_POINTS], points[_FACE_POINTS:, :2]
        if motion.seen is None:
            self._corners.lift(self.points, pose.scale, self._person, self._fine)
        else:  # corners that were seen go where they are in the film, which bears out no lifting
            self._corners.lift(self._mesh.rest[:_FACE_POINTS], 1.0, self._person, self._fine)
        # Where no triangle falls the map points beyond the layer and fetches nothing.
        self._map_x.fill(-PAD)
        self._depth.fill(np.inf)
        raster(points, self._sources, self._triangles, self._map_x, self._map_y, self._depth)
        cv2.remap(
            self._fine, self._map_x, self._map_y, cv2.INTER_LINEAR, dst=self._layer, borderMode=cv2.BORDER_CONSTANT
        )
        depths = self._folds * wrinkles.strength(expression)
        if motion.seen is None and depths.any():  # what was seen brings its own shade along
            face = _face_box(points)
            wrinkles.fold(self._layer[face], self._map_x[face], self._map_y[face], self._lines, depths)
        self._lay(motion, index)
        draw_mouth(self._mouth, self._frame, points, self._mesh, pose)
        if motion.seen is not None:
            self._light.shine(self._frame, points, motion.seen.light[index])
            inside.tint(self._frame, points, motion.seen.inside[index])
            blur.soften(self._frame, points, motion.seen.blur[index])
        return self._frame

    def _lay(self, motion: Motion, index: int) -> None:
        """Lay the person over the background where the motion has it."""
        if motion.seen is not None:
            affine = placed(motion.seen.scene[index], self._mesh.face_width).astype(np.float64)
            if np.abs(_CORNERS @ affine[:, :2].T + affine[:, 2] - _CORNERS).max() >= _STILL:
                over_moved(self._layer, self._background, cv2.invertAffineTransform(affine), self._frame)
                return
        over(self._layer, self._background, self._frame)

    def _draw_eyes(self, motion: Motion, index: int) -> None:
        """Update the eyes in the person layer."""
        gaze_deg, blink = motion.gaze_deg[index], np.clip(motion.blink[index], -WIDEST, 1)
        squint, smile, angry, raised = (
            float(np.clip(motion.expression[index, _INDEX[name]], 0, 1))
            for name in ("squint", "smile", "brow_down", "brow_up")
        )
        # Lids rise with the brows and with an upward gaze; that a lowered gaze closes them is the motion's to say.
        half = 0.16 * squint + 0.08 * angry - 0.10 * raised - 0.10 * float(np.clip(gaze_deg[1] / 15, 0, 1))
        if motion.seen is not None:
            half = 0.0  # lids that were seen need no such guess
        down, risen, up = (float(value) for value in motion.mood[index] @ self._mood_lids)
        half, rise = half + down, 0.9 * squint + 0.25 * smile + risen
        gaze = (float(gaze_deg[0]), float(gaze_deg[1]) + up)
        looks = [(closed + half * (1 - closed), rise, gaze) for closed in blink.tolist()]
        if looks == self._looks:
            return
        self._looks = looks
        for eye, look in zip(self._eyes, looks, strict=True):
            draw_eye(eye, *look, self._person, PAD, PAD)
            top, bottom, left, right = eye.box
            double(self._person, self._fine, PAD + top, PAD + bottom, PAD + left, PAD + right)


def _face_box(points: F32) -> tuple[slice, slice]:
    """Rows and columns of the face."""
    low, high = points[:_FACE_POINTS, :2].min(0), points[:_FACE_POINTS, :2].max(0)
    margin = 0.04 * (high - low)
    x0, y0 = np.clip(np.floor(low - margin), 0, SIZE - 2).astype(int).tolist()
    x1, y1 = np.clip(np.ceil(high + margin), 2, SIZE).astype(int).tolist()
    return slice(y0, max(y1, y0 + 1)), slice(x0, max(x1, x0 + 1))
