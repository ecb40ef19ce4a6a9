"""How stills are framed."""

from tellmark.generator.actors import sitting
from tellmark.generator.types import SIZE

HALF_HEAD, CHIN = 130, 395  # px from the middle, with hair, and from the top: the largest of sixty actors at rest


def test_heads_stay_in_the_picture() -> None:
    shifts = []
    for seed in range(300):
        _, zoom, right, down = sitting.draw_framing(seed)
        assert abs(right) + HALF_HEAD * zoom <= SIZE / 2
        assert 0.42 * SIZE + (CHIN - 0.42 * SIZE) * zoom + down < SIZE
        shifts.append(abs(right))
    assert max(shifts) > 3 * sorted(shifts)[len(shifts) // 2]  # and not all in the middle
