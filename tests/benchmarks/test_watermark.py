"""The watermark benchmark measures what it says, on hosts small enough for a test."""

import hashlib
import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from tellmark.benchmarks import kept_aside
from tellmark.benchmarks import watermark as bench
from tellmark.benchmarks.attacks import LADDER, Frames, climb
from tellmark.benchmarks.marks import imperceptibility, localisation, settings, speed
from tellmark.benchmarks.marks.hosts import Hosts, chosen
from tellmark.benchmarks.marks.marking import Tellmark, payload_of, published, registry_of
from tellmark.encoding import VideoWriter
from tellmark.errors import UsageError
from tellmark.media import rgb_to_i420
from tellmark.types import U8
from tellmark.watermark.registry import Registry
from tellmark.watermark.signal.fec import encode
from tellmark.watermark.signal.known import KnownPayloads


def _picture(index: int) -> U8:
    """Texture with a disc that wanders over it."""
    texture = np.random.default_rng(0).integers(40, 216, (40, 60, 3), dtype=np.uint8)
    picture: U8 = cv2.resize(texture, (640, 480), interpolation=cv2.INTER_CUBIC)
    cv2.circle(picture, (200 + 4 * index, 240), 60, (200, 150, 120), -1, cv2.LINE_AA)
    return picture


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("bench")
    with VideoWriter(made / "somebody.mp4", width=640, height=480, fps=25) as writer:
        for index in range(60):
            writer.write(rgb_to_i420(_picture(index)))
    (made / "notes.txt").write_text("not a video")
    return made


@pytest.fixture(scope="module")
def clip(folder: Path) -> Frames:
    (made,) = Hosts(folder)
    return made


def _silent(what: str) -> None:
    """Takes the place of progress on stderr."""


def test_hosts_are_square_and_nameless(folder: Path, clip: Frames, tmp_path: Path) -> None:
    assert (len(clip.frames), clip.fps, clip.frames[0].shape) == (60, 25.0, (512, 512, 3))
    assert len(chosen(folder, None, 1.0)) == 1
    assert [len(host.frames) for host in chosen(str(folder), "1", "1.0")] == [25]
    for hosts in (chosen(folder, None, 6, "held-out"), chosen(tmp_path, None, 6), chosen("nowhere", None, 6)):
        with pytest.raises(UsageError, match="give"):
            list(hosts)


def test_persons_kept_aside_are_told_by_hashes_of_the_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "real").mkdir()
    for name in ("a", "b", "c", "d"):
        (tmp_path / "real" / f"{name}.mp4").write_bytes(b"")
    (tmp_path / "index.csv").write_text("path,person_id\nreal/a.mp4,one\nreal/b.mp4,two\nreal/c.mp4,one\n")
    one = hashlib.sha256(b"one").hexdigest()[:12]
    monkeypatch.setattr(kept_aside, "_hashes", lambda: (one,))
    for data in (tmp_path, tmp_path / "real"):
        assert [path.stem for path in chosen(data, None, 6, "held-out").paths()] == ["a", "c"]
        assert [path.stem for path in chosen(data, None, 6, "development").paths()] == ["b", "d"]
    assert chosen(tmp_path, None, 6, "held-out").kind == "real, held out"
    monkeypatch.setattr(kept_aside, "_hashes", lambda: ("somebody else",))  # all of this footage is new to us
    assert [path.stem for path in chosen(tmp_path, None, 6, "held-out").paths()] == ["a", "b", "c"]
    for data, split in ((tmp_path, "aside"), (None, "held-out")):
        with pytest.raises(UsageError, match=split):
            chosen(data, None, 6, split).paths()


def test_a_dozen_hex_digits_stand_for_each_person_kept_aside() -> None:
    hashes = kept_aside._hashes()
    assert len(set(hashes)) == len(hashes) >= 8
    assert all(re.fullmatch("[0-9a-f]{12}", one) for one in hashes)


def test_a_part_can_be_run_and_says_what_the_hosts_were(folder: Path) -> None:
    (row,) = bench.run(data=folder, group="codec", only="none", hosts="drawn", starts="1", published="no")
    assert list(row)[:3] == ["measure", "condition", "hosts"]
    assert (row["hosts"], row["condition"], row["clips"], row["payload"], row["met"]) == ("drawn", "none", 1, 1, "yes")
    assert "somebody" not in str(row)
    with pytest.raises(UsageError, match="choose among codec"):
        bench.run(group="codecs")
    named = [rung.name for rung in settings.rungs(["codec", "time"], "vp9|speed 1")]
    assert named == ["vp9 crf 33", "speed 1.1 + crf 23", "speed 1.25 + crf 23"]


