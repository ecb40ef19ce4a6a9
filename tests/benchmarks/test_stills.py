"""The pictures' benchmark attacks pictures as it says."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from tellmark.benchmarks import stills
from tellmark.errors import UsageError
from tellmark.pictures import write_image


def test_attacks_give_pictures() -> None:
    y, x = np.mgrid[:96, :128]
    rgb = np.stack([x, y, x + y], axis=2).astype(np.uint8)
    shapes = {name: attack(rgb).shape for name, attack in stills.ATTACKS.items()}
    assert shapes.pop("half size, jpeg 85") == (48, 64, 3)
    assert shapes.pop("crop 25 %, jpeg 85") == (72, 96, 3)
    assert set(shapes.values()) == {(96, 128, 3)}
    errors = [np.abs(stills.jpeg(rgb, quality).astype(float) - rgb).mean() for quality in (95, 75, 40)]
    assert errors == sorted(errors)


def test_a_row_an_attack_and_no_names(tmp_path: Path) -> None:
    for number in range(2):
        noise = np.random.default_rng(number).integers(40, 216, (30, 30, 3), dtype=np.uint8)
        write_image(tmp_path / f"somebody-{number}.png", cv2.resize(noise, (512, 512), interpolation=cv2.INTER_CUBIC))
    rows = stills.run(data=tmp_path, hosts="drawn")
    assert "somebody" not in str(rows)
    counted = {row["condition"]: row for row in rows if row["measure"] == "robustness"}
    assert set(counted) == set(stills.ATTACKS)
    assert (counted["png"]["pictures"], counted["png"]["payload"], counted["png"]["wrong"]) == (2, 2, 0)
    assert rows[-1]["present"] == 0
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="no pictures"):
        stills.run(data=tmp_path / "empty")
