"""The command line: parse, call, print. Every command imports what it needs when it runs, so that --help is instant.

Exit codes: 0 done, 1 done and the answer is no, 2 usage, 3 input unreadable or unusable, 4 internal.
"""

from __future__ import annotations

import dataclasses
import sys
import traceback
from pathlib import Path
from typing import Any, Literal

import click

from tellmark import __version__
from tellmark.console import Console, command
from tellmark.errors import TellmarkError, UsageError

PATH = click.Path(path_type=Path)
OUT = click.option("-o", "--out", required=True, type=PATH, help="Where to write.")
FORCE = click.option("--force", is_flag=True, help="Overwrite an existing output.")


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__)
def cli() -> None:
    """Labelled synthetic talking faces, provenance for any video, and a detector that measures the gap."""


def main() -> None:
    """Entry point."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command line and return its exit code; every error becomes one sentence on stderr."""
    try:
        code = cli.main(arguments, prog_name="tellmark", standalone_mode=False)
    except click.exceptions.Exit as error:
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("stopped", err=True)
        return 130
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except TellmarkError as error:
        click.echo(f"error: {error}", err=True)
        return error.exit_code
    except Exception as error:
        if {"-v", "--verbose"} & set(arguments):
            traceback.print_exc()
        click.echo(f"internal error: {type(error).__name__}: {error} (run again with -v and report it)", err=True)
        return 4
    return code if isinstance(code, int) else 0


@cli.command()
@click.argument("portrait")
@click.argument("speech", type=PATH)
@OUT
@click.option("--fps", default=25.0, show_default=True, type=click.FloatRange(10, 60), help="Frames per second.")
@click.option("--seed", default=0, show_default=True, help="The same seed gives the same frames.")
@click.option("--gaze", metavar="YAW,PITCH", help="Main gaze in degrees: to the viewer's right, up.")
@click.option("--distance", default=1.0, show_default=True, help="Head distance, as a factor of the portrait's.")
@click.option("--emotion", metavar="NAME[:W]", multiple=True, help="neutral, happy, sad, angry, surprised; may repeat.")
@click.option("--consent", metavar="TEXT", help="Who agreed, or the picture's licence. Needed for a picture.")
@click.option("--framing", type=click.Choice(["auto", "keep"]), default="auto", show_default=True)
@click.option("--crf", default=18, show_default=True, type=click.IntRange(0, 51), help="H.264 quality.")
@click.option("--registry", metavar="PATH", help="Where payloads are registered. Default: yours.")
@FORCE
@command
def render(
    portrait: str,
    speech: Path,
    out: Path,
    *,
    fps: float,
    seed: int,
    gaze: str | None,
    distance: float,
    emotion: tuple[str, ...],
    consent: str | None,
    framing: Literal["auto", "keep"],
    crf: int,
    registry: str | None,
    force: bool,
    console: Console,
) -> None:
    """Render PORTRAIT speaking SPEECH to an MP4, watermarked and signed.

    PORTRAIT is a picture (with --consent) or actor:SEED, a person who does not exist. SPEECH is any file with sound.
    """
    from tellmark.runs import check_output

    check_output(out, force=force)
    controls = _controls(gaze, distance, emotion)
    from tellmark.generator.clip import render_clip
    from tellmark.generator.speech import load_speech
    from tellmark.media import Encoding

    face = _portrait(portrait, consent, framing)
    sound = load_speech(speech, fps=fps)
    with console.progress("rendering") as progress:
        clip = render_clip(
            face,
            sound,
            out,
            controls=controls,
            seed=seed,
            encoding=Encoding(crf=crf),
            force=force,
            registry=registry,
            progress=progress,
        )
    record = {"schema": "tellmark.clip/1", **dataclasses.asdict(clip)}
    console.result(record, f"{clip.path}  {clip.seconds:.2f} s, {clip.frames} frames, payload {clip.payload}, signed")


@cli.command()
@click.argument("source", metavar="IN", type=PATH)
@click.argument("out", metavar="OUT.mp4", type=PATH)
@click.option("--kind", type=click.Choice(["synthetic", "control"]), default="synthetic", show_default=True)
@click.option("--registry", metavar="PATH", help="Where payloads are registered. Default: yours.")
@FORCE
@command
def mark(source: Path, out: Path, *, kind: str, registry: str | None, force: bool, console: Console) -> None:
    """Watermark and sign an existing video: another generator's output, or a real clip as control."""
    from tellmark.types import Kind
    from tellmark.watermark.mark import mark_video

    with console.progress("marking") as progress:
        clip = mark_video(source, out, kind=Kind(kind), registry=registry, force=force, progress=progress)
    record = {"schema": "tellmark.clip/1", **dataclasses.asdict(clip)}
    console.result(record, f"{clip.path}  payload {clip.payload}, signed")


