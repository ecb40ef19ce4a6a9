"""Hair as strands: grown on the skull in 3D, combed, curled, clumped. How they look is :mod:`fibres`' matter.

Nobody's hair is copied: a hairstyle is a handful of numbers. Coordinates are portrait px, x right, y down, z away from
the camera.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from tellmark.generator.actors import fringes
from tellmark.generator.actors.hairstyle import HairStyle
from tellmark.generator.actors.skull import Skull, along_scalp, off_face, outside, within_hairline
from tellmark.types import F32

STEPS = 30  # points on a strand
_TAPER = 0.34  # radii of the skull, over which the sides of short hair get shorter above the ears
_EDGE = 0.14  # likewise at the hairline
ASTRAY = 1.2  # layer of single hairs outside the others
_LOOSE = 0.02  # share of them

_THICK = 2  # locks beside each of a fringe, which lies open where other hair is seen on edge
_CROWN = 0.3  # face heights that hair of one level is longer on the crown than beside the head
_CURLY = 0.022  # amplitude of waves in face heights, from which hair stands off by itself
CURLY_CROP = 0.010  # likewise of curls in short hair
_EAR = -0.04  # height of its upper end


def grow(style: HairStyle, skull: Skull, seed: int) -> tuple[F32, F32]:
    """Strands (n, STEPS, 3) and the layer of each in [0, 1], 0 next to the skin, or ``ASTRAY``; inner ones first."""
    rng = np.random.default_rng(seed)
    # Short hair stands by itself: many single hairs, where long hair hangs in locks; combed tight, no skin is between.
    short = style.flow == "crop"
    roots = _roots(style, skull, rng, locks := int((420 + 380 * style.density) * (2.5 if short or style.tied else 1)))
    front = roots[fringes.grows_fringe(style, roots)]
    roots = np.concatenate([roots, *[front + 0.02 * rng.normal(size=front.shape) for _ in range(_THICK)]]).astype(
        np.float32
    )
    locks = len(roots)
    layer = rng.random(locks).astype(np.float32) ** 0.8
    children = 12 if short or style.tied else int(14 + 16 * style.density)
    parent = np.repeat(np.arange(locks), children)
    count = len(parent)
    t = np.linspace(0, 1, STEPS, dtype=np.float32)[None, :, None]
    fringe = fringes.grows_fringe(style, roots)
    guides = _comb(style, skull, roots, layer, rng)
    guides[fringe] = fringes.fringe(style, skull, roots[fringe], layer[fringe], rng, STEPS)
    combed = np.where(fringe, 0.3, 1.0).astype(np.float32)
    spread = rng.normal(
        0,
        (0.014 if short else 0.009 if style.tied else 0.018 if style.wave >= _CURLY and style.flow == "part" else 0.016)
        * skull.height,
        (count, 1, 3),
    ).astype(np.float32)
    if style.barbered:  # what is cut to some millimetres is no lock
        spread *= (1 + 1.8 * (1 - taper(style, roots)))[parent][:, None, None]
    clumping = np.full((count, 1, 1), (0.9 if short else 0.2 if style.tied else 1.0) * style.clumping, np.float32)
    grown = 1 - (0.25 if short else 0.4) * rng.random(count) ** 2.5  # no two hairs of a lock end together
    grown -= np.where(fringe, 0.35, 0.0)[parent] * rng.random(count)  # nor is a fringe a comb
    clumping *= np.where(fringe, 0.4, 1.0).astype(np.float32)[parent][:, None, None]
    strands = _along(guides, parent, grown) + spread * (1 - clumping * t**0.8)
    # A slow random walk makes each strand its own, a few fly off; waves run in phase within a lock.
    walk = np.cumsum(rng.normal(0, 1, (count, STEPS, 3)), axis=1).astype(np.float32)
    if not short:  # a long hair bends slowly
        walk = 1.3 * uniform_filter1d(walk, 9, axis=1, mode="nearest")
    walk *= np.exp(rng.normal(0, 0.5 if style.flow == "part" else 0.15, (count, 1, 1))).astype(np.float32)
    strands += walk * (style.frizz * (0.008 if short else 0.0035) * skull.height) * t
    # Neighbouring locks wave together; curls and short hair do not.
    curly = style.wave >= _CURLY
    phase = 5 * along_scalp(roots, rng, 3.0 if curly else 2.0) + rng.normal(0, 2.5 if short else 0.6, locks)
    phase = phase[parent] + rng.normal(0, 0.25, count)
    angle = 2 * np.pi * style.frequency * t[..., 0] + phase[:, None].astype(np.float32)
    amplitude = (
        style.wave * (0.3 if style.tied else 1.0) * skull.height * np.minimum(1, 3 * t[..., 0]) * combed[parent, None]
    )
    if not short:  # it hangs in broad strands, each on its own way
        broad = 0.05 if style.wave >= _CURLY else 0.035
        sway = (broad if style.flow == "part" else 0.012) * skull.height * t[..., 0] ** 1.5
        for axis in (0, 2):
            strands[..., axis] += sway * (combed * along_scalp(roots, rng, 3.5))[parent][:, None]
    strands[..., 0] += amplitude * np.sin(angle)
    strands[..., 0] = skull.centre[0] + (strands[..., 0] - skull.centre[0]) * skull.breadth(strands[..., 1])
    strands[..., 1] += 0.35 * amplitude * np.cos(angle)
    strands[..., 2] += 0.8 * amplitude * np.cos(angle)
    if style.ends:  # turned in or out
        turned = style.ends * skull.height * np.clip((t - 0.6) / 0.4, 0, 1) ** 2
        away = strands - skull.centre
        away[..., 1] = 0
        away /= np.linalg.norm(away, axis=2, keepdims=True) + 1e-6
        strands -= np.where(fringe[parent][:, None, None], 0, turned * away).astype(np.float32)
    strands = off_face(skull, strands)
    layers = np.clip(layer[parent] + rng.normal(0, 0.12, count), 0, 1).astype(np.float32)
    loose = rng.random(count) < _LOOSE
    if not short:  # some go their own way, outside the others
        layers[loose] = ASTRAY
        bow = np.sin(np.pi * np.minimum(1, t * rng.uniform(0.5, 1.6, (count, 1, 1)))) * np.minimum(
            rng.gamma(2, 0.008, (count, 1, 1)), 0.04
        )
        strands += (loose[:, None, None] * bow * skull.height * roots[parent][:, None]).astype(np.float32)
    if style.tied and style.knot:
        strands, layers = (
            np.concatenate(both) for both in zip((strands, layers), fringes.bun(style, skull, rng, STEPS), strict=True)
        )
    order = np.argsort(layers - 0.003 * strands[:, STEPS // 2, 2], kind="stable")
    return np.ascontiguousarray(strands[order], np.float32), layers[order]


def _along(guides: F32, parent: NDArray[np.int64], share: NDArray[np.float64]) -> F32:
    """(n, STEPS, 3) the first ``share`` (n,) of each strand's guide."""
    place = share[:, None] * np.arange(STEPS)
    low = np.minimum(place.astype(int), STEPS - 2)
    rest = (place - low)[..., None].astype(np.float32)
    start = guides[parent[:, None], low]
    return np.asarray(start + rest * (guides[parent[:, None], low + 1] - start), np.float32)


