"""What each method changed is what its mask says, on clips of a dataset as it is built."""

import dataclasses
import json
import zlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from tellmark.generator.actors import actor
from tellmark.generator.factory.check import check
from tellmark.generator.factory.dataset import build
from tellmark.generator.factory.face_tracks import read_track
from tellmark.generator.factory.masks import read_masks
from tellmark.generator.factory.plan import load_plan
from tellmark.generator.factory.scene import Scene
from tellmark.generator.methods import method
from tellmark.generator.methods.warp import hull, oval
from tellmark.generator.types import Portrait
from tellmark.landmarks import LIPS_OUTER, face_width, mouth_opening
from tellmark.manifest import read_clips
from tellmark.media import VideoReader, load_audio
from tellmark.types import U8, Clip, Label
from tellmark.watermark.verify import verify

pytestmark = pytest.mark.slow
FAKES = ("talk", "reenact", "lipsync", "swap", "selfblend", "splice")


def clips(folder: Path, compression: str = "c23") -> dict[str, Clip]:
    """Clips of the first actor by what follows the take's name."""
    found = [clip for clip in read_clips(folder) if clip.identity == "actor:11" and clip.compression == compression]
    return {clip.clip_id.removeprefix("actor-11-00-").removesuffix(f"-{compression}"): clip for clip in found}


def frames(folder: Path, clip: Clip) -> U8:
    with VideoReader(folder / clip.path) as reader:
        return np.stack([frame.rgb() for frame in reader])


def masks(folder: Path, clip: Clip) -> U8:
    assert clip.mask_path is not None
    return np.stack(list(read_masks(folder / clip.mask_path)))


def test_everything_is_there_and_sound(everything: Path) -> None:
    assert check(everything) == []
    found = clips(everything)
    assert set(found) == {
        "reference", "null", *FAKES, "talk-mouth_blur-0.5", "talk-mouth_blur-1", "talk-lip_sync_offset-1"
    }  # fmt: skip
    assert all(found[name].label is Label.FAKE for name in FAKES)
    assert found["null"].label is found["reference"].label is Label.REFERENCE
    assert all(found[name].original == found["reference"].clip_id for name in (*FAKES, "null"))
    small = clips(everything, "messenger")
    assert set(small) == set(found)
    assert (small["swap"].width, small["swap"].crf) == (384, 29)
    assert small["swap"].original == small["reference"].clip_id
    assert verify(everything / small["swap"].path, thorough=False).verdict == "intact"


@pytest.mark.parametrize("name", ["talk", "reenact", "lipsync", "swap", "selfblend", "splice"])
def test_outside_of_the_mask_a_fake_is_its_original(everything: Path, name: str) -> None:
    """But for what the encoder and the mark do to both."""
    found = clips(everything)
    fake, original = frames(everything, found[name]), frames(everything, found["reference"])
    covered = masks(everything, found[name])
    assert fake.shape[:3] == original.shape[:3] == covered.shape
    apart = np.abs(fake.astype(int) - original).mean(axis=-1)
    inside, outside = apart[covered > 128].mean() if (covered > 128).any() else 9e9, apart[covered == 0].mean()
    noise = apart[0][covered[0] == 0].mean()
    assert outside < 1.5 * noise + 1
    if name in ("lipsync", "swap"):
        assert inside > 2 * outside
    assert 0.005 < (covered > 0).mean() < 0.95


def test_the_plan_says_what_animates(tmp_path: Path) -> None:
    (tmp_path / "plan.toml").write_text(
        'seconds = 1\nfps = 10\nactors = [11]\nmethods = ["reference", "talk"]\nrenderer = "splat"\n'
        'motion = "rules"\n'
        '[splits]\ntest = 1.0\n[voices]\nlanguages = ["en-us"]\nvariants = ["m1"]\n'
    )
    build(load_plan(tmp_path / "plan.toml"), tmp_path / "data")
    used = {clip.method: json.loads(clip.params) for clip in read_clips(tmp_path / "data")}
    assert {method: params["renderer"] for method, params in used.items()} == {
        "reference": "reference",
        "talk": "splat",
    }
    assert {params["motion_model"] for params in used.values()} == {"rules"}  # else it would tell the classes apart
    assert check(tmp_path / "data") == []


@pytest.mark.parametrize("name", ["talk", "reenact"])
def test_the_person_is_made_and_the_place_is_as_filmed(everything: Path, name: str) -> None:
    found = clips(everything)
    covered, track = masks(everything, found[name]), read_track(everything / str(found[name].track_path))
    for mask, face in zip(covered, track, strict=True):
        x, y = face[:, :2].clip(0, 511).astype(int).T
        assert (mask[y, x] == 255).all()
        assert not mask[:200, :20].any()
        assert not mask[:200, -20:].any()


