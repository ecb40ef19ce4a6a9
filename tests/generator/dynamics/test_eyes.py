"""What the eyes make of the motion model's wishes."""

import numpy as np

from tellmark.generator.dynamics.eyes import FPS, Eyes

STRAIGHT = (0.0, 0.0)


def _eyes(towards: tuple[float, float] = STRAIGHT) -> Eyes:
    return Eyes(np.random.default_rng(5), towards)


def _performed(
    wanted: np.ndarray | None = None, lids: np.ndarray | None = None, head: np.ndarray | None = None, frames: int = 500
) -> tuple[np.ndarray, np.ndarray]:
    zeros = np.zeros((frames, 3), np.float32)
    given = (zeros[:, :2] if wanted is None else wanted, zeros[:, :2] if lids is None else lids)
    return _eyes().over(*(part.astype(np.float32) for part in given), zeros if head is None else head)


def test_a_gaze_that_glides_becomes_rests_and_jumps() -> None:
    times_s = np.arange(500) / FPS
    wanted = np.column_stack([9 * np.sin(2 * np.pi * times_s / 4), 0 * times_s])
    gaze, _ = _performed(wanted=wanted)
    speed = np.linalg.norm(np.diff(gaze, axis=0), axis=1)
    assert (speed < 0.05).mean() > 0.6  # the wish moves by .3 degrees a frame and is hardly ever still
    moving = np.flatnonzero(speed > 0.05)
    runs = np.split(moving, np.flatnonzero(np.diff(moving) > 1) + 1)
    assert max(len(run) for run in runs) <= 3  # at 2.2 ms a degree and 21 ms
    assert len(runs) > 15
    assert np.corrcoef(gaze[:, 0], wanted[:, 0])[0, 1] > 0.85
    assert np.abs(gaze[:, 0] - wanted[:, 0]).max() < 10


def test_eyes_rest_longer_the_nearer_they_are_to_where_they_want_to_be() -> None:
    rng = np.random.default_rng(1)
    jumps = []
    for size in (1.0, 8.0):
        wanted = size * np.repeat(rng.standard_normal((100, 2)), 25, axis=0)
        gaze, _ = _performed(wanted=wanted, frames=2500)
        jumps.append((np.linalg.norm(np.diff(gaze, axis=0), axis=1) > 0.5).sum())
    assert jumps[1] > 1.5 * jumps[0]


def test_a_nod_is_looked_through_and_a_lasting_turn_is_not() -> None:
    times_s = np.arange(500) / FPS
    nod = np.zeros((500, 3), np.float32)
    nod[:, 1] = 3 * np.sin(2 * np.pi * times_s / 0.5)
    gaze, _ = _performed(head=nod)
    assert np.median(np.abs(gaze[:, 1] + nod[:, 1])) < 1.2  # the room stands still
    turn = np.zeros((500, 3), np.float32)
    turn[50:, 0] = 12
    gaze, _ = _performed(head=turn)
    assert gaze[60:65, 0].mean() < -4
    assert np.abs(gaze[200:, 0]).mean() < 3


def test_a_lasting_gaze_is_kept_from_the_start() -> None:
    head = np.tile(np.array([3.5, 0, 0], np.float32), (50, 1))
    gaze, _ = _eyes((10.0, 0.0)).over(
        np.tile(np.array([6.5, 0], np.float32), (50, 1)), np.zeros((50, 2), np.float32), head
    )
    assert np.abs(gaze[:, 0] + 0.95 * head[:, 0] - 10).max() < 2


def test_small_wishes_rest_on_whom_one_talks_to_and_large_ones_do_not() -> None:
    towards, shares = np.array([10.0, 0.0]), []
    head = np.tile(np.array([3.5, 0, 0], np.float32), (1000, 1))
    for size in (1.5, 8.0):
        wanted = np.random.default_rng(3).standard_normal((40, 2)).repeat(25, axis=0) * size + [6.5, 0]
        gaze, _ = _eyes((10.0, 0.0)).over(wanted.astype(np.float32), np.zeros((1000, 2), np.float32), head)
        off = np.linalg.norm(gaze + 0.95 * head[:, :2] - towards, axis=1)
        shares.append((off < 1.5).mean())
    assert shares[0] > 0.9  # chance scatters a landing by .4 degrees
    assert shares[1] < 0.5


def test_half_shut_flutter_is_nothing_and_a_blink_runs_its_course() -> None:
    lids = np.zeros((200, 2))
    lids[20:60:4] = 0.35
    lids[100:102] = 0.55
    _, shut = _performed(lids=lids, frames=200)
    assert shut[:100].max() < 0.02
    assert shut[100:105].max() > 0.4
    blink = np.flatnonzero(shut.mean(1) > 0.02)
    assert 6 <= len(blink) <= 10
    assert shut[117:].max() < 0.02


def test_lids_that_hover_blink_once() -> None:
    lids = np.full((100, 2), 0.3)
    lids[20] = lids[30] = lids[40] = 0.6
    _, shut = _performed(lids=lids, frames=100)
    assert shut[32:].max() < 0.02


def test_the_upper_lid_follows_the_eye_down() -> None:
    gaze, shut = _performed(wanted=np.tile([0.0, -12.0], (100, 1)), frames=100)
    assert shut.max() > 0.1
    assert np.allclose(shut.mean(1), np.clip(-0.012 * gaze[:, 1], 0, 0.25), atol=1e-3)


def test_a_wish_that_lasts_is_where_the_eyes_are_at_home() -> None:
    gaze, _ = _performed(wanted=np.tile([10.0, 0.0], (500, 1)), frames=500)
    assert gaze[5:30, 0].mean() > 5
    assert abs(gaze[250:, 0].mean()) < 2


def test_pieces_change_nothing() -> None:
    rng = np.random.default_rng(2)
    given = [
        rng.standard_normal((90, columns)).astype(np.float32) * size for columns, size in ((2, 5), (2, 0.4), (3, 4))
    ]
    whole = _eyes().over(*given)
    eyes = _eyes()
    pieces = [eyes.over(*(part[start : start + 7] for part in given)) for start in range(0, 90, 7)]
    for k in (0, 1):
        assert (np.concatenate([piece[k] for piece in pieces]) == whole[k]).all()
