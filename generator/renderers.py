"""The renderers by name. Two that share nothing but portrait and motion, so that a detector can meet an unseen one."""

from __future__ import annotations

from tellmark.errors import UsageError
from tellmark.generator.types import Portrait, PortraitRenderer

RENDERERS = ("mesh", "splat")
"""``mesh`` fetches the picture through a triangle mesh, ``splat`` throws it as points; the first is the default."""


def renderer(name: str, portrait: Portrait) -> PortraitRenderer:
    """The renderer ``name``, ready to pose the portrait."""
    if name == "mesh":
        from tellmark.generator.render import MeshRenderer

        return MeshRenderer(portrait)
    if name == "splat":
        from tellmark.generator.points.splats import SplatRenderer

        return SplatRenderer(portrait)
    raise UsageError(f"renderer {name}: unknown; choose one of {', '.join(RENDERERS)}")
