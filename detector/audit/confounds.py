"""Controls 1 to 4, 7 and 8: what else than the forgery could tell the classes apart."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from tellmark.detector import metrics
from tellmark.detector.audit import probes
from tellmark.detector.audit.matching import unpaired
from tellmark.detector.audit.material import DEALS, NONE_ANEW, Material, Scored, mean_of, missing
from tellmark.detector.audit.variants import AGAIN, AS_IS, SWAPS, Variant
from tellmark.detector.audit_record import Control
from tellmark.detector.evaluate import known_mean
from tellmark.errors import InputError
from tellmark.types import F64, Label

_WATERMARK = "if it fails, the watermark is taken for the forgery, or for its absence"


def watermark(material: Material) -> Iterator[Control]:
    """1: does a mark alone move the scores, and do they survive when marks and classes are swapped?

    Both arms of both classes are made from the same clips, of those without a mark first. What is marked already gets a
    second one: there is no unmarked fake of ours on disk, and one mark more has to move the scores as little as the
    first.
    """
    band, cross = (
        (1, "watermark alone", _WATERMARK, ".50 +- .05"),
        (1, "off-diagonal drop", _WATERMARK, "drop <= .02"),
    )
    plain = [i for i, clip in enumerate(material.clips) if clip.method == "plain"]
    real = [i for i, c in enumerate(material.clips) if c.method == "real" and c.marked]
    if plain and real:
        scores, chosen = material.scores(), [*plain, *real]
        labels = np.repeat([0, 1], [len(plain), len(real)])
        name = "plain real against marked real"
        scored = material.scored(chosen, scores[chosen], labels)
        yield _band(material.auc(1, name, _WATERMARK, scored, band[3], 0.55))
    if material.mark is None or not material.most:
        why = NONE_ANEW if material.mark else "no marker was given"
        yield missing(*band, why)
        yield missing(*cross, why)
        return
    taken = material.drawn(material.wanted, clean=True)
    arms, both = [], list(taken)
    for seed in material.deals:
        clean = material.variant(AGAIN, taken, seed=seed)
        marked = material.variant(Variant(AGAIN.encoding, marks=1), taken, seed=seed)
        arms.append({"clean": dict(zip(*clean, strict=True)), "marked": dict(zip(*marked, strict=True))})
        both = [i for i in both if i in arms[-1]["clean"] and i in arms[-1]["marked"]]
    already = sum(material.clips[i].marked for i in both)
    note = f"{already} of {len(both)} clips were marked before, and have a second mark in that arm" if already else ""
    negatives = [i for i in both if material.labels[i] == 0]
    labels = np.repeat([0, 1], len(negatives))
    alone = [np.array([one[arm][i] for arm in ("clean", "marked") for i in negatives]) for one in arms]
    twice = [material.scored([*negatives, *negatives], scores, labels) for scores in alone]
    yield _band(mean_of([material.auc(*band[:3], one, band[3], 0.55, note) for one in twice], 0.55))

    def arm(deal: dict[str, dict[int, float]], fakes: str, others: str) -> Scored:
        scores = np.array([deal[fakes if material.labels[i] else others][i] for i in both])
        return material.scored(both, scores, material.labels[both])

    areas = {
        (f, o): float(np.mean([metrics.auc(*arm(deal, f, o)[:2]) for deal in arms])) for f in arms[0] for o in arms[0]
    }
    best = max((("clean", "clean"), ("marked", "marked")), key=areas.__getitem__)
    worst = min((("clean", "marked"), ("marked", "clean")), key=areas.__getitem__)
    table = ", ".join(f"{f} fakes against {o} others {area:.3f}" for (f, o), area in areas.items())
    drops = [material.drop(*cross[:3], arm(deal, *best), arm(deal, *worst), 0.02, table) for deal in arms]
    yield mean_of(drops, 0.02)


def encoder(material: Material) -> Iterator[Control]:
    """2: what the container alone gives away. 3: what another encoder costs, for both classes and for one alone."""
    yield _probe(
        material,
        2,
        "container alone",
        "if it fails, the classes come in different containers, rates, sizes or lengths",
        np.array([probes.metadata(path) for path in material.paths]),
        "<= .55",
        0.55,
    )
    meaning = "if it fails, the scores are those of one encoder's output"
    if not material.most:
        yield missing(3, "another encoder", meaning, "drop <= .03", NONE_ANEW)
        return
    chosen, _ = material.variant(AS_IS, material.drawn(material.wanted))
    worst: list[float] = []
    for name, variant in SWAPS.items():
        drops, alone = [], []
        for seed in material.deals:
            before = dict(zip(*material.variant(AS_IS, chosen, seed=seed), strict=True))
            after = dict(zip(*material.variant(variant, chosen, seed=seed), strict=True))
            both = [i for i in chosen if i in after]
            labels = material.labels[both]
            plain, other = np.array([before[i] for i in both]), np.array([after[i] for i in both])
            first, second = (material.scored(both, values, labels) for values in (plain, other))
            drops.append(material.drop(3, f"{name} for both classes", meaning, first, second, 0.03))
            area = metrics.auc(labels, plain)
            alone.append([area - metrics.auc(labels, np.where(labels == side, plain, other)) for side in (0, 1)])
        yield mean_of(drops, 0.03)
        worst += np.mean(alone, axis=0).tolist()
    note = "of the three swaps; drops when only the fakes, or only the others, are encoded otherwise: " + ", ".join(
        f"{value:+.3f}" for value in worst
    )
    value = max(worst)
    yield Control(3, "one class encoded otherwise, worst", meaning, value, None, "report", True, note)


def null_render(material: Material) -> Iterator[Control]:
    """4: real clips that went through every stage but the synthesis, against real ones."""
    meaning = "if it fails, resampling and blending are taken for the forgery"
    null = [i for i, clip in enumerate(material.clips) if clip.method == "null"]
    originals = {material.clips[i].original for i in null}
    real = [i for i, clip in enumerate(material.clips) if clip.clip_id in originals]
    chosen, labels = [*null, *real], np.repeat([1, 0], [len(null), len(real)])
    if not null or not real:
        yield missing(
            4, "null render, by the scores", meaning, "<= .55", "the dataset has no null arm (arms = ['null'])"
        )
        return
    scored = material.scored(chosen, material.scores()[chosen], labels)
    yield material.auc(4, "null render, by the scores", meaning, scored, "<= .55", 0.55)
    means = np.array([known_mean(material.features[i].x) for i in chosen])
    trained = probes.probe_scores(means, labels.astype(np.int64), material.who[chosen], seed=material.seed)
    row = material.auc(
        4, "null render, trained to tell it", meaning, material.scored(chosen, trained, labels), "report", 1.0
    )
    yield row


def elsewhere(material: Material) -> Iterator[Control]:
    """7: the scenery, the first frame and the first 0.2 s of sound, each alone."""
    scenery, _, frames = material.seen()
    measures = {
        "background alone": scenery,
        "first frame alone": frames,
        "leading 0.2 s of sound alone": np.array([probes.leading_sound(path) for path in material.paths]),
    }
    for name, x in measures.items():
        meaning = "if it fails, the classes differ where nothing was forged"
        yield _probe(material, 7, name, meaning, x, "report, <= .60", 0.60)


def pairs(material: Material) -> Iterator[Control]:
    """8: every fake has its original beside it, or, where that was never published, a counterpart.

    A counterpart is another real clip that a classifier of scenery, framing and light cannot tell from the fake: within
    a fifth of a deviation of the propensity, each standing for one fake alone (``matching``).
    """
    negatives = {clip.clip_id for clip in material.clips if clip.label is not Label.FAKE}
    fakes = [clip for clip in material.clips if clip.label is Label.FAKE]
    lone = sum(clip.original not in negatives for clip in fakes)
    alone = unpaired(material.clips, np.hstack(material.seen()[:2])) if lone else set()
    count = sum(clip.source_id in alone for clip in fakes)
    note = f"{len(fakes)} fakes, {lone} of them without their original"
    yield Control(
        8, "fakes without original or counterpart", "if it fails, the classes show different people or scenes",
        float(count), None, "0", count == 0, note,
    )  # fmt: skip


def _probe(material: Material, number: int, name: str, meaning: str, x: F64, mark: str, limit: float) -> Control:
    """The mean of several deals of the persons to folds: one alone is good to .02."""
    everyone = range(len(material.clips))
    deals = []
    for seed in range(material.seed, material.seed + DEALS):
        try:
            scores = probes.probe_scores(x, material.labels, material.who, seed=seed)
        except InputError as error:
            return missing(number, name, meaning, mark, str(error))
        scored = material.scored(everyone, scores, material.labels)
        deals.append(material.auc(number, name, meaning, scored, mark, limit))
    return mean_of(deals, limit)


def _band(row: Control) -> Control:
    """The row with the pass mark of a value that must lie around one half."""
    return row if row.value is None else replace(row, passed=abs(row.value - 0.5) <= 0.05)
