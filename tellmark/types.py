"""The records that pass between the packages. Plain data: no behaviour beyond conversion to JSON.

Arrays: pictures are RGB, uint8, shape (height, width, 3). Landmarks are float32 pixels, shape (478, 3): x right, y
down, z away from the camera in the same unit. Angles are degrees, times seconds, unless a name says otherwise.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]
F64 = NDArray[np.float64]


class Kind(StrEnum):
    """What a mark says of its clip."""

    SYNTHETIC = "synthetic"
    CONTROL = "control"


class Label(StrEnum):
    """The class of a clip in a dataset. ``reference`` is a 3D performance of a virtual actor, never called real."""

    REAL = "real"
    REFERENCE = "reference"
    FAKE = "fake"


class VerdictKind(StrEnum):
    """The answer of ``tellmark verify``; DESIGN calls this field ``verdict``."""

    INTACT = "intact"
    RECOVERED = "recovered"
    WATERMARKED = "watermarked"
    ALTERED = "altered"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class C2paEvidence:
    """What the C2PA manifest store inside a file says."""

    state: str = "none"  # Trusted | Valid | Invalid | none | unreadable
    trust: str | None = None  # trusted | untrusted | expired | revoked
    codes: tuple[str, ...] = ()  # failure codes of the validation
    signer: str | None = None
    signed_at: str | None = None
    claim_generator: str | None = None
    digital_source_type: str | None = None  # of the clip, or of what it is a marked copy of


@dataclass(frozen=True, slots=True)
class MissingEvidence:
    """Where a mark that was read is missing: what was put in afterwards, or what has lost it."""

    spans: tuple[tuple[float, float, float], ...] = ()  # (start_s, end_s, share of the mark that is left)
    regions: tuple[tuple[float, float, float, float, float, float], ...] = ()
    """(start_s, end_s, left, top, right, bottom), the sides as shares of the picture's width and height."""
    judged: float = 0.0  # share of the picture in which its absence would show
    timed: bool = True  # whether half seconds were judged: not where too few hold enough of the mark to compare with


@dataclass(frozen=True, slots=True)
class WatermarkEvidence:
    """What the pixels say."""

    present: bool = False
    p_value: float = 1.0  # this and those of segments: 1e-300 stands for whatever is smaller
    payload: str | None = None  # 16 hex digits, only where p-value and checksum both hold, or where it is ``matched``
    kind: str | None = None
    segments: tuple[tuple[float, float, float], ...] = ()  # (start_s, end_s, p)
    missing: MissingEvidence | None = None  # where it was asked for
    turned: bool = False  # the container has players turn the film, and the mark is in it as it is without that
    video_tracks: int = 0  # of a film, of which the first was judged; 0 where no film was looked at
    matched: bool = False  # too weak to be read; of the payloads that the registry knows, this one fits


@dataclass(frozen=True, slots=True)
class RegistryEvidence:
    """What the registry knows of the payload."""

    found: bool = False
    manifest_valid: bool | None = None
    fingerprint_match: bool | None = None
    signer: str | None = None  # of the manifest that was found
    trust: str | None = None  # trusted | untrusted | expired | revoked
    title: str | None = None  # of the clip; this and the next two as that manifest says, where its signature holds
    generator: str | None = None
    origin: str | None = None  # titles of what it was made from
    registered_at: str | None = None  # ISO 8601; nobody signs this, and a service does not tell


@dataclass(frozen=True, slots=True)
class Verdict:
    """The three kinds of evidence side by side, and the verdict drawn from them."""

    file: str
    sha256: str
    verdict: VerdictKind
    c2pa: C2paEvidence = field(default_factory=C2paEvidence)
    watermark: WatermarkEvidence = field(default_factory=WatermarkEvidence)
    registry: RegistryEvidence = field(default_factory=RegistryEvidence)
    detector: dict[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        """The ``tellmark.verdict/1`` object."""
        return {"schema": "tellmark.verdict/1", **dataclasses.asdict(self)}


@dataclass(frozen=True, slots=True)
class Clip:
    """One row of a dataset's manifest."""

    clip_id: str
    path: str  # relative to the dataset's folder
    sha256: str
    label: Label
    method: str  # talk, reference, real, ...
    identity: str
    source_id: str
    voice_id: str
    split: str  # train | val | test
    seed: int
    width: int
    height: int
    fps: float
    seconds: float
    codec: str
    crf: int
    preset: str
    marked: bool
    payload: str | None
    generator_version: str
    licence: str
    original: str | None = None  # clip_id of the clip this one pairs with
    params: str = "{}"  # JSON
    mask_path: str | None = None
    track_path: str | None = None
    fake_segments: str = "[]"  # JSON: [[start_s, end_s], ..]
    consent_sha256: str | None = None
    compression: str | None = None  # raw | c23 | c40 | messenger, where a dataset has several


@dataclass(frozen=True, slots=True)
class Failure:
    """One of many files, of which nothing could be said."""

    file: str
    error: str  # one sentence

    def to_json(self) -> dict[str, Any]:
        """The ``tellmark.failure/1`` object."""
        return {"schema": "tellmark.failure/1", **dataclasses.asdict(self)}


@dataclass(frozen=True, slots=True)
class Detection:
    """The detector's answer on one file."""

    file: str
    p_synthetic: float | None  # calibrated; None: cannot say
    tells: dict[str, dict[str, float]]  # family -> {"score", "contribution"}
    timeline: tuple[tuple[float, float], ...]  # (t_s, p)
    model: str
    faces: int
    note: str | None = None  # why nothing can be said
    people: tuple[
        dict[str, Any], ...
    ] = ()  # of several: {"person", "p_synthetic", "timeline", "box"} each, largest first
    operating_point: dict[str, float] | None = None
    """Of the model: ``threshold`` of ``p_synthetic``, and the shares ``false_alarms`` of real clips and ``hits`` of
    fakes, persons unseen, that lie above it; None where its card has none."""

    def to_json(self) -> dict[str, Any]:
        """The ``tellmark.detection/1`` object."""
        return {"schema": "tellmark.detection/1", **dataclasses.asdict(self)}
