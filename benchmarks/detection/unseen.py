"""`tellmark bench detector --with part=unseen --with data=DIR --as detector-unseen`: systems never seen.

One system of the fakes of DIR is left out, and one fold of the real persons. Clips of our own generator, with their
originals and null renders, are never judged (``ours``): what is asked is what others' fakes are worth, by models that
were taught without ours, and by such that were taught both, as the one that ships. Also what share of real clips of
unseen persons lies above a threshold that was set on others, and a control with shuffled labels.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tellmark.detector.evaluate import measured
from tellmark.detector.heldout import judge_held_out
from tellmark.detector.layouts import read_dataset
from tellmark.detector.train import FALSE_ALARMS
from tellmark.detector.unseen import false_alarms, leave_one_system_out, ours, shuffled, tells_learner
from tellmark.shipped import LEARNER, taught

_FEW = 3  # fakes: with fewer, the AUC of a system says little


def run(folder: Path, *, quick: bool = False) -> list[dict[str, Any]]:
    """Rows of {measure, value, low, high, target, of}."""
    clips = read_dataset(folder)
    own = ours(clips)
    pairs = measured(folder, [clip for clip in clips if clip.clip_id not in own])[0]
    also = measured(folder, [clip for clip in clips if clip.clip_id in own])[0]
    for more in taught(folder)[1:]:
        also += measured(more, read_dataset(more))[0]
    found = leave_one_system_out(pairs, tells_learner(LEARNER), bootstraps=100 if quick else 1000)
    whole = leave_one_system_out(pairs, tells_learner(LEARNER), also=also, bootstraps=100 if quick else 1000)
    rows = [
        _row(f"auc {name}", area, f"{found.sources[name]} fakes", *found.interval[name])
        for name, area in sorted(found.auc.items(), key=lambda item: item[1])
    ]
    many = sum(count >= _FEW for count in found.sources.values())
    rows += [
        _row("mean auc", found.mean(), f"{len(found.auc)} systems alike", *found.mean_interval, target=">= .80"),
        _row(f"mean auc, {_FEW} fakes or more", found.mean(_FEW), f"{many} systems alike"),
        _row("mean auc, weighed by fakes", found.weighted(), f"{sum(found.sources.values())} fakes"),
    ]
    rows += [
        _row("mean auc, ours taught too", whole.mean(), f"{len(whole.auc)} systems alike", *whole.mean_interval),
        _row(f"mean auc, {_FEW} fakes or more, ours taught too", whole.mean(_FEW), f"{many} systems alike"),
    ]
    alarms, hits = false_alarms(judge_held_out(pairs, classifier=LEARNER), FALSE_ALARMS)
    rows.append(
        _row("real clips above the threshold", alarms, "persons unseen, threshold set on others", target="<= .05")
    )
    rows.append(_row("fakes above the threshold", hits, "persons unseen, systems seen"))
    if not quick:
        control = leave_one_system_out(pairs, shuffled(tells_learner(LEARNER), 1), bootstraps=1)
        rows.append(_row("control: mean auc, labels shuffled", control.mean(), f"{len(control.auc)} systems alike"))
    return rows


def _row(
    name: str, value: float, of: str, low: float | None = None, high: float | None = None, target: str = ""
) -> dict[str, Any]:
    ends = {key: None if end is None else round(end, 3) for key, end in (("low", low), ("high", high))}
    return {"measure": name, "value": round(value, 3), **ends, "target": target, "of": of}
