"""The twelve controls: each passes where nothing is wrong, and fails where its shortcut was built in."""

from __future__ import annotations

import copy
import dataclasses
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tellmark.detector.audit import confounds, probes, protocol
from tellmark.detector.audit import material as material_module
from tellmark.detector.audit.material import Material
from tellmark.detector.audit.run import sampled
from tellmark.detector.audit.variants import AGAIN, AS_IS, LADDER, Variant, stripped, variant_features
from tellmark.detector.audit_record import Audit, Control, beside, found_in, sentence
from tellmark.detector.features import NAMES, ClipFeatures, clip_features
from tellmark.detector.metrics import difference_interval, expected_calibration_error, metric_interval
from tellmark.encoding import Encoding, VideoWriter
from tellmark.errors import InputError
from tellmark.media import rgb_to_i420
from tellmark.types import Clip, Label
from tests.detector.columns import normal

CLIP = Clip(
    clip_id="", path="", sha256="", label=Label.REAL, method="real", identity="", source_id="", voice_id="",
    split="train", seed=0, width=512, height=512, fps=25.0, seconds=4.8, codec="libx264", crf=23, preset="veryfast",
    marked=True, payload=None, generator_version="", licence="CC0",
)  # fmt: skip
FORGED, MARK = NAMES.index("flicker.luma"), NAMES.index("noise.level_kb")


def features(rng: np.random.Generator, fake: bool, *, marked: float = 0.0, windows: int = 2) -> ClipFeatures:
    x = normal(rng, windows)
    x[:, FORGED] += 2.0 * fake
    x[:, MARK] += 4.0 * marked
    return ClipFeatures(np.arange(windows) * 1.6 + 0.8, x, 80, 1, 80, 200.0)


def build(folder: Path, *, persons: int = 24, shortcut: bool = False, leak: bool = False) -> Material:
    """Pairs of a real clip and a fake; with ``shortcut`` only the fakes carry a mark that a feature sees."""
    rng = np.random.default_rng(0)
    clips, found = [], []
    for number in range(2 * persons):
        person, fake = number // 2, number % 2 == 1
        clips.append(
            dataclasses.replace(
                CLIP,
                clip_id=f"c{number}",
                path=f"c{number}.mp4",
                sha256=f"{number:064x}",
                label=Label.FAKE if fake else Label.REAL,
                method=("warp", "swap", "sync")[person % 3] if fake else "real",
                identity=f"p{person}",
                source_id=f"s{0 if leak else person}",
                split="test" if person % 4 == 0 else "train",
                original=f"c{number - 1}" if fake and not leak else None,
                marked=fake or not shortcut,
            )
        )
        found.append(features(rng, fake, marked=float(shortcut and fake)))
    return Material([folder / clip.path for clip in clips], clips, found, None, 0, 200, 24, None)


@pytest.fixture(scope="module")
def fair(tmp_path_factory: pytest.TempPathFactory) -> Material:
    return build(tmp_path_factory.mktemp("fair"))


def only(rows: Sequence[Control], name: str) -> Control:
    (row,) = (row for row in rows if row.name == name)
    return row


def test_a_detector_of_watermarks_fails_the_swap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def variant(path: Path, wanted: Variant, *, mark: Any, seed: int) -> ClipFeatures:
        number = int(path.stem[1:])
        return features(np.random.default_rng(number), number % 2 == 1, marked=float(wanted.marks), windows=1)

    monkeypatch.setattr(material_module, "variant_features", variant)
    honest = build(tmp_path, persons=96)  # fewer, and chance alone moves the areas by more than the marks allow
    honest.mark, honest.most = lambda width, height: lambda frame: frame, 192
    with monkeypatch.context() as quick:
        quick.setattr(material_module, "DEALS", 1)  # which is the harder one: three even chance out
        rows = list(confounds.watermark(honest))
    assert only(rows, "watermark alone").passed
    assert only(rows, "off-diagonal drop").passed
    misled = build(tmp_path, shortcut=True)
    misled.mark = lambda width, height: lambda frame: frame
    rows = list(confounds.watermark(misled))
    alone, drop = only(rows, "watermark alone"), only(rows, "off-diagonal drop")
    assert alone.passed is False
    assert alone.value is not None
    assert alone.value > 0.7
    assert drop.passed is False
    assert drop.interval is not None
    assert drop.interval[0] <= (drop.value or 0) <= drop.interval[1]


def test_without_a_marker_the_control_is_not_measured(fair: Material) -> None:
    assert [row.passed for row in confounds.watermark(fair)] == [None, None]


