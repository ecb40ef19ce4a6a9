"""The published reports built again by one command, from the test material and the plans in reports/published/plans.

    python -m tellmark.published DATA WORK [TOPIC ..]         (make published DATA=.. WORK=..)

DATA has index.csv (:mod:`tellmark.films`) and a folder ``fake`` with other systems' clips. WORK keeps clips, features
and records: an interrupted run goes on, and only what changed is measured again. To render anew after the generator
changed, remove WORK/TOPIC. A topic is a plan TOPIC.toml: a plan of a dataset, or a table [folders]. A report replaces
that of the same topic, whose numbers go to reports/published/earlier, for the history.
"""

from __future__ import annotations

import datetime
import json
import shutil
import sys
import tomllib
from pathlib import Path
from typing import Any

from tellmark.clip_records import MOTION
from tellmark.console import Console
from tellmark.detector.audit.run import audit_folder
from tellmark.errors import UsageError
from tellmark.films import GROUPS, LENT, gather_films, number_of
from tellmark.folders import gather
from tellmark.generator.factory.dataset import build
from tellmark.generator.factory.plan import load_plan
from tellmark.manifest import read_clips
from tellmark.reports import history
from tellmark.reports.measured import csv_rows
from tellmark.reports.report import build_report
from tellmark.runs import Progress, atomic_path
from tellmark.study import Bar, study
from tellmark.types import Kind
from tellmark.watermark.embed import Embedder
from tellmark.watermark.signal.payload import Payload

PUBLISHED = Path("reports/published")
PLANS = "plans"
_AUDITED = 24  # clips encoded anew by the audit
_MOST = {"methods": 36}  # persons, where a plan has many clips of each
_HEARD = ("talk", "lipsync", "splice")  # whose lips follow the sound, lent or not


def publish(
    topic: str, data: Path, work: Path, bar: Bar, published: Path = PUBLISHED, *, most: int | None = None
) -> Path:
    """Build one topic's dataset, audit and measure it, write its report; return the page.

    most: persons. Raises :class:`UsageError` for a topic without a plan.
    """
    folder = dataset(topic, data, work, bar, published, most=most)
    if not _current(folder / "audit.json", folder / "manifest.parquet"):
        with bar("audit") as progress:
            _audit(folder, progress)
    study(folder, bar)
    _forget_lent_sound(folder)
    out = published / f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}-{topic}"
    _retire(topic, published)
    page = build_report(folder, out, commands=[f"python -m tellmark.published DATA WORK {topic}"], force=True)
    history.write(published, history.collect(published))
    return page


def dataset(
    topic: str, data: Path, work: Path, bar: Bar, published: Path = PUBLISHED, *, most: int | None = None
) -> Path:
    """The dataset of a topic below ``work``, built or gone on with. Raises as :func:`publish`."""
    plan = published / PLANS / f"{topic}.toml"
    if not plan.exists():
        known = ", ".join(sorted(path.stem for path in plan.parent.glob("*.toml")))
        raise UsageError(f"{plan} is missing; the topics are {known}")
    work.mkdir(parents=True, exist_ok=True)
    told = tomllib.loads(plan.read_text(encoding="utf-8"))
    if "folders" in told:
        return _two_folders(told["folders"] | ({"most": most} if most else {}), data, work / topic, bar)
    return _planned(plan, told, data, work, bar, most or _MOST.get(topic))


def _planned(plan: Path, told: dict[str, Any], data: Path, work: Path, bar: Bar, most: int | None) -> Path:
    """The dataset of a plan, built or gone on with; films that it names are gathered first."""
    folder, mine = work / plan.stem, work / plan.name
    shutil.copyfile(plan, mine)
    if "footage" in told:
        films = gather_films(
            data / "index.csv",
            work / told["footage"]["folder"],
            seconds=float(told["seconds"]),
            most=most,
        )
    with bar(plan.stem) as progress:
        build(load_plan(mine), folder, resume=True, progress=progress)
    if "footage" in told:
        shutil.copyfile(films / GROUPS, folder / GROUPS)
    return folder


def _two_folders(told: dict[str, Any], data: Path, folder: Path, bar: Bar) -> Path:
    """One film of each person and every clip of the other systems, cut and encoded alike."""
    seconds = float(told["seconds"])
    real = folder.with_name(told["real"])
    films = gather_films(data / "index.csv", real, seconds=seconds, most=told.get("most"), lend=False)
    index = folder.with_name(f"{folder.name}.csv")
    rows = [{**row, "path": str(films / row["path"]), "system": ""} for row in csv_rows(films / "persons.csv")]
    rows += [
        {"path": str(data / row["path"]), "person_id": number_of(row["person_id"]), "system": row["system"]}
        for row in csv_rows(data / "index.csv")
        if row["kind"] == "fake"
    ]
    with atomic_path(index, force=True) as temporary:
        lines = ["path,person_id,system", *(f"{r['path']},{r['person_id']},{r['system']}" for r in rows)]
        temporary.write_text("\n".join(lines) + "\n")
    with bar(folder.name) as progress:
        return gather(
            films, data / "fake", folder, persons=index, seconds=seconds, variants=int(told.get("variants", 1)),
            progress=progress,
        )  # fmt: skip


def _audit(folder: Path, progress: Progress | None) -> None:
    def marked(width: int, height: int) -> Any:
        return Embedder(Payload.new(Kind.CONTROL), width=width, height=height).embed

    audit_folder(folder, mark=marked, most=_AUDITED, progress=progress).save(folder / "audit.json")


def _current(record: Path, source: Path) -> bool:
    return record.exists() and record.stat().st_mtime >= source.stat().st_mtime


def _forget_lent_sound(folder: Path) -> None:
    """Remove measures of sound from motion.jsonl where a film's sound is not its own and its lips do not follow it."""
    if not (folder / GROUPS).exists():
        return
    lent = {row["identity"] for row in csv_rows(folder / GROUPS) if row.get("sound") == LENT}
    deaf = {c.clip_id for c in read_clips(folder) if c.identity in lent and c.method not in _HEARD}
    rows = [json.loads(line) for line in (folder / MOTION).read_text(encoding="utf-8").splitlines()]
    for row in rows:
        if row["clip_id"] in deaf:
            for name in [name for name in row if "sync" in name.lower() or "audio" in name.lower()]:
                del row[name]
    with atomic_path(folder / MOTION, force=True) as temporary:
        temporary.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def _retire(topic: str, published: Path) -> None:
    """Move the numbers of the topic's present reports to ``earlier``, and remove the rest of them."""
    for old in sorted(published.glob(f"*-{topic}")):
        if old.name[11:] != topic or not (old / "results.json").exists():
            continue
        place = published / history.EARLIER
        place.mkdir(exist_ok=True)
        number = 1 + len(list(place.glob(f"{old.name}.*.json")))
        shutil.move(old / "results.json", place / f"{old.name}.{number}.json")
        shutil.rmtree(old)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        raise SystemExit(__doc__)
    chosen = sys.argv[3:] or sorted(path.stem for path in (PUBLISHED / PLANS).glob("*.toml"))
    console = Console()
    for one in chosen:
        print(publish(one, Path(sys.argv[1]), Path(sys.argv[2]), console.progress))
