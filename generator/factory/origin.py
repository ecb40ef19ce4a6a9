"""What the credentials of a dataset's clip say: what it was made from, how, and that a person in it agreed."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import tellmark
from tellmark.generator.factory.roles import Version
from tellmark.generator.factory.scene import Scene
from tellmark.types import Kind
from tellmark.watermark.claims import PORTRAIT_LABEL, Ingredient, Parameter, Provenance

_SOURCE = "source"


def provenance(scene: Scene, version: Version, params: dict[str, Any], kind: Kind, title: str) -> Provenance:
    """The provenance of one clip of a scene.

    Real footage stays a control without a claim of its own; what comes from another system is opened, not created; a
    virtual actor comes out of a statistical face model; a person's picture with made parts is a composite.
    """
    take = scene.take
    if kind is Kind.CONTROL:
        source = Ingredient(_SOURCE, take.source_id, "video/mp4", scene.source_sha256)
        return Provenance(kind, title, None, ingredients=(source,), parent=_SOURCE)
    parameters: dict[str, Parameter] = {"method": version.method, "fps": take.fps, "seed": take.seed}
    if version.dial:
        parameters |= {"dial": version.dial, "severity": version.severity}
    parameters |= {
        name: value if isinstance(value, str | int | float | bool) else json.dumps(value)
        for name, value in params.items()
    }
    if take.system:
        source = Ingredient(_SOURCE, take.source_id, "video/mp4", scene.source_sha256)
        return Provenance(kind, title, "trainedAlgorithmicMedia", take.system, parameters, (source,), parent=_SOURCE)
    ingredients = [Ingredient(PORTRAIT_LABEL, take.source_id, "application/octet-stream", scene.source_sha256)]
    ingredients.append(Ingredient("voice", take.sound.voice_id, "audio/wav", scene.speech.sha256))
    if version.method == "swap":
        donor = scene.donor
        ingredients.append(Ingredient("donor", donor.take.source_id, "application/octet-stream", donor.source_sha256))
    return Provenance(
        kind=kind,
        title=title,
        digital_source_type="trainedAlgorithmicMedia" if take.actor is not None else "compositeSynthetic",
        model_name=f"tellmark {tellmark.__version__} {version.method}",
        parameters=parameters,
        ingredients=tuple(ingredients),
        consent_sha256=consent_sha256(take.consent),
    )


def consent_sha256(consent: str | None) -> str | None:
    """The hash that stands for a consent."""
    return hashlib.sha256(consent.strip().encode()).hexdigest() if consent else None
