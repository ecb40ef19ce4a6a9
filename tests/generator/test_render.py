from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from tellmark.faces import MediapipeTracker
from tellmark.generator.portrait import load_portrait
from tellmark.generator.renderers import RENDERERS
from tellmark.generator.renderers import renderer as renderer_of
from tellmark.generator.types import EXPRESSIONS, SIZE, Motion, Portrait, PortraitRenderer
from tellmark.landmarks import eye_opening, head_rotation_deg, mouth_opening


def motion(*frames: dict[str, object]) -> Motion:
    """A motion whose frames differ from rest by the named channels and expressions."""
    made = Motion.rest(25.0, len(frames))
    for row, frame in enumerate(frames):
        for name, value in frame.items():
            if name in EXPRESSIONS:
                made.expression[row, EXPRESSIONS.index(name)] = value
            else:
                getattr(made, name)[row] = value
    return made


@pytest.fixture(scope="module", params=RENDERERS)
def renderer(request: pytest.FixtureRequest, someone: Portrait) -> PortraitRenderer:
    return renderer_of(request.param, someone)


@pytest.fixture(scope="module")
def tracker() -> Iterator[MediapipeTracker]:
    with MediapipeTracker(static=True) as made:
        yield made


def landmarks(tracker: MediapipeTracker, frame: np.ndarray) -> np.ndarray:
    return tracker.track(frame)[0].landmarks


def test_rest_frame_is_the_portrait(renderer: PortraitRenderer, someone: Portrait) -> None:
    frame = renderer.render(motion({"jaw": 0.0}), 0)
    assert frame.shape == (SIZE, SIZE, 3)
    assert frame.dtype == np.uint8
    assert cv2.PSNR(frame, someone.image) >= 40


def test_same_input_same_bytes(renderer: PortraitRenderer, someone: Portrait) -> None:
    performance = motion(
        {"jaw": 0.6, "wide": 0.3, "rotation_deg": (7, -4, 3), "gaze_deg": (6, 3), "distance": 1.05},
        {"pucker": 0.8, "blink": (1, 0.4), "translation": (0.05, 0.02)},
    )
    first = [renderer.render(performance, index).copy() for index in (0, 1, 0)]
    second = [renderer_of(renderer.name, someone).render(performance, index) for index in (0, 1)]
    np.testing.assert_array_equal(first[0], first[2])
    np.testing.assert_array_equal(first[0], second[0])
    np.testing.assert_array_equal(first[1], second[1])


def test_background_stays_still(renderer: PortraitRenderer, someone: Portrait) -> None:
    frame = renderer.render(motion({"rotation_deg": (10, 5, 8), "jaw": 1.0, "translation": (0.05, 0)}), 0)
    far = cv2.dilate(someone.matte, np.ones((121, 121), np.uint8)) < 0.01
    assert far.sum() > 500
    np.testing.assert_array_equal(frame[far], someone.image[far])


