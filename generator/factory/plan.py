"""The plan of a dataset: a TOML file, read and checked before anything is made. ``docs/dataset.md`` describes it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

from tellmark.encoding import Encoding
from tellmark.errors import InputError
from tellmark.generator.actors.recipe import ActorAttributes, balanced
from tellmark.generator.audio.sentences import languages, sentences
from tellmark.generator.factory.dials import DIALS
from tellmark.generator.factory.toml_table import TomlTable, place_of
from tellmark.generator.motions import MOTIONS
from tellmark.generator.renderers import RENDERERS

SPLITS = ("train", "val", "test")
ORIGINALS = ("reference", "real")
FAKES = ("talk", "reenact", "lipsync", "swap", "selfblend", "splice", "import")
METHODS = (*ORIGINALS, *FAKES)
ARMS = ("null", "plain")  # further takes of an original: through every stage but the synthesis; without a mark
COMPRESSION = ("raw", "c23", "c40", "messenger")
DRIVERS = ("self", "other")
PRESETS = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow")

_SHARES = {"train": 0.6, "val": 0.2, "test": 0.2}
_FIRST_ACTOR = 100  # smaller seeds are left to examples, so that a dataset's people are not those of the README
_CHOICE = 20  # seeds looked at for every actor of a balanced cast
_MOST_ACTORS = 10_000  # by number; another plan seed begins where these end

_TOML_STRING = r'"""[\s\S]*?"""|\'\'\'[\s\S]*?\'\'\'|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\''


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
    fps: tuple[float, ...]  # dealt to the takes; a fake has its original's
    seconds: float  # of each clip
    takes: int  # performances an identity gives, at most
    methods: tuple[str, ...]
    arms: tuple[str, ...]  # of ARMS
    renderers: tuple[str, ...]  # that animate stills, dealt to the takes: of RENDERERS
    motions: tuple[str, ...]  # models that move references and fakes, dealt to the takes: of MOTIONS
    driver: str  # whose performance drives a `reenact` fake: of DRIVERS
    compression: tuple[str, ...]  # of COMPRESSION; empty: ``encoding`` alone
    dials: Mapping[str, tuple[float, ...]]  # artifact -> severities, each in (0, 1]
    dialled: tuple[str, ...]  # methods whose fakes the dials are turned on
    licence: str  # of clips of virtual actors
    encoding: Encoding
    splits: Mapping[str, float]  # name -> share of the identities, > 0
    actors: tuple[int, ...]  # seeds
    portraits: Folder | None
    footage: Folder | None
    imports: Folder | None
    voices: Voices
    path: Path  # of the TOML
    text: str = field(repr=False)

    def place(self, key: str) -> str:
        """Where the plan says ``key`` (dotted): how errors that show only later begin."""
        return place_of(self.path, self.text, key)


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
        (
            "name",
            "seed",
            "fps",
            "seconds",
            "takes",
            "methods",
            "arms",
            "renderer",
            "motion",
            "driver",
            "compression",
            "licence",
            "actors",
            "balance",
        ),
        ("encoding", "splits", "dials", "portraits", "footage", "import", "voices"),
    )
    seed = table.whole("seed", 0, 0, 2**31 - 1)
    actors = _actors(table, seed)
    portraits = _folder(table, "portraits", ("folder", "licence", "consent"))
    footage = _folder(table, "footage", ("folder", "licence", "consent", "persons"))
    imports = _folder(table, "import", ("folder", "licence", "consent", "persons"))
    encoding = table.table("encoding", ("crf", "preset"))
    methods = _methods(table, actors=bool(actors), footage=footage, portraits=portraits, imports=imports)
    compression = table.subset("compression", (), COMPRESSION)
    if compression and "crf" in encoding:
        encoding.refuse("crf", "belongs to plans without compression = [..], whose names set it; remove one of the two")
    arms = table.subset("arms", (), ARMS)
    if "plain" in arms and footage is None:
        table.refuse("arms", "'plain' is unmarked real footage, generated clips are always marked; add [footage]")
    dials, dialled = _dials(table, methods)
    return Plan(
        name=table.text("name", path.stem),
        seed=seed,
        fps=table.numbers("fps", (25.0,), 10, 60),
        seconds=table.number("seconds", 5, 1, 600),
        takes=table.whole("takes", 1, 1, 1000),
        methods=methods,
        arms=arms,
        renderers=_one_or_more(table, "renderer", "mesh", RENDERERS),
        motions=_one_or_more(table, "motion", "diffusion", MOTIONS),
        driver=table.choice("driver", "self", DRIVERS),
        compression=compression,
        dials=dials,
        dialled=dialled,
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
        imports=imports,
        voices=_voices(table),
        path=path,
        text=text,
    )


def _one_or_more(table: TomlTable, key: str, default: str, known: tuple[str, ...]) -> tuple[str, ...]:
    """One by name, or a list."""
    if isinstance(table.values.get(key), str):
        return (table.choice(key, default, known),)
    return table.subset(key, (default,), known)


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


def _actors(table: TomlTable, seed: int) -> tuple[int, ...]:
    value = table.values.get("actors", 0)
    if type(value) is int and 0 <= value <= _MOST_ACTORS:
        first = _FIRST_ACTOR + _MOST_ACTORS * seed
        names = tuple(one.name for one in fields(ActorAttributes))
        by = table.subset("balance", (), names)
        if not by:
            return tuple(range(first, first + value))
        return tuple(balanced(value, by, range(first, first + min(_CHOICE * value, _MOST_ACTORS))))
    if "balance" in table:
        table.refuse("balance", "needs a number of actors to choose; a list of seeds is chosen already, remove one")
    if not isinstance(value, list) or not all(type(one) is int and one >= 0 for one in value):
        table.refuse("actors", "give a number of virtual actors, or a list of their seeds")
    for one in value:
        if value.count(one) > 1:
            table.refuse("actors", f"{one} is listed twice; an identity belongs to one split, list it once")
    return tuple(value)


def _methods(
    table: TomlTable, *, actors: bool, footage: Folder | None, portraits: Folder | None, imports: Folder | None
) -> tuple[str, ...]:
    """The methods asked for, or what the identities allow at little cost; both classes, and originals for the fakes."""
    originals = tuple(name for name, there in (("reference", actors), ("real", footage)) if there)
    if not originals:
        why = "portraits give fakes alone and no original to pair them with" if portraits else "there is nobody to film"
        table.refuse("actors", f"{why}; add actors = N or [footage]")
    brought = ("import",) if imports else ()
    methods = table.subset("methods", (*originals, "talk", *brought), METHODS)
    for method, needs in (("reference", "actors = N"), ("real", "[footage]"), ("import", "[import]")):
        if method in methods and method not in (*originals, *brought):
            table.refuse("methods", f"{method!r} needs {needs}; add it or remove the method")
    if missing := [name for name in (*originals, *brought) if name not in methods]:
        why = "is given and not used" if "import" in missing else "fakes would have no original to pair with"
        table.refuse("methods", f"{'[import] ' if 'import' in missing else ''}{why}; add {missing[0]!r}")
    if not set(methods) & set(FAKES):
        table.refuse("methods", "there are no fakes; add 'talk'")
    if portraits and "talk" not in methods:
        table.refuse("methods", "[portraits] are made to talk and nothing else; add 'talk'")
    return tuple(method for method in METHODS if method in methods)


def _dials(table: TomlTable, methods: tuple[str, ...]) -> tuple[dict[str, tuple[float, ...]], tuple[str, ...]]:
    """Severities of each dial, 0 left out (that is the fake itself), and the methods they are turned on."""
    given = table.table("dials", ("of", *DIALS))
    able = tuple(name for name in methods if name in FAKES and name != "import")
    of = given.subset("of", able, able)
    found = {
        name: tuple(sorted({one for one in given.numbers(name, (), 0, 1) if one > 0}))
        for name in DIALS
        if name in given
    }
    if "of" in given and not found:
        given.refuse("of", f"no dial is turned; add one, such as mouth_blur = [0.5, 1.0] ({', '.join(DIALS)})")
    return found, of


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
