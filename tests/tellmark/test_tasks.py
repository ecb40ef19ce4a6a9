"""The pages of docs/tasks are run as they stand: every file is written, every program and every command executed."""

import re
import shlex
from pathlib import Path

import pytest

from tellmark.cli import run
from tellmark.detector.models import additive

PAGES = Path(__file__).resolve().parents[2] / "docs" / "tasks"
# As pages build on each other.
ORDER = ("produce-a-dataset", "verify-a-video", "write-a-report", "own-generator", "own-detector", "from-python")
LEFT_BEHIND = {  # what a reader should have after each page
    "produce-a-dataset": ["data/manifest.parquet", "hf"],
    "verify-a-video": ["verdicts.csv", "uploaded.mp4"],
    "write-a-report": ["report/index.html", "report/tables/tells.tex", "report-folders/results.json"],
    "own-generator": ["marked.mp4", "nod.mp4", "report-mine/index.html"],
    "own-detector": ["scores.csv", "report-detector/index.html", "mine.model"],
    "from-python": ["clip.mp4", "live.mp4", "other-marked.mp4", "python.model", "report-python/index.html"],
}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that all pages work in."""
    return tmp_path_factory.mktemp("desk")


def blocks(page: str) -> list[tuple[str, str]]:
    """(language, text) of each block of code."""
    return re.findall(r"```(\w+)\n(.*?)```", (PAGES / f"{page}.md").read_text(), flags=re.S)


@pytest.mark.parametrize("page", ORDER)
def test_a_page_can_be_followed(page: str, desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(desk)
    monkeypatch.setitem(additive._BOOSTING, "max_iter", 60)  # a tenth: what they find is not the point
    for language, text in blocks(page):
        if language == "sh":
            for line in text.strip().splitlines():
                program, *arguments = shlex.split(line, comments=True)
                assert program == "tellmark", line
                assert run(arguments) in (0, 1), line
        else:
            name = text.splitlines()[0].removeprefix("# ")
            Path(name).write_text(text)
            if language == "python":
                exec(compile(text, name, "exec"), {"__name__": "__main__"})
    for left in LEFT_BEHIND[page]:
        assert (desk / left).exists(), left


def test_every_page_is_followed() -> None:
    assert sorted(ORDER) == sorted(page.stem for page in PAGES.glob("*.md"))
