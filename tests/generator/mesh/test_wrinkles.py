"""Wrinkles come with expressions, where there is skin."""

import numpy as np

from tellmark.generator.actors import facespace
from tellmark.generator.mesh import wrinkles
from tellmark.generator.types import EXPRESSIONS, SIZE


def weights(**values: float) -> np.ndarray:
    return np.array([values.get(name, 0.0) for name in EXPRESSIONS], np.float32)


def test_none_at_rest_and_more_with_more() -> None:
    assert (wrinkles.strength(weights()) == 0).all()
    assert (wrinkles.strength(weights(smile=-0.3, brow_up=-0.2)) == 0).all()
    weak, strong = (wrinkles.strength(weights(smile=value)) for value in (0.3, 0.9))
    assert strong[2] > weak[2] > 0
    assert strong[0] == strong[1] == 0  # forehead and frown are no part of a smile


def test_a_fold_darkens_its_line_and_nothing_else() -> None:
    lines = wrinkles.creases(facespace.load().mean)
    layer = np.full((SIZE, SIZE, 4), 200, np.uint8)
    map_y, map_x = np.mgrid[:SIZE, :SIZE].astype(np.float32)
    wrinkles.fold(layer, 2 * map_x, 2 * map_y, lines, wrinkles.strength(weights(smile=1)))
    deep = lines[..., 2] > 200
    assert (layer[deep][:, :3] < 160).all()
    assert (layer[lines.max(axis=2) == 0] == 200).all()
    assert (layer[..., 3] == 200).all()


def test_lines_end_where_hair_begins() -> None:
    mean = facespace.load().mean
    lines = wrinkles.creases(mean)
    picture = np.full((SIZE, SIZE, 3), 190, np.uint8)
    picture[:, : SIZE // 2] = 40  # half of the face is behind hair
    picture[:, SIZE // 2 - 8 : SIZE // 2 + 80] = 190
    picture[int(mean[5, 1]) :] = 190
    shown = wrinkles.on_skin(lines, picture, mean)
    forehead = np.s_[: int(mean[9, 1]), :, 0]
    assert shown[forehead][:, : SIZE // 2 - 20].max() < 0.1 * lines[forehead][:, : SIZE // 2 - 20].max()
    assert shown[forehead][:, SIZE // 2 + 10 : SIZE // 2 + 40].max() > 0.9 * lines[forehead][:, SIZE // 2 :].max()


def test_smooth_skin_is_not_lined_and_skin_with_folds_is() -> None:
    mean = facespace.load().mean
    lines = wrinkles.creases(mean)
    smooth = np.full((SIZE, SIZE, 3), 170, np.uint8)
    folded = np.round(smooth * (1 - 0.2 * lines.max(axis=2, keepdims=True) / 255)).astype(np.uint8)
    fringe = smooth.copy()
    fringe[: int(mean[9, 1]), ::4] = 60  # hair on the forehead alone
    assert wrinkles.lined(lines, smooth, mean) == 0
    assert wrinkles.lined(lines, fringe, mean) == 0
    assert wrinkles.lined(lines, folded, mean) > 0.9
