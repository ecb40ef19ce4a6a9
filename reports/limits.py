"""What the numbers of a report cannot carry, found in the records themselves."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

from tellmark.reports.records import Records
from tellmark.reports.statistics import auc, gap
from tellmark.types import Clip, Label

FEW_IDENTITIES = 30
NEGATIVES_FOR_1PCT = 100  # one false positive in 100 clips is the smallest step of 1 %
AUC_TOLERANCE = 0.01


def overlaps(clips: Sequence[Clip]) -> dict[str, int]:
    """How many identities, sources and voices occur in more than one split; 0 each in a sound dataset."""
    keys: dict[str, Callable[[Clip], str]] = {
        "identities": lambda clip: clip.identity,
        "sources": lambda clip: clip.source_id,
        "voices": lambda clip: clip.voice_id,
    }
    found = {}
    for name, key in keys.items():
        splits: dict[str, set[str]] = defaultdict(set)
        for clip in clips:
            splits[key(clip)].add(clip.split)
        found[name] = sum(len(where) > 1 for where in splits.values())
    return found


def limits(records: Records) -> list[str]:
    """One sentence or two for each limit that applies, the gravest first."""
    found = [text for rule in (_design, _confounds, _size, _scope) for text in rule(records)]
    return found + [note[:1].upper() + note[1:].rstrip(".") + "." for note in records.evaluation.notes]


def _design(records: Records) -> list[str]:
    found = []
    if len({score.p for score in records.evaluation.scores}) == 1:
        found.append(
            "The detector gives every clip the same score: it has learned nothing to tell them by, most likely for "
            "lack of training clips. The figures below say nothing about the forgeries."
        )
    if any(clip.label is Label.REFERENCE for clip in records.clips) and records.evaluation.negative_class != "real":
        found.append(
            "The clips that the fakes are compared with include reference performances: virtual actors rendered in 3D "
            "and filmed by a simulated camera. They are synthetic themselves. The gap measured here is the one between "
            "animating a single portrait and rendering a whole head; the gap to real video can be larger or smaller."
        )
    shared = {name: count for name, count in overlaps(records.clips).items() if count}
    if shared:
        listed = ", ".join(f"{count} {name}" for name, count in shared.items())
        found.append(
            f"Training and test clips share {listed}. The detector may have recognised them; the figures are too high."
        )
    return found


def _confounds(records: Records) -> list[str]:
    found = []
    fake = [clip for clip in records.clips if clip.label is Label.FAKE]
    other = [clip for clip in records.clips if clip.label is not Label.FAKE and clip.method != "plain"]  # takes no part
    marked = [sum(clip.marked for clip in group) / max(len(group), 1) for group in (fake, other)]
    if abs(marked[0] - marked[1]) > 0.01:
        found.append(
            f"{marked[0]:.0%} of the fakes and {marked[1]:.0%} of the other clips carry the watermark. A detector can "
            "learn to find the mark instead of the forgery; the gap may be that of the mark."
        )
    encodings = [{(c.codec, c.crf, c.preset, c.width, c.height, c.fps) for c in group} for group in (fake, other)]
    if encodings[0] != encodings[1]:
        found.append(
            "The two classes are not encoded alike (codec, CRF, preset, size or frame rate differ). Encoder traces "
            "separate them, whatever the pictures show."
        )
    unpaired = sum(clip.original is None for clip in fake)
    if unpaired:
        found.append(
            f"{unpaired} of {len(fake)} fakes have no original of the same person to pair with, so that who is shown "
            "and how the clip was filmed can differ between the classes."
        )
    return found


def _size(records: Records) -> list[str]:
    found = []
    evaluation = records.evaluation
    if unread := len(records.dataset.get("unreadable", ())):
        found.append(f"{unread} of the files could not be read and take no part.")
    if evaluation.n_identities < FEW_IDENTITIES:
        found.append(
            f"Only {evaluation.n_identities} identities were scored. Intervals drawn from so few are too narrow, and "
            "they do not cover people, cameras or languages that are not among these."
        )
    negatives = sum(not score.fake for score in evaluation.scores)
    if negatives < NEGATIVES_FOR_1PCT:
        found.append(
            f"With {negatives} negative clips the false positive rate moves in steps of {1 / negatives:.1%}; the "
            "figure at 1% false positives means “at no false positive” here and is fragile."
        )
    measured = auc(evaluation.p(True), evaluation.p(False))
    if abs(measured - evaluation.overall["auc"]) > AUC_TOLERANCE:
        found.append(
            f"The AUC computed from the listed scores is {measured:.3f} (detectability {gap(measured):.2f}), the "
            f"evaluation states {evaluation.overall['auc']:.3f}. The two do not describe the same clips or scores."
        )
    if evaluation.overall["ece"] > 0.05:
        found.append(
            f"The scores are poorly calibrated (ECE {evaluation.overall['ece']:.2f}): read them as an order, not as "
            "probabilities."
        )
    return found


def _scope(records: Records) -> list[str]:
    nulls = [row for row in records.gap.rows if row.arm == "null"] if records.gap else []
    pipeline = (
        "The gap is corrected by footage that passed through tellmark's own pipeline without a forgery. What another "
        "system's pipeline leaves (its crop, its resampling, its encoder before ours) counts as its forgery."
        if nulls
        else "The gap is not corrected for what the pipeline itself (framing, resampling, encoding) leaves on clips "
        "without any synthesis; that needs null renders, which this dataset does not hold."
    )
    return [
        pipeline,
        "The gap is what this detector finds with these features. A low gap does not mean that a clip cannot be told "
        "from an authentic one: another detector, or a longer clip, may find more.",
        "The figures hold for forgeries made in the same way, at the same size and compression. Detectors lose much of "
        "their accuracy on other systems and on files that passed through a network.",
    ]
