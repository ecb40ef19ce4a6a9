"""How hair, shoulders and scenery move in a video: each as one similarity, found by aligning pictures.

Inverse compositional alignment (Baker & Matthews 2004) from coarse to fine, robust against what covers a part:
shoulders and scenery of the portrait with every frame, hair as it is rendered with the frame. What shows no texture is
held where it was by a prior, and a place that makes the pictures agree no better than standing still is not believed.
Once everything is in place, what differs smoothly is light (``light``), and between the lips teeth, tongue or dark
(``inside``).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np

from tellmark.generator.geometry.raster import raster
from tellmark.generator.mesh import blur, inside
from tellmark.generator.mesh.light import NUMBERS, Light
from tellmark.generator.mesh.mesh import Mesh, build_mesh, placed, pose_of
from tellmark.generator.performance.belief import Belief
from tellmark.generator.performance.regions import moved, regions_of
from tellmark.generator.render import MeshRenderer
from tellmark.generator.retarget import steady
from tellmark.generator.types import SIZE, Motion, Portrait, Seen
from tellmark.types import F32, F64, U8

_SIDES = (48, 96)  # px of the pictures that are aligned
_ROUNDS = 5
_NOISE = 6.0  # grey levels: a difference twice that counts half
_FREE = np.array([0.3, 0.3, 8.0, 0.1])  # x, y (face widths), roll (degrees), log of the scale: how far things move
_HELD = np.array([0.02, 0.02, 1.5, 0.02])  # the same of the face, beyond what its landmarks say
_FARTHEST = 3.0  # times that, beyond which a place is not believed
_PRIOR = 30.0  # weight of that, in pixels
_FEWEST = 0.008  # of the frame, that a part must cover to be followed
_BETTER = 0.97  # share of the error at rest that a place must come below
_CLEARLY = 0.7  # the same of what moves by little: the noise on a plain wall seems to move, and comes to 0.8
_LITTLE = 0.1  # of how far things move
_SHADING = 0.08  # of the frame's side: what is larger is light


def complete(frames: Iterable[U8], portrait: Portrait, motion: Motion) -> Motion:
    """The motion with the face, and everything around it, where the frames have them.

    frames: (512, 512, 3) RGB, as framed as the portrait, one for each row of a motion that has ``seen``.
    """
    assert motion.seen is not None
    mesh = build_mesh(portrait.landmarks)
    parts = regions_of(portrait)
    home = _views(portrait.image)
    followers = [_Follower(home, part, mesh.face_width) for part in (parts.torso, parts.scene)]
    places = np.zeros((3, len(motion), 4), np.float32)
    light = np.zeros((len(motion), NUMBERS), np.float32)
    sharp, detail = np.zeros((len(motion), 2), np.float32), []
    mouth = np.zeros((len(motion), inside.NUMBERS), np.float32)
    shape = motion.seen.shape.copy()
    renderer, lamp = MeshRenderer(portrait), Light(portrait.landmarks)
    belief = Belief(mesh, renderer, parts)
    rest, free = mesh.rest[:, :2], _free(mesh)
    hair_share = parts.hair[tuple(np.rint(rest.clip(0, SIZE - 1)).astype(int).T[::-1])] + 1e-6
    for index, frame in enumerate(frames):
        row = slice(index, index + 1)

        def known(row: slice = row) -> Motion:
            """The frame's motion as far as it is known by now."""
            here = Seen(shape[row], places[0, row], places[1, row], places[2, row], sharp[row], mouth[row], light[row])
            return dataclasses.replace(motion[row], seen=here)

        views = _views(frame)
        places[1, index], places[2, index] = (follower.find(views) for follower in followers)
        drawn = _views(renderer.render(known(), 0))
        hair, loose = (moved(part, rest[478:], renderer.around, hair_share[478:]) for part in (parts.hair, free))
        places[0, index] = _Follower(drawn, hair, mesh.face_width, _FREE, _BETTER, loose).find(views)
        face = moved(parts.face, rest[:468], renderer.points[:468, :2], np.ones(468, np.float32))
        nudge = _Follower(drawn, face, mesh.face_width, _HELD, _BETTER).find(views)
        off = placed(nudge.astype(np.float32), mesh.face_width)
        here_px = renderer.points[:, :2]
        pose = pose_of(mesh, motion, index)
        back = np.linalg.inv(pose.rotation[:2, :2] * pose.scale).T
        shape[index] += (here_px @ off[:, :2].T + off[:, 2] - here_px) @ back / mesh.face_width
        # ``row`` is unlit so far, and now in place: what is left of smooth differences is light.
        light[index] = lamp.read(renderer.render(known(), 0), frame, renderer.points, face)
        mouth[index] = inside.read(renderer.render(known(), 0), frame, renderer.points)
        detail.append(blur.compare(renderer.render(known(), 0), frame, renderer.points))
        belief.add(known(), frame)
    shape, crown, torso, scene, light = (
        steady(channel.reshape(len(channel), -1).astype(np.float64)).reshape(channel.shape).astype(np.float32)
        for channel in (shape, *places, light)
    )
    seen = Seen(shape, crown, torso, scene, blur.read(np.stack(detail)), mouth, light)
    motion = dataclasses.replace(motion, seen=seen)
    return belief.scaled(motion, belief.shares())


def _free(mesh: Mesh) -> F32:
    """(512, 512) share in which the portrait's pixels move with the crown: none of it on the face, all far from it."""
    share = np.zeros((len(mesh.rest), 2), np.float32)
    share[len(mesh.rest) - len(mesh.follow) :] = 1 - mesh.follow.sum(1, keepdims=True)
    found = np.ones((2, SIZE, SIZE), np.float32)
    raster(mesh.rest, share, mesh.triangles, *found, np.full((SIZE, SIZE), np.inf, np.float32))
    return np.asarray(found[0], np.float32)


