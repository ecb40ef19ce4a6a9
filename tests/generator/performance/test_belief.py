"""Parts of a motion that the frames do not bear out are drawn back to where the portrait has them."""

from dataclasses import replace

import numpy as np
import pytest

from tellmark.generator.mesh import inside, light
from tellmark.generator.mesh.mesh import build_mesh
from tellmark.generator.performance.belief import Belief
from tellmark.generator.performance.regions import regions_of
from tellmark.generator.render import MeshRenderer
from tellmark.generator.types import EXPRESSIONS, Motion, Portrait, Seen
from tellmark.landmarks import LIPS_INNER

LENGTH = 5


def read(**places: tuple[float, float, float, float]) -> Motion:
    """A motion of a few frames that is the same in all of them."""
    zeros = {"shape": (478, 2), "blur": (2,), "inside": (inside.NUMBERS,), "light": (light.NUMBERS,)}
    seen = Seen(
        **{name: np.zeros((LENGTH, *size), np.float32) for name, size in zeros.items()},
        **{name: np.tile(np.float32(places.get(name, (0,) * 4)), (LENGTH, 1)) for name in ("crown", "torso", "scene")},
    )
    return replace(Motion.rest(25.0, LENGTH), seen=seen)


@pytest.fixture(scope="module")
def belief_of(someone: Portrait):  # type: ignore[no-untyped-def]
    y, x = np.indices((512, 512))
    wall = 120 + 40 * np.sin(x / 17.0) * np.cos(y / 23.0)
    share = someone.matte[..., None]
    room = replace(someone, image=np.rint(share * someone.image + (1 - share) * wall[..., None]).astype(np.uint8))
    mesh, renderer, regions = build_mesh(room.landmarks), MeshRenderer(room), regions_of(room)

    def shares(motion: Motion, truth: Motion) -> tuple[Belief, np.ndarray]:
        belief = Belief(mesh, renderer, regions)
        for index in range(LENGTH):
            frame = renderer.render(truth, index).copy()
            belief.add(motion[index : index + 1], frame)
        return belief, belief.shares()

    return shares


def test_what_happened_is_believed(belief_of) -> None:  # type: ignore[no-untyped-def]
    motion = read(torso=(0.03, 0.02, 0, 0), scene=(-0.04, 0.02, 0, 0))
    motion.rotation_deg[:] = 3, -2, 1
    _, shares = belief_of(motion, motion)
    np.testing.assert_allclose(shares, 1, atol=0.06)


def test_what_did_not_happen_is_not(belief_of) -> None:  # type: ignore[no-untyped-def]
    motion = read(torso=(0.01, 0.01, 0, 0), scene=(0.01, 0, 0, 0))
    motion.rotation_deg[:, 0] = 1.0
    belief, shares = belief_of(motion, read())
    assert shares.max() < 0.1
    left = belief.scaled(motion, shares)
    assert left.seen is not None
    assert np.abs(left.rotation_deg).max() < 0.1
    assert max(np.abs(left.seen.torso).max(), np.abs(left.seen.scene).max()) < 1e-3


def test_half_of_a_small_move_is_found(belief_of) -> None:  # type: ignore[no-untyped-def]
    motion, truth = read(scene=(0.012, 0, 0, 0)), read(scene=(0.006, 0, 0, 0))
    _, shares = belief_of(motion, truth)
    np.testing.assert_allclose(shares[:, 2], 0.5, atol=0.15)


def test_who_stands_still_goes_on_speaking(belief_of) -> None:  # type: ignore[no-untyped-def]
    motion = read()
    assert motion.seen is not None
    motion.expression[:, EXPRESSIONS.index("jaw")] = 0.5
    motion.blink[:] = 0.7
    motion.seen.shape[:] = 0.01
    belief, _ = belief_of(motion, motion)
    left = belief.scaled(motion, np.zeros((LENGTH, 3)))
    assert left.seen is not None
    np.testing.assert_array_equal(left.expression, motion.expression)
    np.testing.assert_array_equal(left.blink, motion.blink)
    np.testing.assert_allclose(left.seen.shape[:, list(LIPS_INNER)], 0.01, atol=1e-6)
    assert np.abs(left.seen.shape[:, 10]).max() == 0  # the forehead


def test_the_face_is_spared_where_hair_says_otherwise(belief_of) -> None:  # type: ignore[no-untyped-def]
    motion = read()
    motion.rotation_deg[:] = 6, 3, 0
    truth = read(crown=(0, 0.08, 0, 0))  # the face has turned, and the hair is far from where it was read
    truth.rotation_deg[:] = motion.rotation_deg
    assert belief_of(motion, truth)[1][:, 0].min() > 0.8


def of_errors(belief_of, face: list[float], head: list[float]) -> float:  # type: ignore[no-untyped-def]
    """How far the head goes where its errors at rest, halfway and all of the way are these."""
    belief, _ = belief_of(read(), read())
    belief._errors = [1e8 * np.array([face, head, [0.0] * 3, [0.0] * 3])] * LENGTH
    return float(belief.shares()[:, 0].mean())


def test_the_face_is_spared_where_half_of_the_way_is_as_wrong_as_none(belief_of) -> None:  # type: ignore[no-untyped-def]
    assert of_errors(belief_of, [4, 4, 1], [12, 9, 10]) > 0.9
    assert of_errors(belief_of, [1, 1, 1], [12, 9, 10]) == pytest.approx(0.625, abs=0.01)


def test_not_where_the_picture_would_be_worse_than_a_still_copy(belief_of) -> None:  # type: ignore[no-untyped-def]
    assert of_errors(belief_of, [4, 2, 1], [10, 12, 20]) < 0.1
