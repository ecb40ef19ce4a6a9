"""What the C2PA manifest in a file says, tampering and trust told apart.

The engine is c2pa-rs through c2pa-python. What this module adds to it:

* "Untrusted", "expired" and "revoked" speak of the certificate, a hash mismatch speaks of the content; c2pa's one state
  "Invalid" covers both, so its failure codes are sorted here.
* A damaged store is ``unreadable``, not absent.
"""

from __future__ import annotations

import contextlib
import functools
import io
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tellmark.types import C2paEvidence
from tellmark.watermark import claims, formats
from tellmark.watermark.identity import keys

if TYPE_CHECKING:
    from c2pa import Context

# Extended key usages a signer may have: e-mail protection, document signing, time stamping, C2PA claim signing.
_TRUST_CONFIG = "1.3.6.1.5.5.7.3.4\n1.3.6.1.5.5.7.3.36\n1.3.6.1.5.5.7.3.8\n1.3.6.1.4.1.62558.2.1\n"

# Failures that speak of the certificate, most serious first.
_TRUST_CODES = {
    "signingCredential.ocsp.revoked": "revoked",
    "signingCredential.expired": "expired",
    "signingCredential.untrusted": "untrusted",
}
NOT_ASKED = "signingCredential.ocsp.inaccessible"  # the authority did not say whether it was revoked: no failure
_NAME = 200  # characters of a name that are shown
_CONTENT_CODES = ("Hash.mismatch",)  # assertion.bmffHash.mismatch, assertion.dataHash.mismatch, ...


@dataclass(frozen=True, slots=True)
class ManifestReading:
    """A manifest store as read.

    signed: the claim and its assertions are as they were signed, whoever the signer is.
    fits: signed, and the content is what was signed.
    """

    evidence: C2paEvidence
    signed: bool = False
    fits: bool = False
    payload: str | None = None  # what the soft binding names
    fingerprint_sha256: str | None = None
    title: str | None = None
    origin: str | None = None  # titles of the ingredients


def read(path: Path, trust: Path | None = None) -> C2paEvidence:
    """What the manifest inside ``path`` says. ``trust``: see :func:`keys.trust_pem`."""
    return examine(path, trust).evidence


def examine(
    path: Path, trust: Path | None = None, store: bytes | None = None, *, online: bool = False
) -> ManifestReading:
    """As :func:`read`, with what a verdict needs beside the evidence; of ``store`` instead of the file's, where given.

    online: fetch a manifest that the file names by its address alone, and ask whether the certificate was revoked.
    """
    with path.open("rb") as stream:
        return _examine(stream, formats.sniff(path), store, trust, lambda: formats.has_store(path), online)


def examine_store(store: bytes, trust: Path | None = None, *, online: bool = False) -> ManifestReading:
    """Read a manifest store that was kept apart from its content; ``fits`` is then always False."""
    return _examine(io.BytesIO(store), "application/c2pa", None, trust, lambda: True, online)


def _examine(
    stream: Any, mime: str, store: bytes | None, trust: Path | None, has_store: Callable[[], bool], online: bool
) -> ManifestReading:
    from c2pa import C2paError, Reader

    try:
        with Reader(mime, stream, store, context=c2pa_context(keys.trust_pem(trust), online)) as reader:
            results = reader.get_validation_results() or {}
            manifest = reader.get_active_manifest() or {}
            return _reading(reader.get_validation_state(), results, manifest, _ancestors(reader, manifest))
    except KeyError:  # c2pa-python on a store whose active manifest is missing
        return ManifestReading(C2paEvidence(state="unreadable"))
    except C2paError.NotSupported:  # Matroska, text, ...: nowhere a manifest could be
        return ManifestReading(C2paEvidence())
    except C2paError as error:
        if not has_store() and (str(error).startswith("Remote") or "emoteManifest" in str(error)):
            # The file names a manifest on the network, which was not asked, or not there.
            return ManifestReading(C2paEvidence(codes=("manifest.inaccessible",)))
        return ManifestReading(C2paEvidence(state="unreadable" if has_store() else "none"))


def _ancestors(reader: Any, manifest: dict[str, Any]) -> list[dict[str, Any]]:
    """The manifests of what this one is a copy of, the nearest first."""
    found: dict[str, dict[str, Any]] = {}
    with contextlib.suppress(KeyError):  # one that was left out of the store
        while isinstance(label := _parent(manifest).get("active_manifest"), str) and label not in found:
            manifest = found[label] = reader.get_manifest(label) or {}
    return list(found.values())


