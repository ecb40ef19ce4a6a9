"""Builds ``actors.npz``, the archetypes behind the virtual actors, from freely licensed faces. Maintainers only.

    python -m tellmark.generator.actors.archetypes ../shared/data

Each archetype mixes six to eight people in shape, colour and detail. The detail of a mean is too weak; its bands are
amplified to the energy its donors have there, so that every donor adds its share and none shows through. Donors are
drawn near an anchor person, so that archetypes differ; no weight exceeds a quarter, none of a photo a sixth.
"""

from __future__ import annotations

import csv
import sys
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from tellmark.faces import MediapipeTracker
from tellmark.generator.actors import facespace
from tellmark.generator.actors.facespace import TEXTURE, f32
from tellmark.landmarks import (
    FACE_OVAL,
    LEFT_BROW,
    LEFT_EYE,
    LIPS_OUTER,
    RIGHT_BROW,
    RIGHT_EYE,
    head_rotation_deg,
    mouth_opening,
)
from tellmark.media import VideoReader
from tellmark.pictures import read_image
from tellmark.runs import atomic_path
from tellmark.types import F32, F64, U8

LICENCES = ("MIT", "Apache-2.0")  # exactly these
# person_id of index.csv. First the painted and generated people, then photos (or what may be one).
FEMININE = (
    *(f"por_echomimic_v3_{k}" for k in (18, 20, 23, 25)),
    *(f"por_AniTalker_{k}" for k in (46, 47, 52)),
    *(f"por_SadTalker_{k}" for k in (58, 67, 68)),
    *("por_fantasy-talking_172", "inf_lab", "anip_solo"),
)
FEMININE_PHOTOS = ("ed_a", "fport_6", "lp_kj_d7", "xnemo", "styletalk_vscode", "vretalk_4")
MASCULINE = ("musev_man", "dt_male", "por_AniTalker_48", "por_AniTalker_49", "did_or_idle", "ftalk_9")
MASCULINE_PHOTOS = (
    *("inf_2", "fport_7", "lp_kj_d8", "lp_kj_d5"),
    *("mimictalk_german", "styletalk_sadfather", "vretalk_1", "anip_zl"),
)
EARS = (
    *("dt_male", "did_or_idle", "por_AniTalker_48", "inf_2"),
    *("lp_kj_d8", "lp_kj_d5", "mimictalk_german", "styletalk_sadfather"),
)
PER_GROUP = 14
BANDS = (1.2, 2.4, 4.8, 9.6)  # px, Gaussian scales between the detail bands
FRAMES = 24  # looked at in a video, to find its most frontal one with closed lips


@dataclass(frozen=True, slots=True)
class Source:
    """One person, in the most frontal picture there is."""

    person: str
    feminine: bool
    photo: bool
    rgb: U8
    landmarks: F32  # (478, 3) px


View = tuple[float, U8, F32]  # cost, picture, landmarks


def collect(shared: Path) -> list[Source]:
    """The people above, from the rows of ``shared/index.csv`` whose licence allows it."""
    wanted = [*FEMININE, *FEMININE_PHOTOS, *MASCULINE, *MASCULINE_PHOTOS]
    views: dict[str, list[View]] = {name: [] for name in wanted}
    with (shared / "index.csv").open(encoding="utf-8") as table, MediapipeTracker(static=True) as tracker:
        for row in csv.DictReader(table):
            if row["person_id"] in views and row["licence"] in LICENCES:
                seen = frontal_views(shared / row["path"], row["kind"] == "portrait", FRAMES, tracker)
                views[row["person_id"]].extend(seen)
    feminine, photos = {*FEMININE, *FEMININE_PHOTOS}, {*FEMININE_PHOTOS, *MASCULINE_PHOTOS}
    best = {name: min(seen, key=lambda view: view[0]) for name, seen in views.items()}
    return [Source(name, name in feminine, name in photos, *best[name][1:]) for name in wanted]


def frontal_views(path: Path, still: bool, count: int, tracker: MediapipeTracker) -> list[View]:
    """Cost, picture and landmarks of up to ``count`` frames; frontal ones with closed lips cost least."""
    if still:
        pictures = [read_image(path)]
    else:
        with VideoReader(path) as video:
            frames = [frame.rgb() for frame in video]
        pictures = [frames[k] for k in np.unique(np.linspace(0, len(frames) - 1, count).astype(int))]
    views: list[View] = []
    for rgb in pictures:
        for face in tracker.track(rgb)[:1]:
            yaw, pitch, _ = (float(angle) for angle in np.asarray(head_rotation_deg(face.landmarks)).ravel())
            cost = abs(yaw) + 0.5 * abs(pitch) + 150 * float(mouth_opening(face.landmarks))
            views.append((cost, rgb, face.landmarks))
    return views


