"""Errors as HTTP answers: a status and the ``tellmark.error/1`` object, which says what went wrong and what to do."""

from __future__ import annotations

from typing import Any

from starlette.responses import JSONResponse


class Problem(Exception):
    """Raised anywhere below a handler; the application turns it into the answer."""

    def __init__(self, status: int, error: str, what_to_do: str) -> None:
        super().__init__(error)
        self.status = status
        self.what_to_do = what_to_do

    def to_json(self) -> dict[str, Any]:
        """The ``tellmark.error/1`` object."""
        return {"schema": "tellmark.error/1", "error": str(self), "what_to_do": self.what_to_do}

    def response(self) -> JSONResponse:
        """The answer. 503 asks the client to come back; one that leaves a body unread ends the connection."""
        headers = {"Retry-After": "10"} if self.status == 503 else {}
        if self.status in (408, 413, 415):
            headers["Connection"] = "close"
        return JSONResponse(self.to_json(), self.status, headers)
