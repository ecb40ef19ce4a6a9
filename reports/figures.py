"""The plots of a report as SVG: drawn by matplotlib, the same bytes for the same numbers.

Each function takes numbers and returns a :class:`Figure`; :func:`standalone` makes a file of it, :func:`inline` makes
that part of a page, which may be light or dark: colours become CSS variables.
"""

from __future__ import annotations

import html
import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tellmark.reports.statistics import Bin
from tellmark.types import F64

WIDTH_IN = 4.8  # narrow, so that the labels stay readable on a phone

# Colour -> CSS variable of report.css. Blue and orange stay apart for colour-blind readers and in greyscale print.
PALETTE = {
    "#1b212b": "--ink",
    "#5d6776": "--muted",
    "#d5dae1": "--rule",
    "#fefefe": "--paper",
    "#b8500f": "--fake",
    "#1f66a6": "--other",
    "#2c7a57": "--intact",
    "#6aa84f": "--recovered",
    "#d9a420": "--watermarked",
    "#a83a6b": "--altered",
    "#8a93a0": "--none",
}
INK, MUTED, RULE, PAPER, FAKE, OTHER = list(PALETTE)[:6]
VERDICT_COLOURS = dict(zip(("intact", "recovered", "watermarked", "altered", "none"), list(PALETTE)[6:], strict=True))


def tells(families: Sequence[str], gaps: Sequence[float], intervals: Sequence[tuple[float, float]]) -> Figure:
    """Detectability of each family with its interval, strongest first."""
    with _figure(0.34 * len(families) + 0.75) as (figure, axes):
        rows = np.arange(len(families))[::-1]
        for row, value, (low, high) in zip(rows, gaps, intervals, strict=True):
            axes.plot([low, high], [row, row], color=FAKE, linewidth=2, solid_capstyle="round")
            axes.plot(value, row, "o", color=FAKE, markersize=6, markeredgecolor=PAPER)
        axes.axvline(0, color=MUTED, linewidth=1)
        axes.set_yticks(rows, [family.replace("_", " ") for family in families])
        axes.set_ylim(-0.6, len(families) - 0.4)
        axes.set_xlim(min(-0.1, *(low for low, _ in intervals)) - 0.03, 1.03)
        axes.set_xlabel("detectability (0 = chance, 1 = certain)")
        axes.grid(axis="x")
    return figure


def roc(points: Sequence[tuple[float, float]]) -> Figure:
    """True against false positive rate; straight between the points, where scores are tied, as the area counts them."""
    with _figure(3.9) as (figure, axes):
        curve = np.array(points)
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
        axes.plot(curve[:, 0], curve[:, 1], color=FAKE, linewidth=2)
        axes.text(0.62, 0.55, "chance", color=MUTED)
        axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
        axes.set(xlabel="false positive rate", ylabel="true positive rate")
        axes.grid()
    return figure


def scores(groups: Sequence[tuple[str, bool, F64]]) -> Figure:
    """One row of dots a group (name, is it fake, scores): every clip is shown, with the group's median."""
    with _figure(0.75 * len(groups) + 0.75) as (figure, axes):
        for row, (_, fake, values) in zip(range(len(groups))[::-1], groups, strict=True):
            colour = FAKE if fake else OTHER
            axes.plot(values, row + _spread(values), "o", color=colour, alpha=0.7, markersize=4, markeredgewidth=0)
            median = float(np.median(values))
            axes.plot([median, median], [row - 0.38, row + 0.38], color=INK, linewidth=2)
        axes.set_yticks(
            range(len(groups))[::-1],
            [f"{name}\n(n = {len(values)})" for name, _, values in groups],
        )
        axes.set(xlim=(-0.03, 1.03), ylim=(-0.55, len(groups) - 0.45))
        axes.set_xlabel("score: probability of “fake”")
        axes.grid(axis="x")
    return figure