def _roots(style: HairStyle, skull: Skull, rng: np.random.Generator, count: int) -> F32:
    """(count, 3) unit directions from the skull's centre, inside the hairline."""
    chosen: list[F32] = []
    while sum(map(len, chosen)) < count:
        direction = rng.normal(size=(4 * count, 3))
        direction /= np.linalg.norm(direction, axis=1, keepdims=True)
        ragged = np.where((direction[:, 1] < -0.6) & (style.flow == "crop"), 0.065, 0.03)  # least beside the eyes
        inside = within_hairline(style, direction.astype(np.float32)) > rng.normal(0, ragged, len(direction))
        chosen.append(direction[inside & (direction[:, 2] < 0.75)].astype(np.float32))
    return np.concatenate(chosen)[:count]


def taper(style: HairStyle, place: F32) -> F32:
    """(n,) in [0, 1] how much of short hair barbers leave at places (n, 3), in skull radii: little above the ears."""
    if not style.barbered:
        return np.ones(len(place), np.float32)
    direction = place / np.maximum(np.linalg.norm(place, axis=1, keepdims=True), 1e-6)
    beside = np.clip((np.abs(direction[:, 0]) - 0.5) / 0.25, 0, 1)
    above_ear = (_EAR - direction[:, 1]) / (
        1.8 * _TAPER
    )  # behind the ears hair goes down further, and is seen beside them
    edge = within_hairline(style, direction) / _EDGE
    left = np.clip(np.minimum(edge, above_ear), 0.2, 1)
    return np.asarray(1 - beside * (1 - left), np.float32)


