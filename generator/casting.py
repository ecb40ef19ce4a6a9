"""Who performs what, with which voice, in which split: a plan becomes a list of takes.

Identities, sources and voices are dealt to the splits before anything is made, each to exactly one, so that the splits
are disjoint by construction. Everything follows from the plan's seed and the names of the files, never from the order
of work. Real people appear under a hash: file names often are names.
"""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from tellmark.errors import UsageError
from tellmark.generator import sources
from tellmark.generator.sentences import sentences
from tellmark.generator.sources import Recording

if TYPE_CHECKING:
    from tellmark.generator.plan import Plan

_T = TypeVar("_T", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Sound:
    """What is heard in a take: ``texts`` spoken by espeak-ng, or a stretch of ``path``."""

    voice_id: str
    language: str = ""
    variant: str = ""
    speed: int = 160  # words per minute
    pitch: int = 50
    texts: tuple[str, ...] = ()  # as many as are needed, from the first on
    path: Path | None = None
    start_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Take:
    """One performance and all clips of it: an original and the fake that pairs with it, heard with the same sound."""

    take_id: str
    identity: str  # actor:SEED, person:HASH or portrait:HASH
    source_id: str
    split: str
    methods: tuple[str, ...]  # in the order in which they are made
    seed: int
    sound: Sound
    licence: str
    actor: int | None = None  # the seed of a virtual actor
    path: Path | None = None  # the picture or the footage
    consent: str | None = None

    def clip_id(self, method: str) -> str:
        """The id of one of the take's clips."""
        return f"{self.take_id}-{method}"


def number(*words: object) -> int:
    """A 48-bit seed that depends on the words alone."""
    return int.from_bytes(hashlib.sha256("\0".join(map(str, words)).encode()).digest()[:6])


def cast(plan: Plan) -> tuple[list[Take], list[str]]:
    """The takes of a plan, in order of their ids, and the files that cannot be used (with the reason).

    Raises :class:`UsageError` or :class:`InputError` where a split would stay without identities or voices.
    """
    left_out: list[str] = []
    people = sources.people(plan.footage, plan.seconds, left_out) if plan.footage else {}
    pictures = sources.pictures(plan.portraits, left_out) if plan.portraits else {}
    for kind, found in (("actors", plan.actors), ("people with usable footage", people)):
        if found and len(found) < len(plan.splits):
            raise UsageError(
                f"{plan.name}: {len(found)} {kind} for {len(plan.splits)} splits; add some, or give fewer [splits]"
            )
    voices = _Voices(plan, left_out)
    takes: list[Take] = []
    for actor, split in _deal(plan, "actors", plan.actors).items():
        for k in range(plan.takes):
            name = f"actor-{actor}-{k:02d}"
            sound = voices.sound(split, name)
            takes.append(
                Take(name, f"actor:{actor}", f"actor:{actor}", split, ("reference", "talk"), number(plan.seed, name),
                     sound, plan.licence, actor=actor)
            )  # fmt: skip
    for key, split in _deal(plan, "portraits", list(pictures)).items():
        assert plan.portraits is not None
        licence, consent = plan.portraits.licence, plan.portraits.consent
        for k in range(plan.takes):
            name = f"portrait-{key}-{k:02d}"
            takes.append(
                Take(name, f"portrait:{key}", f"portrait:{key}", split, ("talk",), number(plan.seed, name),
                     voices.sound(split, name), licence, path=pictures[key], consent=consent)
            )  # fmt: skip
    for person, split in _deal(plan, "people", list(people)).items():
        takes += _person_takes(plan, person, people[person], split)
    return sorted(takes, key=lambda take: take.take_id), left_out


def _person_takes(plan: Plan, person: str, files: Sequence[Recording], split: str) -> list[Take]:
    """Consecutive stretches of a person's footage, heard with its own sound."""
    assert plan.footage is not None
    stretches = [(file, k * plan.seconds) for file in files for k in range(int(file.duration_s / plan.seconds + 1e-6))]
    takes = []
    for k, (file, start_s) in enumerate(stretches[: plan.takes]):
        name = f"person-{person}-{k:02d}"
        path = file.path
        sound = Sound(f"person:{person}", path=path, start_s=start_s)
        takes.append(
            Take(name, f"person:{person}", f"footage:{file.key}", split, ("real", "talk"),
                 number(plan.seed, name), sound, plan.footage.licence, path=path, consent=plan.footage.consent)
        )  # fmt: skip
    return takes


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
        self._files = sources.voices(folder, plan.seconds, left_out) if folder else {}
        if not (plan.actors or plan.portraits):
            return  # footage brings its own sound
        names = list(self._files) if plan.voices.folder else list(plan.voices.variants)
        if len(names) < len(plan.splits):
            raise UsageError(
                f"{plan.name}: {len(names)} voices for {len(plan.splits)} splits, and a voice belongs to one; add "
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
