"""Streams: the same frames however the sound comes, a file that grows, and provenance at the end."""

from __future__ import annotations

import contextlib
import io
import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from tellmark.errors import InputError, MediaError, UsageError
from tellmark.generator.audio.pcm import PcmFormat, read_pcm
from tellmark.generator.dynamics.online import OnlineRules
from tellmark.generator.streaming import FrameStream, stream_clip
from tellmark.generator.training.train_inversion import spoken
from tellmark.generator.types import Portrait
from tellmark.media import VideoReader
from tellmark.types import F32, U8, VerdictKind
from tellmark.watermark.detect import detect_file
from tellmark.watermark.unfinished import Begun, growing
from tellmark.watermark.verify import verify


@pytest.fixture(scope="module")
def sound() -> F32:
    return spoken("My baby brother bumped into the lamp.", np.random.default_rng(5), "en-us", None)[0]


def pieces(sound: F32, size: int = 320) -> Iterator[F32]:
    return (sound[start : start + size] for start in range(0, len(sound), size))


def frames(stream: FrameStream, parts: Iterator[F32]) -> list[U8]:
    seen = [frame.copy() for part in parts for frame in stream.push(part)]
    return [*seen, *(frame.copy() for frame in stream.finish())]


def test_frames_do_not_depend_on_the_pieces(someone: Portrait, sound: F32) -> None:
    whole = frames(FrameStream(someone, seed=4), pieces(sound, len(sound)))
    assert len(whole) == round(len(sound) / 640)
    cut = frames(FrameStream(someone, seed=4), pieces(sound, 533))
    assert max(np.abs(a.astype(int) - b).max() for a, b in zip(whole, cut, strict=True)) <= 4
    assert np.abs(whole[5].astype(int) - whole[-5]).max() > 30


def test_every_portrait_moves_in_a_way_of_its_own(someone: Portrait, sound: F32) -> None:
    other = replace(someone, sha256="0" * 64)  # the same face in another file
    own = frames(FrameStream(someone), pieces(sound))
    same = frames(FrameStream(someone, seed=someone.seed), pieces(sound))
    strange = frames(FrameStream(other), pieces(sound))
    assert all(np.array_equal(a, b) for a, b in zip(own, same, strict=True))
    assert sum(np.array_equal(a, b) for a, b in zip(own, strange, strict=True)) < 0.1 * len(own)


def test_a_frame_comes_with_its_look_ahead(someone: Portrait) -> None:
    for model, first in ((OnlineRules(), 3), (None, 5)):  # the learned motion waits for a row more
        stream = FrameStream(someone, motion_model=model)
        seen = [len(list(stream.push(np.zeros(320, np.float32)))) for _ in range(8)]
        assert seen == [int(k >= first and k % 2 == 1) for k in range(8)]


def test_other_rates_are_resampled(someone: Portrait, sound: F32) -> None:
    stream = FrameStream(someone, sample_rate_hz=48_000)
    count = sum(len(list(stream.push(np.zeros(960, np.float32)))) for _ in range(50)) + len(list(stream.finish()))
    assert count == 25


def test_a_stream_ends_marked_signed_and_registered(someone: Portrait, sound: F32, tmp_path: Path) -> None:
    out, registry, echo = tmp_path / "clip.mp4", tmp_path / "registry.sqlite", io.BytesIO()
    sizes: list[int] = []

    def watched() -> Iterator[F32]:
        for piece in pieces(np.tile(sound, 2)):
            sizes.append(growing(out).stat().st_size)
            assert not out.exists()
            yield piece

    clip = stream_clip(someone, watched(), out, registry=registry, echo=echo)
    assert clip.frames == round(2 * len(sound) / 640)
    assert clip.seed == clip.params["seed"] == someone.seed
    assert len(set(sizes)) > 0.3 * clip.frames  # it grew as the sound came
    assert not growing(out).exists()
    verdict = verify(out, registry=registry)
    assert verdict.verdict == VerdictKind.INTACT
    assert verdict.watermark.payload == clip.payload
    with av.open(str(out)) as container:
        assert sum(1 for _ in container.decode(video=0)) == clip.frames
    with av.open(str(out)) as container:
        heard = sum(frame.samples for frame in container.decode(audio=0)) / 48_000
    assert heard == pytest.approx(clip.seconds, abs=0.08)
    piped = tmp_path / "piped.mp4"
    piped.write_bytes(echo.getvalue())
    verdict = verify(piped, registry=registry)
    assert verdict.verdict == VerdictKind.RECOVERED


