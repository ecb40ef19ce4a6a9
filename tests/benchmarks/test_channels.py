"""Channels do to a file what they say, and nothing else."""

from pathlib import Path

import av
import numpy as np
import pytest

from tellmark.benchmarks.channels import reencode, remux, tamper
from tellmark.encoding import VideoWriter
from tellmark.media import VideoReader, probe, rgb_to_i420


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "clip.mp4"
    y, x = np.mgrid[:96, :128]
    with VideoWriter(path, width=128, height=96, fps=25) as writer:
        for index in range(30):
            rgb = np.stack([x * 2, y * 2, np.full_like(x, index * 8)], -1).astype(np.uint8)
            writer.write(rgb_to_i420(rgb))
    return path


def packets(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(video=0) if packet.size]


def test_remux_copies_every_packet(clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    remux(clip, out)
    assert packets(out) == packets(clip)
    assert out.read_bytes() != clip.read_bytes()


def test_reencode_scales_crops_and_trims(clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    reencode(clip, out, scale=0.5)
    assert (probe(out).width, probe(out).height) == (64, 48)
    reencode(clip, out, crop=0.25)
    with VideoReader(out) as reader:
        frames = [frame.rgb() for frame in reader]
    assert frames[0].shape == (72, 96, 3)
    assert frames[0][..., 0].min() == pytest.approx(32, abs=6)  # the left eighth is gone: red was 2 * x
    reencode(clip, out, skip_s=0.4)
    with VideoReader(out) as reader:
        blues = [frame.rgb()[..., 2].mean() for frame in reader]
    assert len(blues) == 20
    assert blues[0] == pytest.approx(80, abs=8)


def test_tamper_changes_one_bit(clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    tamper(clip, out)
    before, after = np.frombuffer(clip.read_bytes(), np.uint8), np.frombuffer(out.read_bytes(), np.uint8)
    assert np.unpackbits(before ^ after).sum() == 1
