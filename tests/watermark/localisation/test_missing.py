"""What lacks the mark is told where it is, and nothing is told of what does not."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tellmark.encoding import Encoding, VideoWriter
from tellmark.media import VideoReader, rgb_to_i420
from tellmark.types import F64, U8, Kind, MissingEvidence, VerdictKind
from tellmark.watermark.embed import Embedder
from tellmark.watermark.explain import explain
from tellmark.watermark.localisation import collect
from tellmark.watermark.localisation.block_sums import BlockSums
from tellmark.watermark.localisation.localise import MarkMap, compared, localise_planes
from tellmark.watermark.localisation.missing import missing
from tellmark.watermark.signal.payload import Payload
from tellmark.watermark.verify import verify

PAYLOAD = Payload(Kind.CONTROL, 0xC0FFEE)


def _map(seconds: float, lost: Callable[[F64, F64, F64], F64]) -> MarkMap:
    """8 x 8 blocks that expect a z of 3 in every half second. lost: (second, row, column) -> share that is lost."""
    starts = np.arange(0, seconds, 0.5)
    grid = np.meshgrid(starts, np.arange(8.0), np.arange(8.0), indexing="ij")
    kept = 1 - np.broadcast_to(lost(*grid), grid[0].shape)
    expected = np.full(kept.shape, 3.0)
    times = np.stack([starts, starts + 0.48], axis=1)
    return MarkMap(times, 3 * kept, expected, kept.mean(axis=(1, 2)), np.full(len(starts), 0.05), 23.0)


def test_nothing_is_told_of_what_is_intact() -> None:
    assert missing(_map(6, lambda s, y, x: 0 * s)) == MissingEvidence((), (), 1.0)
    few = _map(6, lambda s, y, x: (y < 1) & (x < 2))  # two neighbours: chance does that
    assert missing(few).regions == ()


def test_a_stretch_is_told_and_keeps_regions_quiet() -> None:
    found = missing(_map(6, lambda s, y, x: 0.9 * ((s >= 2) & (s < 3))))
    assert found.spans == ((2.0, 3.0, pytest.approx(0.1)),)
    assert found.regions == ()
    unsure = _map(6, lambda s, y, x: 0.9 * (s == 2))
    unsure.uncertain[:] = 0.3  # of a weak mark: what it reaches in half a second says little
    assert missing(unsure).spans == ()


def test_half_seconds_that_do_not_hold_alike_are_not_judged() -> None:
    uneven = _map(6, lambda s, y, x: 0 * s)
    uneven.reached[:] = [0.2, 0.2, 0.1, 0.4, 0.6, 0.3, 1.4, 1.8, 2.6, 3.4, 3.8, 6.7]
    assert missing(uneven).spans == ()
    assert not missing(uneven).timed


def test_a_clip_of_few_half_seconds_has_none_to_compare_with() -> None:
    short, longer = (missing(_map(seconds, lambda s, y, x: 0.9 * (s == 1))) for seconds in (1.5, 2.0))
    assert (short.spans, short.timed) == ((), False)
    assert longer.spans == ((1.0, 1.5, pytest.approx(0.1)),)
    assert longer.timed


def test_no_block_decides_for_the_picture() -> None:
    """One that a strong mark is expected of in one half second, by mistake, and that holds what the others do."""
    random = np.random.default_rng(0)
    shape = (8, 3, 8, 8)
    sent = np.full(shape, 2.0)
    sums = BlockSums(
        times_s=np.stack([np.arange(8) / 2, np.arange(8) / 2 + 0.48], axis=1),
        scores=sent + random.normal(0, 1, shape), ideal=sent.copy(), power=np.ones(shape), chance=np.ones(shape),
        came=sent, put=sent, uncertain=np.full(shape, 0.01), quality=23.0,
    )  # fmt: skip
    sums.ideal[3, 0, 4, 4] *= 200
    found = compared(sums)
    assert found.reached == pytest.approx(1.0, abs=0.2)
    assert missing(found) == MissingEvidence((), (), 1.0)


def test_a_region_is_told_once_however_long_it_lasts() -> None:
    face = missing(_map(20, lambda s, y, x: (s >= 8) & (y >= 2) & (y < 5) & (x >= 3) & (x < 6)))
    assert face.regions == ((8.0, 19.98, 0.375, 0.25, 0.75, 0.625),)
    two = missing(_map(6, lambda s, y, x: (y < 2) & ((x < 2) | (x > 5))))
    assert sorted(two.regions) == [(0.0, 5.98, 0.0, 0.0, 0.25, 0.25), (0.0, 5.98, 0.75, 0.0, 1.0, 0.25)]


def test_what_cannot_show_is_not_judged() -> None:
    weak = _map(6, lambda s, y, x: 1.0 * (x < 4))
    weak.expected[:, :, :4] = 0.1
    weak.z[:, :, :4] = 0.0
    assert missing(weak).regions == ()
    assert missing(weak).judged == 0.5
    gone = _map(2, lambda s, y, x: 1.0 + 0 * s)
    assert missing(gone) == MissingEvidence(((0.0, 1.98, 0.0),), (), 0.0)


@pytest.fixture(scope="module")
def frames(pictures: Callable[..., list[U8]]) -> tuple[list[U8], list[U8]]:
    """Three seconds without and with a mark, I420."""
    plain = [rgb_to_i420(picture) for picture in pictures(5, 75, size=512)]
    embedder = Embedder(PAYLOAD, width=512, height=512)
    return plain, [embedder.embed(frame.copy()) for frame in plain]


def test_a_long_video_is_taken_in_parts(frames: tuple[list[U8], list[U8]], monkeypatch: pytest.MonkeyPatch) -> None:
    timed = [(number / 25, frame) for number, frame in enumerate(frames[1])]
    whole = localise_planes(timed, PAYLOAD)
    monkeypatch.setattr(collect, "PART_S", 1.0)
    parts = localise_planes(timed, PAYLOAD)
    assert np.array_equal(parts.times_s, whole.times_s)
    assert np.corrcoef(parts.expected.ravel(), whole.expected.ravel())[0, 1] > 0.9
    assert parts.reached == pytest.approx(whole.reached, abs=0.15)


def test_the_probe_is_encoded_as_the_video_was(frames: tuple[list[U8], list[U8]], tmp_path: Path) -> None:
    found = []
    for crf in (16, 36):
        path = tmp_path / f"{crf}.mp4"
        with VideoWriter(path, width=512, height=512, fps=25, encoding=Encoding(crf=crf, keyframe_s=10)) as writer:
            for frame in frames[1]:
                writer.write(frame)
        with VideoReader(path) as reader:
            found.append(localise_planes(((frame.time_s, frame.i420()) for frame in reader), PAYLOAD).quality)
    assert found[0] <= 23
    assert found[1] > 28


def test_a_verdict_says_where(frames: tuple[list[U8], list[U8]], tmp_path: Path) -> None:
    plain, marked = frames
    spliced = [frame.copy() for frame in marked]
    for mine, theirs in zip(spliced, plain, strict=True):
        mine[:512, 256:] = theirs[:512, 256:]  # the right half of Y, Cb and Cr
        mine[512:].reshape(2, 256, 256)[..., 128:] = theirs[512:].reshape(2, 256, 256)[..., 128:]
    said = {}
    for name, made in (("marked", marked), ("spliced", spliced)):
        path = tmp_path / f"{name}.mp4"
        with VideoWriter(path, width=512, height=512, fps=25) as writer:
            for frame in made:
                writer.write(frame)
        said[name] = verify(path, registry=tmp_path / "registry.sqlite", localise=True)
        assert said[name].verdict is VerdictKind.WATERMARKED
    assert said["marked"].watermark.missing is not None
    assert said["marked"].watermark.missing.regions == ()
    assert "no region lacks the mark" in explain(said["marked"])
    assert said["spliced"].watermark.missing is not None
    boxes = [region[2:] for region in said["spliced"].watermark.missing.regions]
    assert boxes
    assert all(left >= 0.375 for left, *_ in boxes)
    assert sum((right - left) * (bottom - top) for left, top, right, bottom in boxes) > 0.2
    assert "something else may have been put there" in explain(said["spliced"])
    assert verify(tmp_path / "marked.mp4", registry=tmp_path / "registry.sqlite").watermark.missing is None
