"""The one writer of generated video: every clip leaves it watermarked, signed and registered, or not at all.

The caller hands over frames; a background thread converts, marks and encodes them, so that rendering and encoding
overlap. On a clean exit the clip is signed, its registry row is committed, and only then does the file appear under its
name. After any failure nothing of it is left.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import tellmark
from tellmark import runs
from tellmark.encoding import Encoding, VideoWriter
from tellmark.errors import UsageError
from tellmark.media import rgb_to_i420, sha256_of
from tellmark.types import U8
from tellmark.watermark.background import Background
from tellmark.watermark.claims import Parameter, readable
from tellmark.watermark.content.fingerprint import Fingerprint, Fingerprinter
from tellmark.watermark.credentials import Ingredient, Provenance, sign
from tellmark.watermark.embed import Embedder
from tellmark.watermark.identity import keys
from tellmark.watermark.registry import Registry
from tellmark.watermark.signal.payload import ID_BITS, Payload
from tellmark.watermark.stores.entry import Entry

__all__ = ["ClipWriter", "Ingredient", "MarkedClip", "Provenance", "check_clip_output", "sign_and_register"]

QUEUE_FRAMES = 8  # 6 MB at 512x512: enough to keep both sides busy


@dataclass(frozen=True, slots=True)
class MarkedClip:
    """A clip that was written, marked, signed and registered."""

    path: Path
    sha256: str
    payload: str  # 16 hex digits


class ClipWriter:
    """Context manager that takes the frames of one clip.

    path: the MP4 to write. width, height: even, px. audio: any file whose sound goes along, cut at the last frame.
    provenance: what the manifest says; its kind goes into the mark. registry: a path or ``sqlite:///`` URL, by default
    the user's own. force: overwrite ``path``. payload_id: instead of a random one, for whoever can say that nobody else
    marks another clip with it.

    After a clean exit :attr:`result` names the clip. Raises :class:`UsageError` for an output that exists, cannot be
    written or is no MP4 by its name, a size that cannot be marked, no frames at all; what goes wrong in the background
    is raised by the next :meth:`write` or on exit.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        width: int,
        height: int,
        fps: float,
        provenance: Provenance,
        audio: Path | None = None,
        encoding: Encoding | None = None,
        registry: str | Path | None = None,
        force: bool = False,
        payload_id: int | None = None,
    ) -> None:
        self.path = Path(path)
        kind = provenance.kind
        self.payload = Payload.new(kind) if payload_id is None else Payload(kind, payload_id % (1 << ID_BITS))
        self._provenance = provenance
        self._registry = Registry(registry)
        self._force = force
        self._shape = (height, width, 3)
        self._fps = fps
        self._embedder = Embedder(self.payload, width=width, height=height)
        self._fingerprinter = Fingerprinter()
        self._encoding = encoding or Encoding()
        self._audio = audio
        self._stack = ExitStack()
        self._frames = 0
        self._result: MarkedClip | None = None

    @property
    def result(self) -> MarkedClip:
        """The clip, once it is finished."""
        if self._result is None:
            raise RuntimeError("the clip is not finished; read the result after the with block")
        return self._result

    def __enter__(self) -> Self:
        check_clip_output(self.path, force=self._force)
        keys.identity()  # a certificate or registry that cannot be used is said before rendering, not after
        with self._registry:
            self._registry.prepare()
        with ExitStack() as stack:
            self._signed = stack.enter_context(runs.atomic_path(self.path, force=self._force))
            self._unsigned = stack.enter_context(scratch(self._signed))
            height, width, _ = self._shape
            self._video = VideoWriter(
                self._unsigned, width=width, height=height, fps=self._fps, audio=self._audio, encoding=self._encoding
            )
            self._work = Background(self._encode, waiting=QUEUE_FRAMES, name=f"write {self.path.name}")
            self._stack = stack.pop_all()
        return self

    def write(self, rgb: U8) -> None:
        """Append a frame: (height, width, 3) RGB uint8. It is copied; the array may be reused at once."""
        if rgb.shape != self._shape or rgb.dtype.name != "uint8":
            raise ValueError(f"expected uint8 {self._shape}, got {rgb.dtype} {rgb.shape}")
        self._work.put(rgb.copy())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._work.stop()
        if error is not None:
            with contextlib.suppress(Exception):
                self._video.close()
            self._stack.__exit__(kind, error, trace)
            return
        with self._stack:  # renames the signed file, or removes everything if something is raised in here
            with self._video:
                self._work.finish()
                if not self._frames:
                    raise UsageError(f"{self.path.name}: not one frame was written; a clip needs at least one")
            fingerprint = self._fingerprinter.finish()
            self._result = sign_and_register(
                self._unsigned, self._signed, self.path, self._provenance, self.payload, fingerprint, self._registry
            )

    def _encode(self, rgb: U8) -> None:
        i420 = self._embedder.embed(rgb_to_i420(rgb))
        self._fingerprinter.add(i420[: self._shape[0]], self._frames / self._fps)
        self._video.write(i420)
        self._frames += 1


def sign_and_register(
    unsigned: Path,
    signed: Path,
    final: Path,
    provenance: Provenance,
    payload: Payload,
    fingerprint: Fingerprint,
    registry: Registry,
) -> MarkedClip:
    """Sign ``unsigned``, which carries ``payload``, into ``signed`` and commit its row; the caller renames it."""
    packed = fingerprint.to_bytes()
    facts: dict[str, Parameter] = {"fingerprint_sha256": fingerprint.sha256}
    store = sign(unsigned, signed, provenance, payload.hex(), facts)
    digest = sha256_of(signed)
    with registry:
        registry.add(
            Entry(
                payload=payload.hex(),
                manifest=store,
                fingerprint=packed,
                title=readable(provenance.title),
                sha256=digest,
                origin=", ".join(readable(item.title) for item in provenance.ingredients),
                generator=f"tellmark {tellmark.__version__}",
            )
        )
    return MarkedClip(final, digest, payload.hex())


def check_clip_output(path: Path, *, force: bool) -> None:
    """Refuse early what :class:`ClipWriter` would refuse: a name that is no MP4's, an output that exists."""
    if path.suffix.lower() != ".mp4":
        raise UsageError(f"{path}: a clip is written as an MP4; give it a name that ends in .mp4")
    runs.check_output(path, force=force)


@contextlib.contextmanager
def scratch(beside: Path) -> Iterator[Path]:
    """A path beside ``beside`` for a file that is gone afterwards."""
    path = beside.with_name(f"{beside.stem}.unsigned{beside.suffix}")
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)
