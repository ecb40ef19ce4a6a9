"""Contours of a picture leave the chroma planes, marks of either stay."""

import numpy as np

from tellmark.watermark.localisation.half_seconds import uncoupled


def test_what_both_chroma_planes_have_goes_and_what_one_has_stays() -> None:
    shared, cb, cr = np.random.default_rng(0).normal(size=(3, 128, 128))
    picture = np.stack([shared, 4 * shared + 0.5 * cb, -3 * shared + 0.5 * cr])[None].astype(np.float32)
    (luma, *chroma) = uncoupled(picture, picture)[0]
    assert np.array_equal(luma, picture[0, 0])
    for plane, before, own in zip(chroma, picture[0, 1:], (cb, cr), strict=True):
        assert plane.std() < 0.25 * before.std()
        assert np.corrcoef(before.ravel(), own.ravel())[0, 1] < 0.2
        assert np.corrcoef(plane.ravel(), own.ravel())[0, 1] > 0.55


def test_one_picture_says_what_goes_from_another() -> None:
    picture, change, other = np.random.default_rng(1).normal(size=(3, 1, 3, 64, 64)).astype(np.float32)
    together = uncoupled(change + other, picture)
    assert np.allclose(together, uncoupled(change, picture) + uncoupled(other, picture), atol=1e-4)
    flat = np.zeros_like(picture)
    assert np.array_equal(uncoupled(change, flat), change)
