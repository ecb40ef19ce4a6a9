import dataclasses
import json
import wave

import numpy as np
import pytest
from c2pa import Reader

from tellmark.benchmarks.channels import remux
from tellmark.encoding import VideoWriter
from tellmark.errors import MediaError, UsageError
from tellmark.media import VideoReader, probe, rgb_to_i420
from tellmark.pictures import write_image
from tellmark.types import Kind, VerdictKind
from tellmark.watermark.credentials import Ingredient, Provenance, sign
from tellmark.watermark.embed import Embedder
from tellmark.watermark.manifests import examine
from tellmark.watermark.mark import mark_video, written_rate
from tellmark.watermark.registry import Registry
from tellmark.watermark.signal.payload import Payload
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
    assert "digitalSourceType" not in first
    parent = manifest["assertions"]["c2pa.ingredient.v3"]
    assert parent["relationship"] == "parentOf"
    assert ("digitalSourceType" in parent) == (kind is Kind.SYNTHETIC)
    said = verdict.c2pa.digital_source_type
    assert said == parent.get("digitalSourceType")


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
    assert str(examine(again.path).evidence.digital_source_type).endswith("trainedAlgorithmicMedia")
    with Registry(registry) as rows:
        assert len(rows.find(first.payload)) == 2
    remux(again.path, tmp_path / "stripped.mp4")
    for path, kind, title in (
        (first.path, VerdictKind.INTACT, "first.mp4"),
        (again.path, VerdictKind.INTACT, "again.mp4"),
        (tmp_path / "stripped.mp4", VerdictKind.RECOVERED, "first.mp4"),  # what the others were made from
    ):
        verdict = verify(path, registry=registry, thorough=False)
        assert (verdict.verdict, verdict.registry.title) == (kind, title)


@pytest.fixture(scope="module")
def stripped(source, tmp_path_factory):
    """A marked clip, its registry, and what a tool leaves of it that knows no manifests."""
    folder = tmp_path_factory.mktemp("stripped")
    with Registry(folder / "registry.sqlite") as rows:
        mark_video(source, folder / "first.mp4", kind=Kind.SYNTHETIC, registry=rows.location)
    remux(folder / "first.mp4", folder / "stripped.mp4")
    return folder


def test_a_manifest_that_was_stripped_is_the_parents_again(stripped, tmp_path):
    source, registry = stripped / "stripped.mp4", tmp_path / "registry.sqlite"
    registry.write_bytes((stripped / "registry.sqlite").read_bytes())
    mark_video(source, tmp_path / "again.mp4", kind=Kind.SYNTHETIC, registry=registry)
    again, first, original = manifests(tmp_path / "again.mp4"), manifests(stripped / "first.mp4"), examine(source)
    assert original.evidence.state == "none"
    assert [manifest["claim.v2"]["dc:title"] for manifest in again] == ["again.mp4", "first.mp4"]
    assert again[1]["claim.v2"] == first[0]["claim.v2"]
    parent = again[0]["assertions"]["c2pa.ingredient.v3"]
    assert parent["relationship"] == "parentOf"
    assert parent["metadata"]["org.tellmark.recovered_by"] == "org.tellmark.watermark.1"
    # That the content is no longer what was signed is said, and nothing else is wrong with it.
    failed = [item["code"] for item in parent["validationResults"]["activeManifest"]["failure"]]
    assert failed == ["assertion.bmffHash.mismatch"]
    verdict = verify(tmp_path / "again.mp4", registry=registry)
    assert (verdict.verdict, verdict.c2pa.state) == (VerdictKind.INTACT, "Trusted")


def test_nothing_is_put_in_that_the_content_does_not_confirm(stripped, tmp_path, pictures):
    """A mark that was moved onto another video; a registry that does not know it; a row that was tampered with."""
    registry = tmp_path / "registry.sqlite"
    registry.write_bytes((stripped / "registry.sqlite").read_bytes())
    with Registry(registry) as rows:
        (entry,) = rows.find(verify(stripped / "first.mp4", registry=registry).watermark.payload or "")
        moved = Embedder(Payload.from_hex(entry.payload), width=256, height=192)
        with VideoWriter(tmp_path / "moved.mp4", width=256, height=192, fps=25) as writer:
            for rgb in pictures(5, 75):
                writer.write(moved.embed(rgb_to_i420(rgb[:192])))
    with Registry(tmp_path / "forged.sqlite") as rows:
        rows.add(dataclasses.replace(entry, manifest=entry.manifest.replace(b"first.mp4", b"First.mp4")))
    cases = [("moved.mp4", "registry.sqlite"), ("stripped.mp4", "empty.sqlite"), ("stripped.mp4", "forged.sqlite")]
    for number, (name, known) in enumerate(cases):
        source = tmp_path / name if name == "moved.mp4" else stripped / name
        out = tmp_path / f"{number}.mp4"
        mark_video(source, out, kind=Kind.SYNTHETIC, registry=tmp_path / known)
        (manifest,) = manifests(out)
        assert "org.tellmark.recovered_by" not in manifest["assertions"]["c2pa.ingredient.v3"]["metadata"]


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


def test_slow_motion_keeps_its_rate(tmp_path, registry, pictures):
    with VideoWriter(tmp_path / "fast.mp4", width=256, height=256, fps=240) as writer:
        for rgb in pictures(4, 60):
            writer.write(rgb_to_i420(rgb))
    mark_video(tmp_path / "fast.mp4", tmp_path / "out.mp4", kind=Kind.CONTROL, registry=registry)
    assert probe(tmp_path / "out.mp4").fps == 240
    assert written_rate(dataclasses.replace(probe(tmp_path / "out.mp4"), fps=90_000)) == 25  # a clock, not a rate


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
