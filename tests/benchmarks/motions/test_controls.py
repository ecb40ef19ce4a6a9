"""What was asked for against what is seen."""

import numpy as np
import pytest

from tellmark.benchmarks.motions.controls import _off
from tellmark.generator.types import Motion


def test_a_gaze_is_head_and_eyes_over_a_neutral_performance() -> None:
    rng = np.random.default_rng(0)
    neutral, looking = Motion.rest(25.0, 200), Motion.rest(25.0, 200)
    neutral.gaze_deg[:] = looking.gaze_deg[:] = 2 + rng.standard_normal((200, 2))
    looking.rotation_deg[:, 0] += 4
    looking.gaze_deg[:, 0] += 8
    looking.gaze_deg[:20] += 40  # a look aside is not lasting
    assert _off(looking, neutral, (12.0, 0.0)) < 0.3
    assert _off(looking, neutral, (12.0, 3.0)) == pytest.approx(3, abs=0.3)
