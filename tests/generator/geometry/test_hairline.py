import numpy as np

from tellmark.generator.geometry.hairline import hair_depth
from tellmark.generator.types import SIZE, Portrait
from tellmark.types import U8

_HAIR, _SKIN = (50, 35, 25), (205, 160, 140)


def _cut(hair_px: int) -> U8:
    """Hair of that depth over skin that goes on below it."""
    picture = np.full((SIZE, SIZE, 3), _SKIN, np.uint8)
    picture[:hair_px] = _HAIR
    return picture


def test_hair_ends_before_the_forehead(someone: Portrait) -> None:
    for hair_px in (20, 60):
        depth = hair_depth(_cut(hair_px), someone.landmarks)
        assert depth.shape == (SIZE,)
        assert (depth < hair_px).all()
        assert (depth > 0.6 * hair_px).all()


def test_a_head_without_a_hairline_may_be_mirrored_as_a_whole(someone: Portrait) -> None:
    assert (hair_depth(_cut(0), someone.landmarks) > SIZE / 2).all()
    parted = _cut(60)
    parted[:60, 250:256] = _SKIN  # a parting, which is skin up to the border
    assert hair_depth(parted, someone.landmarks).min() > 36


def test_skin_that_is_no_forehead_does_not_count(someone: Portrait) -> None:
    picture = _cut(60)
    picture[30:50, 100:400] = _SKIN  # a hand in the hair
    assert hair_depth(picture, someone.landmarks).min() > 36
