"""Features are kept as long as the code that measures them says the same."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from tellmark.detector.features import code_version

CODE = '''"""A module."""
import math

def twice(x):
    """Doubles."""
    return 2 * x  # a comment
'''


def _module(path: Path, code: str) -> ModuleType:
    path.write_text(code)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    return importlib.util.module_from_spec(spec)


@pytest.mark.parametrize(
    ("before", "after", "same"),
    [
        ("A module.", "Another one.", True),
        ("Doubles.", "Makes it twice as much.", True),
        ("  # a comment", "", True),
        ("import math", "import math as maths", True),
        ("2 * x", "3 * x", False),
        ("twice(x)", "twice(x, y=1)", False),
    ],
)
def test_a_version_follows_what_the_code_does(tmp_path: Path, before: str, after: str, same: bool) -> None:
    one = code_version(_module(tmp_path / "one.py", CODE))
    assert (code_version(_module(tmp_path / "two.py", CODE.replace(before, after))) == one) is same
