"""What the motion model is trained on: sequences of latent motion with the sound, drawn from tracks and from speech.

Tracked films give heads, brows, lids and eyes, and what they have of real lips with sound. Synthetic speech gives lips
without end whose phonemes are known; it borrows the rest of the face from a film. Each sequence says which it is
(``own_lips``, ``own_head``), so that the model can be asked for known lips under a head that goes with the sound.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from tellmark.generator.audio.acoustics import SAMPLE_RATE_HZ
from tellmark.generator.audio.encoder import Encoded, SpeechEncoder
from tellmark.generator.audio.visemes import GESTURES, lip_tracks
from tellmark.generator.dynamics import latent_motion as columns
from tellmark.generator.dynamics.behaviour import HEAD_SHARE
from tellmark.generator.dynamics.conditioning import SOUND, conditions, sound_rows
from tellmark.generator.geometry.basis import expression_basis
from tellmark.generator.latent import FaceLatent, face_latent, mirror_index, rest_mesh
from tellmark.generator.mesh.mesh import expression_weights
from tellmark.generator.retarget import bridged, retarget
from tellmark.generator.rules import MOUTH, centred, in_mood, lips
from tellmark.generator.track import Track
from tellmark.generator.training.encoder_data import drawn_voice
from tellmark.generator.training.train_inversion import spoil
from tellmark.generator.types import EXPRESSIONS, MOODS
from tellmark.media import read_audio
from tellmark.types import F32

LENGTH = 96  # frames of a sequence, and one before it

_DOWNCAST = 0.22  # mean of the lids from which a film shows somebody who looks down, not at us
_GAZE_DEG = (14.0, 8.0)  # what lasting looks away are softly held to: the tracker reads looks down far too low
_SLACK = 0.15  # lids that come down by less do not blink

_RATE_HZ = 100.0  # of the lips' tracks before they are sampled


@dataclass(frozen=True, slots=True)
class Film:
    """A tracked film as the model needs it, T frames."""

    columns: F32  # (T, 10) pose, lids, gaze
    moved: F32  # (T, 468, 3) mm displacement from rest
    identity: F32  # (IDENTITY,)
    encoded: Encoded | None  # its sound, row for row


@dataclass(frozen=True, slots=True)
class Utterance:
    """Synthetic speech, T frames."""

    encoded: Encoded
    mouth: F32  # (T, len(MOUTH)) in [0, 1]


@dataclass(frozen=True, slots=True)
class Example:
    """One example."""

    motion: F32  # (LENGTH + 1, CHANNELS)
    sound: F32  # (LENGTH, SOUND)
    heard: bool
    given: F32  # (len(CONDITIONS),)
    valid: NDArray[np.bool_]  # (LENGTH,)


def film(track: Track, video: Path | None, model: FaceLatent, encoder: SpeechEncoder) -> Film:
    """Of a track, and the video it was made of where it has sound."""
    landmarks = bridged(track.landmarks, track.found)
    points, _ = model.upright(landmarks)
    rest = rest_mesh(points, landmarks)
    identity = model.encode_identity(torch.from_numpy(rest)[None])[0].numpy()
    encoded = None
    if video is not None and track.has_audio:
        encoded = encoder.encode(np.concatenate(list(read_audio(video, SAMPLE_RATE_HZ))))
    pose = columns.smoothed(columns.columns_of(retarget(track)))
    pose[:, columns.GAZE] = _GAZE_DEG * np.tanh(pose[:, columns.GAZE] / _GAZE_DEG)
    pose[:, columns.LIDS] = np.clip((pose[:, columns.LIDS] - _SLACK) / (1 - _SLACK), 0, 1)
    return Film(pose, columns.smoothed_moves(points - rest), identity, encoded)


def utterance(rng: np.random.Generator, encoder: SpeechEncoder) -> Utterance:
    """A voice of its own, heard as recordings are, and the lips that belong to it."""
    sound, phonemes = drawn_voice(rng, known=0.6)
    heard = spoil(sound, rng) if rng.random() < 0.7 else sound
    return Utterance(encoder.encode(heard), mouth_of(lip_tracks(phonemes, len(sound) / SAMPLE_RATE_HZ)))


def mouth_of(tracks: NDArray[np.float64], speaking: NDArray[np.float64] | None = None) -> F32:
    """(T, len(MOUTH)) at ``FPS`` of gesture tracks at ``_RATE_HZ``."""
    heard = {name: tracks[:, index] for index, name in enumerate(GESTURES)}
    heard["speaking"] = np.ones(len(tracks)) if speaking is None else speaking
    shaped = lips(heard, partial(centred, fps=_RATE_HZ))
    every = round(_RATE_HZ / columns.FPS)
    return np.column_stack([shaped[name] for name in MOUTH])[::every].astype(np.float32)


class Mixer:
    """Draws sequences."""

    def __init__(self, films: Sequence[Film], utterances: Sequence[Utterance], model: FaceLatent | None = None) -> None:
        self._model = model or face_latent()
        self._films = [film for film in films if film.columns[:, columns.LIDS].mean() < _DOWNCAST]
        self._utterances = list(utterances)
        self._voiced = [film for film in self._films if film.encoded is not None]
        mean = self._model.mean.numpy()
        self._mirror = mirror_index(mean)
        self._basis = expression_basis(mean)
        self._lower = columns.lower_face(mean)[:, None]

    def draw(self, rng: np.random.Generator) -> Example:
        """One sequence, of a kind by chance."""
        kind = rng.choice(("own", "taught", "mute", "borrowed"), p=(0.15, 0.25, 0.10, 0.50))
        if kind in ("own", "taught") and self._voiced:
            chosen = self._voiced[rng.integers(len(self._voiced))]
        else:
            kind = "borrowed" if kind != "mute" else kind
            chosen = self._films[rng.integers(len(self._films))]
        first, rows, valid = _window(len(chosen.columns), rng)
        pose, moved = chosen.columns[rows].copy(), chosen.moved[rows]
        if kind in ("borrowed", "mute") and rng.random() < 0.5:
            pace = rng.uniform(0.8, 1.25)
            pose, moved = _at_pace(chosen, first, pace)
            valid = np.ones(LENGTH, bool)
        if rng.random() < 0.5:
            pose, moved = _mirrored(pose, moved, self._mirror)
        sound = np.zeros((LENGTH, SOUND), np.float32)
        mouth = None
        if kind == "borrowed":
            speech = self._utterances[rng.integers(len(self._utterances))]
            start = int(rng.integers(-10, max(1, len(speech.mouth) - LENGTH // 2)))
            sound, mouth = _rows(sound_rows(speech.encoded), start), _rows(speech.mouth, start - 1, LENGTH + 1)
        elif chosen.encoded is not None and kind != "mute":
            inside = rows[1:]
            sound = sound_rows(chosen.encoded)[np.minimum(inside, len(chosen.encoded) - 1)]
            if kind == "taught":
                mouth = self._taught(chosen.encoded)[np.minimum(rows, len(chosen.encoded) - 1)]
        emotion: dict[str, float] = {}
        if mouth is not None:
            emotion = _emotion(rng)
            moved = self._worn(moved, mouth, emotion, rng)
        gaze, distance = (0.0, 0.0), 1.0
        if rng.random() < 0.5:
            gaze = tuple(np.clip(rng.normal(0, 12, 2), -30, 30).tolist())
            pose[:, columns.ROTATION][:, :2] += HEAD_SHARE * np.array(gaze, np.float32)
            pose[:, columns.GAZE] += (1 - HEAD_SHARE) * np.array(gaze, np.float32)
        if rng.random() < 0.5:
            distance = float(np.exp(rng.uniform(np.log(0.7), np.log(1.5))))
            pose[:, columns.DISTANCE] += np.log(distance)
        codes = self._codes(moved, chosen.identity)
        given = conditions(gaze, distance, emotion, lips=mouth is None, head=kind != "borrowed")
        heard = kind != "mute" and rng.random() > 0.1
        return Example(np.concatenate([pose, codes], 1), sound, bool(heard), given, valid)

    def _worn(self, moved: F32, mouth: F32, emotion: dict[str, float], rng: np.random.Generator) -> F32:
        """The face of a film with other lips, and in a mood."""
        rows = np.zeros((len(mouth), len(EXPRESSIONS)), np.float32)
        rows[:, [EXPRESSIONS.index(name) for name in MOUTH]] = mouth * rng.uniform(0.85, 1.15)
        weights = np.stack([expression_weights(row) for row in in_mood(rows, emotion)])
        return np.asarray(moved * (1 - self._lower) + np.tensordot(weights, self._basis, axes=1), np.float32)

    def _taught(self, encoded: Encoded) -> F32:
        """Lips that the encoder reads from the film's own sound."""
        heard = {name: encoded.gestures[:, index].astype(np.float64) for index, name in enumerate(GESTURES)}
        heard["speaking"] = encoded.speaking.astype(np.float64)
        shaped = lips(heard, partial(centred, fps=columns.FPS))
        return np.column_stack([shaped[name] for name in MOUTH]).astype(np.float32)

    def _codes(self, moved: F32, identity: F32) -> F32:
        with torch.inference_mode():
            one = torch.from_numpy(identity)[None].expand(len(moved), -1)
            return self._model.encode(torch.from_numpy(moved.astype(np.float32)), one).numpy()


