import dataclasses

import numpy as np
import pytest

from tellmark.generator.actors import facespace, fibres, strands
from tellmark.generator.actors.hairstyle import HairStyle
from tellmark.generator.actors.skull import Skull, skull_of, within_hairline
from tellmark.landmarks import FACE_OVAL

LONG = HairStyle("part", 1.2, 0.08, 0.0, 0.01, 2, 0.6, 1.0, 0.5, 0.0, 0.02, (0.4, 0.3, 0.2), 1.0)
LIGHT = np.array([-0.4, -0.6, -0.69], np.float32)


@pytest.fixture(scope="module")
def skull() -> Skull:
    return skull_of(facespace.load().mean[list(FACE_OVAL)])


def test_drawing_splits_by_depth_and_premultiplies(skull: Skull) -> None:
    hair, layers = strands.grow(LONG, skull, 1)
    colours = fibres.shade(hair, layers, LONG, skull, LIGHT / np.linalg.norm(LIGHT), 1)
    back, front, depth = fibres.draw(hair, colours, np.full(len(hair), 0.7, np.float32), float(skull.centre[2]))
    for layer in (back, front):
        assert layer[..., 3].max() <= 1.0001
        assert (layer[..., :3].max(axis=2) <= layer[..., 3] + 1e-3).all()
    assert front[int(skull.centre[1] - 0.75 * skull.radii[1]), int(skull.centre[0]) + 45, 3] > 0.5
    covered = depth[front[..., 3] > 0.9]
    assert covered[covered < 1e5].max() < skull.centre[2] + fibres.RAGGED  # not all pass behind at once
    assert (covered < 1e5).mean() > 0.9
    assert fibres.backed(back, LONG.colour)[..., 3].sum() >= back[..., 3].sum()


def test_short_hair_is_faint_where_it_begins_on_the_temple(skull: Skull) -> None:
    short = dataclasses.replace(LONG, flow="crop", length=0.12, lift=0.04)
    hair, layers = strands.grow(short, skull, 1)
    opacity = fibres.thickness(hair, layers, short, skull)
    place = (hair[:, 0] - skull.centre) / skull.radii
    place /= np.linalg.norm(place, axis=1, keepdims=True)
    above = within_hairline(short, place)
    temple = (np.abs(np.abs(place[:, 0]) - 0.8) < 0.05) & (place[:, 2] < 0)
    assert opacity[temple & (above < 0.02)].mean() < 0.2 * opacity[temple & (above > 0.15)].mean()
    assert opacity.min() >= 0