@cli.command()
@click.argument("files", nargs=-1, required=True, type=PATH)
@click.option("--trust", type=PATH, help="PEM file of root certificates to trust, instead of your own.")
@click.option("--registry", metavar="PATH", help="Registry to look payloads up in. Default: yours.")
@click.option("--fast", is_flag=True, help="Look for a plain watermark only; skip the search over scale and rotation.")
@command
def verify(files: tuple[Path, ...], *, trust: Path | None, registry: str | None, fast: bool, console: Console) -> None:
    """Say what provenance each file carries. Exit code 0 only if all are intact or recovered."""
    from tellmark.types import VerdictKind
    from tellmark.watermark import verify as verifier

    good = True
    for file in files:
        with console.progress(file.name) as progress:
            verdict = verifier.verify(file, trust=trust, registry=registry, thorough=not fast, progress=progress)
        good &= verdict.verdict in (VerdictKind.INTACT, VerdictKind.RECOVERED)
        console.result(verdict.to_json(), f"{file}: {verdict.verdict}. {verifier.explain(verdict)}")
    _answer(good)


@cli.group()
def dataset() -> None:
    """Build and check labelled datasets."""


@dataset.command("build")
@click.argument("plan", type=PATH)
@OUT
@click.option("--resume", is_flag=True, help="Go on where an earlier build stopped.")
@click.option("--dry-run", is_flag=True, help="Say what would be made, how long it takes and how large it gets.")
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 64), help="Processes.")
@command
def build(plan: Path, out: Path, *, resume: bool, dry_run: bool, workers: int, console: Console) -> None:
    """Build the dataset that PLAN (a TOML file) describes into a folder."""
    from tellmark.generator.plan import dry_run as estimate
    from tellmark.generator.plan import load_plan

    loaded = load_plan(plan)
    if dry_run:
        facts = estimate(loaded)
        console.result({"schema": "tellmark.dry-run/1", **facts}, _table(facts))
        return
    from tellmark.generator.dataset import build as build_dataset

    with console.progress("building") as progress:
        summary = build_dataset(loaded, out, resume=resume, workers=workers, progress=progress)
    console.result({"schema": "tellmark.dataset/1", **summary}, _table(summary))


@dataset.command("check")
@click.argument("folder", type=PATH)
@command
def check(folder: Path, *, console: Console) -> None:
    """Check a dataset: files, checksums, splits, labels. Exit code 1 if there are problems."""
    from tellmark.generator.check import check as check_dataset

    with console.progress("checking") as progress:
        problems = check_dataset(folder, progress=progress)
    record = {"schema": "tellmark.check/1", "folder": str(folder), "problems": problems}
    console.result(record, "\n".join(problems) if problems else f"{folder}: no problems")
    _answer(not problems)


@cli.command()
@click.argument("folder", metavar="DIR", type=PATH)
@OUT
@click.option("--seed", default=0, show_default=True)
@FORCE
@command
def train(folder: Path, out: Path, *, seed: int, force: bool, console: Console) -> None:
    """Train a detector on a dataset and write the model. Its split `test` is left for `tellmark evaluate`."""
    from tellmark.detector.train import train as train_model

    with console.progress("training") as progress:
        model = train_model(folder, out, name=out.stem, seed=seed, force=force, progress=progress)
    overall = model.card["cross_validation"]["overall"]
    record = {"schema": "tellmark.model/1", "path": str(out), **model.card}
    console.result(record, f"{out}  {_auc(overall)}, cross-validated over persons")


@cli.command()
@click.argument("model", type=PATH)
@click.argument("folder", metavar="DIR", type=PATH)
@click.option("--split", default="test", show_default=True, help="Which clips: test, val, train or all.")
@click.option("--seed", default=0, show_default=True, help="Of the bootstrap.")
@command
def evaluate(model: Path, folder: Path, *, split: str, seed: int, console: Console) -> None:
    """Score a model on a dataset and write DIR/evaluation.json, which `tellmark report` reads."""
    import json

    from tellmark.detector.evaluate import evaluate as evaluate_model
    from tellmark.detector.model import TellModel
    from tellmark.runs import atomic_path

    with console.progress("evaluating") as progress:
        record = evaluate_model(
            TellModel.load(model), folder, split=None if split == "all" else split, seed=seed, progress=progress
        )
    with atomic_path(folder / "evaluation.json", force=True) as temporary:
        temporary.write_text(json.dumps(record))
    console.result(record, f"{_auc(record['overall'])} on {record['n_clips']} clips of the split {split}")


