"""One clip: render."""

from __future__ import annotations

import dataclasses
import itertools
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from tellmark.commands.signing import REGISTER, signing
from tellmark.console import FORCE, OUT, PATH, Console, command
from tellmark.errors import UsageError

if TYPE_CHECKING:
    from tellmark.generator.audio.pcm import PcmFormat
    from tellmark.generator.types import MotionModel, Portrait, StreamingModel


@click.command()
@click.argument("portrait")
@click.argument("speech", type=PATH)
@OUT
@click.option("--fps", default=25.0, show_default=True, type=click.FloatRange(10, 60), help="Frames per second.")
@click.option("--seed", type=int, help="Another seed, another performance.  [default: the portrait's own]")
@click.option("--gaze", metavar="YAW,PITCH", help="Main gaze in degrees: to the viewer's right, up.")
@click.option("--distance", default=1.0, show_default=True, help="Head distance, as a factor of the portrait's.")
@click.option("--emotion", metavar="NAME[:W]", multiple=True, help="neutral, happy, sad, angry, surprised; may repeat.")
@click.option(
    "--motion",
    type=click.Choice(["diffusion", "rules"]),
    default="diffusion",
    show_default=True,
    help="What moves the face: the model learned from films, or rules, which are faster (docs/motion.md).",
)
@click.option(
    "--renderer",
    type=click.Choice(["mesh", "splat"]),
    default="mesh",
    show_default=True,
    help="What makes the frames: a warped mesh, or points thrown anew at every frame.",
)
@click.option("--pose-from", type=PATH, metavar="VIDEO", help="Take the head's motion from a video.")
@click.option("--expression-from", type=PATH, metavar="VIDEO", help="Take the face's motion from a video.")
@click.option("--gain", metavar="NAME=G", multiple=True, help="head, blink, brow or mouth moves G times; may repeat.")
@click.option("--consent", metavar="TEXT", help="Who agreed, or the picture's licence. Needed for a picture.")
@click.option("--framing", type=click.Choice(["auto", "keep"]), default="auto", show_default=True)
@click.option("--crf", default=18, show_default=True, type=click.IntRange(0, 51), help="H.264 quality.")
@click.option("--registry", metavar="URL", help=REGISTER)
@click.option("--stream", is_flag=True, help="Write frames while the sound comes in. SPEECH - is raw PCM from stdin.")
@click.option("--pcm", default="s16le", show_default=True, help="Samples on stdin: s16le, s32le or f32le.")
@click.option("--rate", default=16000, show_default=True, help="Their rate in Hz.")
@click.option("--channels", default=1, show_default=True, help="Their channels, interleaved.")
@signing
@FORCE
@command
def render(
    portrait: str,
    speech: Path,
    out: Path,
    *,
    fps: float,
    seed: int | None,
    gaze: str | None,
    distance: float,
    emotion: tuple[str, ...],
    motion: str,
    renderer: str,
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
    from tellmark.watermark.writer import check_clip_output

    if not stream and "-" in (str(speech), str(out)):
        raise UsageError("- stands for a pipe, which needs --stream")
    if stream and fps != 25:
        raise UsageError(f"--fps {fps:g}: a stream has 25 frames a second; leave --fps out")
    if stream and (pose_from or expression_from):
        raise UsageError("--pose-from and --expression-from need the whole performance: leave out --stream")
    if str(out) != "-":
        check_clip_output(out, force=force)
    controls = _controls(gaze, distance, emotion, gain)
    from tellmark.encoding import Encoding
    from tellmark.generator.renderers import renderer as renderer_of

    if stream:
        from tellmark.generator.audio.pcm import PcmFormat

        layout = PcmFormat(pcm, rate, channels)
        face = _portrait(portrait, consent, framing)
        given = {"controls": controls, "seed": seed, "encoding": Encoding(crf=crf), "registry": registry}
        given["motion_model"] = _streaming_model(motion)
        given["renderer"] = renderer_of(renderer, face)
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
            renderer=renderer_of(renderer, face),
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

    from tellmark.generator.audio.pcm import read_pcm
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


def _portrait(name: str, consent: str | None, framing: Literal["auto", "keep"]) -> Any:
    if name.startswith("actor:"):
        from tellmark.generator.actors import actor

        try:
            return actor(int(name.removeprefix("actor:")))
        except ValueError as error:
            raise UsageError(f"{name}: an actor is named actor:SEED with a whole number, such as actor:7") from error
    from tellmark.generator.portrait import load_portrait

    return load_portrait(Path(name), consent=consent, framing=framing)


def _motion_model(name: str, pose_from: Path | None, expression_from: Path | None) -> MotionModel:
    from tellmark.generator.motions import motion_model

    model = motion_model(name)
    if pose_from is None and expression_from is None:
        return model
    from tellmark.generator.borrow import BorrowedMotion, perform

    pose = perform(pose_from) if pose_from else None
    expression = pose if expression_from == pose_from else perform(expression_from) if expression_from else None
    return BorrowedMotion(model, pose=pose, expression=expression)


def _streaming_model(name: str) -> StreamingModel:
    if name == "diffusion":
        from tellmark.generator.motion import DiffusionMotion

        return DiffusionMotion()
    from tellmark.generator.dynamics.online import OnlineRules

    return OnlineRules()


def _controls(gaze: str | None, distance: float, emotion: tuple[str, ...], gain: tuple[str, ...]) -> Any:
    from tellmark.generator.types import Controls

    with _saying(f"--gaze {gaze}: give two angles, such as 10,-5"):
        yaw, pitch = (float(part) for part in gaze.split(",")) if gaze else (0.0, 0.0)
    with _saying(f"--emotion {' '.join(emotion)}: give a name, or NAME:WEIGHT, such as happy:0.5"):
        emotions = {name: float(weight or 1) for name, _, weight in (item.partition(":") for item in emotion)}
    with _saying(f"--gain {' '.join(gain)}: give NAME=FACTOR, such as blink=1.5"):
        gains = {name: float(factor) for name, _, factor in (item.partition("=") for item in gain)}
    return Controls(gaze_deg=(yaw, pitch), distance=distance, emotion=emotions, gains=gains)


@contextmanager
def _saying(what: str) -> Iterator[None]:
    """What is no number is an error of usage that says what to write."""
    try:
        yield
    except ValueError as error:
        raise UsageError(what) from error
