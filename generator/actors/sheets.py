"""Layers of a filmed actor: flat sheets bent in depth (hair, body), and the compositing and re-lighting of layers."""

from __future__ import annotations

import cv2
import numba as nb
import numpy as np

from tellmark.generator.actors import headmodel
from tellmark.generator.actors.headmodel import HeadModel, HeadPose
from tellmark.generator.actors.oral import grid_triangles
from tellmark.generator.geometry.raster import raster
from tellmark.generator.mesh.layers import shown
from tellmark.generator.types import SIZE
from tellmark.types import F32, U8

_GRID = 74  # points along a side of a sheet
_CLOSE = 5.0  # px
_ALL = np.full((SIZE, SIZE), 255, np.uint8)
_MARGIN = 40  # px a sheet reaches over the picture's edges


class Sheet:
    """A picture on a grid of points that follow the head by their share."""

    def __init__(self, rgba: F32, depth: F32, share: F32, model: HeadModel) -> None:
        """rgba: (SIZE, SIZE, 4) premultiplied; depth: px; share: in [0, 1], how far a point turns with the head."""
        axis = np.linspace(-_MARGIN, SIZE + _MARGIN, _GRID, dtype=np.float32)
        x, y = (a.ravel() for a in np.meshgrid(axis, axis))
        column, row = (np.clip(np.round(a), 0, SIZE - 1).astype(int) for a in (x, y))
        seen = np.stack([x, y, depth[row, column]], axis=1).astype(np.float32)
        self._model = model
        self._points = headmodel.unproject(seen, model.camera)
        self._sources = np.clip(seen[:, :2], 0, SIZE - 1)  # beyond its edges the picture goes on as it ends
        self._share = share[row, column][:, None].astype(np.float32)
        self._texture = np.clip(np.round(rgba * 255), 0, 255).astype(np.uint8)
        # What is empty must not hide the rest where the sheet folds.
        self._triangles = shown(self._texture, self._sources, grid_triangles(_GRID, _GRID))
        self._maps = np.zeros((3, SIZE, SIZE), np.float32)
        self._layer = np.zeros((SIZE, SIZE, 4), np.uint8)

    def draw(
        self, pose: HeadPose, shift: F32, sway_px: float = 0.0, before: F32 | None = None, cover: U8 | None = None
    ) -> U8:
        """(SIZE, SIZE, 4) premultiplied, the picture moved by ``shift`` px, what does not turn by ``sway_px`` down.

        before: (SIZE, SIZE) px, depth of what hides the parts of the sheet that have come to lie behind it; cover:
        (SIZE, SIZE) of 255, how far it covers a pixel, all of it where None.
        """
        points = headmodel.turn_head(self._model, self._points, pose, self._share)
        seen = headmodel.project(points, self._model.camera)
        seen[:, :2] += shift
        seen[:, 1] += sway_px * (1 - self._share[:, 0])
        if before is None:
            seen[:, 2] = 0  # where a sheet folds, what is drawn first stays
        map_x, map_y, depth = self._maps
        map_x.fill(-9)
        depth.fill(np.inf)
        raster(seen, self._sources, self._triangles, map_x, map_y, depth)
        cv2.remap(self._texture, map_x, map_y, cv2.INTER_LINEAR, dst=self._layer, borderMode=cv2.BORDER_CONSTANT)
        if before is not None:
            _hide(self._layer, depth, before, _ALL if cover is None else cover)
        return self._layer


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _hide(layer: U8, depth: F32, before: F32, cover: U8) -> None:
    """Fade a premultiplied layer out where it lies by more than ``_CLOSE`` px behind something."""
    for y in range(layer.shape[0]):
        for x in range(layer.shape[1]):
            behind = depth[y, x] - before[y, x] - _CLOSE
            if layer[y, x, 3] > 0 and behind > 0:
                left = 1 - min(behind / _CLOSE, 1.0) * cover[y, x] / 255
                for c in range(4):
                    layer[y, x, c] = int(layer[y, x, c] * left + 0.5)


