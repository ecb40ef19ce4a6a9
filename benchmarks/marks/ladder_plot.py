"""The ladder as one picture: for every attack, the share of payloads that each watermark gives back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tellmark.runs import atomic_path

_COLOURS = ("#1f4e9c", "#d9822b", "#8a8a8a", "#b04a7a", "#4b8f5c")
_MARKS = ("o", "s", "^", "D", "v")


def draw(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Write ``path``.svg and ``path``.png from rows of :func:`tellmark.benchmarks.attacks.climb`; none where empty."""
    rungs = [row for row in rows if "share" in row and row.get("watermark")]
    if not rungs:
        return
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    names = list(dict.fromkeys(str(row["watermark"]) for row in rungs))
    groups: dict[str, list[str]] = {}
    for row in rungs:
        conditions = groups.setdefault(str(row["measure"]), [])
        if row["condition"] not in conditions:
            conditions.append(str(row["condition"]))
    heights = [len(conditions) + 0.6 for conditions in groups.values()]
    size = (8.5, (0.05 + 0.075 * len(names)) * sum(heights) + 1.3)  # room for every mark of a rung
    figure, panels = pyplot.subplots(len(groups), figsize=size, height_ratios=heights, sharex=True, squeeze=False)
    for panel, (group, conditions) in zip(panels[:, 0], groups.items(), strict=True):
        for number, name in enumerate(names):
            own = [row for row in rungs if row["watermark"] == name and row["measure"] == group]
            y = [conditions.index(str(row["condition"])) + 0.21 * (number - (len(names) - 1) / 2) for row in own]
            share = [100 * float(row["share"]) for row in own]
            panel.scatter(
                share,
                y,
                s=16,
                marker=_MARKS[number % 5],
                color=_COLOURS[number % 5],
                label=name,
                zorder=3,
                clip_on=False,
            )
        for place, condition in enumerate(conditions):
            target = next((row["target"] for row in rungs if row["condition"] == condition), None)
            if target is not None:
                panel.plot([100 * target] * 2, [place - 0.42, place + 0.42], color="#222222", lw=1.2, zorder=2)
            if place % 2:
                panel.axhspan(place - 0.5, place + 0.5, color="#f3f3f3", zorder=0)
        panel.set_yticks(range(len(conditions)), conditions, fontsize=7.5)
        panel.set_ylim(len(conditions) - 0.5, -0.5)
        panel.set_xlim(-2, 102)
        panel.tick_params(axis="y", length=0)
        panel.tick_params(axis="x", labelsize=8)
        panel.set_title(group, fontsize=9, loc="left", fontweight="bold", pad=3)
        panel.grid(axis="x", color="#dddddd", lw=0.6, zorder=1)
        panel.spines[["top", "right", "left"]].set_visible(False)
    panels[-1, 0].set_xlabel("payloads read, % of excerpts (bar: the target)", fontsize=8.5)
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="upper right", ncols=len(names), frameon=False, fontsize=8.5)
    figure.tight_layout(rect=(0, 0, 1, 1 - 0.35 / size[1]))
    for suffix in (".svg", ".png"):
        with atomic_path(path.with_name(path.name + suffix), force=True) as temporary:
            figure.savefig(temporary, dpi=150)
    pyplot.close(figure)
