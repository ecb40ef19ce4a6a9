"""The README that goes with a dataset: what it is, how it was made, what it must not be used for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from tellmark.generator.factory.plan import Plan
from tellmark.types import Clip

_LABELS = {
    "fake": "A forgery; its column `method` says of what kind, its mask video where.",
    "reference": "A virtual actor, performing in 3D before a simulated camera. It is synthetic and never called real.",
    "real": "Footage of a real person, framed and encoded like the rest.",
}


def datasheet(plan: Plan, clips: Sequence[Clip], facts: Mapping[str, Any]) -> str:
    """Markdown, after the questions of Gebru et al. (2018), Datasheets for Datasets."""
    labels = Counter(clip.label.value for clip in clips)
    rows = "\n".join(f"| {name} | {count} | {_LABELS[name]} |" for name, count in sorted(labels.items()))
    licences = Counter((clip.licence, clip.label.value) for clip in clips)
    terms = "\n".join(f"| {licence} | {label} | {count} |" for (licence, label), count in sorted(licences.items()))
    splits = ", ".join(f"{name} {count}" for name, count in facts["splits"].items())
    methods = ", ".join(f"{name} {count}" for name, count in facts["methods"].items())
    people = len({clip.identity for clip in clips if not clip.identity.startswith("actor:")})
    shown = (
        f"{people} real people are in these clips, under hashes of the names of their files. Their consent, or the "
        "licence that stands for it, is recorded as `consent_sha256`. Ask them before any other use of the clips."
        if people
        else "Nobody: the people are virtual actors."
    )
    return f"""# {plan.name}

{facts["clips"]} clips of {plan.seconds:g} s, {facts["minutes"]:.1f} minutes in all. Made by tellmark from the plan in
`dataset.json`.

## What is in it

| label | clips | what it is |
|---|---|---|
{rows}

Methods: {methods}.

Splits: {splits}. An identity, a source and a voice belong to one split each. Every fake names its `original`: the
clip of the same person, or the still or file where there is no such clip. All labels share sizes, frame rates, codec
and settings, and all clips, but for real ones of the method `plain`, carry an invisible watermark and signed
credentials.
Compare the classes on equal terms all the same: a detector finds whatever differs, and must not be given metadata.

`manifest.parquet` (and `.jsonl`) has a row a clip; `SHA256SUMS` the checksums. `tellmark dataset check` compares both
with the files.

## Who is shown

{shown}

## Licence

| licence | label | clips |
|---|---|---|
{terms}

## What it is for, and what not

For training and testing detectors of synthetic video. The fakes come from few methods: a detector that finds these
may not find others. Do not remove the marks, and do not pass a clip off as a recording of anybody.
"""
