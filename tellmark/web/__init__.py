"""`tellmark serve`: a page and an API that say what provenance a file carries. Needs the extra ``tellmark[serve]``."""

from tellmark.web.server import serve

__all__ = ["serve"]
