"""Other people's datasets as clips of ours: FaceForensics++, Celeb-DF, DFDC, FakeAVCeleb, or two folders of videos.

The label is that of the picture: clips in which only the sound is fake are left out, since the detector looks at faces.
What the folders say of a person's skin or sex goes into ``params`` as ``groups``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from tellmark.errors import InputError
from tellmark.manifest import PARQUET, read_clips
from tellmark.media import sha256_of
from tellmark.types import Clip, Label
from tellmark.unreadable import Failed, left_out
from tellmark.video_folders import VIDEOS, find_both, video_files

_FAKEAVCELEB = ("RealVideo-RealAudio", "FakeVideo-RealAudio", "FakeVideo-FakeAudio")


def read_dataset(folder: Path, *, quality: str | None = None) -> list[Clip]:
    """The clips of a dataset of ours or of another layout, paths relative to ``folder``.

    quality: of FaceForensics++, ``c23``, ``c40`` or ``raw``; None takes all that are there. Raises
    :class:`InputError` where the layout is none of these.
    """
    if (folder / PARQUET).exists():
        return read_clips(folder)
    if (folder / "manipulated_sequences").is_dir():
        return _found(folder, _faceforensics(folder, quality))
    if (folder / "Celeb-synthesis").is_dir():
        return _found(folder, _celebdf(folder))
    if (folder / _FAKEAVCELEB[-1]).is_dir():
        return _found(folder, _fakeavceleb(folder))
    if sorted(folder.glob("**/metadata.json")):
        return _found(folder, _dfdc(folder))
    raise InputError(
        f"{folder} is no dataset: neither the manifest of `tellmark dataset build` nor the folders of FaceForensics++, "
        "Celeb-DF, DFDC or FakeAVCeleb; give one of these (`tellmark report --real .. --fake ..` makes one of two "
        "folders)"
    )


def two_folders(real: Path, fakes: Path, persons: Path | None = None, *, failed: Failed | None = None) -> list[Clip]:
    """The videos of two folders as clips, paths relative to ``real`` or, of the fakes, absolute.

    Who is in them and what made them is read by :func:`tellmark.video_folders.find_both`, whose errors are raised here.

    failed: told of files that cannot be read.
    """
    clips = []
    for source in find_both(real, fakes, persons):
        label = Label.REAL if source.system is None else Label.FAKE
        name = _plain(f"{label}-{source.name}")
        with left_out(source.path, failed):
            clips.append(_clip(real, source.path, label, source.system or "real", source.person_id, clip_id=name))
    return _found(real, iter(clips))


def _faceforensics(folder: Path, quality: str | None) -> Iterator[Clip]:
    split = _pairs(folder / "splits")
    for path in video_files(folder):
        parts = path.relative_to(folder).parts
        if len(parts) != 5 or parts[3] != "videos" or parts[2] not in ("raw", "c23", "c40"):
            continue
        kind, method, level, _, name = parts
        if quality not in (None, level) or kind not in ("original_sequences", "manipulated_sequences"):
            continue
        target = Path(name).stem.split("_")[0]
        fake = kind == "manipulated_sequences"
        person = target if method != "actors" and not method.startswith("DeepFakeDetection") else f"actor:{target}"
        original = f"original_sequences-youtube-{level}-{target}" if fake and person == target else None
        yield _clip(
            folder, path, Label.FAKE if fake else Label.REAL, method if fake else "real", person,
            clip_id=f"{kind}-{method}-{level}-{Path(name).stem}", original=original, split=split.get(target, "train"),
            compression=level,
        )  # fmt: skip


def _celebdf(folder: Path) -> Iterator[Clip]:
    listed = folder / "List_of_testing_videos.txt"
    test = {line.split()[1] for line in listed.read_text().splitlines() if line.strip()} if listed.exists() else set()
    for name, label in (("Celeb-real", Label.REAL), ("YouTube-real", Label.REAL), ("Celeb-synthesis", Label.FAKE)):
        for path in video_files(folder / name):
            person = path.stem.split("_")[0] if name != "YouTube-real" else f"youtube-{path.stem}"
            number = path.stem.split("_")[-1]
            yield _clip(
                folder, path, label, "Celeb-DF" if label is Label.FAKE else "real", person,
                clip_id=f"{name}-{path.stem}",
                original=f"Celeb-real-{person}_{number}" if label is Label.FAKE else None,
                split="test" if f"{name}/{path.name}" in test else "train",
            )  # fmt: skip


def _dfdc(folder: Path) -> Iterator[Clip]:
    for listed in sorted(folder.glob("**/metadata.json")):
        try:
            rows = json.loads(listed.read_text(encoding="utf-8"))
            labels = {name: str(row["label"]) for name, row in rows.items()}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(
                f"{listed} is no metadata of DFDC ({error}); give video -> label, split, original"
            ) from error
        for name, row in sorted(rows.items()):
            path = listed.parent / name
            if not path.is_file():
                continue
            fake, original = labels[name] == "FAKE", str(row.get("original") or "")
            part = listed.parent.name
            yield _clip(
                folder, path, Label.FAKE if fake else Label.REAL, "DFDC" if fake else "real",
                f"{part}-{Path(original if fake and original else name).stem}",
                clip_id=f"{part}-{Path(name).stem}",
                original=f"{part}-{Path(original).stem}" if fake and original else None,
                split=str(row.get("split", "train")),
            )  # fmt: skip


def _fakeavceleb(folder: Path) -> Iterator[Clip]:
    """``KIND/RACE/SEX/PERSON/*.mp4``; the original of a fake is its person's real video."""
    for kind in _FAKEAVCELEB:
        for path in video_files(folder / kind):
            parts = path.relative_to(folder / kind).parts
            if len(parts) < 4:
                continue
            race, sex, person = parts[:3]
            label = Label.REAL if kind == _FAKEAVCELEB[0] else Label.FAKE
            real = video_files(folder / _FAKEAVCELEB[0] / race / sex / person)
            yield _clip(
                folder, path, label, "real" if label is Label.REAL else kind, person,
                original=_name(folder, real[0]) if label is Label.FAKE and real else None,
                groups={"skin": race, "sex": sex},
            )  # fmt: skip


def _clip(
    root: Path,
    path: Path,
    label: Label,
    method: str,
    person: str,
    *,
    clip_id: str | None = None,
    original: str | None = None,
    split: str = "train",
    compression: str | None = None,
    groups: dict[str, str] | None = None,
) -> Clip:
    return Clip(
        clip_id=clip_id or _name(root, path),
        path=(path.relative_to(root) if path.is_relative_to(root) else path.absolute()).as_posix(),
        sha256=sha256_of(path),
        label=label,
        method=method,
        identity=person,
        source_id=original or (clip_id or _name(root, path)),
        voice_id="",
        split=split if split in ("train", "val", "test") else "train",
        seed=0,
        width=0,
        height=0,
        fps=0.0,
        seconds=0.0,
        codec="",
        crf=-1,
        preset="",
        marked=False,
        payload=None,
        generator_version="",
        licence="",
        original=original,
        params=json.dumps({"groups": groups} if groups else {}),
        compression=compression,
    )


def _pairs(folder: Path) -> dict[str, str]:
    """Number of a video -> split, from ``train.json`` and the like."""
    found = {}
    for split in ("train", "val", "test"):
        path = folder / f"{split}.json"
        if path.exists():
            found.update({number: split for pair in json.loads(path.read_text()) for number in pair})
    return found


def _name(root: Path, path: Path) -> str:
    return _plain(path.relative_to(root).with_suffix("").as_posix())


def _plain(name: str) -> str:
    return re.sub(r"[^\w.-]+", "-", name)


def _found(folder: Path, clips: Iterator[Clip]) -> list[Clip]:
    found = sorted(clips, key=lambda clip: clip.clip_id)
    if not found:
        raise InputError(f"{folder} has the folders of a dataset and no video in them; add {', '.join(sorted(VIDEOS))}")
    return found