def align(points: F64, target: F64) -> F64:
    """(478, 3) ``points`` turned, scaled and shifted onto ``target`` (Kabsch-Umeyama)."""
    a, b = points - points.mean(axis=0), target - target.mean(axis=0)
    u, s, vt = np.linalg.svd(a.T @ b)
    keep = np.array([1, 1, np.sign(np.linalg.det(u @ vt))])
    return np.asarray((s * keep).sum() / (a**2).sum() * a @ (u * keep) @ vt + target.mean(axis=0))


def frontal_mean(landmarks: F64) -> tuple[F64, NDArray[np.int64]]:
    """Symmetric mean shape (478, 3) of (n, 478, 3) in portrait px, facing the camera; and the mirror index."""
    mean = landmarks[0]
    for _ in range(4):  # generalised Procrustes analysis
        mean = np.mean([align(points, mean) for points in landmarks], axis=0)
    across = (mean[[263, 362, 291, 454]] - mean[[33, 133, 61, 234]]).mean(axis=0)
    across /= np.linalg.norm(across)
    down = mean[152] - mean[10]
    down -= across * (down @ across)
    down /= np.linalg.norm(down)
    mean = (mean - mean.mean(axis=0)) @ np.stack([across, down, np.cross(across, down)]).T
    mirror = facespace.mirror(mean)
    mean = (mean + mean[mirror] * [-1, 1, 1]) / 2
    eyes = np.stack([mean[[33, 133]].mean(axis=0), mean[[263, 362]].mean(axis=0)])
    mean *= facespace.EYE_DISTANCE / np.linalg.norm(eyes[1] - eyes[0])
    mean[:, :2] += np.array(facespace.EYE_CENTRE) - eyes[:, :2].mean(axis=0) * (
        facespace.EYE_DISTANCE / np.linalg.norm(eyes[1] - eyes[0])
    )
    return mean, mirror


def unwarp(source: Source, mean: F32) -> F32:
    """The source's face on the mean shape: (TEXTURE, TEXTURE, 3) log RGB."""
    points, triangles = facespace.mesh(mean)
    scale = np.ptp(source.landmarks[:, 1]) / np.ptp(points[:478, 1])
    rgb = cv2.GaussianBlur(source.rgb, (0, 0), 0.45 * scale) if scale > 1 else source.rgb
    picture = facespace.warp(
        rgb.astype(np.float32) / 255, facespace.vertices(source.landmarks), points, triangles, TEXTURE, 0.5
    )
    return np.asarray(np.log(np.maximum(picture, 0.02)).astype(np.float32), np.float32)


def skin_mask(mean: F32) -> NDArray[np.bool_]:
    """(TEXTURE, TEXTURE) plain skin of the mean shape: the oval without eyes, brows and mouth."""
    points = facespace.to_texture(mean)
    mask = np.zeros((TEXTURE, TEXTURE), np.uint8)
    cv2.fillPoly(mask, [np.round(points[list(FACE_OVAL)]).astype(np.int32)], 1)
    for loop in (RIGHT_EYE, LEFT_EYE, RIGHT_BROW, LEFT_BROW, LIPS_OUTER):
        part = points[list(loop)]
        grown = part.mean(axis=0) + (part - part.mean(axis=0)) * 1.25
        cv2.fillConvexPoly(mask, cv2.convexHull(np.round(grown).astype(np.int32)), 0)
    return np.asarray(cv2.erode(mask, np.ones((11, 11), np.uint8)) > 0)


def normalise(textures: F32, skin: NDArray[np.bool_]) -> F32:
    """Take out each texture's skin colour and most of the linear shading across it; both are the actor's own."""
    textures = textures - np.median(textures[:, skin], axis=1)[:, None, None]
    median = np.median(textures, axis=0)
    y, x = np.mgrid[:TEXTURE, :TEXTURE].astype(np.float32) / TEXTURE - 0.5
    basis = np.stack([np.ones_like(x), x, y], axis=-1)
    for texture in textures:
        offset = (texture - median).mean(axis=-1)
        fit = skin & (np.abs(offset) < 0.5)
        slope = np.linalg.lstsq(basis[fit], offset[fit], rcond=None)[0]
        texture -= 0.8 * (basis @ slope)[..., None].astype(np.float32)
    return np.asarray(textures, np.float32)


