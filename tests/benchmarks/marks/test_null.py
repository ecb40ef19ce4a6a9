"""The fast draws are those of the detector, and the fit of the tail finds what was put in."""

import numpy as np
import pytest
from scipy.stats import ks_2samp

from tellmark.benchmarks.marks import null
from tellmark.watermark.signal.pattern import WatermarkKey, channel_patterns
from tellmark.watermark.signal.search import match, p_value
from tellmark.watermark.signal.spectrum import IDENTITY, Spectrum


def test_draws_are_distributed_as_the_detectors_own() -> None:
    random = np.random.default_rng(3)
    spectrum = Spectrum(random.normal(size=(3, 128, 128)).astype(np.float32))
    keys = [WatermarkKey.private(random.bytes(16)) for _ in range(150)]
    direct = [p_value(match(spectrum, channel_patterns(key), IDENTITY), 1) for key in keys]
    assert ks_2samp(direct, null.p_values([spectrum], 1000)).pvalue > 1e-3


def test_a_field_and_its_negative_are_two_draws() -> None:
    """Both have the same distribution, and one says nothing of the other."""
    random = np.random.default_rng(5)
    spectrum = Spectrum(random.normal(size=(3, 128, 128)).astype(np.float32))
    patterns = channel_patterns(WatermarkKey.private(random.bytes(16)))
    largest = null._largest(spectrum, patterns, 1201, random)
    assert largest.shape == (3, 1201)
    for mix in largest:
        first, second = mix[:600], mix[601:]
        assert ks_2samp(first, second).pvalue > 1e-3
        assert abs(np.corrcoef(first, second)[0, 1]) < 0.15


@pytest.mark.parametrize("slope", [0.8, 1.0])
def test_the_tail_is_fitted(slope: float) -> None:
    """p-values of which a share q ** slope lies below q."""
    values = np.random.default_rng(0).random(200_000) ** slope
    fitted = {row["condition"]: row for row in null.rows(values)}
    tail = fitted["tail: mean of -ln p"]
    assert tail["min"] - 0.05 < slope < tail["max"] + 0.05
    assert fitted["tail: chance of p <= 1e-6"]["mean"] == pytest.approx(1e-6 ** (1 / slope), rel=0.6)
    assert fitted["share of p <= 0.01"]["mean"] == pytest.approx(0.01 ** (1 / slope), rel=0.1)
