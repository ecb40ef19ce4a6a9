"""Clips: render, mark, verify, serve, keys."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from tellmark.console import FORCE, OUT, PATH, Console, answer, command, table
from tellmark.errors import UsageError

if TYPE_CHECKING:
    from tellmark.generator.pcm import PcmFormat
    from tellmark.generator.types import Portrait

_REGISTER = "Where clips are registered: a SQLite file or postgresql://.. Default: yours."
_LOOK_UP = "Where marks are looked up: a file, postgresql://.., or the https:// of a service. Default: yours."


def _signing(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the flags that say who signs; they come before the environment and the settings file."""

    @click.option("--sign-cert", metavar="PEM", help="Certificate chain to sign with, leaf first.")
    @click.option("--sign-key", metavar="PEM", help="Its key.")
    @click.option("--sign-command", metavar="COMMAND", help="Or a program that signs what it reads.")
    @click.option("--tsa-url", metavar="URL", help="RFC 3161 authority for a time stamp.")
    @functools.wraps(function)
    def wrapped(
        *args: Any,
        sign_cert: str | None,
        sign_key: str | None,
        sign_command: str | None,
        tsa_url: str | None,
        **kwargs: Any,
    ) -> Any:
        if not (sign_cert or sign_key or sign_command or tsa_url):
            return function(*args, **kwargs)
        from tellmark.watermark import keys as keyring

        chosen = keyring.named(sign_cert, sign_key, sign_command, tsa_url)
        assert chosen is not None
        with keyring.use(chosen):
            return function(*args, **kwargs)

    return wrapped


@click.command()
@click.argument("portrait")
@click.argument("speech", type=PATH)
@OUT
@click.option("--fps", default=25.0, show_default=True, type=click.FloatRange(10, 60), help="Frames per second.")
@click.option("--seed", default=0, show_default=True, help="The same seed gives the same frames.")
@click.option("--gaze", metavar="YAW,PITCH", help="Main gaze in degrees: to the viewer's right, up.")
@click.option("--distance", default=1.0, show_default=True, help="Head distance, as a factor of the portrait's.")
@click.option("--emotion", metavar="NAME[:W]", multiple=True, help="neutral, happy, sad, angry, surprised; may repeat.")
@click.option(
    "--motion",
    type=click.Choice(["rules", "diffusion"]),
    default="rules",
    show_default=True,
    help="What moves the face: rules, or the model learned from films (docs/motion.md).",
)
@click.option("--pose-from", type=PATH, metavar="VIDEO", help="Take the head's motion from a video.")
@click.option("--expression-from", type=PATH, metavar="VIDEO", help="Take the face's motion from a video.")
@click.option("--gain", metavar="NAME=G", multiple=True, help="head, blink, brow or mouth moves G times; may repeat.")
@click.option("--consent", metavar="TEXT", help="Who agreed, or the picture's licence. Needed for a picture.")
@click.option("--framing", type=click.Choice(["auto", "keep"]), default="auto", show_default=True)
@click.option("--crf", default=18, show_default=True, type=click.IntRange(0, 51), help="H.264 quality.")
@click.option("--registry", metavar="URL", help=_REGISTER)
@click.option("--stream", is_flag=True, help="Write frames while the sound comes in. SPEECH - is raw PCM from stdin.")
@click.option("--pcm", default="s16le", show_default=True, help="Samples on stdin: s16le, s32le or f32le.")
@click.option("--rate", default=16000, show_default=True, help="Their rate in Hz.")
@click.option("--channels", default=1, show_default=True, help="Their channels, interleaved.")
@_signing
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
    motion: str,
    pose_from: Path | None,
    expression_from: Path | None,
    gain: tuple[str, ...],
    consent: str | None,
    framing: Literal["auto", "keep"],
    crf: int,
    registry: str | None,
    stream: bool,
    pcm: str,
    rate: int,
    channels: int,
    force: bool,
    console: Console,
) -> None:
    """Render PORTRAIT speaking SPEECH to an MP4, watermarked and signed.

    PORTRAIT is a picture (with --consent) or actor:SEED, a person who does not exist. SPEECH is any file with sound,
    or with --stream also -, raw sound from stdin; then OUT may be -, a fragmented MP4 to stdout (docs/streaming.md).
    """
    from tellmark.runs import check_output

    if not stream and "-" in (str(speech), str(out)):
        raise UsageError("- stands for a pipe, which needs --stream")
    if stream and fps != 25:
        raise UsageError(f"--fps {fps:g}: a stream has 25 frames a second; leave --fps out")
    if str(out) != "-":
        check_output(out, force=force)
    controls = _controls(gaze, distance, emotion, gain)
    from tellmark.encoding import Encoding

    if stream:
        from tellmark.generator.pcm import PcmFormat

        layout = PcmFormat(pcm, rate, channels)
        face = _portrait(portrait, consent, framing)
        from tellmark.generator.motion import DiffusionMotion
        from tellmark.generator.online import OnlineRules

        model = DiffusionMotion() if motion == "diffusion" else OnlineRules()
        given = {"controls": controls, "seed": seed, "encoding": Encoding(crf=crf), "registry": registry}
        given["motion_model"] = model
        _stream(face, speech, out, layout, given, force=force, console=console)
        return
    from tellmark.generator.clip import render_clip
    from tellmark.generator.speech import load_speech

    face = _portrait(portrait, consent, framing)
    sound = load_speech(speech, fps=fps)
    model = _motion_model(motion, pose_from, expression_from)
    with console.progress("rendering") as progress:
        clip = render_clip(
            face,
            sound,
            out,
            motion_model=model,
            controls=controls,
            seed=seed,
            encoding=Encoding(crf=crf),
            force=force,
            registry=registry,
            progress=progress,
        )
    record = {"schema": "tellmark.clip/1", **dataclasses.asdict(clip)}
    console.result(record, f"{clip.path}  {clip.seconds:.2f} s, {clip.frames} frames, payload {clip.payload}, signed")