def _reading(
    state: str | None, results: dict[str, Any], manifest: dict[str, Any], ancestors: Iterable[dict[str, Any]] = ()
) -> ManifestReading:
    checks = results.get("activeManifest") or {}
    active = [failure["code"] for failure in checks.get("failure", [])]
    deltas = [
        failure["code"]
        for delta in results.get("ingredientDeltas") or []
        for failure in delta.get("validationDeltas", {}).get("failure", [])
    ]
    unsaid = [item["code"] for item in checks.get("informational", []) if item["code"] == NOT_ASKED]
    codes = tuple(dict.fromkeys(active + deltas + unsaid))
    broken = failures(codes)
    held = {success["code"] for success in checks.get("success", [])}
    trust = next((name for code, name in _TRUST_CODES.items() if code in active), None)
    if trust is None and "signingCredential.trusted" in held:
        trust = "trusted"
    signature = manifest.get("signature_info") or {}
    evidence = C2paEvidence(
        state=state or "unreadable",
        trust=trust,
        codes=codes,
        signer=_shown(signature.get("common_name") or signature.get("issuer")),
        signed_at=signature.get("time") if "timeStamp.trusted" in held else None,  # any clock can be set back
        claim_generator=_generator(manifest),
        digital_source_type=next(filter(None, map(_source_type, (manifest, *ancestors))), None),
    )
    binding = _assertion(manifest, "c2pa.soft-binding")
    ours = binding.get("alg") == claims.SOFT_BINDING_ALGORITHM
    values = [block.get("value") for block in _dicts(binding.get("blocks"))] if ours else []
    return ManifestReading(
        evidence,
        signed=state is not None and all(code.endswith(_CONTENT_CODES) for code in broken),
        fits=state is not None and not broken,
        payload=next((value for value in values if isinstance(value, str)), None),
        fingerprint_sha256=_assertion(manifest, claims.GENERATION_LABEL).get("fingerprint_sha256"),
        title=_text(manifest.get("title")),
        origin=_text(", ".join(str(item.get("title") or "?") for item in _dicts(manifest.get("ingredients")))),
    )


def failures(codes: Iterable[str]) -> list[str]:
    """Those of the codes that speak of the content or the manifest, not of trust in whoever signed."""
    return [code for code in codes if code not in (*_TRUST_CODES, NOT_ASKED) and not code.startswith("cawg.")]


def _generator(manifest: dict[str, Any]) -> str | None:
    first = next(iter(_dicts(manifest.get("claim_generator_info"))), {})
    words = [first.get("name"), first.get("version")] if first else [manifest.get("claim_generator")]
    return _shown(" ".join(str(word) for word in words if word))


def _shown(text: str | None) -> str | None:
    """A name that anybody may have written, fit to be printed: no control characters, and not a page of it."""
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text or "")[:_NAME] or None


def _text(value: object) -> str | None:
    return _shown(value) if isinstance(value, str) else None


def _source_type(manifest: dict[str, Any]) -> str | None:
    actions = _assertion(manifest, "c2pa.actions.v2") or _assertion(manifest, "c2pa.actions")
    types = (action.get("digitalSourceType") for action in _dicts(actions.get("actions")))
    return next((str(value) for value in (*types, _parent(manifest).get("digital_source_type")) if value), None)


def _parent(manifest: dict[str, Any]) -> dict[str, Any]:
    """The ingredient that the clip is a copy of; empty where it is none."""
    return next((item for item in _dicts(manifest.get("ingredients")) if item.get("relationship") == "parentOf"), {})


def _assertion(manifest: dict[str, Any], label: str) -> dict[str, Any]:
    """The content of an assertion; empty where it is missing or, as any signer may write it, of another shape."""
    found = (item.get("data") for item in _dicts(manifest.get("assertions")) if item.get("label") == label)
    return next((data for data in found if isinstance(data, dict)), {})


def _dicts(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def c2pa_context(anchors: str, online: bool = False) -> Context:
    """The engine with the roots to trust (PEM) and whether it may ask the network."""
    return _context(os.getpid(), anchors, online)


@functools.lru_cache(maxsize=4)
def _context(process: int, anchors: str, online: bool) -> Context:
    """One Context a process, because a Context does not survive a fork: hence the process id among the arguments."""
    from c2pa import Context

    settings: dict[str, Any] = {
        "version": 1,
        "verify": {
            "verify_after_sign": True,
            "verify_trust": True,
            "ocsp_fetch": online,
            "remote_manifest_fetch": online,
        },
        "builder": {
            "thumbnail": {"enabled": False},
            "bmff_hash_exclude_free_and_skip_boxes": False,
            "created_assertion_labels": list(claims.CREATED_LABELS),
        },
        "core": {"backing_store_memory_threshold_in_mb": 16, "allow_redirects": False},
    }
    if anchors:
        settings["trust"] = {"user_anchors": anchors, "trust_config": _TRUST_CONFIG}
    return Context.from_dict(settings)
