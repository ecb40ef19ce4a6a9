"""Where hair grows, and where it may hang."""

import dataclasses

import cv2
import numpy as np
import pytest

from tellmark.generator.actors import facespace, strands
from tellmark.generator.actors.hairstyle import HairStyle
from tellmark.generator.actors.skull import BROWS, Skull, foremost, skull_of, within_hairline
from tellmark.landmarks import FACE_OVAL

LONG = HairStyle("part", 1.2, 0.08, 0.0, 0.01, 2, 0.6, 1.0, 0.5, 0.0, 0.02, (0.4, 0.3, 0.2), 1.0)


@pytest.fixture(scope="module")
def skull() -> Skull:
    return skull_of(facespace.load().mean[list(FACE_OVAL)])


def over_face(hair: np.ndarray, skull: Skull, inset: float = 0.93) -> np.ndarray:
    """(n, STEPS) which points lie over the face, a little within its outline, below the brows and before the ears."""
    centre = skull.face[:, :2].mean(axis=0)
    outline = (centre + (skull.face[:, :2] - centre) * inset).astype(np.float32)
    canvas = np.zeros((512, 512), np.uint8)
    cv2.fillPoly(canvas, [np.round(outline).astype(np.int32)], 1)
    x, y = (np.clip(hair[..., k].round().astype(int), 0, 511) for k in (0, 1))
    brows = skull.centre[1] + BROWS * skull.radii[1]
    return (canvas[y, x] > 0) & (hair[..., 1] > brows) & (hair[..., 2] < skull.face[:, 2].max())


@pytest.mark.parametrize("behind", [0.0, 0.6])
def test_waves_do_not_lean_over_the_cheek(skull: Skull, behind: float) -> None:
    wavy = dataclasses.replace(LONG, wave=0.06, frequency=3, lift=0.05, behind=(behind, behind))
    hair, _ = strands.grow(wavy, skull, 31)
    assert over_face(hair, skull).mean() < 0.002


def test_hair_beside_the_face_is_not_before_its_outline(skull: Skull) -> None:
    hair, layers = strands.grow(dataclasses.replace(LONG, wave=0.06), skull, 31)
    beside = (hair[..., 1] > skull.centre[1]) & (layers != strands.ASTRAY)[:, None]
    nearest = foremost(skull, hair[..., 1])
    assert (nearest - hair[..., 2])[beside].max() < 1  # px: else it would cross the cheek of a head that turns
    assert (np.diff(foremost(skull, np.arange(150, 400, dtype=np.float32))) >= 0).all()


def test_temples_are_covered_down_to_the_eyes_at_the_outline_of_the_face(skull: Skull) -> None:
    short = dataclasses.replace(LONG, flow="crop", length=0.12, lift=0.04, temples=0.0)
    at_eyes = np.array([[x, 0.0, -np.sqrt(1 - x * x)] for x in (0.6, 0.95)], np.float32)
    bare, grown = within_hairline(short, at_eyes)
    assert bare < 0 < grown
