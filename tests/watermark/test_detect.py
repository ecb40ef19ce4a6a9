"""From marked frames to a reading: what comes back, what must never come back, and what it costs."""

import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from tellmark.benchmarks import attacks
from tellmark.benchmarks.attacks import Attack, Frames, geometry
from tellmark.encoding import Encoding, VideoWriter
from tellmark.media import i420_to_rgb, rgb_to_i420
from tellmark.types import U8, Kind
from tellmark.watermark.detect import BLOCK_S, MarkReading, detect, detect_file, detect_image
from tellmark.watermark.embed import Embedder
from tellmark.watermark.signal import block, places, search
from tellmark.watermark.signal.analysis import windows
from tellmark.watermark.signal.block import P_PRESENT, _together, read_block
from tellmark.watermark.signal.pattern import PUBLIC_KEY, ChannelPattern, WatermarkKey
from tellmark.watermark.signal.payload import Payload
from tellmark.watermark.signal.search import Match
from tellmark.watermark.signal.spectrum import IDENTITY, Geometry, Spectrum, View

Patterns = tuple[ChannelPattern, ...]
PAYLOAD = Payload(Kind.SYNTHETIC, 0x5A5A1234ABCD77)
FPS = 25.0
PRIVATE = WatermarkKey.private(b"a private key of a tester")


def _mark(pictures: list[U8], key: WatermarkKey = PUBLIC_KEY) -> list[U8]:
    height, width = pictures[0].shape[:2]
    embedder = Embedder(PAYLOAD, width=width, height=height, key=key)
    return [i420_to_rgb(embedder.embed(rgb_to_i420(p))) for p in pictures]


def _timed(frames: list[U8], fps: float = FPS) -> Iterator[tuple[float, U8]]:
    return ((index / fps, frame) for index, frame in enumerate(frames))


@pytest.fixture(scope="module")
def plain(pictures: Callable[..., list[U8]]) -> list[U8]:
    """Three seconds at 512x512."""
    return pictures(11, 75, size=512)


@pytest.fixture(scope="module")
def marked(plain: list[U8]) -> Frames:
    return Frames(_mark(plain), FPS)


@pytest.mark.parametrize(
    "name",
    [
        "none", "h264 crf 23", "h264 crf 28", "half size + crf 23", "crop 25 % + crf 23", "resize 0.61 + crf 23",
        "crop 25 % + rescale + crf 23", "mirror + crf 23", "25 -> 15 fps + crf 23", "25 -> 30 fps + crf 23",
        "brightness 1.2 + crf 23", "gamma 1.3 + crf 23", "rotate 2 deg + crf 23", "quarter turn + crf 23",
        "squeezed to 3:4 + crf 23", "rotate 30 deg + crf 23", "in a film, half as high + crf 23",
        "negative + crf 23",
    ],
)  # fmt: skip
def test_three_seconds_survive(name: str, marked: Frames) -> None:
    attack: Attack = attacks.LADDER[name].attack
    attacked = attack(marked)
    reading = detect(_timed(attacked.frames, attacked.fps))
    assert reading.present
    assert reading.p_value < P_PRESENT
    assert reading.payload == PAYLOAD
    assert reading.geometry is not None
    assert reading.geometry.mirrored == ("mirror" in name)
    assert sum(end - start for start, end, _ in reading.segments) > 2.4


def test_a_scale_that_sync_waves_missed_is_read_beside(plain: list[U8], monkeypatch: pytest.MonkeyPatch) -> None:
    """The search is made to end 1.5 per cent off; only luma, whose waves are short, carries the mark here."""
    random = np.random.default_rng(0)
    planes = [rgb_to_i420(_grey(frame)) for frame in _mark(plain[:25])]
    block = [
        replace(window, residual=window.residual + random.normal(0, 3, window.residual.shape).astype(np.float32))
        for window in windows((time_s, frame, False) for time_s, frame in _timed(planes))
    ]

    def missed(spectra: Callable[[View], Spectrum], patterns: Patterns, *_: object) -> Iterator[tuple[Match, float]]:
        yield search.match(spectra(IDENTITY.view), patterns, Geometry(scale=1.015)), 1e-3

    monkeypatch.setattr(search, "candidates", missed)
    reading = read_block(block, PUBLIC_KEY, thorough=False)
    assert reading.payload == PAYLOAD
    assert reading.match.geometry.scale == pytest.approx(1.0, abs=0.002)
    monkeypatch.setattr(search, "beside", lambda *_: [])
    assert read_block(block, PUBLIC_KEY, thorough=False).payload is None


