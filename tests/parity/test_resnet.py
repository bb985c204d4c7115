"""ResNets against torchvision's: weights loaded by name, outputs and gradients in float64."""

from __future__ import annotations

from typing import Any

import pytest

import fanin
from tests.examples import SPECS

torch = pytest.importorskip("torch")


def relative(a: Any, b: Any) -> float:
    return float((a - b).abs().max() / b.abs().max())


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_torchvisions_state_dict_loads_by_name_and_gives_the_same_outputs(torchvision_models: Any, name: str) -> None:
    torch.manual_seed(0)
    reference = getattr(torchvision_models, name)(weights=None).double()
    with torch.no_grad():
        for key, tensor in reference.state_dict().items():
            if tensor.is_floating_point() and tensor.dim() == 1:
                tensor.copy_(torch.rand_like(tensor) + 0.5)  # fresh norms are all equal and would hide mistakes
            assert key
    mine = fanin.load(str(SPECS / "resnet.arch"), name.replace("resnet", "ResNet")).double()
    assert list(mine.state_dict()) == list(reference.state_dict())
    mine.load_state_dict(reference.state_dict())
    for train, size in ((False, 64), (False, 97), (True, 64)):
        mine.train(train)
        reference.train(train)
        x = torch.randn(2, 3, size, size, dtype=torch.float64, requires_grad=True)
        y = x.detach().clone().requires_grad_()
        out, expected = mine(x), reference(y)
        assert relative(out, expected) < 1e-10
        cotangent = torch.randn_like(out)
        (gradient,) = torch.autograd.grad((out * cotangent).sum(), x)
        (wanted,) = torch.autograd.grad((expected * cotangent).sum(), y)
        assert relative(gradient, wanted) < 1e-10
    for key, tensor in reference.state_dict().items():  # running statistics after a training step
        assert torch.allclose(mine.state_dict()[key], tensor, rtol=1e-10), key
