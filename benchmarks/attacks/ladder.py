"""The ladder: every attack with the length of clip it is judged on, and the share of clips that has to be read.

Groups: codec, geometry, time, colour, chains, world, field. Encodings are H.264 `veryfast` with a keyframe every ten
seconds and at scene cuts, unless the name says otherwise.
"""

from __future__ import annotations

from functools import partial

from tellmark.benchmarks.attacks.clip import Attack, chain
from tellmark.benchmarks.attacks.codecs import SHORT_GOP_S, recompress
from tellmark.benchmarks.attacks.colour import (
    blur,
    brightness,
    contrast,
    gamma,
    greyscale,
    hue,
    inset,
    noise,
    overlay,
    sharpen,
    subtitles,
)
from tellmark.benchmarks.attacks.field import field_rungs
from tellmark.benchmarks.attacks.geometry import (
    crop,
    crop_and_rescale,
    crop_at_random,
    mirror,
    pad,
    perspective,
    portrait_crop,
    resize,
    resize_at_random,
    rotate,
    rotate_at_random,
    stretch,
    to_side,
)
from tellmark.benchmarks.attacks.rung import Rung, h264, with_crf23
from tellmark.benchmarks.attacks.timing import change_rate, cut, cut_at_random, drop, duplicate, speed
from tellmark.benchmarks.attacks.world import world_rungs


def _codec_rungs() -> list[Rung]:
    rungs = [Rung("none", "codec", lambda clip: clip, 2.0, 1.0)]
    for crf, seconds, target in ((18, 2, 1), (23, 2, 1), (28, 2, 1), (33, 6, 0.95), (36, 10, 0.9), (40, 10, 0.9)):
        name = f"h264 crf {crf}"
        rungs += [
            Rung(name, "codec", h264(crf), seconds, target),
            Rung(f"{name}, 2 s gop", "codec", h264(crf, SHORT_GOP_S), seconds, target),
            Rung(f"{name}, from the middle", "codec", h264(crf), seconds, target, after=True),
        ]
    others = {
        "hevc crf 28": partial(recompress, crf=28, codec="libx265", preset="fast"),
        "hevc crf 28, ultrafast": partial(recompress, crf=28, codec="libx265", preset="ultrafast"),
        "vp9 crf 33": partial(recompress, crf=33, codec="libvpx-vp9"),
        "av1 crf 35": partial(recompress, crf=35, codec="libsvtav1"),
    }
    for name, attack in others.items():
        rungs.append(Rung(name, "codec", attack, target=0.9))
    rungs.append(Rung("hevc crf 28, from the middle", "codec", others["hevc crf 28"], target=0.9, after=True))
    for crf, seconds, target in ((28, 2, 1), (33, 6, 0.95), (40, 10, 0.9)):
        rungs.append(Rung(f"h264 crf {crf}, medium", "codec", h264(crf, preset="medium"), seconds, target))
    rungs.append(Rung("h264 crf 28 twice", "codec", chain(h264(28), h264(28)), target=None))
    return rungs


def _geometry_rungs() -> list[Rung]:
    return with_crf23(
        "geometry",
        {
            "quarter size": partial(resize, factor=0.25),
            "resize 0.37": partial(resize, factor=0.37),
            "half size": partial(resize, factor=0.5),
            "resize 0.61": partial(resize, factor=0.61),
            "resize 0.875": partial(resize, factor=0.875),
            "resize 1.3": partial(resize, factor=1.3),
            "double size": partial(resize, factor=2.0),
            "resize at random, 0.25 to 2": partial(resize_at_random, smallest=0.25, largest=2.0),
            "wider 10 %": partial(stretch, factor=1.1),
            "narrower 10 %": partial(stretch, factor=0.9),
            "crop 5 %": partial(crop, share=0.05),
            "crop 25 %": partial(crop, share=0.25, x=0.3, y=0.6),
            "crop 25 % + rescale": partial(crop_and_rescale, share=0.25, x=0.6, y=0.4),
            "crop 25 % a side": partial(crop, share=0.5),
            "crop 50 % off centre": partial(crop, share=0.5, x=0.3, y=0.2),
            "crop at random, up to 50 %": partial(crop_at_random, most=0.5),
            "pad 10 %": partial(pad, share=0.1),
            "rotate 2 deg": partial(rotate, degrees=2.0),
            "rotate 5 deg": partial(rotate, degrees=5.0),
            "rotate 10 deg": partial(rotate, degrees=10.0),
            "rotate at random, up to 10 deg": partial(rotate_at_random, most_degrees=10.0),
            "mirror": mirror,
            "mirror, rotate -7 deg": chain(mirror, partial(rotate, degrees=-7.0)),
            "perspective 2 %": partial(perspective, share=0.02),
            "perspective 5 %": partial(perspective, share=0.05),
        },
    )


