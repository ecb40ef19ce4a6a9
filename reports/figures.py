"""The plots of a report as SVG: drawn by matplotlib, the same bytes for the same numbers.

Each function takes numbers and returns a :class:`Figure`; :func:`standalone` makes a file of it, :func:`inline` makes
that part of a page, which may be light or dark: colours become CSS variables.
"""

from __future__ import annotations

import html
import io
import re
from collections.abc import Iterator, Mapping, Sequence
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
    "#5b9640": "--recovered",
    "#b8860b": "--watermarked",
    "#a83a6b": "--altered",
    "#7f8996": "--none",
}
INK, MUTED, RULE, PAPER, FAKE, OTHER = list(PALETTE)[:6]
VERDICT_COLOURS = dict(zip(("intact", "recovered", "watermarked", "altered", "none"), list(PALETTE)[6:], strict=True))


def tells(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """The gap of each family with its interval, largest first; a hollow mark where it stood before the correction."""
    return gaps([(str(row["family"]).replace("_", " "), row) for row in rows])


def gaps(rows: Sequence[tuple[str, Mapping[str, Any]]]) -> Figure:
    """One line a row: the gap, its interval, and a hollow mark for the detectability that was not yet corrected."""
    with _figure(0.34 * len(rows) + 0.75) as (figure, axes):
        places = np.arange(len(rows))[::-1]
        lows = [0.0]
        for place, (_, row) in zip(places, rows, strict=True):
            low, high = row["gap_low"], row["gap_high"]
            if low is not None and high is not None:
                axes.plot([low, high], [place, place], color=FAKE, linewidth=2, solid_capstyle="round")
                lows.append(low)
            if row["null"] is not None:
                axes.plot(row["detectability"], place, "o", color="none", markersize=6, markeredgecolor=MUTED)
            if row["gap"] is not None:
                axes.plot(row["gap"], place, "o", color=FAKE, markersize=6, markeredgecolor=PAPER)
        axes.axvline(0, color=MUTED, linewidth=1)
        axes.set_yticks(places, [name for name, _ in rows])
        axes.set_ylim(-0.6, len(rows) - 0.4)
        axes.set_xlim(max(-1.03, min(-0.1, *lows) - 0.03), 1.03)
        axes.set_xlabel("gap (0 = as the pipeline alone, 1 = certain)")
        axes.grid(axis="x")
    return figure


def bars(rows: Sequence[tuple[str, float]], label: str) -> Figure:
    """A bar a row, with its number, on a logarithmic scale around 1."""
    with _figure(0.5 * len(rows) + 0.75) as (figure, axes):
        places = np.arange(len(rows))[::-1]
        axes.barh(places, [value - 1 for _, value in rows], left=1, height=0.55, color=OTHER)
        for place, (_, value) in zip(places, rows, strict=True):
            axes.text(value, place, f" {value:.2f} ", va="center", ha="left" if value >= 1 else "right", color=INK)
        axes.set_xscale("log")
        values = [value for _, value in rows]
        axes.set_xlim(min(0.1, *values) / 2, max(10, *values) * 2)
        axes.axvline(1, color=MUTED, linewidth=1)
        axes.set_yticks(places, [name for name, _ in rows], fontsize=7.5)
        axes.set_xlabel(label)
        axes.grid(axis="x")
    return figure


def doses(rows: Sequence[Mapping[str, Any]], columns: int = 3) -> Figure:
    """A small picture a dial: AUC over severity, its intervals, and the dose at which it passes .75."""
    height = -(-len(rows) // columns)
    with _style():
        figure = Figure(figsize=(WIDTH_IN, 1.25 * height + 0.45), layout="constrained")
        grid = figure.subplots(height, columns, sharex=True, sharey=True, squeeze=False)
        for axes, row in zip(grid.flat, rows, strict=False):
            x, y = [0.0, *row["severities"]], [0.5, *row["auc"]]
            axes.axhline(0.75, color=MUTED, linewidth=0.8, linestyle=(0, (4, 3)))
            axes.axhline(0.5, color=RULE, linewidth=0.8)
            axes.fill_between(
                x, [0.5, *(low or 0.0 for low in row["auc_low"])],
                [0.5, *(1.0 if high is None else high for high in row["auc_high"])],
                color=FAKE, alpha=0.18, linewidth=0,
            )  # fmt: skip
            axes.plot(x, y, "o-", color=FAKE, markersize=3.5, linewidth=1.5)
            if row["dose"] is not None:
                axes.plot([row["dose"]] * 2, [-0.03, 0.75], color=OTHER, linewidth=1.2)
            axes.set_title(row["dial"].replace("_", " "), fontsize=8, color=INK, pad=3)
            axes.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), yticks=(0, 0.25, 0.5, 0.75, 1))
            axes.tick_params(labelsize=7.5)
        for axes in list(grid.flat)[len(rows) :]:
            axes.set_visible(False)
        for axes in list(grid.flat)[max(0, len(rows) - columns) : len(rows)]:
            axes.tick_params(labelbottom=True)
        figure.supxlabel("severity", fontsize=9, color=INK)
        figure.supylabel("AUC against the same fakes without it", fontsize=9, color=INK)
    return figure


def motion(rows: Sequence[Mapping[str, Any]], negatives: Sequence[str]) -> Figure:
    """A small picture a measure: mean and interval of each method; the band is that of the negatives."""
    names = list(dict.fromkeys(row["measure"] for row in rows))
    methods = list(dict.fromkeys(row["method"] for row in rows))
    columns = 2
    height = -(-len(names) // columns)
    with _style():
        figure = Figure(figsize=(WIDTH_IN, (0.15 * len(methods) + 0.5) * height), layout="constrained")
        grid = figure.subplots(height, columns, sharey=True, squeeze=False)
        for axes, name in zip(grid.flat, names, strict=False):
            for row in (row for row in rows if row["measure"] == name):
                place, real = -methods.index(row["method"]), row["method"] in negatives
                if row["low"] is not None:
                    axes.plot([row["low"], row["high"]], [place] * 2, color=OTHER if real else FAKE, linewidth=1.6)
                    if real:
                        axes.axvspan(row["low"], row["high"], color=OTHER, alpha=0.1, linewidth=0)
                axes.plot(row["mean"], place, "o", color=OTHER if real else FAKE, markersize=3.5)
            unit = next((row.get("unit") for row in rows if row["measure"] == name), "")
            axes.set_title(f"{name}, {unit}" if unit else name, fontsize=8, color=INK, pad=3)
            axes.set_yticks([-k for k in range(len(methods))], methods, fontsize=7.5)
            axes.set_ylim(-len(methods) + 0.4, 0.6)
            axes.tick_params(axis="x", labelsize=7.5)
            axes.grid(axis="x")
        for axes in list(grid.flat)[len(names) :]:
            axes.set_visible(False)
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
    with _style():
        figure = Figure(figsize=(WIDTH_IN, height_in), layout="constrained")
        yield figure, figure.add_subplot()


@contextmanager
def _style() -> Iterator[None]:
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
        yield


def _spread(values: F64) -> F64:
    """Vertical offsets in [-0.3, 0.3] that pull close scores apart: within a bin of 0.02 dots alternate outwards."""
    offsets = np.zeros(len(values))
    for key in np.unique(np.round(values / 0.02)):
        rows = np.flatnonzero(np.round(values / 0.02) == key)
        step = min(0.1, 0.6 / max(len(rows) - 1, 1))
        k = np.arange(len(rows))
        offsets[rows] = step * np.where(k % 2, (k + 1) // 2, -(k // 2))
    return offsets
