"""Generated video while it is being made: marked frame by frame, playable as it grows, signed when it ends.

Until then the file is called ``NAME.part.mp4``. A hash over content that does not exist yet cannot be signed, so a
manifest comes last: what a stream that is killed leaves is whole but for its last frames and every frame of it carries
the watermark, but no manifest. ``NAME.part.json`` beside it says what the manifest would have said, and
``tellmark.watermark.unfinished`` signs it. ``echo`` sends the same bytes to a pipe as well; there the manifest cannot
follow, and the registry, to which the watermark leads, keeps it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import shlex
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import numpy as np

from tellmark import runs
from tellmark.encoding import Encoding, FragmentWriter
from tellmark.errors import MediaError, UsageError
from tellmark.media import rgb_to_i420
from tellmark.types import F32, U8
from tellmark.watermark.background import Background
from tellmark.watermark.claims import VOICE_LABEL, Provenance
from tellmark.watermark.content.fingerprint import Fingerprinter
from tellmark.watermark.embed import Embedder
from tellmark.watermark.identity import keys
from tellmark.watermark.registry import Registry
from tellmark.watermark.signal.payload import Payload
from tellmark.watermark.unfinished import Begun, growing, record_of, signed
from tellmark.watermark.writer import MarkedClip, check_clip_output

_WAITING = 32  # frames and pieces of sound: half a second


class LiveWriter:
    """Context manager that takes the sound and the frames of one clip as they come.

    path: the MP4 to write. width, height: even, px. sample_rate_hz: of the sound. provenance: what the manifest will
    say; the hash of its ingredient ``voice`` is filled in when all was heard. echo: where the bytes go as well.
    registry: a path or URL, by default the user's own. force: overwrite ``path`` and what is left of an earlier stream.

    :meth:`finish` signs and registers the clip and gives the file its name. Left without it, or with an error, the file
    stays under :attr:`growing`; without one frame nothing stays. Raises :class:`UsageError` for an output that exists
    or cannot be written and a size that cannot be marked, :class:`MediaError` where :meth:`finish` finds no frames.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        width: int,
        height: int,
        fps: float,
        sample_rate_hz: int,
        provenance: Provenance,
        echo: BinaryIO | None = None,
        encoding: Encoding | None = None,
        registry: str | Path | None = None,
        force: bool = False,
    ) -> None:
        self.path = Path(path)
        self.growing = growing(self.path)
        self.payload = Payload.new(provenance.kind)
        self._provenance = provenance
        self._shape = (height, width, 3)
        self._fps, self._rate = fps, sample_rate_hz
        self._embedder = Embedder(self.payload, width=width, height=height)
        self._fingerprinter = Fingerprinter()
        self._heard = hashlib.sha256()
        self._echo, self._encoding, self._force = echo, encoding, force
        self._registry = Registry(registry)
        self._stack = ExitStack()
        self._open = False

    def __enter__(self) -> Self:
        keys.identity()  # a certificate or registry that cannot be used is said before anything is made
        with self._registry:
            self._registry.prepare()
        check_live_output(self.path, force=self._force)
        self._made = runs.make_folder(self.path)
        with ExitStack() as undo:
            undo.callback(self._leave_nothing)
            undo.callback(self._stack.close)
            Begun(self.payload, self._provenance).save(self.growing)
            height, width, _ = self._shape
            sink = _Sink(self._stack.enter_context(self.growing.open("wb", buffering=0)), self._echo)
            self._video = FragmentWriter(
                sink, width=width, height=height, fps=self._fps, sample_rate_hz=self._rate, encoding=self._encoding
            )
            undo.pop_all()
        self._work = Background(self._append, waiting=_WAITING, name=f"write {self.path.name}")
        self._open = True
        return self

    def hear(self, samples: F32) -> None:
        """Append (N,) mono samples in [-1, 1]; they have to come before the frames that they belong to."""
        self._heard.update(samples.tobytes())
        self._work.put(samples)

    def write(self, rgb: U8) -> None:
        """Append a frame: (height, width, 3) RGB uint8. It is copied."""
        if rgb.shape != self._shape or rgb.dtype.name != "uint8":
            raise ValueError(f"expected uint8 {self._shape}, got {rgb.dtype} {rgb.shape}")
        self._work.put(rgb.copy())

    def _append(self, item: F32 | U8) -> None:
        """In the thread: sound, or a frame."""
        if item.ndim == 1:
            self._video.write_sound(item.astype(np.float32, copy=False))
            return
        i420 = self._embedder.embed(rgb_to_i420(item.astype(np.uint8, copy=False)))
        self._fingerprinter.add(i420[: self._shape[0]], self._video.frames / self._fps)
        self._video.write(i420)

    def finish(self) -> MarkedClip:
        """Close, sign and register the clip; with ``echo`` the registry keeps the manifest and the file goes."""
        self._work.finish()
        if not self._video.frames:
            raise MediaError(f"{self.path.name}: the sound ended before one frame was made; a clip needs at least one")
        self._close()
        said = dataclasses.replace(
            self._provenance,
            ingredients=tuple(
                dataclasses.replace(item, sha256=self._heard.hexdigest()) if item.label == VOICE_LABEL else item
                for item in self._provenance.ingredients
            ),
        )
        clip = signed(
            self.growing, self.path, said, self.payload, self._fingerprinter.finish(), self._registry, self._force
        )
        self.growing.unlink()
        record_of(self.growing).unlink()
        return clip

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(Exception) if error is not None else contextlib.nullcontext():
            self._close()

    def _close(self) -> None:
        if self._open:
            self._open = False
            self._work.stop()
            with self._stack:
                self._video.close()
            if not self._video.frames:
                self._leave_nothing()

    def _leave_nothing(self) -> None:
        self.growing.unlink(missing_ok=True)
        record_of(self.growing).unlink(missing_ok=True)
        runs.remove_folders(self._made)


def check_live_output(path: Path, *, force: bool) -> None:
    """Refuse early what :class:`LiveWriter` would refuse: outputs that exist or cannot be written."""
    check_clip_output(path, force=force)
    left = growing(path)
    if left.exists() and not force:
        command = shlex.join(["tellmark", "mark", str(left), str(path)])
        raise UsageError(
            f"{left} was left by a stream that broke off; sign it ({command}) and move it away, or give --force to "
            "write over it"
        )


class _Sink:
    """Bytes into a file and, where given, a pipe; whoever reads the pipe may leave without ending the clip."""

    def __init__(self, file: BinaryIO, echo: BinaryIO | None) -> None:
        self._file, self._echo = file, echo

    def write(self, data: bytes, /) -> int:
        self._file.write(data)
        if self._echo is not None:
            try:
                self._echo.write(data)
                self._echo.flush()
            except BrokenPipeError:
                self._echo = None
        return len(data)
