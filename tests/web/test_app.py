"""The page's files, the headers that protect it, and the server as it is really run."""

import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import tellmark.web
from tellmark.errors import InputError, UsageError
from tellmark.web import serve
from tellmark.web.guard import _without_port

FOLDER = Path(tellmark.web.__file__).parent


def test_the_page_and_its_files_come_with_a_strict_policy(serving):
    with serving() as client:
        page = client.get("/")
        assert page.status_code == 200
        for path in re.findall(r'(?:href|src)="(/[^"]+)"', page.text):
            assert client.get(path).status_code == 200, path
        policy = page.headers["content-security-policy"]
        assert policy.startswith("default-src 'self'")
        assert "unsafe" not in policy
        assert page.headers["x-content-type-options"] == "nosniff"
        assert client.get("/nothing").json()["schema"] == "tellmark.error/1"
        assert client.get("/api/verify").status_code == 405
        assert client.get("/nothing").headers["content-security-policy"] == policy


def test_every_file_of_the_page_is_served(serving):
    with serving() as client:
        for file in (path for path in FOLDER.iterdir() if path.suffix in (".js", ".css", ".svg")):
            assert client.get(f"/{file.name}").content == file.read_bytes()


def test_the_page_has_nothing_inline_and_nothing_from_elsewhere():
    html = (FOLDER / "verify.html").read_text()
    assert re.findall(r"<style|<script(?![^>]*src=)|\son\w+=|\sstyle=", html) == []
    for file in FOLDER.glob("*.[hcj]*s*"):
        addresses = set(re.findall(r"https?://[^\s\"'<)`]+", file.read_text()))
        assert {a for a in addresses if not a.startswith(("http://www.w3.org/", "http://localhost"))} == set(), file


def test_requests_under_a_strange_name_or_from_another_site_are_refused(serving, clips):
    data = clips.plain.read_bytes()
    with serving() as client:
        assert client.get("/", headers={"Host": "rebound.example:8000"}).status_code == 403
        assert client.get("/", headers={"Host": "localhost:8000"}).status_code == 200
        crossed = client.post("/api/verify", content=data, headers={"Sec-Fetch-Site": "cross-site"})
        assert (crossed.status_code, crossed.json()["schema"]) == (403, "tellmark.error/1")
        assert client.post("/bindings", headers={"Sec-Fetch-Site": "same-origin"}).status_code == 501
    with serving(hosts=None) as client:
        assert client.get("/", headers={"Host": "verify.example"}).status_code == 200


@pytest.mark.parametrize(
    ("host", "name"),
    [("localhost:80", "localhost"), ("LOCALHOST", "localhost"), ("[::1]:80", "[::1]"), ("[::1]", "[::1]"), ("", "")],
)
def test_the_port_is_no_part_of_the_name(host, name):
    assert _without_port(host) == name


def test_what_cannot_be_served_is_said_at_the_start(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(UsageError, match="choose another"):
        serve(port=taken.getsockname()[1])
    (tmp_path / "broken").write_bytes(b"no registry" * 100)
    with pytest.raises(InputError, match="registry"):
        serve(port=0, registry=tmp_path / "broken")
    with pytest.raises(UsageError, match="PEM"):
        serve(port=0, trust=tmp_path / "none.pem")


@pytest.fixture
def running(clips, tmp_path, monkeypatch):
    """(host, port, uploads) of a real server with a short patience."""
    uploads = tmp_path / "tmp"
    uploads.mkdir()
    script = (
        "import tellmark.web.limits as l, functools\n"
        "l.Limits = functools.partial(l.Limits, stall_s=1.0)\n"
        "from tellmark.web import serve\n"
        f"serve(port=0, max_bytes=2_000_000, registry={str(clips.registry)!r},"
        " ready=lambda address: print(address, flush=True))"
    )
    monkeypatch.setenv("TMPDIR", str(uploads))
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline().rsplit(":", 1)[1].strip(" /\n"))
        yield "127.0.0.1", port, uploads
        process.terminate()
        process.wait(10)
    assert list(uploads.iterdir()) == [], "the server left its folder behind"


def exchange(host, port, data, *, close=False):
    """What comes back for raw bytes on a connection that is then kept open, or not."""
    with socket.create_connection((host, port), timeout=20) as connection:
        connection.sendall(data)
        if close:
            return b""
        answer = b""
        while part := connection.recv(65536):
            answer += part
        return answer


def test_a_real_client_that_lies_about_its_length(running, clips):
    host, port, uploads = running
    data = clips.plain.read_bytes()

    def request(length):
        head = f"POST /api/verify?wait=true HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Length: {length}\r\n\r\n"
        return head.encode() + data

    promised_more = exchange(host, port, request(len(data) + 1000))
    assert promised_more.startswith(b"HTTP/1.1 408")
    assert b"Content-Length" in promised_more
    # HTTP takes what is beyond the length for the next request; the file itself was cut short.
    promised_less = exchange(host, port, request(2000))
    assert promised_less.startswith(b"HTTP/1.1 4")
    assert b"HTTP/1.1 200" not in promised_less
    exchange(host, port, request(len(data) + 1000), close=True)
    assert exchange(host, port, request("many")).startswith(b"HTTP/1.1 400")
    assert exchange(host, port, request(10**12)).startswith(b"HTTP/1.1 413")
    chunks = b"".join(b"%x\r\n%s\r\n" % (1 << 20, bytes(1 << 20)) for _ in range(8)) + b"0\r\n\r\n"
    head = f"POST /api/verify HTTP/1.1\r\nHost: {host}:{port}\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert exchange(host, port, head.encode() + chunks).startswith(b"HTTP/1.1 413")
    left = [path for folder in uploads.iterdir() for path in folder.iterdir()]
    assert left == []