def test_without_clips_encoded_anew_three_controls_are_not_measured(fair: Material) -> None:
    quick = dataclasses.replace(fair, most=0, mark=lambda width, height: lambda luma, cb, cr: (luma, cb, cr))
    rows = [*confounds.watermark(quick), *protocol.matrix(quick)[0]]
    names = {row.name for row in rows if row.note == material_module.NONE_ANEW}
    assert names == {"watermark alone", "off-diagonal drop", "ladder, lowest rung"}
    assert all(row.passed is None for row in rows if row.name in names)


def test_a_sample_holds_whole_persons_and_the_originals_of_its_fakes(fair: Material) -> None:
    wanderer = dataclasses.replace(fair.clips[1], clip_id="w", identity="p9")  # its original is another person's
    found = sampled([*fair.clips, wanderer], 8, seed=3)
    ids = {clip.clip_id for clip in found}
    assert 8 <= len(found) < 12
    assert [clip for clip in [*fair.clips, wanderer] if clip.clip_id in ids] == found
    assert all(clip.original in ids for clip in found if clip.original)
    everyone = sampled([*fair.clips, wanderer], 10**6)
    assert everyone == [*fair.clips, wanderer]


def test_random_labels_and_the_result_itself(fair: Material) -> None:
    (row,) = protocol.random_labels(fair)
    assert row.passed
    rows = list(protocol.intervals(fair))
    auc = only(rows, "AUC, interval over persons")
    assert auc.value is not None
    assert auc.value > 0.8
    assert auc.passed is False  # 200 bootstraps are too few to be printed
    assert only(rows, "spread over seeds").value is not None
    ece = only(rows, "ECE")
    assert ece.interval is not None
    each = [float(value) for value in ece.note.rsplit("deals: ", 1)[1].split(", ")]
    assert len(each) == 3
    assert ece.value == pytest.approx(np.mean(each), abs=1e-3)
    errors = [expected_calibration_error(fair.labels, fair.scores(seed), balanced=True) for seed in (0, 1, 2)]
    assert ece.value == pytest.approx(np.mean(errors))


@pytest.mark.parametrize("persons", [5, 3])  # of three, some draws hold one class alone
def test_a_calibration_that_nobody_could_show_on_so_few_clips_is_not_judged(tmp_path: Path, persons: int) -> None:
    (ece,) = (row for row in protocol.intervals(build(tmp_path, persons=persons)) if row.name == "ECE")
    assert "nan" not in ece.note
    assert ece.value is not None
    assert (ece.value > 0.05, ece.passed, ece.verdict) == (True, None, "too few clips")


def test_what_was_written_several_times_of_one_clip_says_no_more_of_calibration(tmp_path: Path) -> None:
    once = build(tmp_path, persons=24)
    twice = copy.copy(once)
    twice.paths, twice.clips, twice.features = 2 * once.paths, 2 * once.clips, 2 * once.features

    def scores(material: Material) -> NDArray[np.float64]:
        return np.resize(np.linspace(0.2, 0.8, len(once.clips)), len(material.clips))

    said = []
    for material in (once, twice):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Material, "scores", lambda self, seed=None: scores(self))
            (row,) = (row for row in protocol.intervals(material) if row.name == "ECE")
        said.append(row.note.split("reads ")[1].split(" in 19")[0])
    assert said[0] == said[1]


def test_splits_that_share_a_source_fail(tmp_path: Path, fair: Material) -> None:
    assert all(row.passed is not False for row in protocol.splits(fair))
    rows = list(protocol.splits(build(tmp_path, leak=True)))
    assert only(rows, "source in two splits").passed is False
    assert only(rows, "voice in two splits").passed is None


def test_a_fake_without_its_original_needs_a_counterpart(tmp_path: Path, fair: Material) -> None:
    (row,) = confounds.pairs(fair)
    assert (row.value, row.passed) == (0, True)
    rng = np.random.default_rng(0)
    for far in (False, True):
        lost = build(tmp_path, persons=48, leak=True)
        lost.clips = [dataclasses.replace(clip, source_id=clip.clip_id) for clip in lost.clips]
        scenery = rng.normal(size=(96, 3)) + (6.0 * far * lost.labels)[:, None]
        lost._seen = [(one, one[:1], one[:1]) for one in scenery]
        (row,) = confounds.pairs(lost)
        assert "48 of them without their original" in row.note
        assert row.value is not None
        assert (row.value > 40) if far else (row.value < 24)


def test_clips_without_a_mark_are_marked_first(tmp_path: Path) -> None:
    half = build(tmp_path, persons=24, shortcut=True)
    half.clips = [dataclasses.replace(clip, marked=i % 8 < 4) for i, clip in enumerate(half.clips)]
    assert not any(half.clips[i].marked for i in half.drawn(24, clean=True))
    assert any(half.clips[i].marked for i in half.drawn(24))
    assert sum(half.clips[i].marked for i in half.drawn(32, clean=True)) == 8


