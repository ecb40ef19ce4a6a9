"""A registry that is a service: `tellmark serve` as it is really run, and services that misbehave."""

import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import pytest

from tellmark.benchmarks.channels import remux
from tellmark.encoding import VideoWriter
from tellmark.errors import InputError, UsageError
from tellmark.media import rgb_to_i420
from tellmark.types import Kind, VerdictKind
from tellmark.watermark.claims import Provenance
from tellmark.watermark.embed import Embedder
from tellmark.watermark.explain import explain
from tellmark.watermark.jumbf import identifier
from tellmark.watermark.registry import Registry
from tellmark.watermark.signal.payload import Payload
from tellmark.watermark.stores import remote
from tellmark.watermark.verify import verify
from tellmark.watermark.writer import ClipWriter

SIZE, FRAMES = 256, 75
ALGORITHMS = b'{"watermarks": [{"alg": "org.tellmark.watermark.1"}], "fingerprints": []}'


@pytest.fixture(scope="module")
def made(tmp_path_factory, pictures):
    """A clip whose manifest was stripped, its mark on another clip, its registry, and a server of that registry."""
    folder = tmp_path_factory.mktemp("made")
    registry = folder / "registry.sqlite"
    clip = ClipWriter(
        folder / "clip.mp4",
        width=SIZE,
        height=SIZE,
        fps=25.0,
        provenance=Provenance(Kind.SYNTHETIC, "clip.mp4"),
        registry=registry,
    )
    with clip as writer:
        for rgb in pictures(6, FRAMES, SIZE):
            writer.write(rgb)
    remux(folder / "clip.mp4", folder / "stripped.mp4")
    embedder = Embedder(Payload.from_hex(clip.result.payload), width=SIZE, height=SIZE)
    with VideoWriter(folder / "moved.mp4", width=SIZE, height=SIZE, fps=25) as writer:
        for rgb in pictures(7, FRAMES, SIZE):
            writer.write(embedder.embed(rgb_to_i420(rgb)))
    with Registry(registry) as rows:
        (entry,) = rows.find(clip.result.payload)
    script = "from tellmark.web import serve; import sys\n"
    script += "serve(port=0, registry=sys.argv[1], ready=lambda address: print(address, flush=True))"
    with subprocess.Popen([sys.executable, "-c", script, registry], stdout=subprocess.PIPE, text=True) as process:
        yield SimpleNamespace(
            stripped=folder / "stripped.mp4",
            moved=folder / "moved.mp4",
            entry=entry,
            id=identifier(entry.manifest),
            url=process.stdout.readline().strip(),
        )
        process.terminate()


def matches(*names):
    return str({"matches": [{"manifestId": name} for name in names]}).replace("'", '"').encode()


def test_a_stripped_clip_is_recovered_through_a_service(made):
    verdict = verify(made.stripped, registry=made.url, thorough=False)
    assert verdict.verdict is VerdictKind.RECOVERED
    assert (verdict.registry.title, verdict.registry.trust) == ("clip.mp4", "trusted")
    assert verdict.registry.registered_at is None
    assert "made as clip.mp4 by tellmark" in explain(verdict)


def test_a_mark_on_other_content_is_altered_through_a_service_too(made):
    assert verify(made.moved, registry=made.url, thorough=False).verdict is VerdictKind.ALTERED


def test_a_resolver_without_fingerprints_confirms_nothing(made, answers):
    """Any other implementation of the standard: the manifest is there, the content cannot be compared with it."""
    with answers({"/api/matches/byBinding": matches(made.id), f"/api/manifests/{made.id}": made.entry.manifest}) as it:
        for path in (made.stripped, made.moved):
            verdict = verify(path, registry=f"{it.url}/api/", thorough=False)
            assert verdict.verdict is VerdictKind.WATERMARKED
            assert (verdict.registry.manifest_valid, verdict.registry.fingerprint_match) == (True, None)


def test_a_service_that_gives_another_fingerprint_recovers_nothing(made, answers):
    """Its hash is in the signed manifest."""
    from tellmark.watermark.verify import read_pixels

    _, theirs = read_pixels(made.moved, thorough=False)
    by_path = {"/matches/byBinding": matches(made.id), f"/manifests/{made.id}": made.entry.manifest}
    with answers({**by_path, f"/fingerprints/{made.id}": theirs.to_bytes()}) as it:
        assert verify(made.moved, registry=it.url, thorough=False).verdict is VerdictKind.WATERMARKED


