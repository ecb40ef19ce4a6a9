"""What the eyes make of where the motion model would have them look, and the lids of when it shuts them.

Eyes do not glide: they rest on a place in the room while the head moves, and jump to the next. The model's gaze is
smooth, for so are the films it was taught by (a tracker's tremble had to be taken out of them); it is read as where
somebody wants to look. The wish to go there grows with the distance, and a jump starts when it reaches a threshold
drawn anew for every rest (after Carpenter & Williams 1995, "Neural computation of log likelihood in control of saccadic
eye movements"). Who speaks looks at somebody, and rests gather there: a wish that stays within a listener's face lands
on it. A blink that has begun runs its course: how far lids close is not the model's to say.

Nothing looks ahead and every frame is computed alone, so streams and files are the same.
"""

from __future__ import annotations

import numpy as np

from tellmark.generator.dynamics import behaviour
from tellmark.types import F32, F64

FPS = 25.0

_REST_S = 0.12  # the least time between two jumps
_URGE_DEG = 3.4  # off by this much, eyes go after a second on average; twice as far, four times as soon
_RESTLESS = 0.2  # jumps a second of eyes that are where they want to be
_SCATTER_DEG = 0.4  # of where a jump lands
_AHEAD_S = 0.05  # jumps go to where a wish that moves will be
_ADDRESSED_DEG = 4.0  # a wish no further off is for whom one talks to: half a face, seen from a metre
_USUAL_S = 3.0  # after which eyes that are wished aside are aside no more: a lasting gaze is the controls' to say
_ALONG_S = 0.6  # in which eyes go along with a head that turns to stay; a nod is looked through
# Lids of the model begin a blink above the first, and may again once they were below the second.
_SHUT, _OPEN = 0.38, 0.2
_DEEP = 0.88  # the least that lids close: a blink drawn half as deep would be one that the model did not mean
_DROOP, _DROOP_MOST = 0.012, 0.25  # of the upper lid, per degree that the eye looks down, and at most


class Eyes:
    """Gaze and lids of one performance, from the model's own, frame after frame."""

    def __init__(self, rng: np.random.Generator, towards_deg: tuple[float, float], lively: float = 1.0) -> None:
        """towards_deg: where somebody looks at first, in the portrait's frame.

        lively: how much larger a head's movements are worn than they were made; what one looks at does not grow so.
        """
        jumps, blinks = rng.spawn(2)
        self._gaze, self._lids = _Gaze(jumps, towards_deg, lively), _Lids(blinks)
        self._frame = 0

    def over(self, wanted_deg: F32, lids: F32, rotation_deg: F32) -> tuple[F32, F32]:
        """(gaze, lids) of T frames, (T, 2) each: degrees in the head, and 0 open to 1 closed of each eye.

        wanted_deg, lids: (T, 2) as the model has them; rotation_deg: (T, 3) of the head as it is worn.
        """
        gaze, shut = np.empty((len(lids), 2)), np.empty((len(lids), 2))
        for row in range(len(lids)):
            time_s = self._frame / FPS
            self._frame += 1
            gaze[row] = self._gaze.at(time_s, wanted_deg[row].astype(np.float64), rotation_deg[row, :2])
            shut[row] = self._lids.at(time_s, float(lids[row].mean()))
        droop = np.clip(-_DROOP * gaze[:, 1:], 0, _DROOP_MOST)
        return gaze.astype(np.float32), np.maximum(shut, droop).astype(np.float32)


class _Gaze:
    def __init__(self, rng: np.random.Generator, towards_deg: tuple[float, float], lively: float) -> None:
        self._rng, self._lively = rng, lively
        self._head_towards = behaviour.head_towards(towards_deg)[:2]
        self._along = self._head_towards.copy()  # the head's turns that the eyes go along with
        self._towards = np.array(towards_deg, np.float64)
        self._before = self._place = self._left = self._towards
        self._home, self._usual = (
            self._place - self._along,
            np.zeros(2),
        )  # of the eyes in the head, and beyond it of late
        self._start_s, self._length_s = -1.0, 0.02  # of the last jump
        self._urge, self._enough = 0.0, float(rng.exponential())

    def at(self, time_s: float, wanted_deg: F64, head_deg: F32) -> F64:
        """(2,) degrees of the eyes in the head; called once for every frame."""
        made_deg = self._head_towards + (head_deg - self._head_towards) / self._lively
        self._along += (made_deg - self._along) / (_ALONG_S * FPS)
        self._usual += (wanted_deg - self._home - self._usual) / (_USUAL_S * FPS)
        wish = wanted_deg - self._usual + self._along
        ahead = wish + (wish - self._before) * _AHEAD_S * FPS
        self._before = wish
        if np.hypot(*(ahead - self._towards)) < _ADDRESSED_DEG:
            ahead = self._towards
        if time_s - self._start_s >= _REST_S:
            off = float(np.hypot(*(ahead - self._place)))
            self._urge += ((off / _URGE_DEG) ** 2 + _RESTLESS) / FPS
            if self._urge >= self._enough:
                self._jump(time_s, ahead)
        done = behaviour.bump(np.array([time_s]), self._start_s, self._length_s, 1e6, 1.0)[0]
        sight = self._left + (self._place - self._left) * done
        return np.asarray(behaviour.look(sight, head_deg[None].astype(np.float64))[0], np.float64)

    def _jump(self, time_s: float, place: F64) -> None:
        self._left, self._place = self._place, place + self._rng.normal(0, _SCATTER_DEG, 2)
        # It has begun at any moment since the last frame.
        self._start_s = time_s - self._rng.random() / FPS
        self._length_s = behaviour.saccade_s(self._place - self._left)
        self._urge, self._enough = 0.0, float(self._rng.exponential())


class _Lids:
    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._ready = True
        self._start_s, self._blink = -9.0, _drawn(rng)

    def at(self, time_s: float, wanted: float) -> F64:
        """(2,) of the right and left eye; ``wanted``: the model's lids."""
        if self._ready and wanted > _SHUT:
            self._ready, self._start_s = False, time_s - self._rng.random() / FPS
            self._blink = _drawn(self._rng)
        self._ready = self._ready or wanted < _OPEN
        now = np.array([time_s])
        part = behaviour.bump(now, self._start_s, *self._blink.strokes_s, ease=behaviour.LID_EASE)[0]
        return np.asarray(part * np.array(self._blink.depths), np.float64)


def _drawn(rng: np.random.Generator) -> behaviour.Blink:
    blink = behaviour.draw_blink(rng)
    right, left = (max(depth, _DEEP) for depth in blink.depths)
    return behaviour.Blink(1, (right, left), blink.strokes_s)