def staged(name: str, someone: Portrait, someone_else: Portrait) -> tuple[U8, U8, U8, np.ndarray[Any, Any]]:
    """(originals, fakes, masks, track) of three frames of a face that moves, before marks and codecs."""
    moves = [(0, 0), (6, -4), (-9, 5)]
    originals = np.stack([np.roll(someone.image, move[::-1], (0, 1)) for move in moves])
    track = np.stack([someone.landmarks + np.array([*move, 0], np.float32) for move in moves])
    take = SimpleNamespace(seed=5, sound=SimpleNamespace(voice_id="v"), take_id="t", identity="i")
    donor = SimpleNamespace(still=someone_else, take=take)
    scene = SimpleNamespace(take=take, frames=originals, track=track, donor=donor, wav=Path("x.wav"))
    scene.rng = lambda *words: np.random.default_rng(zlib.crc32(repr(words).encode()))
    made = [(frame.copy(), mask.copy()) for frame, mask in method(name)(cast(Scene, scene)).frames]
    return originals, np.stack([frame for frame, _ in made]), np.stack([mask for _, mask in made]), track


@pytest.mark.parametrize("name", ["swap", "selfblend"])
def test_masks_say_what_changed_and_how_much(name: str, someone: Portrait) -> None:
    """To the bit: nothing changes outside of a mask, most of what it covers does, and more where it says more."""
    originals, fakes, covered, track = staged(name, someone, actor(3))
    apart = np.abs(fakes.astype(int) - originals).max(axis=-1)
    assert not apart[covered == 0].any()
    assert (apart[covered > 128] > 0).mean() > 0.6
    full, faint = covered >= 0.9 * covered.max(), (covered > 0) & (covered < 0.4 * covered.max())
    assert apart[full].mean() > 2 * apart[faint].mean()
    for mask, face in zip(covered, track, strict=True):
        assert not mask[hull(oval(face), 1.0, 0.06 * float(face_width(face))) == 0].any()  # within the face
        assert mask.any()


def test_a_swapped_face_is_in_the_light_of_the_film(someone: Portrait) -> None:
    dark = dataclasses.replace(actor(3), image=(0.4 * actor(3).image).astype(np.uint8))
    originals, fakes, covered, _ = staged("swap", someone, dark)
    inside = covered > 200
    assert np.abs(fakes[inside].mean(0) - originals[inside].mean(0)).max() < 0.08 * originals[inside].mean()


def test_a_splice_is_forged_in_its_segment_alone(everything: Path) -> None:
    found = clips(everything)
    ((start_s, end_s),) = json.loads(found["splice"].fake_segments)
    touched = masks(everything, found["splice"]).reshape(10, -1).any(axis=1)
    inside = np.array([start_s <= t / 10 < end_s - 1e-6 for t in range(10)])
    assert 4 <= inside.sum() <= 6
    assert np.array_equal(touched, inside)
    heard = [load_audio(everything / found[name].path, 16_000) for name in ("splice", "reference")]
    apart = np.abs(heard[0] - heard[1])
    edges = np.arange(len(apart)) / 16_000
    assert apart[(edges > start_s + 0.05) & (edges < end_s - 0.05)].max() > 0.05
    # AAC spreads a little of it over its neighbouring blocks
    assert apart[(edges < start_s - 0.1) | (edges > end_s + 0.1)].max(initial=0) < 0.02


def test_reenact_follows_its_driver(everything: Path) -> None:
    found = clips(everything)
    tracks = {name: read_track(everything / str(found[name].track_path)) for name in ("reference", "reenact", "talk")}
    opened = {name: mouth_opening(track) for name, track in tracks.items()}
    assert np.corrcoef(opened["reenact"], opened["reference"])[0, 1] > 0.6
    noses = {name: track[:, 1, :2] - track[:, 1, :2].mean(0) for name, track in tracks.items()}
    follows = np.abs(noses["reenact"] - noses["reference"]).mean()
    assert follows < 0.5 * np.abs(noses["talk"] - noses["reference"]).mean() + 1.0


def test_lipsync_says_the_words_of_the_other_take(everything: Path) -> None:
    found = clips(everything)
    other = next(clip for clip in read_clips(everything) if clip.identity == "actor:12" and clip.method == "reference")
    assert found["lipsync"].voice_id == other.voice_id
    assert np.array_equal(*(load_audio(everything / clip.path, 16_000) for clip in (found["lipsync"], other)))


def test_the_null_arm_moves_nothing(everything: Path) -> None:
    found = clips(everything)
    lips = [
        read_track(everything / str(found[name].track_path))[:, list(LIPS_OUTER), :2] for name in ("null", "reference")
    ]
    assert np.abs(lips[0] - lips[1]).mean() < 0.7
    assert found["null"].mask_path is None
    assert json.loads(found["null"].fake_segments) == []


def test_a_late_sound_is_the_same_sound_late(everything: Path) -> None:
    found = clips(everything)
    plain, late = (load_audio(everything / found[name].path, 16_000) for name in ("talk", "talk-lip_sync_offset-1"))
    shift = int(0.4 * 16_000)
    n = min(len(plain), len(late)) - shift
    assert np.corrcoef(plain[1000 : n - 1000], late[shift + 1000 : shift + n - 1000])[0, 1] > 0.98
    assert np.abs(late[:shift]).max() > 0.02  # no silence in front that would give it away
