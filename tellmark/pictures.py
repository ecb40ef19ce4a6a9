"""Still pictures in and out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from tellmark.errors import MediaError, UsageError
from tellmark.media import MAX_SIDE, require_file
from tellmark.runs import atomic_path, check_output
from tellmark.types import U8

IMAGES = (".png", ".jpg", ".jpeg", ".webp")  # as pictures are written
_HEIF = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")


def read_image(path: Path | str) -> U8:
    """A picture as (height, width, 3) RGB, turned upright as its EXIF says, transparency over white.

    Raises :class:`MediaError` if it is missing, no picture, damaged or larger than ``MAX_SIDE``.
    """
    path = Path(path)
    require_file(path)
    try:
        with Image.open(path) as image:
            if max(image.size) > MAX_SIDE:
                raise MediaError(f"{path} is {image.width} x {image.height}; scale it to at most {MAX_SIDE} px a side")
            upright = ImageOps.exif_transpose(image)
            if upright.has_transparency_data:
                rgba = upright.convert("RGBA")
                upright = Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba)
            if upright.mode.startswith("I"):  # 16 bits of grey, of which a plain conversion keeps the lower eight
                upright = Image.fromarray((np.clip(np.array(upright), 0, 65_535) // 257).astype(np.uint8))
            return np.array(upright.convert("RGB"))
    except UnidentifiedImageError as error:
        raise MediaError(f"{path} {_what_else(path)}") from error
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise MediaError(f"{path} cannot be decoded ({error}); the file is damaged") from error


def _what_else(path: Path) -> str:
    """What a file is that Pillow does not know, and what to do with it."""
    with path.open("rb") as stream:
        head = stream.read(12)
    if head[4:8] == b"ftyp" and head[8:12] in _HEIF:
        return (
            "is a HEIC picture, as phones take them, which is not read here; save it as JPEG: heif-convert IN.heic "
            "OUT.jpg (Debian: libheif-examples), on a Mac: sips -s format jpeg IN.heic --out OUT.jpg"
        )
    return "is not a picture that can be read; give a PNG, JPEG or WebP file"


def check_image_output(path: Path | str, *, force: bool) -> None:
    """Refuse early what :func:`write_image` would refuse: an unknown suffix, an output that exists."""
    path = Path(path)
    if path.suffix.lower() not in IMAGES:
        raise UsageError(f"{path}: a picture is written as {', '.join(IMAGES)}; name it so")
    check_output(path, force=force)


def write_image(path: Path | str, rgb: U8, *, force: bool = True) -> None:
    """Write a picture in the format its suffix names (``IMAGES``), atomically."""
    check_image_output(path, force=force)
    with atomic_path(path, force=force) as temporary:
        Image.fromarray(rgb).save(temporary)