@pytest.mark.parametrize("rotation", [(12, 0, 0), (-12, 0, 0), (0, 12, 0), (0, -12, 0), (12, 12, 12), (40, -40, 60)])
def test_no_holes_when_the_head_turns(
    renderer: PortraitRenderer, someone: Portrait, rotation: tuple[float, float, float]
) -> None:
    bright = replace(someone, image=128 + someone.image // 2)
    frame = renderer_of(renderer.name, bright).render(motion({"rotation_deg": rotation}), 0)
    holes = (frame.astype(int) < 128 - 30).all(2)  # darker than anything in the portrait
    assert holes.mean() < 2e-3


def test_the_tracker_sees_the_head_turn(
    renderer: PortraitRenderer, tracker: MediapipeTracker, someone: Portrait
) -> None:
    rest = np.array(head_rotation_deg(landmarks(tracker, someone.image)))
    for axis in range(3):
        for angle in (-8.0, 8.0):
            rotation = np.zeros(3)
            rotation[axis] = angle
            frame = renderer.render(motion({"rotation_deg": rotation}), 0)
            turned = np.array(head_rotation_deg(landmarks(tracker, frame))) - rest
            assert turned[axis] == pytest.approx(angle, abs=3.5), (axis, turned)
            assert np.abs(np.delete(turned, axis)).max() < 3, (axis, turned)


def sideways(points: np.ndarray) -> float:
    """Iris centres within the eyes, mean of both, over eye width; to the viewer's right."""
    return float(
        np.mean(
            [
                (points[iris, 0] - points[[outer, inner], 0].mean()) / np.linalg.norm(points[outer] - points[inner])
                for iris, outer, inner in ((468, 33, 133), (473, 263, 362))
            ]
        )
    )


def test_the_tracker_sees_lids_gaze_and_mouth(
    renderer: PortraitRenderer, tracker: MediapipeTracker, someone: Portrait
) -> None:
    rest = landmarks(tracker, someone.image)
    performance = motion(
        {"blink": (1, 1)}, {"blink": (1, 0)}, {"gaze_deg": (15, 0)}, {"gaze_deg": (-15, 0)}, {"jaw": 0.8}
    )
    seen = [landmarks(tracker, renderer.render(performance, index)) for index in range(len(performance))]
    open_right, open_left = eye_opening(rest)
    assert max(eye_opening(seen[0])) < 0.6 * min(open_right, open_left)
    winking_right, winking_left = eye_opening(seen[1])
    assert winking_right < 0.6 * open_right
    assert winking_left > 0.8 * open_left
    assert sideways(seen[2]) > sideways(rest) + 0.04
    assert sideways(seen[3]) < sideways(rest) - 0.04
    assert mouth_opening(seen[4]) > mouth_opening(rest) + 0.06


def test_lids_and_gaze_touch_only_the_eyes(renderer: PortraitRenderer, someone: Portrait) -> None:
    eyes = np.zeros((SIZE, SIZE), np.uint8)
    for outer, inner in ((33, 133), (263, 362)):
        middle = someone.landmarks[[outer, inner], :2].mean(0)
        width = np.linalg.norm(someone.landmarks[outer, :2] - someone.landmarks[inner, :2])
        cv2.circle(eyes, np.rint(middle).astype(int).tolist(), int(1.4 * width), 1, -1)
    performance = motion({}, {"blink": (1, 0.5), "gaze_deg": (10, -8)})
    rest = renderer.render(performance, 0).copy()
    frame = renderer.render(performance, 1)
    np.testing.assert_array_equal(frame[eyes == 0], rest[eyes == 0])
    assert (frame != rest).any(2)[eyes > 0].mean() > 0.1


def test_small_motions_make_small_changes(renderer: PortraitRenderer) -> None:
    """No popping: from rest, every channel comes in without a jump."""
    steps: list[dict[str, object]] = [{name: 0.02} for name in EXPRESSIONS]
    steps += [{"blink": (0.02, 0.02)}, {"gaze_deg": (0.3, 0)}, {"rotation_deg": (0.2, 0, 0)}, {"distance": 1.002}]
    performance = motion({}, *steps)
    rest = renderer.render(performance, 0).copy()
    for index in range(1, len(performance)):
        assert cv2.PSNR(renderer.render(performance, index), rest) > 32, steps[index - 1]


def test_the_renderers_differ(someone: Portrait) -> None:
    performance = motion({"jaw": 0.8, "rotation_deg": (10, -6, 3), "blink": (0.5, 0.5)})
    frames = [renderer_of(name, someone).render(performance, 0).copy() for name in RENDERERS]
    apart = np.abs(frames[0].astype(int) - frames[1]).max(2)[someone.matte > 0.5]
    assert np.mean(apart > 2) > 0.4


@pytest.mark.shared
@pytest.mark.parametrize("name", RENDERERS)
def test_rest_frames_of_many_kinds_of_pictures(shared_data: Path, name: str) -> None:
    paths = sorted((shared_data / "portraits").iterdir())[::16]
    for path in paths:
        portrait = load_portrait(path, consent="test")
        frame = renderer_of(name, portrait).render(motion({}), 0)
        assert cv2.PSNR(frame, portrait.image) >= 40, path.name


@pytest.mark.parametrize("name", RENDERERS)
def test_a_head_that_the_frame_cuts_has_no_second_forehead(name: str, someone: Portrait) -> None:
    cut, hair_px = round(float(someone.landmarks[10, 1])) - 24, 24
    rows = np.minimum(np.arange(SIZE) + cut, SIZE - 1)
    image = np.ascontiguousarray(someone.image[rows])
    image[:hair_px] = np.where(someone.matte[rows][:hair_px, :, None] > 0.5, (60, 40, 30), image[:hair_px])
    landmarks = someone.landmarks - np.array([0, cut, 0], np.float32)
    shown = replace(someone, image=image, matte=someone.matte[rows], landmarks=landmarks)
    made = renderer_of(name, shown)
    frame = made.render(motion({"distance": 1.3}), 0).astype(float)
    x, y = made.points[10, :2]
    above = frame[: int(y - hair_px / 1.3), int(x) - 20 : int(x) + 20].reshape(-1, 3)
    forehead = np.median(image[hair_px + 8 : hair_px + 24, 246:266].reshape(-1, 3), axis=0)
    like_skin = np.linalg.norm(above - forehead, axis=1) < 40
    assert len(above) > 800
    assert like_skin.mean() < 0.02