def test_a_place_that_sync_waves_missed_is_read_where_a_code_fits(
    plain: list[U8], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The candidates are made to lie elsewhere; the right place is one of many, and sync waves say nothing of it."""
    block = list(windows((time_s, rgb_to_i420(frame), False) for time_s, frame in _timed(_mark(plain[:25]))))
    right = Match(0.0, Geometry(), (128.0, 128.0))
    wrong = [Match(0.0, Geometry(), (8.0 * n, 40.0)) for n in range(20)]
    monkeypatch.setattr(search, "candidates", lambda *_: iter([(wrong[0], 1.0)]))
    monkeypatch.setattr(places, "further", lambda *_: _places([*wrong, right]))
    reading = read_block(block, PUBLIC_KEY, thorough=True)
    assert (reading.payload, reading.match, reading.matched) == (PAYLOAD, right, False)
    assert read_block(block, PUBLIC_KEY, thorough=False).payload is None
    monkeypatch.setattr(places, "further", lambda *_: _places(wrong))
    assert read_block(block, PUBLIC_KEY, thorough=True).payload is None


def test_a_reading_too_weak_to_be_believed_does_not_end_the_search(
    plain: list[U8], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first candidate, of which sync waves say nothing, reads another payload, nearly by chance."""
    frames = list(windows((time_s, rgb_to_i420(frame), False) for time_s, frame in _timed(_mark(plain[:25]))))
    wrong, right = Match(0.0, Geometry(), (8.0, 40.0)), Match(0.0, Geometry(), (128.0, 128.0))
    reading, other = block._reading, Payload.new(Kind.CONTROL)
    monkeypatch.setattr(search, "candidates", lambda *_: iter([(wrong, 1.0), (right, 1.0)]))
    weak = iter([(other, 9e-6)])
    monkeypatch.setattr(block, "_reading", lambda soft, listed: next(weak, None) or reading(soft, listed))
    found = read_block(frames, PUBLIC_KEY, thorough=False)
    assert found.payload == PAYLOAD
    assert found.p_value < P_PRESENT


def _places(matches: list[Match]) -> list[places.Place]:
    return [places.Place(found, 1.0, 1 / len(matches)) for found in matches]


def _grey(rgb: U8) -> U8:
    return cv2.cvtColor(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)


def test_a_pan_that_drags_the_mark_along_is_read_from_its_first_frame() -> None:
    texture = np.random.default_rng(0).integers(40, 216, (40, 60, 3), dtype=np.uint8)
    ground = cv2.resize(texture, (800, 512), interpolation=cv2.INTER_CUBIC)
    pan = [np.ascontiguousarray(ground[:, 2 * index : 2 * index + 512]) for index in range(75)]
    clip = attacks.recompress(Frames(_mark(pan), FPS), crf=23)
    assert detect(_timed(clip.frames)).payload == PAYLOAD


def test_unmarked_video_shows_nothing(plain: list[U8]) -> None:
    reading = detect(_timed(plain))
    assert not reading.present
    assert reading.p_value > 1e-3
    assert (reading.payload, reading.segments, reading.geometry) == (None, (), None)


def test_another_key_sees_nothing(marked: Frames) -> None:
    reading = detect(_timed(marked.frames), key=PRIVATE, thorough=False)
    assert not reading.present
    assert reading.payload is None


def test_a_private_key_reads_its_own(plain: list[U8]) -> None:
    frames = _mark(plain[:50], key=PRIVATE)
    assert detect(_timed(frames), key=PRIVATE).payload == PAYLOAD
    assert not detect(_timed(frames), thorough=False).present


def test_segments_say_which_part_is_marked(pictures: Callable[..., list[U8]]) -> None:
    frames = pictures(12, 200)
    frames[50:125] = _mark(frames[50:125])
    reading = detect(_timed(frames))
    assert reading.payload == PAYLOAD
    ((start, end, p),) = reading.segments
    assert (start, end) == (2.0, 5.0)
    assert p < 1e-20


def test_a_mark_in_a_later_block_is_found(pictures: Callable[..., list[U8]]) -> None:
    frames = pictures(13, 20)
    marked = _mark(frames)
    quiet = [frames[index % 20] for index in range(round(BLOCK_S * 10))]  # ten frames a second are enough here
    loud = [marked[index % 20] for index in range(50)]
    reading = detect(_timed(quiet + loud, 10.0), thorough=False)
    assert reading.payload == PAYLOAD
    assert reading.segments[0][0] == BLOCK_S


def test_blocks_after_the_first_are_compared_not_searched(pictures: Callable[..., list[U8]]) -> None:
    frames = pictures(14, 20)
    embedder = Embedder(PAYLOAD, width=256, height=256)
    stream = ((index / 10, i420_to_rgb(embedder.embed(rgb_to_i420(frames[index % 20])))) for index in range(400))
    reading = detect(stream)
    assert reading.payload == PAYLOAD
    assert [(start, end) for start, end, _ in reading.segments] == [(0.0, 40.0)]


def test_memory_is_bounded(pictures: Callable[..., list[U8]]) -> None:
    frames = pictures(15, 10)

    def peak(seconds: float) -> int:
        tracemalloc.start()
        detect(((index / 4, frames[index % 10]) for index in range(int(seconds * 4))), thorough=False)
        top = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return top

    assert peak(3.5 * BLOCK_S) < 1.1 * peak(2.2 * BLOCK_S)  # one block being read, one being filled


def test_a_change_of_size_in_the_stream(marked: Frames) -> None:
    small = geometry.resize(Frames(marked.frames[:50], FPS), 0.5).frames
    wide = geometry.crop(Frames(marked.frames[:50], FPS), 0.2).frames
    shorter = [frame[:300] for frame in wide]
    reading = detect(_timed(small + shorter))
    assert reading.payload == PAYLOAD


@pytest.mark.parametrize("shape", [(256, 256), (360, 640), (640, 360)])
def test_other_sizes(shape: tuple[int, int], pictures: Callable[..., list[U8]]) -> None:
    height, width = shape
    frames = [np.ascontiguousarray(p[:height, :width]) for p in pictures(16, 75, size=max(shape))]
    clip = attacks.recompress(Frames(_mark(frames), FPS), crf=23)
    assert detect(_timed(clip.frames)).payload == PAYLOAD


def test_a_file_and_its_progress(tmp_path: Path, plain: list[U8]) -> None:
    path = tmp_path / "marked.mp4"
    embedder = Embedder(PAYLOAD, width=512, height=512)
    with VideoWriter(path, width=512, height=512, fps=FPS, encoding=Encoding(crf=23)) as writer:
        for picture in plain:
            writer.write(embedder.embed(rgb_to_i420(picture)))
    seen: list[int] = []
    reading = detect_file(path, progress=lambda done, _: seen.append(done))
    assert reading.payload == PAYLOAD
    assert seen == [1, 2, 3, 4, 5, 6, 7, 8]  # half seconds, and the keyframes at 0 and 2 s
    assert reading.segments[0][:2] == (0.0, 3.0)


def test_a_still_can_be_marked(plain: list[U8]) -> None:
    still = _mark(plain[:1])[0]
    reading = detect_image(still)
    assert reading.payload == PAYLOAD
    assert detect_image(still[:-1, :-1]).present  # odd sizes are cut
    assert not detect_image(plain[0], thorough=False).present


def test_nothing_in_nothing_out() -> None:
    assert detect([]) == MarkReading(False, 1.0)


@pytest.mark.parametrize("value", [0, 128])
def test_empty_pictures_are_harmless(value: int) -> None:
    reading = detect_image(np.full((128, 128, 3), value, np.uint8))
    assert not reading.present


@pytest.mark.shared
def test_a_real_clip(shared_data: Path) -> None:
    path = next((shared_data / "real").glob("*driving_d12.mp4"))
    with av.open(str(path)) as container:
        frames = [f.to_ndarray(format="rgb24") for f, _ in zip(container.decode(video=0), range(75), strict=False)]
    clip = attacks.recompress(Frames(_mark(frames), FPS), crf=28)
    assert detect(_timed(clip.frames)).payload == PAYLOAD
    assert not detect(_timed(frames)).present


def test_the_p_value_of_both_kinds_of_evidence_is_honest() -> None:
    """Sync waves and readings of unmarked blocks, drawn as the two bounds say: no level is passed more often."""
    random = np.random.default_rng(0)
    most = 0.02  # a checksum of six bits, so that readings happen
    sync, reading = random.random(200_000), random.random(200_000)
    held = reading < most
    p_values = np.where(held, [_together(s, min(r, most), most) for s, r in zip(sync, reading, strict=True)], 1.0)
    for level in (1e-2, 1e-3, 1e-4):
        assert np.mean(p_values <= level) <= level
    naive = np.where(held, 2 * sync * reading, 1.0)
    assert np.mean(naive <= 1e-3) > 1e-3  # what the bare product would claim
