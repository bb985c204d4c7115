# LeNet, from <string>, written by fanin 0.1.0. It needs torch, and nothing of fanin.
# 61,706 parameters.
# Hyper-parameters: classes = 10

import hashlib
import math
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode


class LeNet(nn.Module):
    """LeNet-5 of LeCun et al. 1998, on 28 x 28 images.

    [N, 1, 28, 28] -> [N, 10]
    """

    def __init__(self, *, seed: int = 0) -> None:
        super().__init__()
        with torch.device("meta"), _Undrawn():
            self.conv1 = nn.Conv2d(1, 6, 5, padding=2)
            self.conv2 = nn.Conv2d(6, 16, 5)
            self.fc1 = nn.Linear(400, 120)
            self.fc2 = nn.Linear(120, 84)
            self.fc3 = nn.Linear(84, 10)
        _draw_weights(self, seed)

    def forward(self, image: Tensor) -> Tensor:
        if not image.is_floating_point() or image.dim() != 4 or image.shape[1:] != (1, 28, 28):
            raise ValueError(
                f"image must be float[N, 1, 28, 28], not {image.dtype} {list(image.shape)}"
            )
        x = F.avg_pool2d(torch.tanh(self.conv1(image)), 2)  # [N, 6, 14, 14]
        x = F.avg_pool2d(torch.tanh(self.conv2(x)), 2)  # [N, 16, 5, 5]
        x = torch.tanh(self.fc1(x.flatten(1)))  # [N, 120]
        x = torch.tanh(self.fc2(x))  # [N, 84]
        return self.fc3(x)


class _Undrawn(TorchFunctionMode):
    """Modules are made without PyTorch's own first values, which nothing would read."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if getattr(func, "__module__", "") == "torch.nn.init":
            return kwargs["tensor"]
        return func(*args, **(kwargs or {}))


def _usual_law(module: nn.Module, name: str, tensor: Tensor) -> None:
    """The law of what states none of its own where it is made."""
    if isinstance(module, (nn.Conv2d, nn.Linear)):
        bound = 1 / math.sqrt(max(module.weight[0].numel(), 1))
        nn.init.uniform_(tensor, -bound, bound)
    elif name in ("weight", "running_var"):
        nn.init.ones_(tensor)
    else:
        nn.init.zeros_(tensor)


def _draw_weights(model: nn.Module, seed: int) -> None:
    """Give every tensor of a model that was built without storage its first values.

    Each is drawn on the CPU, from a seed made of ``seed`` and its name: it depends on nothing else.
    """
    drawn: dict[int, Tensor] = {}
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        for path, module in model.named_modules():
            for tensors in (module._parameters, module._buffers):
                for name, old in tensors.items():
                    if old is None or not old.is_meta:
                        continue
                    if id(old) not in drawn:
                        new = torch.empty(old.shape, dtype=old.dtype)
                        key = f"{seed}:{path}.{name}" if path else f"{seed}:{name}"
                        digest = hashlib.sha256(key.encode()).digest()
                        torch.default_generator.manual_seed(int.from_bytes(digest[:8], "big"))
                        getattr(old, "law", partial(_usual_law, module, name))(new)
                        if isinstance(old, nn.Parameter):
                            new = nn.Parameter(new, requires_grad=old.requires_grad)
                        drawn[id(old)] = new
                    tensors[name] = drawn[id(old)]