def _window(length: int, rng: np.random.Generator) -> tuple[int, NDArray[np.int64], NDArray[np.bool_]]:
    """(first, LENGTH + 1 rows, which of the last LENGTH are real) of a film."""
    first = int(rng.integers(0, max(1, length - LENGTH)))
    rows = np.arange(first, first + LENGTH + 1)
    return first, np.minimum(rows, length - 1), rows[1:] < length


def _at_pace(film: Film, first: int, pace: float) -> tuple[F32, F32]:
    """LENGTH + 1 rows of pose and displacement played at another pace; at the end the film runs backwards."""
    times = first + pace * np.arange(LENGTH + 1)
    last = len(film.columns) - 1
    times = last - np.abs(last - times % (2 * last))
    low = np.floor(times).astype(int)
    high, share = np.minimum(low + 1, last), (times - low).astype(np.float32)
    pose = film.columns[low] * (1 - share[:, None]) + film.columns[high] * share[:, None]
    share = share[:, None, None]
    return pose, film.moved[low] * (1 - share) + film.moved[high] * share


def _mirrored(pose: F32, moved: F32, index: NDArray[np.int64]) -> tuple[F32, F32]:
    pose = pose * np.array([-1, 1, -1, -1, 1, 1, 1, 1, -1, 1], np.float32)
    pose[:, columns.LIDS] = pose[:, columns.LIDS][:, ::-1]
    return pose, moved[:, index] * np.array([-1, 1, 1], np.float32)


def _rows(values: F32, start: int, count: int = LENGTH) -> F32:
    """``count`` rows from ``start`` on; outside there is silence and rest: the first and last rows."""
    return values[np.clip(np.arange(start, start + count), 0, len(values) - 1)]


def _emotion(rng: np.random.Generator) -> dict[str, float]:
    if rng.random() > 0.4:
        return {}
    chosen = rng.choice(MOODS, size=1 if rng.random() < 0.85 else 2, replace=False)
    return {str(name): float(rng.uniform(0.2, 1)) for name in chosen}


def draws(mixer: Mixer, count: int, seed: int) -> Iterator[Example]:
    """``count`` sequences, the same for a seed."""
    for index in range(count):
        yield mixer.draw(np.random.default_rng((seed, index)))
