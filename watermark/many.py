"""Verifies many files: folders and patterns, in several processes, in order; one bad file does not stop the run."""

from __future__ import annotations

import contextlib
import csv
import glob
import json
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from tellmark import runs
from tellmark.errors import TellmarkError, UsageError
from tellmark.processes import in_order
from tellmark.runs import Progress
from tellmark.types import Failure, Verdict
from tellmark.video_folders import VIDEOS
from tellmark.watermark import formats
from tellmark.watermark.identity import keys
from tellmark.watermark.registry import location
from tellmark.watermark.verify import verify

__all__ = ["COLUMNS", "Failure", "csv_writer", "expand", "row", "verify_many"]

_SOUND = (".m4a", ".wav", ".mp3", ".flac", ".ogg")
_PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".tif", ".tiff", ".avif", ".heic", ".heif")
_SUFFIXES = VIDEOS.union(_SOUND, _PICTURES)


def verify_many(
    paths: Iterable[Path | str],
    *,
    jobs: int = 1,
    thorough: bool = True,
    manifest_only: bool = False,
    online: bool = False,
    localise: bool = False,
    trust: Path | None = None,
    registry: str | Path | None = None,
    progress: Progress | None = None,
) -> Iterator[Verdict | Failure]:
    """The verdict on each file of :func:`expand`, in its order, as they come.

    jobs: processes; with one, everything happens in this one. progress: files done, of how many. The rest: see
    :func:`tellmark.watermark.verify.verify`.

    Raises :class:`tellmark.errors.UsageError` at once for an empty name, a wrong ``trust`` or ``registry``, or one that
    is named and not there; what is wrong with a file becomes its :class:`Failure`, even where it takes the process down
    with it.
    """
    keys.trust_pem(trust)
    where = location(registry)
    if registry is not None and isinstance(where, Path) and not where.exists():
        raise UsageError(f"the registry {where} does not exist; check the path, or leave --registry out for your own")
    job = partial(
        _verify,
        thorough=thorough,
        manifest_only=manifest_only,
        online=online,
        localise=localise,
        trust=trust,
        registry=registry,
    )
    files = expand(paths)
    return _counted(in_order(job, files, jobs, _crashed), len(files), progress)


def expand(paths: Iterable[Path | str]) -> list[str]:
    """Files to verify: a folder stands for the media in and below it, a pattern for what it matches, each file once.

    A name that leads to nothing is kept, so that it is reported as missing, and so is a folder without media. Raises
    :class:`tellmark.errors.UsageError` for an empty one, which would stand for the folder one is in.
    """
    found: dict[str, None] = {}
    for path in paths:
        if not str(path):
            raise UsageError("the name of a file is empty; a variable in a script may not be set")
        path = Path(path)
        if path.is_dir():
            inside = [str(file) for file in sorted(path.rglob("*")) if _is_media(file, path)]
            found |= dict.fromkeys(inside or [str(path)])  # one that holds none is named, or it would pass for good
        elif path.exists() or not glob.has_magic(str(path)):
            found[str(path)] = None
        else:
            matched = [name for name in sorted(glob.glob(str(path), recursive=True)) if Path(name).is_file()]  # noqa: PTH207
            found |= dict.fromkeys(matched or [str(path)])
    return list(found)


def _is_media(file: Path, folder: Path) -> bool:
    """By name or by content; hidden files and folders are left alone."""
    if any(part.startswith(".") for part in file.relative_to(folder).parts) or not file.is_file():
        return False
    if file.suffix.lower() in _SUFFIXES:
        return True
    try:
        return formats.sniff(file) != formats.UNKNOWN
    except OSError:
        return False


def _verify(file: str, **settings: Any) -> Verdict | Failure:
    if Path(file).is_dir():
        return Failure(file, f"{file} holds no video, picture or sound; name another folder, or files")
    try:
        return verify(file, **settings)
    except TellmarkError as error:
        return Failure(file, str(error))
    except Exception as error:  # whatever it is, the other files are still to be read
        return Failure(file, f"internal error: {type(error).__name__}: {error}")


def _counted(
    results: Iterable[Verdict | Failure], total: int, progress: Progress | None
) -> Iterator[Verdict | Failure]:
    for done, result in enumerate(results, 1):
        if progress is not None:
            progress(done, total)
        yield result


def _crashed(file: str) -> Failure:
    return Failure(file, f"{file} crashed the process that read it, or the machine is out of memory")


# As a table


COLUMNS = (
    "file",
    "verdict",
    "error",
    "sha256",
    "c2pa_state",
    "c2pa_trust",
    "c2pa_codes",
    "c2pa_signer",
    "c2pa_signed_at",
    "c2pa_claim_generator",
    "c2pa_digital_source_type",
    "watermark_present",
    "watermark_p_value",
    "watermark_payload",
    "watermark_kind",
    "watermark_matched",
    "watermark_missing_spans",
    "watermark_missing_regions",
    "registry_found",
    "registry_manifest_valid",
    "registry_fingerprint_match",
    "registry_signer",
    "registry_trust",
    "registry_title",
    "registry_generator",
    "registry_origin",
    "registry_registered_at",
)


@contextlib.contextmanager
def csv_writer(
    path: Path | str, *, manifest_only: bool = False, force: bool = False
) -> Iterator[Callable[[Verdict | Failure], None]]:
    """A function that adds a row of ``COLUMNS`` to a CSV file, which appears under its name when all are written.

    manifest_only: as given to :func:`verify_many`; what was not searched is then left empty. Raises
    :class:`tellmark.errors.UsageError` where ``path`` exists and not ``force``, or cannot be written.
    """
    with (
        runs.atomic_path(path, force=force) as temporary,
        temporary.open("w", newline="", encoding="utf-8", errors="backslashreplace") as handle,
    ):
        writer = csv.DictWriter(handle, COLUMNS)
        writer.writeheader()
        yield lambda result: writer.writerow(row(result, manifest_only=manifest_only))


def row(result: Verdict | Failure, *, manifest_only: bool = False) -> dict[str, Any]:
    """One result as the values of ``COLUMNS``; what does not apply is left out."""
    if isinstance(result, Failure):
        return {"file": _cell(result.file), "error": _cell(result.error)}
    record = result.to_json()
    flat = {name: record[name] for name in ("file", "verdict", "sha256")}
    for part in ("c2pa",) if manifest_only else ("c2pa", "watermark", "registry"):
        flat |= {f"{part}_{name}": value for name, value in record[part].items() if f"{part}_{name}" in COLUMNS}
    missing = {} if manifest_only else record["watermark"]["missing"] or {}
    flat |= {f"watermark_missing_{name}": json.dumps(missing[name]) for name in ("spans", "regions") if missing}
    return {name: _cell(value) for name, value in flat.items()}


def _cell(value: Any) -> Any:
    """A value as a spreadsheet shows it: names in a manifest are anybody's, and must not become formulas."""
    if isinstance(value, tuple):
        value = " ".join(value)
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")) else value
