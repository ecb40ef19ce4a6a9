"""Blocks without the mark stand out, wherever they lie and however the picture was turned; intact ones do not."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from tellmark.media import i420_to_rgb, rgb_to_i420
from tellmark.types import U8, Kind
from tellmark.watermark.embed import Embedder
from tellmark.watermark.localisation.localise import localise
from tellmark.watermark.signal.payload import Payload
from tellmark.watermark.signal.spectrum import Geometry

PAYLOAD = Payload(Kind.CONTROL, 0xC0FFEE)
FPS = 25.0


@pytest.fixture(scope="module")
def clips(pictures: Callable[..., list[U8]]) -> tuple[list[U8], list[U8]]:
    """(marked, marked but for the right lower quarter), two seconds."""
    plain = [i420_to_rgb(rgb_to_i420(picture)) for picture in pictures(5, 50, size=512)]
    embedder = Embedder(PAYLOAD, width=512, height=512)
    marked = [i420_to_rgb(embedder.embed(rgb_to_i420(picture))) for picture in plain]
    spliced = [frame.copy() for frame in marked]
    for frame, donor in zip(spliced, plain, strict=True):
        frame[256:, 256:] = donor[256:, 256:]
    return marked, spliced


def _timed(frames: list[U8]) -> list[tuple[float, U8]]:
    return [(index / FPS, frame) for index, frame in enumerate(frames)]


def test_what_is_missing_stands_out(clips: tuple[list[U8], list[U8]]) -> None:
    intact, spliced = (localise(_timed(frames), PAYLOAD) for frames in clips)
    assert intact.z.shape == intact.expected.shape == (4, 8, 8)
    assert np.allclose(intact.times_s[:, 0], [0, 0.52, 1, 1.52])
    gone = np.zeros((8, 8), bool)
    gone[4:, 4:] = True
    edge = np.zeros((8, 8), bool)
    edge[3:5, 3:] = edge[3:, 3:5] = True
    assert spliced.missing()[gone & ~edge].min() > spliced.missing()[~gone & ~edge].max()
    assert abs(np.median(intact.missing())) < 0.7
    assert intact.missing().max() < np.median(spliced.missing()[gone])
    # A window by itself says less, and in the same direction.
    first = spliced.missing(slice(0, 1))
    assert np.median(first[gone & ~edge]) > np.median(first[~gone & ~edge]) + 1


def test_a_stretch_without_the_mark_stands_out(clips: tuple[list[U8], list[U8]]) -> None:
    marked, spliced = clips
    corner = np.zeros((512, 512, 1), bool)
    corner[256:, 256:] = True
    plain = [np.where(corner, b, a) for a, b in zip(marked, spliced, strict=True)]  # a quarter of the picture is gone
    reached = localise(_timed(marked[:13] + plain[13:25] + marked[25:]), PAYLOAD).reached
    assert reached.shape == (4,)
    assert reached[1] < reached[[0, 2, 3]].min() - 0.1
    assert np.median(localise(_timed(marked), PAYLOAD).reached) == pytest.approx(1.0)


@pytest.mark.parametrize("geometry", [Geometry(mirrored=True), Geometry(rotation_deg=5.0)])
def test_a_turned_picture_is_followed(clips: tuple[list[U8], list[U8]], geometry: Geometry) -> None:
    def turned(frame: U8) -> U8:
        if geometry.mirrored:
            return np.ascontiguousarray(frame[:, ::-1])
        matrix = cv2.getRotationMatrix2D((255.5, 255.5), geometry.rotation_deg, 1.0)
        made: U8 = cv2.warpAffine(frame, matrix, (512, 512), borderMode=cv2.BORDER_REPLICATE)
        return made

    frames = [turned(frame) for frame in clips[1]]
    missing = localise(_timed(frames), PAYLOAD, geometry).missing()
    corner = missing[5:, :3] if geometry.mirrored else missing[5:7, 5:7]
    assert np.median(corner) > np.median(missing) + 1.5


def test_another_payload_shares_the_sync_waves_and_no_more(clips: tuple[list[U8], list[U8]]) -> None:
    right, wrong = (localise(_timed(clips[0]), payload) for payload in (PAYLOAD, Payload(Kind.CONTROL, 1)))
    assert wrong.strength().mean() < 0.65 * right.strength().mean()


def test_without_frames_there_is_nothing_to_say() -> None:
    with pytest.raises(ValueError, match="no frames"):
        localise([], PAYLOAD)
