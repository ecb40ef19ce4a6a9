"""What a plan will cost: counts, minutes and megabytes, before anything is made.

Costs are CPU seconds of one core of a machine whose ``calibrate.unit_s`` is ``UNIT_S``, as ``tellmark bench dataset
--with part=stages`` measures them; the dry run measures the machine at hand and scales them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from tellmark.generator.factory.calibrate import UNIT_S, unit_s
from tellmark.generator.factory.casting import cast
from tellmark.generator.factory.ladder import rung
from tellmark.generator.factory.plan import Plan
from tellmark.generator.factory.roles import Take, Version, versions

Cost = tuple[float, float]  # s once, s a frame

_START_S = 3.5  # of a process: imports, the tracker, what numba loads
_FIND: Mapping[str, Cost] = {"reference": (3.3, 0), "real": (0.3, 0.009)}  # the renderer, or the face in the footage
_FILM: Mapping[str, Cost] = {"reference": (0, 0.037), "real": (0, 0.006)}
_FOLLOW_S = 0.0042  # a frame: the face of an original, or of a fake
_STILL_S = 0.23
_MOVE_S = 0.006  # a frame, where the learned model moves it
_READ: Cost = (0.8, 0.037)  # the motion of the original, once for all methods that wear it
_FORGE: Mapping[str, Cost] = {
    "talk": (0.35, 0.020), "reenact": (0.4, 0.020), "lipsync": (0.4, 0.026), "swap": (0.2, 0.020),
    "selfblend": (0.1, 0.018), "splice": (0.4, 0.014), "null": (0.1, 0.011)
}  # fmt: skip
_WRITE_S: Mapping[str | None, float] = {"raw": 0.017, "c40": 0.006, "messenger": 0.005}  # a frame: mark, encode, mask
_WRITE_23_S = 0.0075
_SIGN_S = 0.12  # a clip: open, sign, register
_DIAL_S = 0.010  # a frame
_CLIP_BYTES, _TRACK_BYTES, _MASK_BYTES = 10_000, 1_700, 1_500  # of a clip, of a frame, of a frame
_BYTES_PER_SECOND: Mapping[str | None, int] = {"raw": 900_000, "c40": 22_000, "messenger": 24_000}
_AT_CRF_23 = 53_000


def dry_run(plan: Plan, *, workers: int = 1) -> dict[str, object]:
    """What ``build`` would make: counts, length, size, and minutes on this machine if it does nothing else.

    Takes some seconds, in which it measures the machine.
    """
    takes, left_out = cast(plan)
    clips = [(take, version) for take in takes for version in versions(plan, take)]
    seconds = len(clips) * plan.seconds
    cost = (cpu_s(plan, takes) + workers * _START_S) * unit_s() / UNIT_S
    size = sum(_bytes(plan, take, version) for take, version in clips)
    return {
        "name": plan.name,
        "clips": len(clips),
        "clips_by_method": dict(sorted(Counter(version.method for _, version in clips).items())),
        "clips_by_split": {split: sum(take.split == split for take, _ in clips) for split in plan.splits},
        "identities": len({take.identity for take in takes}),
        "voices": len({take.sound.voice_id for take in takes}),
        "minutes_of_video": round(seconds / 60, 2),
        "estimated_cpu_minutes": round(cost / 60, 2),
        "estimated_minutes": round(cost / 60 / min(workers, len(takes)), 2),
        "estimated_mb": round(size / 1e6, 1),
        "files_left_out": len(left_out),
    }


def cpu_s(plan: Plan, takes: list[Take]) -> float:
    """CPU seconds of all takes, on the machine of ``UNIT_S``."""
    return sum(_take_s(plan, take) for take in takes)


def _take_s(plan: Plan, take: Take) -> float:
    frames = plan.seconds * take.fps
    total = _STILL_S
    if take.original:
        find, film = _FIND[take.original], _FILM[take.original]
        total += find[0] + frames * (find[1] + film[1] + _FOLLOW_S)
        if "swap" in take.methods:
            total += find[0] + frames * find[1] + _STILL_S
        if plan.driver == "other" and "reenact" in take.methods:
            total += frames * (film[1] + _FOLLOW_S)
    worn = {"lipsync", "splice"} | ({"reenact"} if plan.driver == "self" else set())
    if worn & set(take.methods):
        total += _READ[0] + frames * _READ[1]
    if take.motion == "diffusion":
        total += frames * _MOVE_S * len({"reference", "talk", "lipsync", "splice"} & set(take.methods))
    for name in take.methods:
        if name in _FORGE:
            once, each = _FORGE[name]
            total += once + frames * (each + _FOLLOW_S)
    for version in versions(plan, take):
        total += _SIGN_S + frames * _WRITE_S.get(version.compression, _WRITE_23_S)
        total += frames * _DIAL_S / max(1, len(plan.compression)) if version.dial else 0.0
    return total


def _bytes(plan: Plan, take: Take, version: Version) -> float:
    step = rung(version.compression, plan.encoding)
    rate = _BYTES_PER_SECOND.get(version.compression, _AT_CRF_23 * 2 ** ((23 - step.encoding.crf) / 6))
    frames = plan.seconds * take.fps / max(1, len(plan.compression))  # one track and mask for all rungs
    return _CLIP_BYTES + plan.seconds * rate + frames * (_TRACK_BYTES + _MASK_BYTES)
