"""The picture of what tells look at has a panel for each of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure

from tellmark.detector import gallery, tells
from tellmark.errors import InputError, UsageError
from tellmark.pictures import read_image

PAGE = Path(__file__).parents[2] / "docs" / "tells.md"


def test_every_family_has_a_panel(painted: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Figure] = []
    save = Figure.savefig
    monkeypatch.setattr(Figure, "savefig", lambda self, *a, **k: (drawn.append(self), save(self, *a, **k))[1])
    gallery.draw(painted(noise=1.5).window, tmp_path / "tells.jpg")
    panels = [axes for axes in drawn[0].axes if axes.axison or axes.images]
    assert [axes.get_title(loc="left").split(":")[0] for axes in panels] == list(tells.FAMILIES)
    assert all(axes.images or axes.lines for axes in panels)
    assert read_image(tmp_path / "tells.jpg").std() > 20
    with pytest.raises(UsageError):
        gallery.draw(painted(noise=1.5).window, tmp_path / "tells.jpg")


def test_a_clip_without_a_face_is_refused(tmp_path: Path, painted: Callable[..., Any]) -> None:
    from tellmark.pictures import write_image

    write_image(tmp_path / "still.png", painted(1).frames[0])
    with pytest.raises(InputError, match="no face"):
        gallery.main(tmp_path / "still.png", tmp_path / "out.jpg")


def test_the_page_names_every_feature() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for family, tell in tells.FAMILIES.items():
        row = next(line for line in text.splitlines() if line.startswith(f"| `{family}` |"))
        assert all(f"`{name}`" in row for name in tell.FEATURES), family
