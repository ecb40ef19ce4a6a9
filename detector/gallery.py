"""What each tell looks at, as one picture: `python -m tellmark.detector.gallery CLIP OUT.jpg`.

A panel a family, drawn from one window of the clip. It shows the measurement, not a verdict.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from tellmark import landmarks as lm
from tellmark.detector.tells import FAMILIES
from tellmark.detector.tells.pulse import pulse_of
from tellmark.detector.tells.sync import loudness_db
from tellmark.detector.windows.sound import Sound
from tellmark.detector.windows.tracks import WindowReader, read_frames
from tellmark.detector.windows.window import FPS, SIZE, Window, dense_flow, warp_back
from tellmark.errors import InputError
from tellmark.runs import atomic_path
from tellmark.types import F32, F64, U8

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LAG = 24  # frames of the persistence panel
_INK, _OTHER = "#1b3a6b", "#c2452d"


def draw(window: Window, out: Path, *, force: bool = False) -> None:
    """Write one panel a family; the picture's kind by the name of ``out``. UsageError where it exists."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12.5, 7.9), layout="constrained")
    axes = figure.subplots(3, 5).ravel()
    for place, family in enumerate(FAMILIES):
        said, panel = _PANELS[family]
        panel(axes[place], window)
        axes[place].set_title(f"{family}: {said}", fontsize=9, loc="left")
        axes[place].tick_params(labelsize=7)
    for rest in axes[len(FAMILIES) :]:
        rest.set_axis_off()
    with atomic_path(out, force=force) as temporary:
        figure.savefig(temporary, dpi=80, format=out.suffix.lstrip("."))


def _picture(axes: Axes, values: F32 | F64, colours: str = "gray", most: float | None = None) -> None:
    axes.imshow(values, cmap=colours, vmin=None if most is None else 0, vmax=most)
    axes.set_axis_off()


def _curves(axes: Axes, unit: str, **curves: F64) -> None:
    for (name, curve), colour in zip(curves.items(), (_INK, _OTHER, "#5a8f3c"), strict=False):
        axes.plot(np.arange(len(curve)) / FPS, curve, color=colour, lw=1.2, label=name.replace("_", " "))
    axes.set_xlabel("s", fontsize=7)
    axes.set_ylabel(unit, fontsize=7)
    axes.legend(fontsize=7, frameon=False)
    axes.spines[["top", "right"]].set_visible(False)