def _time_rungs() -> list[Rung]:
    longer: dict[str, tuple[Attack, float]] = {  # what goes in, so that six seconds come out
        "speed 0.8": (partial(speed, factor=0.8), 4.8),
        "speed 0.9": (partial(speed, factor=0.9), 5.4),
        "speed 1.1": (partial(speed, factor=1.1), 6.6),
        "speed 1.25": (partial(speed, factor=1.25), 7.5),
        "10 % dropped": (partial(drop, share=0.1), 7.0),
        "30 % dropped": (partial(drop, share=0.3), 9.5),
        "10 % doubled": (partial(duplicate, share=0.1), 6.0),
        "1.3 s cut out": (partial(cut, start_s=2.6, duration_s=1.3), 7.3),
        "three cuts of 0.7 s": (partial(cut_at_random, times=3, duration_s=0.7), 8.1),
    }
    return [
        *with_crf23("time", {f"25 -> {fps} fps": partial(change_rate, fps=float(fps)) for fps in (10, 15, 24, 30, 60)}),
        *(
            Rung(f"{name} + crf 23", "time", chain(attack, h264(23)), source_s=source_s)
            for name, (attack, source_s) in longer.items()
        ),
    ]


def _colour_rungs() -> list[Rung]:
    return [
        *with_crf23(
            "colour",
            {
                "brightness 1.2": partial(brightness, factor=1.2),
                "brightness 0.7": partial(brightness, factor=0.7),
                "contrast 0.8": partial(contrast, factor=0.8),
                "contrast 1.3": partial(contrast, factor=1.3),
                "gamma 0.75": partial(gamma, exponent=0.75),
                "gamma 1.3": partial(gamma, exponent=1.3),
                "hue +20 deg": partial(hue, degrees=20.0),
                "hue -20 deg, saturation 1.3": partial(hue, degrees=-20.0, saturation=1.3),
                "greyscale": greyscale,
                "blur 1 px": partial(blur, sigma_px=1.0),
                "blur 1.5 px": partial(blur, sigma_px=1.5),
                "sharpen": partial(sharpen, amount=1.0),
                "overlay 30 %": partial(overlay, share=0.3),
                "text on 30 %": partial(subtitles, share=0.3),
                "picture on 30 %": partial(inset, share=0.3),
            },
        ),
        Rung("noise 5 + crf 23", "colour", chain(partial(noise, sigma=5.0), h264(23))),
        Rung("noise 5 + crf 28", "colour", chain(partial(noise, sigma=5.0), h264(28))),
    ]


def _chain_rungs() -> list[Rung]:
    chains = {
        "messenger": chain(partial(to_side, pixels=480), partial(change_rate, fps=24.0), h264(30)),
        "social": chain(h264(26), partial(overlay, share=0.15), portrait_crop, h264(28)),
        "filmed": chain(
            partial(perspective, share=0.03), partial(blur, sigma_px=1.0), partial(noise, sigma=3.0),
            partial(gamma, exponent=1.2), h264(26),
        ),
        "screen recording": chain(
            partial(crop, share=0.02), partial(resize, factor=0.83), partial(gamma, exponent=0.9),
            partial(change_rate, fps=30.0), h264(26),
        ),
    }  # fmt: skip
    return [Rung(name, "chains", attack, 10.0, 0.9) for name, attack in chains.items()]


LADDER: dict[str, Rung] = {
    rung.name: rung
    for rung in (
        *_codec_rungs(), *_geometry_rungs(), *_time_rungs(), *_colour_rungs(), *_chain_rungs(), *world_rungs(),
        *field_rungs()
    )
}  # fmt: skip
GROUPS = tuple(dict.fromkeys(rung.group for rung in LADDER.values()))
