import itertools
import os
import sqlite3
import threading

import numpy as np
import pytest

from tellmark.errors import InputError, MediaError, UsageError
from tellmark.media import VideoReader, probe, rgb_to_i420, sha256_of
from tellmark.types import Kind
from tellmark.watermark.content.fingerprint import Fingerprint
from tellmark.watermark.detect import detect_file
from tellmark.watermark.embed import Embedder
from tellmark.watermark.manifests import examine
from tellmark.watermark.registry import Registry
from tellmark.watermark.writer import ClipWriter, Ingredient, Provenance

SYNTHETIC = Provenance(Kind.SYNTHETIC, "clip.mp4", model_name="engine")


@pytest.fixture
def frames(pictures):
    return pictures(3, 50)


def writer(path, **changes) -> ClipWriter:
    return ClipWriter(path, **({"width": 256, "height": 256, "fps": 25.0, "provenance": SYNTHETIC} | changes))


def render(clip, frames):
    with clip:
        for rgb in frames:
            clip.write(rgb)


def render_and_fail(clip, frames):
    with clip:
        clip.write(frames[0])
        raise ZeroDivisionError


def test_a_clip_leaves_marked_signed_and_registered(frames, tmp_path):
    path, registry = tmp_path / "clip.mp4", tmp_path / "registry.sqlite"
    with writer(path, registry=registry) as clip:
        for rgb in frames:
            clip.write(rgb)
    result = clip.result
    assert result.path == path
    assert result.sha256 == sha256_of(path)
    reading = detect_file(path)
    assert reading.payload.hex() == result.payload
    manifest = examine(path)
    assert manifest.fits
    assert manifest.payload == result.payload
    with Registry(registry) as rows:
        (row,) = rows.find(result.payload)
    assert (row.sha256, row.title) == (result.sha256, "clip.mp4")
    assert Fingerprint.from_bytes(row.fingerprint).sha256 == manifest.fingerprint_sha256
    assert row.manifest in path.read_bytes()
    info = probe(path)
    assert (info.width, info.height, info.fps, info.has_audio) == (256, 256, 25.0, False)
    assert sorted(item.name for item in tmp_path.iterdir()) == ["clip.mp4", "registry.sqlite"]


def test_frames_are_copied_kept_in_order_and_changed_by_nothing_but_the_mark(tmp_path):
    """Each frame has its own brightness; the caller reuses one array, faster than the thread can follow."""
    rgb = np.empty((256, 256, 3), np.uint8)
    with writer(tmp_path / "clip.mp4") as clip:
        for level in range(40, 200, 4):
            rgb[:] = level
            clip.write(rgb)
    with VideoReader(tmp_path / "clip.mp4") as reader:
        levels = [frame.rgb().mean() for frame in reader]
    assert levels == pytest.approx(list(range(40, 200, 4)), abs=1.5)


def test_the_same_pictures_get_different_payloads(frames, tmp_path):
    payloads = set()
    for number in range(2):
        with writer(tmp_path / f"{number}.mp4") as clip:
            clip.write(frames[0])
        payloads.add(clip.result.payload)
    assert len(payloads) == 2


def test_an_exception_in_the_caller_leaves_nothing(frames, tmp_path):
    clip = writer(tmp_path / "clip.mp4")
    with pytest.raises(ZeroDivisionError):
        render_and_fail(clip, frames)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(RuntimeError, match="not finished"):
        _ = clip.result


def test_an_error_in_the_background_reaches_the_caller_and_leaves_nothing(frames, tmp_path, monkeypatch):
    marked = itertools.count()

    def fail(self, i420):
        if next(marked) == 3:
            raise OSError("the disk is full")
        return i420

    monkeypatch.setattr(Embedder, "embed", fail)
    with pytest.raises(OSError, match="disk is full"):
        render(writer(tmp_path / "clip.mp4"), frames * 10)  # many more than the queue holds: must not hang
    assert list(tmp_path.iterdir()) == []
    assert not any(thread.name.startswith("write ") for thread in threading.enumerate())


