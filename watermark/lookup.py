"""From a mark that was read to the manifest that its clip was signed with, through the registry.

A mark can be copied and others may write the registry: an entry counts where its manifest is signed, names the payload
and the fingerprint of its row, and that fingerprint fits what the file shows.
"""

from __future__ import annotations

from pathlib import Path

from tellmark.types import RegistryEvidence
from tellmark.watermark.content.comparison import compare
from tellmark.watermark.content.fingerprint import Fingerprint
from tellmark.watermark.manifests import examine_store
from tellmark.watermark.stores.entry import Entry


def look_up(
    entries: list[Entry], content: Fingerprint | None, sha256: str, trust: Path | None = None, *, online: bool = False
) -> RegistryEvidence:
    """The registry's answer by the entry that fits best: a clip may have been signed more than once.

    Of those that fit alike the file's own is taken, or else the oldest: what was signed again was made from it.
    entries: those of the payload that was read, newest first. content: the fingerprint of what the file shows, None
    where it has none. sha256: of the file. trust, online: as of :func:`tellmark.watermark.verify.verify`.
    """
    answers = [(_look(entry, content, trust, online), entry.sha256 == sha256) for entry in reversed(entries)]
    best, _ = max(
        answers,
        key=lambda found: (
            found[0].manifest_valid or False,
            found[0].fingerprint_match or False,
            found[0].trust == "trusted",
            found[1],
        ),
        default=(RegistryEvidence(), False),
    )
    return best


def _look(entry: Entry, content: Fingerprint | None, trust: Path | None, online: bool) -> RegistryEvidence:
    manifest = examine_store(entry.manifest, trust, online=online)
    # Others can write the registry: what counts is what the signature covers, and the row has to agree with it.
    valid = manifest.signed and manifest.payload == entry.payload
    match = None
    if entry.fingerprint:  # a service of others has none: the content then stays unconfirmed
        try:
            reference = Fingerprint.from_bytes(entry.fingerprint)
        except ValueError:  # a damaged row, or one of a version that is not known here
            return RegistryEvidence(found=True, manifest_valid=False)
        valid = valid and manifest.fingerprint_sha256 == reference.sha256
        match = compare(reference, content).matches if content is not None else None
    if not manifest.signed:  # a broken signature says nothing, not even of its signer
        return RegistryEvidence(True, valid, match)
    said = manifest.evidence
    return RegistryEvidence(
        found=True,
        manifest_valid=valid,
        fingerprint_match=match,
        signer=said.signer,
        trust=said.trust,
        title=manifest.title,
        generator=said.claim_generator,
        origin=manifest.origin,
        registered_at=entry.created_at or None,
    )


def recover(entries: list[Entry], content: Fingerprint | None) -> bytes | None:
    """The newest signed manifest store that the content is confirmed for; None where there is none."""
    for entry in entries:
        answer = _look(entry, content, None, False)
        if answer.manifest_valid and answer.fingerprint_match:
            return entry.manifest
    return None
