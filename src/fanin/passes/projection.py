"""Activations projected back to pixels: what a unit, a map or a whole layer stood for in a picture.

Zeiler & Fergus 2014, "Visualizing and Understanding Convolutional Networks", section 2.1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from fanin.runtime.modes import in_evaluation


def project(net: nn.Module, x: Tensor, keep: Callable[[Tensor], Tensor] | Tensor | None = None) -> Tensor:
    """The results of a network carried backwards through it, to the shape of ``x``.

    Down the network a convolution is its transpose, a max-pooling puts each number where the largest was (its
    switches), a linear layer is Wᵀ, and a ReLU is a ReLU of what comes down. ``keep`` says what is carried: a function
    that puts all other activations to 0, or the activations themselves; without it, all of them. Biases add nothing.
    To start in the middle, ``cut`` the network there first.
    """
    with in_evaluation(net), torch.enable_grad():
        source = x.detach().clone().requires_grad_(True)
        with _Deconvolution():
            found = net(source)
        if keep is None:
            carried = found
        else:
            carried = keep(found.detach()) if callable(keep) else keep
        (down,) = torch.autograd.grad(found, source, carried.detach().to(found.dtype))
    return down


class _ReLU(torch.autograd.Function):
    """A ReLU on the way up, and one on the way down, whatever was positive on the way up."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.clamp(min=0)

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> Tensor:
        return slopes[0].clamp(min=0)


class _Deconvolution(TorchFunctionMode):
    """Every ReLU that is called within has the rule above."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in (F.relu, F.relu_, torch.relu, torch.relu_, Tensor.relu, Tensor.relu_):
            return _ReLU.apply(args[0] if args else kwargs["input"])  # type: ignore[no-untyped-call]
        return func(*args, **(kwargs or {}))
