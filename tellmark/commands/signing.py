"""The flags of commands that sign and register."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

REGISTER = "Where clips are registered: a SQLite file or postgresql://.. Default: yours."


def signing(function: Callable[..., Any]) -> Callable[..., Any]:
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
        from tellmark.watermark.identity import keys as keyring

        chosen = keyring.named(sign_cert, sign_key, sign_command, tsa_url)
        assert chosen is not None
        with keyring.use(chosen):
            return function(*args, **kwargs)

    return wrapped
