"""The user's settings file: ``config.toml`` in ``tellmark.runs.home()``. Flags and the environment come before it.

::

    [signing]
    certificate = "chain.pem"       # chain, leaf first; paths are taken from this file's folder
    key = "key.pem"                 # or, where the key is kept elsewhere:
    command = "program arguments"
    timestamp_url = "https://..."   # an RFC 3161 authority

    [trust]
    anchors = "roots.pem"           # trusted beside the development root

    [registry]
    url = "postgresql://..."        # or a path
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from tellmark import runs
from tellmark.errors import UsageError

NAME = "config.toml"
_KNOWN = {
    "signing": {"certificate", "key", "command", "timestamp_url"},
    "trust": {"anchors"},
    "registry": {"url"},
}


@dataclass(frozen=True, slots=True)
class Settings:
    """What the file says; None where it is silent. Paths are absolute, or PEM text as it is written."""

    file: Path
    certificate: str | None = None
    key: str | None = None
    command: str | None = None
    timestamp_url: str | None = None
    anchors: str | None = None
    registry: str | None = None


def load() -> Settings:
    """The settings; empty ones where there is no file. Raises :class:`UsageError` for a file that cannot be taken."""
    file = runs.home() / NAME
    try:
        table = tomllib.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        return Settings(file)
    except (OSError, ValueError) as error:  # ValueError: no UTF-8, no TOML
        raise UsageError(f"{file} cannot be read ({error}); correct it or move it away") from error
    for section, values in table.items():
        known = _KNOWN.get(section)
        if known is None or not isinstance(values, dict):
            raise UsageError(f"{file}: [{section}] is not known; there are {', '.join(f'[{name}]' for name in _KNOWN)}")
        for name, value in values.items():
            if name not in known or not isinstance(value, str) or not value:
                raise UsageError(
                    f"{file}: [{section}] takes text for {', '.join(sorted(known))}, not {name} = {value!r}"
                )
    signing, trust = table.get("signing", {}), table.get("trust", {})
    registry = table.get("registry", {}).get("url")
    return Settings(
        file,
        certificate=_path(file, signing.get("certificate")),
        key=_path(file, signing.get("key")),
        command=signing.get("command"),
        timestamp_url=signing.get("timestamp_url"),
        anchors=_path(file, trust.get("anchors")),
        registry=registry if registry is None or "://" in registry else _path(file, registry),
    )


def _path(file: Path, value: str | None) -> str | None:
    if value is None or "-----BEGIN" in value:
        return value
    return str(file.parent / Path(value).expanduser())
