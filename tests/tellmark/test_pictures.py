"""Still pictures in and out, against what Pillow writes."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tellmark.errors import MediaError
from tellmark.pictures import read_image, write_image


def test_huge_frames_are_refused(tmp_path: Path) -> None:
    Image.new("RGB", (9000, 16)).save(tmp_path / "wide.png")
    with pytest.raises(MediaError, match="8192"):
        read_image(tmp_path / "wide.png")


@pytest.mark.parametrize("brand", [b"heic", b"mif1"])
def test_what_phones_take_is_named_and_how_to_save_it_otherwise(tmp_path: Path, brand: bytes) -> None:
    (tmp_path / "IMG_0001.HEIC").write_bytes(b"\0\0\0\x18ftyp" + brand + b"\0" * 40)
    with pytest.raises(MediaError, match=r"IMG_0001\.HEIC is a HEIC picture.* save it as JPEG"):
        read_image(tmp_path / "IMG_0001.HEIC")
    (tmp_path / "film.png").write_bytes(b"\0\0\0\x18ftypisom" + b"\0" * 40)
    with pytest.raises(MediaError, match=r"film\.png is not a picture"):
        read_image(tmp_path / "film.png")


def test_pictures_come_upright_and_opaque(tmp_path: Path) -> None:
    image = Image.new("RGB", (40, 20), "red")
    exif = image.getexif()
    exif[0x0112] = 6  # rotate a quarter turn clockwise
    image.save(tmp_path / "turned.jpg", exif=exif)
    assert read_image(tmp_path / "turned.jpg").shape == (40, 20, 3)
    Image.new("RGBA", (4, 4), (0, 0, 0, 0)).save(tmp_path / "clear.png")
    assert (read_image(tmp_path / "clear.png") == 255).all()


def test_sixteen_bits_of_grey_are_read_as_eight(tmp_path: Path) -> None:
    grey = np.arange(256, dtype=np.uint16).reshape(16, 16) * 257
    Image.fromarray(grey).save(tmp_path / "a.png")
    assert np.array_equal(read_image(tmp_path / "a.png"), np.repeat((grey // 257).astype(np.uint8)[..., None], 3, 2))


def test_write_image_round_trip(tmp_path: Path) -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (64, 96, 3)).astype(np.uint8)
    write_image(tmp_path / "p.png", rgb)
    assert np.array_equal(read_image(tmp_path / "p.png"), rgb)
    assert [path.name for path in tmp_path.iterdir()] == ["p.png"]
