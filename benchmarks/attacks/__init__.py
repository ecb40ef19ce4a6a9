"""The attack suite: what happens to a video on its way, and a ladder of it that any watermark can be put on.

    from tellmark.benchmarks.attacks import LADDER, Frames, Reading, climb

    class Mine:
        name = "mine"

        def embed(self, clip: Frames) -> tuple[Frames, U8]: ...   # the marked clip and the bits in it
        def detect(self, clip: Frames) -> Reading: ...            # Reading(bits or None, present or None)

    for row in climb(Mine(), [Frames(rgb_frames, 25.0)], list(LADDER.values())):
        print(row)

An attack is a pure function from :class:`Frames` to :class:`Frames`; they are in ``colour``, ``geometry``, ``screens``,
``timing`` and ``codecs``. Encodings run in memory.
"""

from tellmark.benchmarks.attacks.clip import Attack, Frames, chain
from tellmark.benchmarks.attacks.codecs import LONG_GOP_S, SHORT_GOP_S, decoded, encoded, recompress
from tellmark.benchmarks.attacks.ladder import GROUPS, LADDER
from tellmark.benchmarks.attacks.rung import Rung
from tellmark.benchmarks.attacks.trial import Reading, Watermark, climb, excerpts, wilson

__all__ = [
    "GROUPS",
    "LADDER",
    "LONG_GOP_S",
    "SHORT_GOP_S",
    "Attack",
    "Frames",
    "Reading",
    "Rung",
    "Watermark",
    "chain",
    "climb",
    "decoded",
    "encoded",
    "excerpts",
    "recompress",
    "wilson",
]
