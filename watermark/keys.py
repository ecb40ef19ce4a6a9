"""Who signs: the certificates and keys behind every manifest, and the roots a verifier trusts.

Four sources, in this order: an identity given to :func:`use`, as the command line does with its flags; the chain and
key that c2patool reads too, ``C2PA_SIGN_CERT`` and ``C2PA_PRIVATE_KEY`` (PEM text as c2patool wants it, or the path of
a PEM file), where ``C2PA_SIGN_COMMAND`` may stand for a key that is kept elsewhere; the same in the settings file
(``tellmark.watermark.settings``); or a development identity made for this user on first use under
``tellmark.runs.home()/identity``. Others see the development identity as untrusted until they have its root,
which :func:`anchors_pem` gives.

The development identity is a root of ten years and a leaf of one. The leaf and its key are one file, so that a renewal
is one rename and no other process can see half of it.
"""

from __future__ import annotations

import contextlib
import contextvars
import dataclasses
import datetime as dt
import logging
import os
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from tellmark import runs
from tellmark.errors import UsageError
from tellmark.watermark import settings, signing
from tellmark.watermark.certificates import certificate_pem, issue, key_pem, name, now

CERTIFICATE_VARIABLE = "C2PA_SIGN_CERT"
KEY_VARIABLE = "C2PA_PRIVATE_KEY"
ANCHORS_VARIABLE = "C2PATOOL_TRUST_ANCHORS"
TIMESTAMP_VARIABLE = "TELLMARK_TSA_URL"

ROOT_DAYS = 3650
LEAF_DAYS = 365  # the profile allows 366
RENEWAL_DAYS = 30  # a development leaf with less than this left is replaced

_CURVES = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}

_chosen: contextvars.ContextVar[Identity | None] = contextvars.ContextVar("identity", default=None)
_log = logging.getLogger(__name__)
_warned: set[str] = set()


@dataclass(frozen=True, slots=True)
class Identity:
    """A signer: chain and key as PEM, leaf first, the root left out. With ``sign`` the key is kept elsewhere."""

    chain_pem: bytes
    key_pem: bytes
    algorithm: str  # COSE name in lower case: es256, es384, es512, ps256, ed25519
    development: bool
    timestamp_url: str | None = None  # an RFC 3161 authority; signing then needs the network
    sign: signing.Sign | None = None

    @classmethod
    def from_callback(cls, chain_pem: bytes, sign: signing.Sign, timestamp_url: str | None = None) -> Self:
        """An ES256 identity whose key is behind a callback, such as a key management service; give it to :func:`use`.

        Raises :class:`UsageError` where the chain is no PEM, not valid today or its leaf not of a P-256 key.
        """
        signing.check_certificate(_leaf(chain_pem, "the certificate chain"))
        return cls(chain_pem, b"", "es256", False, timestamp_url, sign)

    def __repr__(self) -> str:  # the key must not reach a log
        return f"Identity({self.algorithm}, development={self.development})"

    @property
    def leaf(self) -> x509.Certificate:
        """The signing certificate."""
        return x509.load_pem_x509_certificates(self.chain_pem)[0]


@contextlib.contextmanager
def use(identity: Identity) -> Iterator[None]:
    """Sign with ``identity`` what is written within the block, by this thread or task."""
    token = _chosen.set(identity)
    try:
        yield
    finally:
        _chosen.reset(token)


def identity() -> Identity:
    """The identity to sign with; makes or renews the development identity where no other is named.

    Raises :class:`UsageError` where the environment's certificate and key are incomplete, unreadable, expired or do not
    belong together, and where the development identity's files are damaged.
    """
    chosen = _given() or _development()
    if chosen.development:
        _warn_once(
            "signing with the development identity of this machine: others see it as untrusted until they have "
            "its root (tellmark keys)"
        )
    return chosen


def trust_pem(trust: Path | None = None) -> str:
    """PEM of the roots to trust when verifying; empty where there are none. Never makes an identity.

    With ``trust``, that file's roots alone; otherwise this user's development root and the file that
    ``C2PATOOL_TRUST_ANCHORS``, or else the settings file, names, each where it exists. Raises :class:`UsageError` if a
    named file holds none.
    """
    if trust is not None:
        return _read_anchors(Path(trust))
    named = os.environ.get(ANCHORS_VARIABLE) or settings.load().anchors
    anchors = [_read_anchors(Path(named))] if named else []
    root = _folder() / "root.pem"
    if root.exists():
        anchors.append(_read_anchors(root))
    return "".join(anchors)


