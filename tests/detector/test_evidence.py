"""The sheet says what the detection says: bars to their side, windows over the threshold in red."""

from __future__ import annotations

import numpy as np
import pytest

from tellmark.detector.evidence import BLUE, RED, sheet
from tellmark.types import U8, Detection

POINT = {"threshold": 0.8, "false_alarms": 0.03, "hits": 0.3}


def drawn(
    contributions: dict[str, float], *, shape: tuple[int, int] = (300, 400), late: float = 0.7, note: str | None = None
) -> U8:
    found = Detection(
        "clip.mp4", 0.9, {name: {"score": 0.5, "contribution": value} for name, value in contributions.items()},
        ((0.8, 0.95), (2.4, late)), "m", 1, note, operating_point=POINT,
    )  # fmt: skip
    painted = np.full((*shape, 3), 100, np.uint8)
    return sheet(painted, found, dict.fromkeys(contributions, "skin"), 0.8)


def reach(picture: U8, colour: tuple[int, int, int]) -> tuple[int, int]:
    """Columns of the longest run of ``colour`` in the panel of the bars, from its first to its last."""
    panel = (picture[105:590] == colour).all(-1)
    row = panel[int(panel.sum(1).argmax())]
    columns = np.flatnonzero(row)
    return int(columns[0]), int(columns[-1])


def test_bars_point_to_the_side_they_speak_for() -> None:
    picture = drawn({"eyes": 4.0, "noise": -2.0})
    red, blue = reach(picture, RED), reach(picture, BLUE)
    assert blue[1] <= red[0], "real is to the left of the middle, synthetic to the right"
    assert red[1] - red[0] == pytest.approx(2 * (blue[1] - blue[0]), abs=2)


def test_windows_above_the_threshold_are_red() -> None:
    picture = drawn({"eyes": 4.0})
    line = picture[745]  # just above the foot of the timeline
    early, late = line[picture.shape[1] // 4], line[picture.shape[1] * 3 // 4]
    assert tuple(early) == RED
    assert len(set(late.tolist())) > 1 or late[0] < 200
    assert tuple(late) not in (RED, BLUE)


def test_a_window_that_was_judged_shows_whatever_was_said_of_it() -> None:
    picture = drawn({"eyes": 4.0}, late=0.0)
    foot, shown = picture[748], picture.shape[1] * 3 // 4
    assert (foot[shown] != picture[620, shown]).any()


def test_whom_the_verdict_is_about_stands_below_the_bars() -> None:
    said, unsaid = (
        drawn({"eyes": 4.0}, note="up to 2 faces were seen; this is about " + 10 * "somebody "),
        drawn({"eyes": 4.0}),
    )
    rows = np.flatnonzero((said != unsaid).any((1, 2)))
    assert len(rows)
    assert 110 + 2 * 33 + 20 < rows[0] < rows[-1] < 600


@pytest.mark.parametrize(("shape", "width"), [((300, 400), 800), ((100, 1000), 1070), ((900, 300), 200)])
def test_a_frame_of_any_shape_fits(shape: tuple[int, int], width: int) -> None:
    picture = drawn({"eyes": 1.0}, shape=shape)
    assert picture.shape == (790, width + 430, 3)
    assert (picture[300, :width] == 100).all(-1).sum() >= width - 2
