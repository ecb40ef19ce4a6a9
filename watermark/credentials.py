"""C2PA manifests into files: signed with a soft binding, into a temporary file, verified, renamed.

Signing never leaves a damaged file. The engine is c2pa-rs through c2pa-python.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import shutil
from pathlib import Path
from typing import Any

from tellmark import runs
from tellmark.errors import InternalError, UsageError
from tellmark.watermark import claims, formats
from tellmark.watermark.claims import Ingredient, Parameter, Provenance
from tellmark.watermark.identity import keys, signing
from tellmark.watermark.jumbf import identifier
from tellmark.watermark.manifests import c2pa_context, examine

__all__ = ["Ingredient", "Provenance", "sign"]

_A_STORE = 64_000  # bytes: a disk with less room than a manifest store takes is full


def sign(
    source: Path, target: Path, provenance: Provenance, payload: str, facts: dict[str, Parameter] | None = None
) -> bytes:
    """Write ``source`` with a signed manifest to ``target`` (replaced if there); return the manifest store's bytes.

    ``payload``: the watermark's 16 hex digits; ``facts`` join the generation assertion. Ingredients keep a manifest of
    their own, or get the one that was recovered for them. Raises :class:`UsageError` where the certificate of the
    environment cannot sign or files of the target's suffix hold no manifest, :class:`InternalError` where the
    development one cannot, :class:`OSError` where the disk is full.
    """
    from c2pa import Builder, C2paError

    identity, mime = keys.identity(), formats.mime_for(target)
    if mime == formats.UNKNOWN:
        raise UsageError(f"{provenance.title}: no manifest can be put into such a file; write an .mp4 instead")
    definition = claims.definition(provenance, payload, mime, facts or {})
    try:
        with runs.atomic_path(target, force=True) as temporary, signing.signer(identity) as signer:
            builder = Builder(definition, c2pa_context(keys.trust_pem()))
            for item in provenance.ingredients:
                _add_ingredient(builder, item, provenance)
            try:
                with source.open("rb") as reading, temporary.open("w+b") as writing:
                    store: bytes = builder.sign(signer, mime, reading, writing)
            except C2paError:  # which does not say why a byte could not be written
                if shutil.disk_usage(temporary.parent).free < _A_STORE:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(target.parent)) from None
                raise
            return store
    except C2paError as error:
        if identity.timestamp_url:
            raise UsageError(
                f"signing failed, perhaps because {identity.timestamp_url} gave no time stamp ({error}); "
                f"try again, or name no authority (--tsa-url, {keys.TIMESTAMP_VARIABLE}, timestamp_url in the settings)"
            ) from error
        if identity.development:
            raise InternalError(f"the manifest of {provenance.title} could not be signed: {error}") from error
        raise UsageError(f"the certificate that was named cannot sign this manifest: {error}") from error


def _add_ingredient(builder: Any, item: Ingredient, provenance: Provenance) -> None:
    """Add with the manifest it carries, if any; otherwise by its hash alone, which spares reading the file."""
    from c2pa import C2paError

    parent = item.label == provenance.parent
    consent = provenance.consent_sha256 if item.label == claims.PORTRAIT_LABEL else None
    described = claims.ingredient(item, parent, consent)
    if item.store is not None:
        described |= _recovered(builder, item)
    elif item.path is not None and item.path.is_file() and examine(item.path).evidence.state != "none":
        # A damaged store cannot be carried along; the ingredient's hash still names the file.
        with contextlib.suppress(C2paError), item.path.open("rb") as stream:
            builder.add_ingredient(described, item.mime, stream)
            return
    if parent and item.store is None and provenance.digital_source_type:  # one with a manifest speaks for itself
        described["digital_source_type"] = claims.SOURCE_TYPE_BASE + provenance.digital_source_type
    builder.add_ingredient(described, "application/octet-stream", io.BytesIO())


def _recovered(builder: Any, item: Ingredient) -> dict[str, Any]:
    """What is said of an ingredient whose manifest was found apart from it: the manifest, and how its file fits it.

    The file is not what was signed, or it would have its manifest: c2pa notes that its hard binding does not match.
    """
    from c2pa import Reader

    assert item.path is not None
    assert item.store is not None
    context = c2pa_context(keys.trust_pem())
    with item.path.open("rb") as stream, Reader(item.mime, stream, item.store, context=context) as reader:
        results = reader.get_validation_results()
    name = f"{item.label}.c2pa"
    builder.add_resource(name, io.BytesIO(item.store))
    return {
        "active_manifest": identifier(item.store),
        "validation_results": results,
        "manifest_data": {"format": "application/c2pa", "identifier": name},
    }
