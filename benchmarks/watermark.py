"""`tellmark bench watermark`: what the mark costs, what it survives, how fast it is and how often it is seen falsely.

Hosts are virtual actors, rendered in memory; settings (``--with KEY=VALUE``):

    data=FOLDER      videos instead, the middle square of each at 512x512, 25 frames a second
    split=held-out   of these only the persons that nothing was tuned on (``kept_aside.py``); development: all others
    hosts=TEXT       what the results say of them, if not "real, held out" and the like; never names: clips go by number
    clips=N          at most so many
    seconds=12.5     at most so much of each
    group=NAME,..    codec, geometry, time, colour, chains, world, field; imperceptibility, speed, null, localisation
    only=TEXT|..     of the ladder and of localisation's qualities, those whose name contains one of these
    starts=2         excerpts of each clip that the attacks are judged on
    draws=1000000    keys that the group null tries; the default takes some two minutes. 0: the unmarked clips alone
    known=0          payloads of a registry, the own among random ones, that marks too weak to be read are compared with
                     (of group speed, random ones alone)
    published=yes    attacks get the clip as tellmark writes it (CRF 18), not the frames before any encoding
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from tellmark.benchmarks.attacks import LONG_GOP_S, Attack, Frames, Rung, climb, recompress
from tellmark.benchmarks.marks import imperceptibility, localisation, marking, null, settings, speed
from tellmark.benchmarks.marks.hosts import SECONDS, Hosts, chosen
from tellmark.benchmarks.marks.marking import Tellmark, read, registry_of, timed, unmarked
from tellmark.benchmarks.marks.settings import Row, say
from tellmark.media import rgb_to_i420
from tellmark.watermark.signal.analysis import averaged, windows
from tellmark.watermark.signal.fec import CODE_BITS, RATE_INVERSE
from tellmark.watermark.signal.payload import PAYLOAD_BITS
from tellmark.watermark.signal.spectrum import Spectrum

Progress = Callable[[str], None]

OTHERS = ("imperceptibility", "speed", "null", "localisation")
_QUICK = (
    "none", "h264 crf 28", "h264 crf 33", "half size + crf 23", "crop 25 % + crf 23", "rotate 5 deg + crf 23",
    "mirror + crf 23", "25 -> 30 fps + crf 23", "overlay 30 % + crf 23", "messenger",
)  # fmt: skip


def run(
    *,
    quick: bool = False,
    data: str | Path | None = None,
    split: str = "",
    hosts: str = "",
    clips: int | str | None = None,
    seconds: float | str = SECONDS,
    group: str = "",
    only: str = "",
    starts: int | str = 2,
    published: str = "yes",
    draws: int | str = 1_000_000,
    known: int | str = 0,
) -> list[Row]:
    """Rows of {measure, condition, hosts, ...}; settings as in the module's text. quick: one clip, ten attacks."""
    named = settings.groups(group, OTHERS)
    used = chosen(data, 1 if quick and clips is None else clips, seconds, split)
    rungs = settings.rungs(named, only)
    if quick:
        only = only or "crf 23"
        rungs = [rung for rung in rungs if rung.name in _QUICK]
    registry = registry_of(range(len(used)), int(known)) if int(known) else None
    mark = Tellmark(name=f"tellmark, {int(known):,} payloads known", known=registry) if registry else Tellmark()
    first = marking.published if published == "yes" else None
    measured = _rows(
        used, named, rungs, mark, 1 if quick else int(starts), first, 2000 if quick else int(draws), only, int(known)
    )
    return settings.labelled(measured, hosts, used)


def _rows(
    used: Hosts,
    groups: list[str],
    rungs: list[Rung],
    mark: Tellmark,
    starts: int,
    first: Attack | None,
    draws: int,
    only: str,
    known: int,
) -> Iterator[Row]:
    if "imperceptibility" in groups:
        yield from imperceptibility.rows(used, say)
    if rungs:
        yield from climb(mark, used, rungs, starts=starts, published=first, progress=say)
    if "localisation" in groups:
        yield from localisation.rows(used, say, only)
    if "null" in groups:
        yield from _false_positives(used, mark, draws)
    if "speed" in groups:
        yield from speed.rows(next(iter(used)), say, known=known)
        yield {
            "measure": "payload", "condition": "bits", "mean": PAYLOAD_BITS, "max": CODE_BITS // RATE_INVERSE
        }  # fmt: skip


def _false_positives(used: Hosts, mark: Tellmark, draws: int) -> Iterator[Row]:
    """Unmarked hosts, recompressed: what the whole detector says of them, and p-values of random keys."""
    spectra, p_values = [], []
    for number, clip in enumerate(used):
        say(f"clip {number}, unmarked, full search")
        seen = recompress(unmarked(clip), crf=23, gop_s=LONG_GOP_S)
        p_values.append(read(seen, known=mark.known).p_value)
        if draws:
            spectra.append(_spectrum(seen))
    yield {
        "measure": "null",
        "condition": "unmarked clips, full search",
        "watermark": mark.name,
        "clips": len(p_values),
        "present": sum(p < 1e-6 for p in p_values),
        "min": min(p_values),
        "mean": float(np.mean(p_values)),
        "target": 0,
        "met": "yes" if min(p_values) >= 1e-6 else "no",
    }
    if not draws:
        return
    say(f"{draws} draws of keys")
    yield from null.rows(null.p_values(spectra, draws))


def _spectrum(clip: Frames) -> Spectrum:
    planes = ((time_s, rgb_to_i420(frame), False) for time_s, frame in timed(clip))
    return Spectrum(averaged(list(windows(planes))))
