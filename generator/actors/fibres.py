"""How strands of hair look: Kajiya-Kay shading, antialiased lines, and the shade on the scalp beneath.

Strands are (n, STEPS, 3) portrait px, as :mod:`tellmark.generator.actors.strands` grows them. References: Kajiya & Kay
1989 (shading of thin fibres), Wu 1991 (antialiased lines).
"""

from __future__ import annotations

import cv2
import numba as nb
import numpy as np
from scipy.ndimage import uniform_filter1d

from tellmark.generator.actors import fringes, shadows
from tellmark.generator.actors.hairstyle import HairStyle
from tellmark.generator.actors.skull import Skull, along_scalp, within_hairline
from tellmark.generator.actors.strands import ASTRAY, CURLY_CROP, STEPS, taper
from tellmark.generator.types import SIZE
from tellmark.types import F32

_OVERSAMPLING = 2
RAGGED = 18.0  # px of depth, within which strands pass from before the head to behind it
_FRINGE = np.float32(0.7)  # of the light on a fringe
_EVEN = 7  # points of a strand over which its direction is taken
_SHIFTS = (-0.10, 0.12)  # of the highlights, the mirrored one towards the root (Marschner et al. 2003)


def shade(
    strands: F32,
    layers: F32,
    style: HairStyle,
    skull: Skull,
    light: F32,
    seed: int,
    grey: float = 0.0,
    key: float = 0.5,
) -> F32:
    """(n, STEPS, 3) sRGB of the strands under a light from the unit direction ``light`` (towards the light).

    grey: share of strands without pigment. key: the light's share of all light.
    """
    rng = np.random.default_rng(seed)
    # A highlight is where many strands point the same way: of what each does by itself little goes into it.
    tangent = np.gradient(uniform_filter1d(strands, _EVEN, axis=1, mode="nearest"), axis=1)
    tangent /= np.linalg.norm(tangent, axis=2, keepdims=True) + 1e-6
    view = np.array([0, 0, -1], np.float32)
    half = (light + view) / (np.linalg.norm(light + view) + 1e-6)
    diffuse = np.sqrt(np.maximum(0, 1 - (tangent @ light) ** 2))
    around = (strands - skull.centre) / skull.radii
    around_y = around[..., 1].copy()
    around[..., 1] = np.minimum(around[..., 1], 0.15)  # hanging hair faces outwards, like a cylinder
    around /= np.linalg.norm(around, axis=2, keepdims=True) + 1e-6
    facing = 0.5 + 0.5 * (around @ light)
    lamp, open_sky = shadows.within(strands, skull, light)
    own = rng.normal(0, 0.05, (len(strands), 1, 1)).astype(np.float32)
    mirrored, scattered = (_lobe(tangent + (shift + own) * around, half) for shift in _SHIFTS)
    t = np.linspace(0, 1, STEPS, dtype=np.float32)[None]
    short = style.flow == "crop"
    curls = short and style.wave >= CURLY_CROP
    depth = 0.55 + 0.45 * np.clip(layers[:, None], 0, 1) ** 0.9
    root = 0.55 + 0.45 * t**0.7 if short else 0.72 + 0.28 * np.minimum(1, 2.5 * t)
    lit = (1.15 - 0.7 * key) * open_sky**0.7 + (0.6 + 0.9 * key) * lamp * (0.3 + 0.7 * facing) * (0.3 + 0.7 * diffuse)
    body = 1.1 * lit**0.55 * depth * root
    colour = np.asarray(style.colour, np.float32) * np.exp(rng.normal(0, 0.12 if short else 0.18, (len(strands), 1, 1)))
    colour = colour * np.exp(rng.normal(0, 1, (len(strands), 1, 3)) * [0.07, 0.04, 0.06])
    scalp = (strands[:, 0] - skull.centre) / skull.radii  # sun and dye come in streaks, cuts in clumps
    for rate, strength in ((6.0, 0.13), (16.0, 0.22 if curls else 0.12 if short else 0.09)):
        colour = colour * np.exp(strength * along_scalp(scalp, rng, rate))[:, None, None]
    # What hangs behind the jaw is in the shade of head and hair.
    behind = np.clip((strands[..., 2] - skull.centre[2]) / skull.radii[2] + 0.5, 0, 1) * np.clip(4 * around_y, 0, 1)
    body = body * (1 - 0.38 * behind)
    roots = scalp / np.linalg.norm(scalp, axis=1, keepdims=True)  # what falls over the forehead lets skin through
    body = body * np.where(fringes.grows_fringe(style, roots), _FRINGE, 1)[:, None]
    shine = style.gloss * depth * facing * (0.15 * open_sky + 0.85 * lamp)
    white = (rng.random(len(strands)) < grey) * rng.uniform(0.3, 0.9, len(strands))
    colour = colour + (np.float32(0.54) - colour) * (0.5 * white)[:, None, None]
    shine = shine * np.clip(1.1 - 1.2 * colour.mean(axis=-1), 0.2, 1)  # what is light scatters more than it mirrors
    out = colour * body[..., None] ** np.array([0.84, 1.0, 1.12], np.float32)  # what is in the shade of hair is warmer
    out += (shine * mirrored**80 * 0.18)[..., None] * (0.3 + 0.7 * colour)
    out += colour * (shine * scattered**18 * 1.3)[..., None]
    return np.asarray(np.clip(out, 0, 1), np.float32)


