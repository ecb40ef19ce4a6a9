"""Fixtures of the generator's tests."""

import pytest

from tellmark.generator.actors import actor
from tellmark.generator.types import Portrait


@pytest.fixture(scope="session")
def someone() -> Portrait:
    """A person who does not exist; made once, as it takes seconds."""
    return actor(2)