def calibration(bins: Sequence[Bin]) -> Figure:
    """Share of fakes against the score that promised it, with the number of clips in each bin."""
    with _figure(3.9) as (figure, axes):
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
        for one in bins:
            axes.plot([one.mean_p] * 2, one.rate_ci, color=FAKE, linewidth=2, solid_capstyle="round")
            axes.plot(one.mean_p, one.rate, "o", color=FAKE, markersize=6, markeredgecolor=PAPER)
            axes.text(one.mean_p, -0.085, str(one.count), color=MUTED, ha="center", va="center", fontsize=8)
        axes.text(-0.045, -0.085, "n", color=MUTED, ha="center", va="center", fontsize=8, style="italic")
        axes.axhline(-0.04, color=RULE, linewidth=0.8)
        axes.set(xlim=(-0.07, 1.03), ylim=(-0.13, 1.03))
        axes.set_yticks(np.arange(0, 1.01, 0.2))
        axes.set(xlabel="mean score in the bin", ylabel="share of fakes in the bin")
        axes.grid()
    return figure


def channels(names: Sequence[str], shares: Sequence[dict[str, float]]) -> Figure:
    """Verdicts after each channel as shares of the clips, stacked to 1."""
    with _figure(0.36 * len(names) + 1.05) as (figure, axes):
        rows = np.arange(len(names))[::-1]
        left = np.zeros(len(names))
        for verdict, colour in VERDICT_COLOURS.items():
            width = np.array([share.get(verdict, 0.0) for share in shares])
            axes.barh(rows, width, left=left, height=0.62, color=colour, edgecolor=PAPER, linewidth=0.8, label=verdict)
            left += width
        axes.set_yticks(rows, list(names))
        axes.set(xlim=(0, 1), ylim=(-0.6, len(names) - 0.4))
        axes.set_xlabel("share of clips")
        figure.legend(
            *axes.get_legend_handles_labels(), loc="outside upper center", ncols=5, frameon=False, fontsize=7.5,
            handlelength=0.8, columnspacing=0.9, handletextpad=0.4,
        )  # fmt: skip
    return figure


def standalone(figure: Figure, name: str) -> str:
    """The figure as an SVG file; ``name`` seeds its ids, so that two runs write the same bytes."""
    buffer = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": name, "svg.fonttype": "none"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    return buffer.getvalue()


def inline(svg: str, name: str, alternative: str) -> str:
    """The figure as an ``<svg>`` element: ids made unique by ``name``, colours left to the page, a title for those who
    cannot see it.
    """
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.S)
    svg = re.sub(r'\bid="', f'id="{name}-', svg)
    svg = re.sub(r'(href="|url\()#', rf"\1#{name}-", svg)
    for colour, variable in PALETTE.items():
        svg = svg.replace(colour, f"var({variable})")
    svg = re.sub(r"font-family: [^;\"]*;? ?", "", svg)  # the page's own typeface
    svg = re.sub(r'^<svg[^>]*?viewBox="([^"]*)"[^>]*>', r'<svg role="img" viewBox="\1">', svg)
    return svg.replace(">", f"><title>{html.escape(alternative)}</title>", 1).strip()


@contextmanager
def _figure(height_in: float) -> Iterator[tuple[Figure, Axes]]:
    style: dict[Any, Any] = {
        "font.family": "DejaVu Sans",
        "font.size": 9,
        "text.color": INK,
        "axes.labelcolor": INK,
        "axes.edgecolor": RULE,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.axisbelow": True,
        "grid.color": RULE,
        "grid.linewidth": 0.8,
        "xtick.color": MUTED,
        "ytick.color": RULE,
        "xtick.labelcolor": MUTED,
        "ytick.labelcolor": INK,
        "axes.facecolor": "none",
        "figure.facecolor": "none",
    }
    with matplotlib.rc_context(style):
        figure = Figure(figsize=(WIDTH_IN, height_in), layout="constrained")
        yield figure, figure.add_subplot()


def _spread(values: F64) -> F64:
    """Vertical offsets in [-0.3, 0.3] that pull close scores apart: within a bin of 0.02 dots alternate outwards."""
    offsets = np.zeros(len(values))
    for key in np.unique(np.round(values / 0.02)):
        rows = np.flatnonzero(np.round(values / 0.02) == key)
        step = min(0.1, 0.6 / max(len(rows) - 1, 1))
        k = np.arange(len(rows))
        offsets[rows] = step * np.where(k % 2, (k + 1) // 2, -(k // 2))
    return offsets
