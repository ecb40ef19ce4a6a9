"""What is cast: takes, the sound heard in them, and the clips that are made of each."""

from __future__ import annotations

import dataclasses
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tellmark.generator.renderers import RENDERERS

if TYPE_CHECKING:
    from tellmark.generator.factory.plan import Plan


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
class Version:
    """One clip of a take: how it is made, which artifact is added in what dose, and how it is compressed."""

    method: str
    dial: str | None = None
    severity: float = 0.0
    compression: str | None = None

    @property
    def name(self) -> str:
        """What follows the take's id in the clip's."""
        dose = f"{self.dial}-{self.severity:g}" if self.dial else None
        return "-".join(part for part in (self.method, dose, self.compression) if part)


@dataclass(frozen=True, slots=True)
class Take:
    """One performance and all clips of it: an original and the fakes that pair with it."""

    take_id: str
    identity: str  # actor:SEED, person:HASH, portrait:HASH or import:HASH
    source_id: str
    split: str
    methods: tuple[str, ...]  # in the order in which they are made; the original, if there is one, comes first
    seed: int
    sound: Sound
    licence: str
    fps: float
    actor: int | None = None  # the seed of a virtual actor
    path: Path | None = None  # the picture or the footage
    consent: str | None = None
    renderer: str = RENDERERS[0]  # that animates stills
    motion: str = "diffusion"  # the model that moves its reference and the lips and heads of its fakes
    system: str | None = None  # that made an imported clip
    donor: Take | None = None  # of another identity of the split: a face for `swap`, a driver for `reenact`
    words: Sound | None = None  # what `lipsync` and `splice` have the lips say: of another take, else of the donor

    @property
    def original(self) -> str | None:
        """The method that gives the original; None for portraits and imported clips."""
        return self.methods[0] if self.methods[0] in ("reference", "real") else None

    def clip_id(self, version: Version) -> str:
        """The id of one of the take's clips."""
        return f"{self.take_id}-{version.name}"


def versions(plan: Plan, take: Take) -> list[Version]:
    """Every clip of a take: its methods and arms, each fake once more for each dose of each dial, all as compressed."""
    made = []
    for method in take.methods:
        made.append(Version(method))
        if method in plan.dialled:
            made += [Version(method, dial, dose) for dial, doses in plan.dials.items() for dose in doses]
    return [dataclasses.replace(version, compression=name) for version in made for name in plan.compression or (None,)]


def number(*words: object) -> int:
    """A 48-bit seed that depends on the words alone."""
    return int.from_bytes(hashlib.sha256("\0".join(map(str, words)).encode()).digest()[:6])