@nb.njit(cache=True, nogil=True, fastmath=True)  # type: ignore[untyped-decorator]
def over(frame: F32, layer: U8, shadow: F32, to_linear: F32) -> None:
    """Lay a premultiplied sRGB ``layer`` over ``frame`` (linear light); ``shadow`` (H/4, W/4) darkens the layer."""
    for y in range(frame.shape[0]):
        for x in range(frame.shape[1]):
            alpha = layer[y, x, 3]
            if alpha == 0:
                continue
            a = alpha / np.float32(255)
            dim = shadow[y >> 2, x >> 2] * a
            for c in range(3):
                straight = min(255, (layer[y, x, c] * 255 + alpha // 2) // alpha)
                frame[y, x, c] += to_linear[straight] * dim - frame[y, x, c] * a


@nb.njit(cache=True, nogil=True, fastmath=True, inline="always")  # type: ignore[untyped-decorator]
def lighting(nx: float, ny: float, light: F32, contrast: float) -> tuple[float, float]:
    """Diffuse light (hemisphere + wrapped Lambert) and highlight (Blinn-Phong) on a surface facing (nx, ny, -)."""
    nz = -np.sqrt(max(0.02, 1 - nx * nx - ny * ny))
    cosine = nx * light[0] + ny * light[1] + nz * light[2]
    diffuse = 0.55 - 0.14 * ny + contrast * max(0.0, (cosine + 0.35) / 1.35)
    hx, hy, hz = light[0], light[1], light[2] - 1
    length = np.sqrt(hx * hx + hy * hy + hz * hz)
    shine = max(0.0, (nx * hx + ny * hy + nz * hz) / length) ** 22
    return diffuse, shine


@nb.njit(cache=True, nogil=True, fastmath=True)  # type: ignore[untyped-decorator]
def relight(
    frame: F32,  # (H, W, 3) linear light, changed
    layer: U8,  # (H, W, 4) the head's texture in place, straight alpha
    source_x: F32,  # (H, W) where in the texture each pixel comes from
    source_y: F32,
    normal_x: F32,  # (H, W) normals of the moved head
    normal_y: F32,
    rest: F32,  # (H, W, 2) diffuse and highlight at rest, in the texture
    creases: U8,  # (H, W, K) depth of wrinkles, in the texture
    strength: F32,  # (K,)
    light: F32,
    contrast: float,
    to_linear: F32,
) -> None:
    """Lay the head over the frame, its light changed from the rest pose's to the present one's."""
    height, width = layer.shape[:2]
    for y in range(height):
        for x in range(width):
            alpha = layer[y, x, 3]
            if alpha == 0:
                continue
            column = min(max(int(source_x[y, x] + 0.5), 0), width - 1)
            row = min(max(int(source_y[y, x] + 0.5), 0), height - 1)
            diffuse, shine = lighting(normal_x[y, x], normal_y[y, x], light, contrast)
            ratio = diffuse / rest[row, column, 0]
            for k in range(len(strength)):
                ratio *= 1 - strength[k] * creases[row, column, k] / 255
            gloss = 0.10 * contrast * (shine - rest[row, column, 1])
            if gloss < 0:  # a highlight that has left darkens in proportion: it must not tint dark skin
                ratio *= max(0.6, 1 + 3 * gloss)
                gloss = 0.0
            gloss *= min(1.0, 0.15 + 5 * to_linear[layer[y, x, 1]])  # hair and what is dark and rough shine less
            a = alpha / np.float32(255)
            for c in range(3):
                value = max(0.0, to_linear[layer[y, x, c]] * ratio + gloss)
                frame[y, x, c] += a * (value - frame[y, x, c])


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def rest_lighting(normal_x: F32, normal_y: F32, light: F32, contrast: float, out: F32) -> None:
    """Fill ``out`` (H, W, 2) with :func:`lighting` of the rest pose's normals."""
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            out[y, x, 0], out[y, x, 1] = lighting(normal_x[y, x], normal_y[y, x], light, contrast)
