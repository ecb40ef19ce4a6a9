"""A stream that has not ended: what is kept beside the file that grows, and the clip that is made of it after a kill.

While it grows the clip is ``NAME.part.mp4``, and ``NAME.part.json`` holds its payload and what its manifest will say.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from tellmark import runs
from tellmark.encoding import remux
from tellmark.errors import UsageError
from tellmark.media import sha256_of
from tellmark.runs import Progress
from tellmark.types import Kind
from tellmark.watermark.claims import Ingredient, Provenance
from tellmark.watermark.content.fingerprint import Fingerprint
from tellmark.watermark.registry import Registry
from tellmark.watermark.signal.known import KnownPayloads
from tellmark.watermark.signal.payload import Payload
from tellmark.watermark.verify import read_pixels
from tellmark.watermark.writer import MarkedClip, check_clip_output, scratch, sign_and_register

_SCHEMA = "tellmark.stream/1"
_PART = ".part"


def growing(path: Path) -> Path:
    """What the file is called while the stream goes on."""
    return path.with_name(f"{path.stem}{_PART}{path.suffix}")


def record_of(left: Path) -> Path:
    """Where it is kept what the stream that is called ``left`` for the time being is to say."""
    return left.with_suffix(".json")


@dataclass(frozen=True, slots=True)
class Begun:
    """A stream under way: its mark, and what its manifest will say."""

    payload: Payload
    provenance: Provenance

    def save(self, left: Path) -> None:
        """Write it beside ``left``, as JSON."""
        record = {"schema": _SCHEMA, "payload": self.payload.hex(), **dataclasses.asdict(self.provenance)}
        with runs.atomic_path(record_of(left), force=True) as temporary:
            temporary.write_text(json.dumps(record, default=str, indent=1))

    @classmethod
    def beside(cls, left: Path) -> Self | None:
        """What is kept beside ``left``; None where it is no stream's, or what is there is not of this version."""
        if not left.stem.endswith(_PART):
            return None
        try:
            record = json.loads(record_of(left).read_text())
            if record.pop("schema") != _SCHEMA:
                return None
            payload = Payload.from_hex(record.pop("payload"))
            items = [Ingredient(**{**item, "path": _unchanged(item)}) for item in record.pop("ingredients")]
            return cls(payload, Provenance(**{**record, "kind": Kind(record["kind"]), "ingredients": tuple(items)}))
        except (OSError, ValueError, KeyError, TypeError, AttributeError, UsageError):
            return None


def complete(
    left: Path,
    path: Path,
    begun: Begun,
    *,
    registry: str | Path | None = None,
    force: bool = False,
    progress: Progress | None = None,
) -> MarkedClip:
    """Sign and register as ``path`` what a stream that was killed has left; ``left`` stays as it is.

    The manifest says what it would have said, and ``broken_off``; of the voice it has no hash. Raises
    :class:`~tellmark.errors.MediaError` where ``left`` cannot be read or holds no whole frame, :class:`UsageError` for
    an output that cannot be written, or where ``left`` carries another mark than ``begun`` says, or none.
    """
    check_clip_output(path, force=force)
    known = KnownPayloads(lambda: [begun.payload.hex()])
    mark, fingerprint = read_pixels(left, thorough=False, known=known, progress=progress)
    if mark.payload != begun.payload:
        raise UsageError(f"{left} does not carry the mark that {record_of(left).name} names; mark it without that file")
    assert fingerprint is not None  # every video has one
    said = dataclasses.replace(
        begun.provenance, title=path.name, parameters={**begun.provenance.parameters, "broken_off": True}
    )
    return signed(left, path, said, begun.payload, fingerprint, Registry(registry), force)


def signed(
    left: Path,
    path: Path,
    provenance: Provenance,
    payload: Payload,
    fingerprint: Fingerprint,
    registry: Registry,
    force: bool,
) -> MarkedClip:
    """What has grown, as a plain MP4 with its index in front, signed and registered."""
    with runs.atomic_path(path, force=force) as target, scratch(target) as plain:
        remux(left, plain)  # signing holds every fragment in memory: 8 MB a minute
        return sign_and_register(plain, target, path, provenance, payload, fingerprint, registry)


def _unchanged(item: dict[str, Any]) -> Path | None:
    """The file of an ingredient, if it is what it was: a manifest in it is carried along."""
    path = Path(item["path"]) if item["path"] else None
    return path if path is not None and path.is_file() and sha256_of(path) == item["sha256"] else None
