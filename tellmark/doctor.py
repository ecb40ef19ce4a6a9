"""`tellmark doctor`: try what tellmark needs on this machine, and say how to mend what fails."""

from __future__ import annotations

import importlib
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tellmark.errors import TellmarkError

_OPTIONAL = "(optional)"


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: its name, whether it held, what was found or what to do, and whether most can do without."""

    name: str
    ok: bool
    text: str
    optional: bool = False

    def to_json(self) -> dict[str, Any]:
        """The ``tellmark.finding/1`` object."""
        return {"schema": "tellmark.finding/1", **asdict(self)}


def examine() -> list[Finding]:
    """Run every check; none of them raises."""
    return [_try(name, check, remedy) for name, check, remedy in _CHECKS]


def _try(name: str, check: Callable[[], str], remedy: str) -> Finding:
    optional = name.endswith(_OPTIONAL)
    try:
        return Finding(name, True, check(), optional)
    except TellmarkError as error:  # a sentence already
        return Finding(name, False, f"{error}. {remedy}", optional)
    except Exception as error:
        return Finding(name, False, f"{type(error).__name__}: {error}. {remedy}", optional)


def _python() -> str:
    if not (3, 11) <= sys.version_info[:2] <= (3, 12):
        raise RuntimeError(f"Python {sys.version.split()[0]}")
    return sys.version.split()[0]


def _opencv() -> str:
    import cv2

    return f"OpenCV {cv2.__version__}"


def _codecs() -> str:
    from tellmark.encoding import VideoWriter
    from tellmark.media import VideoReader, rgb_to_i420

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "test.mp4"
        with VideoWriter(path, width=64, height=64, fps=25) as writer:
            for _ in range(3):
                writer.write(rgb_to_i420(np.full((64, 64, 3), 128, np.uint8)))
        with VideoReader(path) as reader:
            return f"H.264 written and read back, {sum(1 for _ in reader)} frames"


def _tracker() -> str:
    from tellmark.faces import find_face
    from tellmark.generator.actors import actor

    find_face(actor(1).image)
    return "finds the face of actor:1"


def _timm() -> str:
    from tellmark.detector.models.network import import_timm

    torch = importlib.import_module("torch")
    return f"torch {torch.__version__}, timm {import_timm().__version__}"


def _signing() -> str:
    from tellmark.watermark.identity import keys

    facts = keys.show()
    return f"{facts['source']}, {facts['subject']}, valid until {facts['valid_until'][:10]}"


def _home() -> str:
    from tellmark.runs import check_output, home

    folder = home()
    check_output(folder / "probe", force=True)
    return str(folder)


def _voice() -> str:
    from tellmark.generator.audio.voice import synthesize

    with tempfile.TemporaryDirectory() as folder:
        events = synthesize("Hello.", Path(folder) / "hello.wav")
    return f"espeak-ng speaks, {len(events)} phonemes"


def _space() -> str:
    free = shutil.disk_usage(Path.cwd()).free / 1e9
    if free < 1:
        raise RuntimeError(f"{free:.1f} GB free")
    return f"{free:.0f} GB free"


_CHECKS: list[tuple[str, Callable[[], str], str]] = [
    ("python", _python, "Use Python 3.11 or 3.12."),
    ("opencv", _opencv, "It needs libGL and GLib: on Debian and Ubuntu, apt install libgl1 libglib2.0-0."),
    ("codecs", _codecs, "Reinstall PyAV from its wheel: pip install --force-reinstall av."),
    (
        "face tracker",
        _tracker,
        "mediapipe must be 0.10.21: pip install mediapipe==0.10.21.",
    ),
    ("torch and timm", _timm, "Install torch==2.13.0 and timm."),
    ("signing identity", _signing, "Set TELLMARK_HOME to a folder of yours; see `tellmark keys`."),
    ("home", _home, "Set TELLMARK_HOME to a folder you can write."),
    (f"voices {_OPTIONAL}", _voice, "GPL-3.0; the demo, datasets whose voices are spoken, and the tests need it."),
    ("disk", _space, "Free some space."),
]
