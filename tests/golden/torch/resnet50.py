# ResNet50, from <string>, written by fanin 0.1.0. It needs torch, and nothing of fanin.
# 25,557,032 parameters.
# Hyper-parameters: classes = 1000

import hashlib
import math
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode


class Bottleneck(nn.Module):
    """The bottleneck of He et al. 2015: 1 x 1, 3 x 3, 1 x 1.

    [N, in_channels, H, W] -> [N, 4 * width, H', W']
    """

    def __init__(
        self, in_channels: int, width: int, stride: int = 1, downsample: bool = False
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, 4 * width, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * width)
        self.downsample: nn.Module | None = None
        if downsample:
            self.downsample = nn.Sequential(
                nn.Conv2d(in_channels, 4 * width, 1, stride=stride, bias=False),
                nn.BatchNorm2d(4 * width),
            )

    def forward(self, x: Tensor) -> Tensor:
        h = F.relu(self.bn1(self.conv1(x)))  # [N, width, H, W]
        h = F.relu(self.bn2(self.conv2(h)))  # [N, width, H', W']
        h = self.bn3(self.conv3(h))  # [N, 4 * width, H', W']
        shortcut = x
        if self.downsample is not None:
            shortcut = self.downsample(x)
        return F.relu(h + shortcut)


class ResNet50(nn.Module):
    """[N, 3, H, W] -> [N, 1000]"""

    def __init__(self, *, seed: int = 0) -> None:
        super().__init__()
        with torch.device("meta"), _Undrawn():
            self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
            self.bn1 = nn.BatchNorm2d(64)
            self.stage = nn.ModuleList(
                [
                    nn.Sequential(
                        Bottleneck(64, 64, downsample=True),
                        *[Bottleneck(256, 64) for _ in range(2)],
                    ),
                    nn.Sequential(
                        Bottleneck(256, 128, stride=2, downsample=True),
                        *[Bottleneck(512, 128) for _ in range(3)],
                    ),
                    nn.Sequential(
                        Bottleneck(512, 256, stride=2, downsample=True),
                        *[Bottleneck(1024, 256) for _ in range(5)],
                    ),
                    nn.Sequential(
                        Bottleneck(1024, 512, stride=2, downsample=True),
                        *[Bottleneck(2048, 512) for _ in range(2)],
                    ),
                ]
            )
            self.fc = nn.Linear(2048, 1000)
        _draw_weights(self, seed)

    def forward(self, image: Tensor) -> Tensor:
        if not image.is_floating_point() or image.dim() != 4 or image.shape[1] != 3:
            raise ValueError(
                f"image must be float[N, 3, H, W], not {image.dtype} {list(image.shape)}"
            )
        N, _, H, W = image.shape
        if H % 32 != 0:
            raise ValueError(
                f"H must be a multiple of 32, not {H}: the five stages halve the image"
            )
        if self.training and N * ((H + 31) // 32) * ((W + 31) // 32) < 2:
            raise ValueError(
                f"N * ceildiv(H, 32) * ceildiv(W, 32) >= 2 does not hold for H = {H} and N = {N} "
                f"and W = {W}: `BatchNorm2d` needs more than one value for each channel to find a "
                "variance"
            )
        x = F.relu(self.bn1(self.conv1(image)))  # [N, 64, ceildiv(H, 2), ceildiv(W, 2)]
        x = F.max_pool2d(x, 3, stride=2, padding=1)  # [N, 64, ceildiv(H, 4), ceildiv(W, 4)]
        for stage in self.stage:
            x = stage(x)
        x = F.adaptive_avg_pool2d(x, 1).flatten(1)  # [N, 2048]
        return self.fc(x)


class _Undrawn(TorchFunctionMode):
    """Modules are made without PyTorch's own first values, which nothing would read."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if getattr(func, "__module__", "") == "torch.nn.init":
            return kwargs["tensor"]
        return func(*args, **(kwargs or {}))


def _usual_law(module: nn.Module, name: str, tensor: Tensor) -> None:
    """The law of what states none of its own where it is made."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(tensor, nonlinearity="relu")
    elif isinstance(module, nn.Linear):
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
