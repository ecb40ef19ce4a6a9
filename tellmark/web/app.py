"""The application: the verify page, `/api/` for verdicts, and the C2PA Soft Binding Resolution API."""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from tellmark.errors import TellmarkError
from tellmark.watermark.claims import SOFT_BINDING_ALGORITHM
from tellmark.watermark.stores.entry import Entry
from tellmark.web import bindings
from tellmark.web.bindings import Resolver
from tellmark.web.guard import LOOPBACK, Guard
from tellmark.web.jobs import Job, Jobs
from tellmark.web.limits import Limits
from tellmark.web.problems import Problem
from tellmark.web.uploads import Storage, drain

_STATIC = Path(__file__).parent
_FILES = ("verify.css", "verify.js", "evidence.js", "timeline.js", "icon.svg")
_QUERY_BYTES = 1 << 16
_WATCH_S = 0.5  # how often a waiting client is looked for


def create_app(
    limits: Limits | None = None,
    *,
    registry: str | Path | None = None,
    trust: str | Path | None = None,
    hosts: frozenset[str] | None = LOOPBACK,
    folder: Path | None = None,
) -> Starlette:
    """The ASGI application.

    registry, trust: as of :func:`tellmark.watermark.verify.verify`. hosts: the names it may be called by, None for any.
    folder: where a private folder for uploads is made; by default the system's temporary folder.
    """
    limits = limits or Limits()

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        uploads = Path(tempfile.mkdtemp(prefix="tellmark-serve-", dir=folder))
        app.state.limits = limits
        app.state.storage = Storage(uploads, limits)
        app.state.jobs = Jobs(
            app.state.storage, limits, registry=str(registry) if registry else None, trust=str(trust) if trust else None
        )
        app.state.resolver = Resolver(registry)
        try:
            yield
        finally:
            await app.state.jobs.close()
            app.state.resolver.close()
            shutil.rmtree(uploads, ignore_errors=True)

    return Starlette(
        routes=[
            Route("/", _static("verify.html")),
            *(Route(f"/{name}", _static(name)) for name in _FILES),
            Route("/api/service", service),
            Route("/api/verify", verify, methods=["POST"]),
            Route("/api/jobs/{job}", job_state, methods=["GET", "DELETE"]),
            Route("/matches/byBinding", by_binding, methods=["GET", "POST"]),
            Route("/matches/byContent", by_content, methods=["POST"]),
            Route("/manifests/{manifest:path}", manifest_store),
            Route("/fingerprints/{manifest:path}", fingerprint),
            Route("/manifests", not_offered, methods=["POST"]),
            Route("/bindings", not_offered, methods=["POST"]),
            Route("/services/supportedAlgorithms", algorithms),
        ],
        middleware=[Middleware(Guard, hosts=hosts)],
        exception_handlers={
            Problem: _on_problem,
            TellmarkError: _on_tellmark_error,
            HTTPException: _on_http_error,
            Exception: _on_error,
        },
        lifespan=lifespan,
    )


# Verdicts


async def service(request: Request) -> Response:
    """What this server takes; the page asks it before it sends a file."""
    limits: Limits = request.app.state.limits
    return JSONResponse({"schema": "tellmark.service/1", "max_bytes": limits.max_bytes})


async def verify(request: Request) -> Response:
    """Receive a file and queue it (202, a job), or with ``?wait=true`` answer with its verdict.

    With ``?localise=true`` it also says which half seconds and regions of a marked video lack the mark.
    """
    job = await _received(request)
    if request.query_params.get("wait") == "true":
        return JSONResponse(await _verdict(request, job))
    location = f"/api/jobs/{job.id}"
    return JSONResponse(_described(request, job), 202, {"Location": location})


async def job_state(request: Request) -> Response:
    """How far a job is, with its verdict or error at the end; DELETE cancels it."""
    jobs: Jobs = request.app.state.jobs
    job = jobs.get(request.path_params["job"])
    if request.method == "DELETE" and job.task is not None:
        job.task.cancel()
        await asyncio.wait([job.task])
        await asyncio.sleep(0)  # the task's callbacks run in the next turn of the loop
    return JSONResponse(_described(request, job))


async def _received(request: Request) -> Job:
    jobs: Jobs = request.app.state.jobs
    try:
        with jobs.place():
            upload = await request.app.state.storage.receive(request)
            return jobs.submit(upload, localise=request.query_params.get("localise") == "true")
    except Problem as problem:
        if problem.status != 408:
            await drain(request)
        raise


