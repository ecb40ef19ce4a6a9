"""An index of footage becomes a folder of films with sound, one a person and named by a number, as plans want it.

Film without sound is lent speech, so that its person can be animated too: `talk` needs something to say. What is lent
says nothing about the film: whoever measures how lips and sound agree must leave these originals out (:data:`LENT`).
"""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av

from tellmark.errors import InputError
from tellmark.runs import atomic_path

PERSONS, GROUPS = "persons.csv", "groups.csv"
OWN, LENT = "its own", "lent"
_RATE_HZ = 48_000

Row = dict[str, str]


def gather_films(index: Path, out: Path, *, seconds: float, most: int | None = None, lend: bool = True) -> Path:
    """Write a film of ``seconds`` or more of each person, persons.csv and groups.csv; films that are there are kept.

    ``index`` has the columns path (beside it), kind (real | speech | ..), person_id, seconds, has_audio and notes,
    where ``lang=de`` names the language of speech. groups.csv says by ``identity``, as datasets name it, whose sound is
    heard and in which language. Film with sound is preferred; ``most`` limits the number of persons; without ``lend``
    film stays as silent as it is. Raises :class:`InputError` where nobody is in it.
    """
    with index.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    speech = [row for row in rows if lend and row["kind"] == "speech" and float(row["seconds"]) >= seconds + 1]
    chosen = list(_one_a_person(rows, seconds, silent=bool(speech) or not lend))[:most]
    if not chosen:
        raise InputError(f"{index} has no real footage of {seconds:g} s; name another index")
    out.mkdir(parents=True, exist_ok=True)
    persons, groups, lent = [], [], 0
    for row in chosen:
        path, source = out / f"{number_of(row['person_id'])}.mp4", index.parent / row["path"]
        own = row["has_audio"] == "1"
        voice = None if own or not lend else speech[lent % len(speech)]
        lent += not own
        if not path.exists():
            _film(source, path, index.parent / voice["path"] if voice else None)
        persons.append({"path": path.name, "person_id": path.stem})
        identity = f"person:{hashlib.sha256(path.stem.encode()).hexdigest()[:8]}"  # as generator.sources names them
        language = re.search(r"\blang=(\w+)", voice["notes"]) if voice else None
        sound = OWN if own else LENT if voice else ""
        groups.append({"identity": identity, "sound": sound, "language": language[1] if language else ""})
    for name, table in ((PERSONS, persons), (GROUPS, groups)):
        with atomic_path(out / name, force=True) as temporary, temporary.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(table[0]))
            writer.writeheader()
            writer.writerows(table)
    return out


def _one_a_person(rows: Sequence[Row], seconds: float, *, silent: bool) -> Iterator[Row]:
    """The best film of each person: with sound before the longest; in an order that names do not decide."""
    known: dict[str, Row] = {}
    for row in rows:
        if row["kind"] == "real" and float(row["seconds"]) >= seconds and (silent or row["has_audio"] == "1"):
            before = known.get(row["person_id"])
            if before is None or _worth(row) > _worth(before):
                known[row["person_id"]] = row
    yield from sorted(known.values(), key=lambda row: (row["has_audio"] != "1", number_of(row["person_id"])))


def _worth(row: Row) -> tuple[bool, float]:
    return row["has_audio"] == "1", min(float(row["seconds"]), 20.0)


def number_of(person: str) -> str:
    """What stands for a person in file names."""
    return f"{int(hashlib.sha256(person.encode()).hexdigest()[:8], 16):010d}"


def _film(source: Path, out: Path, voice: Path | None) -> None:
    """A link to ``source``, or its picture as it is, copied packet by packet, with the sound of ``voice``."""
    if voice is None:
        out.symlink_to(source.resolve())
        return
    with (
        atomic_path(out) as temporary,
        av.open(str(source)) as film,
        av.open(str(voice)) as speech,
        av.open(str(temporary), "w") as target,
    ):
        picture = film.streams.video[0]
        copy = target.add_stream_from_template(picture)
        sound = target.add_stream("aac", rate=_RATE_HZ, layout="mono")
        end = Fraction(picture.duration or 0) * (picture.time_base or 0) or Fraction(film.duration or 0, av.time_base)
        for packet in film.demux(picture):
            if packet.dts is not None:
                packet.stream = copy
                target.mux(packet)
        resampler = av.AudioResampler(format="fltp", layout="mono", rate=_RATE_HZ)
        for frame in speech.decode(audio=0):
            if frame.time is not None and frame.time > end:
                break
            for part in resampler.resample(frame):
                part.pts = None
                target.mux(sound.encode(part))
        target.mux(sound.encode(None))
