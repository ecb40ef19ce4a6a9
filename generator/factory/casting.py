"""Who performs what, with which voice, in which split: a plan becomes a list of takes.

Identities, sources and voices are dealt to the splits before anything is made, each to exactly one, so that the splits
are disjoint by construction. Everything follows from the plan's seed and the names of the files, never from the order
of work. Real people appear under a hash: file names often are names.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from tellmark.errors import TellmarkError, UsageError
from tellmark.generator.audio.sentences import sentences
from tellmark.generator.audio.voice import check_voices
from tellmark.generator.factory import sources
from tellmark.generator.factory.roles import Sound, Take, number
from tellmark.generator.factory.sources import Imported, Recording

if TYPE_CHECKING:
    from tellmark.generator.factory.plan import Plan

_T = TypeVar("_T", bound=Hashable)


def cast(plan: Plan) -> tuple[list[Take], list[str]]:
    """The takes of a plan, in order of their ids, and the files that cannot be used (with the reason).

    Raises :class:`UsageError` or :class:`InputError` where a split would stay without identities or voices.
    """
    left_out: list[str] = []
    with _placed(plan, "footage.folder"):
        people = sources.people(plan.footage, plan.seconds, left_out) if plan.footage else {}
    with _placed(plan, "portraits.folder"):
        pictures = sources.pictures(plan.portraits, left_out) if plan.portraits else {}
    with _placed(plan, "import.folder"):
        imports = sources.imports(plan.imports, plan.seconds, left_out) if plan.imports else {}
    for key, kind, found in (("actors", "actors", plan.actors), ("footage", "people with usable footage", people)):
        if found and len(found) < len(plan.splits):
            why = f"{len(found)} {kind} for {len(plan.splits)} splits; add some, or give fewer [splits]"
            raise UsageError(f"{plan.place(key)}: {why}")
    voices = _Voices(plan, left_out)
    takes: list[Take] = []
    for actor, split in _deal(plan, "actors", plan.actors).items():
        for k in range(plan.takes):
            name = f"actor-{actor}-{k:02d}"
            takes.append(
                Take(name, f"actor:{actor}", f"actor:{actor}", split, _filmed(plan, "reference"),
                     number(plan.seed, name), voices.sound(split, name), plan.licence, _rate(plan, name), actor=actor)
            )  # fmt: skip
    for key, split in _deal(plan, "portraits", list(pictures)).items():
        assert plan.portraits is not None
        licence, consent = plan.portraits.licence, plan.portraits.consent
        for k in range(plan.takes):
            name = f"portrait-{key}-{k:02d}"
            takes.append(
                Take(name, f"portrait:{key}", f"portrait:{key}", split, ("talk",), number(plan.seed, name),
                     voices.sound(split, name), licence, _rate(plan, name), path=pictures[key], consent=consent)
            )  # fmt: skip
    for person, split in _deal(plan, "people", list(people)).items():
        takes += _person_takes(plan, person, people[person], split)
    for person, split in _deal(plan, "imports", list(imports)).items():
        takes += _import_takes(plan, person, imports[person], split)
    takes = [_animated(plan, take) for take in sorted(takes, key=lambda take: take.take_id)]
    return _partnered(plan, takes), left_out


@contextmanager
def _placed(plan: Plan, key: str) -> Iterator[None]:
    """Errors raised in here say where the plan names what they are about."""
    try:
        yield
    except TellmarkError as error:
        raise type(error)(f"{plan.place(key)}: {error}") from error


def _filmed(plan: Plan, original: str) -> tuple[str, ...]:
    """What is made of a performance that was filmed: the original, its arms, and every fake but the imported ones."""
    arms = [arm for arm in plan.arms if arm == "null" or original == "real"]
    return (original, *arms, *(name for name in plan.methods if name not in ("reference", "real", "import")))


def _rate(plan: Plan, name: str) -> float:
    return plan.fps[number(plan.seed, name, "fps") % len(plan.fps)]


def _animated(plan: Plan, take: Take) -> Take:
    """The take with what poses its stills and moves them, of what the plan names."""

    def dealt(what: str, choices: Sequence[str]) -> str:
        return choices[number(plan.seed, take.take_id, what) % len(choices)]

    return dataclasses.replace(take, renderer=dealt("renderer", plan.renderers), motion=dealt("motion", plan.motions))


def _person_takes(plan: Plan, person: str, files: Sequence[Recording], split: str) -> list[Take]:
    """Consecutive stretches of a person's footage, heard with its own sound."""
    assert plan.footage is not None
    stretches = [(file, k * plan.seconds) for file in files for k in range(int(file.duration_s / plan.seconds + 1e-6))]
    takes = []
    for k, (file, start_s) in enumerate(stretches[: plan.takes]):
        name = f"person-{person}-{k:02d}"
        sound = Sound(f"person:{person}", path=file.path, start_s=start_s)
        takes.append(
            Take(name, f"person:{person}", f"footage:{file.key}", split, _filmed(plan, "real"),
                 number(plan.seed, name), sound, plan.footage.licence, _rate(plan, name), path=file.path,
                 consent=plan.footage.consent)
        )  # fmt: skip
    return takes