def test_probes_find_what_differs_by_class_and_nothing_else() -> None:
    rng = np.random.default_rng(0)
    labels, who = np.arange(60) % 2, np.array([f"p{i // 2}" for i in range(60)])
    x = rng.normal(size=(60, 5))
    x[:, 3] = np.nan
    assert auc(labels, probes.probe_scores(x, labels, who)) < 0.8
    x[:, 1] += 3 * labels
    assert auc(labels, probes.probe_scores(x, labels, who)) > 0.8
    with pytest.raises(InputError, match="nothing to measure"):
        probes.probe_scores(np.full((60, 2), np.nan), labels, who)


def auc(labels: Any, scores: Any) -> float:
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(labels, scores))


@pytest.fixture
def clip(tmp_path: Path, painted: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Path:
    scene = painted(50, noise=1.5)
    path = tmp_path / "clip.mp4"
    with VideoWriter(path, width=320, height=320, fps=25, encoding=Encoding(crf=20)) as writer:
        for frame in scene.frames:
            writer.write(rgb_to_i420(frame))
    from tellmark.detector import features as features_module
    from tellmark.detector.windows.tracks import WindowReader

    def reader(frames: Any, **settings: Any) -> WindowReader:
        fresh = dataclasses.replace(scene)
        fresh._next = -1
        return WindowReader(frames, tracker=fresh, **settings)

    monkeypatch.setattr(features_module, "WindowReader", reader)
    return path


def test_stripping_changes_no_feature_by_a_bit(tmp_path: Path, clip: Path) -> None:
    bare = stripped(clip, tmp_path / "bare.mp4")
    assert b"x264 - core" in clip.read_bytes()  # the SEI message that encoders sign with
    assert b"x264 - core" not in bare.read_bytes()
    np.testing.assert_array_equal(clip_features(bare).x, clip_features(clip).x)


def test_variants_change_what_they_say(clip: Path) -> None:
    plain = variant_features(clip, AS_IS).x
    np.testing.assert_array_equal(plain, clip_features(clip, limit=1).x)
    level = NAMES.index("noise.level_kb")
    noisy = variant_features(clip, LADDER["noise 4"]).x
    assert noisy.shape == plain.shape
    assert not np.array_equal(noisy[:, level], plain[:, level], equal_nan=True)
    seen = []

    def mark(width: int, height: int) -> Callable[[Any], Any]:
        seen.append((width, height))
        return lambda frame: np.minimum(frame, 200)

    variant_features(clip, dataclasses.replace(AGAIN, marks=2), mark=mark)
    assert seen == [(320, 320)] * 2
    with pytest.raises(ValueError, match="marker"):
        variant_features(clip, dataclasses.replace(AGAIN, marks=1))


def test_the_record_is_told_and_kept(tmp_path: Path) -> None:
    rows = (
        Control(2, "container alone", "m", 0.9, (0.8, 1.0), "<= .55", False),
        Control(4, "null render", "m", None, None, "<= .55", None, "no null arm"),
        Control(8, "fakes without their original", "m", 0.0, None, "0", True),
    )
    found = Audit("data", None, 10, 5, 0, 1000, rows)
    assert "FAILS 2 (container alone)" in found.sentence()
    assert "not judged: 4 (null render)" in found.sentence()
    assert "no null arm" in found.table()
    found.save(tmp_path / "audit.json")
    record = found_in(tmp_path / "audit.json")
    assert record is not None
    assert sentence(record) == found.sentence()
    json.dumps(record, allow_nan=False)
    assert found_in(tmp_path / "none.json") is None
    assert beside(Path("a/b.npz")) == Path("a/b.audit.json")
    (tmp_path / "audit.json").write_text('{"schema": "other"}')
    with pytest.raises(InputError, match="no audit"):
        found_in(tmp_path / "audit.json")


def test_intervals_of_differences_and_of_any_metric() -> None:
    rng = np.random.default_rng(0)
    labels, who = np.arange(80) % 2, [f"p{i // 4}" for i in range(80)]
    good, bad = labels + 0.5 * rng.normal(size=80), rng.normal(size=80)
    low, high = difference_interval((labels, good, who), (labels, bad, who), bootstraps=300)
    assert 0.1 < low < high
    assert difference_interval((labels, good, who), (labels, good, who), bootstraps=50) == (0.0, 0.0)
    low, high = metric_interval(auc, labels, good, who, bootstraps=100)
    assert low <= auc(labels, good) <= high
