"""The shortcut audit: audit."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tellmark.console import PATH, PERSONS, Console, answer, command

if TYPE_CHECKING:  # they import the models
    from tellmark.detector.audit_record import Audit
    from tellmark.detector.models.model import TellModel


@click.command()
@click.argument("folder", metavar="DIR", type=PATH)
@click.argument("fakes", metavar="[FAKES]", type=PATH, required=False)
@click.option("--persons", type=PATH, metavar="CSV", help=PERSONS)
@click.option("--model", type=PATH, help="Audit this model's scores. Default: models trained on DIR, persons held out.")
@click.option("--most", default=40, show_default=True, type=click.IntRange(4), help="Clips to encode anew.")
@click.option("--seed", default=0, show_default=True)
@command
def audit(
    folder: Path,
    fakes: Path | None,
    *,
    persons: Path | None,
    model: Path | None,
    most: int,
    seed: int,
    console: Console,
) -> None:
    """Measure the twelve controls on a dataset: has a detector learnt the forgery, or something else?

    DIR is a dataset of ours, of FaceForensics++, Celeb-DF, DFDC or FakeAVCeleb; or DIR holds real videos, a sub-folder
    a person, and FAKES fake ones, a sub-folder a system. The table is kept in DIR/audit.json and, with --model, beside
    the model: evaluate and report quote it. Exit code 1 if a control fails, 3 if some files could not be read: the
    audit is of the others.
    """
    from tellmark.detector.audit_record import beside
    from tellmark.detector.models.fusion import Fusion, load_model
    from tellmark.errors import UsageError

    if persons is not None and fakes is None:
        raise UsageError("--persons says who is in two folders of videos; a dataset knows")
    chosen = load_model(model) if model else None
    if isinstance(chosen, Fusion):
        raise UsageError("only models of boosted tells are audited; leave --model out to audit the dataset")
    found = audited(folder, fakes, chosen, persons=persons, most=most, seed=seed, console=console)
    if model is not None:
        found.save(beside(model))
    console.result(found.to_json(), found.table())
    console.left_out(found.unreadable)
    answer(not found.failed)


def audited(
    folder: Path,
    fakes: Path | None = None,
    model: TellModel | None = None,
    *,
    persons: Path | None = None,
    most: int,
    limit: int | None = None,
    seed: int = 0,
    console: Console,
) -> Audit:
    """The audit of a folder, or of about ``limit`` of its clips, kept in its audit.json."""
    from tellmark.detector.audit.run import audit_folder
    from tellmark.detector.audit_record import FILE
    from tellmark.runs import check_output
    from tellmark.types import Kind
    from tellmark.watermark.embed import Embedder
    from tellmark.watermark.signal.payload import Payload

    if folder.is_dir():
        check_output(folder / FILE, force=True)
    with console.progress("auditing") as progress:
        found = audit_folder(
            folder,
            fakes,
            model,
            persons=persons,
            mark=lambda width, height: Embedder(Payload.new(Kind.CONTROL), width=width, height=height).embed,
            most=most,
            limit=limit,
            seed=seed,
            progress=progress,
        )
    found.save(folder / FILE)
    return found
