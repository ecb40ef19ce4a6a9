"""Whether a file carries provenance: manifest, mark and registry side by side, and the verdict they add up to.

The manifest is checked first, but the pixels are always looked at: an intact manifest over somebody else's mark is a
contradiction, and a mark without a manifest leads, through the registry, to the manifest that was stripped. The mark
alone proves nothing, for it can be copied; a fingerprint of the content, whose hash is in the signed manifest, is what
ties the two together.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tellmark.errors import InputError, MediaError
from tellmark.media import VideoReader, probe, read_image, sha256_of
from tellmark.runs import Progress
from tellmark.types import C2paEvidence, RegistryEvidence, Verdict, VerdictKind, WatermarkEvidence
from tellmark.watermark import formats
from tellmark.watermark.analysis import Frame
from tellmark.watermark.comparison import compare
from tellmark.watermark.credentials import NOT_ASKED, ManifestReading, examine, examine_store, failures
from tellmark.watermark.detect import MarkReading, detect_image, detect_planes
from tellmark.watermark.fingerprint import Fingerprint, Fingerprinter
from tellmark.watermark.registry import Entry, Registry

_UNMARKED = MarkReading(False, 1.0)


def verify(
    path: Path | str,
    *,
    trust: Path | None = None,
    registry: str | Path | None = None,
    thorough: bool = True,
    manifest_only: bool = False,
    online: bool = False,
    progress: Progress | None = None,
) -> Verdict:
    """The verdict on one file: video, picture or sound. The network is asked for what is asked for, and nothing else.

    trust: PEM of the roots to trust, instead of this user's own. registry: see
    :func:`tellmark.watermark.registry.location`, by default the user's own; that of a service is asked over the
    network. online: fetch a manifest that the file names by its address alone, and ask the authorities that issued the
    certificates whether they were revoked. thorough: search scaled and rotated pictures for the mark too.
    manifest_only: decode nothing, search no mark; ``none`` then says nothing about the pixels. progress: frames read,
    of how many.

    Raises :class:`InputError` where the file is missing or nothing can be read from it, :class:`UsageError` for wrong
    ``trust`` or ``registry``.
    """
    path = Path(path)
    if not path.is_file() or path.stat().st_size == 0:
        raise InputError(f"{path} is not there, or empty; give a video, picture or sound")
    with Registry(registry) as rows:
        manifest = examine(path, trust, online=online)
        try:
            mark, content = (
                _no_pixels(path, manifest) if manifest_only else read_pixels(path, thorough=thorough, progress=progress)
            )
        except MediaError:
            if manifest.evidence.state == "none":
                raise
            mark, content = _UNMARKED, None
        found = rows.find(mark.payload.hex()) if mark.payload is not None else []
    looked_up = _best(found, content, trust, online)
    return Verdict(
        file=str(path),
        sha256=sha256_of(path),
        verdict=judge(manifest, mark, looked_up),
        c2pa=manifest.evidence,
        watermark=_watermark_evidence(mark),
        registry=looked_up,
    )


def judge(manifest: ManifestReading, mark: MarkReading, registry: RegistryEvidence) -> VerdictKind:
    """What the three kinds of evidence add up to."""
    payload = mark.payload.hex() if mark.payload is not None else None
    if manifest.evidence.state != "none":
        if not manifest.fits:
            return VerdictKind.ALTERED
        # A manifest that names no mark of ours says nothing about one; the mark is then part of what was signed.
        named = manifest.payload is not None and payload is not None
        if named and (manifest.payload != payload or registry.fingerprint_match is False):
            return VerdictKind.ALTERED
        return VerdictKind.INTACT
    if registry.manifest_valid and registry.fingerprint_match:
        return VerdictKind.RECOVERED
    if registry.manifest_valid and registry.fingerprint_match is False:
        return VerdictKind.ALTERED
    return VerdictKind.WATERMARKED if mark.present else VerdictKind.NONE


def read_pixels(
    path: Path, *, thorough: bool = True, progress: Progress | None = None
) -> tuple[MarkReading, Fingerprint | None]:
    """The mark and the fingerprint of a video in one pass; of a picture the mark alone; of sound nothing.

    Raises :class:`MediaError` where FFmpeg cannot read the file.
    """
    if formats.sniff(path).startswith("audio/") and not (formats.has_tracks(path) and probe(path).has_video):
        return _UNMARKED, None
    if is_picture(path):
        return detect_image(read_image(path), thorough=thorough), None
    fingerprinter = Fingerprinter()
    with VideoReader(path) as reader:
        total = round(reader.info.duration_s * reader.info.fps) or None
        mark = detect_planes(_frames(reader, fingerprinter, total, progress), thorough=thorough)
    return mark, fingerprinter.finish()


def _no_pixels(path: Path, manifest: ManifestReading) -> tuple[MarkReading, None]:
    """What is known without decoding: nothing. Raises :class:`MediaError` for no media at all, as decoding does."""
    if manifest.evidence.state == "none" and formats.sniff(path) == formats.UNKNOWN:
        probe(path)
    return _UNMARKED, None


def is_picture(path: Path) -> bool:
    """Whether the file is a still picture; a GIF counts as video, and so does a movie under a picture's brand."""
    mime = formats.sniff(path)
    return mime.startswith("image/") and mime != "image/gif" and not formats.has_tracks(path)


