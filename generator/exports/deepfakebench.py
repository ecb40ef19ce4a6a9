"""DeepfakeBench (Yan et al. 2023): aligned face crops with masks and landmarks, and the JSON that lists them.

What its reader does with paths shapes the layout. It replaces ``frames`` by ``masks`` and ``landmarks`` in each path,
so the word is there once. It groups the frames of a video by the name of their folder alone, so names differ between
classes. It takes the first frames it is given, so those are spread over the clip.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from tellmark.faces import align
from tellmark.generator.exports import Dataset, is_fake, plain_name, write_json
from tellmark.generator.exports.faceforensics import method_of
from tellmark.generator.factory.face_tracks import read_track
from tellmark.generator.factory.masks import read_masks
from tellmark.generator.types import SIZE
from tellmark.media import VideoReader
from tellmark.pictures import write_image
from tellmark.types import F32, U8, Clip

FRAMES, CROP = 32, 256
# The 68 points of iBUG 300-W in the face mesh, and 13 along the forehead: the 81 that its landmark files hold.
POINTS = (162, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 389,
          71, 63, 105, 66, 107, 336, 296, 334, 293, 301, 168, 197, 5, 4, 75, 97, 2, 326, 305,
          33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380,
          61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181, 78, 82, 13, 312, 308, 317, 14, 87,
          21, 54, 103, 67, 109, 10, 338, 297, 332, 284, 251, 104, 333)  # fmt: skip


def write(data: Dataset, out: Path) -> None:
    """Write ``rgb/`` and ``dataset_json/``; ``out`` is to become DeepfakeBench's folder ``datasets``."""
    name = "".join(sign if sign.isalnum() else "-" for sign in str(data.facts["name"]))
    classes: dict[str, Any] = {}
    for clip in data.clips:
        kind = method_of(clip)
        label = f"{name}_{'Fake' if is_fake(clip) else 'Real'}"
        entry = classes.setdefault(kind, {"train": {}, "val": {}, "test": {}})
        entry[clip.split][plain_name(clip)] = {"label": label, **_crops(data.folder, clip, out, f"rgb/{name}/{kind}")}
    write_json(out / "dataset_json" / f"{name}.json", {name: classes})
    head = (
        f"# {name} for DeepfakeBench\n\nMake this folder its `datasets`, add to `label_dict` of the configuration:\n\n"
    )
    rest = (data.folder / "README.md").read_text(encoding="utf-8")
    labels = f"```yaml\nlabel_dict:\n  {name}_Real: 0\n  {name}_Fake: 1\n```\n\n"
    (out / "README.md").write_text(head + labels + rest, encoding="utf-8")


def _crops(folder: Path, clip: Clip, out: Path, base: str) -> dict[str, list[str]]:
    """Crop frames spread over the clip; returns the paths that the JSON lists."""
    total = round(clip.seconds * clip.fps)
    wanted = dict.fromkeys(np.linspace(0, total - 1, min(FRAMES, total)).round().astype(int).tolist())
    track = read_track(folder / clip.track_path) * (clip.width / SIZE) if clip.track_path else None
    frames, masks = [], []
    for number, (index, rgb, mask) in enumerate(_chosen(folder, clip, wanted)):
        stem = f"{plain_name(clip)}/{number:03d}"
        points = track[index] if track is not None else None
        crop, matrix = align(rgb, points, CROP) if points is not None else (cv2.resize(rgb, (CROP, CROP)), None)
        path = f"{base}/frames/{stem}.png"
        _save(out / path, crop)
        frames.append(f"./datasets/{path}")
        covered = np.zeros((CROP, CROP), np.uint8)
        if mask is not None and matrix is not None:
            full = cv2.resize(mask, rgb.shape[1::-1], interpolation=cv2.INTER_AREA)
            covered = cv2.warpAffine(full, matrix, (CROP, CROP)).astype(np.uint8)
        path = f"{base}/masks/{stem}.png"
        _save(out / path, np.repeat(covered[..., None], 3, axis=2))
        masks.append(f"./datasets/{path}")
        landmarks = out / base / "landmarks" / f"{stem}.npy"
        landmarks.parent.mkdir(parents=True, exist_ok=True)
        np.save(landmarks, _landmarks(points, matrix))
    return {"frames": frames, "masks": masks}


def _chosen(folder: Path, clip: Clip, wanted: dict[int, None]) -> Iterator[tuple[int, U8, U8 | None]]:
    masks = read_masks(folder / clip.mask_path) if clip.mask_path else None
    with VideoReader(folder / clip.path) as reader:
        for index, frame in enumerate(reader):
            mask = next(masks, None) if masks else None
            if index in wanted:
                yield index, frame.rgb(), mask


def _landmarks(points: F32 | None, matrix: F32 | None) -> F32:
    if points is None or matrix is None:
        return np.zeros((len(POINTS), 2), np.float32)
    return np.asarray(points[list(POINTS), :2] @ matrix[:, :2].T + matrix[:, 2], np.float32)


def _save(path: Path, picture: U8) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_image(path, picture)
