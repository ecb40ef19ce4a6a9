"""What is learned from videos, and what it says of others: track, train, evaluate, detect."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tellmark.console import FORCE, OUT, PATH, Console, command, plain, table
from tellmark.errors import UsageError

if TYPE_CHECKING:  # it imports numpy, and the command line must not before it has said how many threads it may start
    from tellmark.types import Detection


@click.command()
@click.argument("folder", type=PATH)
@OUT
@click.option("--jobs", default=1, show_default=True, type=click.IntRange(1, 256), help="Processes.")
@click.option("--ray", metavar="ADDRESS", help="On a Ray cluster instead; `local` starts one here.")
@click.option("--persons", type=PATH, metavar="CSV", help="Who is in which video: columns path and person_id.")
@command
def track(folder: Path, out: Path, *, jobs: int, ray: str | None, persons: Path | None, console: Console) -> None:
    """Track the faces in every video of FOLDER, for training; goes on where an earlier run stopped.

    One .npz a video in OUT, which mirrors FOLDER, and OUT/tracks.csv, which says what failed and why. Persons are the
    first folders below FOLDER (VoxCeleb2), or the files of a flat one (HDTF, CelebV).
    """
    from tellmark.generator.track import MANIFEST, track_folder

    if ray is not None and jobs > 1:
        raise UsageError("--jobs is of this machine, --ray of a cluster; give one of them")
    with console.progress("tracking") as progress:
        summary = track_folder(folder, out, jobs=jobs, ray=ray, persons=persons, progress=progress)
    console.result({"schema": "tellmark.tracks/1", "folder": str(out), **summary}, table(summary))
    if summary["failed"]:
        console.say(f"{summary['failed']} of {summary['videos']} videos have no track; {out / MANIFEST} says why")
    if not summary["tracked"]:
        raise click.exceptions.Exit(3)


@click.command()
@click.argument("folder", metavar="DIR", type=PATH)
@OUT
@click.option("--kind", default="tells", show_default=True, help="tells, network, temporal or fusion (of the three).")
@click.option(
    "--also",
    multiple=True,
    type=click.Choice(("pulse", "sync")),
    help="Learn from this tell too, with --kind tells; may repeat (docs/tells.md).",
)
@click.option("--seed", default=0, show_default=True)
@FORCE
@command
def train(
    folder: Path, out: Path, *, kind: str, also: tuple[str, ...], seed: int, force: bool, console: Console
) -> None:
    """Train a detector on a dataset and write the model. Its split `test` is left for `tellmark evaluate`.

    DIR is a dataset of ours, of FaceForensics++, Celeb-DF, DFDC or FakeAVCeleb. Networks use a GPU where there is one,
    several under `torchrun`, and go on where an earlier run stopped. Ask for --also sync only where every clip has the
    sound that was recorded with it, or made for it: lent sound would be taken for the forgery, or for its absence.
    """
    if also and kind != "tells":
        raise UsageError("--also is of --kind tells; leave it out, or train that kind")
    with console.leaving_out() as failed:
        with console.progress("training") as progress:
            if kind == "tells":
                from tellmark.detector import tells
                from tellmark.detector.models.additive import Tells
                from tellmark.detector.train import train as train_model

                classifier = Tells(tuple(family for family in tells.FAMILIES if family in {*tells.USUAL, *also}))
                model: Any = train_model(
                    folder,
                    out,
                    name=out.stem,
                    seed=seed,
                    classifier=classifier,
                    force=force,
                    failed=failed.append,
                    progress=progress,
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
        lines += (
            ["  what its tells say that need no motion, which is no verdict:"] if p is None and detection.tells else []
        )
        for family, tell in sorted(detection.tells.items(), key=lambda item: -abs(item[1]["contribution"])):
            lines.append(f"  {family:20} score {tell['score']:.2f}  contribution {tell['contribution']:+.2f}")
        lines += [_person(person, detection.operating_point) for person in detection.people]
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


def _person(person: dict[str, Any], point: dict[str, float] | None) -> str:
    """One of several people in a video: where they were first seen, what is said of them."""
    left, top, right, bottom = person["box"]
    p = person["p_synthetic"]
    above = ", above the threshold" if point and p > point["threshold"] else ""
    return f"  person first seen at x {left:.0f} to {right:.0f}, y {top:.0f} to {bottom:.0f}: p = {p:.2f}{above}"


def _auc(overall: dict[str, Any]) -> str:
    low, high = overall["auc_ci"]
    return f"AUC {overall['auc']:.3f} [{low:.3f}, {high:.3f}]"
