import json
import os
import subprocess
import sys

import pytest

from tellmark.threads import ONE, one_thread_each

_SHOW = """
import json, sys
from tellmark import cli, threads
assert "numpy" not in sys.modules, "loaded before the command line has said how many threads it may start"
threads.default_to_one()
import numpy, threadpoolctl
print(json.dumps([each["num_threads"] for each in threadpoolctl.threadpool_info()]))
"""


def _threads(environment: dict[str, str]) -> list[int]:
    clean = {name: value for name, value in os.environ.items() if name not in ONE}
    shown = subprocess.run([sys.executable, "-c", _SHOW], env=clean | environment, capture_output=True, check=True)
    return list(json.loads(shown.stdout))


def test_a_command_starts_one_thread_unless_the_user_says_otherwise() -> None:
    assert set(_threads({})) == {1}
    assert set(_threads({"OPENBLAS_NUM_THREADS": "2"})) == {2}


def test_processes_get_one_thread_and_this_one_its_own_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    with one_thread_each():
        assert {name: os.environ[name] for name in ONE} == ONE
    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert "MKL_NUM_THREADS" not in os.environ
