"""Keys kept elsewhere: a real process signs; and time stamps by a real authority, OpenSSL's, on the loopback."""

import http.server
import shutil
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from tellmark.errors import UsageError
from tellmark.types import Kind
from tellmark.watermark.credentials import Provenance, sign
from tellmark.watermark.identity import keys, signing
from tellmark.watermark.manifests import examine
from tellmark.watermark.writer import ClipWriter

PROVENANCE = Provenance(Kind.SYNTHETIC, "clip.mp4")
PAYLOAD = "1123456789abcdef"
needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl command")


@pytest.fixture
def agency(authority, tmp_path):
    """An authority, a leaf whose key lies apart, and a callback that signs with it."""
    made = authority("Agency")
    certificate, key = made.leaf(name="Agency signer")
    (tmp_path / "chain.pem").write_text(certificate)
    (tmp_path / "kms key.pem").write_text(key)
    private = serialization.load_pem_private_key(key.encode(), None)
    return SimpleNamespace(
        chain=tmp_path / "chain.pem",
        key=tmp_path / "kms key.pem",
        anchors=made.anchors(tmp_path),
        authority=made,
        sign=lambda data: private.sign(data, ec.ECDSA(hashes.SHA256())),
    )


def use_command(monkeypatch, agency, line):
    monkeypatch.setenv("C2PA_SIGN_CERT", str(agency.chain))
    monkeypatch.setenv("C2PA_SIGN_COMMAND", line)


@needs_openssl
def test_a_process_that_holds_the_key_signs(plain_clip, agency, tmp_path, monkeypatch):
    use_command(monkeypatch, agency, f"openssl dgst -sha256 -sign '{agency.key}'")
    assert keys.show()["source"] == "environment"
    sign(plain_clip, tmp_path / "clip.mp4", PROVENANCE, PAYLOAD)
    reading = examine(tmp_path / "clip.mp4", agency.anchors)
    assert reading.fits
    assert (reading.evidence.state, reading.evidence.signer) == ("Trusted", "Agency signer")


@pytest.mark.parametrize("raw", [False, True])
def test_a_callback_signs_in_either_form(plain_clip, agency, tmp_path, raw):
    def callback(data):
        calls.append(data)
        r, s = decode_dss_signature(agency.sign(data))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big") if raw else agency.sign(data)

    calls = []
    identity = keys.Identity.from_callback(agency.chain.read_bytes(), callback)
    with keys.use(identity):
        assert keys.show()["source"] == "callback"
        sign(plain_clip, tmp_path / "clip.mp4", PROVENANCE, PAYLOAD)
    assert keys.identity().development
    assert examine(tmp_path / "clip.mp4", agency.anchors).evidence.state == "Trusted"
    assert len(calls) == 1  # a key management service bills by the signature


def test_rendered_clips_are_signed_by_the_callback_too(agency, tmp_path, pictures):
    identity = keys.Identity.from_callback(agency.chain.read_bytes(), agency.sign)
    with (
        keys.use(identity),
        ClipWriter(tmp_path / "clip.mp4", width=128, height=128, fps=25.0, provenance=PROVENANCE) as writer,
    ):
        for rgb in pictures(1, 5, 128):
            writer.write(rgb)
    assert examine(tmp_path / "clip.mp4", agency.anchors).evidence.signer == "Agency signer"


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ("import sys; sys.stderr.write('token expired'); sys.exit(3)", r"exit code 3: token expired"),
        ("import sys; sys.exit(1)", r"exit code 1: it said nothing"),
        ("print('no signature')", r"13 bytes that are no ES256 signature"),
        ("import sys; sys.stdout.buffer.write(bytes(range(64)))", r"64 bytes that are no ES256 signature"),
        ("pass", r"0 bytes that are no ES256 signature"),
    ],
)
def test_what_the_command_does_wrong_reaches_the_user(plain_clip, agency, tmp_path, monkeypatch, program, message):
    use_command(monkeypatch, agency, f'{sys.executable} -c "{program}"')
    before = set(tmp_path.iterdir())
    with pytest.raises(UsageError, match=message):
        sign(plain_clip, tmp_path / "clip.mp4", PROVENANCE, PAYLOAD)
    assert set(tmp_path.iterdir()) == before


def test_a_command_that_is_missing_slow_or_no_command():
    with pytest.raises(UsageError, match="cannot be run"):
        signing.command("/nowhere/sign")(b"x")
    with pytest.raises(UsageError, match=r"did not answer within 0\.2 s"):
        signing.command(f'{sys.executable} -c "import time; time.sleep(30)"', timeout_s=0.2)(b"x")
    with pytest.raises(UsageError, match="cannot be read"):
        signing.command("sign 'open")
    with pytest.raises(UsageError, match="empty"):
        signing.command(" ")


def test_an_exception_of_the_callback_reaches_the_user(plain_clip, agency, tmp_path):
    def callback(data):
        raise ConnectionError("the key service is away")

    with (
        keys.use(keys.Identity.from_callback(agency.chain.read_bytes(), callback)),
        pytest.raises(UsageError, match="ConnectionError: the key service is away"),
    ):
        sign(plain_clip, tmp_path / "clip.mp4", PROVENANCE, PAYLOAD)
    assert not (tmp_path / "clip.mp4").exists()


