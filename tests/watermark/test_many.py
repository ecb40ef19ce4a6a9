import csv
import json
import os
import shutil
import signal
import time
from functools import partial
from pathlib import Path

import pytest

from tellmark.cli import run
from tellmark.errors import UsageError
from tellmark.processes import in_order
from tellmark.types import C2paEvidence, Kind, MissingEvidence, Verdict, VerdictKind, WatermarkEvidence
from tellmark.watermark import many
from tellmark.watermark.credentials import Provenance, sign
from tellmark.watermark.explain import explain
from tellmark.watermark.many import COLUMNS, Failure, csv_writer, expand, row, verify_many


@pytest.fixture(scope="module")
def folder(plain_clip, tmp_path_factory):
    """Signed, plain and damaged files, in folders, beside files that are no media."""
    top = tmp_path_factory.mktemp("many")
    (top / "inner").mkdir()
    (top / ".hidden").mkdir()
    sign(plain_clip, top / "b.mp4", Provenance(Kind.SYNTHETIC, "b"), "1123456789abcdef")
    for name in ("a.mp4", "inner/download.bin", ".hidden/c.mp4"):
        shutil.copy(top / "b.mp4", top / name)
    shutil.copy(plain_clip, top / "inner/plain.mp4")
    data = bytearray((top / "b.mp4").read_bytes())
    data[-1000] ^= 0xFF
    (top / "inner/flipped.mp4").write_bytes(data)
    (top / "inner/broken.mp4").write_text("no media")
    (top / "notes.txt").write_text("not for us")
    return top


EXPECTED = {
    "a.mp4": "intact",
    "b.mp4": "intact",
    "inner/broken.mp4": None,
    "inner/download.bin": "intact",
    "inner/flipped.mp4": "altered",
    "inner/plain.mp4": "none",
}


def by_name(results, folder):
    return {
        str(Path(result.file).relative_to(folder)): None if isinstance(result, Failure) else str(result.verdict)
        for result in results
    }


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_folder_is_verified_in_order_and_a_bad_file_does_not_stop_it(folder, jobs):
    calls = []
    results = list(verify_many([folder], jobs=jobs, manifest_only=True, progress=lambda *call: calls.append(call)))
    assert list(by_name(results, folder).items()) == list(EXPECTED.items())
    assert calls == [(done, 6) for done in range(1, 7)]
    assert "not a video" in results[2].error


def test_with_the_watermark_search_the_verdicts_are_the_same(folder):
    assert by_name(verify_many([folder / "inner"], thorough=False), folder) == {
        name: verdict for name, verdict in EXPECTED.items() if name.startswith("inner")
    }


def test_names_patterns_and_folders(folder, tmp_path):
    files = expand([folder / "b.mp4", folder / "*.mp4", folder / "none.mp4", folder / "*.nothing"])
    assert [Path(file).name for file in files] == ["b.mp4", "a.mp4", "none.mp4", "*.nothing"]
    assert len(expand([str(folder / "**" / "*.mp4")])) == 5
    (tmp_path / "odd[1].mp4").write_bytes(b"x")
    assert expand([tmp_path / "odd[1].mp4"]) == [str(tmp_path / "odd[1].mp4")]
    (missing,) = verify_many([folder / "none.mp4"])
    assert "does not exist" in missing.error
    assert list(verify_many([])) == []


