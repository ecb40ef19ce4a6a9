"""The documentation keeps up with the tree."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_every_module_has_its_phrase_and_every_phrase_its_module() -> None:
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    modules = {
        name
        for name in tracked.split("\0")
        if name.endswith(".py") and not name.endswith("__init__.py") and not name.startswith("tests/")
    }
    listed, folder = set(), ""
    for line in (ROOT / "docs" / "modules.md").read_text().splitlines():
        if match := re.fullmatch(r"([a-z/]+/)(\s.*)?", line):
            folder = match[1]
        elif match := re.match(r"  (\w+\.py)\s+\S", line):
            listed.add(folder + match[1])
    assert listed == modules


def test_links_lead_somewhere() -> None:
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "reports" / "published" / "README.md"]
    for page in [*pages, *sorted((ROOT / "docs").glob("**/*.md"))]:
        prose = re.sub(r"`[^`]*`", "", page.read_text())
        for target in re.findall(r"\]\(([^)#]+)\)", prose):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
