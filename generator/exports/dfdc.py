"""DFDC (Dolhansky et al. 2020): a folder a part, and in it ``metadata.json`` with label, split and original.

Parts are split by split. DFDC knows REAL and FAKE only: performances of virtual actors count as REAL here, and the key
``tellmark_label`` says which they are.
"""

from __future__ import annotations

from pathlib import Path

from tellmark.generator.exports import Dataset, is_fake, place, plain_name, write_json


def write(data: Dataset, out: Path) -> None:
    """Write the parts ``dfdc_<split>_part_00``."""
    names = {clip.clip_id: f"{plain_name(clip)}.mp4" for clip in data.clips}
    for split in data.splits:
        part = out / f"dfdc_{split}_part_00"
        metadata = {}
        for clip in data.of(split):
            place(data.folder / clip.path, part / names[clip.clip_id])
            row = {"label": "FAKE" if is_fake(clip) else "REAL", "split": split, "tellmark_label": clip.label.value}
            if is_fake(clip) and clip.original in names:
                row["original"] = names[clip.original]
            metadata[names[clip.clip_id]] = row
        write_json(part / "metadata.json", metadata)
