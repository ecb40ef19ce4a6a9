"""What the built-in voices say: sentences of our own in several languages, kept in ``sentences.toml``."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources


def languages() -> tuple[str, ...]:
    """The languages there are sentences in."""
    return tuple(_table())


def sentences(language: str) -> tuple[str, ...]:
    """Sentences for an espeak-ng language code, or for its language without the region; () for others."""
    return _table().get(language) or _table().get(language.split("-")[0]) or ()


@cache
def _table() -> dict[str, tuple[str, ...]]:
    source = resources.files("tellmark.generator.audio").joinpath("sentences.toml").read_text("utf-8")
    return {language: tuple(texts) for language, texts in tomllib.loads(source).items()}
