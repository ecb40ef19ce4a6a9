"""Reference performances: a virtual actor rendered in 3D and filmed by a simulated camera. Never called real.

Unlike the mesh renderer, which warps one picture, this one has depth, perspective, light that stays where it is while
the head turns, eyeballs and a mouth of its own, and a camera whose noise is not the picture's. A frame: move the head;
draw texture coordinates and normals through a z-buffer; composite backdrop, hair and body; lay the head over them in
its new light; draw eyes and mouth into their openings; expose.
"""

from __future__ import annotations

import cv2
import numpy as np

from tellmark.generator.actors import eyes, hairsheets, headmodel, oral, persona, sheets, sitting
from tellmark.generator.actors.camera import TO_LINEAR, Camera
from tellmark.generator.actors.headmodel import HeadPose
from tellmark.generator.actors.scenery import smoothstep
from tellmark.generator.actors.sheets import Sheet
from tellmark.generator.geometry.raster import raster
from tellmark.generator.mesh import wrinkles
from tellmark.generator.types import SIZE, Motion
from tellmark.landmarks import LEFT_EYE, LEFT_IRIS, LIPS_INNER, RIGHT_EYE, RIGHT_IRIS
from tellmark.types import F32, U8

_EYES = ((RIGHT_EYE, RIGHT_IRIS[0]), (LEFT_EYE, LEFT_IRIS[0]))
_AROUND, _STEP_PX = np.ones((3, 3), np.uint8), 4.0
_BREATH_HZ = 0.24
_NO_SHADOW = np.ones((SIZE // 4, SIZE // 4), np.float32)


class ReferenceRenderer:
    """A renderer of actor ``seed``, filmed by camera ``camera_seed`` (by default the camera of the same seed)."""

    name = "reference"

    def __init__(self, seed: int, camera_seed: int | None = None) -> None:
        parts = persona.parts_of(seed)
        self._camera = Camera(seed if camera_seed is None else camera_seed)
        self._light = np.asarray(parts.recipe.light, np.float32)
        self._contrast = float(parts.recipe.contrast) + 0.15
        model = self._model = headmodel.build(parts.shape, parts.skull, self._camera.distance)
        self.recipe = parts.recipe
        self._exposure = np.float32(sitting.exposure(parts.recipe.shot, parts.recipe.skin))
        catch = self._light * [1, 1, 0.8] + [0, -0.28, -0.2]  # a lamp on the camera stands above it
        self._catch = (catch / np.linalg.norm(catch)).astype(np.float32)
        self._eye_light = parts.eye_light
        self._softness = min(1.0, 2 * parts.recipe.lamp.size)
        self._mouth_light = parts.mouth_light * np.float32(1.2)  # teeth are wet
        self._head = _bytes(parts.head)
        self._creases = wrinkles.creases(parts.shape)
        # Nobody poses before what is far brighter than they are.
        self._backdrop = TO_LINEAR[_bytes(parts.backdrop)] * np.maximum(self._exposure, 1) ** np.float32(-0.75)
        below = (np.mgrid[:SIZE, :SIZE][0].astype(np.float32) - model.chin_y) / model.height
        flat = np.ones((SIZE, SIZE), np.float32)
        torso = np.dstack([parts.torso[..., :3] * parts.torso[..., 3:], parts.torso[..., 3]])
        self._torso = Sheet(torso, flat * 0.30 * model.height, 1 - smoothstep(below, -0.06, 0.48), model)
        self._glasses = Sheet(*parts.glasses, flat, model) if parts.glasses is not None else None
        px_per_mm = model.face_width / 140
        radius = 12.0 * px_per_mm
        self._balls = [
            eyes.Eyeball(model.points[iris] + np.array([0, 0, radius], np.float32), radius, 5.9 * px_per_mm)
            for _, iris in _EYES
        ]
        self._iris = eyes.disc_texture(parts.recipe.iris)
        self._mouth = oral.build(model.points[[13, 14]].mean(axis=0), px_per_mm, seed)
        self._breath = float(np.random.default_rng([3, seed]).uniform(0, 2 * np.pi))
        self._maps = np.zeros((5, SIZE, SIZE), np.float32)  # texture x, y; normal x, y; depth
        self._layer = np.zeros((SIZE, SIZE, 4), np.uint8)
        self._frame = np.zeros((SIZE, SIZE, 3), np.float32)
        self._rest_light = np.ones((SIZE, SIZE, 2), np.float32)
        self._draw_head(headmodel.project(model.points, model.camera), model.points)
        self._hair = hairsheets.hung(parts, model, self._maps[4])
        self._continue_normals()
        sheets.rest_lighting(self._maps[2], self._maps[3], self._light, self._contrast, self._rest_light)

    def render(self, motion: Motion, index: int) -> U8:
        """Frame ``index`` of the motion: (512, 512, 3) RGB uint8."""
        light, _, moving = self.light(motion, index)
        return self._camera.expose(light, index, index / motion.fps, self._movement_px(motion, index), moving)

    def light(self, motion: Motion, index: int) -> tuple[F32, F32, F32]:
        """What reaches the camera: (512, 512, 3) linear light, overwritten by the next call.

        And the person's matte (512, 512), and where the head is (128, 128), both in [0, 1].
        """
        model, time_s = self._model, index / motion.fps
        pose = headmodel.pose_of(model, motion, index)
        shake = np.array(self._camera.shake(time_s), np.float32)
        expression, gaze = motion.expression[index], motion.gaze_deg[index]
        space = headmodel.express(model, expression, motion.blink[index], float(gaze[1]))
        turned = headmodel.turn_head(model, space, pose)
        seen = headmodel.project(turned, model.camera)
        seen[:, :2] += shake
        self.points = seen[:478]
        self._draw_head(seen, turned)

        frame = self._frame
        far = np.array([[1, 0, 0.5 * shake[0]], [0, 1, 0.5 * shake[1]]], np.float32)
        cv2.warpAffine(self._backdrop, far, (SIZE, SIZE), dst=frame, borderMode=cv2.BORDER_REPLICATE)
        back = self._hair.back.draw(pose, shake)
        sheets.over(frame, back, _NO_SHADOW, TO_LINEAR)
        breath = 0.7 * float(np.sin(2 * np.pi * _BREATH_HZ * time_s + self._breath))
        torso = self._torso.draw(pose, shake, breath)
        sheets.over(frame, torso, _NO_SHADOW, TO_LINEAR)
        sheets.over(frame, self._hair.lining.draw(pose, shake), _NO_SHADOW, TO_LINEAR)
        sheets.relight(
            frame, self._layer, *self._maps[:4], self._rest_light, self._creases, wrinkles.strength(expression),
            self._light, self._contrast, TO_LINEAR,
        )  # fmt: skip
        self._draw_eyes(frame, seen, pose, shake, (float(gaze[0]), float(gaze[1])))
        self._draw_mouth(frame, seen, space, pose, shake)
        if self._glasses is not None:
            sheets.over(frame, self._glasses.draw(pose, shake), _NO_SHADOW, TO_LINEAR)
        # Where cheek and jaw hide hair they end softly, not in a staircase.
        solid = cv2.erode(np.minimum(self._maps[4], np.float32(1e6)), _AROUND)
        cover = cv2.GaussianBlur(self._layer[..., 3], (5, 5), 1.0)
        hair = self._hair.front.draw(pose, shake, before=solid, cover=cover)
        sheets.over(frame, hair, _NO_SHADOW, TO_LINEAR)
        frame *= self._exposure
        clear = np.ones((SIZE, SIZE), np.float32)
        for layer in (back, torso, self._layer, hair):
            clear *= 1 - layer[..., 3] / np.float32(255)
        return frame, 1 - clear, _cover(np.maximum(self._layer[..., 3], hair[..., 3]))

    def _draw_head(self, seen: F32, turned: F32) -> None:
        """Texture coordinates, normals and texture of the head, each pixel's nearest surface."""
        map_x, map_y, normal_x, normal_y, depth = self._maps
        triangles = self._model.triangles
        normals = self._model.even @ headmodel.vertex_normals(turned, triangles)
        map_x.fill(-9)
        depth.fill(np.inf)
        raster(seen, self._model.sources, triangles, map_x, map_y, depth)
        depth.fill(np.inf)
        raster(seen, np.ascontiguousarray(normals[:, :2]), triangles, normal_x, normal_y, depth)
        cv2.remap(self._head, map_x, map_y, cv2.INTER_LINEAR, dst=self._layer, borderMode=cv2.BORDER_CONSTANT)
        # Where cheek and jaw hide what is behind them, it would be a staircase.
        solid = np.minimum(depth, np.float32(1e6))
        far = cv2.dilate(solid, _AROUND)
        step = (far - cv2.erode(solid, _AROUND) > _STEP_PX) & (far < 1e5)
        self._layer[step] = cv2.GaussianBlur(self._layer, (5, 5), 1.0)[step]
        # Where the outline is the end of a triangle and not of the texture, it would be a staircase.
        drawn = cv2.GaussianBlur(np.where(map_x > -5, 255, 0).astype(np.uint8), (7, 7), 1.4)
        np.minimum(
            self._layer[..., 3],
            cv2.subtract(drawn, 96) * np.float32(255 / 159),
            out=self._layer[..., 3],
            casting="unsafe",
        )

    def _continue_normals(self) -> None:
        """Normals go on over the head's outline, to where a head that turns or nods shows more of the texture."""
        known = np.isfinite(self._maps[4]).astype(np.float32)
        weight = cv2.GaussianBlur(known, (0, 0), 4.0)
        for normal in self._maps[2:4]:
            near = cv2.GaussianBlur(normal * known, (0, 0), 4.0) / np.maximum(weight, 1e-4)
            normal[:] = np.where(known > 0, normal, near)

    def _draw_eyes(self, frame: F32, seen: F32, pose: HeadPose, shake: F32, gaze_deg: tuple[float, float]) -> None:
        level = self._eye_light * np.array([0.80, 0.73, 0.69], np.float32)
        for (loop, _), ball in zip(_EYES, self._balls, strict=True):
            centre = headmodel.turn_head(self._model, ball.centre[None], pose)
            scale = self._model.camera / (self._model.camera + float(centre[0, 2]) - ball.radius)
            middle = headmodel.project(centre, self._model.camera)[0]
            middle[:2] += shake
            eyes.draw_eyeball(
                frame,
                seen[list(loop), :2],
                ball,
                middle,
                scale,
                pose.rotation,
                gaze_deg,
                self._iris,
                self._catch,
                level,
                self._softness,
            )

    def _draw_mouth(self, frame: F32, seen: F32, space: F32, pose: HeadPose, shake: F32) -> None:
        gap = float(np.linalg.norm(seen[13, :2] - seen[14, :2])) / self._model.height
        jaw = (space[[17, 152]] - self._model.points[[17, 152]]).mean(axis=0)
        parts = []
        for part, move in ((self._mouth.tongue, jaw), (self._mouth.lower, jaw), (self._mouth.upper, 0 * jaw)):
            turned = headmodel.turn_head(self._model, part.points + move, pose)
            points = headmodel.project(turned, self._model.camera)
            points[:, :2] += shake
            parts.append((part, points))
        oral.draw(frame, seen[list(LIPS_INNER), :2], tuple(parts), self._mouth_light, gap)

    def _movement_px(self, motion: Motion, index: int) -> tuple[float, float]:
        """How far the nose moves across the picture in one frame."""
        nose = self._model.points[1:2]
        before, after = (
            headmodel.project(
                headmodel.turn_head(self._model, nose, headmodel.pose_of(self._model, motion, k)), self._model.camera
            )[0, :2]
            for k in (max(index - 1, 0), min(index + 1, len(motion) - 1))
        )
        dx, dy = (after - before) / 2
        return float(dx), float(dy)


def _bytes(picture: F32) -> U8:
    return np.asarray(np.clip(np.round(picture * 255), 0, 255), np.uint8)


def _cover(alpha: U8) -> F32:
    """(SIZE / 4, SIZE / 4) soft coverage in [0, 1]."""
    small = cv2.resize(alpha, (SIZE // 4, SIZE // 4), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.GaussianBlur(small.astype(np.float32) / 255, (0, 0), 3.0), np.float32)
