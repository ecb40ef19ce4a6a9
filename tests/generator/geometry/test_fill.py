import numpy as np

from tellmark.generator.geometry.fill import fill, plate, push_pull
from tellmark.types import F32, U8


def _bowl() -> tuple[U8, np.ndarray[tuple[int, int], np.dtype[np.bool_]]]:
    """A picture that grows darker towards a disc in its middle, with a dark corner, and that disc."""
    rows, columns = np.indices((256, 256)) - 127.5
    away = np.hypot(rows, columns)
    grey = np.where((rows < -100) & (columns < -100), 0, 40 + 1.2 * away)
    return np.repeat(np.rint(grey)[..., None], 3, axis=2).clip(0, 255).astype(np.uint8), away < 70


def _kink(filled: F32 | U8) -> float:
    """By how much the slope changes at the disc's edge, code values a pixel."""
    line = filled[128, 128:, 0].astype(float)
    return float((line[80] - line[72]) / 8 - (line[68] - line[60]) / 8)


def test_a_fill_goes_on_with_the_slope_around_it() -> None:
    picture, hole = _bowl()
    filled = fill(picture, hole)
    assert _kink(filled) < 0.75
    # What only takes over the value is level there: more than the whole slope of 1.2 breaks off.
    assert _kink(push_pull(picture.astype(np.float32), (~hole).astype(np.float32))) > 1.2
    np.testing.assert_array_equal(filled[~hole], picture[~hole])


def test_a_plate_stays_within_what_is_known() -> None:
    picture, hole = _bowl()
    inside = plate(picture.astype(np.float32), ~hole)[hole]
    assert inside.min() >= picture[~hole].min() - 1
    assert inside.max() <= picture[~hole].max() + 1
    assert not plate(picture.astype(np.float32), np.zeros_like(hole)).any()
