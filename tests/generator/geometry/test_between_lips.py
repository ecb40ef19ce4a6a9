"""What is seen between the lips: as people are measured, and less of it where lips are close or rounded."""

from __future__ import annotations

import numpy as np

from tellmark.generator.geometry.between_lips import light, rounding, shown_mm


def test_people_show_as_much_of_their_teeth_as_people_who_were_measured() -> None:
    shown = np.array([shown_mm(seed) for seed in range(400)])
    assert shown_mm(7) == shown[7]
    # Vig & Brundo 1978: men 1.9 mm, women 3.4.
    assert 2.4 < shown.mean() < 3.0
    assert 0.9 < shown.std() < 1.5
    assert shown.min() < 1 < 4.5 < shown.max()


def test_lips_that_part_let_light_in_and_rounded_ones_less() -> None:
    gaps = [light(gap, 0.0) for gap in (0, 3, 7, 11, 20)]
    assert gaps == sorted(gaps)
    assert gaps[0] < 0.4
    assert gaps[-2:] == [1.0, 1.0]
    assert light(7, 1.0) < 0.6 * light(7, 0.0)


def test_a_mouth_drawn_together_is_rounded_and_a_smile_is_not() -> None:
    assert rounding(1.2) == rounding(1.0) == 0
    assert 0.4 < rounding(0.85) < 0.6
    assert rounding(0.7) == rounding(0.5) == 1
