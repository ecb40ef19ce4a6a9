"""The tracker and what is built on it, on actors: people whose pictures anyone may use."""

import subprocess
import sys

import cv2
import numpy as np
import pytest

from tellmark.errors import FaceError
from tellmark.faces import MediapipeTracker, align, find_face, matte
from tellmark.generator.actors import actor
from tellmark.landmarks import LIPS_OUTER
from tellmark.types import U8


@pytest.fixture(scope="module")
def person() -> U8:
    return actor(29).image


def test_one_face_is_found_where_it_is(person: U8) -> None:
    face = find_face(person)
    x0, y0, x1, y1 = face.box
    assert face.landmarks.shape == (478, 3)
    assert 0 < x0 < 256 < x1 < 512
    assert 0 < y0 < 256 < y1 < 512


def test_found_points_follow_the_picture(person: U8) -> None:
    shifted = np.roll(person, (10, 20), axis=(0, 1))
    moved = find_face(shifted).landmarks - find_face(person).landmarks
    assert np.median(moved[:, :2], axis=0) == pytest.approx([20, 10], abs=1.5)


def test_no_face_two_faces_tiny_face(person: U8) -> None:
    with pytest.raises(FaceError, match="no face"):
        find_face(np.full((256, 256, 3), 90, np.uint8))
    with pytest.raises(FaceError, match="similar size"):
        find_face(np.hstack([person, person]))
    small = cv2.resize(person, (96, 96), interpolation=cv2.INTER_AREA)
    with pytest.raises(FaceError, match=r"only \d+ px"):
        find_face(small)


def test_a_much_smaller_second_face_does_not_count(person: U8) -> None:
    scene = np.full((512, 1024, 3), 128, np.uint8)
    scene[:, :512] = person
    scene[128:384, 700:956] = cv2.resize(person, (256, 256), interpolation=cv2.INTER_AREA)
    assert find_face(scene).box[2] < 512


def test_far_faces_are_found(person: U8) -> None:
    scene = np.full((1080, 1920, 3), 128, np.uint8)
    scene[400:656, 1500:1756] = cv2.resize(person, (256, 256), interpolation=cv2.INTER_AREA)
    with MediapipeTracker() as tracker:
        (face,) = tracker.track(scene)
    assert 1500 < np.mean(face.box[::2]) < 1756


def test_frames_leave_nothing_behind_and_are_left_alone(person: U8) -> None:
    """Frames that are not square share one picture: what was in it before must not be seen."""
    wide = np.hstack([person, np.full((512, 256, 3), 200, np.uint8)])
    cut = person[:400, 20:]
    with MediapipeTracker(static=True) as tracker:
        tracker.track(wide)
        found = [tracker.track(frame)[0].landmarks for frame in (cut, wide, cut)]
    for frame, points in zip((cut, wide, cut), found, strict=True):
        np.testing.assert_array_equal(points, find_face(frame).landmarks)
    assert wide.flags.writeable


def test_tracker_follows_a_video(person: U8) -> None:
    with MediapipeTracker() as tracker:
        tracks = [tracker.track(np.roll(person, 3 * step, axis=1))[0].landmarks[1, 0] for step in range(5)]
    assert tracks[-1] - tracks[0] == pytest.approx(12, abs=2.5)
    assert min(np.diff(tracks)) > 0


def test_a_second_person_is_found_within_half_a_second_and_followed(person: U8) -> None:
    alone = np.hstack([person, np.full_like(person, 90)])
    both = np.hstack([person, person])
    with MediapipeTracker(4) as tracker, MediapipeTracker() as single:
        first = [tracker.track(alone) for _ in range(3)]
        assert [len(faces) for faces in first] == [1, 1, 1]
        np.testing.assert_array_equal(first[0][0].landmarks, single.track(alone)[0].landmarks)
        counts = [len(tracker.track(both)) for _ in range(20)]
        assert counts[12:] == [2] * 8
        counts = [len(tracker.track(alone)) for _ in range(13)]
        assert counts[-1] == 1


def test_matte_separates_person_from_background(person: U8) -> None:
    alpha = matte(person)
    assert alpha.shape == (512, 512)
    assert alpha[200:300, 220:290].min() > 0.9
    assert alpha[:40, :40].max() < 0.1


def test_align_puts_the_mouth_in_its_place(person: U8) -> None:
    face = find_face(person)
    spots = []
    for angle in (0, 20):
        turn = cv2.getRotationMatrix2D((256, 256), angle, 0.8).astype(np.float32)
        points = face.landmarks.copy()
        points[:, :2] = points[:, :2] @ turn[:, :2].T + turn[:, 2]
        crop, matrix = align(cv2.warpAffine(person, turn, (512, 512)), points, size=128)
        assert crop.shape == (128, 128, 3)
        mouth = points[list(LIPS_OUTER), :2].mean(0)
        spots.append(matrix[:, :2] @ mouth + matrix[:, 2])
    assert spots[0] == pytest.approx(spots[1], abs=0.1)
    assert spots[0] == pytest.approx([64, 64 + 0.22 * 128 / 1.3], abs=4)


def test_a_face_is_as_sharp_on_either_side_of_its_own_size(person: U8) -> None:
    """One way of sampling: a scale that crosses 1 from frame to frame must not change how sharp the crop is."""
    grain = np.random.default_rng(0).integers(0, 256, (256, 256, 3)).astype(np.uint8)
    points = find_face(person).landmarks
    own = float(np.hypot(*align(person, points)[1][0, :2]))
    sharp = []
    for size in (0.99, 1.01):
        moved = points * (own * size)
        moved[:, :2] += 128.3 - moved[:, :2].mean(0)
        crop, matrix = align(grain, moved)
        assert (np.hypot(*matrix[0, :2]) < 1) == (size > 1)
        sharp.append(float(np.abs(np.diff(crop[64:192, 64:192].astype(float), axis=1)).mean()))
    assert sharp[0] == pytest.approx(sharp[1], rel=0.05)


def test_looking_for_faces_loads_no_plots_and_leaves_them_whole() -> None:
    code = (
        "import sys; from tellmark.faces import MediapipeTracker\n"
        "MediapipeTracker().close()\n"
        "assert not {'matplotlib', 'matplotlib.pyplot'} & set(sys.modules)\n"
        "import matplotlib.pyplot as plots; assert plots.figure"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
