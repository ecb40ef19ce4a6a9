"""Strip and recover: how many rendered clips are led back to their manifests, and whether a moved mark ever is.

Each clip is rendered into a registry of its own with four others of the same actor, loses its manifest in one of the
ways of ``CHANNELS``, and is verified. Then its mark is moved onto a video it does not belong to, the hardest there is:
the same actor saying something else with the same seed, so that the head moves alike. It is moved in two ways: its
payload is embedded anew, which takes this package, and it is copied out of the pixels, which anybody can do.

What was measured of a clip is kept in a file, so that a run can be stopped and taken up again.
"""

from __future__ import annotations

import json
import multiprocessing
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from tellmark.benchmarks.channels import reencode, remux
from tellmark.encoding import VideoWriter
from tellmark.generator.actors import actor
from tellmark.generator.audio.sentences import languages, sentences
from tellmark.generator.audio.voice import VARIANTS, synthesize
from tellmark.generator.clip import render_clip
from tellmark.generator.render import MeshRenderer
from tellmark.generator.rules import RuleMotion
from tellmark.generator.speech import load_speech
from tellmark.generator.types import Controls, Portrait, Speech
from tellmark.media import VideoReader, rgb_to_i420
from tellmark.runs import Progress
from tellmark.types import U8, VerdictKind
from tellmark.watermark.embed import Embedder
from tellmark.watermark.signal.payload import Payload
from tellmark.watermark.verify import verify

CLIPS = 200
SECONDS = 6.0
FPS = 25.0
FIRST_ACTOR = 3000
_BLUR_PX = 9  # of the denoiser: what is finer counts as noise, and as the mark

CHANNELS: dict[str, Callable[[Path, Path], None]] = {
    "remux": remux,
    "CRF 23": partial(reencode, crf=23),
    "CRF 28": partial(reencode, crf=28),
    "half size": partial(reencode, scale=0.5),
    "crop 10 %": partial(reencode, crop=0.1),
    "trim to 5 s": partial(reencode, skip_s=0.5, seconds=5.0),
}
MOVES = ("mark embedded in another video", "mark copied onto another video")


def run(
    *,
    quick: bool = False,
    clips: int | str | None = None,
    jobs: int | str = 1,
    folder: Path | str | None = None,
    progress: Progress | None = None,
) -> list[dict[str, Any]]:
    """One row a channel: how many clips, how often which verdict, the share of the one that is wanted.

    quick: two clips. jobs: processes. folder: where to keep what was measured of each clip; a run with the same folder
    leaves out the clips that are in there.
    """
    count = 2 if quick else CLIPS if clips is None else int(clips)
    with tempfile.TemporaryDirectory() as temporary:
        kept = Path(folder) if folder is not None else Path(temporary)
        kept.mkdir(parents=True, exist_ok=True)
        numbers = [number for number in range(count) if not (kept / f"{number}.json").exists()]
        for done, _ in enumerate(_measured(numbers, kept, int(jobs)), count - len(numbers) + 1):
            if progress is not None:
                progress(done, count)
        records = [json.loads((kept / f"{number}.json").read_text()) for number in range(count)]
    return [_row(case, [record[case] for record in records]) for case in (*CHANNELS, *MOVES)]


def _measured(numbers: list[int], folder: Path, jobs: int) -> Iterator[None]:
    if jobs <= 1:
        for number in numbers:
            measure(number, folder)
            yield
        return
    # Spawned, because c2pa's contexts do not survive a fork.
    with ProcessPoolExecutor(
        jobs, multiprocessing.get_context("spawn"), initializer=cv2.setNumThreads, initargs=(1,)
    ) as pool:
        for future in as_completed([pool.submit(measure, number, folder) for number in numbers]):
            future.result()
            yield


