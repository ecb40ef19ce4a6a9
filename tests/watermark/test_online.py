"""What is fetched, and only when asked for: manifests that a file names, and whether a certificate was revoked."""

import shutil
import socket
import subprocess
import time
from contextlib import contextmanager

import pytest
from c2pa import Builder
from cryptography import x509

from tellmark.types import Kind, VerdictKind
from tellmark.watermark import claims
from tellmark.watermark.credentials import Provenance, sign
from tellmark.watermark.explain import explain
from tellmark.watermark.identity import keys, signing
from tellmark.watermark.manifests import c2pa_context, examine
from tellmark.watermark.verify import verify

PROVENANCE = Provenance(Kind.SYNTHETIC, "clip.mp4")
PAYLOAD = "1123456789abcdef"


@pytest.fixture
def named(plain_clip, tmp_path, answers):
    """(a file that names its manifest by an address, the service at that address)."""
    with answers({}) as service:
        definition = claims.definition(PROVENANCE, PAYLOAD, "video/mp4", {})
        builder = Builder(definition, c2pa_context(keys.trust_pem()))
        builder.set_remote_url(f"{service.url}/clip.c2pa")
        builder.set_no_embed()
        path = tmp_path / "named.mp4"
        with signing.signer(keys.identity()) as signer, plain_clip.open("rb") as source, path.open("w+b") as target:
            service.answers["/clip.c2pa"] = builder.sign(signer, "video/mp4", source, target)
        yield path, service


def test_a_manifest_elsewhere_is_fetched_only_when_asked_for(named):
    path, service = named
    offline = verify(path, manifest_only=True)
    assert (offline.verdict, offline.c2pa.state) == (VerdictKind.NONE, "none")
    assert "manifest.inaccessible" in offline.c2pa.codes
    assert "not fetched" in explain(offline)
    assert service.asked == []
    online = verify(path, manifest_only=True, online=True)
    assert (online.verdict, online.c2pa.state) == (VerdictKind.INTACT, "Trusted")
    assert service.asked == ["/clip.c2pa"]


def test_a_manifest_elsewhere_that_is_of_another_file_or_gone(named, tmp_path):
    path, service = named
    data = bytearray(path.read_bytes())
    data[data.index(b"mdat") + 2000] ^= 0xFF
    (tmp_path / "flipped.mp4").write_bytes(data)
    assert verify(tmp_path / "flipped.mp4", manifest_only=True, online=True).verdict is VerdictKind.ALTERED
    service.answers.clear()
    gone = verify(path, manifest_only=True, online=True)
    assert (gone.verdict, gone.c2pa.codes) == (VerdictKind.NONE, ("manifest.inaccessible",))


@contextmanager
def responder(folder, agency, revoked):
    """OpenSSL as the authority's OCSP responder; yields (certificate chain, key, port)."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    certificate, key = agency.leaf(ocsp=f"http://127.0.0.1:{port}")
    serial = f"{x509.load_pem_x509_certificate(certificate.encode()).serial_number:X}"
    serial = serial.zfill(len(serial) + len(serial) % 2)
    state = "R\t351231235959Z\t250101000000Z" if revoked else "V\t351231235959Z\t"
    (folder / "index.txt").write_text(f"{state}\t{serial}\tunknown\t/O=Test/CN=Signer\n")
    root = agency.anchors(folder)
    certificate_of, key_of = agency.leaf(name="Responder", usages=[x509.oid.ExtendedKeyUsageOID.OCSP_SIGNING])
    (folder / "responder.pem").write_text(certificate_of)
    (folder / "responder.key").write_text(key_of)
    command = ["openssl", "ocsp", "-index", "index.txt", "-port", str(port), "-CA", root.name, "-ndays", "1"]
    command += ["-rsigner", "responder.pem", "-rkey", "responder.key"]
    with (folder / "log").open("w") as log, subprocess.Popen(command, cwd=folder, stdout=log, stderr=log) as process:
        for _ in range(100):
            if "waiting for OCSP client connections" in (folder / "log").read_text():
                break
            time.sleep(0.05)
        try:
            yield certificate + root.read_text(), key
        finally:
            process.kill()


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl command")
@pytest.mark.parametrize("revoked", [True, False])
def test_a_revoked_certificate_is_said_only_when_asked_for(plain_clip, authority, tmp_path, monkeypatch, revoked):
    agency = authority("Agency")
    with responder(tmp_path, agency, revoked) as leaf:
        agency.use(monkeypatch, leaf)
        sign(plain_clip, tmp_path / "clip.mp4", PROVENANCE, PAYLOAD)
        anchors = agency.anchors(tmp_path)
        assert examine(tmp_path / "clip.mp4", anchors).evidence.trust == "trusted"
        verdict = verify(tmp_path / "clip.mp4", trust=anchors, manifest_only=True, online=True)
    assert verdict.verdict is VerdictKind.INTACT  # the content is as it was signed; who signed is another question
    assert verdict.c2pa.trust == ("revoked" if revoked else "trusted"), (tmp_path / "log").read_text()
    assert ("revoked" in explain(verdict)) == revoked
    silent = verify(tmp_path / "clip.mp4", trust=anchors, manifest_only=True, online=True)  # the responder has gone
    assert (silent.verdict, silent.c2pa.trust) == (VerdictKind.INTACT, "trusted")
    assert "could not be found out" in explain(silent)