def _frames(
    reader: VideoReader, fingerprinter: Fingerprinter, total: int | None, progress: Progress | None
) -> Iterator[Frame]:
    for frame in reader:
        i420 = frame.i420()
        fingerprinter.add(i420[: len(i420) * 2 // 3], frame.time_s)
        yield frame.time_s, i420, frame.keyframe
        if progress is not None:
            progress(frame.index + 1, max(total, frame.index + 1) if total else None)


def _best(entries: list[Entry], content: Fingerprint | None, trust: Path | None, online: bool) -> RegistryEvidence:
    """The registry's answer by the entry that fits best: a clip may have been signed more than once."""
    answers = [_look(entry, content, trust, online) for entry in entries]
    return max(
        answers,
        key=lambda answer: (
            answer.manifest_valid or False,
            answer.fingerprint_match or False,
            answer.trust == "trusted",
        ),
        default=RegistryEvidence(),
    )


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


def _watermark_evidence(mark: MarkReading) -> WatermarkEvidence:
    payload = mark.payload
    return WatermarkEvidence(
        present=mark.present,
        p_value=mark.p_value,
        payload=payload.hex() if payload is not None else None,
        kind=payload.kind.value if payload is not None else None,
        segments=tuple((float(start), float(end), float(p)) for start, end, p in mark.segments),
    )


_TRUST = {
    "trusted": "by a signer you trust",
    "untrusted": "by a signer who is not among those you trust (add their root if you know it)",
    "expired": "with a certificate that has expired since, and no time stamp you trust says it was signed before",
    "revoked": "with a certificate that was revoked: find out why before you rely on it",
}


def explain(verdict: Verdict, *, manifest_only: bool = False) -> str:
    """The verdict in plain words, a few sentences. manifest_only: as given to :func:`verify`."""
    if manifest_only and verdict.verdict is VerdictKind.NONE and not verdict.c2pa.codes:
        return "No manifest was found; the pixels were not searched for a mark."
    said = {
        VerdictKind.INTACT: _intact,
        VerdictKind.RECOVERED: _recovered,
        VerdictKind.WATERMARKED: _watermarked,
        VerdictKind.ALTERED: _altered,
        VerdictKind.NONE: _none,
    }[verdict.verdict](verdict)
    return f"{said} The pixels were not searched for a mark." if manifest_only else said


def _what(source_type: str | None, kind: str | None) -> str:
    term = (source_type or "").rsplit("/", 1)[-1]
    if kind == "synthetic" or "lgorithmic" in term or term == "compositeSynthetic":
        return "It says the content is synthetic."
    return "It says the clip is a control, not a synthetic one." if kind == "control" else ""


def _intact(verdict: Verdict) -> str:
    evidence = verdict.c2pa
    when = f" on {evidence.signed_at[:10]}" if evidence.signed_at else ""
    said = f"The file is unchanged since it was signed{when} {_by(evidence)}."
    if NOT_ASKED in evidence.codes:
        said += " Whether the certificate was revoked could not be found out."
    return f"{said} {_what(evidence.digital_source_type, verdict.watermark.kind)}".strip()


def _recovered(verdict: Verdict) -> str:
    return (
        "The manifest was stripped from the file, but the watermark leads to the manifest of this clip, signed "
        f"{_by(verdict.registry)}, and the content fits it. {_whence(verdict.registry)}"
        f"{_what(None, verdict.watermark.kind)}"
    ).strip()


def _whence(evidence: RegistryEvidence) -> str:
    """Where the registered clip came from, as its signer says."""
    if not evidence.title:
        return ""
    by = f" by {evidence.generator}" if evidence.generator else ""
    source = f" from {evidence.origin}" if evidence.origin else ""
    return f"It was made as {evidence.title}{by}{source}. "


def _by(evidence: C2paEvidence | RegistryEvidence) -> str:
    signer = f"({evidence.signer}) " if evidence.signer else ""
    return signer + _TRUST[evidence.trust or "untrusted"]


def _watermarked(verdict: Verdict) -> str:
    reason = "no manifest for it is in the registry"
    if verdict.watermark.payload is None:
        reason = "its payload cannot be read"
    elif verdict.registry.found:
        reason = "the registry's entry cannot be confirmed for this content"
    kind = f" that says {verdict.watermark.kind}" if verdict.watermark.kind else ""
    return f"The pixels carry a watermark{kind}, but there is no manifest in the file and {reason}."


def _altered(verdict: Verdict) -> str:
    evidence = verdict.c2pa
    if evidence.state == "unreadable":
        return "There is a manifest in the file, but it is damaged: the file was altered or broken after signing."
    if any(code.endswith("Hash.mismatch") for code in evidence.codes):
        return "The content is not what was signed: the file was altered after signing."
    if evidence.state == "none" or verdict.registry.fingerprint_match is False:
        return "The watermark belongs to another clip: its registered content does not fit what this file shows."
    if broken := failures(evidence.codes):
        return f"The manifest does not hold ({', '.join(broken)}): it was altered after signing, or is not well formed."
    return (
        "The manifest and the watermark contradict each other: the manifest names another mark than the pixels carry."
    )


def _none(verdict: Verdict) -> str:
    if "manifest.inaccessible" in verdict.c2pa.codes:
        return (
            "The file names a manifest on the network, which was not fetched or is not there; nothing else was found."
        )
    return "No manifest and no watermark were found, which proves nothing about where the file comes from."
