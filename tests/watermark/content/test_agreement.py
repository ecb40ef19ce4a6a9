"""Agreement place by place: what an average over the picture would not see."""

import cv2
import numpy as np
import pytest

from tellmark.watermark.content import agreement
from tellmark.watermark.content.agreement import detail
from tellmark.watermark.content.comparison import MATCH, compare
from tellmark.watermark.content.fingerprint import GRID, Fingerprint, Fingerprinter

SAME = np.array([[1, 0, 0], [0, 1, 0]], np.float32)
FRAMES = 200


def fingerprint(frames) -> Fingerprint:
    maker = Fingerprinter()
    for index, rgb in enumerate(frames):
        maker.add(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), index / 25)
    return maker.finish()


def speaking(pictures, seed):
    """The same head before the same wall, with a mouth of its own motion: 3 % of the picture."""
    opening = np.abs(cv2.blur(np.random.default_rng(seed).normal(0, 1, (FRAMES, 1)), (1, 5)))[:, 0]
    frames = []
    for rgb, gap in zip(pictures(5, FRAMES, 192), opening, strict=True):
        picture = rgb.copy()
        cv2.ellipse(picture, (96, 140), (20, int(2 + 16 * min(gap, 1))), 0, 0, 360, (40, 10, 10), -1, cv2.LINE_AA)
        frames.append(picture)
    return frames


def test_another_mouth_in_the_same_head_is_other_content(pictures):
    first, second = speaking(pictures, 1), speaking(pictures, 2)
    reference = fingerprint(first)
    same, other = compare(reference, fingerprint(first[40:140])), compare(reference, fingerprint(second[40:140]))
    assert (same.matches, other.matches) == (True, False)
    assert other.motion > 0.8  # the picture as a whole would have said yes
    assert other.detail < MATCH - 0.1


def test_a_faint_mouth_counts_although_the_head_moves_before_a_bright_wall(pictures):
    """The outline's motion must not set the measure for what happens inside it."""

    def fingerprinted(seed):
        opening = np.abs(cv2.blur(np.random.default_rng(seed).normal(0, 1, (FRAMES, 1)), (1, 5)))[:, 0]
        sway = cv2.blur(np.random.default_rng(9).normal(0, 9, (FRAMES, 1)), (1, 7))[:, 0]
        frames = []
        for gap, aside in zip(opening, sway, strict=True):
            picture = np.full((192, 192, 3), 225, np.uint8)
            cv2.ellipse(picture, (int(96 + aside), 96), (44, 60), 0, 0, 360, (60, 50, 45), -1, cv2.LINE_AA)
            mouth = (int(96 + aside), 130)
            cv2.ellipse(picture, mouth, (20, int(2 + 12 * min(gap, 1))), 0, 0, 360, (15, 15, 15), -1, cv2.LINE_AA)
            frames.append(picture)
        return fingerprint(frames)

    same, other = compare(fingerprinted(1), fingerprinted(1)), compare(fingerprinted(1), fingerprinted(2))
    assert (same.matches, other.matches) == (True, False)
    assert other.motion > 0.9


def test_the_worst_places_decide_by_the_formula_in_the_docstring():
    """Recomputed place by place."""
    rng = np.random.default_rng(0)
    a, b = rng.normal(0, 1, (2, 40, GRID * GRID)).astype(np.float32)
    b += a
    energy = ((a**2 + b**2).mean(0)).reshape(GRID, GRID)
    common = (a * b).mean(0).reshape(GRID, GRID)
    e = 0.05 + 2 * np.median(energy - 2 * common)
    places = []
    for y in range(1, GRID - 1):
        for x in range(1, GRID - 1):
            rows, columns = ([abs(i) if i < GRID else 2 * GRID - 2 - i for i in range(at - 2, at + 3)] for at in (y, x))
            there, power = common[np.ix_(rows, columns)].mean(), energy[np.ix_(rows, columns)].mean()
            places.append(((2 * there + e) / (power + e), power))
    places.sort()
    share = np.cumsum([power for _, power in places])
    expected = places[int(np.searchsorted(share, 0.02 * share[-1]))][0]
    assert agreement._worst(a, b) == pytest.approx(expected, abs=1e-4)


def test_a_place_that_is_off_by_part_of_a_cell_is_found(pictures):
    frames = pictures(5, FRAMES, 256)
    cropped = [cv2.resize(rgb[10:246, 4:240], (256, 256), interpolation=cv2.INTER_AREA) for rgb in frames]
    reference, query = fingerprint(frames), fingerprint(cropped)
    part = 236 / 256
    near = np.array([[part, 0, 0.9], [0, part, 0.9]], np.float32)  # really 0.5 + part / 2 - 0.5 and 1.25 + ..
    assert detail(reference.frames, query.frames, 0.0, near) > 0.8


def test_an_offset_between_two_bins_is_found(pictures):
    frames = pictures(5, FRAMES, 192)
    reference, query = fingerprint(frames), fingerprint(frames[51:150])
    assert detail(reference.frames, query.frames, 51 / 2, SAME) > MATCH + 0.1
    assert detail(reference.frames, query.frames, 51 / 2 + 0.5, SAME) > MATCH + 0.1
    assert detail(reference.frames, query.frames, 51 / 2 + 6, SAME) < 0.5


def test_too_little_in_common_is_not_compared(pictures):
    frames = fingerprint(pictures(5, 60, 96)).frames
    assert np.isnan(detail(frames, frames, 25.0, SAME))


def test_a_picture_without_features_is_taken_as_it_is_placed():
    flat = np.full((40, GRID, GRID), 90, np.uint8)
    assert detail(flat, flat, 0.0, SAME) == pytest.approx(1.0)
