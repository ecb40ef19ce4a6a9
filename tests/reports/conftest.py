"""A small dataset folder with known records: what the report must say of it can be computed by hand or by sklearn."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score, roc_curve

from tellmark.encoding import Encoding, VideoWriter
from tellmark.media import rgb_to_i420
from tellmark.types import Clip, Label

SIZE, FPS, FRAMES = 64, 25.0, 8
SENTINEL = (250, 10, 240)  # colour of a real person's clips: it must never be seen in a report


@dataclasses.dataclass
class Folder:
    """A dataset on disk, with the records it was made of."""

    path: Path
    clips: list[Clip]
    evaluation: dict[str, Any]

    def save(self) -> Path:
        """Write every record again, after a test has changed some."""
        rows = [dataclasses.asdict(clip) for clip in self.clips]
        pd.DataFrame(rows).to_parquet(self.path / "manifest.parquet", index=False)
        (self.path / "evaluation.json").write_text(json.dumps(self.evaluation))
        return self.path


def _video(path: Path, colour: tuple[int, int, int]) -> None:
    with VideoWriter(path, width=SIZE, height=SIZE, fps=FPS, encoding=Encoding(preset="ultrafast")) as writer:
        for _ in range(FRAMES):
            writer.write(rgb_to_i420(np.full((SIZE, SIZE, 3), colour, np.uint8)))


def make_clip(identity: str, label: Label, split: str = "test", **changes: Any) -> Clip:
    """A sound row of a manifest."""
    method = {Label.FAKE: "talk", Label.REFERENCE: "reference", Label.REAL: "real"}[label]
    stem = identity.replace(":", "-")
    row = Clip(
        clip_id=f"{stem}-{method}",
        path=f"clips/{stem}-{method}.mp4",
        sha256="0" * 64,
        label=label,
        method=method,
        identity=identity,
        source_id=identity,
        voice_id=f"voice:{split}",
        split=split,
        seed=1,
        width=SIZE,
        height=SIZE,
        fps=FPS,
        seconds=FRAMES / FPS,
        codec="libx264",
        crf=23,
        preset="veryfast",
        marked=True,
        payload="0123456789abcdef",
        generator_version="tellmark 0.1.0",
        licence="CC-BY-4.0",
        original=f"{stem}-{'real' if identity.startswith('person') else 'reference'}" if label is Label.FAKE else None,
    )
    return dataclasses.replace(row, **changes)


@pytest.fixture
def make_folder(tmp_path: Path) -> Callable[..., Folder]:
    """A function that makes the folder: ``actors`` and ``people`` in the test split, a fake and its original each."""

    def make(actors: int = 6, people: int = 2, seed: int = 0) -> Folder:
        folder = tmp_path / "dataset"
        (folder / "clips").mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng(seed)
        clips, scores = [], []
        names = [f"actor:{k}" for k in range(actors)] + [f"person:Jane Doe {k}" for k in range(people)]
        for name in names:
            actor = name.startswith("actor:")
            for label in (Label.FAKE, Label.REFERENCE if actor else Label.REAL):
                clip = make_clip(name, label)
                clips.append(clip)
                p = float(np.clip(rng.normal(0.7 if label is Label.FAKE else 0.35, 0.2), 0.01, 0.99))
                scores.append(
                    {"clip_id": clip.clip_id, "label": label.value, "method": clip.method, "identity": name, "p": p}
                )
                _video(folder / clip.path, (40, 90, 160) if actor else SENTINEL)
        clips.append(make_clip("actor:100", Label.FAKE, "train"))
        clips.append(make_clip("actor:100", Label.REFERENCE, "train"))
        y = np.array([row["label"] == "fake" for row in scores])
        p = np.array([row["p"] for row in scores])
        rates = roc_curve(y, p)
        evaluation = {
            "schema": "tellmark.evaluation/1",
            "model": "boosting-7",
            "dataset": "example",
            "n_clips": len(scores),
            "n_identities": len(names),
            "seed": 5,
            "overall": {
                "auc": float(roc_auc_score(y, p)),
                "auc_ci": [0.71, 0.97],
                "ap": 0.9,
                "eer": 0.15,
                "tpr_at_1pct_fpr": 0.4,
                "brier": 0.14,
                "ece": 0.08,
                "roc": [list(point) for point in zip(*rates[:2], strict=True)],
            },
            "tells": {
                "temporal_jitter": {"auc": 0.52, "auc_ci": [0.4, 0.63], "top_feature": "jerk_mean", "cohens_d": -0.1},
                "texture": {"auc": 0.88, "auc_ci": [0.8, 0.95], "top_feature": "lag_8_corr", "cohens_d": 1.9},
            },
            "negative_class": "reference",
            "scores": scores,
            "watermark": None,
            "notes": ["A note of the evaluation."],
        }
        (folder / "dataset.json").write_text(
            json.dumps(
                {
                    "schema": "tellmark.dataset/1",
                    "name": "example",
                    "seed": 3,
                    "versions": {"numpy": "1.26.4"},
                    "machine": {"processor": "a processor", "cores": 2},
                    "plan_text": 'name = "example"\nseed = 3\n',
                }
            )
        )
        channels = ("untouched", "crf28", "half size")
        verdicts = {"untouched": "intact", "crf28": "recovered", "half size": "watermarked"}
        (folder / "verification.jsonl").write_text(
            "".join(
                json.dumps(
                    {
                        "clip_id": clip.clip_id,
                        "channel": channel,
                        "verdict": verdicts[channel],
                        "payload_ok": channel != "half size",
                        "p_value": 1e-12,
                    }
                )
                + "\n"
                for channel in channels
                for clip in clips[:4]
            )
        )
        made = Folder(folder, clips, evaluation)
        made.save()
        return made

    return make
