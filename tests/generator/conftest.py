"""Fixtures of the generator's tests."""

from pathlib import Path

import numpy as np
import pytest

from tellmark.faces import find_face
from tellmark.generator.actors import develop, recipe_sha256
from tellmark.generator.dataset import build
from tellmark.generator.plan import load_plan
from tellmark.generator.reference import ReferenceRenderer
from tellmark.generator.types import Motion, Portrait

EVERYTHING = """
name = "everything"
seed = 2
seconds = 1
fps = 10
actors = [11, 12]
methods = ["reference", "talk", "reenact", "lipsync", "swap", "selfblend", "splice"]
arms = ["null"]
compression = ["c23", "messenger"]
[splits]
test = 1.0
[dials]
of = ["talk"]
mouth_blur = [0.5, 1.0]
lip_sync_offset = 1.0
[voices]
languages = ["en-us"]
variants = ["m1", "f2"]
"""


def at_rest(seed: int) -> Portrait:
    """An actor who looks into the camera and does nothing: their own stills may smile and turn."""
    renderer = ReferenceRenderer(seed)
    light, matte, _ = renderer.light(Motion.rest(25.0), 0)
    image = develop(np.maximum(light, 0), renderer.recipe.shot, seed)
    return Portrait(image, find_face(image).landmarks, np.clip(matte, 0, 1), f"actor:{seed}", recipe_sha256(seed))


@pytest.fixture(scope="session")
def someone() -> Portrait:
    """A person who does not exist, with light hair that shows how it moves; made once, as it takes seconds."""
    return at_rest(53)


@pytest.fixture(scope="session")
def someone_else() -> Portrait:
    """Another, whose lips meet."""
    return at_rest(529)


@pytest.fixture(scope="session")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small dataset with every method of virtual actors, an arm, dials and two rungs; made once."""
    folder = tmp_path_factory.mktemp("everything")
    (folder / "plan.toml").write_text(EVERYTHING)
    build(load_plan(folder / "plan.toml"), folder / "data")
    return folder / "data"
