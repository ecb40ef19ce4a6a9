"""A marked clip in a registry of its own, and a client for an application that looks files up in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest

from tellmark.encoding import VideoWriter
from tellmark.media import rgb_to_i420
from tellmark.types import U8, Kind
from tellmark.watermark.mark import mark_video

pytest.importorskip("starlette", reason="needs the extra tellmark[serve]")
pytest.importorskip("httpx", reason="starlette's test client needs httpx")

from starlette.testclient import TestClient

from tellmark.web.app import create_app
from tellmark.web.limits import Limits


def moving_noise(seed: int, frames: int, size: int = 256) -> list[U8]:
    """A textured ground, and a disc that wanders about on it.

    In greys, as flashing colours hide a mark: with those, two payloads of seven could not be read.
    """
    rng = np.random.default_rng(seed)
    ground = cv2.resize(rng.integers(50, 206, (24, 24), dtype=np.uint8), (size, size))
    ground = cv2.cvtColor(ground, cv2.COLOR_GRAY2RGB)
    level = int(rng.integers(256))
    path = np.cumsum(rng.normal(0, 4, (frames, 2)), axis=0) + size / 2
    pictures = []
    for x, y in path % size:
        picture = ground.copy()
        cv2.circle(picture, (int(x), int(y)), size // 6, (level, level, level), -1)
        pictures.append(picture)
    return pictures


def write(path: Path, pictures: list[U8]) -> Path:
    with VideoWriter(path, width=pictures[0].shape[1], height=pictures[0].shape[0], fps=25) as writer:
        for picture in pictures:
            writer.write(rgb_to_i420(picture))
    return path


@dataclass(frozen=True)
class Clips:
    """plain: no provenance. marked: signed, and known to ``registry`` by ``payload``."""

    plain: Path
    marked: Path
    registry: Path
    payload: str


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory, own_home: None) -> Clips:
    folder = tmp_path_factory.mktemp("clips")
    plain = write(folder / "plain.mp4", moving_noise(1, 60))
    registry = folder / "registry.sqlite"
    with pytest.MonkeyPatch.context() as patch:  # the same mark each time
        patch.setattr("tellmark.watermark.signal.payload.secrets.randbits", lambda bits: 0xC0FFEE)
        clip = mark_video(plain, folder / "marked.mp4", kind=Kind.SYNTHETIC, registry=registry)
    return Clips(plain, clip.path, registry, clip.payload)


@pytest.fixture
def uploads(tmp_path: Path) -> Path:
    """Where the application keeps its uploads."""
    (tmp_path / "uploads").mkdir()
    return tmp_path / "uploads"


@pytest.fixture
def serving(clips: Clips, uploads: Path) -> Callable[..., object]:
    """Makes a client: ``with serving(Limits(..)) as client``. Leaving it checks that no file was left behind."""

    @contextmanager
    def make(limits: Limits | None = None, **options: object) -> Iterator[TestClient]:
        options = {"registry": clips.registry, "folder": uploads, **options}
        with TestClient(create_app(limits, **options), base_url="http://localhost") as client:
            yield client
            left = [path for path in uploads.glob("*/*")]
            assert left == [], "uploads were left on the disk"
        assert list(uploads.iterdir()) == []

    return make
