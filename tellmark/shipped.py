"""The training set of the detector that ships, and its weights, from the local material.

    python -m tellmark.shipped DATA WORK     (make weights DATA=.. WORK=..)

DATA has an index.csv of real clips and of other systems' fakes. WORK gets three datasets: `talk`, that of the published
report, with real, null and `talk` clips of some of the same people, marked; `actors`, `talk` clips of virtual actors,
what somebody renders first; and `shipped`, what is learnt from: all of these cut and encoded alike
(``detector.footage``), half of the variants of either class marked, without real clips whose scenery, framing and light
are like that of no fake. Our own fakes have a model apart, which alone learns from actors; drawn scenery gives these
away, so they are a set of their own, WORK/shipped/actors. WORK/shipped/default.npz becomes the weights that learnt from
both, WORK/shipped/audit.json what the audit says of the set without actors, by models that learn as the shipped one
did. An interrupted run goes on; to render anew after the generator changed, give another WORK.
"""

from __future__ import annotations

import csv
import hashlib
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tellmark import published
from tellmark.console import Console
from tellmark.detector import footage
from tellmark.detector.audit.matching import matched, unpaired
from tellmark.detector.audit.probes import background, first_window, framing
from tellmark.detector.audit.run import audit
from tellmark.detector.audit_record import FILE
from tellmark.detector.models.additive import Tells
from tellmark.detector.train import train
from tellmark.detector.unseen import ours
from tellmark.films import number_of
from tellmark.generator.factory import dataset
from tellmark.generator.factory.plan import load_plan
from tellmark.manifest import PARQUET, read_clips, write_manifest
from tellmark.reports.measured import csv_rows
from tellmark.runs import Progress
from tellmark.types import Clip, Kind, Label
from tellmark.watermark.embed import Embedder
from tellmark.watermark.signal.payload import Payload

NAME = "tells-10"
LEARNER = Tells(by_motion=True, apart=("talk",), trees=0.25, steady=2.0)

Bar = Callable[[str], Any]
"""A name in, a context out that gives a :data:`Progress`: ``Console.progress``."""

_SECONDS = 4.8  # three windows
_OWN = 24  # persons of TALK
_EACH = 2  # real clips a fake keeps
_DECISIVE = 160  # clips that the audit marks, and encodes otherwise, to tell .05 and .03 from chance
_DRAWN = "actors"
_PLAN = """\
name = "actors"
seed = 6
seconds = 4.8
actors = 24
balance = ["presentation", "monk_tone"]
methods = ["reference", "talk"]
motion = ["diffusion", "rules"]
compression = ["c23"]

[splits]
train = 1.0
"""
_OURS = {"real": "", "null": "null", "talk": "talk"}  # method -> system or arm
_SAME_SCENE = ("_R.mp4", "_L.mp4")  # halves of a split picture: a fake, and what it was made of
_SAME_ROOM = ("StyleTalk",)  # systems whose fakes show a person as a real film does: looked at


