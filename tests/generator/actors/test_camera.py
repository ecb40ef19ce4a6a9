import numpy as np
import pytest

from tellmark.generator.actors.camera import TO_LINEAR, Camera
from tellmark.generator.types import SIZE
from tellmark.types import F32


def flat(level: float) -> F32:
    return np.full((SIZE, SIZE, 3), level, np.float32)


def test_linear_table_is_the_srgb_standard() -> None:
    assert TO_LINEAR[0] == 0
    assert TO_LINEAR[255] == pytest.approx(1)
    assert TO_LINEAR[188] == pytest.approx(0.5029, abs=1e-3)  # IEC 61966-2-1
    assert TO_LINEAR[5] == pytest.approx(5 / 255 / 12.92)


def test_same_frame_in_any_order() -> None:
    camera = Camera(4)
    late = camera.expose(flat(0.3), 9, 9 / 25)
    camera.expose(flat(0.3), 2, 2 / 25)
    assert (camera.expose(flat(0.3), 9, 9 / 25) == late).all()
    assert (Camera(4).expose(flat(0.3), 9, 9 / 25) == late).all()
    assert (Camera(5).expose(flat(0.3), 9, 9 / 25) != late).any()


def test_noise_changes_from_frame_to_frame() -> None:
    camera = Camera(1)
    first, second = (camera.expose(flat(0.3), k, k / 25).astype(float)[200:300, 200:300, 1] for k in (0, 1))
    assert abs(np.corrcoef(first.ravel() - first.mean(), second.ravel() - second.mean())[0, 1]) < 0.1


def test_variance_grows_with_light_as_photons_do() -> None:
    """The photon transfer curve: in linear light, variance is affine in the mean, with a positive slope."""
    camera = Camera(2)
    levels, variances = [], []
    for level in (0.05, 0.1, 0.2, 0.4, 0.6):
        linear = TO_LINEAR[camera.expose(flat(level), 0, 0.0)][156:356, 156:356, 1]
        levels.append(float(linear.mean()))
        variances.append(float((linear - np.float32(levels[-1])).var()))
    slope, offset = np.polyfit(levels, variances, 1)
    assert slope > 0
    assert np.corrcoef(levels, variances)[0, 1] > 0.99
    assert offset < variances[0] * 2


def test_level_survives_within_the_drift() -> None:
    out = Camera(3).expose(flat(0.3), 0, 0.0)[216:296, 216:296]
    assert TO_LINEAR[out][..., 1].mean() == pytest.approx(0.3, rel=0.15)
    assert Camera(3).expose(flat(0.0), 0, 0.0).mean() < 12


def test_motion_blurs_along_the_motion_only_and_only_what_moves() -> None:
    def edge_width(motion: tuple[float, float], moving: F32 | None) -> float:
        step = flat(0.1)
        step[:, SIZE // 2 :] = 0.6
        row = TO_LINEAR[Camera(6).expose(step, 0, 0.0, motion, moving)][100:400, :, 1].mean(axis=0)
        row = (row - row[200]) / (row[312] - row[200])
        return float(((row > 0.1) & (row < 0.9))[236:276].sum())

    still = edge_width((0, 0), None)
    assert edge_width((16, 0), None) > still + 2
    assert edge_width((0, 16), None) == pytest.approx(still, abs=1)
    assert edge_width((16, 0), np.zeros((8, 8), np.float32)) == pytest.approx(still, abs=1)


def test_hand_is_never_still_nor_far() -> None:
    path = np.array([Camera(8).shake(k / 25) for k in range(250)])
    assert 0 < np.ptp(path[:, 0]) < 12
    assert np.abs(np.diff(path, axis=0)).max() < 2.5
