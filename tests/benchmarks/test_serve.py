"""The benchmark of the service, on five uploads, and what it counts."""

from tellmark.benchmarks import serve
from tellmark.benchmarks.serve import File, _outcome


def test_every_kind_of_file_gets_its_own_answer():
    rows = {row["what"]: row for row in serve.run(quick=True)}
    assert set(rows) == {*serve.KINDS, "all"}
    assert (rows["all"]["uploads"], rows["all"]["right"]) == (5, 5)
    assert rows["all"]["together_peak_mb"] > rows["all"]["worker_peak_mb"] > 50
    assert rows["all"]["server_peak_mb"] > 20


def test_lost_mixed_up_and_wrong_answers_are_told_apart():
    file = File("a.mp4", b"data", "signed")
    body = {"sha256": file.sha256, "file": "a.mp4", "verdict": "intact"}
    assert _outcome(file, (200, body)) == "right"
    assert _outcome(file, None) == "lost"
    assert _outcome(file, (200, {**body, "sha256": "0"})) == "mixed_up"
    assert _outcome(file, (200, {**body, "verdict": "none"})) == "wrong"
    assert _outcome(file, (503, {})) == "wrong"
