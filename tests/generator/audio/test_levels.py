import numpy as np
import pytest

from tellmark.generator.audio.levels import _percentile


@pytest.mark.parametrize("blocks", [1, 3, 10, 40, 150])
def test_percentiles_of_short_recordings_are_those_of_a_sort(blocks: int) -> None:
    """scipy's own reflection read beside the array: a build in a few had no face, or another one."""
    rng = np.random.default_rng(blocks)
    for _ in range(200):
        values = rng.normal(size=blocks)
        beside = [np.full(blocks, np.nan) for _ in range(8)]
        del beside  # what a read beyond the ends may find
        windows = np.lib.stride_tricks.sliding_window_view(np.pad(values, 50, mode="symmetric"), 101)
        np.testing.assert_array_equal(_percentile(values, 10, 5.0), np.sort(windows, axis=1)[:, 10])
