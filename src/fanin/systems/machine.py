"""Where a training runs: device, precision, and the processes that share its batches.

This is the one place that knows of them. A training as it is printed knows tensors; here its two methods ``gradients``
and ``update`` are put in charge of what a machine needs, and batches are put where the weights are.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from fanin.systems import sharding
from fanin.systems.problems import RunFailed
from fanin.systems.settings import Settings

Gradients = list[Tensor | None]
_STEADY = 2000  # updates without an overflow after which the scale of float16 is doubled


def rank() -> int:
    """Which process of a run this is: the first, 0, writes what is written once."""
    return int(os.environ.get("RANK", "0"))


def size() -> int:
    """How many processes a run has."""
    return int(os.environ.get("WORLD_SIZE", "1"))


class Machine:
    """One process of a run. Several are told by torchrun's environment, as ``WORLD_SIZE`` and ``RANK``."""

    def __init__(self, settings: Settings, share: tuple[int, int] | None = None) -> None:
        """``share`` is which of how many processes this is, where the environment is not to say it."""
        self.rank, self.size = share or (rank(), size())
        self.device = _device(settings.device)
        self.dtype = torch.float64 if settings.precision == "float64" else torch.float32
        self.mixed = getattr(torch, settings.precision) if settings.precision.endswith("16") else None
        self.scale, self.steady = 2.0**16, 0  # of a loss in float16, and updates since it was halved
        self.shard = settings.shard and self.size > 1
        self.start, self.here, self.rows = 0, 0, 0  # which rows of a batch are here, and how many there are
        self.weight = 1.0  # the share of this process in them
        self.spare: list[Tensor] = []  # a batch that had rows
        # Kernels of a GPU and compiled networks have draws that nobody sees.
        self.as_one = self.size > 1 and self.device.type == "cpu" and not settings.compile
        self.generator: torch.Generator | None = None  # of a run that shares its process with others

    @property
    def leads(self) -> bool:
        """Whether this process writes what is written once."""
        return self.rank == 0

    @contextmanager
    def connected(self) -> Iterator[None]:
        """The processes find each other."""
        if self.size == 1:
            yield
            return
        import torch.distributed as dist

        mine = not dist.is_initialized()
        if mine:
            dist.init_process_group("nccl" if self.device.type == "cuda" else "gloo")
        try:
            yield
        finally:
            if mine:
                dist.destroy_process_group()

    def place(self, system: nn.Module, *, compiled: bool) -> nn.Module:
        """The system with its weights where and as they are needed; those of the first process count for all."""
        system = system.to(self.device, self.dtype)
        if self.size > 1:
            import torch.distributed as dist

            with torch.no_grad():
                for tensor in [*system.parameters(), *system.buffers()]:
                    dist.broadcast(tensor, 0)
        if compiled:
            for child in system.children():
                child.compile()
        if self.shard:
            sharding.shard(system, self.size)
        return system

    def take_charge(self, training: Any, *, compiled: bool) -> None:
        """Gradients and updates of a training, and what it grows into, as this machine needs them."""
        if hasattr(training, "grow"):
            grow = training.grow
            training.grow = lambda system: grow(self.place(system, compiled=compiled))
        if self.device.type == "cpu" and not self.shard:
            for optimiser in training.optimisers.values():
                _fuse(optimiser)
        if self.shard:
            training.gradients = partial(self._sharded, training)
        elif self.size > 1:
            training.gradients = self._shared(training.gradients)
        if self.size > 1 and hasattr(training, "ended"):
            training.ended = self._agreed
        if self.mixed is torch.float16:
            training.gradients, training.update = self._scaled(training.gradients), self._unless_overflown

    def _shared(self, gradients: Callable[[Tensor, list[nn.Parameter]], Gradients]) -> Any:
        """The mean over all rows of a batch: each process counts for as many as it had."""

        def shared(loss: Tensor, weights: list[nn.Parameter]) -> Gradients:
            import torch.distributed as dist

            found = gradients(loss * self.weight, weights)
            known = [g for g in found if g is not None]
            if known:
                flat = torch.cat([g.reshape(-1) for g in known])
                dist.all_reduce(flat)
                means = iter(torch.split(flat, [g.numel() for g in known]))
                found = [None if gradient is None else next(means).view_as(gradient) for gradient in found]
            return found

        return shared

    def _sharded(self, training: Any, loss: Tensor, weights: list[nn.Parameter]) -> Gradients:
        """The same where each process holds a part of every weight: gradients come from a backward pass alone.

        It reaches more than these weights, and what it leaves in others is cleared.
        """
        (loss * (self.weight * self.size)).backward(retain_graph=True)  # type: ignore[no-untyped-call]
        found = [weight.grad for weight in weights]
        for weight in training.system.parameters():
            weight.grad = None
        sharding.average([g for g in found if g is not None and not sharding.is_part(g)], self.size)
        return found

    def _agreed(self, held: Tensor) -> bool:
        """Whether a stage ends: all processes go by what the first of them has seen in its rows."""
        import torch.distributed as dist

        said = held.detach().to(torch.uint8).reshape(1).clone()
        dist.broadcast(said, 0)
        return bool(said)

    def load(self, training: Any, state: Mapping[str, Any]) -> None:
        """Have a training go on from a state of whole tensors, of which a process takes its parts."""
        if self.shard:
            sharding.load(training, state)
        else:
            training.load_state_dict(state)

    def _scaled(self, gradients: Callable[[Tensor, list[nn.Parameter]], Gradients]) -> Any:
        """The gradients of a loss that is made larger before, lest they vanish in float16."""

        def scaled(loss: Tensor, weights: list[nn.Parameter]) -> Gradients:
            return [None if g is None else g / self.scale for g in gradients(loss * self.scale, weights)]

        return scaled

    def _unless_overflown(self, optimiser: torch.optim.Optimizer) -> None:
        """An update, left out where gradients have overflowed; the scale is halved then.

        Micikevicius et al. 2018, "Mixed Precision Training", section 3.2.
        """
        slopes = [w.grad for group in optimiser.param_groups for w in group["params"] if w.grad is not None]
        if all(bool(torch.isfinite(slope).all()) for slope in slopes):
            optimiser.step()
            self.steady += 1
            if self.steady == _STEADY:
                self.scale, self.steady = self.scale * 2, 0
        else:
            self.scale, self.steady = max(self.scale / 2, 1.0), 0

    @property
    def stream(self) -> int:
        """The stream of random numbers that this process draws from."""
        return 0 if self.as_one else self.rank

    def running(self, *, draws: bool) -> AbstractContextManager[Any]:
        """The precision of a step on the batch that is here, and the random numbers of one that ``draws``."""
        on = ExitStack()
        if self.mixed is not None:
            on.enter_context(torch.autocast(self.device.type, self.mixed))
        if self.as_one and draws:
            from fanin.systems.draws import SharedDraws

            on.enter_context(SharedDraws(self.start, self.here, self.rows))
        return on

    def batch(self, fields: Mapping[str, Tensor], names: Iterable[str], rows: int | None) -> list[Tensor]:
        """The tensors of a batch in the order of the inputs.

        ``rows`` are those of all processes together; None where that is not known before.
        """
        tensors = [fields[name] for name in names]
        if self.size > 1:
            tensors = self._share(tensors, rows)
        else:
            self.rows = len(tensors[0]) if rows is None else rows
        if self.device.type == "cpu":
            return tensors
        return [t.pin_memory().to(self.device, non_blocking=True) for t in tensors]

    def _share(self, tensors: list[Tensor], rows: int | None) -> list[Tensor]:
        """Find what share of a batch is here. A process without any has another batch, which counts for nothing."""
        if rows is None:
            import torch.distributed as dist

            told = torch.tensor(len(tensors[0]), device=self.device)
            dist.all_reduce(told)
            rows = int(told)
        self.start, stop = rows * self.rank // self.size, rows * (self.rank + 1) // self.size
        self.rows, self.weight = rows, (stop - self.start) / rows
        if stop > self.start:
            self.spare, self.here = tensors, stop - self.start
        elif not self.spare:
            raise RunFailed(f"{self.size} processes can't share a batch of {rows}", help="take larger batches")
        return self.spare

    @contextmanager
    def drawing(self, seed: int) -> Iterator[None]:
        """Random numbers from a seed of their own; those outside go on as if nothing had been drawn."""
        devices = [self.device] if self.device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices):
            torch.manual_seed(seed)
            yield

    def random_states(self) -> list[dict[str, Tensor]]:
        """Where the random numbers of each process stand; on the first process, those of all."""
        states = {"cpu": torch.get_rng_state() if self.generator is None else self.generator.get_state()}
        if self.device.type == "cuda":
            states["cuda"] = torch.cuda.get_rng_state(self.device)
        if self.size == 1:
            return [states]
        import torch.distributed as dist

        found: list[Any] = [None] * self.size
        dist.all_gather_object(found, states)
        return found

    def draw_from(self, states: list[dict[str, Tensor]]) -> None:
        """Have the random numbers of this process go on from there."""
        if self.stream >= len(states):
            raise RunFailed(f"the checkpoint is of {len(states)} processes, and here are {self.size}")
        own = states[self.stream]
        torch.set_rng_state(own["cpu"])
        if self.device.type == "cuda" and "cuda" in own:
            torch.cuda.set_rng_state(own["cuda"], self.device)

    def wait(self) -> None:
        """Until all processes are here."""
        if self.size > 1:
            import torch.distributed as dist

            dist.barrier()

    def together(self, measured: dict[str, Tensor]) -> dict[str, Tensor]:
        """What was measured on all processes' rows."""
        if self.size == 1 or not measured:
            return measured
        import torch.distributed as dist

        flat = torch.stack([value.float() * self.weight for value in measured.values()])
        dist.all_reduce(flat)
        return dict(zip(measured, flat.unbind(), strict=True))


