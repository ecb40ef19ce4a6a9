"""What every command shares: -q, -v and --json, messages to stderr, one JSON object to stdout, bars on a terminal."""

from __future__ import annotations

import functools
import json
import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tellmark.errors import TellmarkError
from tellmark.finite import finite
from tellmark.runs import Progress

if TYPE_CHECKING:  # it imports numpy, and the command line must not before it has said how many threads it may start
    from tellmark.types import Failure

PATH = click.Path(path_type=Path)
OUT = click.option("-o", "--out", required=True, type=PATH, help="Where to write.")
PERSONS = "Who is in which video of the two folders: columns path, person_id, system."
FORCE = click.option("--force", is_flag=True, help="Overwrite an existing output.")


@dataclass(frozen=True, slots=True)
class Console:
    """How this run talks."""

    json: bool = False
    quiet: bool = False
    verbose: bool = False

    def say(self, text: str) -> None:
        """A message for a person, on stderr; silenced by -q."""
        if not self.quiet:
            click.echo(text, err=True)

    def detail(self, text: str) -> None:
        """A message shown with -v only."""
        if self.verbose:
            click.echo(text, err=True)

    def result(self, record: dict[str, Any], text: str) -> None:
        """The answer, on stdout: ``record`` as one line of JSON with --json, else ``text``."""
        click.echo(json.dumps(finite(record), default=str) if self.json else text)

    def failure(self, record: dict[str, Any], text: str) -> None:
        """What kept one of many from an answer: ``record`` on stdout with --json, else ``text`` on stderr."""
        click.echo(json.dumps(finite(record), default=str) if self.json else text, err=not self.json)

    def left_out(self, failures: Sequence[Failure]) -> None:
        """Name on stderr the files that could not be read, and end the command with exit code 3 if there are any.

        Call it after :meth:`result`: the answer is of the other files.
        """
        self._name(failures)
        if failures:
            click.echo(f"{len(failures)} of the files could not be read; the answer leaves them out", err=True)
            raise click.exceptions.Exit(3)

    @contextmanager
    def leaving_out(self) -> Iterator[list[Failure]]:
        """A list for the files that could not be read, of which :meth:`left_out` is told at the end.

        They are named, too, where the others are not enough for an answer.
        """
        failures: list[Failure] = []
        try:
            yield failures
        except TellmarkError:
            self._name(failures)
            raise
        self.left_out(failures)

    def _name(self, failures: Sequence[Failure]) -> None:
        for failure in failures:
            click.echo(f"error: {plain(failure.error)}", err=True)

    @contextmanager
    def progress(self, label: str) -> Iterator[Progress | None]:
        """A callback for library code, drawn as a bar with an ETA on a terminal and not at all elsewhere."""
        if self.quiet or not sys.stderr.isatty():
            yield None
            return
        with click.progressbar(length=1, label=label, file=sys.stderr, update_min_steps=1) as bar:

            def update(done: int, total: int | None) -> None:
                if total is not None and bar.length != total:
                    bar.length = total
                bar.update(done - bar.pos)

            yield update


def command(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a click command the options --json, -q and -v, and pass them on as ``console``."""

    @click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
    @click.option("-q", "--quiet", is_flag=True, help="Say nothing but the answer.")
    @click.option("-v", "--verbose", is_flag=True, help="Say more; show the traceback of an internal error.")
    @functools.wraps(function)
    def wrapped(*args: Any, as_json: bool, quiet: bool, verbose: bool, **kwargs: Any) -> Any:
        logging.getLogger("tellmark").setLevel(logging.ERROR if quiet else logging.WARNING)
        return function(*args, console=Console(as_json, quiet, verbose), **kwargs)

    return wrapped


def plain(text: str) -> str:
    """``text``, of which a part is a file's name or other words of strangers, on one line that a terminal only shows.

    Line breaks and escape sequences in it would otherwise pass for lines of ours; they become U+FFFD.
    """
    return "".join(sign if sign.isprintable() or _undecoded(sign) else "\N{REPLACEMENT CHARACTER}" for sign in text)


def _undecoded(sign: str) -> bool:
    """Whether it stands for a byte of a file's name that is no UTF-8, which is written as it was."""
    return "\udc80" <= sign <= "\udcff"


def table(facts: dict[str, Any]) -> str:
    """Facts for a person: one a line, names aligned and in words, counts as ``fake 4, real 8``, a dash for nothing."""
    width = max(map(len, facts), default=0)
    return "\n".join(f"{key.replace('_', ' '):{width}}  {_words(value)}" for key, value in facts.items())


def _words(value: Any) -> str:
    if isinstance(value, dict):
        value = ", ".join(f"{key} {count}" for key, count in value.items())
    return "–" if value is None or value == "" else str(value)


def answer(yes: bool) -> None:
    """End the command with exit code 0 for yes and 1 for no."""
    if not yes:
        raise click.exceptions.Exit(1)