def test_a_key_of_another_certificate_is_noticed_before_anything_is_written(plain_clip, agency, tmp_path):
    other = ec.generate_private_key(ec.SECP256R1())
    identity = keys.Identity.from_callback(
        agency.chain.read_bytes(), lambda data: other.sign(data, ec.ECDSA(hashes.SHA256()))
    )
    with keys.use(identity), pytest.raises(UsageError, match="no ES256 signature by the key of the first certificate"):
        sign(plain_clip, tmp_path / "clip.mp4", PROVENANCE, PAYLOAD)
    assert not (tmp_path / "clip.mp4").exists()


def test_environments_that_contradict_themselves_are_refused(agency, authority, monkeypatch):
    use_command(monkeypatch, agency, "sign")
    monkeypatch.setenv("C2PA_PRIVATE_KEY", str(agency.key))
    with pytest.raises(UsageError, match="one of C2PA_PRIVATE_KEY and C2PA_SIGN_COMMAND"):
        keys.identity()
    monkeypatch.delenv("C2PA_PRIVATE_KEY")
    monkeypatch.delenv("C2PA_SIGN_CERT")
    with pytest.raises(UsageError, match="set both"):
        keys.identity()
    monkeypatch.setenv("C2PA_SIGN_CERT", agency.authority.leaf(-9, -2)[0])
    with pytest.raises(UsageError, match="valid today"):
        keys.identity()
    with pytest.raises(UsageError, match="not a PEM"):
        keys.Identity.from_callback(b"rubbish", agency.sign)


def test_only_p256_signs_by_callback():
    key = rsa.generate_private_key(65537, 2048)
    with pytest.raises(UsageError, match="P-256"):
        signing.check_certificate(SimpleNamespace(public_key=key.public_key))


# Time stamps


TSA_CONFIG = """
[tsa]
default_tsa = it
[it]
serial = {folder}/serial
signer_cert = {folder}/tsa.pem
signer_key = {folder}/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha384, sha512
accuracy = secs:1
ess_cert_id_chain = no
ess_cert_id_alg = sha256
"""


@contextmanager
def served(answer):
    """Serves ``answer(request) -> (status, reply)`` over HTTP on the loopback; yields the URL."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            status, reply = answer(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(status)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.send_header("Content-Length", str(len(reply)))
            self.end_headers()
            self.wfile.write(reply)

        def log_message(self, *args):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def openssl_authority(folder, authority):
    """Answers RFC 3161 requests with ``openssl ts`` and a certificate of ``authority``."""
    folder.mkdir()
    certificate, key = authority.time_stamper()
    (folder / "tsa.pem").write_text(certificate)
    (folder / "tsa.key").write_text(key)
    (folder / "serial").write_text("01\n")
    (folder / "tsa.cnf").write_text(TSA_CONFIG.format(folder=folder))

    def answer(query):
        (folder / "query").write_bytes(query)
        command = ["openssl", "ts", "-reply", "-config", folder / "tsa.cnf", "-queryfile", folder / "query"]
        subprocess.run([*command, "-out", folder / "reply"], check=True, capture_output=True)
        return 200, (folder / "reply").read_bytes()

    return answer


@needs_openssl
def test_a_time_stamp_outlives_the_certificate(plain_clip, authority, tmp_path, monkeypatch):
    agency, clock = authority("Agency"), authority("Clock")
    leaf = agency.leaf(-1, 4.0 / 86_400)
    expires = time.monotonic() + 4
    agency.use(monkeypatch, leaf)
    with served(openssl_authority(tmp_path / "tsa", clock)) as url:
        monkeypatch.setenv("TELLMARK_TSA_URL", url)
        sign(plain_clip, tmp_path / "clip.mp4", PROVENANCE, PAYLOAD)
    both = tmp_path / "both.pem"
    both.write_text(agency.anchors(tmp_path).read_text() + clock.anchors(tmp_path).read_text())
    time.sleep(max(0.0, expires + 1 - time.monotonic()))
    reading = examine(tmp_path / "clip.mp4", both)
    assert (reading.evidence.state, reading.evidence.trust) == ("Trusted", "trusted")
    assert reading.evidence.signed_at is not None
    # A clock that nobody vouches for proves nothing.
    unvouched = examine(tmp_path / "clip.mp4", agency.anchors(tmp_path))
    assert unvouched.fits
    assert (unvouched.evidence.trust, unvouched.evidence.signed_at) == ("expired", None)


@needs_openssl
def test_a_key_service_and_a_time_stamp_go_together(plain_clip, agency, authority, tmp_path, monkeypatch):
    with served(openssl_authority(tmp_path / "tsa", authority("Clock"))) as url:
        monkeypatch.setenv("TELLMARK_TSA_URL", url)
        use_command(monkeypatch, agency, f"openssl dgst -sha256 -sign '{agency.key}'")
        sign(plain_clip, tmp_path / "clip.mp4", PROVENANCE, PAYLOAD)
    assert examine(tmp_path / "clip.mp4", agency.anchors).evidence.state == "Trusted"


@pytest.mark.parametrize(("status", "reply"), [(200, b"rubbish"), (500, b""), (200, b"")])
def test_an_authority_that_answers_rubbish_is_named(plain_clip, tmp_path, monkeypatch, status, reply):
    with served(lambda query: (status, reply)) as url:
        monkeypatch.setenv("TELLMARK_TSA_URL", url)
        with pytest.raises(UsageError, match=rf"{url} gave no time stamp.*name no authority"):
            sign(plain_clip, tmp_path / "clip.mp4", PROVENANCE, PAYLOAD)
    assert list(tmp_path.iterdir()) == []
