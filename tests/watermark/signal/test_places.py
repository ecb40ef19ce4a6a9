"""Places where a weak mark may lie: that copies of bits agree says where, and nothing where there is no mark."""

from collections.abc import Callable

import numpy as np
import pytest

from tellmark.media import rgb_to_i420
from tellmark.types import U8
from tellmark.watermark.signal.analysis import flattened, windows
from tellmark.watermark.signal.fec import CODE_BITS
from tellmark.watermark.signal.pattern import PUBLIC_KEY, TILE, WatermarkKey, channel_patterns, synthesize
from tellmark.watermark.signal.places import agreement, further
from tellmark.watermark.signal.search import correlate, log_chance, match
from tellmark.watermark.signal.spectrum import IDENTITY, TILE_PX, Geometry, Spectrum

CODE = np.random.default_rng(0).integers(0, 2, CODE_BITS, dtype=np.uint8)
PLACE = (40.0, 90.0)


@pytest.fixture(scope="module")
def host(pictures: Callable[..., list[U8]]) -> Spectrum:
    frames = ((index / 25, rgb_to_i420(picture), False) for index, picture in enumerate(pictures(5, 25)))
    return Spectrum(np.sum([flattened(window.residual) for window in windows(frames)], axis=0))


def _planted(scale: float, noise: float, code: U8 = CODE, size: int = 256) -> Spectrum:
    """A map that holds the pattern at PLACE of a crop, in noise."""
    at = (np.arange(size) - (size - 1) / 2) * scale
    maps = []
    for channel in channel_patterns(PUBLIC_KEY):
        whole = np.arange(TILE, dtype=float)
        tile = synthesize(channel, channel.coefficients(code), whole, whole)
        rows, columns = (np.rint(2 * (at + start)).astype(int) % TILE for start in PLACE)
        maps.append(tile[np.ix_(rows, columns)])
    random = np.random.default_rng(1)
    return Spectrum((np.stack(maps) + random.normal(0, noise, (3, size, size))).astype(np.float32))


def test_the_place_of_a_small_crop_is_among_the_further_ones() -> None:
    """Of a common scale, and of one that lies between those that are scanned."""
    for scale, near in ((0.5, 1e-9), (0.58, 0.004)):
        spectrum = _planted(scale, noise=6.0)
        found = further(lambda zoom, s=spectrum: s, PUBLIC_KEY, True)
        right = [
            place.match
            for place in found
            if abs(place.match.geometry.scale / scale - 1) < near
            and np.hypot(*np.subtract(place.match.shift, PLACE)) < 3
        ]
        assert right
        assert all(0 < place.p_value <= 1 for place in found)
        assert sum(place.share for place in found) == pytest.approx(1.0)
        places = {(place.match.geometry, place.match.shift) for place in found}
        assert len(places) == len(found)


def test_copies_agree_where_the_mark_lies_whatever_its_bits_are() -> None:
    for code in (CODE, 1 - CODE, np.zeros(CODE_BITS, np.uint8)):
        spectrum = _planted(0.5, 6.0, code)
        elsewhere = np.random.default_rng(2).uniform(0, TILE_PX, (200, 2))
        deviates, _ = agreement(spectrum, PUBLIC_KEY, Geometry(0.5), np.vstack([[PLACE], elsewhere]))
        assert deviates[0] > 1.5 * deviates[1:].max()


def test_copies_agree_by_chance_alone_under_random_keys(host: Spectrum) -> None:
    random = np.random.default_rng(0)
    keys = [WatermarkKey.private(random.bytes(16)) for _ in range(40)]
    shifts = random.uniform(0, TILE_PX, (10, 2))
    deviates = np.concatenate([agreement(host, key, IDENTITY, shifts)[0] for key in keys])
    assert abs(deviates.mean()) < 0.15
    assert deviates.std() == pytest.approx(1.0, abs=0.1)


def test_sync_waves_fit_at_a_shift_as_the_search_says(host: Spectrum) -> None:
    patterns = channel_patterns(PUBLIC_KEY)
    surface = correlate(host, patterns, IDENTITY)
    shifts = np.array([[3.0, 17.0], [100.0, 0.0], [191.0, 50.0]])
    _, sync = agreement(host, PUBLIC_KEY, IDENTITY, shifts)
    there = surface[:, shifts[:, 0].astype(int), shifts[:, 1].astype(int)]
    assert sync == pytest.approx(log_chance(patterns, there).min(axis=0), abs=0.02)


def test_a_shift_that_sync_waves_miss_is_found() -> None:
    """In so much noise the sync waves fit best beside the place, where luma's data waves bear nothing."""
    spectrum = _planted(0.5, noise=31.0)
    found = match(spectrum, channel_patterns(PUBLIC_KEY), Geometry(0.5))
    first = further(lambda _: spectrum, PUBLIC_KEY, False)[0].match
    assert np.hypot(*np.subtract(found.shift, PLACE)) > 1.5
    assert np.hypot(*np.subtract(first.shift, PLACE)) < 0.6
