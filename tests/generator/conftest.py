"""Fixtures of the generator's tests."""

from pathlib import Path

import pytest

from tellmark.generator.actors import at_rest
from tellmark.generator.factory.dataset import build
from tellmark.generator.factory.plan import load_plan
from tellmark.generator.types import Portrait

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


@pytest.fixture(scope="session")
def someone() -> Portrait:
    """A person who does not exist, with light hair that shows how it moves; made once, as it takes seconds."""
    return at_rest(53)


@pytest.fixture(scope="session")
def someone_else() -> Portrait:
    """Another, whose lips meet and whose teeth show when they part."""
    return at_rest(41)


@pytest.fixture(scope="session")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small dataset with every method of virtual actors, an arm, dials and two rungs; made once."""
    folder = tmp_path_factory.mktemp("everything")
    (folder / "plan.toml").write_text(EVERYTHING)
    build(load_plan(folder / "plan.toml"), folder / "data")
    return folder / "data"
