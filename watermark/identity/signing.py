"""Who signs, and how bytes get signed: with a key at hand, or by whoever keeps the key.

A key management service or an HSM never hands its key out. It is reached through a callback from the bytes to sign to
their signature, or through a command that reads the bytes on its standard input and writes the signature to its
standard output, as c2patool's ``--signer-path`` does. What comes back is checked against the certificate at once:
c2pa itself would only say, after the fact, that something about the signature is wrong.
"""

from __future__ import annotations

import contextlib
import shlex
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from tellmark.errors import TellmarkError, UsageError
from tellmark.watermark.identity.certificates import now

if TYPE_CHECKING:
    from c2pa import Signer

Sign = Callable[[bytes], bytes]
"""From the bytes to sign to an ES256 signature of them (ECDSA on P-256 with SHA-256): DER, or r and s of 32 bytes."""

COMMAND_VARIABLE = "C2PA_SIGN_COMMAND"
COMMAND_TIMEOUT_S = 60.0
_HALF = 32  # bytes of r and of s


def command(line: str, name: str = COMMAND_VARIABLE, timeout_s: float = COMMAND_TIMEOUT_S) -> Sign:
    """A signer that runs a command, split as a shell would but without one; raises :class:`UsageError` where it fails.

    name: what the user calls the setting. The error carries the end of what the command wrote to its standard error.
    """
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise UsageError(f"{name} cannot be read as a command: {error}") from error
    if not words:
        raise UsageError(f"{name} is empty; name the program that signs, with its arguments")

    def sign(data: bytes) -> bytes:
        try:
            done = subprocess.run(words, input=data, capture_output=True, timeout=timeout_s, check=False)
        except subprocess.TimeoutExpired as error:
            raise UsageError(f"{name}: {words[0]} did not answer within {timeout_s:g} s") from error
        except OSError as error:
            raise UsageError(f"{name}: {words[0]} cannot be run ({error.strerror})") from error
        if done.returncode != 0:
            said = done.stderr.decode(errors="replace").strip() or "it said nothing"
            raise UsageError(f"{name}: {words[0]} failed with exit code {done.returncode}: {said[-500:]}")
        return done.stdout

    return sign


def check_certificate(leaf: x509.Certificate) -> None:
    """Raise :class:`UsageError` where ``leaf`` is of no key that callbacks and commands sign with: P-256 alone."""
    public = leaf.public_key()
    if not isinstance(public, ec.EllipticCurvePublicKey) or not isinstance(public.curve, ec.SECP256R1):
        raise UsageError(
            "a command or callback signs with ES256: the first certificate of the chain must be of a P-256 key"
        )


@dataclass(frozen=True, slots=True)
class Identity:
    """A signer: chain and key as PEM, leaf first, the root left out. With ``sign`` the key is kept elsewhere."""

    chain_pem: bytes
    key_pem: bytes
    algorithm: str  # COSE name in lower case: es256, es384, es512, ps256, ed25519
    development: bool
    timestamp_url: str | None = None  # an RFC 3161 authority; signing then needs the network
    sign: Sign | None = None

    @classmethod
    def from_callback(cls, chain_pem: bytes, sign: Sign, timestamp_url: str | None = None) -> Self:
        """An ES256 identity whose key is behind a callback, such as a key management service; give it to
        :func:`tellmark.watermark.identity.keys.use`.

        Raises :class:`UsageError` where the chain is no PEM, not valid today or its leaf not of a P-256 key.
        """
        check_certificate(leaf_of(chain_pem, "the certificate chain"))
        return cls(chain_pem, b"", "es256", False, timestamp_url, sign)

    def __repr__(self) -> str:  # the key must not reach a log
        return f"Identity({self.algorithm}, development={self.development})"

    @property
    def leaf(self) -> x509.Certificate:
        """The signing certificate."""
        return x509.load_pem_x509_certificates(self.chain_pem)[0]


def leaf_of(chain_pem: bytes, source: str) -> x509.Certificate:
    """The first certificate of the chain, if it is valid today."""
    try:
        leaf = x509.load_pem_x509_certificates(chain_pem)[0]
    except ValueError as error:
        raise UsageError(f"{source} is not a PEM: {error}") from error
    if not leaf.not_valid_before_utc <= now() <= leaf.not_valid_after_utc:
        raise UsageError(
            f"the certificate in {source} is valid from {leaf.not_valid_before_utc:%Y-%m-%d} to "
            f"{leaf.not_valid_after_utc:%Y-%m-%d}; use one that is valid today"
        )
    return leaf


@contextlib.contextmanager
def signer(identity: Identity) -> Iterator[Signer]:
    """The identity as c2pa wants it. What goes wrong in a callback is raised here in place of c2pa's own error."""
    from c2pa import C2paError, C2paSignerInfo, C2paSigningAlg, Signer

    if identity.sign is None:
        info = C2paSignerInfo(identity.algorithm, identity.chain_pem, identity.key_pem, identity.timestamp_url)
        with Signer.from_info(info) as native:
            yield native
        return
    failed: list[Exception] = []

    def answer(data: bytes) -> bytes:
        try:
            return _checked(identity, data)
        except Exception as error:  # c2pa would swallow it
            failed.append(error)
            return b""  # c2pa takes this for a failure

    chain = identity.chain_pem.decode()
    try:
        with Signer.from_callback(answer, C2paSigningAlg.ES256, chain, identity.timestamp_url) as native:
            yield native
    except C2paError as error:
        if failed and isinstance(failed[0], TellmarkError):
            raise failed[0] from error
        if failed:
            raise UsageError(f"the signer failed: {type(failed[0]).__name__}: {failed[0]}") from failed[0]
        raise


def _checked(identity: Identity, data: bytes) -> bytes:
    """The signature of ``data`` as r and s, verified against the certificate."""
    assert identity.sign is not None
    public = identity.leaf.public_key()
    assert isinstance(public, ec.EllipticCurvePublicKey)  # check_certificate has seen to it
    signature = identity.sign(data)
    try:
        r, s = _halves(signature) if len(signature) == 2 * _HALF else decode_dss_signature(signature)
        public.verify(encode_dss_signature(r, s), data, ec.ECDSA(hashes.SHA256()))
        return r.to_bytes(_HALF, "big") + s.to_bytes(_HALF, "big")
    except (InvalidSignature, ValueError, TypeError) as error:
        raise UsageError(
            f"the signer returned {len(signature)} bytes that are no ES256 signature by the key of the first "
            "certificate in the chain; it must write the signature alone, DER or 64 bytes of r and s"
        ) from error


def _halves(signature: bytes) -> tuple[int, int]:
    return int.from_bytes(signature[:_HALF], "big"), int.from_bytes(signature[_HALF:], "big")
