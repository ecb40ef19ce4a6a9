"""A certificate authority for tests, independent of the package's own, and small clips with something going on."""

from __future__ import annotations

import datetime as dt
import http.server
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from tellmark.encoding import VideoWriter
from tellmark.media import rgb_to_i420
from tellmark.types import U8

TIME_STAMPING = [ExtendedKeyUsageOID.TIME_STAMPING]
USAGES = [ExtendedKeyUsageOID.EMAIL_PROTECTION, ObjectIdentifier("1.3.6.1.4.1.62558.2.1")]


def pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


@dataclass
class Authority:
    """A root of its own; ``leaf`` issues certificates of any validity."""

    common_name: str

    def __post_init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.root = self._build(self.common_name, self.key, None, -3650, 3650, [], authority=True)

    def leaf(
        self,
        from_days: float = -1,
        to_days: float = 90,
        name: str = "Signer",
        usages: list[ObjectIdentifier] = USAGES,
        ocsp: str | None = None,
    ) -> tuple[str, str]:
        """(certificate PEM, key PEM), valid between the given days from now; ``ocsp``: where to ask if it still is."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._build(name, key, self.root, from_days, to_days, usages, authority=False, ocsp=ocsp)
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return pem(certificate), private.decode()

    def time_stamper(self) -> tuple[str, str]:
        """(certificate PEM, key PEM) of an RFC 3161 authority under this root."""
        return self.leaf(name="Time stamper", usages=TIME_STAMPING)

    def use(self, monkeypatch: pytest.MonkeyPatch, leaf: tuple[str, str] | None = None) -> None:
        """Make tellmark sign with a leaf of this authority."""
        certificate, key = leaf or self.leaf()
        monkeypatch.setenv("C2PA_SIGN_CERT", certificate)
        monkeypatch.setenv("C2PA_PRIVATE_KEY", key)

    def anchors(self, folder: Path) -> Path:
        """The root as a file, for ``trust=``."""
        path = folder / f"{self.common_name}.pem"
        path.write_text(pem(self.root))
        return path

    def _build(
        self,
        name: str,
        key: ec.EllipticCurvePrivateKey,
        issuer: x509.Certificate | None,
        from_days: float,
        to_days: float,
        usages: list[ObjectIdentifier],
        *,
        authority: bool,
        ocsp: str | None = None,
    ) -> x509.Certificate:
        subject = x509.Name(
            [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Test"), x509.NameAttribute(NameOID.COMMON_NAME, name)]
        )
        now = dt.datetime.now(dt.UTC).replace(microsecond=0)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer.subject if issuer else subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + dt.timedelta(days=from_days))
            .not_valid_after(now + dt.timedelta(days=to_days))
            .add_extension(x509.BasicConstraints(authority, None), critical=True)
            .add_extension(
                x509.KeyUsage(not authority, False, False, False, False, authority, authority, False, False),
                critical=True,
            )
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
        )
        if not authority:
            builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=usages == TIME_STAMPING)
        if ocsp is not None:
            access = x509.AccessDescription(AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(ocsp))
            builder = builder.add_extension(x509.AuthorityInformationAccess([access]), critical=False)
        return builder.sign(self.key, hashes.SHA256())


@pytest.fixture
def authority() -> Callable[[str], Authority]:
    """Makes a certificate authority by name."""
    return Authority


def moving_picture(seed: int, frames: int, size: int = 256) -> list[U8]:
    """Blobs that wander and pulse over a textured ground: a picture that stays, a motion that never repeats.

    As in photographs, brightness varies more, and from nearer to nearer, than colour does.
    """
    rng = np.random.default_rng(seed)
    shapes = [rng.integers(60, 196, (24, 24, 1), dtype=np.uint8), rng.integers(0, 40, (5, 5, 3), dtype=np.uint8)]
    shades, tints = (cv2.resize(shape, (size, size), interpolation=cv2.INTER_CUBIC) for shape in shapes)
    texture = cv2.add(np.repeat(shades[..., None], 3, axis=2), tints)
    steps = cv2.blur(rng.normal(0, 6, (frames, 12)), (1, 9)).reshape(frames, 4, 3)
    home, colours = rng.uniform(0.25, 0.75, (4, 2)) * size, rng.integers(0, 256, (4, 3)).tolist()
    pictures = []
    for step in steps:
        picture = texture.copy()
        for (x, y), (dx, dy, dr), colour in zip(home, step, colours, strict=True):
            centre = (int(x + 3 * dx), int(y + 3 * dy))
            cv2.circle(picture, centre, max(6, int(size / 9 + 2 * dr)), colour, -1, cv2.LINE_AA)
        pictures.append(picture)
    return pictures


@pytest.fixture(scope="session")
def pictures() -> Callable[..., list[U8]]:
    """Makes frames, the same for the same seed."""
    return moving_picture


@pytest.fixture(scope="session")
def plain_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of unmarked, unsigned video."""
    path = tmp_path_factory.mktemp("plain") / "plain.mp4"
    with VideoWriter(path, width=256, height=256, fps=25) as writer:
        for picture in moving_picture(0, 50):
            writer.write(rgb_to_i420(picture))
    return path


@dataclass
class Answers:
    """A service on the loopback that gives ``answers`` by path: bytes, or (status, headers, bytes)."""

    url: str
    answers: dict[str, object]
    asked: list[str] = field(default_factory=list)


@pytest.fixture
def answers() -> Callable[..., object]:
    """Starts such a service: ``with answers({"/path": b"body"}) as service``."""

    @contextmanager
    def serve(by_path: dict[str, object]) -> Iterator[Answers]:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                made.asked.append(self.path)
                answer = made.answers.get(self.path.partition("?")[0], (404, {}, b""))
                status, headers, body = answer if isinstance(answer, tuple) else (200, {}, answer)
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            made = Answers(f"http://127.0.0.1:{server.server_address[1]}", by_path)
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
            thread.start()
            yield made
            server.shutdown()
            thread.join()

    return serve
