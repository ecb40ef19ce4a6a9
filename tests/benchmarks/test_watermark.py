"""The watermark benchmark measures what it says, on a host small enough for a test."""

import cv2
import numpy as np
import pytest

from tellmark.benchmarks import watermark as bench
from tellmark.benchmarks.attacks import CORE
from tellmark.encoding import VideoWriter
from tellmark.media import rgb_to_i420
from tellmark.types import U8


def _picture(index: int) -> U8:
    """Texture with a disc that wanders over it."""
    texture = np.random.default_rng(0).integers(40, 216, (40, 60, 3), dtype=np.uint8)
    picture: U8 = cv2.resize(texture, (640, 480), interpolation=cv2.INTER_CUBIC)
    cv2.circle(picture, (200 + 4 * index, 240), 60, (200, 150, 120), -1, cv2.LINE_AA)
    return picture


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> list[bench.Host]:
    path = tmp_path_factory.mktemp("bench") / "host.mp4"
    with VideoWriter(path, width=640, height=480, fps=25) as writer:
        for index in range(50):
            writer.write(rgb_to_i420(_picture(index)))
    return list(bench._clip_hosts([path]))


def test_hosts_are_square(hosts: list[bench.Host]) -> None:
    ((name, frames, fps),) = hosts
    assert (name, len(frames), fps) == ("host.mp4", 50, 25.0)
    assert frames[0].shape == (768, 512)


def test_psnr_is_opencvs_and_ssim_falls_with_noise() -> None:
    random = np.random.default_rng(0)
    picture = _picture(0)[..., 0].copy()
    noisy = [np.clip(picture + random.normal(0, s, picture.shape), 0, 255).astype(np.uint8) for s in (2, 8)]
    assert bench._psnr([picture], [noisy[0]]) == pytest.approx(cv2.PSNR(picture, noisy[0]), abs=1e-3)
    assert bench._ssim(picture, picture) == pytest.approx(1.0)
    assert 1 > bench._ssim(picture, noisy[0]) > bench._ssim(picture, noisy[1]) > 0


def test_the_mark_is_faint_and_found(hosts: list[bench.Host]) -> None:
    rows = {row["condition"]: row for row in bench._imperceptibility(hosts)}
    assert rows["psnr y, dB"]["mean"] > 48
    assert rows["psnr rgb, dB"]["mean"] > 45
    assert rows["ssim y"]["mean"] > 0.995
    (row,) = bench._robustness(hosts, {"h264 crf 23": CORE["h264 crf 23"]})
    assert (row["clips"], row["payload"], row["wrong"], row["present"]) == (1, 1, 0, 1)


def test_false_positives_are_rarer_than_their_level(hosts: list[bench.Host]) -> None:
    shares = {row["condition"]: row["mean"] for row in bench._false_positives(hosts, draws=2000)}
    assert shares["share of p <= 0.5"] < 0.6
    assert shares["share of p <= 0.01"] < 0.015
    assert 0 < shares["tail: chance of p <= 1e-6"] < 1e-4
