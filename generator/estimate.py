"""What a plan will cost: counts, minutes and megabytes, before anything is made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from tellmark.generator.casting import cast
from tellmark.generator.ladder import rung
from tellmark.generator.plan import Plan
from tellmark.generator.roles import Take, Version, versions

# CPU seconds on one core of a cloud machine: to open a take, to forge a frame, to mark, encode and sign a clip.
_OPEN_S = {"reference": 2.6, "real": 0.6, None: 1.0}
_FILM_S = {"reference": 0.045, "real": 0.022, None: 0.0}
_FORGE_S: Mapping[str, float] = {
    "talk": 0.024, "reenact": 0.030, "lipsync": 0.040, "swap": 0.022, "selfblend": 0.026, "splice": 0.034, "null": 0.022
}  # fmt: skip
_DIAL_S, _MASK_S, _WRITE_S, _SIGN_S = 0.012, 0.003, 0.009, 0.15
_CLIP_BYTES, _TRACK_BYTES, _MASK_BYTES = 10_000, 1_700, 1_500  # of a clip, of a frame, of a frame
_BYTES_PER_SECOND: Mapping[str | None, int] = {"raw": 900_000, "c40": 22_000, "messenger": 24_000}
_AT_CRF_23 = 53_000


def dry_run(plan: Plan) -> dict[str, object]:
    """What ``build`` would make: counts, length, and estimates of time (one worker) and size."""
    takes, left_out = cast(plan)
    clips = [(take, version) for take in takes for version in versions(plan, take)]
    seconds = len(clips) * plan.seconds
    cost = sum(_seconds(plan, take) for take in takes)
    size = sum(_bytes(plan, take, version) for take, version in clips)
    return {
        "name": plan.name,
        "clips": len(clips),
        **{f"clips {name}": n for name, n in sorted(Counter(version.method for _, version in clips).items())},
        **{f"clips {split}": sum(take.split == split for take, _ in clips) for split in plan.splits},
        "identities": len({take.identity for take in takes}),
        "voices": len({take.sound.voice_id for take in takes}),
        "minutes of video": round(seconds / 60, 2),
        "estimated minutes": round(cost / 60, 1),
        "estimated MB": round(size / 1e6, 1),
        "files left out": len(left_out),
    }


def _seconds(plan: Plan, take: Take) -> float:
    """CPU seconds of one take."""
    frames = plan.seconds * take.fps
    total = _OPEN_S[take.original] + frames * _FILM_S[take.original]
    total += sum(frames * _FORGE_S.get(name, 0.0) for name in take.methods)
    for version in versions(plan, take):
        total += _SIGN_S + frames * (_WRITE_S + _MASK_S)
        total += frames * _DIAL_S / max(1, len(plan.compression)) if version.dial else 0.0
    if "swap" in take.methods or (plan.driver == "other" and "reenact" in take.methods):
        total += _OPEN_S[take.original]
    return total


def _bytes(plan: Plan, take: Take, version: Version) -> float:
    step = rung(version.compression, plan.encoding)
    rate = _BYTES_PER_SECOND.get(version.compression, _AT_CRF_23 * 2 ** ((23 - step.encoding.crf) / 6))
    frames = plan.seconds * take.fps / max(1, len(plan.compression))  # one track and mask for all rungs
    return _CLIP_BYTES + plan.seconds * rate + frames * (_TRACK_BYTES + _MASK_BYTES)