def _stream(
    face: Portrait,
    speech: Path,
    out: Path,
    layout: PcmFormat,
    given: dict[str, Any],
    *,
    force: bool,
    console: Console,
) -> None:
    """Stream to a file or to stdout; Ctrl-C or SIGTERM end the sound, not the clip."""
    import sys
    import tempfile

    from tellmark.generator.pcm import read_pcm
    from tellmark.generator.streaming import stream_clip
    from tellmark.media import read_audio

    piped = str(out) == "-"
    with ExitStack() as stack:
        stop = stack.enter_context(_told_to_stop())
        if piped:
            out = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "stream.mp4"
        if str(speech) == "-":
            rate, sound = layout.sample_rate_hz, read_pcm(sys.stdin.fileno(), layout, stop)
        else:
            rate, sound = 16_000, itertools.takewhile(lambda _: not stop.is_set(), read_audio(speech, 16_000, 0.02))
        voice = "live" if str(speech) == "-" else speech.name
        echo = sys.stdout.buffer if piped else None
        clip = stream_clip(face, sound, out, sample_rate_hz=rate, voice=voice, echo=echo, force=force, **given)
    words = f"{clip.seconds:.2f} s, {clip.frames} frames, payload {clip.payload}, signed"
    if piped:
        console.say(f"stdout: {words}; its manifest is in the registry")
        return
    console.result({"schema": "tellmark.clip/1", **dataclasses.asdict(clip)}, f"{clip.path}  {words}")


