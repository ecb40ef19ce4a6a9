"""Fixtures every package's tests share."""

import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import pytest

cv2.setNumThreads(1)
sys.path.append(str(Path(__file__).resolve().parents[1]))  # spawned processes find functions of test modules by name
SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip, by name, what needs the local test material where there is none."""
    if SHARED_DATA.is_dir():
        return
    skip = pytest.mark.skip(reason="needs ../shared/data, which is not here")
    for item in items:
        if "shared" in item.keywords:
            item.add_marker(skip)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of local test material; use with ``@pytest.mark.shared``."""
    return SHARED_DATA


@pytest.fixture(scope="session", autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keys and registry of the tests never touch the user's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TELLMARK_HOME", str(tmp_path_factory.mktemp("home")))
        yield
