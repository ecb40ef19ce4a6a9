"""The sheet of `detect --picture`: the painted frame, what every tell adds to the log-odds, and when.

Red speaks for a synthetic face, blue for a real one, on the frame as in the bars.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from tellmark.detector.windows.window import FPS, FRAMES
from tellmark.types import U8, Detection

RED, BLUE = (214, 48, 39), (43, 104, 201)
_INK, _FAINT, _PAPER = (30, 32, 36), (150, 154, 160), (250, 250, 248)
_HEIGHT, _WIDEST = 600, 1070  # px of the frame
_PANEL, _STRIP, _EDGE = 430, 190, 24  # px: width of the bars' panel, height of the timeline, margin
_ROW = 33  # px, a bar with its name
_LOWEST = 4  # px of a bar: a window that was judged shows, whatever was said of it
_LINE = 54  # letters of a note in a line of the panel
_FLOOR = 1.0  # log-odds: bars are drawn to the largest, and at least to this


def sheet(painted: U8, detection: Detection, places: Mapping[str, str], shown_s: float) -> U8:
    """(790, .., 3) RGB: ``painted`` with the bars of the tells beside it and the timeline below.

    ``places`` names where each tell looks; ``shown_s`` is the time of the frame in the video.
    """
    scale = min(_HEIGHT / painted.shape[0], _WIDEST / painted.shape[1])
    frame = Image.fromarray(painted).resize(
        (max(1, round(painted.shape[1] * scale)), max(1, round(painted.shape[0] * scale))), Image.Resampling.LANCZOS
    )
    canvas = Image.new("RGB", (frame.width + _PANEL, _HEIGHT + _STRIP), _PAPER)
    canvas.paste(frame, (0, (_HEIGHT - frame.height) // 2))
    pen = ImageDraw.Draw(canvas)
    _bars(pen, frame.width + _EDGE, detection, places)
    _timeline(pen, canvas.width, detection, shown_s)
    return np.asarray(canvas, np.uint8)


def _bars(pen: ImageDraw.ImageDraw, left: int, detection: Detection, places: Mapping[str, str]) -> None:
    p = detection.p_synthetic or 0.0
    _text(pen, (left, 18), f"p(synthetic) = {p:.2f}", 26)
    if point := detection.operating_point:
        side = "above" if p > point["threshold"] else "below"
        _text(pen, (left, 54), f"{side} the threshold of {point['threshold']:.2f}", 15)
    added = {family: tell["contribution"] for family, tell in detection.tells.items()}
    logit = math.log(max(p, 1e-9) / max(1 - p, 1e-9))
    rows = sorted(
        ((family, places.get(family, ""), value) for family, value in added.items()), key=lambda r: -abs(r[2])
    )
    rows.append(("constant", "", logit - sum(added.values())))
    reach = max(_FLOOR, *(abs(value) for _, _, value in rows))
    middle, half = left + 245, 88
    _text(pen, (middle - 8, 84), "real", 13, BLUE, "ra")
    _text(pen, (middle + 8, 84), "synthetic", 13, RED, "la")
    for place, (family, where, value) in enumerate(rows):
        y = 110 + place * _ROW
        _text(pen, (left, y), family, 16)
        _text(pen, (left, y + 16), where, 11, _FAINT)
        end = middle + round(half * value / reach)
        pen.rectangle((min(middle, end), y + 2, max(middle, end), y + 18), RED if value > 0 else BLUE)
        _text(pen, (left + 382, y + 1), f"{value:+.2f}", 15, anchor="ra")
    bottom = 110 + len(rows) * _ROW
    pen.line((middle, 104, middle, bottom - 8), _FAINT)
    _text(pen, (left, bottom), "sum, log-odds", 16)
    _text(pen, (left + 382, bottom + 1), f"{logit:+.2f}", 15, anchor="ra")
    for place, line in enumerate(textwrap.wrap(detection.note or "", _LINE)):
        _text(pen, (left, bottom + 34 + place * 18), line, 14)


def _timeline(pen: ImageDraw.ImageDraw, width: int, detection: Detection, shown_s: float) -> None:
    left, right, top, bottom = 64, width - _EDGE, _HEIGHT + 44, _HEIGHT + _STRIP - 40
    half = FRAMES / FPS / 2
    end = max(t for t, _ in detection.timeline) + half
    point = detection.operating_point
    limit = point["threshold"] if point else 0.5

    def x(t: float) -> float:
        return left + (right - left) * min(max(t, 0.0), end) / end

    def y(p: float) -> float:
        return bottom + (top - bottom) * p

    dashed = "the threshold" if point else "even odds"
    title = f"p(synthetic) of each window of {2 * half:.1f} s; dashed: {dashed}; the frame shown is at {shown_s:.1f} s"
    _text(pen, (_EDGE, _HEIGHT + 10), title, 15)
    for p in (0.0, 0.5, 1.0):
        pen.line((left, y(p), right, y(p)), (225, 226, 228))
        _text(pen, (left - 8, y(p)), f"{p:g}", 13, anchor="rm")
    for t, p in detection.timeline:
        top_of_bar = min(y(p), bottom - _LOWEST)
        pen.rectangle(
            (x(t - half) + 1, top_of_bar, max(x(t + half) - 1, x(t - half) + 1), bottom), RED if p > limit else _FAINT
        )
    for dash in range(left, right, 10):
        pen.line((dash, y(limit), min(dash + 5, right), y(limit)), _INK)
    pen.polygon(((x(shown_s), top - 4), (x(shown_s) - 6, top - 14), (x(shown_s) + 6, top - 14)), _INK)
    for second in _ticks(end):
        _text(pen, (x(second), bottom + 8), f"{second:g} s", 13, anchor="ma")


def _ticks(end: float) -> list[float]:
    """About eight round times from 0 to ``end``, seconds."""
    step = next((one for one in (0.5, 1, 2, 5, 10, 30, 60, 300, 600, 1800) if end / one <= 9), 3600.0)
    return [k * step for k in range(int(end / step) + 1)]


def _text(
    pen: ImageDraw.ImageDraw,
    at: tuple[float, float],
    text: str,
    size: int,
    colour: tuple[int, int, int] = _INK,
    anchor: str = "la",
) -> None:
    pen.text(at, text, colour, font=ImageFont.load_default(size), anchor=anchor)
