"""The motion transformer: the step by step of use is the same computation as the all at once of training."""

import numpy as np
import pytest
import torch

from tellmark.generator.dynamics import diffusion
from tellmark.generator.dynamics.decoding import Decoder
from tellmark.generator.dynamics.diffusion import MotionTransformer, Sizes, attention_mask

FRAMES = 12


@pytest.fixture
def model() -> MotionTransformer:
    torch.manual_seed(0)
    made = MotionTransformer(Sizes(channels=5, sound=7, conditions=3, width=24, layers=2, heads=2))
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return made.eval().requires_grad_(False)


def inputs(frames: int = FRAMES) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=generator)

    return {
        "past": draw(1, frames, 10), "before": draw(1, frames, 5), "noisy": draw(1, frames, 5),
        "time": torch.rand(1, frames, generator=generator), "sound": draw(1, frames, 7),
        "heard": torch.ones(1, frames, 1), "given": draw(1, frames, 3),
    }  # fmt: skip


def one_by_one(model: MotionTransformer, given: dict[str, torch.Tensor]) -> torch.Tensor:
    """Two streams of the same, of which the second is returned."""
    decoder = Decoder(model, streams=2)
    flows = []
    for frame in range(given["past"].shape[1]):
        row = {name: value[0, frame] for name, value in given.items()}
        common = model.common(row["sound"], row["heard"], row["given"]).expand(2, -1).numpy()
        before, noisy = row["before"].numpy(), row["noisy"].numpy()
        flows.append(decoder.flow(common, before, noisy, float(row["time"]))[1])
        decoder.keep(common, *np.split(row["past"].numpy(), 2))
    return torch.from_numpy(np.stack(flows))[None]


def test_steps_equal_the_training_pass(model: MotionTransformer) -> None:
    given = inputs()
    assert (one_by_one(model, given) - model(**given)).abs().max() < 1e-4


def test_steps_equal_the_training_pass_beyond_the_context(
    model: MotionTransformer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(diffusion, "CONTEXT", 4)
    given = inputs(20)
    assert (one_by_one(model, given) - model(**given)).abs().max() < 1e-4


def test_a_frame_knows_nothing_of_later_ones(model: MotionTransformer) -> None:
    given = inputs()
    before = model(**given)
    for name in ("past", "before", "noisy", "sound"):
        given[name][:, 7:] += 5
    after = model(**given)
    assert (after - before)[:, :7].abs().max() < 1e-5
    assert (after - before)[:, 7:].abs().max() > 0.1


def test_noise_sees_the_past_before_it_and_itself_alone() -> None:
    mask = attention_mask(5)
    assert mask[7].nonzero().ravel().tolist() == [0, 1, 7]  # the noisy side of frame 2
    assert mask[2].nonzero().ravel().tolist() == [0, 1, 2]  # its clean side
