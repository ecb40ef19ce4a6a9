"""What a stream that was killed has left becomes the clip that it was to be, or is refused."""

from __future__ import annotations

import errno
import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tellmark.cli import run
from tellmark.errors import MediaError, UsageError
from tellmark.media import VideoReader, read_audio
from tellmark.types import U8, Kind, VerdictKind
from tellmark.watermark.claims import CONSENT_KEY, PORTRAIT_LABEL, SHA256_KEY, VOICE_LABEL, Ingredient, Provenance
from tellmark.watermark.live import LiveWriter
from tellmark.watermark.registry import Registry
from tellmark.watermark.unfinished import Begun, complete, growing, record_of
from tellmark.watermark.verify import verify

SAID = Provenance(
    Kind.SYNTHETIC,
    "clip.mp4",
    model_name="engine",
    parameters={"seed": 5},
    ingredients=(
        Ingredient(PORTRAIT_LABEL, "someone", "image/png", "ab" * 32, Path("gone.png")),
        Ingredient(VOICE_LABEL, "live", "audio/wav", ""),
    ),
    consent_sha256="cd" * 32,
)


def streaming(path: Path, **changes: object) -> LiveWriter:
    given = {"width": 256, "height": 256, "fps": 25, "sample_rate_hz": 16_000, "provenance": SAID}
    return LiveWriter(path, **(given | changes))  # type: ignore[arg-type]


@pytest.fixture
def left(tmp_path: Path, pictures: Callable[..., list[U8]]) -> Path:
    """What is there after a kill: the last fragment is torn, and the record stays."""
    out, there = tmp_path / "live" / "clip.mp4", tmp_path / "killed" / "clip.part.mp4"
    there.parent.mkdir()
    with streaming(out) as writer:
        for picture in pictures(3, 60):
            writer.hear(np.full(640, 0.1, np.float32))
            writer.write(picture)
        writer._work.finish()  # all of it is in the file
        shutil.copy(record_of(growing(out)), record_of(there))
        whole = growing(out).read_bytes()
        writer.finish()
    there.write_bytes(whole[:-100])
    assert not growing(out).exists()
    assert not record_of(growing(out)).exists()
    return there


def frames(path: Path) -> int:
    with VideoReader(path) as reader:
        return sum(1 for _ in reader)


def ingredients(path: Path) -> dict[str, dict[str, object]]:
    from c2pa import Reader

    with path.open("rb") as stream, Reader("video/mp4", stream) as reader:
        found = json.loads(reader.json())
    return {item["title"]: item for item in found["manifests"][found["active_manifest"]]["ingredients"]}


def test_it_is_signed_as_the_clip_it_would_have_become(
    left: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, registry = tmp_path / "again.mp4", tmp_path / "registry.sqlite"
    begun = Begun.beside(left)
    assert begun is not None
    assert run(["mark", str(left), str(out), "--registry", str(registry), "--json"]) == 0
    answer = capsys.readouterr()
    assert json.loads(answer.out)["payload"] == begun.payload.hex()
    assert "not needed any more" in answer.err
    verdict = verify(out, registry=registry)
    assert verdict.verdict is VerdictKind.INTACT
    assert verdict.watermark.payload == begun.payload.hex()
    assert 57 <= frames(out) <= 60
    assert sum(map(len, read_audio(out))) / 16_000 == pytest.approx(2.4, abs=0.1)
    said = ingredients(out)
    assert said["someone"]["metadata"] == {SHA256_KEY: "ab" * 32, CONSENT_KEY: "cd" * 32}
    assert SHA256_KEY not in said["live"].get("metadata", {})  # type: ignore[operator]
    manifest = out.read_bytes()
    assert b"broken_off" in manifest
    assert b"c2pa.created" in manifest
    with Registry(registry) as rows:
        assert [row.title for row in rows.find(begun.payload.hex())] == ["again.mp4"]
    assert left.exists()
    assert record_of(left).exists()


def test_a_whole_stream_says_what_was_heard(tmp_path: Path, pictures: Callable[..., list[U8]]) -> None:
    with streaming(tmp_path / "clip.mp4") as writer:
        writer.hear(np.zeros(640, np.float32))
        for picture in pictures(3, 3):
            writer.write(picture)
        writer.finish()
    said = ingredients(tmp_path / "clip.mp4")
    assert said["live"]["metadata"] == {SHA256_KEY: hashlib.sha256(bytes(4 * 640)).hexdigest()}
    assert b"broken_off" not in (tmp_path / "clip.mp4").read_bytes()


def test_what_is_refused(left: Path, tmp_path: Path, pictures: Callable[..., list[U8]]) -> None:
    begun = Begun.beside(left)
    assert begun is not None
    with pytest.raises(UsageError, match="exists"):
        complete(left, left, begun)
    other = Begun(type(begun.payload)(begun.payload.kind, begun.payload.id ^ 5), begun.provenance)
    with pytest.raises(UsageError, match="does not carry the mark"):
        complete(left, tmp_path / "out.mp4", other)
    left.write_bytes(left.read_bytes()[:300])
    with pytest.raises(MediaError):
        complete(left, tmp_path / "out.mp4", begun)
    assert not (tmp_path / "out.mp4").exists()
    assert run(["mark", str(left), str(tmp_path / "out.mp4"), "--kind", "control"]) == 2


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": "tellmark.stream/1"}', '{"title": "of a downloader"}'])
def test_another_file_of_that_name_is_no_record(left: Path, text: str) -> None:
    record_of(left).write_text(text)
    assert Begun.beside(left) is None
    plain = left.with_name("clip.mp4")
    record_of(plain).write_text(text)
    assert Begun.beside(plain) is None


def test_a_stream_without_one_frame_leaves_nothing(tmp_path: Path) -> None:
    def stream() -> None:
        with streaming(tmp_path / "new" / "clip.mp4") as writer:
            writer.hear(np.zeros(100, np.float32))
            writer.finish()

    with pytest.raises(MediaError, match="before one frame"):
        stream()
    assert list(tmp_path.iterdir()) == []


def test_a_stream_that_cannot_begin_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    for where in ("tellmark.watermark.live.Begun.save", "tellmark.watermark.live.FragmentWriter"):
        with monkeypatch.context() as patch:
            patch.setattr(where, full)
            with pytest.raises(OSError, match="No space"):
                streaming(tmp_path / "new" / "clip.mp4").__enter__()
        assert list(tmp_path.iterdir()) == []
