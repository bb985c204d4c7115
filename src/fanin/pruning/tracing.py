"""What a step of a printed system computes, written down while it runs once: the calls of torch, in their order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from fanin.record import record


class Unstackable(Exception):
    """A program of which several cannot be taken along as one, and what it is in it."""


@record
class Ref:
    """A tensor of a program, by its number."""

    number: int


@record(eq=False)
class Call:
    """A call of torch. ``args`` and ``found`` have a Ref in the place of each tensor."""

    function: Callable[..., Any]
    name: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    found: Any
    slopes: bool  # whether gradients are recorded
    draws: bool  # whether random numbers were taken


@record(eq=False)
class Given:
    """What a step gives to whoever drives it, by name; it goes on when that has moved the weights."""

    found: dict[str, Ref]


@record(eq=False)
class Tape:
    """A program. ``states`` are its parameters and buffers by their keys, ``fixed`` what hangs on nothing."""

    inputs: tuple[Ref, ...]
    states: dict[int, str]
    fixed: dict[int, Tensor]
    lines: tuple[Call | Given, ...]
    shapes: tuple[tuple[int, ...], ...]  # by the number of a tensor
    dtypes: tuple[torch.dtype, ...]
    slopes: bool

    @property
    def draws(self) -> bool:
        return any(isinstance(line, Call) and line.draws for line in self.lines)


def words(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


_READ = words(
    """item tolist numpy equal allclose is_nonzero __bool__ __float__ __int__ __index__ __complex__ __contains__
    __array__ __iter__"""
)
_SIZED = words("nonzero argwhere masked_select unique unique_consecutive repeat_interleave bincount histc combinations")
_CHANGING = words("__setitem__ __iadd__ __isub__ __imul__ __itruediv__ __set__")
_TURNED = words("T mT H mH real imag")  # attributes that are tensors and mean nothing but what they show


def traced(system: nn.Module, method: Callable[..., Any], batch: Sequence[Tensor]) -> Tape:
    """What a method of a system does with a batch; its buffers and the random numbers are as before.

    The method gives measures, or yields dicts of them as the steps of a training do. Raises Unstackable for what hangs
    on the numbers in a tensor, and so may be something else for the next.
    """
    buffers = {buffer: buffer.detach().clone() for buffer in system.buffers()}
    recorder = _Recorder(system, batch)
    with torch.random.fork_rng(devices=[]):
        try:
            with recorder:
                found = method(*batch)
                if isinstance(found, Iterator):
                    for measured in found:
                        recorder.give(measured)
                else:
                    recorder.give(found._asdict() if hasattr(found, "_asdict") else {"": found})
        finally:
            with torch.no_grad():
                for buffer, before in buffers.items():
                    buffer.copy_(before)
    return recorder.tape()


class _Recorder(TorchFunctionMode):
    def __init__(self, system: nn.Module, batch: Sequence[Tensor]) -> None:
        super().__init__()
        self.known: dict[int, int] = {}  # the number of a tensor, by its id
        self.alive: list[Tensor] = []  # those tensors: as long as they are there no other has such an id
        self.lines: list[Call | Given] = []
        self.fixed: dict[int, Tensor] = {}
        named = [*system.named_parameters(), *system.named_buffers()]
        self.states = {self._number(tensor): key for key, tensor in named}
        self.inputs = tuple(Ref(self._number(tensor)) for tensor in batch)
        self.slopes = torch.is_grad_enabled()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        given = [*_tensors(args), *_tensors(kwargs)]
        if given and (name in _READ or name in _SIZED):
            raise Unstackable(f"`{name}` hangs on the numbers in a tensor")
        changes = name in _CHANGING or "out" in kwargs or (name.endswith("_") and not name.endswith("__"))
        if changes and not (given and self.known.get(id(given[0])) in self.states):
            raise Unstackable(f"`{name}` changes a tensor in its place")
        if name == "where" and len(args) == 1:
            raise Unstackable("`where` hangs on the numbers in a tensor")
        if name == "__getitem__" and any(t.dtype in (torch.bool, torch.uint8) for t in given[1:]):
            raise Unstackable("what is taken by a mask hangs on the numbers in it")
        taken = self._refs(args), self._refs(kwargs)
        before = torch.get_rng_state()
        found = func(*args, **kwargs)
        results = list(_tensors(found))
        if not results:
            return found
        if not isinstance(found, (Tensor, tuple, list)):
            raise Unstackable(f"`{name}` gives a {type(found).__name__}")
        if name == "__get__" and func.__self__.__name__ not in _TURNED:
            raise Unstackable(f"`{func.__self__.__name__}` of a tensor is taken")
        draws = not torch.equal(before, torch.get_rng_state())
        for tensor in results:
            self._number(tensor)
        self.lines.append(Call(func, name, *taken, self._refs(found), torch.is_grad_enabled(), draws))
        return found

    def give(self, measured: Mapping[str, Tensor]) -> None:
        self.lines.append(Given({name: self._refs(value) for name, value in measured.items()}))

    def tape(self) -> Tape:
        shapes, dtypes = tuple(tuple(t.shape) for t in self.alive), tuple(t.dtype for t in self.alive)
        return Tape(self.inputs, self.states, self.fixed, tuple(self.lines), shapes, dtypes, self.slopes)

    def _number(self, tensor: Tensor) -> int:
        found = self.known.get(id(tensor))
        if found is None:
            found = self.known[id(tensor)] = len(self.alive)
            self.alive.append(tensor)
        return found

    def _refs(self, value: Any) -> Any:
        if isinstance(value, Tensor):
            if id(value) not in self.known:
                if value.requires_grad:
                    raise Unstackable("a tensor comes from where it cannot be seen")
                self.fixed[self._number(value)] = value
            return Ref(self.known[id(value)])
        if isinstance(value, Mapping):
            return {key: self._refs(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            made = [self._refs(item) for item in value]
            return made if isinstance(value, list) else tuple(made)
        return value


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _tensors(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _tensors(item)


def refs(value: Any) -> Iterator[Ref]:
    """The tensors in the arguments or the result of a call."""
    if isinstance(value, Ref):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from refs(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from refs(item)


def filled(value: Any, tensors: Mapping[int, Any] | Sequence[Any]) -> Any:
    """The same with tensors in the place of their numbers."""
    if isinstance(value, Ref):
        return tensors[value.number]
    if isinstance(value, dict):
        return {key: filled(item, tensors) for key, item in value.items()}
    if isinstance(value, list):
        return [filled(item, tensors) for item in value]
    if isinstance(value, tuple):
        return tuple(filled(item, tensors) for item in value)
    return value
