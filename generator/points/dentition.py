"""The mouth of the point renderer: teeth on two arches, gums and a tongue as loose points in 3D, lit from the front.

Upper teeth belong to the skull, lower teeth and tongue to the jaw. What the lips let in of light falls off with the
distance to them. A portrait that shows its teeth keeps them: they lie over the drawn ones, fixed to the skull.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import cv2
import numpy as np

from tellmark.generator.geometry.basis import JAW_DROP_MM, LOWER_LIP, UPPER_LIP, face_frame
from tellmark.generator.geometry.between_lips import HIDDEN_MM, light, reddening, rounding, shown_mm
from tellmark.generator.geometry.white import colourfulness, white_point
from tellmark.generator.points.splatting import CHANNELS, resolve, scatter
from tellmark.generator.types import EXPRESSIONS, SIZE
from tellmark.landmarks import LIPS_INNER
from tellmark.types import F32, F64, U8

_GRID_MM = 0.34  # between points
_UPPER = ((8.6, 10.2), (6.6, 8.9), (7.7, 10.0), (7.0, 8.4), (6.8, 7.8))  # width and height in mm, from the middle
_LOWER = ((5.4, 8.6), (5.9, 8.9), (6.9, 9.8), (7.1, 8.2), (7.2, 7.6))
_ENAMEL = np.array([238.0, 230.0, 214.0])
_YELLOWER = np.array([4.0, 9.0, 24.0])
_ARCH_MM = 42.0  # depth of the arch is x^2 / this
_CONTRAST = 0.9  # of depth, per mm
_OPEN_MM = 1.5  # lips further apart at rest leave a hole, and what shows in it is kept
_TOOTHED_MM = 2.5  # and where they are no further apart than this it is no teeth: it goes as they part
_GONE_MM = 1.3  # of parting, by which it is gone
_EDGE = 0.7  # of the light, that is left behind the lips' edges
_SOFT_PX = 0.8  # sigma: points have hard edges, and a camera has none
_JAW = EXPRESSIONS.index("jaw")


@dataclass(frozen=True, slots=True)
class Dentition:
    """The inside of one mouth, in mm: across, down and back from where the closed lips meet."""

    upper: F32  # (n, 3)
    upper_colours: F32  # (n, 3) RGB
    lower: F32  # (m, 3) with the tongue; on the jaw
    lower_colours: F32  # (m, 3)
    dark: F32  # (3,) RGB of the throat
    red: F32  # (3,) exponents of the light, by channel
    origin: F32  # (3,) px in the portrait
    axes: F32  # (3, 3) px per mm: across, down, back
    rest_mm: float  # from one corner of the lips to the other in the portrait
    own: F32 | None  # (SIZE, SIZE) alpha of the portrait's own interior
    gap_mm: float  # between the lips in the portrait


def build_dentition(image: U8, landmarks: F32) -> Dentition:
    """The mouth of a framed portrait."""
    frame = face_frame(landmarks)
    gap = _gap(landmarks)
    white = white_point(image, landmarks) / 255
    seed = zlib.crc32(image.tobytes())
    rng = np.random.default_rng(seed)  # a picture's own teeth, the same every time
    enamel = _ENAMEL * rng.uniform(0.93, 1.03) - rng.uniform(-0.5, 1.0) * _YELLOWER
    upper, upper_colours = _row(_UPPER, True, enamel, rng)
    lower, lower_colours = _row(_LOWER, False, enamel, rng)
    tongue, tongue_colours = _tongue(rng)
    colour = colourfulness(image, landmarks)
    origin = landmarks[13].astype(np.float64)
    gap_mm = gap / frame.px_per_mm
    show = shown_mm(seed)  # teeth hang from the upper lip
    upper += np.array([0, show, 3.2])
    lower += np.array([0, show + 0.9 + 0.6 * gap_mm, 4.6])
    tongue += np.array([0, 5.5 + 0.6 * gap_mm, 12.0])
    return Dentition(
        upper=upper.astype(np.float32),
        upper_colours=_tinted(upper_colours * white, colour),
        lower=np.concatenate([lower, tongue]).astype(np.float32),
        lower_colours=_tinted(np.concatenate([lower_colours, tongue_colours]) * white, colour),
        dark=_tinted(np.array([84, 40, 37]) * white, colour),
        red=reddening(colour),
        origin=origin.astype(np.float32),
        axes=frame.axes,
        rest_mm=_across_mm(landmarks[list(LIPS_INNER), :2], frame.axes),
        own=np.minimum(2 * opening(landmarks), 1) if gap_mm > _OPEN_MM else None,
        gap_mm=gap_mm,
    )


def opening(landmarks: F32) -> F32:
    """(SIZE, SIZE) in [0, 1]: the hole between the lips at rest; nothing where they touch."""
    mask = np.zeros((SIZE, SIZE), np.uint8)
    if _gap(landmarks) > _OPEN_MM * face_frame(landmarks).px_per_mm:
        cv2.fillPoly(mask, [np.rint(landmarks[list(LIPS_INNER), :2] * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), 0.7) / np.float32(255))


def draw_dentition(
    mouth: Dentition,
    frame: U8,  # (SIZE, SIZE, 3) in and out
    lips: F32,  # (20, 2) px: the inner lips now
    place: F32,  # (3, 3) px per mm now: where one mm across, down and back leads
    origin: F32,  # (3,) px: where the mouth's origin is now
    expression: F32,  # (E,)
    kept: F32 | None,  # (SIZE, SIZE, 4) premultiplied: the portrait's own interior
    back: F32,  # (2, 3) from the frame to the portrait, for what is fixed to the skull
) -> None:
    """Draw the inside behind the lips, somewhat beyond their opening."""
    margin = 4 + 0.06 * float(np.ptp(lips[:, 0]))
    x0, y0 = np.clip(np.floor(lips.min(0) - margin), 0, SIZE - 2).astype(int).tolist()
    x1, y1 = np.clip(np.ceil(lips.max(0) + margin), 2, SIZE).astype(int).tolist()
    if x1 - x0 < 4 or y1 - y0 < 4:
        return
    hole = np.zeros((y1 - y0, x1 - x0), np.uint8)
    cv2.fillPoly(hole, [np.rint((lips - (x0, y0)) * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    tall, wide = float(np.ptp(lips[:, 1])), float(np.ptp(lips[:, 0]))
    soft = cv2.GaussianBlur(hole, (0, 0), max(0.09 * wide, 1.0), borderType=cv2.BORDER_CONSTANT) / np.float32(255)
    rounded = rounding(_across_mm(lips, place) / mouth.rest_mm)
    lit = (1.2 * light(tall / float(np.linalg.norm(place[1])), rounded) * (_EDGE + (1 - _EDGE) * soft))[..., None]
    region = np.empty((*hole.shape, 3), np.uint8)
    region[:] = np.clip(mouth.dark * (0.5 + 0.5 * lit), 0, 255).astype(np.uint8)
    drop = JAW_DROP_MM * 0.92 * float(np.clip(expression[_JAW], -0.1, 1.3))
    heap = np.zeros((*hole.shape, CHANNELS), np.float32)
    area = (_GRID_MM * float(np.linalg.norm(place[0]))) ** 2
    shift = np.array([x0, y0, 0], np.float32)
    for points, colours, fall in (
        (mouth.lower, mouth.lower_colours, drop),
        (mouth.upper, mouth.upper_colours, -HIDDEN_MM * rounded),
    ):
        moved = (points + np.array([0, fall, 0.12 * max(fall, 0.0)], np.float32)) @ place + origin - shift
        moved[:, 2] = points[:, 2]
        scatter(np.ascontiguousarray(moved, np.float32), colours, area, _CONTRAST, heap)
    resolve(heap, region)
    shaded = cv2.GaussianBlur(region.astype(np.float32), (0, 0), _SOFT_PX) * lit**mouth.red
    if kept is not None:
        local = back.copy()
        local[:, 2] += local[:, :2] @ np.array([x0, y0], np.float32)
        size = (x1 - x0, y1 - y0)
        own = cv2.warpAffine(kept, local, size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
        if mouth.gap_mm < _TOOTHED_MM:
            parted = float(np.linalg.norm(lips[5] - lips[15]) / np.linalg.norm(place[1])) - mouth.gap_mm
            own *= np.float32(1 - np.clip(parted / _GONE_MM, 0, 1))
        shaded = shaded * (1 - own[..., 3:]) + own[..., :3]
    frame[y0:y1, x0:x1] = np.clip(shaded + 0.5, 0, 255).astype(np.uint8)


def _across_mm(lips: F32, axes: F32) -> float:
    """From one corner of the inner lips (20, 2) to the other; axes: (3, 3) px per mm, the first one across."""
    return float(np.linalg.norm(lips[0] - lips[10]) / np.linalg.norm(axes[0]))


def _gap(landmarks: F32) -> float:
    upper, lower = landmarks[list(UPPER_LIP[3][4:7]), :2], landmarks[list(LOWER_LIP[3][4:7]), :2]
    return float(np.linalg.norm(lower - upper, axis=1).mean())


def _tinted(colours: F64, colour: float) -> F32:
    """RGB (..., 3) with as much of its colour as the face has."""
    grey = colours.mean(-1, keepdims=True)
    return np.asarray(grey + colour * (colours - grey), np.float32)


def _row(
    sizes: tuple[tuple[float, float], ...], is_upper: bool, enamel: F64, rng: np.random.Generator
) -> tuple[F64, F64]:
    """(n, 3) mm and (n, 3) RGB in 0 to 255 of a row of teeth in its gum; y = 0 at the cutting edges."""
    points, colours = [], []
    # Both sides of a mouth are much alike: what a person's teeth vary by, and by what one side differs from the other.
    own = rng.normal(0, (0.05, 0.06, 0.25), (len(sizes), 3))
    for side in (-1, 1):
        edge = 0.02
        for number, (wide, tall) in enumerate(sizes):
            broader, longer, lower = own[number] + rng.normal(0, (0.01, 0.02, 0.1))
            wide, tall = wide * (1 + broader), tall * (1 + longer)
            columns = np.linspace(0, wide, int(np.ceil(wide / _GRID_MM)) + 1)  # both sides touch their neighbours
            x, y = np.meshgrid(columns, np.arange(-0.4, tall + 4.0, _GRID_MM))
            u, v = 2 * x / wide - 1, 2 * y / tall - 1
            # A tooth is a superellipse, narrower at its neck; what is beyond it is gum.
            neck = 1.02 - 0.18 * np.clip(v - 0.25, 0, 1)
            crown = (np.abs(u / neck) ** 3.2 + np.abs(v) ** 3.2) < 1
            gum = ~crown & (v > 0.25 + 0.35 * (1 - u * u))
            facing = np.sqrt(np.clip(1 - 0.55 * np.abs(u) ** 2.4, 0, 1))
            # Enamel yellows towards the gum and the back, and lets light through at the cutting edge.
            tint = enamel - number * np.array([5, 8, 12])
            tint = tint - np.clip(v, 0, 1)[..., None] * np.array([8, 16, 30])
            tint = tint - np.clip(-v - 0.72, 0, 1)[..., None] * np.array([31, 18, 8])
            colour = tint * (0.62 + 0.38 * facing)[..., None]
            flesh = np.array([168, 92, 92]) * (0.8 + 0.2 * facing)[..., None]
            colour = np.where(gum[..., None], flesh, colour)
            keep = crown | gum
            across = side * (edge + x)
            depth = across**2 / _ARCH_MM + np.where(gum, 0.9, 0.8 * np.abs(u) ** 2.2)
            place = np.stack([across, lower - y if is_upper else y - lower, depth], -1)
            shade = np.exp(-depth / 14)[..., None]
            points.append(place[keep])
            colours.append((colour * shade)[keep])
            edge += wide - 0.1
    return np.concatenate(points), np.concatenate(colours)


def _tongue(rng: np.random.Generator) -> tuple[F64, F64]:
    """(n, 3) mm and (n, 3) RGB: a mound with a groove, its tip towards the viewer; origin at the middle of its tip."""
    x, y = np.meshgrid(np.arange(-19, 19, _GRID_MM), np.arange(-9, 9, _GRID_MM))
    inside = (np.abs(x) / 19) ** 2.4 + (np.abs(y) / 9) ** 2 < 1
    height = np.sqrt(np.clip(1 - (x / 19) ** 2 - (y / 9) ** 2, 0, 1))
    groove = np.exp(-((x / 2.2) ** 2)) * np.clip(-y / 9 + 0.2, 0, 1)
    grain = cv2.GaussianBlur(rng.normal(size=x.shape), (0, 0), 1.2)
    light = 0.45 + 0.5 * height - 0.18 * groove + 0.12 * grain + 0.1 * np.exp(-(((y + 3.5) / 1.6) ** 2)) * height
    colour = light[..., None] * np.array([214, 122, 119])
    depth = 6 * (1 - height) + 1.5 * groove - 0.25 * y
    return np.stack([x, y, depth], -1)[inside], colour[inside]
