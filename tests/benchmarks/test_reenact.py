import csv
from pathlib import Path

import cv2
import numpy as np
import pytest

from tellmark.benchmarks import reenact
from tellmark.benchmarks.reenactment.clips import videos
from tellmark.benchmarks.reenactment.measures import Flicker, decibels, face_mask, sharpness, squared_error
from tellmark.encoding import VideoWriter
from tellmark.errors import UsageError
from tellmark.generator.actors import actor
from tellmark.generator.render import MeshRenderer
from tellmark.generator.types import EXPRESSIONS, Motion, Portrait
from tellmark.media import rgb_to_i420


@pytest.fixture(scope="module")
def someone() -> Portrait:
    return actor(2)


def test_decibels_are_those_of_the_mean_error() -> None:
    one = np.full((8, 8, 3), 100, np.uint8)
    error = squared_error(one, one + 5)
    assert decibels(float(error.mean())) == pytest.approx(20 * np.log10(255 / 5))
    # Two frames, one of them exact: the error is averaged, not the decibels.
    assert decibels(np.array([0.0, 50.0])) == pytest.approx(decibels(25.0))


def test_blur_costs_sharpness_and_the_face_lies_in_its_mask(someone: Portrait) -> None:
    soft = sharpness(cv2.GaussianBlur(someone.image, (0, 0), 2.0), someone.landmarks)
    sharp = sharpness(someone.image, someone.landmarks)
    assert all(soft[part] < 0.8 * sharp[part] for part in ("mouth", "eyes"))
    mask = face_mask(someone.landmarks)
    x, y = np.rint(someone.landmarks[1, :2]).astype(int)
    assert mask[y, x]
    assert not mask[2, 2]


def test_flicker_is_what_motion_does_not_explain(someone: Portrait) -> None:
    mask = face_mask(someone.landmarks)
    moving, trembling = Flicker(), Flicker()
    rng = np.random.default_rng(0)
    moved, shaken = [], []
    for step in range(4):
        shifted = np.roll(someone.image, 2 * step, axis=1)
        moved.append(moving.add(shifted, mask))
        noise = rng.normal(0, 12, someone.image.shape)
        shaken.append(trembling.add(np.clip(shifted + noise, 0, 255).astype(np.uint8), mask))
    assert moved[0] is None
    assert np.mean(moved[1:]) < 0.5 * np.mean(shaken[1:])


def test_persons_are_kept_whole(tmp_path: Path) -> None:
    names = [f"{k}.mp4" for k in range(12)]
    for name in names:
        (tmp_path / name).touch()
    with (tmp_path / "index.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("path", "person_id"), *((name, f"p{k // 3}") for k, name in enumerate(names))])
    splits = [split for _, split, _ in videos(tmp_path)]
    assert all(len(set(splits[k : k + 3])) == 1 for k in range(0, 12, 3))
    assert [number for number, _, _ in videos(tmp_path)] == list(range(12))
    with pytest.raises(UsageError, match="development, held-out"):
        videos(tmp_path, "all")


def test_a_clip_is_measured_and_not_named(someone: Portrait, tmp_path: Path) -> None:
    motion = Motion.rest(25.0, 30)
    wave = np.sin(np.linspace(0, 2 * np.pi, 30))
    motion.rotation_deg[:, 0] = 6 * wave
    motion.translation[:, 0] = 0.06 * wave
    motion.expression[:, EXPRESSIONS.index("smile")] = np.abs(wave)
    renderer = MeshRenderer(someone)
    data = tmp_path / "data"
    data.mkdir()
    with VideoWriter(data / "jane-doe.mp4", width=512, height=512, fps=25.0) as writer:
        for index in range(len(motion)):
            writer.write(rgb_to_i420(renderer.render(motion, index)))
    rows = reenact.run(data=data, sheet=tmp_path / "sheet")
    clip, mean, _ = rows
    assert clip["frames"] == mean["frames"] == 30
    assert clip["face gain dB"] > 3
    assert clip["frame gain dB"] > 0
    assert clip["rest dB"] > 40
    assert "jane" not in str(rows)
    assert sorted(path.suffix for path in (tmp_path / "sheet").iterdir()) == [".mp4", ".png"]
