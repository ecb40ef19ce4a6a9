"""Runs the application."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable
from pathlib import Path

from tellmark.errors import UsageError

MAX_BYTES = 500_000_000


def serve(
    host: str = "127.0.0.1",
    port: int = 8000,
    *,
    max_bytes: int = MAX_BYTES,
    workers: int = 1,
    registry: str | Path | None = None,
    trust: str | Path | None = None,
    ready: Callable[[str], None] | None = None,
) -> None:
    """Serve until interrupted.

    port: 0 for any that is free. max_bytes: largest file taken. workers: files verified at once. registry, trust: as of
    :func:`tellmark.watermark.verify.verify`. ready: called with the address once it is open.

    Raises :class:`UsageError` where the extra is not installed, or the address cannot be used.
    """
    try:
        import uvicorn

        from tellmark.web.app import create_app
        from tellmark.web.guard import LOOPBACK
        from tellmark.web.limits import Limits
    except ModuleNotFoundError as error:
        raise UsageError(f"serve needs {error.name}; install it with: pip install 'tellmark[serve]'") from error
    from tellmark.watermark.identity import keys
    from tellmark.watermark.registry import Registry

    with Registry(registry) as rows:  # say now what every visitor would be told later
        rows.check()
    keys.trust_pem(Path(trust) if trust else None)
    listening = _listen(host, port)
    address = listening.getsockname()[:2]
    app = create_app(
        Limits(max_bytes=max_bytes, workers=workers),
        registry=registry,
        trust=trust,
        hosts=LOOPBACK if _is_loopback(address[0]) else None,
    )
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        date_header=False,
        limit_concurrency=512,
        timeout_graceful_shutdown=3,
    )
    if ready is not None:
        name = f"[{address[0]}]" if ":" in address[0] else address[0]
        ready(f"http://{name}:{address[1]}/")
    with listening:
        uvicorn.Server(config).run(sockets=[listening])


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.create_server(address[:2], family=family, backlog=512)
    except OSError as error:
        raise UsageError(
            f"{host} port {port} cannot be used ({error.strerror}); choose another with --host or --port"
        ) from error
    return listening


def _is_loopback(address: str) -> bool:
    return ipaddress.ip_address(address.split("%")[0]).is_loopback