def drawn(folder: Path, progress: Progress | None = None) -> Path:
    """The dataset of virtual actors in ``folder``, made or gone on with."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    plan = folder.with_name(f"{folder.name}.toml")
    plan.write_text(_PLAN, encoding="utf-8")
    dataset.build(load_plan(plan), folder, resume=True, progress=progress)
    return folder


def index_rows(data: Path, talk: Path, actors: Path) -> list[dict[str, Any]]:
    """Rows of the index that ``detector.footage`` reads; persons have the same name in all sources."""
    table = [row for row in csv_rows(data / "index.csv") if row["kind"] in ("real", "fake")]
    real = {row["path"]: row["person_id"] for row in table if row["kind"] == "real"}
    rows = [
        _row(data / row["path"], row["path"], row["kind"], row["system"], row["person_id"], row["licence"])
        | {"original": str(data / original) if (original := _original(row, real)) else ""}
        for row in table
    ]
    people = {_pseudonym(row["person_id"]): row["person_id"] for row in table}
    return rows + _ours(talk, people) + _actors(actors)


def _original(row: dict[str, str], real: dict[str, str]) -> str:
    """The real film that a row was made of, of those there are (path -> person); empty where that is not known."""
    if row["kind"] == "real":
        return ""
    if row["system"] in _SAME_ROOM:
        return next((path for path in sorted(real) if real[path] == row["person_id"]), "")
    other = row["path"].replace("fake/", "real/").replace(*_SAME_SCENE)
    return other if other in real else ""


def _ours(talk: Path, people: dict[str, str]) -> list[dict[str, Any]]:
    clips = {(clip.identity, clip.method): clip for clip in read_clips(talk) if clip.compression == "c23"}
    names = sorted({identity for identity, _ in clips} & set(people))[:_OWN]
    rows = []
    for name in names:
        own: dict[str, Clip] = {method: clips[name, method] for method in _OURS}
        for method, clip in own.items():
            kind = "fake" if method == "talk" else "real"
            row = _row(talk / clip.path, f"{name} {method}", kind, _OURS[method], people[name], clip.licence)
            row |= {"marked": "1"}
            rows.append(row | {"original": "" if method == "real" else str(talk / own["real"].path)})
    return rows


def _actors(folder: Path) -> list[dict[str, Any]]:
    chosen = [clip for clip in read_clips(folder) if clip.method == "talk"]
    return [
        _row(folder / clip.path, f"{clip.identity} drawn", "fake", "talk", f"{_DRAWN}/{clip.identity}", clip.licence)
        | {"marked": "1"}
        for clip in chosen
    ]


def _pseudonym(person: str) -> str:
    """The identity that the factory gives a person of ``make published``."""
    return f"person:{hashlib.sha256(number_of(person).encode()).hexdigest()[:8]}"


def _row(path: Path, name: str, kind: str, system: str, person: str, licence: str) -> dict[str, Any]:
    whole = str(path.resolve())
    return {
        "path": whole, "name": name, "kind": kind, "system": system, "person_id": person, "licence": licence,
        "original": "", "marked": "",
    }  # fmt: skip


def build(data: Path, talk: Path, actors: Path, out: Path, progress: Progress | None = None) -> list[Clip]:
    """Write the dataset to ``out``, and that of the actors' clips below it; the clips of both."""
    (out / _DRAWN).mkdir(parents=True, exist_ok=True)
    rows = index_rows(data.resolve(), talk.resolve(), actors.resolve())
    with (out / "index.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    clips = footage.build(out / "index.csv", out, variants=2, seconds=_SECONDS, mark=_mark, progress=progress)
    kept = like_the_fakes(out, clips)
    apart = [clip for clip in kept if clip.identity.startswith(f"{_DRAWN}/")]
    write_manifest(out, [clip for clip in kept if clip not in apart])
    write_manifest(out / _DRAWN, [replace(clip, path=f"../{clip.path}") for clip in apart])
    return kept


def taught(folder: Path) -> list[Path]:
    """The datasets that the weights learn from: ``folder``, which is audited, and that of actors below it."""
    return [folder, *(below for below in (folder / _DRAWN,) if (below / PARQUET).exists())]


def _mark(width: int, height: int) -> Any:
    return Embedder(Payload.new(Kind.CONTROL), width=width, height=height).embed


def like_the_fakes(folder: Path, clips: Sequence[Clip]) -> list[Clip]:
    """``clips`` without those, not of our own pipeline, whose scenery, framing and light are only one class's.

    Real clips that are like no fake go, then fakes that have neither their original nor a counterpart among the rest.
    """
    own = ours(clips)
    others = [clip for clip in clips if clip.clip_id not in own]
    windows = [first_window(folder / clip.path) for clip in others]
    scenery = np.array([np.concatenate([background(window), framing(window)]) for window in windows])
    labels = np.array([int(clip.label is Label.FAKE) for clip in others])
    who, sources = (np.array([getattr(clip, name) for clip in others]) for name in ("identity", "source_id"))
    kept = matched(scenery, labels, who, sources, each=_EACH)
    alone = {""}
    while alone:
        left = [i for i, clip in enumerate(others) if clip.source_id in kept]
        alone = unpaired([others[i] for i in left], scenery[left])
        kept -= alone
    return [clip for clip in clips if clip.clip_id in own or clip.source_id in kept]


def made(data: Path, work: Path, bar: Bar) -> Path:
    """The dataset in ``work``/shipped, of which `talk` and `actors` lie beside it; made where it is missing."""
    folder = work / "shipped"
    if not (folder / PARQUET).exists():
        talk = published.dataset("talk", data, work, bar)
        with bar(_DRAWN) as progress:
            actors = drawn(work / _DRAWN, progress)
        with bar(folder.name) as progress:
            build(data, talk, actors, folder, progress)
    return folder


def main(data: Path, work: Path, bar: Bar) -> None:
    """What the module's text says."""
    folder = made(data, work, bar)
    train(taught(folder), folder / "default.npz", name=NAME, classifier=LEARNER, force=True)
    with bar("audit") as progress:
        found = audit(folder, classifier=LEARNER, mark=_mark, decisive=_DECISIVE, progress=progress)
    found.save(folder / FILE)
    print(found.table())


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]), Console().progress)