async def _verdict(request: Request, job: Job) -> dict[str, Any]:
    """Wait for a job; it is cancelled when the client goes away."""
    assert job.task is not None
    while not job.task.done():
        await asyncio.wait([job.task], timeout=_WATCH_S)
        if await request.is_disconnected():
            job.task.cancel()
    await asyncio.sleep(0)
    if job.problem is not None:
        raise job.problem
    assert job.verdict is not None
    return job.verdict


def _described(request: Request, job: Job) -> dict[str, Any]:
    return {
        "schema": "tellmark.job/1",
        "id": job.id,
        "file": job.name,
        "state": job.state,
        "ahead": request.app.state.jobs.ahead(job),
        "progress": job.progress,
        "verdict": job.verdict,
        "explanation": job.explanation,
        "error": job.problem.to_json() if job.problem else None,
        "status": job.problem.status if job.problem else None,
    }


# Soft bindings


async def by_binding(request: Request) -> Response:
    """``queryByBinding`` and, as POST with a JSON body, ``queryByLargeBinding``."""
    query: Any = request.query_params if request.method == "GET" else await _query(request)
    bindings.require_algorithm(query.get("alg"))
    payload = bindings.payload_of(query.get("value"))
    limit = bindings.max_results(request.query_params.get("maxResults"))
    return JSONResponse(await run_in_threadpool(request.app.state.resolver.matches, payload, limit))


async def by_content(request: Request) -> Response:
    """``uploadFile``: the manifests that the watermark of the file in the body stands for."""
    bindings.require_algorithm(request.query_params.get("alg", SOFT_BINDING_ALGORITHM))
    limit = bindings.max_results(request.query_params.get("maxResults"))
    verdict = await _verdict(request, await _received(request))
    payload = verdict["watermark"]["payload"]
    if payload is None:
        return JSONResponse({"matches": []})
    fits = verdict["registry"]["fingerprint_match"]
    return JSONResponse(await run_in_threadpool(request.app.state.resolver.matches, payload, limit, fits))


async def manifest_store(request: Request) -> Response:
    """``getManifestById``: the bytes of the manifest store."""
    if request.query_params.get("returnActiveManifest", "false").lower() != "false":
        raise Problem(501, "single manifests are not given", "leave returnActiveManifest out and take the whole store")
    return Response((await _entry(request)).manifest, media_type="application/c2pa")


async def fingerprint(request: Request) -> Response:
    """The content fingerprint of a manifest's clip, whose hash is in the manifest. Not part of the standard."""
    return Response((await _entry(request)).fingerprint, media_type="application/octet-stream")


async def _entry(request: Request) -> Entry:
    entry: Entry | None = await run_in_threadpool(request.app.state.resolver.entry, request.path_params["manifest"])
    if entry is None:
        raise Problem(404, "there is no such manifest in the registry", "take an identifier from /matches/byBinding")
    return entry


async def algorithms(request: Request) -> Response:
    """``getSupportedBindings``."""
    return JSONResponse(bindings.supported_algorithms())


async def not_offered(request: Request) -> Response:
    """``/manifests`` and ``/bindings`` take new entries in the standard; here only signing writes the registry."""
    raise Problem(501, "the registry is read-only here", "use `tellmark render` or `tellmark mark`, which register")


async def _query(request: Request) -> dict[str, Any]:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _QUERY_BYTES:
            raise Problem(413, "the query is too long", "send alg and value alone")
    try:
        query = json.loads(body)
    except ValueError:
        query = None
    if not isinstance(query, dict):
        raise Problem(400, "the body is not a JSON object", 'send {"alg": .., "value": ..}')
    return query


# Files and errors


def _static(name: str) -> Any:
    async def endpoint(request: Request) -> Response:
        return FileResponse(_STATIC / name, headers={"Cache-Control": "no-cache"})

    return endpoint


async def _on_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return error.response()


async def _on_tellmark_error(request: Request, error: Exception) -> Response:
    """Below a handler these come from the registry; what they say of the server's files is not for its clients."""
    return Problem(503, "the registry cannot be read", "tell whoever runs this server").response()


async def _on_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    text = {404: "there is nothing at this address", 405: "this address does not take that method"}
    problem = Problem(
        error.status_code, text.get(error.status_code, error.detail), "see the page at / or docs/serve.md"
    )
    response = problem.response()
    response.headers.update(error.headers or {})
    return response


async def _on_error(request: Request, error: Exception) -> Response:
    return Problem(500, "something went wrong inside the server", "report it with the server's log").response()