_Views = list[F32]  # (n, n, 3) for each n of ``_SIDES``


@dataclass(frozen=True, slots=True)
class _Level:
    at: F32  # (m, 1, 2) px of the frame: where the part's pixels are
    loose: F32  # (m, 1, 1) share in which they move with it
    picture: F32  # (m, 3)
    slopes: F32  # (4, m, 3) change of the picture with each number of a place
    weight: F32  # (m,)


class _Follower:
    """Follows one part through the frames, each from where the last one was."""

    def __init__(
        self,
        first: _Views,
        part: F32,  # (512, 512) what belongs to it
        face_width: float,
        likely: F64 = _FREE,
        little: float = _CLEARLY,
        loose: F32 | None = None,  # (512, 512) share in which each of its pixels moves with it; None: all of it
    ) -> None:
        self._width, self._likely, self._little = face_width, likely, little
        self._levels = [_level(picture, part, loose, face_width) for picture in first]
        self._usable = float(part.mean()) >= _FEWEST
        self._place = np.zeros(4)

    def find(self, views: _Views) -> F64:
        """(4,) the part's place in a frame."""
        if not self._usable:
            return np.zeros(4)
        place = self._place.copy()
        for level, picture in zip(self._levels, views, strict=True):
            for _ in range(_ROUNDS):
                step = self._step(level, picture, place)
                place = place - step
                if np.abs(step / self._likely).max() < 2e-3:
                    break
        still, moved = (self._error(self._levels[-1], views[-1], at) for at in (np.zeros(4), place))
        far = np.abs(place / self._likely).max()
        if not moved < (_BETTER if far > _LITTLE else self._little) * still or far > _FARTHEST:
            place = np.zeros(4)
        self._place = place
        return place

    def _step(self, level: _Level, picture: F32, place: F64) -> F64:
        off = self._fetched(picture, place, level) - level.picture
        weight = level.weight / (1 + (_size(off) / (2 * _NOISE)) ** 2)
        weighed = level.slopes * weight[:, None]
        prior = _PRIOR * _NOISE**2 / self._likely**2
        gram = weighed.reshape(4, -1) @ level.slopes.reshape(4, -1).T + np.diag(prior)
        return np.asarray(np.linalg.solve(gram, weighed.reshape(4, -1) @ off.ravel() + prior * place), np.float64)

    def _error(self, level: _Level, picture: F32, place: F64) -> float:
        off = _size(self._fetched(picture, place, level) - level.picture)
        return float((level.weight * off**2 / (1 + (off / (4 * _NOISE)) ** 2)).sum())

    def _fetched(self, picture: F32, place: F64, level: _Level) -> F32:
        scale = len(picture) / SIZE
        affine = placed(place.astype(np.float32), self._width)
        goal = level.at + level.loose * (level.at @ affine[:, :2].T + affine[:, 2] - level.at)
        # Pixel centres: x of the frame is (x' + 0.5) / scale - 0.5.
        goal = (goal + 0.5) * np.float32(scale) - 0.5
        fetched = cv2.remap(picture, goal, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(fetched, np.float32)[:, 0]


def _size(off: F32) -> F32:
    """(m,) mean magnitude of differences (m, 3)."""
    return np.asarray(np.abs(off) @ np.full(3, 1 / 3, np.float32))


def _views(frame: U8) -> _Views:
    """The frame at each of ``_SIDES``, without what changes slowly across it: that is light, and not motion."""
    views = []
    for side in _SIDES:
        small = cv2.resize(frame, (side, side), interpolation=cv2.INTER_AREA).astype(np.float32)
        views.append(
            np.asarray(cv2.GaussianBlur(small, (0, 0), 0.8) - cv2.GaussianBlur(small, (0, 0), _SHADING * side))
        )
    return views


def _level(picture: F32, part: F32, loose: F32 | None, face_width: float) -> _Level:
    side = len(picture)
    across = cv2.Sobel(picture, cv2.CV_32F, 1, 0, scale=1 / 8) * (side / SIZE)  # per px of the frame
    down = cv2.Sobel(picture, cv2.CV_32F, 0, 1, scale=1 / 8) * (side / SIZE)
    y, x = (np.indices((side, side)).astype(np.float32) + 0.5) * (SIZE / side) - 0.5
    weight = cv2.resize(part, (side, side), interpolation=cv2.INTER_AREA)
    weight[:2], weight[-2:], weight[:, :2], weight[:, -2:] = 0, 0, 0, 0
    pixels = np.flatnonzero(weight.ravel() > 0.01)
    share = np.ones((len(pixels), 1), np.float32)
    if loose is not None:
        share = cv2.resize(loose, (side, side), interpolation=cv2.INTER_AREA).reshape(-1, 1)[pixels]
    at = np.stack([x, y], -1).reshape(-1, 2)[pixels].astype(np.float32)
    across, down = (slope.reshape(-1, 3)[pixels] * share for slope in (across, down))
    x, y = np.hsplit(at - SIZE / 2, 2)
    degree = np.float32(np.pi / 180)
    slopes = np.stack([across * face_width, down * face_width, degree * (x * down - y * across), x * across + y * down])
    return _Level(
        at[:, None], share[:, None], picture.reshape(-1, 3)[pixels], slopes.astype(np.float32),
        np.asarray(weight.ravel()[pixels], np.float32),
    )  # fmt: skip