def confidence(textures: F32, median: F32) -> F32:
    """(n, TEXTURE, TEXTURE) trust in a texture: little where hair, glasses or a hand covers the face."""
    offset = np.stack([cv2.GaussianBlur(texture - median, (0, 0), 4) for texture in textures])
    return np.asarray(np.exp(-(offset**2).mean(axis=-1) / (2 * 0.16**2)) + 0.02, np.float32)


def mix(textures: F32, weights: F32) -> F32:
    """Weighted mean of (n, H, W, 3) textures by (n, H, W) weights, its detail amplified to that of the donors."""
    weights = (weights / weights.sum(axis=0))[..., None]
    coarse = textures
    out = np.zeros_like(textures[0])
    for sigma in BANDS:
        finer, coarse = coarse, np.stack([cv2.GaussianBlur(texture, (0, 0), sigma) for texture in textures])
        band = finer - coarse
        mean = (weights * band).sum(axis=0)
        wanted, got = (
            cv2.GaussianBlur(energy.mean(axis=-1), (0, 0), 3 * sigma)
            for energy in ((weights * band**2).sum(axis=0), mean**2)
        )
        out += mean * (0.85 * np.clip(np.sqrt(wanted / (got + 1e-7)), 1, 2))[..., None]
    return np.asarray(out + (weights * coarse).sum(axis=0), np.float32)


def draw_weights(distance: F64, photo: NDArray[np.bool_], anchor: int, rng: np.random.Generator) -> F64:
    """(n,) weights of six to eight donors near ``anchor``; ``distance`` (n, n) between people."""
    near = np.exp(-distance[anchor] / (0.35 * np.median(distance)))
    donors = rng.choice(len(near), rng.integers(6, 9), replace=False, p=near / near.sum())
    weights = np.zeros(len(near))
    weights[donors] = rng.dirichlet(np.full(len(donors), 4.0))
    cap = np.where(photo, 1 / 6, 1 / 4)
    for _ in range(20):  # what a cap cuts off goes to the donors below theirs
        weights = np.minimum(weights, cap)
        room = (cap - weights) * (weights > 0)
        weights += (1 - weights.sum()) * room / max(room.sum(), 1e-9)
    return weights


def build(shared: Path, target: Path = facespace.DATA) -> str:
    """Write ``actors.npz``; the answer says what is in it."""
    sources = collect(shared)
    mean, mirror = frontal_mean(np.stack([source.landmarks for source in sources]).astype(np.float64))
    mean32 = mean.astype(np.float32)
    shapes = np.stack([align(source.landmarks.astype(np.float64), mean) for source in sources]).astype(np.float32)
    textures = normalise(np.stack([unwarp(source, mean32) for source in sources]), skin_mask(mean32))
    rng = np.random.default_rng(20)
    mixed: list[tuple[F32, F32, bool]] = []
    for feminine in (True, False):
        group = [k for k, source in enumerate(sources) if source.feminine == feminine]
        trust = confidence(textures[group], np.median(textures[group], axis=0))
        flat = (shapes[group] - mean32).reshape(len(group), -1).astype(np.float64)
        distance = np.linalg.norm(flat[:, None] - flat[None], axis=2)
        photo = np.array([sources[k].photo for k in group])
        for number in range(PER_GROUP):
            weights = draw_weights(distance, photo, number % len(group), rng)
            donors = np.flatnonzero(weights)
            chosen, shape, trusted = textures[group][donors], shapes[group][donors].copy(), trust[donors].copy()
            for k in np.flatnonzero(rng.random(len(donors)) < 0.5):  # half of the donors mirrored
                chosen[k], trusted[k] = chosen[k][:, ::-1].copy(), trusted[k][:, ::-1].copy()
                shape[k] = (shape[k] - mean32)[mirror] * f32([-1, 1, 1]) + mean32
            share = weights[donors].astype(np.float32)
            mixed.append((np.tensordot(share, shape, 1), mix(chosen, share[:, None, None] * trusted), feminine))
    ears = textures[[k for k, source in enumerate(sources) if source.person in EARS]]
    with atomic_path(target, force=True) as temporary, temporary.open("wb") as file:
        np.savez(
            file,
            mean=mean32,
            shapes=np.stack([shape for shape, _, _ in mixed]),
            feminine=np.array([feminine for _, _, feminine in mixed]),
            ears=facespace.encode(mix(ears, confidence(ears, np.median(ears, axis=0)))),
            **{f"texture_{k}": facespace.encode(texture) for k, (_, texture, _) in enumerate(mixed)},
        )
    return f"{len(mixed)} archetypes of {len(sources)} people, {target.stat().st_size / 1e6:.1f} MB"


if __name__ == "__main__":
    print(build(Path(sys.argv[1])))
    print("now check: python -m tellmark.generator.actors.likeness", sys.argv[1])
