"""The upper lid's skin, taken apart."""

from __future__ import annotations

import numpy as np

from tellmark.generator.mesh.lidskin import lashes_of


def test_lashes_are_the_picture_over_bare_skin_and_of_black_nothing() -> None:
    bare = np.full((40, 40, 3), 120, np.float32)
    picture = bare.copy()
    picture[10:14] = 30
    bare[20:, :] = 0  # a black rim, whose noise is a colour
    picture[20:, :] = (5, 0, 5)
    lashes = lashes_of(picture, bare, 30.0, np.zeros((40, 40), bool))
    np.testing.assert_allclose(lashes[10:14], 0.25)
    np.testing.assert_allclose(lashes[:10], 1)
    assert np.abs(lashes[20:] - 1).max() < 0.5
