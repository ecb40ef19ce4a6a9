"""What a search tries: every shape that a picture is shown in, once."""

import pytest

from tellmark.watermark.signal.geometries import COMMON, GRID, stages
from tellmark.watermark.signal.spectrum import IDENTITY, WHOLE, Part


def test_the_likely_comes_first_and_nothing_twice() -> None:
    plain, common, shapes, grid = stages((256, 455), True, lambda: [Part(0.1, 0.5, 0.2, 0.6)])
    assert (plain, common, grid) == ((IDENTITY,), COMMON, GRID)
    assert len(set(shapes)) == len(shapes) < 0.2 * len(grid)
    assert not set(shapes) & set(grid) - {IDENTITY}
    assert len(list(stages((256, 455), False, list))) == 2


def test_a_part_is_searched_at_the_scales_of_a_picture_that_fills_it() -> None:
    part = Part(0.5, 0.8, 0.1, 0.4)
    shapes = list(stages((256, 455), True, lambda: [part]))[2]
    scales = [geometry.scale for geometry in shapes if geometry.part == part]
    assert min(scales) == pytest.approx(0.5 / 0.3)
    assert 1.05 / 0.3 < max(scales) < 1.1 / 0.3
    assert {geometry.part for geometry in shapes} > {WHOLE, part}


def test_a_frame_that_grew_with_the_turn_is_looked_for_as_well() -> None:
    """512x288 turned by 20 degrees needs 580x446 to hold its corners."""
    scales = [g.scale for g in list(stages((446, 580), True, list))[2] if g.rotation_deg == pytest.approx(20.3)]
    assert min(abs(scale / (446 / 288) - 1) for scale in scales) < 0.03
