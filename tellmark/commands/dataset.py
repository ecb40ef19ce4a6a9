"""Labelled datasets: dataset build, check, export, upload."""

from __future__ import annotations

from pathlib import Path

import click

from tellmark.console import OUT, PATH, Console, answer, command, table

_AUDITED = 60  # clips, about, of a dataset that was just built: seconds each


@click.group()
def dataset() -> None:
    """Build, check and export labelled datasets."""


@dataset.command("build")
@click.argument("plan", type=PATH)
@OUT
@click.option("--resume", is_flag=True, help="Go on where an earlier build stopped.")
@click.option("--dry-run", is_flag=True, help="Say what would be made, how long it takes and how large it gets.")
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 64), help="Processes.")
@click.option("--ray", metavar="ADDRESS", help="Make the takes on a Ray cluster; `local` starts one here.")
@click.option(
    "--audit/--no-audit", default=True, help="Look at some clips for shortcuts, at the end.", show_default=True
)
@command
def build(
    plan: Path,
    out: Path,
    *,
    resume: bool,
    dry_run: bool,
    workers: int,
    ray: str | None,
    audit: bool,
    console: Console,
) -> None:
    """Build the dataset that PLAN (a TOML file) describes into a folder.

    At the end the shortcut audit looks at some persons of it; audit.json has what it measured, the datasheet what came
    of it. `tellmark audit` looks at all, and encodes clips anew.
    """
    from tellmark.generator.factory.estimate import dry_run as estimate
    from tellmark.generator.factory.plan import load_plan

    loaded = load_plan(plan)
    if dry_run:
        facts = estimate(loaded, workers=workers)
        console.result({"schema": "tellmark.dry-run/2", **facts}, table(facts))
        return
    from tellmark.generator.factory.dataset import build as build_dataset

    with console.progress("building") as progress:
        summary = build_dataset(loaded, out, resume=resume, workers=workers, ray=ray, progress=progress)
    if audit:
        summary["audit"] = _audit(out, console)
    console.result({"schema": "tellmark.dataset/1", **summary}, table(summary))


def _audit(folder: Path, console: Console) -> str:
    """What the audit of a new dataset says, as its datasheet has it."""
    from tellmark.commands.audit import audited
    from tellmark.errors import InputError
    from tellmark.generator.factory.dataset import say_in_datasheet

    try:
        said = audited(folder, most=0, limit=_AUDITED, console=console).sentence()
        said += ". The figures are in `audit.json`; `tellmark audit` encodes clips anew as well, and takes longer."
    except InputError as error:  # a dataset of one class, or of clips too short to be judged, is a dataset
        said = f"Not audited: {error}."
    say_in_datasheet(folder, "Audit", said)
    return said


@dataset.command("check")
@click.argument("folder", type=PATH)
@command
def check(folder: Path, *, console: Console) -> None:
    """Check a dataset: files, checksums, splits, labels. Exit code 1 if there are problems."""
    from tellmark.generator.factory.check import check as check_dataset

    with console.progress("checking") as progress:
        problems = check_dataset(folder, progress=progress)
    record = {"schema": "tellmark.check/1", "folder": str(folder), "problems": problems}
    console.result(record, "\n".join(problems) if problems else f"{folder}: no problems")
    answer(not problems)


@dataset.command("export")
@click.argument("folder", metavar="DIR", type=PATH)
@click.option("--to", required=True, metavar="FORMAT", help="deepfakebench, faceforensics, dfdc, avdeepfake1m, ...")
@OUT
@command
def export(folder: Path, to: str, out: Path, *, console: Console) -> None:
    """Write a dataset in the layout of another: deepfakebench, faceforensics, dfdc, avdeepfake1m, videofolder,
    webdataset, croissant; or a sample of it."""
    from tellmark.generator.exports import export as export_dataset

    facts = export_dataset(folder, to, out)
    console.result({"schema": "tellmark.export/1", **facts}, table(facts))


@dataset.command("upload")
@click.argument("folder", metavar="DIR", type=PATH)
@click.argument("to", metavar="URI")
@command
def upload(folder: Path, to: str, *, console: Console) -> None:
    """Copy a finished dataset to an object store (s3://bucket/name, gs://, abfs://) or another folder.

    Run again, it goes on where it was cut off. SHA256SUMS goes last. Keys come from where the store's own tools look.
    """
    from tellmark.generator.factory.upload import upload as upload_dataset

    with console.progress("uploading") as progress:
        facts = upload_dataset(folder, to, progress=progress)
    console.result({"schema": "tellmark.upload/2", **facts}, table(facts))
