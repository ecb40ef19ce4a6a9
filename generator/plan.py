"""The plan of a dataset: a TOML file, read and checked before anything is made. ``docs/dataset.md`` describes it."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tellmark.encoding import Encoding
from tellmark.errors import InputError
from tellmark.generator.casting import cast
from tellmark.generator.sentences import languages, sentences
from tellmark.generator.toml_table import TomlTable

SPLITS = ("train", "val", "test")
METHODS = ("reference", "real", "talk")
PRESETS = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow")

_SHARES = {"train": 0.6, "val": 0.2, "test": 0.2}
_FIRST_ACTOR = 100  # smaller seeds are left to examples, so that a dataset's people are not those of the README
_MOST_ACTORS = 10_000  # by number; another plan seed begins where these end

_TOML_STRING = r'"""[\s\S]*?"""|\'\'\'[\s\S]*?\'\'\'|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\''

# What a clip costs on one core of a cloud machine (CPU time of builds of 2 s and 3 s clips), and weighs at CRF 23.
_SECONDS_PER_CLIP, _SECONDS_PER_FRAME = 0.9, 0.034
_BYTES_PER_CLIP, _BYTES_PER_SECOND = 10_000, 53_000


@dataclass(frozen=True, slots=True)
class Folder:
    """Files given by the user, with what permits their use."""

    path: Path
    licence: str
    consent: str | None = None  # who agreed to be animated, or the licence that allows it
    persons: Path | None = None  # CSV: path (beside it), person_id


@dataclass(frozen=True, slots=True)
class Voices:
    """Where speech comes from: espeak-ng, or ``folder`` if there is one."""

    languages: tuple[str, ...] = ("en-us", "de", "es", "fr", "it")
    variants: tuple[str, ...] = ("m1", "m3", "m7", "f1", "f2", "f4", "f5", "klatt2", "klatt4")
    texts: tuple[str, ...] = ()  # instead of the built-in sentences
    folder: Folder | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """A checked plan. What a dataset shows follows from it and from the files it names."""

    name: str
    seed: int
    fps: float
    seconds: float  # of each clip
    takes: int  # performances an identity gives, at most
    methods: tuple[str, ...]
    licence: str  # of clips of virtual actors
    encoding: Encoding
    splits: Mapping[str, float]  # name -> share of the identities, > 0
    actors: tuple[int, ...]  # seeds
    portraits: Folder | None
    footage: Folder | None
    voices: Voices
    text: str = field(repr=False)  # the TOML


def load_plan(path: Path | str) -> Plan:
    """Read and check a plan; paths in it are relative to its folder.

    Raises :class:`InputError` for a file that is missing or no TOML, :class:`UsageError` for what the plan says, with
    its line and the fix.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise InputError(f"{path} is missing; docs/dataset.md shows how to write a plan") from error
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read ({error}); give a TOML file") from error
    table = TomlTable.read(
        path,
        text,
        ("name", "seed", "fps", "seconds", "takes", "methods", "licence", "actors"),
        ("encoding", "splits", "portraits", "footage", "voices"),
    )
    seed = table.whole("seed", 0, 0, 2**31 - 1)
    actors = _actors(table, seed)
    portraits = _folder(table, "portraits", ("folder", "licence", "consent"))
    footage = _folder(table, "footage", ("folder", "licence", "consent", "persons"))
    encoding = table.table("encoding", ("crf", "preset"))
    return Plan(
        name=table.text("name", path.stem),
        seed=seed,
        fps=table.number("fps", 25, 10, 60),
        seconds=table.number("seconds", 5, 1, 600),
        takes=table.whole("takes", 1, 1, 1000),
        methods=_methods(table, reference=bool(actors), real=footage is not None, portraits=portraits is not None),
        licence=table.text("licence", "CC-BY-4.0"),
        encoding=Encoding(
            crf=encoding.whole("crf", 23, 0, 40),
            preset=encoding.choice("preset", "veryfast", PRESETS),
            audio_channels=1,  # footage may be mono or stereo: that must not tell the classes apart
        ),
        splits=_splits(table),
        actors=actors,
        portraits=portraits,
        footage=footage,
        voices=_voices(table),
        text=text,
    )


def public_text(plan: Plan) -> str:
    """The TOML as it may be published: consents as SHA-256, full paths as their last part."""

    def hide(match: re.Match[str]) -> str:
        value = match[2].strip("\"'")
        if match[1] == "consent":
            value = f"SHA-256 {hashlib.sha256(value.strip().encode()).hexdigest()}"
        elif Path(value).is_absolute():
            value = Path(value).name
        return f'{match[1]} = "{value}"'

    return re.sub(rf"\b(consent|folder|persons)\s*=\s*({_TOML_STRING})", hide, plan.text)


