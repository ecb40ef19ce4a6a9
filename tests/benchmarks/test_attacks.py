"""The attacks do what their names say."""

import numpy as np
import pytest

from tellmark.benchmarks import attacks
from tellmark.benchmarks.attacks import CORE, HARDER, Frames
from tellmark.types import U8


def _clip(count: int = 10, height: int = 96, width: int = 128) -> Frames:
    y, x = np.mgrid[:height, :width]
    base = np.stack([x, y + 40, 200 - x // 2], axis=2)
    return Frames([np.clip(base + 2 * index, 0, 255).astype(np.uint8) for index in range(count)], 25.0)


def _distance(a: U8, b: U8) -> float:
    return float(np.abs(a.astype(float) - b).mean())


@pytest.mark.parametrize("name", sorted(CORE | HARDER))
def test_every_attack_gives_even_rgb_frames_and_leaves_its_input_alone(name: str) -> None:
    clip = _clip(50)
    before = [frame.copy() for frame in clip.frames]
    made = (CORE | HARDER)[name](clip)
    assert len(made.frames) > 0
    for frame in made.frames:
        assert frame.dtype == np.uint8
        assert frame.shape[2] == 3
        assert frame.shape[0] % 2 == frame.shape[1] % 2 == 0
    assert all(np.array_equal(a, b) for a, b in zip(before, clip.frames, strict=True))


def test_recompression_is_close_and_worse_with_crf() -> None:
    clip = _clip()
    errors = [_distance(attacks.recompress(clip, crf=crf).frames[5], clip.frames[5]) for crf in (10, 40)]
    assert errors[0] < 3
    assert errors[0] < errors[1]
    assert len(attacks.encoded(clip, crf=40)) < len(attacks.encoded(clip, crf=10))


def test_geometry() -> None:
    clip = _clip()
    frame = clip.frames[0]
    assert attacks.resize(clip, 0.5).frames[0].shape == (48, 64, 3)
    assert attacks.crop(clip, 0.25).frames[0].shape == (72, 96, 3)
    assert np.array_equal(attacks.crop(clip, 0.25, x=0, y=0).frames[0], frame[:72, :96])
    assert attacks.crop_and_rescale(clip, 0.25).frames[0].shape == frame.shape
    assert attacks.pad(clip, 0.1).frames[0].shape == (112, 128, 3)
    assert np.array_equal(attacks.mirror(clip).frames[0][:, 0], frame[:, -1])
    turned = attacks.rotate(clip, 90.0).frames[0][16:80, 40:88]  # the middle, away from the filled corners
    assert _distance(turned, np.rot90(frame[:, 16:112])[16:80, 24:72]) < 1


def test_time() -> None:
    clip = _clip(50)
    slower, faster = attacks.change_rate(clip, 15.0), attacks.change_rate(clip, 30.0)
    assert (len(slower.frames), slower.fps) == (30, 15.0)
    assert (len(faster.frames), faster.fps) == (60, 30.0)
    assert np.array_equal(slower.frames[3], clip.frames[5])
    assert np.array_equal(faster.frames[6], clip.frames[5])
    assert np.array_equal(attacks.trim(clip, 0.4, 1.0).frames[0], clip.frames[10])
    assert len(attacks.trim(clip, 0.4, 1.0).frames) == 25


def test_values() -> None:
    clip = _clip()
    frame = clip.frames[0].astype(float)
    np.testing.assert_allclose(attacks.brightness(clip, 0.5).frames[0], np.rint(frame * 0.5), atol=1)
    np.testing.assert_allclose(attacks.contrast(clip, 0.5).frames[0], (frame - 128) * 0.5 + 128, atol=1)
    np.testing.assert_allclose(attacks.gamma(clip, 2.0).frames[0], 255 * (frame / 255) ** 2, atol=1)
    assert np.ptp(attacks.greyscale(clip).frames[0], axis=2).max() == 0
    assert attacks.noise(clip, 5.0).frames[0].std() > frame.std()
    assert np.array_equal(attacks.noise(clip, 5.0).frames[3], attacks.noise(clip, 5.0).frames[3])
