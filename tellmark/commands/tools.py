"""Around the rest: demo, bench, doctor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from tellmark.console import FORCE, PATH, Console, answer, command
from tellmark.errors import UsageError

_BENCHMARKS = [
    "all",
    "render",
    "renderers",
    "actors",
    "talk",
    "reenact",
    "motion",
    "latent",
    "memory",
    "encoder",
    "stream",
    "watermark",
    "peers",
    "stills",
    "forging",
    "fingerprint",
    "recover",
    "provenance",
    "serve",
    "fuzz",
    "media",
    "detector",
    "dataset",
    "report",
    "gap",
]


@click.command()
@click.option("-o", "--out", default=Path("demo-out"), show_default=True, type=PATH, help="Folder for what it makes.")
@FORCE
@command
def demo(out: Path, *, force: bool, console: Console) -> None:
    """The whole story on built-in inputs: clips, verification, a small dataset, a detector, a report."""
    from tellmark.demo import run

    record = run(out, console, force=force)
    console.result(record, f"open {record['report']} and {out}/contact-sheet.jpg")


@click.command()
@click.argument("name", type=click.Choice(_BENCHMARKS))
@click.option("--quick", is_flag=True, help="A short form on fewer clips.")
@click.option("--with", "settings", metavar="KEY=VALUE", multiple=True, help="A setting of that benchmark; may repeat.")
@click.option("--as", "results", metavar="NAME", help="Name of the results, so that a part does not replace the whole.")
@command
def bench(name: str, *, quick: bool, settings: tuple[str, ...], results: str | None, console: Console) -> None:
    """Measure, print and write benchmarks/results/NAME-<machine>.csv.

    `all` repeats the README's figures; with a gate, exit code 1 where one fell behind by more than 10 %.
    """
    import importlib

    from tellmark.runs import write_results

    chosen = {key: value for key, _, value in (item.partition("=") for item in settings)}
    module = importlib.import_module(f"tellmark.benchmarks.{name}")
    try:
        rows: list[dict[str, Any]] = module.run(quick=quick, **chosen)
    except TypeError as error:
        if chosen and "unexpected keyword" in str(error):
            raise UsageError(f"bench {name} has no such setting: {error}") from error
        raise
    for row in rows:
        console.result(row, "  ".join(f"{key} {value}" for key, value in row.items()))
    if chosen.get("gate"):  # compared with results, not one of them
        console.say("compared with " + chosen["gate"])
    else:
        form = ("-quick" if quick else "") + ("-part" if chosen.get("only") else "") if name == "all" else ""
        path = write_results(results or name + form, rows)
        console.say(f"written to {path}")
    answer(not any(row.get("regressed") == "yes" for row in rows))


@click.command()
@command
def doctor(*, console: Console) -> None:
    """Check that this machine has what tellmark needs. Exit code 1 if it lacks what is not optional."""
    from tellmark.doctor import examine

    findings = examine()
    for finding in findings:
        console.result(finding.to_json(), f"{'ok  ' if finding.ok else 'FAIL'}  {finding.name}: {finding.text}")
    answer(all(finding.ok or finding.optional for finding in findings))
