"""A TOML table whose values are taken out one by one; what does not fit is refused with its line and the fix."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from tellmark.errors import InputError, UsageError


@dataclass(frozen=True, slots=True)
class TomlTable:
    """The file itself (``name`` empty) or one table in it."""

    path: Path
    name: str
    values: Mapping[str, Any]
    lines: Mapping[str, int]  # of dotted keys

    @classmethod
    def read(cls, path: Path, text: str, keys: tuple[str, ...], tables: tuple[str, ...]) -> TomlTable:
        """Parse ``text``. Raises :class:`InputError` if it is no TOML, :class:`UsageError` for other keys or tables."""
        try:
            values = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise InputError(f"{path} is not TOML that can be read ({error})") from error
        table = cls(path, "", values, dict(_key_lines(text)))
        table.only(keys, tables)
        return table

    def __contains__(self, key: str) -> bool:
        return key in self.values

    def table(self, key: str, keys: tuple[str, ...]) -> TomlTable:
        """The table ``key`` (empty if absent), which may hold ``keys``."""
        value = self.values.get(key, {})
        if not isinstance(value, dict):
            self.refuse(key, f"is a table: write [{key}] on a line of its own and its keys below")
        inner = TomlTable(self.path, key, value, self.lines)
        inner.only(keys)
        return inner

    def only(self, keys: tuple[str, ...], tables: tuple[str, ...] = ()) -> None:
        """Refuse every other key."""
        for key in self.values:
            if key not in keys + tables:
                known = ", ".join((*keys, *(f"[{name}]" for name in tables)))
                self.refuse(key, f"unknown{_nearest(key, keys + tables)}; the keys here are {known}")

    def number(self, key: str, default: float, low: float, high: float) -> float:
        """A number in [low, high]."""
        value = self.values.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.refuse(key, f"{value!r} is no number; give one from {low:g} to {high:g}")
        if not low <= value <= high:
            self.refuse(key, f"{value} must lie between {low:g} and {high:g}")
        return float(value)

    def whole(self, key: str, default: int, low: int, high: int) -> int:
        """A whole number in [low, high]."""
        value = self.number(key, default, low, high)
        if not isinstance(self.values.get(key, default), int):
            self.refuse(key, f"{value} is no whole number; give one from {low} to {high}")
        return int(value)

    def text(self, key: str, default: str | None = None) -> str:
        """A text that is not empty; without ``default`` it must be given."""
        if key not in self.values and default is None:
            self.refuse(key, f'is missing; add {key} = "..."')
        value = self.values.get(key, default)
        if not isinstance(value, str) or not value.strip():
            self.refuse(key, 'give a text between quotes: "..."')
        return value.strip()

    def texts(self, key: str, default: tuple[str, ...]) -> tuple[str, ...]:
        """Different texts, at least one unless the default has none."""
        value = self.values.get(key, list(default))
        if not isinstance(value, list) or not all(isinstance(one, str) and one.strip() for one in value):
            self.refuse(key, 'give a list of texts: ["...", "..."]')
        if len(set(value)) < len(value) or (key in self.values and not value):
            self.refuse(key, "is empty or names something twice; name each once")
        return tuple(value)

    def numbers(self, key: str, default: tuple[float, ...], low: float, high: float) -> tuple[float, ...]:
        """A number, or a list of different ones, each in [low, high]."""
        value = self.values.get(key, list(default))
        several = value if isinstance(value, list) else [value]
        if len({float(one) for one in several if type(one) in (int, float)}) < len(several) or (
            key in self.values and not several
        ):
            self.refuse(key, f"give different numbers from {low:g} to {high:g}: [..]")
        for one in several:
            if not low <= one <= high:
                self.refuse(key, f"{one} must lie between {low:g} and {high:g}")
        return tuple(float(one) for one in several)

    def subset(self, key: str, default: tuple[str, ...], among: tuple[str, ...]) -> tuple[str, ...]:
        """Some of ``among``, in their order."""
        given = self.texts(key, default)
        for one in given:
            if one not in among:
                choice = ", ".join(among) or "nothing, as this plan is"
                self.refuse(key, f"{one!r} is unknown{_nearest(one, among)}; choose among {choice}")
        return tuple(one for one in among if one in given)

    def choice(self, key: str, default: str, among: tuple[str, ...]) -> str:
        """One of ``among``."""
        value = self.text(key, default)
        if value not in among:
            self.refuse(key, f"{value!r} is unknown{_nearest(value, among)}; choose one of {', '.join(among)}")
        return value

    def refuse(self, key: str, why: str) -> NoReturn:
        """Raise :class:`UsageError` that names the key, its line (or its table's) and ``why``."""
        dotted = f"{self.name}.{key}" if self.name else key
        raise UsageError(f"{_place(self.path, self.lines, dotted)}: {why}")


def place_of(path: Path, text: str, dotted: str) -> str:
    """Where a plan says ``dotted``, such as ``plan.toml, line 3: splits.train``; of its table where it does not."""
    return _place(path, dict(_key_lines(text)), dotted)


def _place(path: Path, lines: Mapping[str, int], dotted: str) -> str:
    line = lines.get(dotted) or lines.get(dotted.rpartition(".")[0])
    return f"{path}{f', line {line}' if line else ''}: {dotted}"


def _nearest(word: str, among: tuple[str, ...]) -> str:
    """A guess at what was meant."""
    found = difflib.get_close_matches(word, among, 1)
    return f", perhaps {found[0]!r} is meant" if found else ""


def _key_lines(text: str) -> Iterator[tuple[str, int]]:
    """(dotted key, line) of each table header and each key that starts a line."""
    table = ""
    for number, line in enumerate(text.splitlines(), 1):
        if header := re.match(r"\s*\[([\w.\-]+)\]", line):
            table = header[1] + "."
            yield header[1], number
        elif key := re.match(r"\s*\"?([\w.\-]+)\"?\s*=", line):
            yield table + key[1], number
