"""The page as a whole: its numbers, that it stands alone, and that it keeps people out."""

import csv
import dataclasses
import json
import re
import subprocess
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from tellmark.errors import InputError, UsageError
from tellmark.reports import build_report, measure
from tellmark.reports.gap import FEWEST_PERSONS
from tellmark.reports.records import load


def test_numbers_of_the_headline(make_folder: Callable[..., Any], tmp_path: Path) -> None:
    folder = make_folder()
    page = build_report(folder.path, tmp_path / "out").read_text()
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    auc = folder.evaluation["overall"]["auc"]
    assert results["gap"]["value"] == pytest.approx(2 * auc - 1)
    assert results["gap"]["ci"] == pytest.approx([0.42, 0.94])
    assert f'id="headline">{2 * auc - 1:.2f}' in page
    assert "0.42&nbsp;to&nbsp;0.94" in page
    assert f"in {100 * auc:.0f} of 100 draws" in page
    assert "not corrected" in page


def test_an_interval_that_holds_zero_is_called_so(make_folder: Callable[..., Any], tmp_path: Path) -> None:
    folder = make_folder()
    assert "The interval holds zero" not in build_report(folder.path, tmp_path / "a").read_text()
    folder.evaluation["overall"]["auc_ci"] = [0.48, 0.8]
    assert "The interval holds zero" in build_report(folder.save(), tmp_path / "b").read_text()


def test_too_few_persons_are_no_headline(make_folder: Callable[..., Any], tmp_path: Path) -> None:
    folder = make_folder(actors=FEWEST_PERSONS - 1, people=0)
    (folder.path / "gap.json").write_text(json.dumps(gap_record(folder)))
    page = build_report(folder.path, tmp_path / "few").read_text()
    found = json.loads((tmp_path / "few" / "results.json").read_text())
    assert 'id="headline">Too few persons to say' in page
    assert f"{FEWEST_PERSONS - 1} in the smaller class, where {FEWEST_PERSONS} are needed" in page
    assert (found["gap"]["stated"], found["gap"]["value"], found["gap"]["ci"]) == (False, None, [None, None])
    assert found["gap"]["why"].startswith("Too few persons to say")
    for name in ("tells", "methods", "durations"):
        assert found[name]
        assert all(row["gap"] is None and row["detectability"] is None for row in found[name])
    assert "too few persons to say" in (tmp_path / "few" / "tables" / "tells.tex").read_text()
    assert "No number" not in page
    assert "nan" not in page.lower().replace("nano", "")

    (folder.path / "gap.json").unlink()  # and by the evaluation alone
    assert 'id="headline">Too few persons to say' in build_report(folder.path, tmp_path / "alone").read_text()

    enough = make_folder(actors=FEWEST_PERSONS, people=0)
    (enough.path / "gap.json").write_text(json.dumps(gap_record(enough)))
    assert "oo few persons" not in build_report(enough.path, tmp_path / "enough").read_text()
    assert "too few" not in (tmp_path / "enough" / "tables" / "tells.tex").read_text()


def test_tables_count_what_the_manifest_holds(make_folder: Callable[..., Any]) -> None:
    results = measure(load(make_folder(actors=6, people=2).path))
    counts = {(row["split"], row["label"]): row["clips"] for row in results["composition"]}
    assert counts == {
        ("train", "fake"): 1,
        ("train", "reference"): 1,
        ("test", "fake"): 8,
        ("test", "reference"): 6,
        ("test", "real"): 2,
    }
    crf28 = next(row for row in results["channels"] if row["channel"] == "crf28")
    assert (crf28["recovered"], crf28["intact"], crf28["payload_rate"]) == (4, 0, 1.0)
    assert crf28["payload_low"] == pytest.approx(0.51, abs=0.01)
    assert results["methods"][0]["gap"] == pytest.approx(results["gap"]["value"])


