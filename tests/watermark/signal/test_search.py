"""The search: honest p-values without a mark, the right geometry with one."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import kstest

from tellmark.media import rgb_to_i420
from tellmark.types import U8
from tellmark.watermark.signal.analysis import flattened, windows
from tellmark.watermark.signal.fec import CODE_BITS
from tellmark.watermark.signal.pattern import PUBLIC_KEY, TILE, WatermarkKey, channel_patterns, synthesize
from tellmark.watermark.signal.search import Match, beside, candidates, correlate, match, p_value, refine
from tellmark.watermark.signal.spectrum import IDENTITY, Geometry, Part, Spectrum

CODE = np.random.default_rng(0).integers(0, 2, CODE_BITS, dtype=np.uint8)


@pytest.fixture(scope="module")
def host(pictures: Callable[..., list[U8]]) -> Spectrum:
    frames = ((index / 25, rgb_to_i420(picture), False) for index, picture in enumerate(pictures(5, 25)))
    return Spectrum(np.sum([flattened(window.residual) for window in windows(frames)], axis=0))


def _random_keys(count: int) -> list[WatermarkKey]:
    random = np.random.default_rng(0)
    return [WatermarkKey.private(random.bytes(16)) for _ in range(count)]


def _planted(geometry: Geometry, shift: tuple[float, float], noise: float, size: int = 256) -> Spectrum:
    """A map that holds the pattern under ``geometry``, in noise."""
    at = np.arange(size) - (size - 1) / 2
    y, x = np.meshgrid(at, at, indexing="ij")
    where = np.einsum("ij,jyx->iyx", geometry.matrix(), np.stack([y, x])) + np.array(shift)[:, None, None]
    maps = []
    for channel in channel_patterns(PUBLIC_KEY):
        tile = synthesize(
            channel, channel.coefficients(CODE), np.arange(TILE, dtype=float), np.arange(TILE, dtype=float)
        )
        rows, columns = (np.rint(2 * axis).astype(int) % TILE for axis in where)
        maps.append(tile[rows, columns])
    random = np.random.default_rng(1)
    return Spectrum((np.stack(maps) + random.normal(0, noise, (3, size, size))).astype(np.float32))


def test_the_statistic_has_unit_variance_under_random_keys(host: Spectrum) -> None:
    values = np.concatenate(
        [correlate(host, channel_patterns(key), IDENTITY)[:, ::37, ::41].ravel() for key in _random_keys(60)]
    )
    assert abs(values.mean()) < 0.05
    assert values.std() == pytest.approx(1.0, abs=0.05)


def test_p_values_are_uniform_under_random_keys(host: Spectrum) -> None:
    keys = _random_keys(300)
    p_values = np.array([p_value(match(host, channel_patterns(key), IDENTITY), 1) for key in keys])
    for level in (0.02, 0.1, 0.3, 0.6):
        share = np.mean(p_values <= level)
        margin = 3 * np.sqrt(level * (1 - level) / len(keys))
        assert 0.75 * level - margin < share < level + margin
    assert kstest(p_values, "uniform").statistic < 0.15


def test_p_value_counts_its_trials() -> None:
    def p(log_chance: float, geometries: int) -> float:
        return p_value(Match(log_chance, IDENTITY, (0.0, 0.0)), geometries)

    assert p(-20.0, 1) == pytest.approx(np.exp(-20.0))
    assert p(-20.0, 100) == pytest.approx(100 * p(-20.0, 1), rel=1e-3)
    assert p(5.0, 1) == pytest.approx(1.0)
    assert p(9000.0, 1) == 1.0
    assert p(-800.0, 1000) < 1e-300


@pytest.mark.parametrize(
    "geometry",
    [
        IDENTITY,
        Geometry(scale=0.75),
        Geometry(mirrored=True),
        Geometry(scale=0.83, rotation_deg=2.4),
        Geometry(rotation_deg=90.0),
        Geometry(scale=0.8, rotation_deg=270.0),
        Geometry(1.0, 180.0, mirrored=True),
        Geometry(rotation_deg=-21.2),
        Geometry(aspect=1.35),
        Geometry(scale=1.4, aspect=1 / 1.4),
    ],
)
def test_candidates_come_to_the_planted_geometry(geometry: Geometry) -> None:
    spectrum = _planted(geometry, (13.0, 50.0), noise=1.5)
    for found, p in candidates(lambda view: spectrum, channel_patterns(PUBLIC_KEY), thorough=True):
        if (
            p < 1e-9
            and found.geometry.mirrored == geometry.mirrored
            and abs(found.geometry.scale / geometry.scale - 1) < 0.01
            and abs(found.geometry.rotation_deg - geometry.rotation_deg) < 0.7  # one step of the grid
            and abs(found.geometry.aspect / geometry.aspect - 1) < 0.02
        ):
            break
    else:
        pytest.fail("never came near the planted geometry")
    distance = (np.array(found.shift) - (13.0, 50.0) + TILE / 4) % (TILE / 2) - TILE / 4
    assert np.abs(distance).max() < 1.0


def test_a_picture_in_a_part_of_another_is_found_there() -> None:
    """Planted where the part lies, at a third of its size; nothing of it in the rest."""
    part = Part(0.5, 0.85, 0.1, 0.45)
    small = Geometry(scale=1 / 0.35)
    patterns = channel_patterns(PUBLIC_KEY)
    inside = _planted(small, (3.0, 4.0), noise=1.5, size=90)
    rest = Spectrum(np.random.default_rng(2).normal(0, 1, (3, 256, 256)).astype(np.float32))
    tried = candidates(lambda view: inside if view.part == part else rest, patterns, True, lambda: [part])
    found, p = min(tried, key=lambda one: one[1])
    assert p < 1e-9
    assert found.geometry.part == part
    assert found.geometry.scale == pytest.approx(small.scale, rel=0.02)


def test_refinement_never_loses() -> None:
    spectrum = _planted(Geometry(scale=0.9, rotation_deg=1.0), (3.0, 4.0), noise=1.0)
    patterns = channel_patterns(PUBLIC_KEY)
    start = match(spectrum, patterns, Geometry(scale=0.91, rotation_deg=1.8))
    better, tried = refine(spectrum, patterns, start)
    assert better.log_chance < start.log_chance - 5
    assert tried > 6
    assert better.geometry.scale == pytest.approx(0.9, abs=0.004)


def test_a_climb_counts_as_all_that_is_as_near() -> None:
    """Along one axis or three; the further it went, the more it may have come to."""
    patterns = channel_patterns(PUBLIC_KEY)
    spectrum = _planted(Geometry(scale=0.9), (3.0, 4.0), noise=1.0)
    counts = []
    for scale in (0.899, 0.911, 0.92):
        better, counted = refine(spectrum, patterns, match(spectrum, patterns, Geometry(scale=scale)))
        r = max(1, int(np.ceil(abs(np.log(better.geometry.scale / scale)) / 0.006 - 1e-6)))
        assert counted == (2 * r + 1) * r * (r + 1)
        counts.append(counted)
    assert counts[0] == 6 < counts[1] < counts[2]
    turned = match(spectrum, patterns, Geometry(scale=0.899, rotation_deg=0.3))  # a coarse step is .36 degrees
    assert refine(spectrum, patterns, turned)[1] >= 54  # (2 r + 1) ** 3 r (r + 1)


def test_scales_beside_a_match_come_in_the_order_of_their_chance() -> None:
    spectrum = _planted(Geometry(scale=0.75), (3.0, 4.0), noise=1.5)
    patterns = channel_patterns(PUBLIC_KEY)
    off = match(spectrum, patterns, Geometry(scale=0.75 * 0.991))
    others = beside(spectrum, patterns, off)
    assert [one.log_chance for one in others] == sorted(one.log_chance for one in others)
    assert others[0].geometry.scale == pytest.approx(0.75, rel=0.002)
    assert off.geometry not in [one.geometry for one in others]
