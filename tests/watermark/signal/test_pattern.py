"""The keyed pattern: stable for all time, unit RMS, exact at any size."""

import hashlib

import numpy as np
import pytest

from tellmark.watermark.signal.fec import CODE_BITS
from tellmark.watermark.signal.pattern import (
    CANONICAL,
    PUBLIC_KEY,
    TILE,
    WatermarkKey,
    channel_patterns,
    synthesize,
)

CODE = np.random.default_rng(0).integers(0, 2, CODE_BITS, dtype=np.uint8)
GRID = np.arange(CANONICAL) + 0.5


def test_the_public_pattern_never_changes() -> None:
    """Clips out in the world are read with it: if this fails, the old pattern must stay readable beside the new."""
    digest = hashlib.sha256()
    for channel in channel_patterns(PUBLIC_KEY):
        digest.update(channel.waves.astype("<i4").tobytes())
        digest.update(channel.code_index.astype("<i4").tobytes())
    assert digest.hexdigest()[:16] == "35257e7ec9a74ecb"
    phases = [channel.phase.sum() for channel in channel_patterns(PUBLIC_KEY)]
    np.testing.assert_allclose(phases, [-47.219 - 23.760j, -3.526 + 0.640j, -6.064 + 4.910j], atol=0.01)


@pytest.mark.parametrize("number", range(3))
def test_synthesis_is_the_sum_of_its_waves(number: int) -> None:
    channel = channel_patterns(PUBLIC_KEY)[number]
    coefficients = channel.coefficients(CODE)
    y, x = np.array([0.3, 17.0, 200.5]), np.array([1.0, 99.25])
    made = synthesize(channel, coefficients, y, x)
    for row, at_y in enumerate(y):
        for column, at_x in enumerate(x):
            turns = (channel.waves[:, 0] * at_y + channel.waves[:, 1] * at_x) / TILE
            direct = np.sum(coefficients * np.exp(2j * np.pi * turns)).real
            assert made[row, column] == pytest.approx(direct, abs=1e-3)


def test_pattern_has_unit_rms_no_mean_and_the_tiles_period() -> None:
    for channel in channel_patterns(PUBLIC_KEY):
        made = synthesize(channel, channel.coefficients(CODE), GRID, GRID)
        assert made.std() == pytest.approx(1.0, abs=0.01)
        assert abs(made[:TILE, :TILE].mean()) < 1e-3
        np.testing.assert_allclose(made[: CANONICAL - TILE], made[TILE:], atol=2e-3)


def test_payloads_share_sync_and_differ_in_data() -> None:
    for channel in channel_patterns(PUBLIC_KEY):
        one, other = (channel.coefficients(code) for code in (CODE, 1 - CODE))
        assert np.array_equal(one[: channel.sync], other[: channel.sync])
        np.testing.assert_allclose(one[channel.sync :], -other[channel.sync :])


def test_every_coded_bit_is_carried_evenly_and_by_chroma_alone() -> None:
    channels = channel_patterns(PUBLIC_KEY)
    for some in (channels, channels[1:]):
        carried = np.bincount(np.concatenate([c.code_index.ravel() for c in some]), minlength=CODE_BITS)
        assert carried.min() >= 1
        assert carried.min() >= carried.max() - 1


def test_other_keys_make_unrelated_patterns() -> None:
    ours, theirs = (
        synthesize(c, c.coefficients(CODE), GRID, GRID)
        for c in (channel_patterns(PUBLIC_KEY)[0], channel_patterns(WatermarkKey.private(b"0123456789abcdef"))[0])
    )
    assert abs(np.mean(ours * theirs)) < 0.15


def test_private_keys() -> None:
    key = WatermarkKey.private(b"x" * 16)
    assert key.id.startswith("private-")
    assert key.id != WatermarkKey.private(b"y" * 16).id
    with pytest.raises(ValueError, match="16 bytes"):
        WatermarkKey.private(b"short")