def test_a_failed_signature_leaves_nothing(frames, tmp_path, monkeypatch):
    def fail(*_):
        raise UsageError("the certificate cannot sign")

    monkeypatch.setattr("tellmark.watermark.writer.sign", fail)
    with pytest.raises(UsageError, match="cannot sign"), writer(tmp_path / "clip.mp4") as clip:
        clip.write(frames[0])
    assert list(tmp_path.iterdir()) == []


def test_the_row_is_committed_before_the_file_appears(frames, tmp_path, monkeypatch):
    path, registry = tmp_path / "clip.mp4", tmp_path / "registry.sqlite"
    seen = []
    add = Registry.add

    def watch(self, entry):
        add(self, entry)
        other = sqlite3.connect(registry)  # another process's view
        seen.append((other.execute("SELECT count(*) FROM clips").fetchone()[0], path.exists()))
        other.close()

    monkeypatch.setattr(Registry, "add", watch)
    with writer(path, registry=registry) as clip:
        clip.write(frames[0])
    assert seen == [(1, False)]


def test_wrong_calls_are_refused_before_rendering(frames, tmp_path, plain_clip, monkeypatch):
    taken = tmp_path / "taken.mp4"
    taken.write_bytes(b"mine")
    with pytest.raises(UsageError, match="--force"), writer(taken):
        pytest.fail("entered")
    assert taken.read_bytes() == b"mine"
    with pytest.raises(UsageError, match="cannot mark 33x33"):
        writer(tmp_path / "clip.mp4", width=33, height=33)
    with pytest.raises(UsageError, match="--registry"):
        writer(tmp_path / "clip.mp4", registry="ftp://example.org")
    with pytest.raises(InputError, match="registry"), writer(tmp_path / "clip.mp4", registry=plain_clip):
        pytest.fail("entered")
    with pytest.raises(MediaError, match="no sound"), writer(tmp_path / "clip.mp4", audio=plain_clip):
        pytest.fail("entered")
    monkeypatch.setenv("C2PA_SIGN_CERT", "/nowhere.pem")
    with pytest.raises(UsageError, match="C2PA"), writer(tmp_path / "clip.mp4"):
        pytest.fail("entered")
    assert [path.name for path in tmp_path.iterdir()] == ["taken.mp4"]


def test_no_frames_and_wrong_frames(frames, tmp_path):
    with pytest.raises(UsageError, match="not one frame"), writer(tmp_path / "clip.mp4"):
        pass
    with pytest.raises(ValueError, match="expected uint8"), writer(tmp_path / "clip.mp4") as clip:
        clip.write(rgb_to_i420(frames[0]))
    assert list(tmp_path.iterdir()) == []


def test_force_replaces_a_file_only_when_done(frames, tmp_path):
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"old")
    with pytest.raises(ZeroDivisionError):
        render_and_fail(writer(path, force=True), frames)
    assert path.read_bytes() == b"old"
    with writer(path, force=True) as clip:
        clip.write(frames[0])
    assert examine(path).fits


@pytest.mark.parametrize("name", ["clip.mkv", "clip.png", "clip"])
def test_a_name_that_is_no_mp4_s_is_refused_before_anything_is_made(frames, tmp_path, name):
    with pytest.raises(UsageError, match=r"ends in \.mp4"), writer(tmp_path / name, registry=tmp_path / "r.sqlite"):
        pytest.fail("it took frames")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name != "posix", reason="names are bytes there")
def test_names_that_are_no_utf_8_are_signed_and_registered(frames, tmp_path):
    name = os.fsdecode(b"clip-\xff.mp4")
    made = Provenance(Kind.SYNTHETIC, name, ingredients=(Ingredient("voice", name, "audio/wav", "b" * 64),))
    with writer(tmp_path / name, provenance=made, registry=tmp_path / "r.sqlite") as clip:
        for rgb in frames:
            clip.write(rgb)
    assert (examine(tmp_path / name).title, examine(tmp_path / name).fits) == ("clip-?.mp4", True)
    with Registry(tmp_path / "r.sqlite") as rows:
        (row,) = rows.find(clip.result.payload)
    assert (row.title, row.origin) == ("clip-?.mp4", "clip-?.mp4")
