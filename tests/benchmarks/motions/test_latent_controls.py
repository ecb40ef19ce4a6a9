"""What a probe names people by."""

import numpy as np

from tellmark.benchmarks.motions.latent_controls import PIECE, WAYS, named, performance, pieces


def test_a_probe_names_what_can_be_named() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(3), 60)
    late = np.tile(np.arange(60) >= 30, 3)
    noise = rng.standard_normal((180, 4)).astype(np.float32)
    assert named(noise + 4 * np.eye(3, 4)[labels].astype(np.float32), labels, late) > 0.95
    assert named(noise, labels, late) < 0.55


def test_pieces_of_one_film_are_told_by_what_changes_in_it() -> None:
    rng = np.random.default_rng(1)
    place = np.repeat(12 * np.eye(WAYS), PIECE, axis=0)
    films = [(place + rng.standard_normal(place.shape)).astype(np.float32) for _ in range(4)]
    own, others, long = pieces(films)
    assert long == 4
    assert own > 0.7
    assert others < 0.5  # all of them do the same, so who it is cannot be told


def test_all_actors_do_the_same() -> None:
    one, same = performance(), performance()
    assert (one.array() == same.array()).all()
    assert one.expression.max() > 0.3
