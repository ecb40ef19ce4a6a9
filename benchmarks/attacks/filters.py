"""FFmpeg's own filters, by the text in which people write them."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import av
import av.filter
import numpy as np

from tellmark.benchmarks.attacks.clip import Frames


def filtered(clip: Frames, graph: str, fps: float | None = None) -> Frames:
    """The clip after a chain of video filters such as ``"nlmeans=s=3,unsharp"``; fps: where they change the rate.

    Sizes that come out odd lose their last row or column. Raises ValueError for what FFmpeg does not know.
    """
    rate = Fraction(clip.fps).limit_denominator(1001)
    height, width = clip.frames[0].shape[:2]
    made = av.filter.Graph()
    last = made.add_buffer(width=width, height=height, format="yuv420p", time_base=1 / rate)
    for text in graph.split(","):
        name, _, arguments = text.partition("=")
        following = made.add(name, arguments)
        last.link_to(following)
        last = following
    last.link_to(made.add("buffersink"))
    made.configure()
    frames = []

    def take() -> None:
        while True:
            try:
                frames.append(made.pull().to_ndarray(format="rgb24"))
            except (BlockingIOError, EOFError):
                return

    for number, picture in enumerate(clip.frames):
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24").reformat(format="yuv420p")
        frame.pts, frame.time_base = number, 1 / rate
        made.push(frame)
        take()
    made.push(None)
    take()
    even = [np.ascontiguousarray(f[: f.shape[0] // 2 * 2, : f.shape[1] // 2 * 2]) for f in frames]
    return replace(clip, frames=even, fps=fps or clip.fps)
