"""What protects the page and the people in front of it: security headers, and a look at where a request comes from."""

from __future__ import annotations

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tellmark.web.problems import Problem

# Nothing from elsewhere and nothing inline. blob: is the video that the page shows from the visitor's own disk.
_POLICY = (
    "default-src 'self'; media-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})


class Guard:
    """ASGI middleware.

    hosts: the names by which the server may be called, None for any. Without this a page elsewhere could point a name
    of its own at the visitor's machine (DNS rebinding) and read the answers. Requests that change something and that a
    browser sends on behalf of another site are refused as well.
    """

    def __init__(self, app: ASGIApp, hosts: frozenset[str] | None) -> None:
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        problem = self._problem(scope["method"], Headers(scope=scope))
        await (problem.response() if problem else self._app)(scope, receive, guarded)

    def _problem(self, method: str, headers: Headers) -> Problem | None:
        if self._hosts is not None and _without_port(headers.get("host", "")) not in self._hosts:
            return Problem(403, "the server is not known by this name", "call it by the address it was started with")
        if method not in ("GET", "HEAD") and headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            return Problem(403, "another site sent this request", "open the page of the server itself")
        return None


def _without_port(host: str) -> str:
    name, _, port = host.rpartition(":")
    return (name if name and port.isdigit() else host).lower()
