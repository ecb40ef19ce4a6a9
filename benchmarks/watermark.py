"""`tellmark bench watermark`: what the mark costs, what it survives, how fast it is and how often it is seen falsely.

Hosts are virtual actors, rendered in memory; ``--with data=FOLDER`` takes the videos of a folder instead (the middle
square, at 512x512, the first six seconds or ``--with seconds=N``). Imperceptibility is measured on the planes that the
encoder gets and on RGB after the same conversion, against the unmarked frames through that conversion.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import mean, median
from typing import Any

import cv2
import numpy as np

from tellmark.benchmarks import null
from tellmark.benchmarks.attacks import CORE, HARDER, LONG_GOP_S, Attack, Frames, encoded, recompress
from tellmark.benchmarks.journeys import JOURNEYS
from tellmark.generator.actors import actor
from tellmark.generator.render import MeshRenderer
from tellmark.generator.rules import RuleMotion
from tellmark.generator.speech import load_speech
from tellmark.generator.types import Controls
from tellmark.generator.voice import synthesize
from tellmark.media import VideoReader, i420_to_rgb, rgb_to_i420
from tellmark.types import F32, U8, Kind
from tellmark.watermark.analysis import flattened, windows
from tellmark.watermark.detect import detect
from tellmark.watermark.embed import Embedder
from tellmark.watermark.fec import CODE_BITS, RATE_INVERSE
from tellmark.watermark.pattern import HOP_S
from tellmark.watermark.payload import PAYLOAD_BITS, Payload
from tellmark.watermark.spectrum import Spectrum

SIDE = 512
SECONDS = 6.0
_TEXT = (
    "The mark has to stay where it is while the picture moves, and nobody should see it, not on a face nor on a wall."
)

Row = dict[str, Any]
Host = tuple[str, list[U8], float]  # name, I420 frames, frames a second


def run(*, quick: bool = False, data: str | Path | None = None, seconds: float | str = SECONDS) -> list[Row]:
    """Rows of {measure, condition, clips, ...}. data: a folder of videos to mark, instead of rendered actors.

    quick: one actor, the core attacks, fewer keys. seconds: how much of each video.
    """
    clips = sorted(path for path in Path(data).iterdir() if path.is_file()) if data is not None else []
    hosts = list(_clip_hosts(clips, float(seconds)) if clips else _actor_hosts(1 if quick else 4, float(seconds)))
    rows = [
        *_imperceptibility(hosts),
        *_robustness(hosts, CORE if quick else CORE | HARDER | JOURNEYS),
        *_speed(hosts[0]),
        *_false_positives(hosts, draws=2000 if quick else 1_000_000),
    ]
    return rows


def _actor_hosts(count: int, seconds: float = SECONDS) -> Iterator[Host]:
    with tempfile.TemporaryDirectory() as name:
        voice = Path(name) / "voice.wav"
        synthesize(_TEXT, voice)
        speech = load_speech(voice, fps=25.0)
        for seed in range(count):
            motion = RuleMotion().generate(speech, Controls(), seed)
            renderer = MeshRenderer(actor(seed))
            length = min(len(motion), round(seconds * 25))
            yield f"actor:{seed}", [rgb_to_i420(renderer.render(motion, index)) for index in range(length)], 25.0


def _clip_hosts(clips: Sequence[Path], seconds: float = SECONDS) -> Iterator[Host]:
    for path in clips:
        with VideoReader(path, fps=25.0) as reader:
            frames = []
            for frame in reader:
                frames.append(rgb_to_i420(_square(frame.rgb())))
                if len(frames) >= seconds * 25:
                    break
        yield path.name, frames, 25.0


def _square(rgb: U8) -> U8:
    side = min(rgb.shape[:2])
    top, left = (rgb.shape[0] - side) // 4, (rgb.shape[1] - side) // 2  # faces sit high
    method = cv2.INTER_AREA if side > SIDE else cv2.INTER_CUBIC
    square: U8 = cv2.resize(rgb[top : top + side, left : left + side], (SIDE, SIDE), interpolation=method)
    return square


def _marked(host: Host) -> tuple[Payload, list[U8]]:
    """The host's frames with a mark, still I420."""
    payload = Payload.new(Kind.CONTROL)
    embedder = Embedder(payload, width=SIDE, height=SIDE, fps=host[2])
    return payload, [embedder.embed(frame.copy(), index) for index, frame in enumerate(host[1])]


def _rgb(frames: list[U8], fps: float) -> Frames:
    return Frames([i420_to_rgb(frame) for frame in frames], fps)


def _imperceptibility(hosts: Sequence[Host]) -> Iterator[Row]:
    table: dict[str, list[float]] = {}
    for host in hosts:
        plain, marked = host[1], _marked(host)[1]
        few = slice(None, None, 10)
        plain_rgb, marked_rgb = _rgb(plain, host[2]), _rgb(marked, host[2])
        measures = {
            "psnr y, dB": _psnr([p[:SIDE] for p in plain[few]], [m[:SIDE] for m in marked[few]]),
            "psnr rgb, dB": _psnr(plain_rgb.frames[few], marked_rgb.frames[few]),
            "ssim y": mean(_ssim(p[:SIDE], m[:SIDE]) for p, m in zip(plain[few], marked[few], strict=True)),
            "ssim grey of rgb": mean(
                _ssim(_grey(p), _grey(m)) for p, m in zip(plain_rgb.frames[few], marked_rgb.frames[few], strict=True)
            ),
        }
        for crf in (18, 23, 28):
            before, after = (len(encoded(clip, crf=crf, gop_s=HOP_S)) for clip in (plain_rgb, marked_rgb))
            measures[f"bytes added at crf {crf}, %"] = 100 * (after / before - 1)
        for name, value in measures.items():
            table.setdefault(name, []).append(value)
    for name, values in table.items():
        yield {
            "measure": "imperceptibility",
            "condition": name,
            "clips": len(values),
            "mean": round(mean(values), 4),
            "min": round(min(values), 4),
            "max": round(max(values), 4),
        }


