"""Memory as `fanin show` predicts it against what PyTorch allocates on the CPU, in bytes.

    python benchmarks/memory.py

Live bytes are those of storages that operators give, from their birth to their collection; what a kernel takes for
itself is in neither number. Dropout is the operator that accelerators use. Gradients of parameters are left out of the
activations, as in the prediction.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

import fanin
from fanin.analyses.memory import memory_of
from fanin.ir.dims import evaluate, symbols_of
from fanin.ir.types import DType
from fanin.ir.unknown import Unknown


class Live(TorchDispatchMode):
    """Every storage that operators give, as it comes and goes."""

    def __init__(self, besides: list[Tensor]) -> None:
        super().__init__()
        self.known = {id_of(t): -1 for t in besides}
        self.events: list[tuple[int, int]] = []  # a serial number, and bytes that come or go
        self.left_out: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = func(*args, **(kwargs or {}))
        for t in tree_leaves(found):
            if isinstance(t, Tensor):
                self.see(t)
        return found

    def see(self, t: Tensor) -> None:
        storage = t.untyped_storage()
        key = id_of(t)
        if key not in self.known:
            self.known[key] = len(self.events)
            self.events.append((len(self.events), storage.nbytes()))
            weakref.finalize(storage, self.forget, key, storage.nbytes())

    def forget(self, key: int, size: int) -> None:
        self.events.append((self.known.pop(key), -size))

    def leave_out(self, t: Tensor) -> None:
        """It does not count, from its birth on."""
        self.left_out.add(self.known.get(id_of(t), -1))

    @property
    def peak(self) -> int:
        now = most = 0
        for serial, size in self.events:
            now += 0 if serial in self.left_out else size
            most = max(most, now)
        return most


def id_of(t: Tensor) -> int:
    return t.untyped_storage()._cdata


class Whole(torch.autograd.Function):
    """A sum whose gradient is written down, as that of a loss is."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.shape = x.shape
        return x.sum()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        return grad.expand(ctx.shape).clone()


@dataclass
class Measured:
    """Bytes: of activations at their peak without a gradient, in training, and of what is kept between its passes."""

    inference: int
    training: int
    saved: int


