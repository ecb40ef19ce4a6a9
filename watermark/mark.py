"""Marks an existing video: another generator's output, or a real recording as a control.

The copy is ``c2pa.opened`` from its source, which goes in as its parent together with the manifest it may have. A video
that already carries a mark keeps it, for two marks would destroy each other: it is signed anew and not touched. Where
such a video has lost its manifest, and the registry has it and confirms the content, it is the parent's again.
"""

from __future__ import annotations

from pathlib import Path

from tellmark import runs
from tellmark.encoding import Encoding
from tellmark.errors import MediaError, UsageError
from tellmark.media import MediaInfo, VideoReader, probe, sha256_of
from tellmark.runs import Progress
from tellmark.types import Kind
from tellmark.watermark import formats
from tellmark.watermark.claims import AI_SOURCE_TYPES
from tellmark.watermark.content.fingerprint import Fingerprint
from tellmark.watermark.credentials import Ingredient, Provenance
from tellmark.watermark.lookup import recover
from tellmark.watermark.manifests import examine, examine_store
from tellmark.watermark.registry import Registry
from tellmark.watermark.signal.payload import Payload
from tellmark.watermark.verify import is_picture, read_pixels
from tellmark.watermark.writer import ClipWriter, MarkedClip, check_clip_output, sign_and_register

_SOURCE = "source"  # the ingredient's label
_RATES = (1.0, 480.0)  # frames a second that are taken at their word: slow motion of cameras has up to that
_RATE = 25.0  # of films that say something else


def mark_video(
    src: Path | str,
    dst: Path | str,
    *,
    kind: Kind,
    encoding: Encoding | None = None,
    registry: str | Path | None = None,
    force: bool = False,
    progress: Progress | None = None,
) -> MarkedClip:
    """Write ``src`` marked and signed to ``dst`` (MP4), with its sound.

    Of several video tracks the first is written, and no cover: nothing that could be seen is left unmarked.
    progress: frames, each counted twice: read in search of a mark, and written.

    Raises :class:`MediaError` where ``src`` is no video, :class:`UsageError` where ``dst`` exists and not ``force``, or
    is no MP4 by its name, where ``src`` says of itself, by its mark or its manifest, something else than ``kind``, and
    where it carries a mark in the first of several video tracks, which cannot be signed again without the others.
    """
    src, dst = Path(src), Path(dst)
    info = probe(src)
    if not info.has_video or is_picture(src):
        raise MediaError(f"{src} holds no video; give a video file")
    check_clip_output(dst, force=force)
    provenance = provenance_of(src, dst, kind)
    fps = written_rate(info)
    total = round(info.duration_s * fps)
    mark, fingerprint = read_pixels(src, thorough=False, progress=_part(progress, 0, total))
    if mark.present:
        payload = agreeing(src, mark.payload, kind, "video/mp4")
        if info.video_tracks > 1:
            raise UsageError(
                f"the first of {info.video_tracks} video tracks of {src} carries a mark, and the others may not; "
                "copy it into a file of its own to have it signed again (ffmpeg -i IN -map 0:v:0 -map 0:a? -c copy OUT)"
            )
        assert fingerprint is not None  # every video has one
        rows = Registry(registry)
        with runs.atomic_path(dst, force=force) as signed:
            if (store := _recovered(src, payload, fingerprint, rows)) is not None:
                provenance = provenance_of(src, dst, kind, store)
            return sign_and_register(src, signed, dst, provenance, payload, fingerprint, rows)
    written = _part(progress, total, total)
    with VideoReader(src, fps=fps) as reader:
        frames = iter(reader)
        first = next(frames).rgb()
        height, width, _ = first.shape
        with ClipWriter(
            dst,
            width=width,
            height=height,
            fps=fps,
            provenance=provenance,
            audio=src if info.has_audio else None,
            encoding=encoding,
            registry=registry,
            force=force,
        ) as writer:
            writer.write(first)
            for count, frame in enumerate(frames, 2):
                writer.write(frame.rgb())
                if written is not None:
                    written(count, None)
    return writer.result


def written_rate(info: MediaInfo) -> float:
    """Frames a second of a marked copy: those of the film, 25 where it cannot be right."""
    return info.fps if _RATES[0] <= info.fps <= _RATES[1] else _RATE


def _part(progress: Progress | None, before: int, total: int) -> Progress | None:
    """Progress of one of two passes over ``total`` frames, as far as a container knows its length."""
    if progress is None:
        return None
    return lambda done, _: progress(min(before + done, 2 * total), 2 * total) if total else progress(done, None)


def _recovered(src: Path, payload: Payload, content: Fingerprint, rows: Registry) -> bytes | None:
    """The manifest store that ``src`` has lost, if the registry has it; None where it has one, whatever its state."""
    if examine(src).evidence.state != "none":
        return None
    with rows:
        return recover(rows.find(payload.hex()), content)


def provenance_of(src: Path, dst: Path, kind: Kind, store: bytes | None = None) -> Provenance:
    """What is known of a marked copy; ``store``: the manifest store of ``src`` where it is not in the file.

    Raises :class:`UsageError` where ``src`` says it cannot be of this kind.
    """
    manifest = examine(src) if store is None else examine_store(store)
    said = (manifest.evidence.digital_source_type or "").rsplit("/", 1)[-1]
    if kind is Kind.CONTROL and said in AI_SOURCE_TYPES:
        raise UsageError(f"the manifest in {src} says {said}: it cannot be a control; give --kind synthetic")
    synthetic = kind is Kind.SYNTHETIC
    return Provenance(
        kind=kind,
        title=dst.name,
        digital_source_type=(said if said in AI_SOURCE_TYPES else "trainedAlgorithmicMedia") if synthetic else None,
        ingredients=(Ingredient(_SOURCE, src.name, formats.sniff(src), sha256_of(src), path=src, store=store),),
        parent=_SOURCE,
    )


def agreeing(src: Path, payload: Payload | None, kind: Kind, mime: str) -> Payload:
    """The payload of a mark that is already there, if it can be kept in a file of type ``mime``."""
    if payload is None:
        raise UsageError(f"{src} already carries a mark, which cannot be read; mark the original instead")
    if payload.kind is not kind:
        raise UsageError(f"{src} already carries a mark that says {payload.kind}; give --kind {payload.kind}")
    if formats.sniff(src) != mime:
        wanted = mime.partition("/")[2].upper()
        raise UsageError(f"{src} already carries a mark; copy it into a file of type {wanted} to have it signed again")
    return payload