def _spectral(axes: Axes, window: Window) -> None:
    half = slice(SIZE // 4, 3 * SIZE // 4)
    patch = window.grey[0, half, half] * np.outer(np.hanning(SIZE // 2), np.hanning(SIZE // 2))
    _picture(axes, np.log10(np.abs(np.fft.fftshift(np.fft.fft2(patch))) + 1), "magma")


def _noise(axes: Axes, window: Window) -> None:
    _picture(axes, np.abs(_fine(window.grey[0], 1.0)), most=6)


def _warping(axes: Axes, window: Window) -> None:
    left = [
        np.abs(warp_back(window.grey[t + 1].astype(np.float32), window.flow(t)) - window.grey[t])
        for t in window.steps[:12]
    ]
    _picture(axes, np.mean(left, axis=0), "inferno", most=12)


def _persistence(axes: Axes, window: Window) -> None:
    last = min(_LAG, len(window) - 1)
    back = warp_back(_fine(window.grey[last], 2.0), dense_flow(window.grey[0], window.grey[last]))
    product = cv2.blur(_fine(window.grey[0], 2.0) * back, (15, 15))
    size = cv2.blur(_fine(window.grey[0], 2.0) ** 2, (15, 15)) * cv2.blur(back**2, (15, 15))
    _picture(axes, np.clip(product / np.sqrt(size + 1.0), 0, 1), "viridis", most=1)


def _jitter(axes: Axes, window: Window) -> None:
    nose, lips = (_place(window, loop)[:, 1] for loop in (lm.NOSE, lm.LIPS_OUTER))
    _curves(axes, "px in the face, downwards", nose=nose, lips=lips)


def _flicker(axes: Axes, window: Window) -> None:
    luma = window.blocks.astype(np.float64) @ [0.299, 0.587, 0.114]
    means = {"skin": window.skin_blocks, "surround": window.surround_blocks}
    _curves(axes, "grey levels", **{name: _centred(luma[:, where].mean(1)) for name, where in means.items()})


def _rigidity(axes: Axes, window: Window) -> None:
    later = min(12, len(window) - 1)
    flow = dense_flow(window.context[0], window.context[later])[::10, ::10]
    _picture(axes, window.context[0].astype(np.float32))
    y, x = np.indices(flow.shape[:2]) * 10
    axes.quiver(x, y, flow[..., 0], flow[..., 1], color=_OTHER, angles="xy", scale_units="xy", scale=0.2, width=0.006)


def _mouth(axes: Axes, window: Window) -> None:
    open_at = int(np.argmax(lm.mouth_opening(window.landmarks)))
    axes.imshow(_around(window, open_at, lm.LIPS_OUTER))
    axes.set_axis_off()


def _eyes(axes: Axes, window: Window) -> None:
    points = window.landmarks[0, list(lm.RIGHT_IRIS + lm.LEFT_IRIS), :2]
    loop = (*lm.RIGHT_EYE, *lm.LEFT_EYE)
    axes.imshow(_around(window, 0, loop), extent=_extent(window, 0, loop))
    axes.plot(points[:, 0], points[:, 1], "o", color=_OTHER, ms=3, mfc="none")
    axes.set_axis_off()


def _pose(axes: Axes, window: Window) -> None:
    turns = lm.head_rotation_deg(window.source_landmarks)
    _curves(axes, "degrees", **dict(zip(("yaw", "pitch", "roll"), map(_centred, turns), strict=True)))


def _boundary(axes: Axes, window: Window) -> None:
    axes.imshow(window.crops[0])
    loop = window.landmarks[0, [*lm.FACE_OVAL, lm.FACE_OVAL[0]], :2]
    centre = loop.mean(0)
    for grown, colour in ((0.94, _INK), (1.06, _OTHER)):
        axes.plot(*((loop - centre) * grown + centre).T, color=colour, lw=1.2)
    axes.set_axis_off()


def _pulse(axes: Axes, window: Window) -> None:
    x = np.indices(window.skin_blocks.shape)[1]
    sides = {"left": x < SIZE // 32, "right": x >= SIZE // 32}
    colours = window.blocks.astype(np.float64)
    beats = {name: pulse_of(colours[:, window.skin_blocks & side].mean(1)) for name, side in sides.items()}
    _curves(axes, "per mille of the colour", **beats)


def _sync(axes: Axes, window: Window) -> None:
    gap, loud = lm.mouth_opening(window.landmarks), np.maximum(loudness_db(window.sound, len(window)), -60)
    _curves(axes, "of its range", lips=_ranged(gap), loudness=_ranged(loud))


_PANELS: dict[str, tuple[str, Callable[[Axes, Window], None]]] = {
    "spectral": ("power by frequency", _spectral),
    "noise": ("what a high-pass leaves", _noise),
    "warping": ("error after motion", _warping),
    "persistence": ("texture kept for 1 s", _persistence),
    "jitter": ("points within the face", _jitter),
    "flicker": ("light of skin and scenery", _flicker),
    "rigidity": ("motion of the scenery", _rigidity),
    "mouth": ("inside, at its widest", _mouth),
    "eyes": ("irises and lights", _eyes),
    "pose": ("turns of the head", _pose),
    "boundary": ("inside against outside", _boundary),
    "pulse": ("colour of the two sides", _pulse),
    "sync": ("lips and loudness", _sync),
}


def _fine(grey: U8, sigma: float) -> F32:
    values = np.asarray(grey, np.float32)
    return np.asarray(values - cv2.GaussianBlur(values, (0, 0), sigma), np.float32)


def _place(window: Window, loop: tuple[int, ...]) -> F64:
    """(T, 2) px, the middle of the points around its mean."""
    middle = window.landmarks[:, list(loop), :2].mean(1).astype(np.float64)
    return np.asarray(middle - middle.mean(0), np.float64)


def _centred(values: F32 | F64) -> F64:
    return np.asarray(values - values.mean(), np.float64)


def _ranged(values: F32 | F64) -> F64:
    return np.asarray((values - values.min()) / (values.max() - values.min() + 1e-9), np.float64)


def _extent(window: Window, index: int, loop: tuple[int, ...]) -> tuple[int, int, int, int]:
    """Left, right, bottom and top of what :func:`_around` shows, px in the crop."""
    points = np.clip(window.landmarks[index, list(loop), :2], 10, SIZE - 10)
    x0, y0 = (points.min(0) - 10).astype(int).tolist()
    x1, y1 = (points.max(0) + 10).astype(int).tolist()
    return x0, x1, y1, y0


def _around(window: Window, index: int, loop: tuple[int, ...]) -> U8:
    left, right, bottom, top = _extent(window, index, loop)
    return np.asarray(window.crops[index][top:bottom, left:right], np.uint8)


def main(clip: Path, out: Path) -> None:
    """Draw the first window of a clip. Raises InputError where no face stays for 1.6 s."""
    window = next(iter(WindowReader(read_frames(clip), sound=Sound(clip))), None)
    if window is None:
        raise InputError(f"{clip} shows no face for 1.6 s; give a clip of one visible face")
    draw(window, out, force=True)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
