"""Two processes of torchrun learn what one learns with batches twice as large, and agree with each other."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from tellmark.detector.models.learning import Schedule, descend

_WORKER = """
import sys
from pathlib import Path
import numpy as np, torch
from tellmark.detector.models.learning import Schedule, descend, rank_and_world

def learn(batch_size, checkpoint):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 5)).astype(np.float32)
    y = (x[:, 0] > 0).astype(np.int64)
    torch.manual_seed(3)
    net = torch.nn.Sequential(torch.nn.Linear(5, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1))
    batch = lambda rows, rng: (torch.from_numpy(x[rows]), y[rows])
    net = descend(net, batch, np.ones(64), Schedule(12, batch_size, 0.1), seed=1, checkpoint=checkpoint)
    return net, x, y

if __name__ == "__main__":
    out = Path(sys.argv[1])
    rank, world = rank_and_world()
    net, _, _ = learn(8, out / "checkpoint.pt")
    np.savez(out / f"{rank}-of-{world}.npz", **{k: v.numpy() for k, v in net.state_dict().items()})
    torch.distributed.destroy_process_group()
"""


@pytest.fixture(scope="module")
def two_processes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("torchrun")
    (folder / "worker.py").write_text(_WORKER)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*command, str(folder / "worker.py"), str(folder)],
        capture_output=True, text=True, check=False, timeout=300, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder


def test_both_processes_end_with_the_same_network(two_processes: Path) -> None:
    first, second = (np.load(two_processes / f"{rank}-of-2.npz") for rank in (0, 1))
    for name in first.files:
        np.testing.assert_array_equal(first[name], second[name])
    assert not (two_processes / "checkpoint.pt").exists()


def test_they_learn_what_one_process_learns_with_twice_the_batch(two_processes: Path) -> None:
    scope: dict[str, object] = {"__name__": "worker"}
    exec(_WORKER, scope)
    net, x, y = scope["learn"](16, None)  # type: ignore[operator]
    shared = np.load(two_processes / "0-of-2.npz")
    for name, value in net.state_dict().items():
        np.testing.assert_allclose(shared[name], value.numpy(), atol=2e-5)
    with torch.no_grad():
        right = ((net(torch.from_numpy(x))[:, 0] > 0).numpy() == y).mean()
    assert right > 0.95


def test_a_checkpoint_of_another_seed_is_not_gone_on_with(tmp_path: Path) -> None:
    def net() -> torch.nn.Module:
        torch.manual_seed(0)
        return torch.nn.Linear(2, 1)

    x = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    labels = np.array([0, 1])
    schedule = Schedule(2, 2, 0.1)
    stopped = tmp_path / "stopped.pt"

    class Stop(Exception): ...

    def breaks(rows: np.ndarray, rng: np.random.Generator) -> tuple[torch.Tensor, np.ndarray]:
        if stopped.exists():
            raise Stop
        return x[rows], labels[rows]

    def goes_on(rows: np.ndarray, rng: np.random.Generator) -> tuple[torch.Tensor, np.ndarray]:
        return x[rows], labels[rows]

    with pytest.raises(Stop):
        descend(net(), breaks, np.ones(2), schedule, seed=1, checkpoint=stopped)
    whole = descend(net(), goes_on, np.ones(2), schedule, seed=2)
    other = descend(net(), goes_on, np.ones(2), schedule, seed=2, checkpoint=stopped)
    for name, value in whole.state_dict().items():
        torch.testing.assert_close(other.state_dict()[name], value)