def test_a_service_that_gives_another_manifest_than_asked_for_is_not_believed(made, answers):
    by_path = {"/matches/byBinding": matches("urn:c2pa:other"), "/manifests/urn:c2pa:other": made.entry.manifest}
    with answers(by_path) as it:
        assert Registry(it.url).find(made.entry.payload) == []


def test_nothing_of_the_file_but_its_payload_is_sent_and_only_for_a_mark(made, answers, plain_clip):
    with answers({"/matches/byBinding": matches()}) as it:
        verify(plain_clip, registry=it.url, thorough=False)
        assert it.asked == []
        verify(made.stripped, registry=it.url, thorough=False)
        (asked,) = it.asked
        assert asked.startswith("/matches/byBinding?alg=org.tellmark.watermark.1&value=")


def test_the_check_tells_a_resolver_from_anything_else(made, answers):
    Registry(made.url).check()
    route = "/services/supportedAlgorithms"
    for answer, words in [
        (b"<html>", "no Soft Binding"),
        (b'{"watermarks": []}', "does not know"),
        ((500, {}, b""), "500"),
    ]:
        with answers({route: answer}) as it, pytest.raises(InputError, match=words):
            Registry(it.url).check()


@pytest.mark.parametrize("to", ["http://127.0.0.1:1/x", "https://example.org/", "file:///etc/passwd"])
def test_a_redirect_elsewhere_is_not_followed(answers, to):
    with answers({"/matches/byBinding": (302, {"Location": to}, b"")}) as it:
        with pytest.raises(InputError, match=r"sends us on|not allowed|cannot be asked"):
            Registry(it.url).find("1" * 16)
        assert len(it.asked) == 1


def test_a_redirect_within_the_service_is_followed(answers):
    with answers({"/matches/byBinding": (302, {"Location": "/v2"}, b""), "/v2": matches()}) as it:
        assert Registry(it.url).find("1" * 16) == []


def test_answers_are_limited_in_size_and_time(answers, monkeypatch):
    with answers({"/matches/byBinding": bytes(2 << 20)}) as it, pytest.raises(InputError, match="larger than 1 MiB"):
        Registry(it.url).find("1" * 16)
    for body in (b"[]", b'{"matches": [1]}', b"no json"):
        with answers({"/matches/byBinding": body}) as it, pytest.raises(InputError, match="not that of a Soft Binding"):
            Registry(it.url).find("1" * 16)
    monkeypatch.setattr(remote, "SILENCE_S", 0.2)
    with pytest.raises(InputError, match="timed out"), silent() as port:
        Registry(f"http://127.0.0.1:{port}").find("1" * 16)
    monkeypatch.setattr(remote, "ANSWER_S", 0.3)
    with pytest.raises(InputError, match="not finished"), silent(drip=True) as port:
        Registry(f"http://127.0.0.1:{port}").find("1" * 16)


class silent:
    """A server that accepts and says nothing, or a byte from time to time."""

    def __init__(self, *, drip=False):
        self._drip = drip

    def __enter__(self):
        import socket

        self._listening = socket.create_server(("127.0.0.1", 0))
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        return self._listening.getsockname()[1]

    def __exit__(self, *_):
        self._ended.set()
        self._thread.join()
        self._listening.close()

    def _run(self):
        connection, _ = self._listening.accept()
        with connection:
            connection.recv(1000)
            if self._drip:
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
            while not self._ended.is_set():
                if self._drip:
                    connection.sendall(b" ")
                time.sleep(0.05)


def test_a_service_that_is_not_there_is_said(made):
    with pytest.raises(InputError, match=r"registry http://127\.0\.0\.1:1 cannot be asked"):
        verify(made.stripped, registry="http://127.0.0.1:1", thorough=False)


@pytest.mark.parametrize("url", ["https://", "https://user:pw@host", "http://host/?x=1", "http://host:port"])
def test_addresses_that_are_none_are_refused(url):
    with pytest.raises(UsageError, match="--registry"):
        Registry(url).find("1" * 16)


def test_a_service_cannot_be_written(made, tmp_path):
    clip = ClipWriter(
        tmp_path / "x.mp4",
        width=SIZE,
        height=SIZE,
        fps=25.0,
        provenance=Provenance(Kind.SYNTHETIC, "x"),
        registry=made.url,
    )
    with pytest.raises(UsageError, match="can only be asked"), clip:
        pytest.fail("entered")
    with pytest.raises(UsageError, match="does not tell how many"):
        Registry(made.url).count()
