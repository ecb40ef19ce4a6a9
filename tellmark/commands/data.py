"""Datasets and what is learned from them: dataset, train, evaluate, detect, report."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tellmark.console import FORCE, OUT, PATH, PERSONS, Console, answer, command, plain, table
from tellmark.errors import UsageError

if TYPE_CHECKING:  # it imports numpy, and the command line must not before it has said how many threads it may start
    from tellmark.types import Detection

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


@click.command()
@click.argument("folder", type=PATH)
@OUT
@click.option("--jobs", default=1, show_default=True, type=click.IntRange(1, 256), help="Processes.")
@click.option("--persons", type=PATH, metavar="CSV", help="Who is in which video: columns path and person_id.")
@command
def track(folder: Path, out: Path, *, jobs: int, persons: Path | None, console: Console) -> None:
    """Track the faces in every video of FOLDER, for training; goes on where an earlier run stopped.

    One .npz a video in OUT, which mirrors FOLDER, and OUT/tracks.csv, which says what failed and why. Persons are the
    first folders below FOLDER (VoxCeleb2), or the files of a flat one (HDTF, CelebV).
    """
    from tellmark.generator.track import track_folder

    with console.progress("tracking") as progress:
        summary = track_folder(folder, out, jobs=jobs, persons=persons, progress=progress)
    console.result({"schema": "tellmark.tracks/1", "folder": str(out), **summary}, table(summary))
    if not summary["tracked"]:
        raise click.exceptions.Exit(3)


@click.command()
@click.argument("folder", metavar="DIR", type=PATH)
@OUT
@click.option("--kind", default="tells", show_default=True, help="tells, network, temporal or fusion (of the three).")
@click.option("--seed", default=0, show_default=True)
@FORCE
@command
def train(folder: Path, out: Path, *, kind: str, seed: int, force: bool, console: Console) -> None:
    """Train a detector on a dataset and write the model. Its split `test` is left for `tellmark evaluate`.

    DIR is a dataset of ours, of FaceForensics++, Celeb-DF, DFDC or FakeAVCeleb. Networks use a GPU where there is one,
    several under `torchrun`, and go on where an earlier run stopped.
    """
    with console.leaving_out() as failed:
        with console.progress("training") as progress:
            if kind == "tells":
                from tellmark.detector.train import train as train_model

                model: Any = train_model(
                    folder, out, name=out.stem, seed=seed, force=force, failed=failed.append, progress=progress
                )
            else:
                from tellmark.detector.train_kinds import train_kind

                model = train_kind(kind, folder, out, seed=seed, force=force, failed=failed.append, progress=progress)
        overall = model.card["cross_validation"]["overall"]
        unreadable = [dataclasses.asdict(failure) for failure in failed]
        record = {"schema": "tellmark.model/1", "path": str(out), **model.card, "unreadable": unreadable}
        console.result(record, f"{out}  {_auc(overall)}, cross-validated over persons")


@click.command()
@click.argument("model", type=PATH)
@click.argument("folder", metavar="DIR", type=PATH)
@click.option("--split", default="test", show_default=True, help="Which clips: test, val, train or all.")
@click.option("--seed", default=0, show_default=True, help="Of the bootstrap.")
@command
def evaluate(model: Path, folder: Path, *, split: str, seed: int, console: Console) -> None:
    """Score a model on a dataset and write DIR/evaluation.json, which `tellmark report` reads."""
    import json

    from tellmark.detector.evaluate import evaluate as evaluate_model
    from tellmark.detector.models.fusion import load_model
    from tellmark.runs import atomic_path, check_output

    if folder.is_dir():
        check_output(folder / "evaluation.json", force=True)
    with console.leaving_out() as failed:
        with console.progress("evaluating") as progress:
            record = evaluate_model(
                load_model(model),
                folder,
                split=None if split == "all" else split,
                seed=seed,
                failed=failed.append,
                progress=progress,
            )
        record["unreadable"] = [dataclasses.asdict(failure) for failure in failed]
        with atomic_path(folder / "evaluation.json", force=True) as temporary:
            temporary.write_text(json.dumps(record))
        lines = [f"{_auc(record['overall'])} on {record['n_clips']} clips of the split {split}", *record["audit"]]
        console.result(record, "\n".join(lines + [f"note: {note}" for note in record["notes"]]))


@click.command()
@click.argument("files", nargs=-1, required=True, type=PATH)
@click.option("--model", type=PATH, help="A model of `tellmark train`. Default: the one that ships.")
@click.option("--picture", type=PATH, metavar="OUT.png", help="Paint the evidence on the frame; of one file.")
@FORCE
@command
def detect(files: tuple[Path, ...], *, model: Path | None, picture: Path | None, force: bool, console: Console) -> None:
    """Say how synthetic each video or picture looks, and which tells say so. Exit code 3 if some could not be read."""
    from tellmark.detector.detect import detect as detect_file
    from tellmark.detector.models.fusion import load_model
    from tellmark.errors import InputError
    from tellmark.pictures import check_image_output
    from tellmark.types import Failure

    if picture is not None:
        if len(files) > 1:
            raise UsageError("--picture is of one file; give one")
        check_image_output(picture, force=force)
    chosen = load_model(model) if model is not None else None
    readable = True
    for file in files:
        try:
            detection = detect_file(file, model=chosen)
        except InputError as error:  # the other files are still to be judged
            readable = False
            console.failure(Failure(str(file), str(error)).to_json(), f"error: {plain(str(error))}")
            continue
        p = detection.p_synthetic
        note = detection.note or "cannot say"
        lines = [f"{plain(str(file))}: " + (note if p is None else f"p = {p:.2f}")]
        lines += _against_threshold(detection)
        lines += [f"  {note}"] if p is not None and detection.note else []
        for family, tell in sorted(detection.tells.items(), key=lambda item: -abs(item[1]["contribution"])):
            lines.append(f"  {family:20} score {tell['score']:.2f}  contribution {tell['contribution']:+.2f}")
        for person in detection.people:
            at = ", ".join(f"{value:.0f}" for value in person["box"])
            lines.append(f"  person at {at}: p = {person['p_synthetic']:.2f}")
        console.result(detection.to_json(), "\n".join(lines))
        if picture is not None:
            from tellmark.detector.heatmap import draw

            made = draw(detection, picture, force=force)
            console.say(f"written to {made}" if made else "nothing to paint: there is no verdict")
    if not readable:
        raise click.exceptions.Exit(3)


def _against_threshold(detection: Detection) -> list[str]:
    """What the number means: which side of the model's threshold, and who else is there."""
    p, point = detection.p_synthetic, detection.operating_point
    if p is None or point is None:
        return []
    above = p > point["threshold"]
    fakes, real = (point[name] if above else 1 - point[name] for name in ("hits", "false_alarms"))
    side, meaning = ("above", "look closer") if above else ("below", "that does not show it to be real")
    return [
        f"  {side} the threshold of {point['threshold']:.2f}, like {fakes:.0%} of fakes of known systems "
        f"and {real:.0%} of real clips, of people the model had not seen: {meaning}"
    ]


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
    from tellmark.errors import UsageError
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


def _auc(overall: dict[str, Any]) -> str:
    low, high = overall["auc_ci"]
    return f"AUC {overall['auc']:.3f} [{low:.3f}, {high:.3f}]"
