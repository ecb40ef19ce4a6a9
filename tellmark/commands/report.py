"""The authenticity-gap report: report."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import click

from tellmark.console import FORCE, OUT, PATH, PERSONS, Console, command
from tellmark.errors import UsageError


@click.command()
@click.argument("folder", metavar="[DIR]", type=PATH, required=False)
@click.option("--real", type=PATH, metavar="FOLDER", help="Videos of real people; with --fake, instead of DIR.")
@click.option("--fake", type=PATH, metavar="FOLDER", help="Forged videos; a sub-folder is a system.")
@click.option("--persons", type=PATH, metavar="CSV", help=PERSONS)
@click.option("--seconds", default=6.4, show_default=True, help="Of each video of the two folders.")
@click.option("--work", type=PATH, metavar="FOLDER", help="Where their cut clips are kept. Default: OUT-clips.")
@click.option("--scores", type=PATH, metavar="CSV", help="Your own detector's: columns clip_id and score (0 to 1).")
@OUT
@click.option("--seed", default=0, show_default=True, help="Of the folds and the bootstrap.")
@FORCE
@command
def report(
    folder: Path | None,
    out: Path,
    *,
    real: Path | None,
    fake: Path | None,
    persons: Path | None,
    seconds: float,
    work: Path | None,
    scores: Path | None,
    seed: int,
    force: bool,
    console: Console,
) -> None:
    """Write the authenticity-gap report on a dataset, or on two folders of anybody's videos.

    What it needs is measured first and kept beside the clips: the second time, it takes a minute. Pages show virtual
    actors only; the clips cut from two folders show whoever is in them, so keep their folder to yourself.
    """
    from tellmark.reports.report import build_report
    from tellmark.runs import check_output
    from tellmark.study import Settings, study

    check_output(out / "index.html", force=force)
    if (folder is None) == (real is None or fake is None):
        raise UsageError("give a dataset, or --real FOLDER and --fake FOLDER")
    if folder is None:
        from tellmark.folders import gather

        assert real is not None
        assert fake is not None
        with console.progress("cutting to faces") as progress:
            folder = gather(
                real,
                fake,
                work or out.with_name(f"{out.name}-clips"),
                persons=persons,
                seconds=seconds,
                progress=progress,
            )
        done = f"tellmark report --real {real.name} --fake {fake.name} --seconds {seconds:g} -o {out.name}"
    else:
        done = f"tellmark report {folder.name} -o {out.name}"
    done += (f" --persons {persons.name}" if persons else "") + (f" --scores {scores.name}" if scores else "")
    done += f" --seed {seed}"
    failed = study(folder, console.progress, Settings(seed=seed, scores=scores))
    page = build_report(folder, out, commands=[done], force=force)
    unreadable = [dataclasses.asdict(failure) for failure in failed]
    console.result({"schema": "tellmark.report/1", "page": str(page), "unreadable": unreadable}, str(page))
    console.left_out(failed)
