"""The space virtual actors are drawn from: mean-aligned face shapes and textures, and the warp between the two.

An active appearance model (Cootes, Edwards & Taylor 2001) without its sources: what ships in ``actors.npz`` are
archetypes, each a mixture of at least six people, and actors are mixtures of archetypes. Shapes are frontal meshes in
portrait pixels; textures are log RGB on the mean shape, with the skin's median colour taken out.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import Delaunay, cKDTree

from tellmark.landmarks import FACE_OVAL, LEFT_IRIS, RIGHT_IRIS
from tellmark.types import F32, U8

DATA = Path(__file__).with_name("actors.npz")
TEXTURE = 512  # px, both sides of a texture
EYE_DISTANCE = 86.0  # px between the eye centres of the mean shape in the portrait
EYE_CENTRE = (256.0, 230.0)  # px, where the middle between the eyes lies in the portrait
ZOOM = 1.8  # texture px for one portrait px of the mean shape
TEXTURE_CENTRE = (256.0, 256.0)  # portrait px at the middle of the texture
SKIN_BASE = np.log(np.array([0.80, 0.62, 0.54], np.float32))  # added to a texture it shows a light skin in sRGB
BLOOD = np.array([0.05, 1.0, 0.4], np.float32)  # log RGB that more of it takes from what skin gives back
RINGS = (1.16, 1.38)  # the mesh goes on outside the face oval with copies of it, scaled about its centre


@dataclass(frozen=True, slots=True)
class FaceSpace:
    """What ``actors.npz`` holds."""

    mean: F32  # (478, 3) symmetric mean shape, portrait px, z away from the camera
    shapes: F32  # (K, 478, 3)
    textures: F32  # (K, TEXTURE, TEXTURE, 3) log RGB without skin colour
    ears: F32  # (TEXTURE, TEXTURE, 3) likewise, outside the oval; one mixture for all
    feminine: NDArray[np.bool_]  # (K,) which group of sources an archetype mixes


def f32(values: ArrayLike) -> F32:
    """``values`` as a float32 array."""
    return np.asarray(values, np.float32)


def rounded(values: NDArray[np.float64] | F32) -> tuple[float, ...]:
    """The values as they are kept in a recipe."""
    return tuple(round(float(value), 5) for value in values)


def outline_ring(shape: F32, factors: tuple[float, ...] = RINGS) -> F32:
    """(36 * len(factors), 2) copies of the face oval of a (478, 2+) shape, scaled about its centre."""
    oval = shape[list(FACE_OVAL), :2]
    centre = oval.mean(axis=0)
    rings = [centre + (oval - centre) * factor for factor in factors]
    return np.concatenate(rings, dtype=np.float32)


def vertices(shape: F32) -> F32:
    """(550, 2) the mesh with its rings: what textures are warped by."""
    return np.asarray(np.concatenate([shape[:, :2], outline_ring(shape)]).astype(np.float32), np.float32)


def to_texture(points: F32) -> F32:
    """Portrait px of the mean shape to texture px, (n, 2+) to (n, 2)."""
    return ((points[:, :2] - f32(TEXTURE_CENTRE)) * ZOOM + TEXTURE / 2).astype(np.float32)


def mesh(mean: F32) -> tuple[F32, NDArray[np.int32]]:
    """Vertices of the mean shape in texture px and their Delaunay triangles, eyes and mouth closed over.

    Irises are left out: they reach up behind the lids, more so in some shapes than in the mean.
    """
    points = to_texture(vertices(mean))
    skin = np.setdiff1d(np.arange(len(points)), [*RIGHT_IRIS, *LEFT_IRIS])
    return points, skin[Delaunay(points[skin]).simplices].astype(np.int32)


def mirror(mean: F32) -> NDArray[np.int64]:
    """(478,) index of each point's mirror image; ``mean`` (478, 3) must be nearly symmetric."""
    centred = mean - mean.mean(axis=0)
    return np.asarray(cKDTree(centred).query(centred * [-1, 1, 1])[1])


def warp(image: F32, source: F32, target: F32, triangles: NDArray[np.int32], size: int, margin: float = 0.0) -> F32:
    """Piecewise affine warp: ``image`` with vertices ``source`` drawn at ``target`` in a (size, size) picture.

    Outside the triangles the picture takes the value ``margin``.
    """
    labels = np.zeros((size, size), np.int32)
    for number, corners in enumerate(target[triangles], start=1):
        cv2.fillConvexPoly(labels, np.round(corners * 16).astype(np.int32), number, shift=4)
    # Solve [x y 1] A = [u v] for all triangles at once; label 0 maps far outside the picture.
    homogeneous = np.concatenate([target[triangles], np.ones((len(triangles), 3, 1), np.float32)], axis=2)
    flat = np.abs(np.linalg.det(homogeneous)) < 1e-3
    homogeneous[flat] = np.eye(3)
    affine = np.linalg.solve(homogeneous.astype(np.float64), source[triangles].astype(np.float64))
    affine = np.concatenate([np.array([[[0, 0], [0, 0], [-9.0, -9.0]]]), affine]).astype(np.float32)[labels]
    y, x = np.mgrid[:size, :size].astype(np.float32)
    u, v = (affine[..., 0, k] * x + affine[..., 1, k] * y + affine[..., 2, k] for k in (0, 1))
    return np.asarray(
        cv2.remap(image, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=(margin,) * 4), np.float32
    )


def encode(texture: F32) -> U8:
    """A texture as the bytes of a JPEG (quality 95, full chroma)."""
    picture = np.clip(np.exp(texture + SKIN_BASE), 0, 1) * 255
    flags = [cv2.IMWRITE_JPEG_QUALITY, 95, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    return np.asarray(cv2.imencode(".jpg", np.round(picture[..., ::-1]).astype(np.uint8), flags)[1])


def decode(jpeg: U8) -> F32:
    """The inverse of :func:`encode`."""
    picture = cv2.imdecode(jpeg, cv2.IMREAD_COLOR)[..., ::-1].astype(np.float32) / 255
    return np.asarray(np.log(np.maximum(picture, 0.02)).astype(np.float32) - SKIN_BASE, np.float32)


@cache
def load(path: Path = DATA) -> FaceSpace:
    """The shipped face space; decoded once a process (about 0.3 s, 80 MB)."""
    with np.load(path) as data:
        textures = [decode(data[f"texture_{k}"]) for k in range(len(data["shapes"]))]
        return FaceSpace(
            data["mean"].astype(np.float32),
            data["shapes"].astype(np.float32),
            np.stack(textures),
            decode(data["ears"]),
            data["feminine"],
        )