_FUSED = (torch.optim.Adam, torch.optim.AdamW, torch.optim.SGD, torch.optim.Adagrad)


def _fuse(optimiser: torch.optim.Optimizer) -> None:
    """Have an optimiser do its update in one kernel, where it has one and nothing else was asked for."""
    groups = optimiser.param_groups
    asked = any(group.get(name) for group in groups for name in ("fused", "foreach", "differentiable"))
    real = all(weight.is_floating_point() for group in groups for weight in group["params"])
    if isinstance(optimiser, _FUSED) and real and not asked:
        for group in groups:
            group["fused"] = True
        optimiser.register_step_pre_hook(_in_order)


def _in_order(optimiser: torch.optim.Optimizer, *_: Any) -> None:
    """Gradients with their numbers where the weights have them, which such a kernel takes for granted."""
    for group in optimiser.param_groups:
        for weight in group["params"]:
            slope = weight.grad
            if slope is not None and slope.stride() != weight.stride():
                weight.grad = torch.empty_like(weight).copy_(slope)


def _device(wanted: str) -> torch.device:
    if wanted == "auto":
        wanted = "cuda" if torch.cuda.is_available() else "cpu"
    if wanted.startswith("cuda"):
        if not torch.cuda.is_available():
            raise RunFailed("there is no CUDA device here", help="leave out `--device`, or say `--device cpu`")
        if wanted == "cuda" and "LOCAL_RANK" in os.environ:
            wanted = f"cuda:{os.environ['LOCAL_RANK']}"
        torch.cuda.set_device(wanted)
    return torch.device(wanted)
