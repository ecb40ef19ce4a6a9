"""The opening of a mouth, painted: what is lit and what is not, and that nothing in it has steps."""

from __future__ import annotations

import numpy as np

from tellmark.generator.geometry.between_lips import FULL_LIGHT_MM, LEAST_LIGHT, reddening
from tellmark.generator.mesh.cavity import paint
from tellmark.types import F32

WIDE, TALL = 80, 24  # px, at half a mm each


def painted(show_mm: float, raised: float = 0.6, colour: float = 1.0, shift: float = 0.0, tall: int = TALL) -> F32:
    """(tall, WIDE, 3): an oval opening without any teeth, flesh in it, its lips ``shift`` px lower."""
    y, x = np.indices((tall, WIDE), np.float32)
    off = 1 - np.hypot((x - 39.5) / 38, (y - (tall - 1) / 2 - shift) / (tall / 2 - 2))
    mask = np.clip(0.5 + 10 * off, 0, 1).astype(np.float32)
    none = np.zeros((2, 2, 4), np.float32)
    out = np.zeros((tall, WIDE, 3), np.float32)
    to_mm = np.array([[0.5, 0, -20], [0, 0.5, 0]])
    paint(
        out, mask, to_mm, np.zeros((2, 3), np.float32), none, none, np.zeros((1, 1, 4), np.float32), 1.0, show_mm,
        tall / 2 - 2, raised, np.full(3, 200, np.float32), reddening(colour), 0.5, 1.0, 1.0, LEAST_LIGHT, FULL_LIGHT_MM,
    )  # fmt: skip
    return out


def test_the_front_of_the_tongue_is_lit_and_its_back_and_the_corners_lie_in_the_dark() -> None:
    middle, side = painted(2.0)[:, 40].mean(1), painted(2.0)[:, 8].mean(1)
    assert middle[18] > 1.6 * middle[5]
    assert side[12] < 0.8 * middle[12]
    assert (np.diff(middle[4:18]) >= -1).all()


def test_a_tongue_that_is_raised_leaves_less_of_the_dark() -> None:
    low, high = painted(2.0, raised=0.4), painted(2.0, raised=0.9)
    assert high[10, 40].mean() > 1.15 * low[10, 40].mean()


def test_the_dark_is_red_in_a_face_that_has_colour() -> None:
    dark, grey = painted(2.0)[6, 40], painted(2.0, colour=0.0)[6, 40]
    assert dark[0] > 1.4 * dark[1]
    assert np.ptp(grey) == 0


def test_lips_that_move_by_less_than_a_pixel_move_their_shade_as_little() -> None:
    steps = [np.abs(painted(2.0, shift=s + 0.1) - painted(2.0, shift=s))[5:19, 20:60].max() for s in (0, 0.3, 0.6)]
    assert max(steps) < 8


def test_the_throat_is_seen_where_a_jaw_opens_further_than_the_tongue_is_high_and_nowhere_else() -> None:
    wide, narrow = painted(2.0, tall=40).mean(2), painted(2.0).mean(2)
    behind = wide[10:24, 40]  # the upper teeth's edges are at row 4, the lower ones' at row 36
    assert behind.min() < 0.7 * wide[10 + behind.argmin(), 66]
    assert wide[32, 40] > 2.5 * behind.min()
    assert narrow[4:8, 40].min() > 0.9 * narrow[4:8, 60].min()


def test_a_furrow_runs_along_the_tongue_and_ends_before_the_teeth() -> None:
    tongue = painted(2.0, raised=0.9).mean(2)
    beside = 0.5 * (tongue[:, 32:35] + tongue[:, 45:48]).mean(1)
    assert tongue[11, 39:41].mean() < 0.93 * beside[11]
    assert abs(tongue[19, 39:41].mean() / beside[19] - 1) < 0.06
