"""Clips that exist: mark, verify, serve, keys."""

from __future__ import annotations

import dataclasses
from contextlib import ExitStack
from pathlib import Path

import click

from tellmark.commands.signing import REGISTER, signing
from tellmark.console import FORCE, PATH, Console, answer, command, plain, table
from tellmark.errors import UsageError

_LOOK_UP = "Where marks are looked up: a file, postgresql://.., or the https:// of a service. Default: yours."


@click.command()
@click.argument("source", metavar="IN", type=PATH)
@click.argument("out", metavar="OUT", type=PATH)
@click.option("--kind", type=click.Choice(["synthetic", "control"]), default="synthetic", show_default=True)
@click.option("--registry", metavar="URL", help=REGISTER)
@signing
@FORCE
@command
def mark(source: Path, out: Path, *, kind: str, registry: str | None, force: bool, console: Console) -> None:
    """Watermark and sign an existing video or picture: another generator's output, or a real one as control.

    A video becomes OUT.mp4, its first video track alone; a picture OUT.png, .jpg or .webp. What a stream that was
    killed has left (NAME.part.mp4) is signed as the clip it would have become.
    """
    from tellmark.media import probe
    from tellmark.types import Kind
    from tellmark.watermark.mark import mark_video, written_rate
    from tellmark.watermark.stills import mark_picture
    from tellmark.watermark.unfinished import Begun, complete
    from tellmark.watermark.verify import is_picture

    if begun := Begun.beside(source):
        if begun.provenance.kind is not Kind(kind):
            raise UsageError(f"{source} is {begun.provenance.kind}: leave --kind {kind} out")
        with console.progress("reading") as progress:
            clip = complete(source, out, begun, registry=registry, force=force, progress=progress)
        console.say(f"{source} was signed as the clip it would have become, and is not needed any more")
    elif source.is_file() and is_picture(source):
        clip = mark_picture(source, out, kind=Kind(kind), registry=registry, force=force)
    else:
        with console.progress("marking") as progress:
            clip = mark_video(source, out, kind=Kind(kind), registry=registry, force=force, progress=progress)
        info = probe(source)
        if info.video_tracks > 1:
            console.say(f"the first of {info.video_tracks} video tracks was marked, the others were left out")
        if info.fps and info.fps != written_rate(info):
            console.say(f"{info.fps:g} frames a second cannot be kept; written at {written_rate(info):g}")
    record = {"schema": "tellmark.clip/1", **dataclasses.asdict(clip)}
    console.result(record, f"{clip.path}  payload {clip.payload}, signed")


@click.command()
@click.argument("files", nargs=-1, required=True)
@click.option("--trust", type=PATH, help="PEM file of root certificates to trust, instead of your own.")
@click.option("--registry", metavar="URL", help=_LOOK_UP)
@click.option("--online", is_flag=True, help="Fetch manifests that files only name; ask if certificates were revoked.")
@click.option("--fast", is_flag=True, help="Look for a plain watermark only; skip the search over scale and rotation.")
@click.option("--localise", is_flag=True, help="Where does a marked video lack its mark? Takes another encoding.")
@click.option("--no-watermark", is_flag=True, help="Read manifests only: thousands of files a minute.")
@click.option("--jobs", default=1, show_default=True, type=click.IntRange(1, 64), help="Processes.")
@click.option("--csv", "rows", type=PATH, metavar="FILE", help="Write a table of the verdicts as well.")
@FORCE
@command
def verify(
    files: tuple[str, ...],
    *,
    trust: Path | None,
    registry: str | None,
    online: bool,
    fast: bool,
    localise: bool,
    no_watermark: bool,
    jobs: int,
    rows: Path | None,
    force: bool,
    console: Console,
) -> None:
    """Say what provenance each of FILES carries: files, folders or patterns such as 'in/*.mp4'.

    Exit code 0 if all are intact or recovered, 1 if some are not, 3 if some could not be read.
    """
    from tellmark.types import VerdictKind
    from tellmark.watermark.explain import explain
    from tellmark.watermark.many import Failure, csv_writer, verify_many

    good = readable = True
    with ExitStack() as stack:
        write = None
        if rows is not None:
            write = stack.enter_context(csv_writer(rows, manifest_only=no_watermark, force=force))
        progress = stack.enter_context(console.progress("verifying"))
        for result in verify_many(
            files,
            jobs=jobs,
            thorough=not fast,
            manifest_only=no_watermark,
            online=online,
            localise=localise,
            trust=trust,
            registry=registry,
            progress=progress,
        ):
            if write is not None:
                write(result)
            if isinstance(result, Failure):
                readable = False
                console.failure(result.to_json(), f"error: {plain(result.error)}")
                continue
            good &= result.verdict in (VerdictKind.INTACT, VerdictKind.RECOVERED)
            words = f"{result.file}: {result.verdict}. {explain(result, manifest_only=no_watermark)}"
            console.result(result.to_json(), plain(words))
    if not readable:
        raise click.exceptions.Exit(3)
    answer(good)


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="0: any that is free.")
@click.option("--max-mb", default=500, show_default=True, type=click.IntRange(1), help="Largest upload.")
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 64), help="Files verified at once.")
@click.option("--registry", metavar="URL", help=_LOOK_UP)
@click.option("--trust", type=PATH, help="PEM file of root certificates to trust, instead of your own.")
@command
def serve(
    *, host: str, port: int, max_mb: int, workers: int, registry: str | None, trust: Path | None, console: Console
) -> None:
    """Serve a page on which anyone can check a video, and the C2PA Soft Binding Resolution API."""
    from tellmark.web.server import serve as serve_forever

    serve_forever(
        host,
        port,
        max_bytes=max_mb * 1_000_000,
        workers=workers,
        registry=registry,
        trust=trust,
        ready=lambda address: console.say(f"open {address} (stop with Ctrl-C)"),
    )


@click.command()
@click.option("--anchors", is_flag=True, help="Print the root certificates that others need to trust your clips.")
@command
def keys(*, anchors: bool, console: Console) -> None:
    """Show the signing identity in use; made on first use."""
    from tellmark.watermark.identity import keys as keyring

    if anchors:
        pem = keyring.anchors_pem()
        console.result({"schema": "tellmark.anchors/1", "pem": pem}, pem.rstrip("\n"))
        return
    facts = keyring.show()
    console.result({"schema": "tellmark.keys/1", **facts}, table(facts))
