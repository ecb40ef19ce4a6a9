"""Shoulders, scenery and hair that are moved by known amounts are found there."""

from dataclasses import replace

import numpy as np
import pytest

from tellmark.generator.actors import at_rest
from tellmark.generator.mesh import inside, light
from tellmark.generator.performance.surroundings import complete
from tellmark.generator.render import MeshRenderer
from tellmark.generator.types import EXPRESSIONS, Motion, Portrait, Seen
from tellmark.landmarks import LIPS_INNER

LENGTH = 8


def seen(**places: tuple[float, float, float, float]) -> Seen:
    """A slow move from rest to each place."""
    ramp = np.linspace(0, 1, LENGTH, dtype=np.float32)[:, None]
    moves = {name: ramp * np.float32(places.get(name, (0, 0, 0, 0))) for name in ("crown", "torso", "scene")}
    return Seen(
        np.zeros((LENGTH, 478, 2), np.float32),
        **moves,
        blur=np.zeros((LENGTH, 2), np.float32),
        inside=np.zeros((LENGTH, inside.NUMBERS), np.float32),
        light=np.zeros((LENGTH, light.NUMBERS), np.float32),
    )


@pytest.fixture(scope="module")
def room() -> Portrait:
    """Somebody whose light hair can be followed, before a wall that has a pattern."""
    someone = at_rest(5020)
    y, x = np.indices((512, 512))
    wall = 120 + 40 * np.sin(x / 17.0) * np.cos(y / 23.0)
    share = someone.matte[..., None]
    image = share * someone.image + (1 - share) * wall[..., None]
    return replace(someone, image=np.rint(image).astype(np.uint8))


@pytest.mark.parametrize(
    ("part", "place"),
    [("torso", (0.05, -0.04, 2.0, 0.03)), ("scene", (-0.06, 0.05, 1.0, 0.02)), ("crown", (0.03, 0.02, 1.0, 0.03))],
)
def test_a_part_is_found_where_it_was_moved(room: Portrait, part: str, place: tuple[float, ...]) -> None:
    moved = replace(Motion.rest(25.0, LENGTH), seen=seen(**{part: place}))
    renderer = MeshRenderer(room)
    frames = [renderer.render(moved, index).copy() for index in range(LENGTH)]
    found = complete(frames, room, replace(Motion.rest(25.0, LENGTH), seen=seen())).seen
    assert found is not None
    asked = getattr(moved.seen, part)
    near = 0.015 if part == "crown" else 0.008  # hair beside the face goes with the mesh
    np.testing.assert_allclose(getattr(found, part)[:, :2], asked[:, :2], atol=near)
    np.testing.assert_allclose(getattr(found, part)[:, 3], asked[:, 3], atol=near)


def test_what_stands_still_is_left_where_it_is(room: Portrait) -> None:
    frames = [room.image] * 5
    found = complete(frames, room, replace(Motion.rest(25.0, 5), seen=seen()[:5])).seen
    assert found is not None
    for place in (found.crown, found.torso, found.scene):
        assert np.abs(place).max() < 2e-3


def test_what_is_seen_between_the_lips_is_read(room: Portrait) -> None:
    speaking = Motion.rest(25.0, LENGTH)
    speaking.expression[:, EXPRESSIONS.index("jaw")] = 0.7
    dark = replace(seen(), inside=np.full((LENGTH, inside.NUMBERS), -0.15, np.float32))
    renderer = MeshRenderer(room)
    frames = [renderer.render(replace(speaking, seen=dark), index).copy() for index in range(LENGTH)]
    found = complete(frames, room, replace(speaking, seen=seen()))
    made, plain = (renderer.render(motion, 4).astype(float) for motion in (found, replace(speaking, seen=seen())))
    lips = renderer.points[list(LIPS_INNER), :2]
    (x0, y0), (x1, y1) = lips.min(0).astype(int), lips.max(0).astype(int)
    read, unread = (np.abs(frame - frames[4])[y0:y1, x0:x1].mean() for frame in (made, plain))
    assert read < 0.25 * unread