def _import_takes(plan: Plan, person: str, files: Sequence[Imported], split: str) -> list[Take]:
    """The first seconds of every clip of another system."""
    assert plan.imports is not None
    licence, consent = plan.imports.licence, plan.imports.consent
    return [
        Take(f"import-{file.recording.key}", f"import:{person}", f"import:{file.recording.key}", split, ("import",),
             number(plan.seed, file.recording.key), Sound(f"import:{person}", path=file.recording.path), licence,
             _rate(plan, file.recording.key), path=file.recording.path, consent=consent, system=file.system)
        for file in files
    ]  # fmt: skip


def _partnered(plan: Plan, takes: Sequence[Take]) -> list[Take]:
    """Takes with their donor and their words, both of the same split, so that the splits stay disjoint."""
    filmed = [take for take in takes if take.original]
    of_identity, of_kind, of_split = (
        _grouped(filmed, key)
        for key in (lambda one: one.identity, lambda one: (one.split, one.original), lambda one: one.split)
    )
    given = []
    for take in takes:
        if take.original is None:
            given.append(take)
            continue
        donor = _donor(take, of_kind[take.split, take.original]) or _donor(take, of_split[take.split])
        own = of_identity[take.identity]
        after = own[(own.index(take) + 1) % len(own)]
        words = after.sound if after is not take else donor.sound if donor else None
        needed: list[str] = [name for name in ("swap", "lipsync", "splice") if name in take.methods]
        if plan.driver == "other" and "reenact" in take.methods:
            needed.append("reenact")
        if needed and (donor is None or words is None):
            raise UsageError(
                f"{plan.place('methods')}: {take.identity} is alone in split {take.split}, and {needed[0]} needs "
                "another identity there; add some, or give fewer [splits]"
            )
        if donor is not None:
            donor = dataclasses.replace(donor, fps=take.fps)  # so that it has as many frames
        given.append(dataclasses.replace(take, donor=donor if needed else None, words=words if needed else None))
    return given


def _grouped(takes: Sequence[Take], key: Callable[[Take], Hashable]) -> dict[Hashable, list[Take]]:
    groups: dict[Hashable, list[Take]] = {}
    for take in takes:
        groups.setdefault(key(take), []).append(take)
    return groups


def _donor(take: Take, among: Sequence[Take]) -> Take | None:
    """The first take of another identity, counted from a place that the take's seed gives."""
    start = take.seed % len(among)
    return next((one for one in (*among[start:], *among[:start]) if one.identity != take.identity), None)


def _deal(plan: Plan, kind: str, things: Sequence[_T]) -> dict[_T, str]:
    """Each thing's split: shuffled by the seed, then dealt by largest remainder, at least one to each if possible."""
    shares = plan.splits
    order = sorted(things, key=lambda thing: (number(plan.seed, kind, thing), str(thing)))
    counts = {split: int(share * len(order)) for split, share in shares.items()}
    if len(order) >= len(shares):
        counts = {split: max(1, count) for split, count in counts.items()}
    while sum(counts.values()) > len(order):  # one was given to a small share: the largest pays
        counts[max(counts, key=lambda split: counts[split] - shares[split] * len(order))] -= 1
    while sum(counts.values()) < len(order):
        counts[max(counts, key=lambda split: shares[split] * len(order) - counts[split])] += 1
    splits = [split for split, count in counts.items() for _ in range(count)]
    return dict(zip(order, splits, strict=True))


class _Voices:
    """Voices dealt to the splits; a take draws one of its split."""

    def __init__(self, plan: Plan, left_out: list[str]) -> None:
        self._plan = plan
        folder = plan.voices.folder
        with _placed(plan, "voices.folder"):
            self._files = sources.voices(folder, plan.seconds, left_out) if folder else {}
        if not (plan.actors or plan.portraits):
            return  # footage brings its own sound
        if folder is None:
            with _placed(plan, "voices"):
                check_voices(plan.voices.languages, plan.voices.variants)
        names = list(self._files) if plan.voices.folder else list(plan.voices.variants)
        if len(names) < len(plan.splits):
            raise UsageError(
                f"{plan.place('voices')}: {len(names)} voices for {len(plan.splits)} splits, and a voice belongs to "
                "one; add "
                + (f"recordings of {plan.seconds:g} s or more" if plan.voices.folder else "variants under [voices]")
            )
        dealt = _deal(plan, "voices", names)
        self._of_split = {split: sorted(name for name in names if dealt[name] == split) for split in plan.splits}

    def sound(self, split: str, take: str) -> Sound:
        rng = np.random.default_rng(number(self._plan.seed, take, "sound"))
        names = self._of_split[split]
        name = names[int(rng.integers(len(names)))]
        if self._files:
            file = self._files[name][int(rng.integers(len(self._files[name])))]
            start = float(rng.uniform(0, file.duration_s - self._plan.seconds))
            return Sound(f"speech:{name}", path=file.path, start_s=round(start, 3))
        spoken = self._plan.voices.languages
        language = spoken[int(rng.integers(len(spoken)))]
        texts = self._plan.voices.texts or sentences(language)
        return Sound(
            f"espeak:{name}",
            language=language,
            variant=name,
            speed=int(rng.integers(140, 181)),
            pitch=int(rng.integers(35, 66)),
            texts=tuple(texts[k] for k in rng.permutation(len(texts))),
        )
