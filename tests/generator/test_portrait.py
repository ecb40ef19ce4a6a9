import hashlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from tellmark.errors import FaceError, MediaError, UsageError
from tellmark.faces import find_face, stands_on_its_head
from tellmark.generator.actors import actor
from tellmark.generator.geometry.fill import fill, push_pull
from tellmark.generator.portrait import frame_portrait, load_portrait, unbordered
from tellmark.generator.types import SIZE, Portrait
from tellmark.landmarks import face_height, head_rotation_deg
from tellmark.pictures import write_image


@pytest.fixture(scope="module")
def scene(someone: Portrait) -> np.ndarray:
    """A wide picture, 900 x 600, with the person small and to the left."""
    small = cv2.resize(someone.image, (400, 400), interpolation=cv2.INTER_AREA)
    picture = np.full((600, 900, 3), someone.image[5, 5], np.uint8)
    picture[200:600, 60:460] = small
    return picture


def test_consent_is_required(tmp_path: Path, someone: Portrait) -> None:
    path = tmp_path / "p.png"
    write_image(path, someone.image)
    for consent in (None, "", "  "):
        with pytest.raises(UsageError, match="--consent"):
            load_portrait(path, consent=consent)


def test_load_frames_tracks_and_hashes(tmp_path: Path, scene: np.ndarray) -> None:
    path = tmp_path / "scene.png"
    write_image(path, scene)
    portrait = load_portrait(path, consent="CC0")
    assert portrait.image.shape == (SIZE, SIZE, 3)
    assert portrait.matte.shape == (SIZE, SIZE)
    assert portrait.landmarks.shape == (478, 3)
    assert 0.34 < float(face_height(portrait.landmarks)) / SIZE < 0.53
    assert portrait.consent_sha256 == hashlib.sha256(b"CC0").hexdigest()
    assert portrait.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (portrait.name, portrait.source) == ("scene", path)
    middle = portrait.landmarks[:468, :2].mean(0) / SIZE
    assert abs(middle[0] - 0.5) < 0.08
    assert 0.38 < middle[1] < 0.62


def test_framing_never_stretches(scene: np.ndarray) -> None:
    landmarks = find_face(scene).landmarks
    marked = scene.copy()
    centre = np.rint(landmarks[4, :2]).astype(int).tolist()
    cv2.circle(marked, centre, 40, (255, 0, 255), -1, cv2.LINE_AA)
    framed = frame_portrait(marked, landmarks).astype(int)
    disc = (framed[..., 0] > 200) & (framed[..., 1] < 60) & (framed[..., 2] > 200)
    tall, wide = disc.any(1).sum(), disc.any(0).sum()
    assert tall == pytest.approx(wide, abs=2)
    assert tall > 80  # enlarged


