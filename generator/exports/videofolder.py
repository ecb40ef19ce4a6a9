"""Hugging Face VideoFolder: a folder a split with ``metadata.jsonl``, and a dataset card.

``datasets.load_dataset("videofolder", data_dir=OUT)`` reads it; every column of the manifest comes along.
"""

from __future__ import annotations

import json
from pathlib import Path

from tellmark.generator.exports import Dataset, place
from tellmark.manifest import to_row

_NAMES = {"train": "train", "val": "validation", "test": "test"}


def write(data: Dataset, out: Path) -> None:
    """Write the folders and ``README.md`` with the card's head."""
    for split in data.splits:
        folder = out / _NAMES[split]
        lines = []
        for clip in data.of(split):
            place(data.folder / clip.path, folder / f"{clip.clip_id}.mp4")
            row = {
                name: value for name, value in to_row(clip).items() if name not in ("path", "mask_path", "track_path")
            }
            lines.append(json.dumps({"file_name": f"{clip.clip_id}.mp4", **row}, ensure_ascii=False))
        (folder / "metadata.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    licences = sorted({clip.licence for clip in data.clips})
    head = ["---", f"pretty_name: {json.dumps(data.facts['name'])}", "license: other"]
    head += [
        f"license_name: {json.dumps(', '.join(licences))}",
        "task_categories:",
        "- video-classification",
        "---",
        "",
    ]
    text = (data.folder / "README.md").read_text(encoding="utf-8")
    (out / "README.md").write_text("\n".join(head) + text, encoding="utf-8")