@contextmanager
def dropping() -> Iterator[None]:
    """The dropout of accelerators, which keeps a mask of bytes."""
    old = nn.functional.dropout

    def dropout(x: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
        return torch.native_dropout(x, p, True)[0] if training and p else x

    nn.functional.dropout = dropout
    try:
        yield
    finally:
        nn.functional.dropout = old


def measure(net: nn.Module, inputs: list[Tensor]) -> Measured:
    """One pass without gradients, and one step."""
    own = [*net.parameters(), *net.buffers()]
    net.eval()
    with torch.no_grad(), Live(own) as live:
        for t in inputs:
            live.see(t)
        net(*inputs)
    net.train()
    saved: dict[int, int] = {}
    weights = {id_of(t) for t in own}

    def pack(t: Tensor) -> Tensor:
        if id_of(t) not in weights:
            saved[id_of(t)] = t.untyped_storage().nbytes()
        return t

    with dropping(), torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
        found = net(*inputs)
    kept = sum(saved.values())
    del found
    with dropping(), Live(own) as step:
        for t in inputs:
            step.see(t)

        def counted(p: Tensor) -> None:  # its gradient is not of the activations
            assert p.grad is not None
            step.leave_out(p.grad)

        learned = [p for p in net.parameters() if p.requires_grad]
        hooks = [p.register_post_accumulate_grad_hook(counted) for p in learned]
        hooks += [p.register_hook(step.leave_out) for p in learned]
        found = [t for t in tree_leaves(net(*inputs)) if isinstance(t, Tensor) and t.requires_grad]
        loss = sum(Whole.apply(t) for t in found)
        del found
        loss.backward()
        for hook in hooks:
            hook.remove()
    return Measured(live.peak, step.peak, kept)


def samples(program: Any, sizes: dict[str, int], high: int = 2) -> list[Tensor]:
    found: list[Tensor] = []
    for port in program.inputs:
        t = port.value.type
        shape = [evaluate(d, {s: sizes[s.name] for s in symbols_of(d)}) for d in t.shape]
        if t.dtype is DType.INT:
            found.append(torch.randint(0, high, shape))
        elif t.dtype is DType.BOOL:
            found.append(torch.ones(shape, dtype=torch.bool))
        else:
            found.append(torch.randn(shape))
    return found


CASES: list[tuple[str, dict[str, int], dict[str, Any]]] = [
    ("specs/lenet.arch:LeNet", {"N": 32}, {}),
    ("specs/selu.arch:SeluMlp", {"N": 32}, {}),
    ("specs/vgg.arch:Vgg11", {"N": 2, "H": 64, "W": 64}, {}),
    ("specs/resnet.arch:ResNet18", {"N": 2, "H": 96, "W": 96}, {}),
    ("specs/resnet.arch:ResNet50", {"N": 2, "H": 96, "W": 96}, {}),
    ("specs/mobilenet.arch:MobileNetV2", {"N": 2, "H": 96, "W": 96}, {}),
    ("specs/densenet.arch:DenseNet121", {"N": 2, "H": 96, "W": 96}, {}),
    ("specs/convnext.arch:ConvNeXtTiny", {"N": 2, "H": 96, "W": 96}, {}),
    ("specs/unet.arch:UNet", {"N": 1, "H": 96, "W": 96}, {}),
    ("specs/mixer.arch:MixerSmall", {"N": 1}, {}),
    ("specs/vit.arch:ViTTiny", {"N": 1}, {}),
    ("specs/gpt2.arch:Gpt2", {"B": 2, "T": 64}, {"width": 128, "depth": 3, "heads": 4, "vocab": 257}),
    ("specs/bert.arch:Bert", {"B": 2, "T": 64}, {"vocab": 257, "width": 128, "depth": 3, "heads": 4}),
    (
        "specs/llama.arch:Llama",
        {"B": 2, "T": 64},
        {"width": 128, "depth": 3, "heads": 8, "kv_heads": 4, "hidden": 256, "vocab": 257},
    ),
    (
        "specs/transformer.arch:Transformer",
        {"B": 2, "S": 48, "T": 64},
        {"vocab": 257, "width": 128, "depth": 3, "heads": 4, "hidden": 256},
    ),
    (
        "specs/moe.arch:MoeLanguageModel",
        {"B": 2, "T": 64},
        {"vocab": 257, "width": 128, "depth": 2, "heads": 4, "n": 4},
    ),
    ("specs/recurrent.arch:Lstm", {"B": 4, "T": 24}, {"vocab": 257, "width": 64, "hidden": 64}),
    ("specs/recurrent.arch:Gru", {"B": 4, "T": 24}, {"vocab": 257, "width": 64, "hidden": 64}),
]


def compare(only: tuple[str, ...] = ()) -> Iterator[tuple[str, tuple[int, int, int], tuple[int, int, int]]]:
    """For each network, what is told and what is seen: inference, training, kept between the passes."""
    for target, sizes, hypers in CASES:
        path, _, name = target.partition(":")
        if only and name not in only:
            continue
        program = fanin.elaborate(path, name, **hypers)
        told = memory_of(program.graph)
        with torch.random.fork_rng():
            torch.manual_seed(0)
            seen = measure(fanin.load(path, name, **hypers), samples(program, sizes))
        assert not isinstance(told.inference, Unknown) and not isinstance(told.training, Unknown)
        assert not isinstance(told.saved, Unknown)
        here = (
            max(evaluate(d, {s: sizes[s.name] for s in symbols_of(d)}) for d in amounts)
            for amounts in (told.inference, told.training, (told.saved,))
        )
        yield target.removeprefix("specs/"), tuple(here), (seen.inference, seen.training, seen.saved)  # type: ignore[misc]


def main() -> None:
    print(f"{'network':36}{'inference':>22}{'training':>22}{'kept':>22}")
    for name, told, seen in compare():
        row = "".join(f"{a:>13,}{100 * (a / b - 1):>+8.1f}%" for a, b in zip(told, seen, strict=True))
        print(f"{name:36}{row}", flush=True)


if __name__ == "__main__":
    main()