def _robustness(hosts: Sequence[Host], attacks: dict[str, Attack]) -> Iterator[Row]:
    marked = [(*_marked(host), host[2]) for host in hosts]
    for name, attack in attacks.items():
        readings, seconds = [], []
        for payload, frames, fps in marked:
            clip = attack(_rgb(frames, fps))
            start = time.perf_counter()
            reading = detect(_timed(clip))
            seconds.append(time.perf_counter() - start)
            readings.append((reading, reading.payload == payload, reading.payload not in (None, payload)))
        yield {
            "measure": "robustness",
            "condition": name,
            "clips": len(readings),
            "payload": sum(right for _, right, _ in readings),
            "wrong": sum(wrong for _, _, wrong in readings),
            "present": sum(reading.present for reading, _, _ in readings),
            "log10 p": round(median(np.log10(max(reading.p_value, 1e-300)) for reading, _, _ in readings), 1),
            "seconds": round(median(seconds), 2),
        }


def _timed(clip: Frames) -> Iterator[tuple[float, U8]]:
    return ((index / clip.fps, frame) for index, frame in enumerate(clip.frames))


def _speed(host: Host) -> Iterator[Row]:
    payload = Payload.new(Kind.CONTROL)
    for side in (256, 512, 1080, 2160):
        width = side if side <= SIDE else side * 16 // 9
        embedder = Embedder(payload, width=width, height=side, fps=25.0)
        frame = rgb_to_i420(cv2.resize(i420_to_rgb(host[1][0]), (width, side)))
        yield _timing("embed", f"{width}x{side}, ms a frame", lambda: embedder.embed(frame, 0), 20)  # noqa: B023
    plain = _rgb(host[1], host[2])
    marked = _rgb(_marked(host)[1], host[2])
    looped = Frames(marked.frames * 10, marked.fps)
    yield _timing("detect", "plain mark, 6 s, ms", lambda: detect(_timed(marked)), 3)
    yield _timing("detect", "plain mark, 60 s, ms", lambda: detect(_timed(looped)), 1)
    yield _timing("detect", "no mark, 6 s, full search, ms", lambda: detect(_timed(plain)), 1)
    looped = Frames(plain.frames * 10, plain.fps)
    yield _timing("detect", "no mark, 60 s, full search, ms", lambda: detect(_timed(looped)), 1)
    yield {"measure": "payload", "condition": "bits", "mean": PAYLOAD_BITS, "max": CODE_BITS // RATE_INVERSE}


def _timing(measure: str, condition: str, action: Callable[[], object], repeats: int) -> Row:
    action()  # the first call compiles
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        action()
        times.append(1000 * (time.perf_counter() - start))
    return {"measure": measure, "condition": condition, "mean": round(median(times), 3)}


def _false_positives(hosts: Sequence[Host], draws: int) -> Iterator[Row]:
    """p-values of random keys on unmarked hosts, recompressed: uniform, or larger, if the p-value is honest."""
    spectra = [_spectrum(recompress(_rgb(host[1], host[2]), crf=23, gop_s=LONG_GOP_S)) for host in hosts]
    yield from null.rows(null.p_values(spectra, draws))


def _spectrum(clip: Frames) -> Spectrum:
    timed = ((time_s, rgb_to_i420(frame), False) for time_s, frame in _timed(clip))
    total: F32 = np.sum([flattened(window.residual) for window in windows(timed)], axis=0)
    return Spectrum(total)


def _grey(rgb: U8) -> U8:
    grey: U8 = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    return grey


def _psnr(reference: Sequence[U8], changed: Sequence[U8]) -> float:
    """10 log10(255**2 / mean squared error), over all frames."""
    error = mean(float(np.mean((a.astype(np.float32) - b) ** 2)) for a, b in zip(reference, changed, strict=True))
    return 10 * float(np.log10(255**2 / error))


def _ssim(reference: U8, changed: U8) -> float:
    """Structural similarity (Wang et al. 2004): 11x11 Gaussian window, sigma 1.5, K = 0.01, 0.03, L = 255."""

    def local(plane: F32) -> F32:
        averaged: F32 = cv2.GaussianBlur(plane, (11, 11), 1.5)
        return averaged

    a, b = reference.astype(np.float32), changed.astype(np.float32)
    mean_a, mean_b = local(a), local(b)
    var_a, var_b = local(a * a) - mean_a**2, local(b * b) - mean_b**2
    covariance = local(a * b) - mean_a * mean_b
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    index = (2 * mean_a * mean_b + c1) * (2 * covariance + c2) / ((mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2))
    return float(index.mean())