@cli.command()
@click.argument("files", nargs=-1, required=True, type=PATH)
@click.option("--model", type=PATH, help="A model of `tellmark train`. Default: the one that ships.")
@command
def detect(files: tuple[Path, ...], *, model: Path | None, console: Console) -> None:
    """Say how synthetic each video or picture looks, and which tells say so."""
    from tellmark.detector.detect import detect as detect_file

    for file in files:
        detection = detect_file(file, model=model)
        lines = [f"{file}: " + ("cannot say" if detection.p_synthetic is None else f"p = {detection.p_synthetic:.2f}")]
        lines += [f"  {detection.note}"] if detection.note else []
        for family, tell in sorted(detection.tells.items(), key=lambda item: -abs(item[1]["contribution"])):
            lines.append(f"  {family:20} score {tell['score']:.2f}  contribution {tell['contribution']:+.2f}")
        console.result(detection.to_json(), "\n".join(lines))


@cli.command()
@click.argument("folder", metavar="DIR", type=PATH)
@OUT
@FORCE
@command
def report(folder: Path, out: Path, *, force: bool, console: Console) -> None:
    """Write the authenticity-gap report on a dataset that has been evaluated."""
    from tellmark.reports.report import build_report

    page = build_report(folder, out, commands=[f"tellmark report {folder} -o {out}"], force=force)
    console.result({"schema": "tellmark.report/1", "page": str(page)}, str(page))


@cli.command()
@click.option("-o", "--out", default=Path("demo-out"), show_default=True, type=PATH, help="Folder for what it makes.")
@FORCE
@command
def demo(out: Path, *, force: bool, console: Console) -> None:
    """The whole story on built-in inputs: clips, verification, a small dataset, a detector, a report."""
    from tellmark.demo import run

    record = run(out, console, force=force)
    console.result(record, f"open {record['report']} and {out}/contact-sheet.jpg")


@cli.command()
@click.argument("name", type=click.Choice(["render", "talk", "memory", "watermark", "fingerprint", "detector"]))
@click.option("--quick", is_flag=True, help="A short form on fewer clips.")
@click.option("--with", "settings", metavar="KEY=VALUE", multiple=True, help="A setting of that benchmark; may repeat.")
@command
def bench(name: str, *, quick: bool, settings: tuple[str, ...], console: Console) -> None:
    """Measure, print and write benchmarks/results/NAME-<machine>.csv."""
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
    path = write_results(name, rows)
    for row in rows:
        console.result(row, "  ".join(f"{key} {value}" for key, value in row.items()))
    console.say(f"written to {path}")


@cli.command()
@command
def doctor(*, console: Console) -> None:
    """Check that this machine has what tellmark needs."""
    from tellmark.doctor import examine

    findings = examine()
    for finding in findings:
        console.result(finding.to_json(), f"{'ok  ' if finding.ok else 'FAIL'}  {finding.name}: {finding.text}")
    _answer(all(finding.ok for finding in findings))


@cli.command()
@click.option("--anchors", is_flag=True, help="Print the root certificates that others need to trust your clips.")
@command
def keys(*, anchors: bool, console: Console) -> None:
    """Show the signing identity in use; made on first use."""
    from tellmark.watermark import keys as keyring

    if anchors:
        click.echo(keyring.anchors_pem(), nl=False)
        return
    facts = keyring.show()
    console.result({"schema": "tellmark.keys/1", **facts}, _table(facts))


def _portrait(name: str, consent: str | None, framing: Literal["auto", "keep"]) -> Any:
    if name.startswith("actor:"):
        from tellmark.generator.actors import actor

        try:
            return actor(int(name.removeprefix("actor:")))
        except ValueError as error:
            raise UsageError(f"{name}: an actor is named actor:SEED with a whole number, such as actor:7") from error
    from tellmark.generator.portrait import load_portrait

    return load_portrait(Path(name), consent=consent, framing=framing)


def _controls(gaze: str | None, distance: float, emotion: tuple[str, ...]) -> Any:
    from tellmark.generator.types import Controls

    try:
        yaw, pitch = (float(part) for part in gaze.split(",")) if gaze else (0.0, 0.0)
        emotions = {name: float(weight or 1) for name, _, weight in (item.partition(":") for item in emotion)}
    except ValueError as error:
        raise UsageError(
            f"--gaze takes two numbers such as 10,-5 and --emotion NAME or NAME:WEIGHT ({error})"
        ) from error
    return Controls(gaze_deg=(yaw, pitch), distance=distance, emotion=emotions)


def _auc(overall: dict[str, Any]) -> str:
    low, high = overall["auc_ci"]
    return f"AUC {overall['auc']:.3f} [{low:.3f}, {high:.3f}]"


def _table(facts: dict[str, Any]) -> str:
    width = max(map(len, facts), default=0)
    return "\n".join(f"{key:{width}}  {value}" for key, value in facts.items())


def _answer(yes: bool) -> None:
    if not yes:
        raise click.exceptions.Exit(1)


if __name__ == "__main__":
    main()
