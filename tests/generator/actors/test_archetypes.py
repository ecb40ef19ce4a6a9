import numpy as np
import pytest

from tellmark.generator.actors import archetypes, facespace
from tellmark.types import F32


def test_shipped_space_is_small_and_sound() -> None:
    space = facespace.load()
    assert facespace.DATA.stat().st_size < 6e6
    assert len(space.shapes) == len(space.textures) == len(space.feminine)
    assert space.feminine.any()
    assert not space.feminine.all()
    assert np.isfinite(space.textures).all()
    mirror = facespace.mirror(space.mean)
    assert (mirror[mirror] == np.arange(478)).all()


def test_mixtures_have_many_donors_and_no_heavy_one() -> None:
    rng = np.random.default_rng(0)
    points = rng.normal(size=(15, 6))
    distance = np.linalg.norm(points[:, None] - points[None], axis=2)
    photo = np.arange(15) >= 6
    for anchor in range(15):
        weights = archetypes.draw_weights(distance, photo, anchor, rng)
        assert weights.sum() == pytest.approx(1, abs=1e-3)
        assert (weights > 0).sum() >= 6
        assert weights.max() <= 0.2501
        assert weights[photo].max() <= 1 / 6 + 1e-6


def test_mixing_keeps_detail_that_a_mean_loses() -> None:
    rng = np.random.default_rng(1)
    textures = rng.normal(0, 0.1, (7, 128, 128, 3)).astype(np.float32)
    weights = np.ones((7, 128, 128), np.float32)
    assert archetypes.mix(textures, weights).std() > 1.4 * textures.mean(axis=0).std()


def test_no_donor_shows_through_a_mixture() -> None:
    rng = np.random.default_rng(2)
    textures = rng.normal(0, 0.1, (6, 128, 128, 3)).astype(np.float32)
    mixed = archetypes.mix(textures, np.ones((6, 128, 128), np.float32))
    shares = [np.corrcoef(texture.ravel(), mixed.ravel())[0, 1] for texture in textures]
    assert max(shares) < 0.5


def test_alignment_undoes_a_similarity() -> None:
    rng = np.random.default_rng(3)
    points = rng.normal(size=(478, 3)) * 50
    angle = 0.4
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    moved = 1.7 * points @ turn.T + [3, -8, 2]
    np.testing.assert_allclose(archetypes.align(moved, points), points, atol=1e-9)


def test_lighting_and_colour_are_taken_out() -> None:
    x = np.mgrid[: facespace.TEXTURE, : facespace.TEXTURE][1].astype(np.float32) / facespace.TEXTURE - 0.5
    slopes = [0.0, 0.3, -0.3]
    textures: F32 = np.stack([np.repeat((0.2 * k + s * x)[..., None], 3, axis=2) for k, s in enumerate(slopes)])
    plain = archetypes.normalise(textures, np.ones(x.shape, bool))
    assert np.abs(plain.mean(axis=(1, 2))).max() < 0.02
    assert np.ptp(plain[1], axis=(0, 1)).max() < 0.3 * np.ptp(textures[1], axis=(0, 1)).max()


def test_warp_to_itself_changes_nothing() -> None:
    mean = facespace.load().mean
    points, triangles = facespace.mesh(mean)
    y, x = np.mgrid[: facespace.TEXTURE, : facespace.TEXTURE].astype(np.float32)
    picture = np.dstack([x, y, x + y])
    warped = facespace.warp(picture, points, points, triangles, facespace.TEXTURE)
    inside = slice(150, 360)
    np.testing.assert_allclose(warped[inside, inside], picture[inside, inside], atol=0.05)


def test_texture_survives_encoding() -> None:
    texture = facespace.load().textures[0]
    again = facespace.decode(facespace.encode(texture))
    assert np.abs(again - texture).mean() < 0.02