@contextmanager
def _told_to_stop() -> Iterator[threading.Event]:
    """Set by Ctrl-C and SIGTERM, instead of what they do otherwise."""
    import signal

    stop = threading.Event()
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@click.command()
@click.argument("source", metavar="IN", type=PATH)
@click.argument("out", metavar="OUT", type=PATH)
@click.option("--kind", type=click.Choice(["synthetic", "control"]), default="synthetic", show_default=True)
@click.option("--registry", metavar="URL", help=_REGISTER)
@_signing
@FORCE
@command
def mark(source: Path, out: Path, *, kind: str, registry: str | None, force: bool, console: Console) -> None:
    """Watermark and sign an existing video or picture: another generator's output, or a real one as control.

    A video becomes OUT.mp4; a picture OUT.png, .jpg or .webp.
    """
    from tellmark.types import Kind
    from tellmark.watermark.mark import mark_video
    from tellmark.watermark.stills import mark_picture
    from tellmark.watermark.verify import is_picture

    if source.is_file() and is_picture(source):
        clip = mark_picture(source, out, kind=Kind(kind), registry=registry, force=force)
    else:
        with console.progress("marking") as progress:
            clip = mark_video(source, out, kind=Kind(kind), registry=registry, force=force, progress=progress)
    record = {"schema": "tellmark.clip/1", **dataclasses.asdict(clip)}
    console.result(record, f"{clip.path}  payload {clip.payload}, signed")


@click.command()
@click.argument("files", nargs=-1, required=True)
@click.option("--trust", type=PATH, help="PEM file of root certificates to trust, instead of your own.")
@click.option("--registry", metavar="URL", help=_LOOK_UP)
@click.option("--online", is_flag=True, help="Fetch manifests that files only name; ask if certificates were revoked.")
@click.option("--fast", is_flag=True, help="Look for a plain watermark only; skip the search over scale and rotation.")
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
            trust=trust,
            registry=registry,
            progress=progress,
        ):
            if write is not None:
                write(result)
            if isinstance(result, Failure):
                readable = False
                console.failure(result.to_json(), f"error: {result.error}")
                continue
            good &= result.verdict in (VerdictKind.INTACT, VerdictKind.RECOVERED)
            words = f"{result.file}: {result.verdict}. {explain(result, manifest_only=no_watermark)}"
            console.result(result.to_json(), words)
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
    from tellmark.watermark import keys as keyring

    if anchors:
        click.echo(keyring.anchors_pem(), nl=False)
        return
    facts = keyring.show()
    console.result({"schema": "tellmark.keys/1", **facts}, table(facts))


def _portrait(name: str, consent: str | None, framing: Literal["auto", "keep"]) -> Any:
    if name.startswith("actor:"):
        from tellmark.generator.actors import actor

        try:
            return actor(int(name.removeprefix("actor:")))
        except ValueError as error:
            raise UsageError(f"{name}: an actor is named actor:SEED with a whole number, such as actor:7") from error
    from tellmark.generator.portrait import load_portrait

    return load_portrait(Path(name), consent=consent, framing=framing)


def _motion_model(name: str, pose_from: Path | None, expression_from: Path | None) -> Any:
    from tellmark.generator.motion import DiffusionMotion
    from tellmark.generator.rules import RuleMotion

    model = DiffusionMotion() if name == "diffusion" else RuleMotion()
    if pose_from is None and expression_from is None:
        return model
    from tellmark.generator.borrow import BorrowedMotion, perform

    pose = perform(pose_from) if pose_from else None
    expression = pose if expression_from == pose_from else perform(expression_from) if expression_from else None
    return BorrowedMotion(model, pose=pose, expression=expression)


def _controls(gaze: str | None, distance: float, emotion: tuple[str, ...], gain: tuple[str, ...]) -> Any:
    from tellmark.generator.types import Controls

    try:
        yaw, pitch = (float(part) for part in gaze.split(",")) if gaze else (0.0, 0.0)
        emotions = {name: float(weight or 1) for name, _, weight in (item.partition(":") for item in emotion)}
        gains = {name: float(factor) for name, _, factor in (item.partition("=") for item in gain)}
    except ValueError as error:
        raise UsageError(
            f"--gaze takes two numbers such as 10,-5, --emotion NAME or NAME:WEIGHT, --gain NAME=FACTOR ({error})"
        ) from error
    return Controls(gaze_deg=(yaw, pitch), distance=distance, emotion=emotions, gains=gains)
