"""Detection of files: what can be said, and what cannot."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tellmark.commands.learning import _against_threshold, _person
from tellmark.detector import features
from tellmark.detector.detect import _of_several, default_model, detect
from tellmark.detector.tells import FAMILIES, USUAL
from tellmark.encoding import VideoWriter
from tellmark.errors import InputError, MediaError
from tellmark.generator.actors import actor
from tellmark.media import rgb_to_i420
from tellmark.pictures import write_image
from tellmark.types import U8, Detection


def write(path: Path, frames: list[U8]) -> Path:
    with VideoWriter(path, width=320, height=320, fps=25) as writer:
        for frame in frames:
            writer.write(rgb_to_i420(frame))
    return path


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(0)
    noise = [rng.integers(0, 255, (320, 320, 3)).astype(np.uint8) for _ in range(50)]
    return write(tmp_path_factory.mktemp("clips") / "noise.mp4", noise)


def test_no_face_no_number(empty: Path) -> None:
    found = detect(empty)
    assert found.p_synthetic is None
    assert found.note is not None
    assert "no face" in found.note
    assert (found.faces, found.tells, found.timeline) == (0, {}, ())
    assert json.dumps(found.to_json(), allow_nan=False)


def test_a_followed_face_is_judged_with_evidence(
    tmp_path: Path, painted: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = painted(90, noise=1.5)
    path = write(tmp_path / "clip.mp4", scene.frames)
    monkeypatch.setattr(features, "WindowReader", _with(scene))
    found = detect(path)
    assert found.p_synthetic is not None
    assert 0 < found.p_synthetic < 1
    assert [t for t, _ in found.timeline] == pytest.approx([0.8, 2.4])
    assert set(found.tells) == set(USUAL)
    assert all(set(tell) == {"score", "contribution"} for tell in found.tells.values())
    assert found.model == default_model().name
    assert found.note is None


def test_a_face_below_64_px_is_not_judged(tmp_path: Path) -> None:
    scene = np.full((320, 320, 3), 128, np.uint8)
    scene[100:196, 100:196] = cv2.resize(actor(2).image, (96, 96), interpolation=cv2.INTER_AREA)
    found = detect(write(tmp_path / "far.mp4", [scene] * 45))
    assert (found.p_synthetic, found.timeline, found.faces) == (None, (), 1)
    assert "64 px or more are needed" in (found.note or "")


def test_a_verdict_comes_with_the_threshold_and_what_lies_above_it(
    tmp_path: Path, painted: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = painted(45, noise=1.5)
    path = write(tmp_path / "clip.mp4", scene.frames)
    monkeypatch.setattr(features, "WindowReader", _with(scene))
    point = {"threshold": 0.8, "false_alarms": 0.03, "hits": 0.3}
    model = replace(default_model(), card={**default_model().card, "operating_point": point})
    assert detect(path, model).operating_point == point
    assert detect(path, replace(model, card={})).operating_point is None
    above = Detection(str(path), 0.9, {}, (), "m", 1, operating_point=point)
    below = Detection(str(path), 0.7, {}, (), "m", 1, operating_point=point)
    assert "above the threshold of 0.80, like 30% of fakes" in _against_threshold(above)[0]
    assert "and 3% of real clips" in _against_threshold(above)[0]
    assert "below the threshold of 0.80, like 70% of fakes" in _against_threshold(below)[0]
    assert _against_threshold(Detection(str(path), None, {}, (), "m", 0, "cannot say", operating_point=point)) == []


def test_too_short_for_a_window(tmp_path: Path, painted: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    scene = painted(30)
    path = write(tmp_path / "clip.mp4", scene.frames)
    monkeypatch.setattr(features, "WindowReader", _with(scene))
    found = detect(path)
    assert found.p_synthetic is None
    assert "1.6 s" in (found.note or "")


def test_a_still_has_tells_but_no_verdict(
    tmp_path: Path, painted: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = painted(2)
    path = tmp_path / "still.png"
    write_image(path, scene.frames[0])
    monkeypatch.setattr(features, "WindowReader", _with(scene))
    found = detect(path)
    assert found.p_synthetic is None
    assert "still" in (found.note or "")
    assert set(found.tells) == {family for family, tell in FAMILIES.items() if not tell.DYNAMIC}


def test_metadata_does_not_matter(empty: Path, tmp_path: Path) -> None:
    import av

    copy = tmp_path / "copy.mkv"
    with av.open(str(empty)) as source, av.open(str(copy), "w") as target:
        target.metadata["comment"] = "made by a well-known generator"
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    one, other = detect(empty).to_json(), detect(copy).to_json()
    assert {**one, "file": ""} == {**other, "file": ""}


def test_what_is_no_video_is_an_error(tmp_path: Path) -> None:
    text = tmp_path / "text.mp4"
    text.write_text("hello")
    with pytest.raises(MediaError):
        detect(text)
    with pytest.raises(InputError, match="no model"):
        detect(text, model=text)


def test_the_shipped_model_has_a_card() -> None:
    card = default_model().card
    assert card["licence"] == "research use"
    assert {"cross_validation", "unseen_methods", "datasets", "methods", "seed"} <= set(card)
    assert card["cross_validation"]["overall"]["auc_ci"][0] > 0.5


@pytest.mark.shared
def test_real_footage_gets_a_verdict(shared_data: Path) -> None:
    path = sorted((shared_data / "real").glob("*driving_d9*"))[0]
    found = detect(path)
    assert found.faces >= 1
    assert found.p_synthetic is not None
    assert len(found.timeline) >= 5


def _with(scene: Any) -> Callable[..., Any]:
    """The reader of windows, with the scene's own landmarks for a tracker."""
    original = features.WindowReader
    scene._next = -1

    def reader(frames: Any, length: int = 40, sound: Any = None) -> Any:
        scene._next = -1
        return original(frames, sound=sound, tracker=scene, length=length)

    return reader


def test_somebody_else_above_the_threshold_is_not_passed_over() -> None:
    """A verdict is about the largest face: who reads nothing else must learn that a smaller one looks worse."""
    model = replace(default_model(), card={"operating_point": {"threshold": 0.7, "false_alarms": 0.03, "hits": 0.5}})
    people = [{"p_synthetic": p, "box": [10.2, 20.0, 110.0, 140.4]} for p in (0.1, 0.9)]
    assert "and 1 of the others lies above the threshold" in _of_several(2, 0.1, people, model)
    assert "others" not in _of_several(2, 0.1, people[:1], model)
    assert "others" not in _of_several(2, 0.9, people, model)
    said = [_person(one, model.operating_point) for one in people]
    assert said[0].endswith("x 10 to 110, y 20 to 140: p = 0.10")
    assert said[1].endswith("p = 0.90, above the threshold")
