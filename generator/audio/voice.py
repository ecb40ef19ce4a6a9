"""Speech from text with espeak-ng, with the time of every phoneme: for the demo, for tests, for training.

espeak-ng is GPL-3.0 and stays an optional extra (``pip install 'tellmark[voice]'``): nothing here is needed to animate
a portrait from a recording. Its C API (``speak_lib.h``) is called through ctypes. It keeps its state in global
variables, oscillator phases and random numbers included: every call holds one lock and loads the library afresh
(4 ms), so that the same text gives the same samples.
"""

from __future__ import annotations

import _ctypes
import ctypes
import os
import threading
import wave
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tellmark.errors import InternalError, UsageError
from tellmark.runs import atomic_path

LANGUAGES = ("en-us", "en", "de", "es", "fr", "it", "pl", "pt-br", "ru", "tr", "hi", "cmn", "ko")
"""Some voices that sound well; every language code of espeak-ng works."""

VARIANTS = ("m1", "m3", "m7", "f1", "f2", "f4", "f5", "klatt2", "klatt4", "whisperf")
"""Some speakers; every variant of espeak-ng works."""

_SYNCHRONOUS, _PHONEME_EVENTS, _PHONEME_IPA, _DONT_EXIT = 2, 0x1, 0x2, 0x8000
_RATE, _PITCH, _UTF8, _PHONEME_EVENT = 1, 3, 1, 7
_SEED = 1
_LOCK = threading.Lock()


class Phoneme(NamedTuple):
    """A phoneme and when it starts."""

    time_s: float
    phoneme: str  # IPA; "" is a pause


class _EventId(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8))


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),  # ms
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _EventId),
    )


_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


def synthesize(
    text: str,
    path: str | Path,
    *,
    language: str = "en-us",
    speed: int = 160,
    pitch: int = 50,
    variant: str | None = None,
) -> list[Phoneme]:
    """Speak ``text`` into a 16-bit mono WAV file and return its phonemes in order of time.

    Args:
        text: what to say, UTF-8; pauses follow the punctuation.
        path: the WAV file to write; an existing one is replaced, atomically.
        language: an espeak-ng language code, such as one of ``LANGUAGES``.
        speed: words per minute, 80 to 450.
        pitch: 0 to 100; 50 is the voice's own.
        variant: another speaker for the same language, such as one of ``VARIANTS``.

    Raises:
        UsageError: the extra is not installed, the file cannot be written, or a language, variant, speed, pitch or the
            text cannot be used.
    """
    if not text.strip():
        raise UsageError("there is no text to speak: give at least one word")
    if not 80 <= speed <= 450:
        raise UsageError(f"speed {speed}: must lie between 80 and 450 words per minute")
    if not 0 <= pitch <= 100:
        raise UsageError(f"pitch {pitch}: must lie between 0 and 100")
    with _LOCK, _espeak() as (library, sample_rate_hz):
        voice = language if variant is None else f"{language}+{_known_variant(variant)}"
        samples, phonemes = _speak(library, text, voice, speed, pitch)
    if not any(name for _, name in phonemes):
        raise UsageError(f"the voice {voice} has nothing to say for this text: check that text and language agree")
    _write_wav(Path(path), samples, sample_rate_hz)
    return phonemes


def check_voices(languages: Sequence[str], variants: Sequence[str]) -> None:
    """Raise :class:`UsageError` where espeak-ng is not installed, or lacks one of these."""
    with _LOCK, _espeak() as (library, _):
        for language in languages:
            _choose(library, language)
        for variant in variants:
            _known_variant(variant)


@contextmanager
def _espeak() -> Iterator[tuple[ctypes.CDLL, int]]:
    """The library, freshly loaded and initialised, and its sample rate in Hz."""
    try:
        import espeakng_loader
    except ImportError as error:
        raise UsageError("speech from text needs espeak-ng: pip install 'tellmark[voice]'") from error
    library = ctypes.CDLL(espeakng_loader.get_library_path())
    library.espeak_Initialize.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_char_p, ctypes.c_int]
    library.espeak_ng_SetRandSeed.argtypes = [ctypes.c_long]
    library.espeak_Synth.argtypes = [
        *(ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint, ctypes.c_int, ctypes.c_uint, ctypes.c_uint),
        *(ctypes.c_void_p, ctypes.c_void_p),
    ]
    try:
        home = os.fsencode(Path(espeakng_loader.get_data_path()).parent)
        rate = library.espeak_Initialize(_SYNCHRONOUS, 0, home, _PHONEME_EVENTS | _PHONEME_IPA | _DONT_EXIT)
        if rate <= 0:
            raise InternalError(f"espeak-ng does not start (code {rate}): reinstall tellmark[voice]")
        try:
            yield library, int(rate)
        finally:
            library.espeak_Terminate()
    finally:
        unload = getattr(_ctypes, "dlclose", None) or getattr(_ctypes, "FreeLibrary")  # noqa: B009 (POSIX or Windows)
        unload(library._handle)


def _known_variant(variant: str) -> str:
    """The variant's name without a leading plus; espeak-ng would silently ignore an unknown one."""
    import espeakng_loader

    name = variant.removeprefix("+")
    known = {file.name for file in (Path(espeakng_loader.get_data_path()) / "voices" / "!v").iterdir()}
    if name not in known:
        raise UsageError(f"espeak-ng has no variant {name}: try one of {', '.join(VARIANTS)}")
    return name


def _choose(library: ctypes.CDLL, voice: str) -> None:
    if library.espeak_SetVoiceByName(voice.encode()) != 0:
        raise UsageError(f"espeak-ng has no voice {voice}: try a language such as {', '.join(LANGUAGES[:6])}")


def _speak(
    library: ctypes.CDLL, text: str, voice: str, speed: int, pitch: int
) -> tuple[NDArray[np.int16], list[Phoneme]]:
    """Samples at the library's rate, and the phonemes. The caller holds the lock."""
    _choose(library, voice)
    library.espeak_ng_SetRandSeed(_SEED)  # breath and unevenness of a voice are drawn; seeded from the clock otherwise
    library.espeak_SetParameter(_RATE, speed, 0)
    library.espeak_SetParameter(_PITCH, pitch, 0)
    pieces: list[NDArray[np.int16]] = []
    phonemes: list[Phoneme] = []

    @_CALLBACK
    def collect(samples, count, events):  # type: ignore[no-untyped-def]
        if samples and count > 0:
            pieces.append(np.ctypeslib.as_array(samples, (count,)).astype(np.int16))
        index = 0
        while events[index].type != 0:
            event = events[index]
            name = event.id.string.decode("utf-8", "ignore") if event.type == _PHONEME_EVENT else "("
            if not name.startswith("("):  # "(en)" announces a switch of language
                phonemes.append(Phoneme(event.audio_position / 1000, name))
            index += 1
        return 0

    library.espeak_SetSynthCallback(collect)
    data = text.encode()
    code = library.espeak_Synth(data, len(data) + 1, 0, 1, 0, _UTF8, None, None)
    library.espeak_Synchronize()
    if code != 0:
        raise InternalError(f"espeak-ng could not speak the text (code {code})")
    return np.concatenate(pieces) if pieces else np.zeros(0, np.int16), phonemes


def _write_wav(path: Path, samples: NDArray[np.int16], sample_rate_hz: int) -> None:
    with atomic_path(path, force=True) as temporary, wave.open(str(temporary), "wb") as file:
        file.setparams((1, 2, sample_rate_hz, 0, "NONE", ""))
        file.writeframes(samples.astype("<i2").tobytes())