def _comb(style: HairStyle, skull: Skull, roots: F32, layer: F32, rng: np.random.Generator) -> F32:
    """(n, STEPS, 3) guide strands: grown step by step along the style's flow, kept outside head and face."""
    centre, radii = skull.centre, skull.radii
    side = np.where(roots[:, 0] >= 0.5 * style.parting + 0.04 * rng.normal(size=len(roots)), 1.0, -1.0)
    side = side.astype(np.float32)
    length = style.length * skull.height * (0.75 + 0.35 * rng.random(len(roots)))
    if style.flow == "part":  # cut at one level, what grows on the crown is longer
        over = np.arcsin(np.clip(-roots[:, 1], -1, 1)) * radii[1] + (style.length - _CROWN) * skull.height
        length += style.even * (over * (0.9 + 0.15 * rng.random(len(roots))) - length)
    if style.tied:  # to the knot
        length = np.full(len(roots), 1.4 * skull.height)
    elif style.flow == "back":  # short at the nape
        length *= 0.35 + 0.65 * np.clip(0.8 - 1.6 * roots[:, 1], 0, 1)
    unruly = {"part": 0.04, "back": 0.012}.get(style.flow, 0.02)
    swirl = np.stack([along_scalp(roots, rng, 3.0), 0 * side, along_scalp(roots, rng, 3.0)], axis=1)
    step = (length / (STEPS - 1)).astype(np.float32)[:, None]
    lift = style.lift * (0.5 if style.tied else 1.0) * skull.height * (0.25 + 0.9 * layer)
    if style.barbered:  # barbers fade the sides
        top = np.clip(0.12 - 1.4 * roots[:, 1], 0.10, 1)
        front = np.clip(-1.5 * roots[:, 2] - 0.2, 0, 1)  # where it is combed up before it falls
        lift, step = lift * top * (0.8 + 0.5 * front), step * top[:, None]
    if style.flow == "part":  # at the parting hair lies flat: else the crown has a notch between two humps
        lift = lift * (1 - 0.55 * np.exp(-(((roots[:, 0] - 0.5 * style.parting) / 0.3) ** 2)))
        if style.wave < _CURLY:  # and beside the head it falls by its weight
            lift = lift * (1 - 0.45 * np.clip(1.6 * np.abs(roots[:, 0]) - 0.5, 0, 1))
    if style.flow == "crop":  # a barber leaves no sphere, and curls stand in tufts
        tufts = along_scalp(roots, rng, 4.0) + along_scalp(roots, rng, 9.0) * (style.wave >= CURLY_CROP)
        lift = lift * np.exp(0.22 * tufts)
    lift, step = lift.astype(np.float32), step.astype(np.float32)
    point = centre + roots * radii
    heading = roots / radii
    heading /= np.linalg.norm(heading, axis=1, keepdims=True)
    if style.tied:  # does not stand up first
        heading *= 0
    path = [point]
    for k in range(1, STEPS):
        t = k / (STEPS - 1)
        offset = (point - centre) / radii
        normal = offset / radii
        normal /= np.linalg.norm(normal, axis=1, keepdims=True)
        flow = _flow(style, offset, side)
        if style.flow == "crop":  # nobody's grows one way only
            flow += 0.4 * swirl * np.clip(-offset[:, 1:2], 0, 1)
        if style.flow == "part":
            flow[:, 2] += _swept(style, side, offset)
        above = offset[:, 1:2] < 0.1
        flow -= normal * (flow * normal).sum(axis=1, keepdims=True) * above  # along the skull
        flow /= np.linalg.norm(flow, axis=1, keepdims=True) + 1e-6
        leave = np.exp(-5 * t) * min(1.0, 10 * style.lift)  # leaves the skin along the normal
        if style.tied:
            leave *= 0.2  # combed tight
        heading = 0.5 * heading + 0.5 * flow + 0.4 * leave * normal + unruly * rng.normal(0, 1, heading.shape)
        heading /= np.linalg.norm(heading, axis=1, keepdims=True)
        # Above the ears short hair is held close to the head, and ends there: else its sides would end in a step.
        near = taper(style, offset)
        if style.tied:
            near = np.clip(np.linalg.norm(fringes.KNOTS[style.knot] - offset, axis=1) / 0.3 - 0.15, 0.01, 1).astype(
                np.float32
            )
        point = outside(skull, point + heading * step * (0.15 + 0.85 * near)[:, None], lift * near, side)
        path.append(point)
    return np.stack(path, axis=1).astype(np.float32)


def _swept(style: HairStyle, side: F32, offset: F32) -> F32:
    """(n,) how much hair at places (n, 3), in skull radii, is combed back behind ear or shoulder."""
    left, right = style.behind
    behind = np.where(side < 0, np.float32(left), np.float32(right))
    start = 2.0 - 2.5 * behind  # what is tucked goes back above the ear: further down it would end on the cheek
    there = np.clip((0.1 + 0.5 * behind - offset[:, 2]) / 0.3, 0, 1)  # where it falls down again
    return np.asarray(3.5 * behind**1.5 * np.clip((offset[:, 1] - start) / 0.4, 0, 1) * there, np.float32)


def _flow(style: HairStyle, offset: F32, side: F32) -> F32:
    """(n, 3) the direction hair is combed in, at points given in skull radii."""
    flow = np.zeros_like(offset)
    top = np.clip(-offset[:, 1], 0, 1)
    if style.tied:
        flow[:] = fringes.KNOTS[style.knot] - offset
    elif style.flow == "back":  # over the top, and down at the sides
        flow[:, 2] = 1.0
        flow[:, 1] = -0.25 + 1.2 * np.clip(offset[:, 2], 0, 1) + 0.9 * (1 - top) ** 2
    elif style.flow == "crop":  # towards one side on top, down at the sides
        flow[:, 0] = np.where(style.parting < 0, 1.0, -1.0) * top**2
        flow[:, 1] = 0.9 * (1 - top)
        flow[:, 2] = 0.45 * (1 - top) + 1.6 * abs(style.parting) * top**2
    else:
        outward = np.clip(1.1 - np.abs(offset[:, 0]), 0, 1) * (offset[:, 1] < 0.2)
        flow[:, 0] = side * 1.2 * outward
        flow[:, 1] = 0.35 + 1.2 * (1 - outward)
        flow[:, 2] = 0.35 * outward
    return flow