def anchors_pem() -> str:
    """PEM of the development root, to give to those who verify; makes the identity where there is none yet.

    Raises :class:`UsageError` where a certificate is named: its root is the authority's to give.
    """
    if _given() is not None:
        raise UsageError(f"the certificate is named by the {_place()}: give others the root of its authority")
    _development()
    return _read_anchors(_folder() / "root.pem")


def show() -> dict[str, Any]:
    """Facts about the identity that signs, for people and JSON: no key material in it."""
    chosen = _given() or _development()
    leaf = chosen.leaf
    return {
        "source": "development" if chosen.development else _place(),
        "subject": leaf.subject.rfc4514_string(),
        "issuer": leaf.issuer.rfc4514_string(),
        "algorithm": chosen.algorithm,
        "serial": f"{leaf.serial_number:x}",
        "sha256": leaf.fingerprint(hashes.SHA256()).hex(),
        "valid_from": leaf.not_valid_before_utc.isoformat(),
        "valid_until": leaf.not_valid_after_utc.isoformat(),
        "days_left": (leaf.not_valid_after_utc - now()).days,
        "timestamp_url": chosen.timestamp_url,
        "folder": str(_folder()) if chosen.development else None,
        "root": str(_folder() / "root.pem") if chosen.development else None,
    }


# Certificates from the caller, the environment or the settings


@dataclass(frozen=True, slots=True)
class _Source:
    """One place that may name a certificate, and what it calls its parts. Places are never mixed."""

    place: str
    names: tuple[str, str, str]  # of certificate, key and command
    certificate: str | None
    key: str | None
    command: str | None


def named(
    certificate: str | None = None, key: str | None = None, command: str | None = None, timestamp_url: str | None = None
) -> Identity | None:
    """The identity that the flags of the command line name, for :func:`use`; None where they name nothing.

    With ``timestamp_url`` alone, the identity that would sign anyway, with time stamps. Raises as :func:`identity`.
    """
    flags = _Source("flags", ("--sign-cert", "--sign-key", "--sign-command"), certificate, key, command)
    chosen = _from_source(flags, timestamp_url or _timestamp_url())
    if chosen is None and timestamp_url:
        chosen = dataclasses.replace(identity(), timestamp_url=timestamp_url)
    return chosen


def _given() -> Identity | None:
    return _chosen.get() or next((found for _, found in _named_elsewhere() if found), None)


def _place() -> str:
    """Where the identity that signs was named."""
    given = _chosen.get()
    if given is not None:
        return "callback" if given.sign is not None else "caller"
    return next((place for place, found in _named_elsewhere() if found), "development")


def _named_elsewhere() -> Iterator[tuple[str, Identity | None]]:
    """By the environment, then by the settings file; the second is looked at only if the first names nothing."""
    variables = (CERTIFICATE_VARIABLE, KEY_VARIABLE, signing.COMMAND_VARIABLE)
    certificate, key, command = (os.environ.get(name) for name in variables)
    url = _timestamp_url()
    yield "environment", _from_source(_Source("environment", variables, certificate, key, command), url)
    said = settings.load()
    names = (f"certificate in {said.file}", f"key in {said.file}", f"command in {said.file}")
    yield "settings", _from_source(_Source("settings", names, said.certificate, said.key, said.command), url)


def _timestamp_url() -> str | None:
    return os.environ.get(TIMESTAMP_VARIABLE) or settings.load().timestamp_url


def _from_source(source: _Source, timestamp_url: str | None) -> Identity | None:
    chain, key, command = source.certificate, source.key, source.command
    chain_name, key_name, command_name = source.names
    if not chain and not key and not command:
        return None
    if not chain or bool(key) == bool(command):
        raise UsageError(
            f"set both {chain_name} and one of {key_name} and {command_name}, "
            "or none of the three for the development identity"
        )
    chain_pem = _pem(chain, chain_name)
    if command:
        return Identity.from_callback(chain_pem, signing.command(command, command_name), timestamp_url)
    assert key
    leaf = _leaf(chain_pem, chain_name)
    try:
        private = serialization.load_pem_private_key(_pem(key, key_name), password=None)
    except (ValueError, TypeError) as error:
        raise UsageError(f"{key_name} is not an unencrypted PEM: {error}") from error
    if leaf.public_key() != private.public_key():
        raise UsageError(f"{key_name} is not the key of the first certificate in {chain_name}")
    # Written out anew: a file may hold certificate and key together, and c2pa takes either alone.
    chain_pem = b"".join(map(certificate_pem, x509.load_pem_x509_certificates(chain_pem)))
    return Identity(chain_pem, key_pem(private), _algorithm(private, key_name), False, timestamp_url)


