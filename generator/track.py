"""Videos become tracks: the face's landmarks at 25 frames a second, one .npz a video, for training and for measuring.

A folder of any depth is walked (``tellmark.video_folders``). A run that was stopped goes on where it was: finished
tracks are left alone, what failed is tried again.
"""

from __future__ import annotations

import csv
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellmark.cluster import on_ray
from tellmark.errors import FaceError, InputError, TellmarkError
from tellmark.faces import MediapipeTracker
from tellmark.media import VideoReader, sha256_of
from tellmark.processes import in_order
from tellmark.runs import Progress, atomic_path
from tellmark.types import F32
from tellmark.video_folders import Source, find_videos

FPS = 25.0
MANIFEST = "tracks.csv"
COLUMNS = (
    "path",
    "track",
    "person_id",
    "seconds",
    "frames",
    "found",
    "width",
    "height",
    "has_audio",
    "sha256",
    "error",
)

_STEP = 64  # landmarks are kept to 1/64 px, far below the tracker's noise: files shrink to a half
_FEWEST = 0.2  # share of frames with a face below which a video is of no use


@dataclass(frozen=True, slots=True)
class Track:
    """One face through one video."""

    landmarks: F32  # (T, 478, 3) px of the video's frames; NaN where no face was found
    found: NDArray[np.bool_]  # (T,)
    fps: float  # of the rows: the video's own frames are dropped or repeated to this rate
    width: int  # px
    height: int
    sha256: str  # of the video file
    has_audio: bool

    def __len__(self) -> int:
        return len(self.found)

    def save(self, path: Path) -> None:
        """Write an .npz, atomically; an existing one is replaced."""
        with atomic_path(path, force=True) as temporary, temporary.open("wb") as file:
            np.savez_compressed(
                file, landmarks=np.round(self.landmarks * _STEP) / np.float32(_STEP), found=self.found,
                fps=self.fps, width=self.width, height=self.height, sha256=self.sha256, has_audio=self.has_audio,
            )  # fmt: skip

    @classmethod
    def load(cls, path: Path | str) -> Track:
        """Read what :meth:`save` wrote. Raises :class:`InputError` for anything else."""
        try:
            with Path(path).open("rb") as file, np.load(file) as stored:
                return cls(
                    stored["landmarks"], stored["found"], float(stored["fps"]), int(stored["width"]),
                    int(stored["height"]), str(stored["sha256"]), bool(stored["has_audio"]),
                )  # fmt: skip
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise InputError(f"{path} is not a track; make it with tellmark track ({error})") from error


def track_video(path: Path | str) -> Track:
    """Track the face of a video, the largest where there are several.

    Raises :class:`MediaError` for what cannot be decoded and :class:`FaceError` where less than a fifth of the frames
    shows a face.
    """
    path = Path(path)
    rows: list[F32] = []
    nobody = np.full((478, 3), np.nan, np.float32)
    with VideoReader(path, fps=FPS) as reader, MediapipeTracker() as tracker:
        info, height, width = reader.info, 0, 0
        for frame in reader:
            rgb = frame.rgb()
            height, width = rgb.shape[:2]
            faces = tracker.track(rgb)
            rows.append(faces[0].landmarks if faces else nobody)
    landmarks = np.stack(rows)
    found = np.isfinite(landmarks[:, 0, 0])
    if found.mean() < _FEWEST:
        raise FaceError(
            f"{path} shows a face in {found.sum()} of {len(found)} frames; give a video of one talking face"
        )
    return Track(landmarks, found, FPS, width, height, sha256_of(path), info.has_audio)


def track_folder(
    folder: Path,
    out: Path,
    *,
    jobs: int = 1,
    ray: str | None = None,
    persons: Path | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Track every video of ``folder`` into ``out``, which mirrors it, and list all in ``out/tracks.csv``.

    jobs: processes of this machine. ray: address of a Ray cluster instead, whose nodes see ``folder`` and ``out`` under
    the same paths; ``local`` starts one here. Returns counts. A video that cannot be used gets a row that says why, and
    stops nothing. Raises what :func:`find_videos` and :func:`~tellmark.cluster.on_ray` do, and
    :class:`~tellmark.errors.UsageError` where ``out`` cannot be written.
    """
    sources = find_videos(folder if ray is None else folder.resolve(), persons)
    with (
        atomic_path(out / MANIFEST, force=True) as temporary,
        temporary.open(
            "w",
            newline="",
            encoding="utf-8",
            errors="surrogateescape",  # names are bytes
        ) as file,
    ):
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        failed, seconds = 0, 0.0
        for done, row in enumerate(_rows(sources, out, jobs, ray), 1):
            writer.writerow(row)
            failed += bool(row["error"])
            seconds += float(row["seconds"] or 0)
            if progress:
                progress(done, len(sources))
    people = len({source.person_id for source in sources})
    tracked = len(sources) - failed
    return {
        "videos": len(sources),
        "tracked": tracked,
        "failed": failed,
        "persons": people,
        "seconds": round(seconds, 2),
    }


def read_manifest(folder: Path) -> list[dict[str, str]]:
    """The rows of ``folder/tracks.csv`` that have a track. Raises :class:`InputError` where there is no such table."""
    path = folder / MANIFEST
    if not path.is_file():
        raise InputError(f"{path} is missing; make it with tellmark track")
    with path.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
        return [row for row in csv.DictReader(file) if not row["error"]]


def _rows(sources: Sequence[Source], out: Path, jobs: int, ray: str | None) -> Iterator[dict[str, Any]]:
    """Rows of the manifest, in order."""
    job = partial(_track, out=out.resolve())

    def crashed(source: Source) -> dict[str, Any]:
        return _row(source, out, "crashed the process that tracked it")

    if ray is None:
        yield from in_order(job, sources, jobs, crashed)
    else:
        rows: dict[int, dict[str, Any]] = {}
        done = 0
        for place, row in on_ray(job, sources, ray, crashed=crashed):
            rows[place] = row
            while done in rows:
                yield rows.pop(done)
                done += 1


def _track(source: Source, out: Path) -> dict[str, Any]:
    path = _track_path(source, out)
    try:
        # Whole or absent, as it was renamed into place; one that is damaged since is made again.
        return _row(source, out, "", Track.load(path))
    except InputError:
        pass
    try:
        track = track_video(source.path)
        track.save(path)
    except TellmarkError as error:
        return _row(source, out, str(error))
    except Exception as error:  # whatever it is, the other videos are still to be tracked
        return _row(source, out, f"internal error: {type(error).__name__}: {error}")
    return _row(source, out, "", track)


def _row(source: Source, out: Path, error: str, track: Track | None = None) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(COLUMNS, "")
    row |= {"path": source.name, "person_id": source.person_id, "error": error}
    if track is not None:
        row |= {
            "track": _track_path(source, out).relative_to(out).as_posix(),
            "seconds": round(len(track) / track.fps, 2), "frames": len(track), "found": int(track.found.sum()),
            "width": track.width, "height": track.height, "has_audio": int(track.has_audio), "sha256": track.sha256,
        }  # fmt: skip
    return row


def _track_path(source: Source, out: Path) -> Path:
    # The suffix stays in the name: a.mp4 and a.mov may lie side by side.
    return out / f"{source.name}.npz"
