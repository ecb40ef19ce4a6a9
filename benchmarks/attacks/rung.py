"""One attack as it is judged, and how most of them end: in H.264."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from tellmark.benchmarks.attacks.clip import Attack, chain
from tellmark.benchmarks.attacks.codecs import LONG_GOP_S, recompress


@dataclass(frozen=True, slots=True)
class Rung:
    """One attack as it is judged.

    seconds: how much of the attacked clip the detector gets. target: the share of payloads to be read; None where
    there is none. source_s: how much of the marked clip goes in, where that differs. after: the excerpt is taken from
    the middle of a longer attacked clip, so that it starts between keyframes; otherwise it is taken before the attack.
    """

    name: str
    group: str
    attack: Attack
    seconds: float = 6.0
    target: float | None = 0.95
    source_s: float | None = None
    after: bool = False

    @property
    def needed_s(self) -> float:
        """How much of a marked clip the rung needs."""
        return self.source_s or self.seconds


def h264(crf: int, gop_s: float = LONG_GOP_S, preset: str = "veryfast") -> Attack:
    return partial(recompress, crf=crf, gop_s=gop_s, preset=preset)


def with_crf23(group: str, attacks: dict[str, Attack]) -> list[Rung]:
    return [Rung(f"{name} + crf 23", group, chain(attack, h264(23))) for name, attack in attacks.items()]
