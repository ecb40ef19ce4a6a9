"""A picture file becomes a portrait: framed to 512 x 512, tracked and cut out."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from tellmark.errors import FaceError, UsageError
from tellmark.faces import find_face, matte, stands_on_its_head
from tellmark.generator.geometry.fill import fill
from tellmark.generator.types import SIZE, Portrait
from tellmark.landmarks import FACE_OVAL, head_rotation_deg
from tellmark.media import sha256_of
from tellmark.pictures import read_image
from tellmark.types import F32, U8

Framing = Literal["auto", "keep"]

FACE_SHARE = 0.43  # face height over frame height where the picture has room
_WIDEST_SHARE = 0.37  # accepted to hold high hair or a hat
_HEAD_SHARE = 0.72  # crown to chin over frame height
_HEADROOM = 0.05
_LOWEST_CENTRE = 0.54
_TIGHTEST_SHARE = 0.66  # accepted to stay inside the picture
_FACE_CENTRE = (0.5, 0.45)  # of the frame
_LOOKED_AT = 1024  # px of a picture's longer side in which the top of a head is looked for
_LIES_DEG = 60.0  # beyond which a head is that of a picture on its side
_PLAIN = 12  # code values within which a border is of one colour
_ABRUPT = 30  # code values by which what it surrounds differs from it
_SLACK = (0.06, 0.12)  # how far the face may leave that place to stay inside the picture


def load_portrait(path: Path | str, *, consent: str | None, framing: Framing = "auto") -> Portrait:
    """Read a picture file as a portrait.

    consent: who agreed to the picture being animated, or its licence; kept as SHA-256 only. framing: "auto" crops
    to head and shoulders, "keep" takes a square picture as it is framed, only resized.

    Raises :class:`UsageError` without consent, for an unknown framing and for "keep" on a picture that is not square,
    :class:`MediaError` for a file that is no picture, :class:`FaceError` where there is no single usable face, or one
    that lies on its side or is upside down.
    """
    path = Path(path)
    if consent is None or not consent.strip():
        raise UsageError(f"{path.name}: say who agreed to animate this picture, or its licence, with --consent TEXT")
    if framing not in ("auto", "keep"):
        raise UsageError(f"--framing {framing}: must be auto or keep")
    picture = read_image(path)
    framed = frame_portrait(unbordered(picture)) if framing == "auto" else _keep(picture, path.name)
    face = find_face(framed)
    roll = float(head_rotation_deg(face.landmarks)[2])
    if abs(roll) > _LIES_DEG:
        raise FaceError(f"the head in {path.name} lies on its side (turned by {roll:.0f} degrees); turn the picture")
    if stands_on_its_head(framed, face):
        raise FaceError(f"the face in {path.name} is upside down; turn the picture by 180 degrees")
    return Portrait(
        image=framed,
        landmarks=face.landmarks,
        matte=matte(framed),
        name=path.stem,
        sha256=sha256_of(path),
        source=path,
        consent_sha256=hashlib.sha256(consent.strip().encode()).hexdigest(),
    )


def frame_portrait(
    picture: U8,  # (H, W, 3) RGB
    landmarks: F32 | None = None,  # (478, 3) px in ``picture``; found when not given
    *,
    face_share: float = FACE_SHARE,
) -> U8:  # (512, 512, 3)
    """Crop to head and shoulders, never stretching.

    The window closes in a little and moves a little to stay inside the picture; what still lies beyond its border is
    filled with its own continued colours. Raises :class:`FaceError` where no single usable face is found.
    """
    if landmarks is None:
        landmarks = find_face(picture).landmarks
    oval = landmarks[list(FACE_OVAL), :2]
    low, high = oval.min(0), oval.max(0)
    width, height = (high - low).tolist()
    # A turned or raised face is short for its head; its width tells the head's size then.
    face = max(height, 1.2 * width)
    crown = _crown(picture, low, high)
    # High hair asks for a wider window, a picture's border for a narrower one.
    side = float(np.clip((high[1] - crown) / _HEAD_SHARE, face / face_share, face / _WIDEST_SHARE))
    side = float(np.clip(min(picture.shape[:2]), min(side, face / _TIGHTEST_SHARE), side))
    centre_x, centre_y = ((low + high) / 2).tolist()
    lowered = np.clip((centre_y - crown) / side + _HEADROOM, _FACE_CENTRE[1], _LOWEST_CENTRE)
    # What is missing is added where it is easiest to invent: above the head, or below it where the picture cuts hair.
    above = 1.0 if crown > 0.01 * side else 0.0
    x = _window(centre_x, side, _FACE_CENTRE[0], _SLACK[0], picture.shape[1], before=0.5)
    y = _window(centre_y, side, float(lowered), _SLACK[1], picture.shape[0], before=above)
    return _cut(picture, round(x), round(y), max(1, round(side)))


def unbordered(picture: U8) -> U8:
    """(h, w, 3): the picture (H, W, 3) without a plain border, as scans and screenshots have it; a view of it.

    A border is of one colour, at most a quarter of a side wide, and ends abruptly all along: a plain wall stays.
    """
    for _ in range(2):  # above and below, then at the sides
        first, last = _plain(picture), _plain(picture[::-1])
        picture = picture[first : len(picture) - last].transpose(1, 0, 2)
    return picture


def _plain(picture: U8) -> int:
    """Rows of a border above a picture."""
    reach = len(picture) // 4
    off = np.abs(picture[: reach + 2].astype(np.int16) - np.median(picture[0], axis=0).astype(np.int16)).max(2)
    plain = off.max(1) <= _PLAIN
    if not plain[0] or plain[: reach + 1].all():
        return 0
    end = int(plain.argmin())
    inside = end + 1  # the row between is a mixture, where a picture was scaled
    return inside if (off[inside] > _ABRUPT).mean() > 0.5 else 0


def _crown(picture: U8, low: F32, high: F32) -> float:
    """Topmost row of hair or hat above a face box, px."""
    x0, x1 = max(0, int(low[0])), min(picture.shape[1], int(high[0]) + 1)
    reach = int(2.5 * (high[1] - low[1]))
    y0 = max(0, int(high[1]) - reach)
    x2, x3 = max(0, int(low[0]) - reach // 2), min(picture.shape[1], int(high[0]) + reach // 2)
    window = np.ascontiguousarray(picture[y0 : int(high[1]) + reach // 3, x2:x3])
    zoom = min(1.0, _LOOKED_AT / max(window.shape))  # of a large picture the outline takes seconds, and says no more
    if zoom < 1:
        window = np.asarray(cv2.resize(window, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_AREA), np.uint8)
    person = matte(window)[:, round(zoom * (x0 - x2)) : round(zoom * (x1 - x2))] > 0.5
    rows = np.flatnonzero(person.mean(1) > 0.08)
    return float(y0 + rows[0] / zoom) if len(rows) else float(low[1])


def _window(centre: float, side: float, place: float, slack: float, extent: int, before: float) -> float:
    """Start of a window along one axis, moved by at most ``slack`` windows to lie inside [0, extent].

    Of what a window longer than the picture lacks, the share ``before`` lies in front of the picture.
    """
    start = centre - place * side
    inside = min(max(start, 0.0), extent - side) if side <= extent else (extent - side) * before
    return float(np.clip(inside, start - slack * side, start + slack * side))


def _cut(picture: U8, x: int, y: int, side: int) -> U8:
    height, width = picture.shape[:2]
    left, top = max(0, -x), max(0, -y)
    right, bottom = max(0, x + side - width), max(0, y + side - height)
    crop = picture[max(0, y) : y + side, max(0, x) : x + side]
    crop = cv2.copyMakeBorder(crop, top, bottom, left, right, cv2.BORDER_REPLICATE)
    framed = _resize(crop)
    scale = SIZE / side
    outside = np.ones((SIZE, SIZE), bool)
    outside[
        int(np.ceil(top * scale)) : SIZE - int(np.ceil(bottom * scale)),
        int(np.ceil(left * scale)) : SIZE - int(np.ceil(right * scale)),
    ] = False
    return fill(framed, outside, coarse=_softening(framed, outside), detail_px=1.5)


def _softening(replicated: U8, outside: NDArray[np.bool_]) -> F32:
    """Border colours repeated outwards, ever softer: shoulders and walls go on as they leave the picture."""
    depth = cv2.distanceTransform(outside.astype(np.uint8), cv2.DIST_L2, 5)
    soft = replicated.astype(np.float32)
    blurred = soft
    for sigma in (2.0, 5.0, 12.0):
        # Later levels start from the wider frame, so that the border's own row keeps its place.
        blurred = cv2.GaussianBlur(blurred, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
        share = np.clip(depth / (3 * sigma) - 0.5, 0, 1)[..., None]
        soft = soft * (1 - share) + blurred * share
    return soft


def _keep(picture: U8, name: str) -> U8:
    height, width = picture.shape[:2]
    if height != width:
        raise UsageError(f"{name}: --framing keep needs a square picture, this one is {width}x{height}; use auto")
    return _resize(picture)


def _resize(picture: U8) -> U8:
    if picture.shape[:2] == (SIZE, SIZE):
        return np.ascontiguousarray(picture)
    shrink = picture.shape[0] > SIZE
    resized = cv2.resize(picture, (SIZE, SIZE), interpolation=cv2.INTER_AREA if shrink else cv2.INTER_CUBIC)
    return np.asarray(resized, np.uint8)
