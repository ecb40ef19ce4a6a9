"""Clothes cover the shoulders and leave the neck free."""

import dataclasses

import numpy as np
import pytest

from tellmark.generator.actors import facespace, garments
from tellmark.generator.actors.garments import GARMENTS, PATTERNS, Body
from tellmark.generator.actors.relief import FAR
from tellmark.landmarks import FACE_OVAL

BODY = Body(0.27, 1.25, 1.0, "crew", "plain", (0.1, 0.2, 0.6), (0.9, 0.9, 0.9), 0.2, 0.02, 3)
SKIN = np.array([0.8, 0.6, 0.5], np.float32)


@pytest.mark.parametrize(("garment", "pattern"), list(zip(GARMENTS, [*PATTERNS, "plain"], strict=True)))
def test_skin_at_the_throat_and_cloth_at_the_shoulder(garment: str, pattern: str) -> None:
    oval = facespace.load().mean[list(FACE_OVAL)]
    body = dataclasses.replace(BODY, garment=garment, pattern=pattern)
    picture, depth = garments.torso(body, oval, SKIN)
    middle, chin = int(oval[:, 0].mean()), float(oval[:, 1].max())
    height = chin - float(oval[:, 1].min())
    throat = picture[int(chin + 0.01 * height), middle]
    shoulder = picture[int(chin + 0.46 * height), int(middle + 0.7 * height)]
    assert throat[0] > throat[2]  # skin
    assert shoulder[2] > shoulder[0]  # the blue cloth, whatever its pattern
    assert throat[3] == shoulder[3] == 1
    assert depth[2, 2] == FAR
    assert (garments.torso(body, oval, SKIN)[0] == picture).all()


def test_cloth_is_held_where_a_camera_would_blow_it_out() -> None:
    cloth = np.full((4, 4, 3), 0.93, np.float32)
    folds = cloth * np.linspace(0.8, 1.0, 4, dtype=np.float32)[:, None, None]
    for gain in (2.5, 4.0):
        held = garments.held_by(gain, cloth) ** 2.2
        assert 0.4 < gain * held.max() < 0.62  # bright, and light of 1.3 on it is no clipping yet
        spread = garments.held_by(gain, folds)[:, 0, 0]
        assert (np.diff(spread) > 0).all()
    black = np.full((4, 4, 3), 0.2, np.float32)
    np.testing.assert_allclose(garments.held_by(1.0, black), black, rtol=1e-3)
