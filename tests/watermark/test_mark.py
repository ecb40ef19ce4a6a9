import json
import wave

import numpy as np
import pytest
from c2pa import Reader

from tellmark.encoding import VideoWriter
from tellmark.errors import MediaError, UsageError
from tellmark.media import VideoReader, probe, rgb_to_i420, write_image
from tellmark.types import Kind, VerdictKind
from tellmark.watermark.credentials import Ingredient, Provenance, examine, sign
from tellmark.watermark.mark import mark_video
from tellmark.watermark.registry import Registry
from tellmark.watermark.verify import verify


@pytest.fixture(scope="module")
def source(tmp_path_factory, pictures):
    """Three seconds with sound."""
    folder = tmp_path_factory.mktemp("source")
    with wave.open(str(folder / "tone.wav"), "wb") as sound:
        sound.setparams((1, 2, 16_000, 0, "NONE", ""))
        sound.writeframes((8000 * np.sin(np.arange(48_000) / 10)).astype("<i2").tobytes())
    with VideoWriter(folder / "a.mp4", width=256, height=192, fps=25, audio=folder / "tone.wav") as writer:
        for rgb in pictures(4, 75):
            writer.write(rgb_to_i420(rgb[:192]))
    return folder / "a.mp4"


@pytest.fixture
def registry(tmp_path):
    return tmp_path / "registry.sqlite"


def manifests(path) -> list[dict]:
    with Reader(path) as reader:
        return json.loads(reader.crjson())["manifests"]


@pytest.mark.parametrize("kind", list(Kind))
def test_marking_keeps_picture_sound_and_length(source, tmp_path, registry, kind):
    calls = []
    result = mark_video(
        source, tmp_path / "out.mp4", kind=kind, registry=registry, progress=lambda *call: calls.append(call)
    )
    info = probe(tmp_path / "out.mp4")
    assert (info.width, info.height, info.fps, info.has_audio) == (256, 192, 25.0, True)
    assert info.duration_s == pytest.approx(3, abs=0.05)
    assert calls[0] == (1, 150)
    assert calls[-1] == (150, 150)
    assert calls == sorted(calls)
    with VideoReader(source) as before, VideoReader(tmp_path / "out.mp4") as after:
        errors = [np.mean((a.rgb() - b.rgb().astype(float)) ** 2) for a, b in zip(before, after, strict=True)]
    assert 10 * np.log10(255**2 / np.mean(errors)) > 36
    verdict = verify(tmp_path / "out.mp4", registry=registry)
    assert verdict.verdict is VerdictKind.INTACT
    assert (verdict.watermark.payload, verdict.watermark.kind) == (result.payload, kind.value)
    (manifest,) = manifests(tmp_path / "out.mp4")
    first = manifest["assertions"]["c2pa.actions.v2"]["actions"][0]
    assert first["action"] == "c2pa.opened"
    assert ("digitalSourceType" in first) == (kind is Kind.SYNTHETIC)
    assert manifest["assertions"]["c2pa.ingredient.v3"]["relationship"] == "parentOf"


def test_an_existing_manifest_is_kept_as_parent(source, tmp_path, registry):
    camera = Ingredient("raw", "raw.mp4", "video/mp4", "0" * 64)
    sign(
        source,
        tmp_path / "signed.mp4",
        Provenance(Kind.CONTROL, "by others", None, ingredients=(camera,), parent="raw"),
        "2" * 16,
    )
    mark_video(tmp_path / "signed.mp4", tmp_path / "out.mp4", kind=Kind.CONTROL, registry=registry)
    found = manifests(tmp_path / "out.mp4")
    assert [manifest["claim.v2"]["dc:title"] for manifest in found] == ["out.mp4", "by others"]
    assert examine(tmp_path / "out.mp4").evidence.state == "Trusted"


def test_a_marked_clip_keeps_its_mark_and_pixels_and_is_signed_anew(source, tmp_path, registry):
    first = mark_video(source, tmp_path / "first.mp4", kind=Kind.SYNTHETIC, registry=registry)
    again = mark_video(tmp_path / "first.mp4", tmp_path / "again.mp4", kind=Kind.SYNTHETIC, registry=registry)
    assert again.payload == first.payload
    with VideoReader(first.path) as before, VideoReader(again.path) as after:
        assert all(np.array_equal(a.rgb(), b.rgb()) for a, b in zip(before, after, strict=True))
    assert len(manifests(again.path)) == 2
    with Registry(registry) as rows:
        assert len(rows.find(first.payload)) == 2
    assert verify(again.path, registry=registry).verdict is VerdictKind.INTACT


def test_a_synthetic_clip_cannot_be_passed_off_as_a_control(source, tmp_path, registry):
    marked = mark_video(source, tmp_path / "marked.mp4", kind=Kind.SYNTHETIC, registry=registry).path
    with pytest.raises(UsageError, match=r"the manifest in .* says trainedAlgorithmicMedia"):
        mark_video(marked, tmp_path / "out.mp4", kind=Kind.CONTROL, registry=registry)
    stripped = tmp_path / "stripped.mp4"
    with VideoReader(marked) as reader, VideoWriter(stripped, width=256, height=192, fps=25) as writer:
        for frame in reader:
            writer.write(frame.i420())
    with pytest.raises(UsageError, match="a mark that says synthetic"):
        mark_video(stripped, tmp_path / "out.mp4", kind=Kind.CONTROL, registry=registry)
    assert not (tmp_path / "out.mp4").exists()


def test_what_cannot_be_marked(source, tmp_path, registry):
    write_image(tmp_path / "still.png", np.zeros((128, 128, 3), np.uint8))
    with pytest.raises(MediaError, match="no video"):
        mark_video(tmp_path / "still.png", tmp_path / "out.mp4", kind=Kind.CONTROL, registry=registry)
    with pytest.raises(MediaError, match="no video"):
        mark_video(source.parent / "tone.wav", tmp_path / "out.mp4", kind=Kind.CONTROL, registry=registry)
    with pytest.raises(MediaError, match="does not exist"):
        mark_video(tmp_path / "none.mp4", tmp_path / "out.mp4", kind=Kind.CONTROL, registry=registry)
    (tmp_path / "out.mp4").write_bytes(b"mine")
    with pytest.raises(UsageError, match="--force"):
        mark_video(source, tmp_path / "out.mp4", kind=Kind.CONTROL, registry=registry)
    assert (tmp_path / "out.mp4").read_bytes() == b"mine"
