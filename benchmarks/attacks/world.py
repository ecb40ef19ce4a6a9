"""What people and platforms do besides: none of it was in the suite when the mark was made."""

from __future__ import annotations

from functools import partial

from tellmark.benchmarks.attacks.clip import chain
from tellmark.benchmarks.attacks.codecs import recompress
from tellmark.benchmarks.attacks.colour import (
    negative,
    palette,
    scan_lines,
    sepia,
    shifted_colours,
)
from tellmark.benchmarks.attacks.geometry import (
    crop,
    hand_held,
    mirror,
    pad,
    quarter_turns,
    rotate,
    slow_zoom,
    stretch,
    to_side,
)
from tellmark.benchmarks.attacks.rung import Rung, h264, with_crf23
from tellmark.benchmarks.attacks.screens import before_blurred_copy, double_exposure, one_of_four, set_into_film
from tellmark.benchmarks.attacks.timing import change_rate, frozen, smeared, speed


def world_rungs() -> list[Rung]:
    """What people and platforms do besides; none of it was there when the mark was made."""
    once = chain(partial(to_side, pixels=480), h264(30))
    reposted = chain(mirror, partial(crop, share=0.06), partial(speed, factor=1.1), partial(pad, share=0.1))
    return [
        *with_crf23(
            "world",
            {
                "quarter turn": partial(quarter_turns, count=1),
                "half turn": partial(quarter_turns, count=2),
                "quarter turn, crop 15 %": chain(partial(quarter_turns, count=3), partial(crop, share=0.15)),
                "rotate 15 deg": partial(rotate, degrees=15.0),
                "rotate 30 deg": partial(rotate, degrees=30.0),
                "squeezed to 3:4": partial(stretch, factor=0.75),
                "widened to 16:9": partial(stretch, factor=16 / 9),
                "before a blurred copy, 9:16": partial(before_blurred_copy, aspect=9 / 16),
                "before a blurred copy, 16:9": partial(before_blurred_copy, aspect=16 / 9),
                "in a film, half as high": partial(set_into_film, share=0.5, x=0.96, y=0.93),
                "in a film, .4 as high": partial(set_into_film, share=0.4, x=0.7, y=0.35),
                "in a film, a third as high": partial(set_into_film, share=1 / 3, x=0.03, y=0.05),
                "one of four films": one_of_four,
                "under another film": double_exposure,
                "slow zoom, 20 %": partial(slow_zoom, factor=1.2),
                "hand-held": partial(hand_held, degrees=1.0, share=0.015),
                "sepia": sepia,
                "negative": negative,
                "red and blue 2 px off": partial(shifted_colours, pixels=2),
                "scan lines": partial(scan_lines, share=0.35),
                "five frames in one": partial(smeared, count=5),
                "a still": frozen,
                "palette of 256, 12 fps": chain(partial(change_rate, fps=12.0), partial(palette, colours=256)),
            },
        ),
        Rung("mpeg-2, quantiser 6", "world", partial(recompress, crf=6, codec="mpeg2video", gop_s=0.5)),
        Rung("mpeg-4 part 2, quantiser 6", "world", partial(recompress, crf=6, codec="mpeg4")),
        Rung("reposted", "world", chain(reposted, h264(26)), source_s=6.7),
        Rung("messenger twice", "world", chain(once, once)),
    ]