def test_a_folder_without_media_does_not_pass_for_good(folder, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("no media")
    (nothing,) = verify_many([tmp_path])
    assert nothing.error == f"{tmp_path} holds no video, picture or sound; name another folder, or files"
    assert run(["verify", str(tmp_path / "empty"), "--json"]) == 3
    assert json.loads(capsys.readouterr().out)["schema"] == "tellmark.failure/1"


def test_a_wrong_call_is_refused_before_the_first_file(folder):
    with pytest.raises(UsageError, match="no PEM"):
        verify_many([folder], trust=folder / "notes.txt")
    with pytest.raises(UsageError, match="--registry"):
        verify_many([folder], registry="ftp://example.org")


def die(file, by):
    if file.startswith("crash"):
        os.kill(os.getpid(), by)
    return Failure(file, "read")


def test_a_file_that_kills_its_process_is_named_and_the_others_are_read():
    files = ["a", "crash 1", *(f"b{number}" for number in range(30)), "crash 2", "c"]
    results = list(in_order(partial(die, by=signal.SIGKILL), files, 2, many._crashed))
    assert [result.file for result in results] == files
    crashed = [result.file for result in results if "crashed the process" in result.error]
    assert crashed == ["crash 1", "crash 2"]


def test_a_run_can_be_left_early(folder):
    results = verify_many([folder], jobs=2, manifest_only=True)
    assert next(results).verdict is VerdictKind.INTACT
    start = time.perf_counter()
    results.close()
    assert time.perf_counter() - start < 10


def test_the_table_has_a_row_for_each_file(folder, tmp_path):
    target = tmp_path / "verdicts.csv"
    with csv_writer(target, manifest_only=True) as write:
        for result in verify_many([folder], manifest_only=True):
            write(result)
        assert not target.exists()
    with target.open(newline="", encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    assert tuple(rows[0]) == COLUMNS
    assert [item["verdict"] for item in rows] == [verdict or "" for verdict in EXPECTED.values()]
    assert rows[0]["c2pa_trust"] == "trusted"
    assert rows[0]["watermark_present"] == ""  # not searched, which is not the same as not there
    assert rows[4]["c2pa_codes"] == "assertion.bmffHash.mismatch"
    assert "not a video" in rows[2]["error"]
    with pytest.raises(UsageError, match="--force"), csv_writer(target):
        pass


def test_where_the_mark_is_missing_has_columns():
    missing = MissingEvidence(((2.0, 3.0, 0.1),), ((0.0, 6.0, 0.25, 0.25, 0.5, 0.5),), 0.9)
    asked = Verdict("x.mp4", "0" * 64, VerdictKind.INTACT, watermark=WatermarkEvidence(True, 0.0, missing=missing))
    assert json.loads(row(asked)["watermark_missing_spans"]) == [[2.0, 3.0, 0.1]]
    assert json.loads(row(asked)["watermark_missing_regions"]) == [[0.0, 6.0, 0.25, 0.25, 0.5, 0.5]]
    assert "watermark_missing_spans" not in row(asked, manifest_only=True)
    assert "watermark_missing_spans" not in row(Verdict("x.mp4", "0" * 64, VerdictKind.NONE))


@pytest.mark.parametrize("begins", ["=", "+", "-", "@", "\t", "\r"])
def test_a_signers_name_becomes_no_formula(begins):
    verdict = Verdict("x.mp4", "0" * 64, VerdictKind.INTACT, C2paEvidence("Valid", signer=f'{begins}HYPERLINK("x")'))
    assert row(verdict)["watermark_present"] is False
    assert row(verdict)["c2pa_signer"] == f'\'{begins}HYPERLINK("x")'


def test_what_was_not_searched_is_said(folder):
    intact, *_, plain = verify_many([folder], manifest_only=True)
    assert explain(plain, manifest_only=True) == "No manifest was found; the pixels were not searched for a mark."
    assert explain(intact, manifest_only=True).endswith("The pixels were not searched for a mark.")


def test_an_empty_name_is_not_the_folder_one_is_in(folder, monkeypatch):
    monkeypatch.chdir(folder)
    with pytest.raises(UsageError, match="empty"):
        verify_many([""])
    with pytest.raises(UsageError, match="empty"):
        expand(["a.mp4", ""])


def test_a_registry_that_is_named_has_to_be_there(folder, tmp_path):
    """Otherwise a mistyped path reads as "no manifest for it is in the registry"."""
    with pytest.raises(UsageError, match=r"gone\.sqlite does not exist"):
        verify_many([folder / "a.mp4"], registry=tmp_path / "gone.sqlite")
    assert isinstance(next(iter(verify_many([folder / "a.mp4"], manifest_only=True))), Verdict)  # one's own need not be


@pytest.mark.skipif(os.name != "posix", reason="names are bytes there")
def test_a_name_that_is_no_utf_8_gets_its_row(folder, tmp_path):
    odd = Path(os.fsdecode(b"odd-\xff.mp4"))
    shutil.copy(folder / "a.mp4", tmp_path / odd)
    with csv_writer(tmp_path / "out.csv", manifest_only=True) as write:
        for result in verify_many([tmp_path / odd], manifest_only=True):
            write(result)
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as handle:
        (found,) = csv.DictReader(handle)
    assert found["verdict"] == "intact"
    assert found["file"].endswith(r"odd-\udcff.mp4")