def _lobe(tangent: F32, half: F32) -> F32:
    """(n, k) sine of the angle between fibres along ``tangent`` (n, k, 3) and the half vector."""
    along = (tangent @ half) / np.linalg.norm(tangent, axis=2)
    return np.asarray(np.sqrt(np.maximum(0, 1 - along**2)), np.float32)


@nb.njit(cache=True, fastmath=True)
def _draw(points, colours, alpha, scale, split_z, crown, layer, out, depth):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Blend strands over ``out`` (H, W, 4) premultiplied; layer 0: only behind the split, 1: only before it."""
    height, width = out.shape[:2]
    for s in range(points.shape[0]):
        last = points.shape[1] - 1
        apart = RAGGED * ((s * 7919 % 101) / 50.0 - 1.0)
        for k in range(last):
            z = 0.5 * (points[s, k, 2] + points[s, k + 1, 2])
            # Not all hairs of a lock go behind the ear at the same place.
            if (z + apart < split_z + max(0.0, crown - points[s, k, 1])) != (layer == 1):
                continue
            x0, y0 = points[s, k, 0] * scale, points[s, k, 1] * scale
            x1, y1 = points[s, k + 1, 0] * scale, points[s, k + 1, 1] * scale
            dx, dy = x1 - x0, y1 - y0
            steep = abs(dy) > abs(dx)
            n = int(max(abs(dx), abs(dy))) + 1
            taper = alpha[s] * min(1.0, (last - k) / 5.0, 0.3 + 0.18 * k)
            for i in range(n):
                f = (i + 0.5) / n
                x, y = x0 + dx * f, y0 + dy * f
                ix, iy = int(np.floor(x)), int(np.floor(y))
                for side in range(2):
                    px, py = (ix + side, iy) if steep else (ix, iy + side)
                    cover = (x - ix) if steep else (y - iy)
                    a = taper * (cover if side == 1 else 1.0 - cover)
                    if px < 0 or py < 0 or px >= width or py >= height or a <= 0.004:
                        continue
                    for c in range(3):
                        value = colours[s, k, c] * (1 - f) + colours[s, k + 1, c] * f
                        out[py, px, c] += a * (value - out[py, px, c])
                    out[py, px, 3] += a * (1.0 - out[py, px, 3])
                    if a > 0.25 and z < depth[py, px]:
                        depth[py, px] = z


def draw(strands: F32, colours: F32, thickness: F32, split_z: float, crown: float = -1e9) -> tuple[F32, F32, F32]:
    """Hair behind and before the plane ``split_z``: two premultiplied (SIZE, SIZE, 4) pictures, and the front depth.

    Above the height ``crown`` (px) the plane leans back, so that a nodding head does not show a bald top.
    """
    big = SIZE * _OVERSAMPLING
    layers: list[F32] = []
    nearest = np.full((big, big), 1e6, np.float32)
    for layer in (0, 1):
        picture = np.zeros((big, big, 4), np.float32)
        _draw(
            strands,
            colours,
            thickness,
            float(_OVERSAMPLING),
            split_z,
            crown,
            layer,
            picture,
            nearest if layer else nearest.copy(),
        )
        layers.append(np.asarray(cv2.resize(picture, (SIZE, SIZE), interpolation=cv2.INTER_AREA), np.float32))
    depth = cv2.resize(nearest, (SIZE, SIZE), interpolation=cv2.INTER_NEAREST)
    return layers[0], layers[1], np.asarray(depth, np.float32)


def undercoat(
    layer: F32, strands: F32, opacity: F32, split_z: float, crown: float, colour: tuple[float, float, float]
) -> F32:
    """A premultiplied layer over the shade of the roots on the scalp: dense hair shows no skin, its edge thins out."""
    before = strands[:, 0, 2] < split_z + np.maximum(0, crown - strands[:, 0, 1])
    roots = strands[before, 0, :2]
    area = ((0, SIZE), (0, SIZE))
    count = np.histogram2d(roots[:, 1], roots[:, 0], SIZE // 4, area, weights=opacity[before] / opacity.max())[0]
    dense = cv2.GaussianBlur(count.astype(np.float32), (0, 0), 1.3)
    typical = np.percentile(dense[dense > 0.05], 60) if (dense > 0.05).any() else 1.0
    dense = cv2.GaussianBlur(np.clip(1.3 * dense / typical, 0, 1), (0, 0), 0.8)
    cover = (0.82 * cv2.resize(dense, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC).clip(0, 1) ** 1.3)[..., None]
    under = np.dstack([cover * np.asarray(colour, np.float32) * 0.5, cover])
    return np.asarray(layer + under * (1 - layer[..., 3:]), np.float32)


def thickness(strands: F32, layers: F32, style: HairStyle, skull: Skull) -> F32:
    """(n,) opacity of the strands: barbers thin out the sides of short hair, down to nothing at their edge."""
    root = (strands[:, 0] - skull.centre) / skull.radii
    if not style.barbered:
        return np.where(layers == ASTRAY, 0.3, 0.7).astype(np.float32)
    left = 0.2 + 0.8 * taper(style, root)
    # On the temple, where skin is between them, what is so near to it would be dots.
    grows = root / np.linalg.norm(root, axis=1, keepdims=True)
    temple = np.clip((np.abs(grows[:, 0]) - 0.5) / 0.2, 0, 1) * np.clip((0.93 - np.abs(grows[:, 0])) / 0.06, 0, 1)
    left = left * (1 - temple * (1 - np.clip(within_hairline(style, grows) / 0.14, 0.05, 1)))
    return np.asarray((0.22 + 0.40 * np.clip(0.42 - 1.2 * root[:, 1], 0, 1)) * left, np.float32)


def backed(layer: F32, colour: tuple[float, float, float]) -> F32:
    """A premultiplied layer with its gaps filled by the dark of the hair behind."""
    closed = cv2.morphologyEx(layer[..., 3], cv2.MORPH_CLOSE, np.ones((41, 25), np.uint8))
    closed = cv2.GaussianBlur(cv2.erode(closed, np.ones((5, 5), np.uint8)), (0, 0), 2.0)[..., None]
    dark = np.asarray(colour, np.float32) * np.float32(0.30)
    behind = np.dstack([closed * dark, closed])
    return np.asarray(layer + behind * (1 - layer[..., 3:]), np.float32)
