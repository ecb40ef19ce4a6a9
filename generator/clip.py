"""Portrait + speech -> one marked, signed, registered clip. The generator's only way to a file."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import tellmark
from tellmark.ahead import ahead
from tellmark.encoding import Encoding
from tellmark.errors import UsageError
from tellmark.generator.motion import DiffusionMotion
from tellmark.generator.render import MeshRenderer
from tellmark.generator.types import SIZE, Controls, GradualModel, Motion, MotionModel, Portrait, Renderer, Speech
from tellmark.runs import Progress
from tellmark.types import Kind
from tellmark.watermark.claims import PORTRAIT_LABEL, VOICE_LABEL, Ingredient, Parameter, Provenance
from tellmark.watermark.writer import ClipWriter, check_clip_output

Params = dict[str, Parameter]

_PIECES_AHEAD = 4
_MIME = {".png": "image/png", ".webp": "image/webp", ".jpg": "image/jpeg", ".jpeg": "image/jpeg"}


@dataclass(frozen=True, slots=True)
class RenderedClip:
    """A finished clip."""

    path: Path
    sha256: str
    payload: str  # 16 hex digits
    frames: int
    fps: float
    seconds: float
    seed: int
    params: Params  # as in the manifest


def render_clip(
    portrait: Portrait,
    speech: Speech,
    out: Path | str,
    *,
    motion_model: MotionModel | None = None,
    renderer: Renderer | None = None,
    controls: Controls | None = None,
    seed: int | None = None,
    encoding: Encoding | None = None,
    force: bool = False,
    registry: str | Path | None = None,
    method: str = "talk",
    max_seconds: float | None = None,
    progress: Progress | None = None,
) -> RenderedClip:
    """Render a talking face and write it marked and signed.

    Frames are a function of (portrait, speech, controls, seed, models), with the portrait's own seed where none is
    given; the watermark's payload is drawn anew for each clip. ``max_seconds`` cuts the performance short. Raises
    :class:`UsageError` before any work where ``out`` exists (and not ``force``), cannot be written, or a photo comes
    without consent.
    """
    out = Path(out)
    check_clip_output(out, force=force)
    if portrait.source is not None and portrait.consent_sha256 is None:
        raise UsageError("a picture of a person needs --consent: who agreed to this clip, or the picture's licence")
    controls = controls or Controls()
    seed = portrait.seed if seed is None else seed
    motion_model = motion_model or DiffusionMotion()
    renderer = renderer or MeshRenderer(portrait)
    if max_seconds is not None:
        speech = _cut(speech, max_seconds)
    params = {"method": method, **clip_params(portrait, renderer, motion_model.name, controls, seed, speech.fps)}
    with ClipWriter(
        out,
        width=SIZE,
        height=SIZE,
        fps=speech.fps,
        provenance=provenance_of(out.name, portrait, speech.path.name, speech.sha256, params),
        audio=speech.path,
        encoding=encoding or Encoding(),
        registry=registry,
        force=force,
    ) as writer:
        made = 0
        with closing(_pieces(motion_model, speech, controls, seed)) as pieces:
            for motion in pieces:
                for index in range(len(motion)):
                    writer.write(renderer.render(motion, index))
                    made += 1
                    if progress is not None:
                        progress(made, speech.frames)
    clip = writer.result
    return RenderedClip(clip.path, clip.sha256, clip.payload, made, speech.fps, made / speech.fps, seed, params)


def _pieces(model: MotionModel, speech: Speech, controls: Controls, seed: int) -> Generator[Motion, None, None]:
    """The motion of a speech; where the model can tell, piece after piece, and the next is made meanwhile."""
    if isinstance(model, GradualModel):
        with closing(ahead(model.pieces(speech, controls, seed), _PIECES_AHEAD)) as pieces:
            yield from pieces
    else:  # here, where it can be interrupted
        yield model.generate(speech, controls, seed)


def _cut(speech: Speech, max_seconds: float) -> Speech:
    frames = min(speech.frames, max(1, round(max_seconds * speech.fps)))
    return dataclasses.replace(speech, duration_s=frames / speech.fps, features=speech.features[:frames])


def clip_params(
    portrait: Portrait, renderer: Renderer, motion_model: str, controls: Controls, seed: int, fps: float
) -> Params:
    """What the manifest says of how a clip was made."""
    return {
        "renderer": renderer.name,
        "motion_model": motion_model,
        "seed": seed,
        "fps": fps,
        "width": SIZE,
        "height": SIZE,
        "portrait": portrait.name,
        "controls": json.dumps(dataclasses.asdict(controls), sort_keys=True),
    }


def provenance_of(title: str, portrait: Portrait, voice: str, voice_sha256: str, params: Params) -> Provenance:
    """What the manifest says of a clip and of what went into it."""
    # An actor comes out of a statistical face model; a photo set in motion is a composite with synthetic parts.
    source_type = "trainedAlgorithmicMedia" if portrait.source is None else "compositeSynthetic"
    mime = _MIME.get(portrait.source.suffix.lower(), "image/png") if portrait.source else "image/png"
    return Provenance(
        kind=Kind.SYNTHETIC,
        title=title,
        digital_source_type=source_type,
        model_name=f"tellmark {tellmark.__version__} {params['motion_model']} + {params['renderer']}",
        parameters=params,
        ingredients=(
            Ingredient(PORTRAIT_LABEL, portrait.name, mime, portrait.sha256, portrait.source, {}),
            Ingredient(VOICE_LABEL, voice, "audio/wav", voice_sha256, None, {}),
        ),
        consent_sha256=portrait.consent_sha256,
    )