def test_the_same_records_give_the_same_bytes(make_folder: Callable[..., Any], tmp_path: Path) -> None:
    folder = make_folder()
    for name in ("a", "b"):
        build_report(folder.path, tmp_path / name)
    files = sorted(path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*") if path.is_file())
    assert len(files) == 14
    for file in files:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes(), file


class Page(HTMLParser):
    """Collects what the tests ask for; void elements aside, every tag must be closed in order."""

    VOID = frozenset({"meta", "img", "link", "br", "wbr", "hr"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_stands_alone_and_is_accessible(make_folder: Callable[..., Any], tmp_path: Path) -> None:
    text = build_report(make_folder().path, tmp_path / "out").read_text()
    page = Page()
    page.feed(text)
    assert page.open == []
    names = [tag for tag, _ in page.tags]
    assert not {"script", "link", "iframe", "object"} & set(names)
    for tag, attrs in page.tags:
        for key in ("src", "href", "xlink:href"):
            assert (attrs.get(key) or "#").startswith(("data:", "#")), (tag, attrs)
        assert not any(key.startswith("on") for key in attrs)
    assert not re.search(r"url\((?!#)|@import|https?://(?!www\.w3\.org/)", text)
    assert all(attrs["alt"] for tag, attrs in page.tags if tag == "img")
    assert names.count("table") == names.count("caption")
    assert names.count("svg") == text.count("<title>") - 1
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))


def test_no_name_and_no_frame_of_a_real_person(make_folder: Callable[..., Any], tmp_path: Path) -> None:
    build_report(make_folder(actors=2, people=3).path, tmp_path / "out")
    for path in (tmp_path / "out").rglob("*"):
        if path.is_file():
            assert b"Jane" not in path.read_bytes(), path
    page = (tmp_path / "out" / "index.html").read_text()
    assert page.count("<img ") == 2 * 4  # two actors, two moments of two clips each
    rows = list(csv.DictReader((tmp_path / "out" / "scores.csv").read_text().splitlines()))
    people = {row["identity"] for row in rows if row["label"] == "real"}
    assert len(people) == 3
    assert all(re.fullmatch(r"person-[0-9a-f]{8}", name) for name in people)


def test_text_from_records_is_escaped(make_folder: Callable[..., Any], tmp_path: Path) -> None:
    folder = make_folder()
    folder.evaluation["notes"] = ["<script>alert(1)</script>"]
    folder.evaluation["model"] = "<b>"
    page = build_report(folder.save(), tmp_path / "out").read_text()
    assert "<script" not in page
    assert "&lt;b&gt;" in page


def test_benchmarks_commands_and_a_dataset_without_channels(make_folder: Callable[..., Any], tmp_path: Path) -> None:
    folder = make_folder()
    (folder.path / "verification.jsonl").unlink()
    bench = tmp_path / "render-some-machine.csv"
    bench.write_text("stage,fps\nrender,61.5\n")
    index = build_report(folder.path, tmp_path / "out", benchmarks=[bench], commands=["tellmark report A -o B"])
    page = index.read_text()
    assert "61.5" in page
    assert "tellmark report A -o B" in page
    assert "Not measured" in page
    assert not (tmp_path / "out" / "channels.csv").exists()


def test_what_could_not_be_measured_and_the_watermark_matrix(make_folder: Callable[..., Any], tmp_path: Path) -> None:
    folder = make_folder()
    folder.evaluation["tells"]["pulse"] = {"auc": 0.5, "auc_ci": None, "top_feature": "pulse_snr", "cohens_d": None}
    folder.evaluation["watermark"] = {
        f"fake_{a}_vs_negative_{b}": value
        for value, (a, b) in zip(
            (0.911, 0.922, 0.933, 0.944),
            (("marked", "marked"), ("marked", "clean"), ("clean", "marked"), ("clean", "clean")),
            strict=True,
        )
    }
    page = build_report(folder.save(), tmp_path / "out").read_text()
    pulse = next(line for line in page.splitlines() if '<th scope="row">pulse</th>' in line)
    assert "−1.00&nbsp;to&nbsp;1.00" in pulse
    assert re.search(r"forgeries marked</th>.*0\.911.*0\.922", page)
    assert re.search(r"forgeries unmarked</th>.*0\.933.*0\.944", page)


def test_an_audit_that_fails_is_told(make_folder: Callable[..., Any], tmp_path: Path) -> None:
    folder = make_folder()
    assert "Not run" in build_report(folder.path, tmp_path / "a").read_text()
    row = {
        "number": 4,
        "name": "null render",
        "meaning": "m",
        "value": 0.71,
        "interval": [0.6, 0.8],
        "note": "Jane.mp4",
    }
    undecided = row | {"pass_mark": "x", "passed": None}
    controls = [row | {"pass_mark": "<= .55", "passed": False}, undecided | {"number": 5}, undecided | {"value": None}]
    audit = {"schema": "tellmark.audit/1", "model": None, "n_clips": 12, "controls": controls}
    (folder.path / "audit.json").write_text(json.dumps(audit))
    page = build_report(folder.path, tmp_path / "b").read_text()
    assert "1 fails" in page
    assert "not measured" in page
    assert "too few clips" in page
    assert "≤ 0.55" in page
    assert "Jane" not in page
    (folder.path / "audit.json").write_text(json.dumps(audit | {"schema": "other"}))
    with pytest.raises(InputError, match="tellmark audit"):
        build_report(folder.path, tmp_path / "c")

    stripping = row | {"number": 9, "name": "stripping", "value": 2.5e-11, "interval": None, "pass_mark": "0"}
    spread = row | {"number": 10, "name": "spread", "value": 0.0001, "pass_mark": "printed", "passed": True}
    found = audit | {"controls": [stripping | {"passed": False}, spread]}
    (folder.path / "audit.json").write_text(json.dumps(found))
    failed, shown = re.findall(
        r'scope="row">(?:stripping|spread)<.*', build_report(folder.path, tmp_path / "d").read_text()
    )
    assert "10<sup>−11</sup>" in failed  # and not "0.00", which would be the mark itself
    assert "FAILS" in failed
    assert "pass" not in shown  # there is nothing to pass
    assert "none, only shown" in shown


def gap_record(folder: Any, seed: int = 0) -> dict[str, Any]:
    """Held-out scores of every clip of the test split, and null renders that score like the others."""
    rng = np.random.default_rng(seed)
    rows = []
    for clip in folder.clips:
        if clip.split == "test":
            p = float(np.clip(rng.normal(0.7 if clip.label == "fake" else 0.3, 0.15), 0, 1))
            arm = "fake" if clip.label == "fake" else "negative"
            rows.append(
                {"clip_id": clip.clip_id, "arm": arm, "score": p, "tells": {"eyes": p}, "windows": [p], "fold": 0}
            )
    rows += [row | {"arm": "null", "score": row["score"] * 0.9} for row in rows if row["arm"] == "negative"]
    return {
        "schema": "tellmark.gap/1",
        "tells": "abc",
        "rows": rows,
        "zero": [],
        "doses": [],
        "distances": [],
        "notes": [],
    }


def test_what_each_renderer_and_motion_made_is_shown(make_folder: Callable[..., Any], tmp_path: Path) -> None:
    folder = make_folder(actors=24, people=0)
    record = gap_record(folder)
    (folder.path / "gap.json").write_text(json.dumps(record))
    made = ({"renderer": "mesh", "motion_model": "rules"}, {"renderer": "splat", "motion_model": "diffusion"})
    fakes = [k for k, clip in enumerate(folder.clips) if clip.label == "fake"]
    for turn, k in enumerate(fakes):
        folder.clips[k] = dataclasses.replace(folder.clips[k], params=json.dumps(made[turn % 2]))
    page = build_report(folder.save(), tmp_path / "both").read_text()
    rows = json.loads((tmp_path / "both" / "results.json").read_text())["makings"]
    assert [row["making"] for row in rows] == ["mesh, rules", "splat, diffusion"]
    assert "By renderer and motion" in page
    scores = {(row["arm"], row["clip_id"]): row["score"] for row in record["rows"]}
    negatives = [score for (arm, _), score in scores.items() if arm == "negative"]
    for turn, row in enumerate(rows):
        mine = [scores["fake", folder.clips[k].clip_id] for k in fakes[turn::2] if folder.clips[k].split == "test"]
        auc = roc_auc_score([1] * len(mine) + [0] * len(negatives), mine + negatives)
        assert row["clips"] == len(mine)
        assert row["detectability"] == pytest.approx(2 * auc - 1)

    for k in fakes:  # one way of making is no comparison, and another system's clips name none
        folder.clips[k] = dataclasses.replace(folder.clips[k], params=json.dumps(made[0]) if k % 4 else "{}")
    assert "By renderer and motion" not in build_report(folder.save(), tmp_path / "one").read_text()


def test_groups_and_the_correction_are_shown(make_folder: Callable[..., Any], tmp_path: Path) -> None:
    folder = make_folder(actors=12, people=0)
    (folder.path / "gap.json").write_text(json.dumps(gap_record(folder)))
    lines = [f"{clip.identity},{'ab'[k % 2]}" for k, clip in enumerate(c for c in folder.clips if c.label == "fake")]
    (folder.path / "groups.csv").write_text("identity,voice\n" + "\n".join(lines) + "\n")
    page = build_report(folder.path, tmp_path / "out").read_text()
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert results["gap"]["corrected"]
    assert {(row["attribute"], row["group"]) for row in results["groups"]} == {("voice", "a"), ("voice", "b")}
    assert [row["family"] for row in results["tells"]] == ["eyes"]
    assert "voice: a" in page
    assert "The gap is not corrected" not in page


def test_an_existing_report_is_kept(make_folder: Callable[..., Any], tmp_path: Path) -> None:
    folder = make_folder()
    index = tmp_path / "out" / "index.html"
    index.parent.mkdir()
    index.write_text("an earlier one")
    with pytest.raises(UsageError, match="--force"):
        build_report(folder.path, tmp_path / "out")
    assert index.read_text() == "an earlier one"
    assert build_report(folder.path, tmp_path / "out", force=True) == index
    assert "Authenticity gap" in index.read_text()


def test_imports_neither_torch_nor_the_other_packages() -> None:
    code = (
        "import sys, tellmark.reports\n"
        "bad = [m for m in sys.modules if m.split('.')[0] == 'torch' or m.startswith(('tellmark.generator', "
        "'tellmark.watermark', 'tellmark.detector'))]\n"
        "assert not bad, bad"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
