"""Biases as weights of an input that is always 1: the same function without a bias (w₀ = -θ, x₀ = 1)."""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class FoldedLinear(nn.Linear):
    """A linear layer over its inputs and a last one that is 1: ``weight`` is [out, in + 1], and there is no bias."""

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(torch.cat((x, x.new_ones((*x.shape[:-1], 1))), -1), self.weight)


class FoldedConv2d(nn.Conv2d):
    """A convolution of 1 x 1 over its channels and a last one that is 1: [out, in + 1, 1, 1], and no bias."""

    def forward(self, x: Tensor) -> Tensor:
        one = x.new_ones((*x.shape[:-3], 1, *x.shape[-2:]))
        return F.conv2d(torch.cat((x, one), -3), self.weight, stride=self.stride)


def fold_bias(net: nn.Module) -> nn.Module:
    """A copy whose linear layers and 1 x 1 convolutions have their biases in a last column of ``weight``.

    What has no bias stays as it is, and so does a convolution that is padded, grouped or wider than 1: at an edge that
    is padded with zeros the 1 would be missing.
    """
    return _replaced(net, _folded)


def unfold_bias(net: nn.Module) -> nn.Module:
    """The inverse of ``fold_bias``: the same weights and biases, to the bit."""
    return _replaced(net, _unfolded)


def _replaced(net: nn.Module, change: Callable[[nn.Module], nn.Module | None]) -> nn.Module:
    """A copy with other modules in the place of some; one that stands at several places stays one."""
    made = copy.deepcopy(net)
    known: dict[int, nn.Module] = {}
    shared = _counts(made)

    def changed(module: nn.Module) -> nn.Module:
        if id(module) not in known:
            for weight in module.parameters(recurse=False):
                if shared[id(weight)] > 1 and change(module) is not None:
                    raise ValueError("a weight that several modules share cannot take a bias of one of them in")
            known[id(module)] = change(module) or module
        return known[id(module)]

    for module in list(made.modules()):
        for name, child in list(module._modules.items()):
            if child is not None:
                module._modules[name] = changed(child)
    return changed(made)


def _counts(net: nn.Module) -> dict[int, int]:
    """At how many modules a parameter is found."""
    found: dict[int, int] = {}
    for module in net.modules():
        for weight in module.parameters(recurse=False):
            found[id(weight)] = found.get(id(weight), 0) + 1
    return found


def _folded(module: nn.Module) -> nn.Module | None:
    made: nn.Module
    if type(module) is nn.Linear and module.bias is not None:
        made = FoldedLinear(module.in_features + 1, module.out_features, bias=False, device="meta")
        column = module.bias[:, None]
    elif type(module) is nn.Conv2d and module.bias is not None and _plain(module):
        made = FoldedConv2d(module.in_channels + 1, module.out_channels, 1, bias=False, device="meta")
        made.stride = module.stride
        column = module.bias[:, None, None, None]
    else:
        return None
    made.weight = nn.Parameter(torch.cat((module.weight, column), 1).detach(), module.weight.requires_grad)
    return made.train(module.training)


def _unfolded(module: nn.Module) -> nn.Module | None:
    made: nn.Module
    if type(module) is FoldedLinear:
        made = nn.Linear(module.in_features - 1, module.out_features, device="meta")
    elif type(module) is FoldedConv2d:
        made = nn.Conv2d(module.in_channels - 1, module.out_channels, 1, device="meta")
        made.stride = module.stride
    else:
        return None
    weight = module.weight.detach()
    made.weight = nn.Parameter(weight[:, :-1].clone(), module.weight.requires_grad)
    made.bias = nn.Parameter(weight[:, -1].flatten().clone(), module.weight.requires_grad)
    return made.train(module.training)


def _plain(module: nn.Conv2d) -> bool:
    """A 1 x 1 convolution over all channels, without padding."""
    unpadded = module.padding in ((0, 0), "valid", "same")
    return module.kernel_size == (1, 1) and module.groups == 1 and unpadded