def dry_run(plan: Plan) -> dict[str, object]:
    """What ``build`` would make: counts, length, and estimates of time (one worker) and size."""
    takes, left_out = cast(plan)
    clips = [(take.split, method) for take in takes for method in take.methods]
    seconds = len(clips) * plan.seconds
    cost = len(clips) * (_SECONDS_PER_CLIP + _SECONDS_PER_FRAME * plan.seconds * plan.fps)
    return {
        "name": plan.name,
        "clips": len(clips),
        **{f"clips {method}": count for method, count in sorted(Counter(method for _, method in clips).items())},
        **{f"clips {split}": sum(where == split for where, _ in clips) for split in plan.splits},
        "identities": len({take.identity for take in takes}),
        "voices": len({take.sound.voice_id for take in takes}),
        "minutes of video": round(seconds / 60, 2),
        "estimated minutes": round(cost / 60, 1),
        "estimated MB": round((len(clips) * _BYTES_PER_CLIP + seconds * _BYTES_PER_SECOND) / 1e6, 1),
        "files left out": len(left_out),
    }


def _actors(table: TomlTable, seed: int) -> tuple[int, ...]:
    value = table.values.get("actors", 0)
    if type(value) is int and 0 <= value <= _MOST_ACTORS:
        first = _FIRST_ACTOR + _MOST_ACTORS * seed
        return tuple(range(first, first + value))
    if not isinstance(value, list) or not all(type(one) is int and one >= 0 for one in value):
        table.refuse("actors", "give a number of virtual actors, or a list of their seeds")
    for one in value:
        if value.count(one) > 1:
            table.refuse("actors", f"{one} is listed twice; an identity belongs to one split, list it once")
    return tuple(value)


def _methods(table: TomlTable, *, reference: bool, real: bool, portraits: bool) -> tuple[str, ...]:
    """The methods asked for, or all that the identities allow; both classes, and an original for every fake."""
    if not (reference or real):
        why = "portraits give fakes alone and no original to pair them with" if portraits else "there is nobody to film"
        table.refuse("actors", f"{why}; add actors = N or [footage]")
    possible = tuple(name for name in METHODS if {"reference": reference, "real": real, "talk": True}[name])
    methods = table.texts("methods", possible)
    for method in methods:
        if method not in METHODS:
            table.refuse("methods", f"{method!r} is unknown; choose among {', '.join(METHODS)}")
        if method not in possible:
            source = {"reference": "actors = N", "real": "[footage]"}[method]
            table.refuse("methods", f"{method!r} needs {source}; add it or remove the method")
    if missing := [method for method in possible if method not in methods]:
        why = "there are no fakes" if "talk" in missing else "fakes would have no original to pair with"
        table.refuse("methods", f"{why}; add {missing[0]!r}")
    return tuple(method for method in METHODS if method in methods)


def _splits(table: TomlTable) -> dict[str, float]:
    given = table.table("splits", SPLITS)
    shares = {name: given.number(name, 0, 0, 1) for name in SPLITS if name in given}
    if not shares:
        return dict(_SHARES)
    if abs(sum(shares.values()) - 1) > 1e-6:
        table.refuse("splits", f"the shares add up to {sum(shares.values()):g}; an identity is in one split, make it 1")
    return {name: share for name, share in shares.items() if share > 0}


def _folder(table: TomlTable, key: str, keys: tuple[str, ...]) -> Folder | None:
    """A folder with its licence; where ``keys`` has consent, it must be given, as these people are animated."""
    if key not in table:
        return None
    given = table.table(key, keys)
    path = table.path.parent / given.text("folder")
    if not path.is_dir():
        given.refuse("folder", f"{path} is no folder; give one relative to the plan or a full path")
    if "consent" in keys and "consent" not in given:
        given.refuse("consent", 'is missing; say who agreed to be animated, or the licence: consent = "..."')
    persons = table.path.parent / given.text("persons") if "persons" in given else None
    if persons is not None and not persons.is_file():
        given.refuse("persons", f"{persons} is missing; give a CSV file with the columns path and person_id")
    return Folder(path, given.text("licence"), given.text("consent") if "consent" in keys else None, persons)


def _voices(table: TomlTable) -> Voices:
    given = table.table("voices", ("languages", "variants", "texts", "folder", "licence"))
    if "folder" in given:
        for key in ("languages", "variants", "texts"):
            if key in given:
                given.refuse(key, "belongs to spoken texts; a folder of speech has no use for it, remove one")
        return Voices(folder=_folder(table, "voices", ("folder", "licence")))
    default = Voices()
    voices = Voices(
        languages=given.texts("languages", default.languages),
        variants=given.texts("variants", default.variants),
        texts=given.texts("texts", ()),
    )
    if voices.texts and len(voices.languages) != 1:
        given.refuse("texts", 'name the one language they are in: languages = ["en-us"]')
    for language in voices.languages:
        if not (voices.texts or sentences(language)):
            given.refuse("languages", f"no sentences in {language!r}, only in {', '.join(languages())}; give texts")
    return voices
