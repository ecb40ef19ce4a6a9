"""What commands say is JSON that every reader takes."""

import json
import math

import pytest

from tellmark.console import Console


def test_numbers_that_are_none_are_null(capsys: pytest.CaptureFixture[str]) -> None:
    record = {"auc": math.nan, "interval": (0.5, math.inf), "deep": [{"p": -math.inf, "n": 3, "who": "nan"}]}
    Console(json=True).result(record, "")
    Console(json=True).failure(record, "")
    for line in capsys.readouterr().out.splitlines():
        assert json.loads(line, parse_constant=pytest.fail) == {
            "auc": None,
            "interval": [0.5, None],
            "deep": [{"p": None, "n": 3, "who": "nan"}],
        }