def measure(number: int, kept: Path) -> None:
    """Render clip ``number`` and write its verdicts, by channel, to ``kept/NUMBER.json``."""
    record: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        registry, clip, out = folder / "registry.sqlite", folder / "clip.mp4", folder / "out.mp4"
        face = actor(FIRST_ACTOR + number)
        said, unsaid = _voice(folder / "said.wav", number, 0), _voice(folder / "unsaid.wav", number, 1)
        given: dict[str, Any] = {"motion_model": RuleMotion(), "registry": registry}
        payload = render_clip(face, said, clip, seed=number, max_seconds=SECONDS, **given).payload
        for other in range(1, 5):
            render_clip(face, unsaid, out, seed=number + other, max_seconds=1.0, force=True, **given)
        for channel, send in CHANNELS.items():
            send(clip, out)
            record[channel] = str(verify(out, registry=registry).verdict)
        frames = _performance(face, unsaid, number)
        for move, moved in zip(MOVES, (_embedded(frames, payload), _copied(frames, clip)), strict=True):
            _write(out, moved)
            record[move] = str(verify(out, registry=registry).verdict)
    temporary = kept / f".{number}.part"
    temporary.write_text(json.dumps(record))
    temporary.rename(kept / f"{number}.json")


def _voice(path: Path, number: int, take: int) -> Speech:
    """Some nine seconds of one of many voices; the second take says something else."""
    tongues = languages()
    language = tongues[number % len(tongues)]
    texts = sentences(language)
    text = " ".join(texts[(number + 4 * take + place) % len(texts)] for place in range(3))
    synthesize(text, path, language=language, variant=VARIANTS[number % len(VARIANTS)], pitch=40 + number % 3 * 10)
    return load_speech(path, fps=FPS)


def _performance(face: Portrait, speech: Speech, seed: int) -> list[U8]:
    """Frames that no mark is on; they stay in memory."""
    renderer, motion = MeshRenderer(face), RuleMotion().generate(speech, Controls(), seed)
    return [renderer.render(motion, index).copy() for index in range(min(len(motion), round(SECONDS * FPS)))]


def _embedded(frames: list[U8], payload: str) -> Iterator[U8]:
    height, width, _ = frames[0].shape
    embedder = Embedder(Payload.from_hex(payload), width=width, height=height)
    for rgb in frames:
        yield embedder.embed(rgb_to_i420(rgb))


def _copied(frames: list[U8], clip: Path) -> Iterator[U8]:
    """What a denoiser takes out of the marked clip, put onto other frames."""
    with VideoReader(clip) as reader:
        for frame, rgb in zip(reader, frames, strict=False):
            marked = frame.i420().astype(np.float32)
            residual = marked - _denoised(marked)
            yield np.clip(np.rint(rgb_to_i420(rgb) + residual), 0, 255).astype(np.uint8)


def _denoised(i420: Any) -> Any:
    height, width = i420.shape[0] * 2 // 3, i420.shape[1]
    planes = [i420[:height], *i420[height:].reshape(2, height // 2, width // 2)]
    smooth = [cv2.GaussianBlur(plane, (0, 0), _BLUR_PX / 3) for plane in planes]
    return np.concatenate([smooth[0], np.stack(smooth[1:]).reshape(-1, width)])


def _write(path: Path, planes: Iterator[U8]) -> None:
    first = next(planes)
    with VideoWriter(path, width=first.shape[1], height=first.shape[0] * 2 // 3, fps=FPS) as writer:
        writer.write(first)
        for i420 in planes:
            writer.write(i420)


def _row(case: str, verdicts: list[str]) -> dict[str, Any]:
    counts = Counter(verdicts)
    moved = case in MOVES
    recovered = counts[str(VerdictKind.RECOVERED)]
    return {
        "case": case,
        "clips": len(verdicts),
        "wanted": "not recovered" if moved else "recovered",
        "share": round((len(verdicts) - recovered if moved else recovered) / len(verdicts), 4),
        **{str(kind): counts[str(kind)] for kind in VerdictKind},
    }
