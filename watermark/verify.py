"""Whether a file carries provenance: manifest, mark and registry side by side, and the verdict they add up to.

The manifest is checked first, but the pixels are always looked at: an intact manifest over somebody else's mark is a
contradiction, and a mark without a manifest leads, through the registry, to the manifest that was stripped. The mark
alone proves nothing, for it can be copied; a fingerprint of the content, whose hash is in the signed manifest, is what
ties the two together.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from tellmark.errors import MediaError
from tellmark.media import VideoReader, probe, require_file, sha256_of
from tellmark.pictures import read_image
from tellmark.runs import Progress
from tellmark.types import MissingEvidence, RegistryEvidence, Verdict, VerdictKind, WatermarkEvidence
from tellmark.watermark import formats
from tellmark.watermark.content.fingerprint import Fingerprint, Fingerprinter
from tellmark.watermark.detect import MarkReading, detect_image, detect_planes
from tellmark.watermark.localisation.missing import missing_in
from tellmark.watermark.lookup import look_up
from tellmark.watermark.manifests import ManifestReading, examine
from tellmark.watermark.registry import Registry
from tellmark.watermark.signal.analysis import Frame
from tellmark.watermark.signal.block import P_PRESENT
from tellmark.watermark.signal.known import MOST, KnownPayloads

_UNMARKED = MarkReading(False, 1.0)


def verify(
    path: Path | str,
    *,
    trust: Path | None = None,
    registry: str | Path | None = None,
    thorough: bool = True,
    manifest_only: bool = False,
    online: bool = False,
    localise: bool = False,
    progress: Progress | None = None,
) -> Verdict:
    """The verdict on one file: video, picture or sound. The network is asked for what is asked for, and nothing else.

    trust: PEM of the roots to trust, instead of this user's own. registry: see
    :func:`tellmark.watermark.registry.location`, by default the user's own; that of a service is asked over the
    network. online: fetch a manifest that the file names by its address alone, and ask the authorities that issued the
    certificates whether they were revoked. thorough: search scaled and rotated pictures for the mark too.
    manifest_only: decode nothing, search no mark; ``none`` then says nothing about the pixels. localise: look for half
    seconds and regions of a video that lack the mark it carries, which takes about as long as encoding it once more.
    progress: frames read, of how many.

    Raises :class:`InputError` where the file is missing or nothing can be read from it, :class:`UsageError` for wrong
    ``trust`` or ``registry``.
    """
    path = Path(path)
    require_file(path)
    with Registry(registry) as rows:
        manifest = examine(path, trust, online=online)
        known = KnownPayloads(partial(rows.payloads, MOST))
        try:
            mark, content = (
                _no_pixels(path, manifest)
                if manifest_only
                else read_pixels(path, thorough=thorough, known=known, progress=progress)
            )
        except MediaError:
            if manifest.evidence.state == "none":
                raise
            mark, content = _UNMARKED, None
        found = rows.find(mark.payload.hex()) if mark.payload is not None else []
    digest = sha256_of(path)
    looked_up = look_up(found, content, digest, trust, online=online)
    return Verdict(
        file=str(path),
        sha256=digest,
        verdict=judge(manifest, mark, looked_up),
        c2pa=manifest.evidence,
        watermark=_watermark_evidence(
            mark,
            probe(path).video_tracks if content is not None else 0,
            missing_in(path, mark) if localise and content is not None else None,
        ),
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
    path: Path, *, thorough: bool = True, known: KnownPayloads | None = None, progress: Progress | None = None
) -> tuple[MarkReading, Fingerprint | None]:
    """The mark and the fingerprint of a video in one pass; of a picture the mark alone; of sound nothing.

    A film that players turn is read as they show it and, where that shows no upright mark, as it is stored. The
    fingerprint is that of the film as the mark says that it was: upright, and no negative.
    known: payloads that a mark too weak to be read is compared with.

    Raises :class:`MediaError` where FFmpeg cannot read the file.
    """
    if formats.is_sound(path):
        return _UNMARKED, None
    if is_picture(path):
        return detect_image(read_image(path), thorough=thorough, known=known), None
    if not probe(path).has_video:  # sound in a container for films
        return _UNMARKED, None
    mark, content, turned = _film(path, thorough, known, progress)
    geometry = mark.geometry
    if turned and (geometry is None or geometry.quarters):  # the container may have been told so after it was marked
        stored, stored_content, _ = _film(path, thorough, known, progress, upright=False)
        if 2 * stored.p_value < P_PRESENT:  # the second look is another chance to err
            return replace(stored, p_value=2 * stored.p_value, upright=False), stored_content
    if geometry is not None:
        content = content.turned(geometry.quarters, geometry.negative)
    return mark, content


def _film(
    path: Path, thorough: bool, known: KnownPayloads | None, progress: Progress | None, *, upright: bool = True
) -> tuple[MarkReading, Fingerprint, bool]:
    """The mark and the fingerprint of a video, and whether players turn it."""
    fingerprinter = Fingerprinter()
    with VideoReader(path, upright=upright) as reader:
        total = round(reader.info.duration_s * reader.info.fps) or None
        mark = detect_planes(_frames(reader, fingerprinter, total, progress), thorough=thorough, known=known)
        return mark, fingerprinter.finish(), reader.turned


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


def _watermark_evidence(mark: MarkReading, tracks: int, missing: MissingEvidence | None) -> WatermarkEvidence:
    payload = mark.payload
    return WatermarkEvidence(
        present=mark.present,
        p_value=mark.p_value,
        payload=payload.hex() if payload is not None else None,
        kind=payload.kind.value if payload is not None else None,
        segments=tuple((float(start), float(end), float(p)) for start, end, p in mark.segments),
        matched=mark.matched,
        missing=missing,
        turned=not mark.upright,
        video_tracks=tracks,
    )
