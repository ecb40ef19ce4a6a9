"""Who is in which split of a dataset, and how persons are named where their names must not appear."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from tellmark.types import Clip


def pseudonym(identity: str) -> str:
    """Twelve hex digits that stand for an identity where its name must not appear: in a model's card."""
    return hashlib.sha256(identity.encode()).hexdigest()[:12]


def identity_leaks(clips: Sequence[Clip]) -> list[str]:
    """Identities that appear in more than one split."""
    splits: dict[str, set[str]] = {}
    for clip in clips:
        splits.setdefault(clip.identity, set()).add(clip.split)
    return sorted(identity for identity, found in splits.items() if len(found) > 1)
