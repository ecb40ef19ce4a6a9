"""Hairstyles: the handful of numbers behind one, and how they are drawn. Nobody's hair is copied."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tellmark.generator.actors import ageing
from tellmark.generator.actors.facespace import rounded

SHORT = ("crop", "back")
_TIED = 0.5  # face heights, from which hair that is combed back is tied there


@dataclass(frozen=True, slots=True)
class HairStyle:
    """The recipe of one hairstyle. Lengths in face heights."""

    flow: str  # "part" (falls from a parting), "back" (combed back), "crop" (short)
    length: float  # of a strand
    lift: float  # how far the outer layer stands off the skull
    parting: float  # -1 .. 1, where the parting lies across the skull; negative: viewer's left
    wave: float  # amplitude of waves or curls
    frequency: float  # turns along a strand
    clumping: float  # 0 .. 1, how far strands of a lock come together towards the tip
    frizz: float  # how unruly single strands are
    density: float  # 0 .. 1
    hairline: float  # added to the height of the hairline: positive recedes
    temples: float  # how far it recedes more at the temples
    colour: tuple[float, float, float]  # sRGB in [0, 1], of the lit fibre
    gloss: float  # strength of the highlight
    # Long hair on the viewer's left and right: 0 hangs before the shoulder, .6 behind it, 1 behind the ear.
    behind: tuple[float, float] = (0.0, 0.0)
    even: float = 0.0  # 0 .. 1, how far long hair is cut at one level
    ends: float = 0.0  # face heights that the ends of long hair are turned in; negative: out
    fringe: float = 0.0  # share of the way to the brows that hair falls over the forehead; 0 none
    sweep: float = 0.0  # how far it goes away from the parting for its way down
    knot: int = 0  # 0: tied behind the head, 1: wound up on top of it
    knot_size: float = 1.0

    @property
    def barbered(self) -> bool:
        """Whether the sides are cut short."""
        return self.flow == "crop" or (self.flow == "back" and self.length < _TIED)

    @property
    def tied(self) -> bool:
        """Whether it is combed back tight."""
        return self.flow == "back" and not self.barbered


def draw(
    feminine: bool,
    colour: tuple[float, ...],
    dark: float,
    age: float,
    rng: np.random.Generator,
    own: np.random.Generator,
) -> HairStyle:
    """A hairstyle for hair of this colour.

    dark: of the skin, in [0, 1]. age: years. rng: what hair always hung on; own: what is drawn apart.
    """
    odds = [0.63, 0.30, 0.07] if feminine else [0.07, 0.15, 0.78]
    flow = str(rng.choice(["part", "back", "crop"], p=odds))
    curly = rng.random() < 0.15 + 0.5 * dark
    curly = curly and (feminine or flow != "back")
    if flow == "crop":
        length = float(rng.choice([0.05, 0.12, 0.22, 0.32], p=[0.2, 0.25, 0.3, 0.25]))
        length = min(length, 0.18) if curly else length
        lift = 0.008 + (0.2 if curly else 0.33) * length + (0.02 if curly else 0)
    elif flow == "back":
        length, lift = 0.55 if feminine else 0.40, float(rng.uniform(0.02, 0.04))
    else:
        length, lift = float(rng.uniform(0.95, 1.75)), float(rng.uniform(0.016, 0.05))
        length *= 1.0 if feminine else 0.75
    if curly:
        wave = float(rng.uniform(0.010, 0.02) if flow == "crop" else rng.uniform(0.022, 0.05))
    else:
        wave = float(rng.gamma(1.4, 0.006))
    frizz = float(rng.uniform(0.5, 1.3)) * (0.6 if flow != "crop" else 1)
    if flow == "part":
        wave = min(max(wave, float(own.gamma(1.4, 0.012))), 0.045 if feminine else 0.02)
    if flow == "crop":
        frizz *= 0.8 if curly else 0.25
    # Alike on both sides: what hangs before one shoulder alone is a rope.
    behind = float(own.choice([0.0, 0.6, 1.0], p=[0.15, 0.3, 0.55]))
    fringed = own.random() < ({"part": 0.28, "back": 0.2, "crop": 0.2} if feminine else {"crop": 0.2}).get(flow, 0.0)
    fringe, sweep = float(own.uniform(0.75, 1.0)), float(own.choice([own.uniform(0, 0.15), own.uniform(0.4, 0.9)]))
    if flow == "crop":
        fringe *= 0.6
        fringed = fringed and length >= 0.12 and not curly
    even, ends, high, size = own.uniform(0.2, 1.0), own.normal(0.04, 0.05), own.random() < 0.4, own.uniform(0.7, 1.15)
    body = float(np.exp(own.normal(0.0, 0.35)))
    if flow == "part":
        lift *= body
    shade = np.clip(np.asarray(colour) * np.exp(rng.normal(0, 0.12)) + rng.normal(0, 0.006, 3), 0.04, 1)
    old = ageing.years(age)
    return HairStyle(
        flow=flow,
        length=round(length, 4),
        lift=round(lift, 4),
        parting=round(float(rng.uniform(-0.6, 0.6)), 3),
        wave=round(min(wave, 0.4 * length) if flow != "back" else 0.2 * wave, 4),
        frequency=round(float(rng.uniform(2.2, 4.5) if curly else rng.uniform(1, 3)), 2),
        clumping=round(float(rng.uniform(0.7, 0.9) if curly else rng.uniform(0.35, 0.7)), 3),
        frizz=round(frizz, 3),
        density=round(float(rng.uniform(0.75, 1.0)) * (1 - 0.25 * old), 3),
        hairline=round(float(rng.normal(0.0, 0.03) if feminine else rng.normal(0.02, 0.05) + 0.08 * old), 4),
        temples=round(float(rng.uniform(0.0, 0.08)), 3)
        if feminine
        else round(float(rng.uniform(0.04, 0.22)) + 0.25 * old, 3),
        colour=rounded(shade),  # type: ignore[arg-type]
        gloss=round(float(rng.uniform(0.6, 1.2)), 3),
        behind=(behind, behind),
        even=round(float(even), 3) if flow == "part" else 0.0,
        ends=round(float(np.clip(ends, -0.06, 0.12)), 3) if flow == "part" else 0.0,
        fringe=round(fringe, 3) if fringed else 0.0,
        sweep=round(sweep, 3) if fringed else 0.0,
        knot=int(feminine and flow == "back" and high),
        knot_size=round(float(size), 3),
    )
