import pytest
import torch

from ckptrank.networks.optimisers import SGD, AdamW

LAYOUTS = {"contiguous": torch.contiguous_format, "channels last": torch.channels_last}
KINDS = {
    "SGD": (
        lambda p: SGD([p], weight_decay=0.01),
        lambda p: torch.optim.SGD([p], 0.1, 0.9, weight_decay=0.01),
    ),
    "AdamW": (lambda p: AdamW([p]), lambda p: torch.optim.AdamW([p], 0.1)),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(8, 4, 3, 3), (8, 4, 1, 1), (1, 4, 3, 3)])
@pytest.mark.parametrize("of_weights", LAYOUTS)
@pytest.mark.parametrize("of_gradients", LAYOUTS)
def test_steps_are_those_of_pytorch_in_every_layout(kind, shape, of_weights, of_gradients):
    generator = torch.Generator().manual_seed(0)
    start = torch.randn(shape, generator=generator)
    weights, expected = (torch.nn.Parameter(start.clone()) for _ in range(2))
    weights.data = weights.data.contiguous(memory_format=LAYOUTS[of_weights])
    make, make_expected = KINDS[kind]
    ours, theirs = make(weights), make_expected(expected)
    for _ in range(3):
        expected.grad = torch.randn(shape, generator=generator)
        weights.grad = expected.grad.contiguous(memory_format=LAYOUTS[of_gradients])
        ours.step(0.1)
        theirs.step()
    torch.testing.assert_close(weights.detach(), expected.detach(), rtol=1e-5, atol=1e-6)
    assert weights.grad is None
