"""The development identity: a root of ten years and a leaf of one, made for this user on first use.

The leaf and its key are one file, so that a renewal is one rename and no other process can see half of it.
"""

from __future__ import annotations

import datetime as dt
import logging
import os
import secrets
import shutil
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tellmark import runs
from tellmark.errors import UsageError
from tellmark.watermark.identity.certificates import certificate_pem, issue, key_pem, name, now
from tellmark.watermark.identity.signing import Identity

ROOT_DAYS = 3650
LEAF_DAYS = 365  # the profile allows 366
RENEWAL_DAYS = 30  # a leaf with less than this left is replaced

_log = logging.getLogger(__name__)


def folder() -> Path:
    """Where it is kept."""
    return runs.home() / "identity"


def root_path() -> Path:
    """The file of its root, which may not be there yet."""
    return folder() / "root.pem"


def identity() -> Identity:
    """The identity, made or renewed where it has to be.

    Raises :class:`UsageError` where it cannot be made, its files are damaged, or its root has expired.
    """
    where = folder()
    if not where.exists():
        try:
            _create(where)
        except OSError as error:
            raise UsageError(
                f"{where} cannot be made ({error.strerror}); set TELLMARK_HOME to a folder that can be written"
            ) from error
    try:
        pem = (where / "signer.pem").read_bytes()
        root = x509.load_pem_x509_certificate((where / "root.pem").read_bytes())
        leaf = x509.load_pem_x509_certificate(pem)
        private = serialization.load_pem_private_key(pem, password=None)
    except (OSError, ValueError) as error:
        raise UsageError(
            f"the development identity in {where} is damaged; move the folder away to have a new one made"
        ) from error
    if root.not_valid_after_utc <= now():
        raise UsageError(f"the development root in {where} has expired; move the folder away to have a new one made")
    if (
        leaf.not_valid_after_utc - now() < dt.timedelta(days=RENEWAL_DAYS)
        and leaf.not_valid_after_utc < root.not_valid_after_utc
    ):
        _renew(where, root)
        return identity()
    return Identity(certificate_pem(leaf), key_pem(private), "es256", True)


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