def _leaf(chain_pem: bytes, source: str) -> x509.Certificate:
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


def _pem(value: str, variable: str) -> bytes:
    """The variable's PEM text, or the text of the file it names."""
    if "-----BEGIN" in value:
        return value.encode()
    try:
        return Path(value).read_bytes()
    except OSError as error:
        raise UsageError(f"{variable} is neither PEM text nor a readable file ({error.strerror})") from error


def _algorithm(private: object, key_name: str) -> str:
    if isinstance(private, ec.EllipticCurvePrivateKey) and private.curve.name in _CURVES:
        return _CURVES[private.curve.name]
    if isinstance(private, ed25519.Ed25519PrivateKey):
        return "ed25519"
    if isinstance(private, rsa.RSAPrivateKey) and private.key_size >= 2048:
        return "ps256"
    raise UsageError(f"{key_name}: C2PA signs with P-256, P-384, P-521, Ed25519 or RSA keys of 2048 bits and more")


def _read_anchors(path: Path) -> str:
    try:
        text = path.read_text()
        x509.load_pem_x509_certificates(text.encode())
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} holds no PEM certificates to trust; give the file of a root") from error
    return text if text.endswith("\n") else text + "\n"


# The development identity


def _folder() -> Path:
    return runs.home() / "identity"


def _development() -> Identity:
    folder = _folder()
    if not folder.exists():
        _create(folder)
    try:
        pem = (folder / "signer.pem").read_bytes()
        root = x509.load_pem_x509_certificate((folder / "root.pem").read_bytes())
        leaf = x509.load_pem_x509_certificate(pem)
        private = serialization.load_pem_private_key(pem, password=None)
    except (OSError, ValueError) as error:
        raise UsageError(
            f"the development identity in {folder} is damaged; move the folder away to have a new one made"
        ) from error
    if root.not_valid_after_utc <= now():
        raise UsageError(f"the development root in {folder} has expired; move the folder away to have a new one made")
    if (
        leaf.not_valid_after_utc - now() < dt.timedelta(days=RENEWAL_DAYS)
        and leaf.not_valid_after_utc < root.not_valid_after_utc
    ):
        _renew(folder, root)
        return _development()
    return Identity(certificate_pem(leaf), key_pem(private), "es256", True, _timestamp_url())


def _create(folder: Path) -> None:
    """Make root and leaf. Whole or not at all: of several processes that start at once, one folder wins the rename."""
    temporary = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.part")
    temporary.mkdir(mode=0o700, parents=True)
    try:
        key = ec.generate_private_key(ec.SECP256R1())
        root = issue(name("tellmark development root"), key.public_key(), None, key, days=ROOT_DAYS)
        _write_private(temporary / "root.key", key_pem(key))
        (temporary / "root.pem").write_bytes(certificate_pem(root))
        _write_private(temporary / "signer.pem", _signer_pem(root, key))
        temporary.rename(folder)
        _log.info("made a development signing identity in %s", folder)
    except OSError:
        if not folder.exists():
            raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _renew(folder: Path, root: x509.Certificate) -> None:
    try:
        key = serialization.load_pem_private_key((folder / "root.key").read_bytes(), password=None)
    except (OSError, ValueError) as error:
        raise UsageError(
            f"the development leaf has to be renewed but {folder / 'root.key'} is unreadable; move the folder away"
        ) from error
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    temporary = folder / f".signer.{secrets.token_hex(4)}.part"
    _write_private(temporary, _signer_pem(root, key))
    temporary.replace(folder / "signer.pem")


def _signer_pem(root: x509.Certificate, root_key: ec.EllipticCurvePrivateKey) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    leaf = issue(name("tellmark development signer"), key.public_key(), root, root_key, days=LEAF_DAYS)
    return key_pem(key) + certificate_pem(leaf)


def _write_private(path: Path, data: bytes) -> None:
    """Write a file that is never readable by others, not even for a moment."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as handle:
        handle.write(data)


def _warn_once(message: str) -> None:
    if message not in _warned:
        _warned.add(message)
        _log.warning(message)
