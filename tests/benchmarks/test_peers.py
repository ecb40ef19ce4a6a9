"""Frames and bits cross the pipes unharmed, and the plot shows what the rows say."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tellmark.benchmarks import peers
from tellmark.benchmarks.attacks import LADDER, Frames, climb
from tellmark.benchmarks.marks import ladder_plot, peer_worker
from tellmark.errors import UsageError

_STAND_IN = """
import importlib.util, sys
spec = importlib.util.spec_from_file_location("peer_worker", {worker!r})
worker = importlib.util.module_from_spec(spec)
spec.loader.exec_module(worker)

class StandIn:  # the bits go into the blue corner
    def __init__(self, bits, count):
        self.bits, self.count = bits, count
    def embed(self, bgr):
        made = bgr.copy()
        made[0, : self.count, 0] = [200 * bit for bit in self.bits]
        return made
    def detect(self, bgr):
        return bgr[0, : self.count, 0] / 200

worker.PEERS["stand-in"] = StandIn
worker.serve("stand-in", sys.stdin.buffer, sys.stdout.buffer)
"""


def _clip() -> Frames:
    random = np.random.default_rng(0)
    return Frames([random.integers(0, 256, (256, 320, 3), dtype=np.uint8) for _ in range(60)], 25.0, 3)


@pytest.fixture
def stand_in(tmp_path: Path) -> peers.Peer:
    (tmp_path / "stand_in.py").write_text(_STAND_IN.format(worker=peer_worker.__file__))
    peer = peers.Peer("stand-in", Path(sys.executable), frames=4)
    peer._command = [sys.executable, str(tmp_path / "stand_in.py")]
    return peer


def test_the_worker_starts_where_it_is_looked_for() -> None:
    """By itself, isolated: nothing of tellmark is there in a peer's environment."""
    command = peers.Peer("dwtDctSvd", Path(sys.executable), frames=4)._command
    ended = subprocess.run([command[0], "-I", *command[1:]], input="", capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_frames_and_bits_cross_the_pipes(stand_in: peers.Peer) -> None:
    clip = _clip()
    with stand_in:
        marked, message = stand_in.embed(clip)
        assert len(marked.frames) == len(clip.frames)
        for before, after in zip(clip.frames, marked.frames, strict=True):
            assert np.array_equal(before[1:], after[1:])
            assert np.array_equal(after[0, :32, 2], 200 * message)  # blue is last in RGB
            assert np.array_equal(before[..., :2], after[..., :2])
        reading = stand_in.detect(marked)
        assert reading.present is None
        assert np.array_equal(reading.message, message)
        halved = [np.repeat(np.repeat(frame, 2, axis=0), 2, axis=1) for frame in marked.frames[:5]]
        assert np.array_equal(stand_in.detect(Frames(halved, 25.0)).message, message)  # told the size
        again, other = stand_in.embed(clip), stand_in.embed(Frames(clip.frames[:1], 25.0, 4))
        assert np.array_equal(again[1], message)
        assert not np.array_equal(other[1], message)


def test_what_a_peer_costs_is_written_down(stand_in: peers.Peer) -> None:
    with stand_in:
        timed = peers.Timed(stand_in)
        (row,) = climb(timed, [_clip()], [LADDER["none"]], starts=1)
    assert (row["watermark"], row["payload"], row["met"]) == ("stand-in", 1, "yes")
    assert timed.embed_ms > 0
    looks = timed.looks()
    assert all(20 < looks[name] < 100 for name in ("psnr y, dB", "psnr rgb, dB"))
    assert all(0.5 < looks[name] < 1 for name in ("ssim y", "ssim rgb"))


def test_a_rung_judged_on_less_than_it_asks_for_has_no_target() -> None:
    rung = LADDER["speed 1.25 + crf 23"]  # 7.5 s go in, 6 come out
    shorter, longer = peers._judged_on(rung, 2.0), peers._judged_on(rung, 8.0)
    assert (shorter.seconds, shorter.needed_s, shorter.target) == (2.0, 2.5, None)
    assert (longer.needed_s, longer.target) == (10.0, rung.target)


def test_a_peer_that_does_not_run_says_so(tmp_path: Path) -> None:
    peer = peers.Peer("stand-in", Path(sys.executable), frames=4)  # no such peer
    with peer, pytest.raises(UsageError, match="does not run"):
        peer.embed(_clip())
    with pytest.raises(UsageError, match="choose among"):
        peers.run(peers="nobody")


def test_the_plot_holds_every_attack_and_watermark(tmp_path: Path) -> None:
    rows = [
        {"measure": rung.group, "condition": rung.name, "watermark": name, "share": share, "target": rung.target}
        for rung in LADDER.values()
        for name, share in (("tellmark", 0.9), ("other", 0.1))
    ]
    ladder_plot.draw([*rows, {"measure": "cost", "condition": "ms", "mean": 1}], tmp_path / "ladder")
    drawn = (tmp_path / "ladder.svg").read_text()
    assert all(f"<!-- {name} -->" in drawn for name in ("tellmark", "other", "codec", "chains", "messenger"))
    with Image.open(tmp_path / "ladder.png") as picture:
        assert picture.width > 1000
    ladder_plot.draw([], tmp_path / "none")
    assert not (tmp_path / "none.svg").exists()