def test_framing_continues_a_picture_that_ends(someone: Portrait) -> None:
    x0, x1 = (int(someone.landmarks[index, 0]) for index in (234, 454))
    narrow = someone.image[:, max(0, x0 - 25) : x1 + 25]
    framed = frame_portrait(narrow)
    edge = framed[: SIZE // 4, [2, SIZE - 3]].astype(float)
    picture = narrow[: len(narrow) // 4, [0, -1]].astype(float)
    assert np.abs(edge.mean((0, 1)) - picture.mean((0, 1))).max() < 40
    assert framed.min() >= 0
    assert (framed.sum(2) == 0).mean() < 0.01


def test_a_plain_border_is_no_part_of_the_picture(scene: np.ndarray) -> None:
    border = {"top": 9, "bottom": 4, "left": 20, "right": 0}
    white = cv2.copyMakeBorder(scene, *border.values(), cv2.BORDER_CONSTANT, value=(255, 255, 255))
    found = unbordered(white)
    # A row and a column at each border may be a mixture, where a picture was scaled.
    np.testing.assert_array_equal(found, scene[1:-1, 1:])
    np.testing.assert_array_equal(unbordered(scene), scene)


def test_a_plain_wall_is_part_of_the_picture() -> None:
    wall = np.full((200, 200, 3), 240, np.uint8)
    cv2.ellipse(wall, (100, 120), (60, 80), 0, 0, 360, (60, 40, 30), -1)  # ends as abruptly, but not all along
    assert unbordered(wall).shape == wall.shape
    assert unbordered(np.zeros((40, 40, 3), np.uint8)).shape == (40, 40, 3)


def test_keep_takes_a_square_as_it_is(tmp_path: Path, someone: Portrait) -> None:
    square, wide = tmp_path / "square.png", tmp_path / "wide.png"
    write_image(square, someone.image)
    write_image(wide, someone.image[:400])
    portrait = load_portrait(square, consent="me", framing="keep")
    np.testing.assert_array_equal(portrait.image, someone.image)
    with pytest.raises(UsageError, match="512x400"):
        load_portrait(wide, consent="me", framing="keep")


def test_what_cannot_be_a_portrait(tmp_path: Path, someone: Portrait) -> None:
    tiny, empty, text = tmp_path / "tiny.png", tmp_path / "empty.png", tmp_path / "text.png"
    write_image(tiny, cv2.resize(someone.image, (128, 128), interpolation=cv2.INTER_AREA))
    write_image(empty, np.full((300, 300, 3), 90, np.uint8))
    text.write_text("no picture")
    with pytest.raises(FaceError, match="px"):
        load_portrait(tiny, consent="me")
    with pytest.raises(FaceError, match="no face"):
        load_portrait(empty, consent="me")
    with pytest.raises(MediaError):
        load_portrait(text, consent="me")
    with pytest.raises(UsageError, match="framing"):
        load_portrait(tiny, consent="me", framing="other")  # type: ignore[arg-type]


def test_a_picture_on_its_side_is_told_to_be_turned(tmp_path: Path, someone: Portrait) -> None:
    for turns in (1, 3):
        write_image(tmp_path / f"{turns}.png", np.ascontiguousarray(np.rot90(someone.image, turns)))
        with pytest.raises(FaceError, match="lies on its side"):
            load_portrait(tmp_path / f"{turns}.png", consent="CC0")


@pytest.mark.parametrize("seed", [2, 7, 14])
def test_a_picture_upside_down_is_told_to_be_turned(tmp_path: Path, seed: int) -> None:
    write_image(tmp_path / "p.png", np.ascontiguousarray(actor(seed).image[::-1, ::-1]))
    with pytest.raises(FaceError, match=r"p\.png is upside down; turn the picture|an upright picture"):
        load_portrait(tmp_path / "p.png", consent="CC0")
    upright = actor(seed).image
    assert not stands_on_its_head(upright, find_face(upright))


def test_the_mesh_alone_does_not_tell_what_is_up(someone: Portrait) -> None:
    turned = np.ascontiguousarray(someone.image[::-1, ::-1])
    face = find_face(turned)
    assert abs(head_rotation_deg(face.landmarks)[2]) < 20
    assert stands_on_its_head(turned, face)
    assert not stands_on_its_head(someone.image, find_face(someone.image))


def test_a_large_picture_is_framed_like_a_small_one(someone: Portrait) -> None:
    large = cv2.resize(someone.image, (2000, 2000), interpolation=cv2.INTER_CUBIC)
    difference = np.abs(frame_portrait(large).astype(int) - frame_portrait(someone.image))
    assert difference.mean() < 2


def test_push_pull_keeps_what_is_known_and_fills_a_constant() -> None:
    rng = np.random.default_rng(0)
    known = (rng.random((70, 90)) < 0.3).astype(np.float32)
    known[20:50, 30:60] = 0
    values = np.full((70, 90, 3), 7.0, np.float32)
    filled = push_pull(np.where(known[..., None] > 0, values, 999).astype(np.float32), known)
    np.testing.assert_allclose(filled, values, atol=1e-3)


def test_fill_leaves_the_rest_alone_and_is_harmonious() -> None:
    ramp = np.tile(np.linspace(20, 220, 120, dtype=np.float32), (100, 1))
    picture = np.repeat(ramp[..., None], 3, 2).astype(np.uint8)
    hole = np.zeros((100, 120), bool)
    hole[30:70, 40:80] = True
    spoilt = picture.copy()
    spoilt[hole] = 255
    filled = fill(spoilt, hole)
    np.testing.assert_array_equal(filled[~hole], picture[~hole])
    assert np.abs(filled[hole].astype(float) - picture[hole]).mean() < 12
    np.testing.assert_array_equal(fill(picture, np.ones_like(hole)), picture)
