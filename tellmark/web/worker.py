"""The process that looks at one uploaded file: `python -m tellmark.web.worker`, with a request in JSON on stdin.

Decoders read what strangers send, so they run here, with limits on memory, processor time and file size that this
process sets itself before it opens the file. It answers with lines of JSON on stdout: ``{"progress": [done, total]}``
and at the end one of ``{"verdict", "explanation"}``, ``{"problem": [status, error, what to do]}`` and
``{"traceback"}``.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
import traceback
from pathlib import Path
from typing import Any

_PROGRESS_S = 0.1
_OTHERWISE = {
    415: "give a video, picture or sound that FFmpeg can read",
    422: "check that the file plays; if it does, convert it to MP4 and try again",
    503: "try again later, or tell whoever runs this server",
}


def main() -> None:
    """Answer the request on stdin: not in the arguments, which anybody on the machine can list."""
    request = json.load(sys.stdin)
    _limit(request["memory_bytes"], request["cpu_s"], request["file_bytes"])
    try:
        answer = _answer(request)
    except MemoryError:
        answer = {"problem": [422, *TOO_MUCH]}
    except Exception:
        answer = {"traceback": traceback.format_exc()}
    _say(answer)


TOO_MUCH = (
    "looking at the file takes more memory than the server grants, or breaks the decoder",
    "scale the video down, or use `tellmark verify`, which has no limit",
)


def _limit(memory_bytes: int, cpu_s: int, file_bytes: int) -> None:
    import resource

    limits = {
        resource.RLIMIT_AS: memory_bytes,
        resource.RLIMIT_CPU: cpu_s,
        resource.RLIMIT_FSIZE: file_bytes,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NOFILE: 256,
    }
    for kind, value in limits.items():
        with contextlib.suppress(ValueError, OSError):  # above a limit that is already in force, or not known here
            # Processor time: a signal of its own at the soft limit, which tells it from a kill.
            hard = value + 5 if kind == resource.RLIMIT_CPU else value
            resource.setrlimit(kind, (value, hard))
    os.nice(5)  # the server itself should answer quickly


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    from tellmark.errors import InputError, TellmarkError
    from tellmark.watermark import formats
    from tellmark.watermark.explain import explain
    from tellmark.watermark.registry import Registry
    from tellmark.watermark.verify import verify

    path, trust = Path(request["path"]), request["trust"]
    registry, localise = request["registry"], request["localise"]
    try:
        with Registry(registry) as rows:
            rows.check()
    except TellmarkError as error:
        return _problem(503, str(error))
    try:
        roots = Path(trust) if trust else None
        verdict = verify(path, trust=roots, registry=registry, localise=localise, progress=_Progress())
    except InputError as error:
        status = 415 if formats.sniff(path) == formats.UNKNOWN else 422
        return _problem(status, str(error).replace(str(path), request["name"]))
    except TellmarkError as error:
        return _problem(503, str(error))
    return {"verdict": {**verdict.to_json(), "file": request["name"]}, "explanation": explain(verdict)}


def _problem(status: int, text: str) -> dict[str, Any]:
    """The package's messages read "what is wrong; what to do"."""
    error, _, what_to_do = text.rpartition("; ")
    return {"problem": [status, error or text, what_to_do if error else _OTHERWISE[status]]}


class _Progress:
    """A progress callback that speaks a few times a second."""

    def __init__(self) -> None:
        self._next = 0.0

    def __call__(self, done: int, total: int | None) -> None:
        now = time.monotonic()
        if now >= self._next or done == total:
            self._next = now + _PROGRESS_S
            _say({"progress": [done, total]})


def _say(record: dict[str, Any]) -> None:
    print(json.dumps(record), flush=True)


if __name__ == "__main__":
    main()
