import cv2
import numpy as np
import pytest

from tellmark.encoding import Encoding, VideoWriter
from tellmark.media import VideoReader, rgb_to_i420
from tellmark.watermark.content.comparison import MATCH, _motion, compare
from tellmark.watermark.content.fingerprint import GRID, Fingerprint, Fingerprinter

FRAMES = 200  # 8 s at 25 frames a second


@pytest.fixture(scope="module")
def clip(pictures):
    return pictures(5, 2 * FRAMES, 160)


def fingerprint(frames, fps=25.0) -> Fingerprint:
    maker = Fingerprinter()
    for index, rgb in enumerate(frames):
        maker.add(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), index / fps)
    return maker.finish()


def encoded(frames, path, crf: int, fps=25.0) -> Fingerprint:
    height, width, _ = frames[0].shape
    with VideoWriter(path, width=width, height=height, fps=fps, encoding=Encoding(crf=crf)) as writer:
        for rgb in frames:
            writer.write(rgb_to_i420(rgb))
    maker = Fingerprinter()
    with VideoReader(path) as reader:
        for frame in reader:
            maker.add(frame.i420()[:height], frame.time_s)
    return maker.finish()


@pytest.fixture(scope="module")
def reference(clip):
    return fingerprint(clip[:FRAMES])


def resized(frames, width, height):
    return [cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA) for rgb in frames]


ATTACKS = {
    "nothing": lambda frames: frames,
    "half size": lambda frames: resized(frames, 80, 80),
    "crop 10 %": lambda frames: [rgb[:144, 16:160] for rgb in frames],
    "crop 25 %": lambda frames: [rgb[20:140, 20:140] for rgb in frames],
    "mirrored": lambda frames: [np.ascontiguousarray(rgb[:, ::-1]) for rgb in frames],
    "brighter": lambda frames: [cv2.convertScaleAbs(rgb, alpha=1.15, beta=8) for rgb in frames],
    "bars at the sides": lambda frames: [cv2.copyMakeBorder(rgb, 0, 0, 60, 60, cv2.BORDER_CONSTANT) for rgb in frames],
    "bars above and below": lambda frames: [
        cv2.copyMakeBorder(rgb, 40, 40, 0, 0, 0, value=(9, 9, 9)) for rgb in frames
    ],
    "faded in": lambda frames: [cv2.convertScaleAbs(rgb, alpha=min(1, i / 15)) for i, rgb in enumerate(frames)],
    "trimmed to 3 s": lambda frames: frames[61:136],
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_the_same_content_matches_after_processing_and_compression(clip, reference, tmp_path, attack):
    crf = 28 if attack == "half size" else 33  # of 80 pixels little motion is left at CRF 33, and no mark
    match = compare(reference, encoded(ATTACKS[attack](clip[:FRAMES]), tmp_path / "clip.mp4", crf))
    assert match.matches
    if attack == "trimmed to 3 s":
        assert match.offset_s == pytest.approx(61 / 25, abs=0.1)
    assert match.crop.mirrored == (attack == "mirrored")


def test_half_the_frame_rate_does_not_matter(clip, reference):
    assert compare(reference, fingerprint(clip[:FRAMES:2], 12.5)).matches


def test_a_square_cut_from_a_wide_picture_matches(clip):
    wide = [np.hstack([rgb[:, ::-1], rgb, rgb[:, ::-1]])[:, 80:400] for rgb in clip[:FRAMES]]
    match = compare(fingerprint(wide), fingerprint(clip[:FRAMES]))
    assert match.matches
    assert match.crop.width == pytest.approx(0.5, abs=0.04)


def test_other_motion_before_the_same_background_does_not_match(clip, reference):
    other = fingerprint(clip[FRAMES:])
    means = [item.frames.mean(axis=0).ravel() for item in (reference, other)]
    assert np.corrcoef(*means)[0, 1] > 0.9  # the still picture alone would have said yes
    assert compare(reference, other).matches is False
    assert compare(reference, fingerprint(clip[FRAMES : FRAMES + 75])).matches is False


def test_the_same_motion_in_another_picture_does_not_match(clip, reference):
    rng = np.random.default_rng(0)
    ground = cv2.resize(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8), (160, 160), interpolation=cv2.INTER_CUBIC)
    mean = np.mean(clip[:FRAMES], axis=0)
    moved = [np.clip(rgb - mean + ground, 0, 255).astype(np.uint8) for rgb in clip[:FRAMES]]
    assert compare(reference, fingerprint(moved)).matches is False


def test_a_still_clip_matches_itself_and_not_a_moving_one(clip, reference):
    still = fingerprint([clip[0]] * FRAMES)
    assert compare(still, fingerprint([clip[0]] * 75)).matches
    assert compare(reference, still).matches is False


def test_half_of_something_else_does_not_match(clip, reference):
    spliced = clip[: FRAMES // 2] + clip[FRAMES : FRAMES + FRAMES // 2]
    assert compare(reference, fingerprint(spliced)).matches is False


def test_too_short_to_say(clip, reference):
    assert compare(reference, fingerprint(clip[:8])).matches is None
    assert compare(reference, Fingerprinter().finish()).matches is None


def test_a_long_clip_is_compared_by_pieces(pictures):
    frames = pictures(9, 700, 64)
    whole = fingerprint(frames, fps=10.0)
    assert whole.duration_s == pytest.approx(70, abs=0.1)
    assert compare(whole, fingerprint(frames[20:], fps=10.0)).matches
    assert compare(whole, fingerprint(pictures(10, 700, 64), fps=10.0)).matches is False


def test_similarity_is_the_formula_in_the_docstring(clip, reference):
    """Recomputed here without FFT, for clips that need no alignment."""
    other = encoded_like(reference)
    a, b = (_motion(_cells(item)) for item in (reference, other))
    noise = 0.1 * a.size
    expected = (2 * (a * b).sum() + noise) / ((a * a).sum() + (b * b).sum() + noise)
    match = compare(reference, other)
    assert match.offset_s == 0
    assert match.motion == pytest.approx(expected, abs=1e-4)
    assert match.motion > MATCH


def encoded_like(item: Fingerprint) -> Fingerprint:
    noise = np.random.default_rng(0).integers(-1, 2, item.frames.shape)
    return Fingerprint(np.clip(item.frames + noise, 0, 255).astype(np.uint8), item.aspect)


def _cells(item: Fingerprint):
    side = GRID // 8
    blocks = item.frames.astype(np.float32).reshape(-1, 8, side, 8, side)
    return blocks.mean((2, 4)).reshape(len(blocks), -1)
