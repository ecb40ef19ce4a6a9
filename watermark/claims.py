"""What a manifest says of a clip: from :class:`Provenance` to the manifest definition that c2pa signs. Pure data.

Written after C2PA 2.4. Three choices worth knowing:

* A clip made here is ``c2pa.created``; one that was only marked is ``c2pa.opened`` with its source as ``parentOf``.
  What made the source is said by the source: by its manifest or, where it has none, as ``digitalSourceType`` of the
  ingredient (the conformance programme forbids it in ``c2pa.opened``). Of a control clip's source nothing is said: that
  a camera took it is not ours to say.
* ``c2pa.watermarked.bound`` ties the pixels to the manifest through the ``c2pa.soft-binding`` beside it.
* c2pa's JSON reader garbles arrays of numbers, so parameters are scalars; consent enters as a hash, never as text.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tellmark.errors import UsageError
from tellmark.types import Kind

SOFT_BINDING_ALGORITHM = "org.tellmark.watermark.1"
GENERATION_LABEL = "org.tellmark.generation"
PORTRAIT_LABEL = "portrait"  # the ingredient that a person consented to
VOICE_LABEL = "voice"
SHA256_KEY = "org.tellmark.sha256"
CONSENT_KEY = "org.tellmark.consent_sha256"
RECOVERED_KEY = "org.tellmark.recovered_by"  # the soft binding that an ingredient's manifest was found by

SOURCE_TYPE_BASE = "http://cv.iptc.org/newscodes/digitalsourcetype/"
AI_SOURCE_TYPES = ("trainedAlgorithmicMedia", "compositeWithTrainedAlgorithmicMedia", "compositeSynthetic")
SOURCE_TYPES = (*AI_SOURCE_TYPES, "algorithmicMedia", "dataDrivenMedia", "virtualRecording")

# Assertions that the signer itself vouches for ("created", not "gathered"). c2pa wants these labels without version.
CREATED_LABELS = ("c2pa.actions", "c2pa.ingredient", "c2pa.soft-binding", "c2pa.ai-disclosure", GENERATION_LABEL)

Parameter = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Ingredient:
    """Something a clip was made from."""

    label: str  # unique among the clip's ingredients: portrait (which carries the consent), voice, ...
    title: str
    mime: str
    sha256: str  # of the file, or of the recipe where there is no file; empty where it is not known
    path: Path | None = None  # where given, a manifest inside the file is carried along
    metadata: dict[str, str] = field(default_factory=dict)  # keys need a dot, such as org.example.licence
    store: bytes | None = None  # a manifest store that ``path`` had lost and its mark led to; carried along then


@dataclass(frozen=True, slots=True)
class Provenance:
    """What is known of a clip when it is written.

    digital_source_type: an IPTC term of ``SOURCE_TYPES``, of the clip or, in a marked copy, of its parent; None for a
        marked copy whose source is not ours to name.
    model_name: the trained model, where one took part.
    parameters: what it takes to make the clip again; scalars only.
    consent_sha256: of the consent to use the portrait, noted with that ingredient.
    parent: the label of the ingredient this clip is a marked copy of; None for a clip made here.
    """

    kind: Kind
    title: str
    digital_source_type: str | None = "trainedAlgorithmicMedia"
    model_name: str | None = None
    parameters: dict[str, Parameter] = field(default_factory=dict)
    ingredients: tuple[Ingredient, ...] = ()
    consent_sha256: str | None = None
    parent: str | None = None

    def __post_init__(self) -> None:
        labels = [ingredient.label for ingredient in self.ingredients]
        if len(set(labels)) != len(labels):
            raise UsageError(f"ingredients need labels of their own, got {', '.join(labels)}")
        if self.parent is not None and self.parent not in labels:
            raise UsageError(f"the parent {self.parent!r} is not among the ingredients")
        if self.digital_source_type is None and (self.parent is None or self.kind is Kind.SYNTHETIC):
            raise UsageError("only a control clip with a parent may leave its digital source type open")
        if self.digital_source_type not in (None, *SOURCE_TYPES):
            raise UsageError(
                f"digital source type {self.digital_source_type!r}: choose one of {', '.join(SOURCE_TYPES)}"
            )
        for name, value in self.parameters.items():
            if not isinstance(value, str | int | float | bool) or (
                isinstance(value, float) and not math.isfinite(value)
            ):
                raise UsageError(f"parameter {name}={value!r}: a manifest takes text, finite numbers and truth values")


def definition(provenance: Provenance, payload: str, mime: str, facts: dict[str, Parameter]) -> dict[str, Any]:
    """The manifest definition for c2pa's Builder; ingredients are added to the Builder, as :func:`ingredient`.

    ``payload``: 16 hex digits of the watermark. ``facts``: what the writer found out, such as the fingerprint's hash.
    """
    import tellmark

    agent = {"name": "tellmark", "version": tellmark.__version__}
    assertions: list[dict[str, Any]] = [
        {"label": "c2pa.actions.v2", "data": {"allActionsIncluded": True, "actions": _actions(provenance, agent)}},
        {
            "label": "c2pa.soft-binding",
            "data": {"alg": SOFT_BINDING_ALGORITHM, "blocks": [{"scope": {}, "value": payload}]},
        },
        {"label": GENERATION_LABEL, "data": _generation(provenance, facts)},
    ]
    if provenance.digital_source_type in AI_SOURCE_TYPES:
        disclosure: dict[str, Any] = {
            "modelType": "c2pa.types.model",
            "contentProfile": {"humanOversightLevel": "prompt_guided"},
        }
        if provenance.model_name:
            disclosure["modelName"] = provenance.model_name
        assertions.append({"label": "c2pa.ai-disclosure", "data": disclosure})
    if provenance.kind is Kind.SYNTHETIC:  # the rights in a control clip are not ours to reserve
        entries = {"cawg.ai_generative_training": {"use": "notAllowed"}}
        assertions.append({"label": "cawg.training-mining", "data": {"entries": entries}})
    return {
        "claim_version": 2,
        "title": readable(provenance.title),
        "format": mime,
        "claim_generator_info": [{**agent, "specVersion": "2.4.0"}],
        "assertions": assertions,
    }


def ingredient(item: Ingredient, parent: bool, consent_sha256: str | None = None) -> dict[str, Any]:
    """The ingredient's definition for c2pa's Builder."""
    metadata = {**({SHA256_KEY: item.sha256} if item.sha256 else {}), **item.metadata}
    if consent_sha256:
        metadata[CONSENT_KEY] = consent_sha256
    if item.store is not None:
        metadata[RECOVERED_KEY] = SOFT_BINDING_ALGORITHM
    return {
        "title": readable(item.title),
        "format": item.mime,
        "relationship": "parentOf" if parent else "inputTo",
        "label": item.label,
        "metadata": metadata,
    }


def _actions(provenance: Provenance, agent: dict[str, str]) -> list[dict[str, Any]]:
    if provenance.parent:
        first: dict[str, Any] = {"action": "c2pa.opened", "parameters": {"ingredientIds": [provenance.parent]}}
    else:
        first = {"action": "c2pa.created", "digitalSourceType": f"{SOURCE_TYPE_BASE}{provenance.digital_source_type}"}
        if labels := [item.label for item in provenance.ingredients]:
            first["parameters"] = {"ingredientIds": labels}
    first["softwareAgent"] = agent
    return [first, {"action": "c2pa.watermarked.bound", "softwareAgent": agent}]


def _generation(provenance: Provenance, facts: dict[str, Parameter]) -> dict[str, Parameter]:
    data: dict[str, Parameter] = {"kind": provenance.kind.value, **provenance.parameters, **facts}
    if provenance.consent_sha256:
        data["consent_sha256"] = provenance.consent_sha256
    return {name: _jsonable(value) for name, value in data.items()}


def _jsonable(value: Parameter) -> Parameter:
    """CBOR takes any integer, c2pa's JSON only what fits a signed 64-bit one."""
    if isinstance(value, str):
        return readable(value)
    return str(value) if isinstance(value, int) and abs(value) >= 2**63 else value


def readable(name: str) -> str:
    """A file's name as text: bytes of it that are no UTF-8 become question marks, for JSON and databases take none."""
    return name.encode("utf-8", "replace").decode()
