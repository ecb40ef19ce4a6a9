"""Figures are well-formed, the same bytes each time, and fit into one page together."""

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from matplotlib.figure import Figure

from tellmark.reports import figures
from tellmark.reports.statistics import reliability

P = np.linspace(0.02, 0.98, 40)


DOSE = {
    "dial": "mouth_blur",
    "severities": [0.3, 1.0],
    "auc": [0.6, 0.95],
    "auc_low": [0.5, 0.9],
    "auc_high": [0.7, None],
    "dose": 0.6,
}


def gap_row(family: str, value: float, null: float | None) -> dict[str, object]:
    low = {"gap_low": value - 0.1, "gap_high": value + 0.1 if null else None}
    return {"family": family, "gap": value, **low, "null": null, "detectability": value + (null or 0)}


def make(name: str) -> Figure:
    match name:
        case "tells":
            return figures.tells([gap_row("texture", 0.8, 0.1), gap_row("lip_sync", -0.1, None)])
        case "doses":
            return figures.doses([DOSE, DOSE | {"dial": "gaze_drift", "dose": None}])
        case "motion":
            real = {"measure": "delta P", "method": "real", "mean": 0.9, "low": 0.7, "high": 1.1}
            return figures.motion([real, real | {"method": "talk", "low": None}], ["real"])
        case "roc":
            return figures.roc([(0, 0), (0.1, 0.8), (1, 1)])
        case "scores":
            return figures.scores([("fake: talk", True, P), ("reference", False, P[:5])])
        case "calibration":
            return figures.calibration(reliability(P, P > 0.4))
        case _:
            return figures.channels(["untouched", "crf28"], [{"intact": 1.0}, {"recovered": 0.75, "none": 0.25}])


ALL = ("tells", "doses", "motion", "roc", "scores", "calibration", "channels")


@pytest.mark.parametrize("name", ALL)
def test_the_same_numbers_give_the_same_bytes(name: str) -> None:
    assert figures.standalone(make(name), name) == figures.standalone(make(name), name)


@pytest.mark.parametrize("name", ALL)
def test_inline_figures_are_accessible_and_follow_the_page(name: str) -> None:
    svg = figures.inline(figures.standalone(make(name), name), name, "a < b")
    root = ET.fromstring(svg.replace("xlink:href", "href"))
    assert root.get("role") == "img"
    assert root[0].text == "a < b"
    assert not re.search(r"#[0-9a-f]{6}", svg), "a colour that does not follow light and dark"
    assert "http" not in svg
    assert "DejaVu" not in svg


def test_ids_are_unique_across_the_page_and_references_hold() -> None:
    page = "".join(figures.inline(figures.standalone(make(name), name), name, name) for name in ALL)
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'(?:href="|url\()#([^")]+)', page)) <= set(ids)


def test_labels_are_text() -> None:
    svg = figures.inline(figures.standalone(make("tells"), "tells"), "tells", "")
    assert ">lip sync<" in svg


def test_roc_of_a_constant_score_is_the_diagonal() -> None:
    line = figures.roc([(0, 0), (1, 1)]).axes[0].lines[-1]
    assert line.get_xydata().tolist() == [[0, 0], [1, 1]]
    assert line.get_drawstyle() == "default"
