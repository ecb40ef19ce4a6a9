"""Sound that begins before or after the first picture, as samples."""

from fractions import Fraction
from types import SimpleNamespace

import av
import numpy as np
import pytest

from tellmark.sound_start import delay_s, from_first_picture, within


def frames(kind: str, *blocks: list[int]) -> list[av.AudioFrame]:
    made = []
    for block in blocks:
        samples = np.array([block], np.dtype(kind))
        frame = av.AudioFrame.from_ndarray(samples, format={"i2": "s16", "u1": "u8"}[kind], layout="mono")
        frame.sample_rate = 10
        made.append(frame)
    return made


@pytest.mark.parametrize(
    ("kind", "late", "heard"),
    [
        ("i2", 0.0, [1, 2, 3, 4, 5, 6]),
        ("i2", 0.4, [0, 0, 0, 0, 1, 2, 3, 4, 5, 6]),
        ("u1", 0.2, [128, 128, 1, 2, 3, 4, 5, 6]),
        ("i2", -0.2, [3, 4, 5, 6]),
        ("i2", -0.4, [5, 6]),
        ("i2", -0.9, []),
    ],
)
def test_sound_begins_with_the_first_picture(kind: str, late: float, heard: list[int]) -> None:
    found = from_first_picture(iter(frames(kind, [1, 2, 3], [4, 5, 6])), late)
    assert [int(sample) for frame in found for sample in frame.to_ndarray().ravel()] == heard


@pytest.mark.parametrize(("layout", "name"), [("mono", "flt"), ("stereo", "fltp")])
def test_floats_that_are_louder_than_sound_or_no_numbers_are_brought_within(layout: str, name: str) -> None:
    channel = np.array([0.5, np.nan, 1e30, -np.inf], np.float32)
    frame = av.AudioFrame.from_ndarray(np.stack([channel] * (2 if name == "fltp" else 1)), format=name, layout=layout)
    frame.sample_rate = 10
    (found,) = within(iter([frame]))
    assert found.to_ndarray().tolist() == [[0.5, 0, 1, -1]] * len(frame.to_ndarray())
    quiet = frames("i2", [1, 30_000])
    assert list(within(iter(quiet))) == quiet


def test_a_delay_is_believed_up_to_a_minute_and_needs_pictures() -> None:
    def stream(start: int | None) -> SimpleNamespace:
        return SimpleNamespace(start_time=start, time_base=Fraction(1, 4))

    assert delay_s(stream(2), stream(5)) == 0.75
    assert delay_s(stream(5), stream(2)) == -0.75
    assert delay_s(stream(0), stream(300)) == 0
    assert delay_s(None, stream(5)) == delay_s(stream(None), stream(5)) == delay_s(stream(1), stream(None)) == 0


def test_more_planes_than_a_frame_has_room_for_are_not_looked_at() -> None:
    """Damaged AAC claims 61 channels; PyAV reads past the end of the planes, and takes the process down."""
    whole = av.AudioFrame.from_ndarray(np.zeros((2, 64), np.float32), format="fltp", layout="stereo")
    assert list(within(iter([whole, av.AudioFrame("fltp", "hexadecagonal", 64), whole]))) == [whole, whole]
