"""Spectra at any frequency, and the geometry that moves waves."""

import cv2
import numpy as np
import pytest

from tellmark.types import F32
from tellmark.watermark.signal.spectrum import IDENTITY, TILE_PX, WHOLE, Geometry, Part, Spectrum, frequencies


def _direct(plane: F32, frequency: tuple[float, float]) -> complex:
    y = np.arange(plane.shape[0]) - (plane.shape[0] - 1) / 2
    x = np.arange(plane.shape[1]) - (plane.shape[1] - 1) / 2
    return complex(np.exp(-2j * np.pi * frequency[0] * y) @ plane @ np.exp(-2j * np.pi * frequency[1] * x))


@pytest.mark.parametrize("shape", [(256, 256), (256, 455), (300, 256)])
def test_interpolation_is_close_to_the_direct_transform(shape: tuple[int, int]) -> None:
    random = np.random.default_rng(0)
    maps = random.normal(0, 1, (2, *shape)).astype(np.float32)
    spectrum = Spectrum(maps)
    asked = random.uniform(-0.24, 0.24, (200, 2))
    for channel in (0, 1):
        direct = np.array([_direct(maps[channel], (f[0], f[1])) for f in asked])
        error = np.abs(spectrum.at(channel, asked) - direct)
        assert np.sqrt(np.mean(error**2) / np.mean(np.abs(direct) ** 2)) < 0.1


def test_a_real_map_has_a_conjugate_symmetric_spectrum() -> None:
    spectrum = Spectrum(np.random.default_rng(1).normal(0, 1, (1, 256, 256)).astype(np.float32))
    asked = np.array([[0.1, 0.05], [-0.03, 0.2], [0.07, 0.0]])
    np.testing.assert_allclose(spectrum.at(0, -asked), spectrum.at(0, asked).conj(), rtol=1e-3, atol=1e-2)


def test_waves_too_fine_for_the_pixels_are_silent() -> None:
    maps = np.random.default_rng(2).normal(0, 1, (1, 64, 96)).astype(np.float32)
    asked = np.array([[0.1, 0.2], [0.6, 0.1], [-0.1, 0.55], [0.2, -0.3]])
    values = Spectrum(maps).at(0, asked)
    assert list(values == 0) == [False, True, True, False]
    np.testing.assert_array_equal(values[[0, 3]], Spectrum(maps).at(0, asked[[0, 3]]))


def test_a_part_is_cut_out_of_maps() -> None:
    maps = np.arange(3 * 8 * 10, dtype=np.float32).reshape(3, 8, 10)
    np.testing.assert_array_equal(Part(0.5, 1.0, 0.2, 0.6).of(maps), maps[:, 4:, 2:6])
    assert WHOLE.of(maps).shape == maps.shape


@pytest.mark.parametrize(
    "geometry",
    [
        IDENTITY,
        Geometry(rotation_deg=90.0),
        Geometry(scale=0.75),
        Geometry(rotation_deg=3.0),
        Geometry(mirrored=True),
        Geometry(scale=0.9, rotation_deg=-2.0, aspect=1.02, mirrored=True),
    ],
)
def test_geometry_says_where_a_wave_went(geometry: Geometry) -> None:
    """Draw one wave, change the picture with OpenCV, and look for the wave where ``frequencies`` says."""
    wave = np.array([[7, 12]])
    side = 400
    at = np.arange(side) - (side - 1) / 2
    original = np.cos(2 * np.pi / TILE_PX * (wave[0, 0] * at[:, None] + wave[0, 1] * at)).astype(np.float32)
    matrix = geometry.matrix()  # picture offset (y, x) -> original offset
    swap = np.array([[0, 1], [1, 0]])
    to_original = swap @ matrix @ swap  # OpenCV's order is x, y
    size = 256
    offset = (side - 1) / 2 - to_original @ np.full(2, (size - 1) / 2)
    picture = cv2.warpAffine(
        original, np.column_stack([to_original, offset]), (size, size), flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    )
    found = Spectrum(picture[None]).at(0, frequencies(wave, geometry))[0]
    assert abs(found) > 0.9 * size**2 / 2
    assert abs(np.angle(found)) < 0.1


def test_a_spectrum_of_less_reach_is_the_same_where_it_reaches() -> None:
    maps = np.random.default_rng(2).normal(0, 1, (3, 256, 300)).astype(np.float32)
    asked = np.array([[0.4, 0.2], [-0.3, -0.2], [0.1, 0.13], [-0.02, -0.07]])
    channels = np.array([0, 1, 2, 0])
    np.testing.assert_array_equal(Spectrum(maps, 0.2).at(channels, asked), Spectrum(maps).at(channels, asked))
