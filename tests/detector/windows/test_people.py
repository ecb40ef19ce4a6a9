"""Two faces side by side stay two people; the heat lies where the tell looks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tellmark import landmarks as lm
from tellmark.detector.heatmap import heat, overlay
from tellmark.detector.windows.people import windows_of_people
from tellmark.faces import Face
from tellmark.types import U8


def test_two_people_are_followed_apart(painted: Callable[..., Any]) -> None:
    left, right = painted(85, sway=6.0), painted(85, sway=-6.0)
    shift = np.array([320, 0, 0], np.float32)

    class Tracker:
        """Gives the faces in an order that changes, and loses the right one for ten frames."""

        index = -1

        def track(self, rgb: U8) -> list[Face]:
            self.index += 1
            faces = [Face(left.points[self.index])]
            if not 42 <= self.index < 52:
                faces.append(Face(right.points[self.index] + shift))
            return faces[:: 1 if self.index % 3 else -1]

        def close(self) -> None: ...

    def frames() -> Iterator[tuple[float, U8]]:
        for k in range(85):
            yield k / 25, np.hstack([left.frames[k], right.frames[k]])

    found = list(windows_of_people(frames(), tracker=Tracker()))
    sides = {
        person: {bool(w.source_landmarks[0][:, 0].mean() > 320) for p, w in found if p == person} for person, _ in found
    }
    assert len(sides) == 2
    assert all(len(side) == 1 for side in sides.values())  # nobody changes sides
    by_side = {next(iter(side)): sum(p == person for p, _ in found) for person, side in sides.items()}
    assert by_side == {False: 2, True: 1}  # the gap breaks a window of the right one off


def test_the_heat_lies_where_the_tell_looks(painted: Callable[..., Any]) -> None:
    points = painted(1).points[0]
    mouth = points[list(lm.LIPS_OUTER), :2].mean(0).astype(int)
    values = heat((320, 320), points, {"mouth": 4.0, "rigidity": -2.0})
    assert values[mouth[1], mouth[0]] > 2
    assert values[5, 5] < -1.8
    assert abs(values[110, 160]) < 0.1  # the forehead: neither looks there
    grey = np.full((320, 320, 3), 128, np.uint8)
    painted_over = overlay(grey, values)
    assert painted_over[mouth[1], mouth[0], 0] > 150 > painted_over[mouth[1], mouth[0], 2]
    assert painted_over[5, 5, 2] > 150
