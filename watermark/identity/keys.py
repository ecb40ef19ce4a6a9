"""Who signs: the certificates and keys behind every manifest, and the roots a verifier trusts.

Four sources, in this order: an identity given to :func:`use`, as the command line does with its flags; the chain and
key that c2patool reads too, ``C2PA_SIGN_CERT`` and ``C2PA_PRIVATE_KEY`` (PEM text as c2patool wants it, or the path of
a PEM file), where ``C2PA_SIGN_COMMAND`` may stand for a key that is kept elsewhere; the same in the settings file
(``tellmark.watermark.identity.settings``); or a development identity made for this user on first use
(``tellmark.watermark.identity.development``). Others see that one as untrusted until they have its root, which
:func:`anchors_pem` gives.
"""

from __future__ import annotations

import contextlib
import contextvars
import dataclasses
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from tellmark.errors import UsageError
from tellmark.watermark.identity import development, settings, signing
from tellmark.watermark.identity.certificates import certificate_pem, key_pem, now
from tellmark.watermark.identity.signing import Identity

__all__ = ["Identity", "anchors_pem", "identity", "named", "show", "trust_pem", "use"]

CERTIFICATE_VARIABLE = "C2PA_SIGN_CERT"
KEY_VARIABLE = "C2PA_PRIVATE_KEY"
ANCHORS_VARIABLE = "C2PATOOL_TRUST_ANCHORS"
TIMESTAMP_VARIABLE = "TELLMARK_TSA_URL"

_CURVES = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}

_chosen: contextvars.ContextVar[Identity | None] = contextvars.ContextVar("identity", default=None)
_log = logging.getLogger(__name__)
_warned: set[str] = set()


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
    chosen = _given() or dataclasses.replace(development.identity(), timestamp_url=_timestamp_url())
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
    root = development.root_path()
    if root.exists():
        anchors.append(_read_anchors(root))
    return "".join(anchors)


def anchors_pem() -> str:
    """PEM of the development root, to give to those who verify; makes the identity where there is none yet.

    Raises :class:`UsageError` where a certificate is named: its root is the authority's to give.
    """
    if _given() is not None:
        raise UsageError(f"the certificate is named by the {_place()}: give others the root of its authority")
    development.identity()
    return _read_anchors(development.root_path())


def show() -> dict[str, Any]:
    """Facts about the identity that signs, for people and JSON: no key material in it."""
    chosen = _given() or dataclasses.replace(development.identity(), timestamp_url=_timestamp_url())
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
        "folder": str(development.folder()) if chosen.development else None,
        "root": str(development.root_path()) if chosen.development else None,
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
    leaf = signing.leaf_of(chain_pem, chain_name)
    try:
        private = serialization.load_pem_private_key(_pem(key, key_name), password=None)
    except (ValueError, TypeError) as error:
        raise UsageError(f"{key_name} is not an unencrypted PEM: {error}") from error
    if leaf.public_key() != private.public_key():
        raise UsageError(f"{key_name} is not the key of the first certificate in {chain_name}")
    # Written out anew: a file may hold certificate and key together, and c2pa takes either alone.
    chain_pem = b"".join(map(certificate_pem, x509.load_pem_x509_certificates(chain_pem)))
    return Identity(chain_pem, key_pem(private), _algorithm(private, key_name), False, timestamp_url)


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


def _warn_once(message: str) -> None:
    if message not in _warned:
        _warned.add(message)
        _log.warning(message)
