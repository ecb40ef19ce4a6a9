"""What is seen between the lips: as people are measured, and less of it where lips are close or rounded."""

from __future__ import annotations

import numpy as np

from tellmark.generator.geometry.between_lips import light, reddening, rounding, shown_mm, tongue_raised


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


def test_little_light_is_red_and_a_grey_face_has_none_of_it() -> None:
    dim = 0.4 ** reddening(1.0)
    assert dim[0] > 1.4 * dim[1]
    assert dim[1] < dim[2] < dim[0]
    assert abs(float(dim @ (0.299, 0.587, 0.114)) - 0.4) < 0.03  # as bright as before
    np.testing.assert_array_equal(reddening(0.0), [1, 1, 1])


def test_tongues_lie_where_they_lie_in_the_same_person_and_elsewhere_in_another() -> None:
    raised = np.array([tongue_raised(seed) for seed in range(100)])
    assert tongue_raised(7) == raised[7]
    assert raised.min() < 0.5 < 0.8 < raised.max() < 1
