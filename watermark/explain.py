"""A verdict in plain words, a few sentences, for people who have never heard of C2PA."""

from __future__ import annotations

from tellmark.types import C2paEvidence, MissingEvidence, RegistryEvidence, Verdict, VerdictKind
from tellmark.watermark.manifests import NOT_ASKED, failures

_FEW = 0.1  # of the picture: judging less of it says nothing of the whole
_TRUST = {
    "trusted": "by a signer you trust{name}",
    "untrusted": "by a signer{name} who is not among those you trust (add their root if you know it)",
    "expired": "with a certificate{name} that has expired since, and no time stamp you trust says it was signed before",
    "revoked": "with a certificate{name} that was revoked (find out why before you rely on it)",
}


def explain(verdict: Verdict, *, manifest_only: bool = False) -> str:
    """The verdict in words. manifest_only: as given to :func:`tellmark.watermark.verify.verify`."""
    if manifest_only and verdict.verdict is VerdictKind.NONE and not verdict.c2pa.codes:
        return "No manifest was found; the pixels were not searched for a mark."
    said = {
        VerdictKind.INTACT: _intact,
        VerdictKind.RECOVERED: _recovered,
        VerdictKind.WATERMARKED: _watermarked,
        VerdictKind.ALTERED: _altered,
        VerdictKind.NONE: _none,
    }[verdict.verdict](verdict)
    if manifest_only:
        return f"{said} The pixels were not searched for a mark."
    mark = verdict.watermark
    if mark.matched:
        said += " The mark is too weak to be read by itself: it was compared with those that the registry knows."
    if mark.missing:
        said += f" {_missing(mark.missing)}"
    if mark.turned:
        said += " Players turn it, as its container says, and the mark does not turn with it: it was marked before."
    if mark.video_tracks > 1:
        said += f" Of its {mark.video_tracks} video tracks only the first was searched for a mark."
    return said


def _missing(evidence: MissingEvidence) -> str:
    """Where the mark is missing, and what that can mean."""
    places = [f"from {start:.1f} to {end:.1f} s" for start, end, _ in evidence.spans]
    places += [
        f"from {start:.1f} to {end:.1f} s in a part of the picture ({left:.0%} to {right:.0%} from the left, "
        f"{top:.0%} to {bottom:.0%} from the top)"
        for start, end, left, top, right, bottom in evidence.regions
    ]
    if places:
        rest = "" if evidence.timed else " Half seconds cannot be judged: too few hold enough of it to compare with."
        return f"The mark is missing {'; '.join(places)}: something else may have been put there.{rest}"
    if evidence.judged < _FEW and not evidence.timed:
        return "Whether a part of it lacks the mark cannot be told: an encoder has left too little of it."
    what = "No half second and no region lacks" if evidence.timed else "Half seconds cannot be judged; no region lacks"
    return f"{what} the mark, as far as that shows ({evidence.judged:.0%} of the picture)."


def _what(source_type: str | None, kind: str | None) -> str:
    term = (source_type or "").rsplit("/", 1)[-1]
    if kind == "synthetic" or "lgorithmic" in term or term == "compositeSynthetic":
        return "It says the content is synthetic."
    return "It says the clip is a control, not a synthetic one." if kind == "control" else ""


def _intact(verdict: Verdict) -> str:
    evidence = verdict.c2pa
    when = f" on {evidence.signed_at[:10]}" if evidence.signed_at else ""
    said = f"The file is unchanged since it was signed{when} {_by(evidence)}."
    if NOT_ASKED in evidence.codes:
        said += " Whether the certificate was revoked could not be found out."
    return f"{said} {_what(evidence.digital_source_type, verdict.watermark.kind)}".strip()


def _recovered(verdict: Verdict) -> str:
    return (
        "The manifest was stripped from the file, but the watermark leads to the manifest of this clip, signed "
        f"{_by(verdict.registry)}, and the content fits it. {_whence(verdict.registry)}"
        f"{_what(None, verdict.watermark.kind)}"
    ).strip()


def _whence(evidence: RegistryEvidence) -> str:
    """Where the registered clip came from, as its signer says."""
    if not evidence.title:
        return ""
    by = f" by {evidence.generator}" if evidence.generator else ""
    source = f" from {evidence.origin}" if evidence.origin else ""
    return f"It was made as {evidence.title}{by}{source}. "


def _by(evidence: C2paEvidence | RegistryEvidence) -> str:
    return _TRUST[evidence.trust or "untrusted"].format(name=f" ({evidence.signer})" if evidence.signer else "")


def _watermarked(verdict: Verdict) -> str:
    reason = "no manifest for it is in the registry"
    if verdict.watermark.payload is None:
        reason = "its payload cannot be read"
    elif verdict.registry.found:
        reason = "the registry's entry cannot be confirmed for this content"
    kind = f" that says {verdict.watermark.kind}" if verdict.watermark.kind else ""
    return f"The pixels carry a watermark{kind}, but there is no manifest in the file and {reason}."


def _altered(verdict: Verdict) -> str:
    evidence = verdict.c2pa
    if evidence.state == "unreadable":
        return "There is a manifest in the file, but it is damaged: the file was altered or broken after signing."
    if any(code.endswith("Hash.mismatch") for code in evidence.codes):
        return "The content is not what was signed: the file was altered after signing."
    if evidence.state == "none" or verdict.registry.fingerprint_match is False:
        return "The watermark belongs to another clip: its registered content does not fit what this file shows."
    if broken := failures(evidence.codes):
        return f"The manifest does not hold ({', '.join(broken)}): it was altered after signing, or is not well formed."
    return (
        "The manifest and the watermark contradict each other: the manifest names another mark than the pixels carry."
    )


def _none(verdict: Verdict) -> str:
    if "manifest.inaccessible" in verdict.c2pa.codes:
        return (
            "The file names a manifest on the network, which was not fetched or is not there; nothing else was found."
        )
    return "No manifest and no watermark were found, which proves nothing about where the file comes from."
