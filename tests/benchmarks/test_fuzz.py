import os
import time

import pytest

from tellmark.benchmarks import damage, fuzz
from tellmark.types import Verdict, VerdictKind


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    return fuzz.make_samples(tmp_path_factory.mktemp("samples"))


def test_no_damage_crashes_hangs_or_is_vouched_for():
    rows = fuzz.run(cases=100, full_cases=4)
    assert sum(row["cases"] for row in rows) == 104
    assert {row["format"] for row in rows} == {"mp4", "jpg", "png", "c2pa"}
    assert [row["bad_cases"] for row in rows] == [""] * len(rows)
    assert all(row["crash"] == row["hang"] == row["wrong"] == 0 for row in rows)
    assert sum(row["altered"] for row in rows) > 80


def test_a_case_is_the_same_damage_every_time(samples):
    for sample in samples:
        damaged = [damage.damage(sample, number) for number in range(40)]
        assert damaged == [damage.damage(sample, number) for number in range(40)]
        assert sample.data not in damaged
        assert len(set(damaged)) == 40


def test_a_verifier_that_vouches_for_everything_is_caught(samples, tmp_path, monkeypatch):
    monkeypatch.setattr(fuzz, "verify", lambda path, **_: Verdict(str(path), "0" * 64, VerdictKind.INTACT))
    outside = 0
    for number in range(40):
        sample = samples[number % 3]
        if damage.content(damage.damage(sample, number)) != damage.content(sample.data):
            assert fuzz.check(sample, number, "manifest", tmp_path) == "wrong: the content has changed"
            outside += 1
    assert outside > 10


def test_errors_of_the_verifier_are_told_from_refusals(samples, tmp_path, monkeypatch):
    def broken(path, **_):
        raise KeyError("manifest")

    monkeypatch.setattr(fuzz, "verify", broken)
    assert fuzz.check(samples[0], 0, "manifest", tmp_path) == "crash: KeyError: 'manifest'"


def serve(connection, samples, depth, folder):
    """A worker that dies on case 3 and falls asleep on case 5."""
    connection.send("ready")
    while True:
        number = connection.recv()
        if number == 3:
            os._exit(9)
        if number == 5:
            time.sleep(60)
        connection.send("altered")


def test_dead_and_sleeping_workers_are_replaced(tmp_path, monkeypatch):
    monkeypatch.setattr(fuzz, "_serve", serve)
    monkeypatch.setitem(fuzz.LIMIT_S, "manifest", 1.0)
    outcomes = dict(fuzz._outcomes([], "manifest", range(8), tmp_path))
    assert outcomes == {number: {3: "crash", 5: "hang"}.get(number, "altered") for number in range(8)}
