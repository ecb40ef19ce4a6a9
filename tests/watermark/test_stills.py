"""Pictures are marked, signed and verified, and stay as sharp as they were."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from c2pa import Reader
from PIL import Image

from tellmark.errors import MediaError, UsageError
from tellmark.media import i420_to_rgb, rgb_to_i420
from tellmark.pictures import read_image, write_image
from tellmark.types import U8, Kind, VerdictKind
from tellmark.watermark.detect import detect_image
from tellmark.watermark.registry import Registry
from tellmark.watermark.signal.payload import Payload
from tellmark.watermark.stills import embed_image, mark_picture
from tellmark.watermark.verify import verify

PAYLOAD = Payload(Kind.SYNTHETIC, 0x11223344556677)


@pytest.fixture(scope="module")
def picture(pictures) -> U8:
    made: U8 = pictures(7, 1, size=512)[0]
    return made


@pytest.fixture
def registry(tmp_path: Path) -> Path:
    return tmp_path / "registry.sqlite"


@pytest.mark.parametrize("size", [(512, 512), (511, 683), (720, 1281)])
def test_a_marked_picture_is_read(picture: U8, size: tuple[int, int]) -> None:
    rgb = cv2.resize(picture, size[::-1], interpolation=cv2.INTER_CUBIC)
    marked = embed_image(rgb, PAYLOAD)
    assert marked.shape == rgb.shape
    assert cv2.PSNR(rgb, marked) > 40
    reading = detect_image(marked)
    assert reading.payload == PAYLOAD
    assert not detect_image(rgb).present


def test_colour_keeps_its_full_resolution(picture: U8) -> None:
    """A red and blue checkerboard of single pixels, which I420 cannot hold."""
    board = np.indices(picture.shape[:2]).sum(axis=0) % 2
    rgb = np.where(board[..., None] == 0, np.array([200, 40, 60]), np.array([60, 40, 200])).astype(np.uint8)
    assert cv2.PSNR(rgb, i420_to_rgb(rgb_to_i420(rgb))) < 20
    assert cv2.PSNR(rgb, embed_image(rgb, PAYLOAD)) > 38


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
def test_marking_signs_registers_and_verifies(picture: U8, tmp_path: Path, registry: Path, suffix: str) -> None:
    write_image(tmp_path / "in.png", picture)
    out = tmp_path / f"out{suffix}"
    result = mark_picture(tmp_path / "in.png", out, kind=Kind.SYNTHETIC, registry=registry)
    assert sorted(path.name for path in tmp_path.iterdir() if "sqlite" not in path.name) == ["in.png", out.name]
    verdict = verify(out, registry=registry)
    assert verdict.verdict is VerdictKind.INTACT
    assert (verdict.watermark.payload, verdict.watermark.kind) == (result.payload, "synthetic")
    with Reader(out) as reader:
        (manifest,) = json.loads(reader.crjson())["manifests"]
    assert manifest["assertions"]["c2pa.actions.v2"]["actions"][0]["action"] == "c2pa.opened"
    with Registry(registry) as rows:
        assert [entry.title for entry in rows.find(result.payload)] == [out.name]


def test_a_bmp_is_a_picture(picture: U8, tmp_path: Path, registry: Path) -> None:
    Image.fromarray(picture).save(tmp_path / "in.bmp")
    assert verify(tmp_path / "in.bmp", registry=registry).verdict is VerdictKind.NONE
    mark_picture(tmp_path / "in.bmp", tmp_path / "out.png", kind=Kind.CONTROL, registry=registry)
    assert verify(tmp_path / "out.png", registry=registry).verdict is VerdictKind.INTACT


def test_a_stripped_picture_says_watermarked_and_no_more(picture: U8, tmp_path: Path, registry: Path) -> None:
    write_image(tmp_path / "in.png", picture)
    mark_picture(tmp_path / "in.png", tmp_path / "out.png", kind=Kind.CONTROL, registry=registry)
    write_image(tmp_path / "stripped.png", read_image(tmp_path / "out.png"))
    verdict = verify(tmp_path / "stripped.png", registry=registry)
    assert verdict.verdict is VerdictKind.WATERMARKED
    assert verdict.registry.found
    assert verdict.registry.fingerprint_match is None


def test_a_marked_picture_keeps_its_mark_and_is_signed_anew(picture: U8, tmp_path: Path, registry: Path) -> None:
    write_image(tmp_path / "in.png", picture)
    first = mark_picture(tmp_path / "in.png", tmp_path / "a.png", kind=Kind.CONTROL, registry=registry)
    again = mark_picture(tmp_path / "a.png", tmp_path / "b.png", kind=Kind.CONTROL, registry=registry)
    assert again.payload == first.payload
    assert np.array_equal(read_image(tmp_path / "a.png"), read_image(tmp_path / "b.png"))
    with pytest.raises(UsageError, match="of type JPEG"):
        mark_picture(tmp_path / "a.png", tmp_path / "c.jpg", kind=Kind.CONTROL, registry=registry)
    write_image(tmp_path / "stripped.png", read_image(tmp_path / "a.png"))
    with pytest.raises(UsageError, match="a mark that says control"):
        mark_picture(tmp_path / "stripped.png", tmp_path / "d.png", kind=Kind.SYNTHETIC, registry=registry)


def test_the_colour_profile_stays_and_transparency_goes(picture: U8, tmp_path: Path, registry: Path) -> None:
    clear = np.dstack([picture, np.full(picture.shape[:2], 255, np.uint8)])
    clear[:100, :, 3] = 0
    Image.fromarray(clear).save(tmp_path / "in.png", icc_profile=b"a profile")
    mark_picture(tmp_path / "in.png", tmp_path / "out.png", kind=Kind.CONTROL, registry=registry)
    with Image.open(tmp_path / "out.png") as made:
        assert (made.mode, made.info["icc_profile"]) == ("RGB", b"a profile")
        assert np.asarray(made)[:90].mean() > 250


def test_what_cannot_be_marked(picture: U8, tmp_path: Path, registry: Path, plain_clip: Path) -> None:
    write_image(tmp_path / "in.png", picture)
    write_image(tmp_path / "tiny.png", picture[:40, :40])
    (tmp_path / "mine.png").write_bytes(b"mine")
    for source, out, error, words in (
        ("in.png", "out.gif", UsageError, "written as .png"),
        ("in.png", "mine.png", UsageError, "--force"),
        ("tiny.png", "out.png", UsageError, "at least 64"),
        ("none.png", "out.png", MediaError, "does not exist"),
    ):
        with pytest.raises(error, match=words):
            mark_picture(tmp_path / source, tmp_path / out, kind=Kind.CONTROL, registry=registry)
    with pytest.raises(MediaError, match="picture"):
        mark_picture(plain_clip, tmp_path / "out.png", kind=Kind.CONTROL, registry=registry)
    assert (tmp_path / "mine.png").read_bytes() == b"mine"
    assert not (tmp_path / "out.png").exists()