def test_a_stream_that_breaks_off_leaves_what_was_written_marked(someone: Portrait, sound: F32, tmp_path: Path) -> None:
    out = tmp_path / "clip.mp4"

    def broken() -> Iterator[F32]:
        yield from pieces(np.tile(sound, 2))
        raise InputError("the line went dead")

    with pytest.raises(InputError, match="went dead"):
        stream_clip(someone, broken(), out)
    assert not out.exists()
    left = growing(out)
    with VideoReader(left) as video:
        assert sum(1 for _ in video) >= 2 * len(sound) // 640 - 3
    assert detect_file(left).payload is not None
    with pytest.raises(UsageError, match=r"left by a stream.*tellmark mark .*clip\.part\.mp4 .*clip\.mp4"):
        stream_clip(someone, pieces(sound), out)
    assert left.exists()
    begun = Begun.beside(left)
    assert begun is not None
    assert begun.provenance.parameters["live"] is True
    assert [item.title for item in begun.provenance.ingredients] == [someone.name, "live"]


@pytest.mark.parametrize("share", [0.5, 0.9])
def test_bytes_of_a_killed_stream_can_be_played(
    someone: Portrait, sound: F32, tmp_path: Path, share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut as a kill would, all but the last frames are there."""
    # The same bytes each time: FFmpeg opens no file that ends in the header of a fragment (docs/limits.md).
    monkeypatch.setattr("tellmark.watermark.signal.payload.secrets.randbits", lambda bits: 0xBEEF)
    echo = io.BytesIO()
    clip = stream_clip(someone, pieces(sound), tmp_path / "clip.mp4", echo=echo)
    data = echo.getvalue()
    seen = 0
    with av.open(io.BytesIO(data[: int(share * len(data))])) as container, contextlib.suppress(av.FFmpegError):
        for _ in container.decode(video=0):
            seen += 1
    assert seen >= 0.6 * share * clip.frames


def test_no_sound_is_no_clip(someone: Portrait, tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="at least one"):
        stream_clip(someone, iter([np.zeros(100, np.float32)]), tmp_path / "new" / "clip.mp4")
    assert list(tmp_path.iterdir()) == []


def test_pcm_as_it_comes() -> None:
    reading, writing = os.pipe()
    stereo = np.array([[1000, 3000], [-32768, -32768], [0, 2]], "<i2")
    data = stereo.tobytes()
    os.write(writing, data[:5])
    got = read_pcm(reading, PcmFormat("s16le", 16_000, 2))
    np.testing.assert_allclose(next(got), [2000 / 32768])
    os.write(writing, data[5:] + b"x")
    os.close(writing)
    np.testing.assert_allclose(np.concatenate(list(got)), [-1.0, 1 / 32768])


def test_pcm_stops_when_told() -> None:
    reading, writing = os.pipe()
    stop = threading.Event()
    os.write(writing, np.zeros(10, "<f4").tobytes())
    got = read_pcm(reading, PcmFormat("f32le"), stop)
    assert len(next(got)) == 10
    stop.set()
    assert list(got) == []
    os.close(writing)


@pytest.mark.parametrize("wrong", [{"name": "mp3"}, {"sample_rate_hz": 100}, {"channels": 0}])
def test_pcm_that_cannot_be(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        PcmFormat(**wrong)  # type: ignore[arg-type]


def test_floats_that_are_none() -> None:
    reading, writing = os.pipe()
    os.write(writing, np.array([np.nan, 0], "<f4").tobytes())
    os.close(writing)
    with pytest.raises(InputError, match="f32le"):
        list(read_pcm(reading, PcmFormat("f32le")))
