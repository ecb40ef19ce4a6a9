"""The C2PA Soft Binding Resolution API (C2PA 2.4, "Soft Binding API"), read-only over the registry.

A client that finds a watermark in a file without a manifest asks ``/matches/byBinding`` for the identifiers of the
manifests it stands for, and ``/manifests/{id}`` for the manifest store. The value of a binding is that of the
manifest's ``c2pa.soft-binding`` assertion, in base64: the payload's 16 hexadecimal digits; its 8 bytes are taken too.

Beside the standard routes, ``/fingerprints/{id}`` gives the fingerprint of a manifest's clip: its hash is in the
manifest, so that whoever asks can check both, and then his file's content.
"""

from __future__ import annotations

import base64
import binascii
import re
from pathlib import Path
from typing import Any

from tellmark.watermark.claims import SOFT_BINDING_ALGORITHM
from tellmark.watermark.jumbf import identifier
from tellmark.watermark.registry import Registry
from tellmark.watermark.stores.entry import Entry
from tellmark.web.problems import Problem

DEFAULT_RESULTS = 10
_PAYLOAD = re.compile(r"[0-9a-f]{16}")
_WHAT_TO_DO = f"ask for alg={SOFT_BINDING_ALGORITHM}, the one algorithm of this service"


def supported_algorithms() -> dict[str, Any]:
    """``c2pa.softBindingAlgList``."""
    return {"watermarks": [{"alg": SOFT_BINDING_ALGORITHM}], "fingerprints": []}


def require_algorithm(alg: object) -> None:
    """:class:`Problem` 400 unless ``alg`` is the watermark's."""
    if alg != SOFT_BINDING_ALGORITHM:
        raise Problem(400, "alg names a soft binding that is not known here" if alg else "alg is missing", _WHAT_TO_DO)


def payload_of(value: object) -> str:
    """The payload, 16 hex digits, that a base64 ``value`` stands for. Raises :class:`Problem` 400."""
    try:
        # In a URL, a plus sign that was not escaped arrives as a space; the URL-safe alphabet is taken as well.
        text = str(value or "").replace(" ", "+").replace("-", "+").replace("_", "/")
        raw = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    payload = raw.hex() if len(raw) == 8 else raw.decode("ascii", "replace").lower()
    if not _PAYLOAD.fullmatch(payload):
        raise Problem(
            400,
            "value is not a watermark's payload",
            "give the value of the manifest's c2pa.soft-binding assertion (16 hexadecimal digits), in base64",
        )
    return payload


def max_results(value: str | None) -> int:
    """The parameter ``maxResults``. Raises :class:`Problem` 400."""
    if value is None:
        return DEFAULT_RESULTS
    if not value.isascii() or not value.isdigit() or int(value) < 1:
        raise Problem(400, "maxResults is not a whole number from 1 on", "leave it out, or give a number such as 10")
    return int(value)


class Resolver:
    """From payloads to identifiers of manifests, and from those to what is registered. Safe to use from threads.

    Every method raises :class:`tellmark.errors.InputError` where the registry cannot be read.
    """

    def __init__(self, registry: str | Path | None) -> None:
        self._rows = Registry(registry)

    def close(self) -> None:
        """Close the registry."""
        self._rows.close()

    def matches(self, payload: str, limit: int, fits: bool | None = True) -> dict[str, Any]:
        """``c2pa.softBindingQueryResult``: newest manifests first.

        ``fits``: whether an uploaded file's content is the registered one. A mark can be copied: the score is then 0;
        it is left out where nothing could be compared.
        """
        found = [identifier(entry.manifest) for entry in self._rows.find(payload)]
        score = {} if fits is None else {"similarityScore": 100 if fits else 0}
        known = list(dict.fromkeys(name for name in found if name is not None))
        return {"matches": [{"manifestId": name, **score} for name in known[:limit]]}

    def entry(self, manifest_id: str) -> Entry | None:
        """The entry whose active manifest has this identifier."""
        return self._rows.find_manifest(manifest_id)
