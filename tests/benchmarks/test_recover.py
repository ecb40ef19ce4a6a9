"""The benchmark of recovery, on one clip, and what it counts."""

import json

import pytest

from tellmark.benchmarks import recover


def test_one_clip_is_recovered_and_its_mark_moved_is_not(tmp_path, monkeypatch):
    monkeypatch.setattr(recover, "CHANNELS", {name: recover.CHANNELS[name] for name in ("remux", "trim to 5 s")})
    rows = {row["case"]: row for row in recover.run(clips=1, folder=tmp_path)}
    assert list(rows) == ["remux", "trim to 5 s", *recover.MOVES]
    assert all(row["share"] == 1.0 for row in rows.values())
    assert rows["remux"]["recovered"] == 1
    assert all(rows[move]["recovered"] == 0 for move in recover.MOVES)
    assert rows[recover.MOVES[0]]["altered"] == 1
    assert [path.name for path in tmp_path.iterdir()] == ["0.json"]


def test_a_run_is_taken_up_again_and_a_recovered_thief_is_counted(tmp_path, monkeypatch):
    record = dict.fromkeys((*recover.CHANNELS, *recover.MOVES), "recovered")
    for number in range(3):
        (tmp_path / f"{number}.json").write_text(json.dumps({**record, "CRF 28": "none" if number else "recovered"}))
    monkeypatch.setattr(recover, "measure", lambda *_: pytest.fail("measured again"))
    rows = {row["case"]: row for row in recover.run(clips=3, folder=tmp_path)}
    assert rows["CRF 28"]["share"] == pytest.approx(1 / 3, abs=1e-4)
    assert (rows["remux"]["share"], rows[recover.MOVES[0]]["share"]) == (1.0, 0.0)
