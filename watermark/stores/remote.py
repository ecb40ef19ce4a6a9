"""A registry that is somebody else's service: any C2PA Soft Binding Resolution API (C2PA 2.4), which is only asked.

The standard leads from a payload to manifest stores. Whether a video's content fits one is told by its fingerprint,
whose hash is in the signed manifest; ``tellmark serve`` gives it at ``/fingerprints/{id}`` beside the standard routes.
A service without that route leaves the content unconfirmed.

What is sent is the payload and nothing of the file. What comes back is limited in size and time, and a redirect is
followed only within the address that the user named.
"""

from __future__ import annotations

import base64
import http.client
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

import tellmark
from tellmark.errors import InputError, UsageError
from tellmark.watermark.claims import SOFT_BINDING_ALGORITHM
from tellmark.watermark.jumbf import identifier
from tellmark.watermark.stores.entry import Entry

SILENCE_S = 10.0  # longest pause within an answer
ANSWER_S = 30.0  # longest answer
MAX_MATCHES = 10  # manifests of one payload that are looked at
_JSON_BYTES, _BYTES = 1 << 20, 32 << 20  # largest list of matches; largest manifest store or fingerprint


class Service:
    """One service by the ``http://`` or ``https://`` address of its API."""

    def __init__(self, url: str) -> None:
        self._base = url.rstrip("/")
        try:
            parts = urllib.parse.urlsplit(url)
            named = bool(parts.hostname) and (parts.port or True)
        except ValueError:
            named = False
        if not named or parts.query or parts.fragment or parts.username:
            raise UsageError(f"--registry {url}: give the address of a service, such as https://example.org/resolver")
        self._open = urllib.request.build_opener(_SameAddress).open

    def find(self, payload: str) -> list[Entry]:
        """The entries of a payload, in the service's order; without title, hash and time."""
        value = base64.b64encode(payload.encode()).decode()
        query = urllib.parse.urlencode({"alg": SOFT_BINDING_ALGORITHM, "value": value, "maxResults": MAX_MATCHES})
        answer = self._get(f"matches/byBinding?{query}", _JSON_BYTES)
        found = [self.find_manifest(name, payload) for name in self._names(answer)] if answer is not None else []
        return [entry for entry in found if entry is not None]

    def payloads(self, most: int) -> list[str]:
        """None: a service answers for payloads that were read, and tells no others."""
        return []

    def find_manifest(self, manifest_id: str, payload: str = "") -> Entry | None:
        """The manifest store of an identifier, with its fingerprint where the service gives it."""
        name = urllib.parse.quote(manifest_id, safe=":")
        store = self._get(f"manifests/{name}", _BYTES)
        if store is None or identifier(store) != manifest_id:
            return None
        return Entry(payload, store, self._get(f"fingerprints/{name}", _BYTES) or b"", created_at="")

    def check(self) -> None:
        """Raise :class:`InputError` where the service does not answer, or not for tellmark's watermark."""
        answer = self._get("services/supportedAlgorithms", _JSON_BYTES)
        try:
            known = [item["alg"] for item in json.loads(answer or b"")["watermarks"]]
        except (ValueError, TypeError, KeyError) as error:
            raise self._error("its list of algorithms cannot be read: it is no Soft Binding Resolution API") from error
        if SOFT_BINDING_ALGORITHM not in known:
            raise self._error(f"it does not know {SOFT_BINDING_ALGORITHM}")

    def count(self) -> int:
        """Refuse: the standard has no such question."""
        raise UsageError(f"{self._base} is a service: it does not tell how many clips it knows")

    def prepare(self) -> None:
        """Refuse: clips are registered where they are made."""
        raise UsageError(f"{self._base} is a service, which can only be asked; register in a file or in PostgreSQL")

    def add(self, entry: Entry) -> None:
        """Refuse, as :meth:`prepare`."""
        self.prepare()

    def withdraw(self, sha256: str) -> None:
        """Refuse, as :meth:`prepare`."""
        self.prepare()

    def close(self) -> None:
        """Nothing is kept open."""

    def _names(self, answer: bytes) -> list[str]:
        try:
            matches = json.loads(answer)["matches"]
            return [str(match["manifestId"]) for match in matches][:MAX_MATCHES]
        except (ValueError, TypeError, KeyError) as error:
            raise self._error("its answer is not that of a Soft Binding Resolution API") from error

    def _get(self, path: str, limit: int) -> bytes | None:
        """The body of an answer; None where the service has nothing (404), or not this route (501)."""
        request = urllib.request.Request(f"{self._base}/{path}")
        request.add_header("User-Agent", f"tellmark/{tellmark.__version__}")
        until = time.monotonic() + ANSWER_S
        try:
            with self._open(request, timeout=SILENCE_S) as response:
                return self._read(response, limit, until)
        except urllib.error.HTTPError as error:
            with error:
                if error.code in (404, 501):
                    return None
                raise self._error(f"it answers {error.code} {error.reason}") from error
        except (OSError, http.client.HTTPException) as error:
            raise self._error(str(getattr(error, "reason", None) or error or type(error).__name__)) from error

    def _read(self, response: Any, limit: int, until: float) -> bytes:
        data = b""
        while chunk := response.read1(1 << 16):
            data += chunk
            if len(data) > limit:
                raise self._error(f"its answer is larger than {limit >> 20} MiB")
            if time.monotonic() > until:
                raise self._error(f"it has not finished its answer within {ANSWER_S:g} s")
        return data

    def _error(self, reason: str) -> InputError:
        return InputError(f"the registry {self._base} cannot be asked ({reason}); try again, or give another")


class _SameAddress(urllib.request.HTTPRedirectHandler):
    """Follows a redirect only to where the user has agreed to ask."""

    def redirect_request(
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        asked, sent = urllib.parse.urlsplit(req.full_url), urllib.parse.urlsplit(newurl)
        if (asked.scheme, asked.netloc) != (sent.scheme, sent.netloc):
            raise OSError(f"it sends us on to {sent.scheme}://{sent.netloc}, which was not asked for")
        return super().redirect_request(req, fp, code, msg, headers, newurl)