def test_psnr_is_opencvs_and_ssim_falls_with_noise() -> None:
    random = np.random.default_rng(0)
    picture = _picture(0)[..., 0].copy()
    noisy = [np.clip(picture + random.normal(0, s, picture.shape), 0, 255).astype(np.uint8) for s in (2, 8)]
    assert imperceptibility.psnr([picture], [noisy[0]]) == pytest.approx(cv2.PSNR(picture, noisy[0]), abs=1e-3)
    assert imperceptibility.ssim(picture, picture) == pytest.approx(1.0)
    assert 1 > imperceptibility.ssim(picture, noisy[0]) > imperceptibility.ssim(picture, noisy[1]) > 0


def test_ssim_of_flat_planes_is_its_formula() -> None:
    """Without contrast only the luminance term is left: (2ab + c1) / (a**2 + b**2 + c1)."""
    a, b = np.full((32, 32), 100, np.uint8), np.full((32, 32), 110, np.uint8)
    c1 = (0.01 * 255) ** 2
    assert imperceptibility.ssim(a, b) == pytest.approx((2 * 100 * 110 + c1) / (100**2 + 110**2 + c1), abs=1e-5)


def test_the_mark_is_faint_and_found(clip: Frames) -> None:
    rows = {row["condition"]: row for row in imperceptibility.rows([clip], _silent)}
    assert rows["psnr y, dB"]["mean"] > 45
    assert rows["psnr rgb, dB"]["mean"] > 42
    assert rows["ssim y"]["mean"] > 0.99
    assert rows["bytes added at crf 23 medium, 10 s gop, %"]["target"] == 5
    (row,) = climb(Tellmark(), [clip], [LADDER["h264 crf 23"]], starts=1, published=published)
    assert (row["clips"], row["payload"], row["wrong"], row["present"]) == (1, 1, 0, 1)


def test_false_positives_are_rarer_than_their_level(folder: Path) -> None:
    whole, *rows = bench._false_positives(Hosts(folder), Tellmark(), draws=2000)
    assert (whole["present"], whole["met"]) == (0, "yes")
    shares = {row["condition"]: row["mean"] for row in rows}
    assert shares["share of p <= 0.5"] < 0.6
    assert shares["share of p <= 0.01"] < 0.015
    assert 0 < shares["tail: chance of p <= 1e-6"] < 1e-4


def test_a_registry_knows_the_clips_among_others(clip: Frames) -> None:
    known = registry_of(range(3), 1000)
    assert len(known) == 1000
    sent = 2.0 * encode(payload_of(clip).bits()) - 1.0
    fit = known.likeliest(sent.astype(np.float32)[None])
    assert (clip.seed, fit.payload) == (0, payload_of(clip))


def test_speed_is_told_beside_decoding(clip: Frames) -> None:
    rows = {row["condition"]: row for row in speed.rows(clip, _silent, file_s=2.0)}
    assert rows["embed 512x512, ms a frame"]["target"] == 1.5
    assert rows["embed 3840x2160, ms a frame"]["mean"] > rows["embed 256x256, ms a frame"]["mean"]
    for name in ("plain mark", "no mark, full search"):
        assert rows[f"verify 2 s, {name}, s"]["ratio to decoding"] > 0
        assert rows[f"verify 2 s, {name}, s"]["processor"] > 0


def test_a_registry_is_filled_for_the_clock(tmp_path: Path) -> None:
    speed._fill(tmp_path / "filled.sqlite", 500)
    with Registry(tmp_path / "filled.sqlite") as registry:
        assert len(KnownPayloads(lambda: registry.payloads(1000))) == 500


@pytest.mark.slow
def test_a_spliced_face_is_found_and_an_intact_clip_is_not() -> None:
    clips = list(Hosts(count=3, seconds=8.5))  # the intact control of one alone is .2 to .8, by chance; docs/log.md
    rows = {row["condition"]: row.get("mean", row.get("told")) for row in localisation.rows(clips, _silent, "crf 23")}
    # An actor's backdrop stands still, and encoders repeat it with its mark: segments may well cover the splice.
    segments = "half-second spans by the segments of a verdict, 1.3 s spliced in, crf 23: auc, intact control"
    assert rows[segments] == pytest.approx(0.5, abs=0.1)
    assert rows["half-second spans, 1.3 s spliced in, crf 23: auc"] > 0.8
    assert rows["8 x 8 blocks, face spliced in, crf 23: auc"] > 0.8
    assert rows["8 x 8 blocks, face spliced in, crf 23: auc, intact control"] == pytest.approx(0.5, abs=0.2)
    for splice, count in (("1.3 s spliced in", 9), ("face spliced in", 3)):
        assert rows[f"verify --localise, {splice}, crf 23: told"] == count
        assert rows[f"verify --localise, {splice}, crf 23: told of an intact clip"] == 0
