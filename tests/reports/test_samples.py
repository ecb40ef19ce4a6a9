"""Frames of actors are shown, frames of real people never."""

import base64
import dataclasses
import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tellmark.errors import InputError
from tellmark.reports.samples import _pictures, choose, may_be_shown, samples
from tellmark.types import Label


def scores_of(folder: Any) -> dict[str, float]:
    return {row["clip_id"]: row["p"] for row in folder.evaluation["scores"]}


def colour(uri: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1])))).mean(axis=(0, 1))


def test_shows_the_worst_misses_first_and_the_clearest_find_last(make_folder: Callable[..., Any]) -> None:
    folder = make_folder(actors=6, people=4)
    scores = scores_of(folder)
    shown = samples(folder.path, folder.clips, scores, count=4)
    fakes = sorted(p for name, p in scores.items() if name.startswith("actor") and name.endswith("talk"))
    assert shown[0].p == fakes[0]
    assert shown[-1].p == fakes[-1]
    assert [sample.why.split()[0] for sample in shown] == ["missed:", "missed:", "false", "found"]
    assert len({sample.identity for sample in shown}) == 4
    others = [sample.original_p for sample in shown[:2]]
    assert all(shown[2].original_p >= p for p in others)
    for sample in shown:
        assert len(sample.fake) == len(sample.original) == 2
        assert colour(sample.fake[0].uri) == pytest.approx([40, 90, 160], abs=6)
        assert sample.fake[1].time_s == pytest.approx(0.24)


def test_real_people_are_never_shown(make_folder: Callable[..., Any]) -> None:
    folder = make_folder(actors=0, people=4)
    assert samples(folder.path, folder.clips, scores_of(folder)) == []
    for clip in folder.clips:
        assert may_be_shown(clip) == clip.identity.startswith("actor:")
        if not may_be_shown(clip):
            with pytest.raises(InputError, match="shows nobody else"):
                _pictures(folder.path, clip)


def test_an_actors_name_does_not_open_real_footage(make_folder: Callable[..., Any]) -> None:
    clip = dataclasses.replace(make_folder().clips[0], label=Label.REAL)
    assert not may_be_shown(clip)


def test_an_actors_fake_of_a_real_original_is_left_out(make_folder: Callable[..., Any]) -> None:
    folder = make_folder(actors=1, people=1)
    clips = [
        dataclasses.replace(clip, original="person-Jane Doe 0-real") if clip.clip_id == "actor-0-talk" else clip
        for clip in folder.clips
    ]
    assert choose(clips, scores_of(folder)) == []


def test_a_missing_clip_is_named(make_folder: Callable[..., Any]) -> None:
    folder = make_folder(actors=1, people=0)
    (folder.path / "clips" / "actor-0-talk.mp4").unlink()
    with pytest.raises(InputError, match=r"actor-0-talk\.mp4 is missing"):
        samples(folder.path, folder.clips, scores_of(folder))


def test_a_path_cannot_lead_out_of_the_dataset(make_folder: Callable[..., Any]) -> None:
    folder = make_folder(actors=1, people=0)
    clip = dataclasses.replace(folder.clips[0], path="../outside.mp4")
    with pytest.raises(InputError, match="leads out"):
        _pictures(folder.path, clip)
