"""A traced program for many replicas at once, each with the bits that it has alone.

A tensor of the program is one with the replicas as its first axis, or as many as there are replicas, or one that all
have in common; a call takes them together where a rule says how (``lifting.py``), and one by one otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, ParamSpec

import torch
from torch import Tensor

from fanin.pruning.drawing import drawn, swapped
from fanin.pruning.lifting import GAIN, rule
from fanin.pruning.tracing import Call, Given, Ref, Tape, filled, refs
from fanin.record import record

Parts = Sequence[Tensor]
Value = Tensor | Parts
"""A state or an input of all replicas: one tensor, or a tensor for each."""

Done = Callable[["_Run"], None]
P = ParamSpec("P")


class Program:
    """A tape for any number of replicas. ``without`` are names of calls that are taken one by one in any case.

    ``together`` are the keys of the states that it takes as one tensor, ``rules`` the names of the calls it takes so.
    """

    def __init__(self, tape: Tape, common: frozenset[int] = frozenset(), without: frozenset[str] = frozenset()) -> None:
        """``common`` are the places of the inputs that all replicas have in common."""
        self.tape = tape
        self.plain = {ref.number for place, ref in enumerate(tape.inputs) if place in common} | set(tape.fixed)
        self.whole = set(tape.states) | {ref.number for ref in tape.inputs} - self.plain
        self.together: set[str] = set()
        self.rules: set[str] = set()
        self.without = without
        self.lines = [*_in_turn(self._line(line) for line in tape.lines)]

    def __call__(
        self, count: int, states: Mapping[str, Value], batch: Sequence[Tensor], generators: list[torch.Generator]
    ) -> Iterator[dict[str, Tensor]]:
        """What the program gives, each with the replicas as its only axis."""
        run = _Run(count, len(self.tape.shapes), generators)
        self._load(run, states)
        for number, tensor in self.tape.fixed.items():
            run.whole[number] = tensor
        for ref, tensor in zip(self.tape.inputs, batch, strict=True):
            run.whole[ref.number] = tensor
        for line in self.lines:
            if isinstance(line, Given):
                yield {name: self._given(run, ref.number) for name, ref in line.found.items()}
                self._load(run, states)  # which may have been moved
            else:
                line(run)

    def _load(self, run: _Run, states: Mapping[str, Value]) -> None:
        for number, key in self.tape.states.items():
            value = states[key]
            if isinstance(value, Tensor):
                run.whole[number], run.parts[number] = value, None
            else:
                run.whole[number], run.parts[number] = None, value

    def _given(self, run: _Run, number: int) -> Tensor:
        value: Tensor | None = run.whole[number]
        if number in self.plain:
            assert value is not None
            return value.expand(run.count, *value.shape)
        return run.as_one(number)

    # ---------------------------------------------------------------------------------------------------------- lines

    def _line(self, line: Call | Given) -> Done | Given | _Apart:
        if isinstance(line, Given):
            return line
        taken = [ref.number for ref in (*refs(line.args), *refs(line.kwargs))]
        outs = [ref.number for ref in refs(line.found)]
        own = [number for number in taken if number not in self.plain]
        if line.draws:
            return self._drawn(line, own, outs)
        if not own:
            self.plain.update(outs)
            return self._common(line)
        near = line.name in GAIN or all(number in self.whole for number in own)
        found = rule(line, self.tape, frozenset(self.plain)) if near and line.name not in self.without else None
        if found is None:
            return self._each(line, outs)
        self._at_once(line, own, outs)
        (out,) = outs
        args, quiet = line.args, line.slopes is not self.tape.slopes
        singles = [(place, value.number) for place, value in enumerate(args) if isinstance(value, Ref)]
        nested = len(singles) != len(taken)
        plain = frozenset(self.plain)

        def at_once(run: _Run) -> None:
            if nested:
                given = filled(args, {n: run.whole[n] if n in plain else run.as_one(n) for n in taken})
            else:
                given = list(args)
                for place, number in singles:
                    given[place] = run.whole[number] if number in plain else run.as_one(number)
            run.put(out, found(run.count, *given))

        return _quiet(at_once) if quiet else at_once

    def _at_once(self, line: Call, own: list[int], outs: list[int]) -> None:
        self.rules.add(line.name)
        self.together.update(self.tape.states[number] for number in own if number in self.tape.states)
        self.whole.update(outs)

    def _common(self, line: Call) -> Done:
        args, kwargs, found, function = line.args, line.kwargs, line.found, line.function

        def common(run: _Run) -> None:
            result = function(*filled(args, run.whole), **filled(kwargs, run.whole))
            for ref, tensor in _matched(found, result):
                run.whole[ref] = tensor

        return common

    def _each(self, line: Call, outs: list[int], call: Callable[..., Any] | None = None) -> _Apart:
        """A call for one replica after another."""
        self.whole.difference_update(outs)
        args, kwargs, found, function = line.args, line.kwargs, line.found, line.function
        places = [(place, value.number) for place, value in enumerate(args) if isinstance(value, Ref)]
        numbers = frozenset(ref.number for ref in (*refs(args), *refs(kwargs)))
        flat = isinstance(found, Ref) and len(places) == len([*refs(args), *refs(kwargs)])

        def each(own: dict[int, Tensor], generator: torch.Generator) -> None:
            if flat:
                given = list(args)
                for place, number in places:
                    given[place] = own[number]
                named = kwargs
            else:
                given, named = filled(args, own), filled(kwargs, own)
            result = function(*given, **named) if call is None else call(generator, function, *given, **named)
            if flat:
                own[outs[0]] = result
            else:
                own.update(_matched(found, result))

        return _Apart(each, numbers & self.plain, numbers - self.plain, outs, line.slopes is not self.tape.slopes)

    def _drawn(self, line: Call, own: list[int], outs: list[int]) -> Done | _Apart:
        known = all(number in self.whole for number in own)
        found = drawn(line, self.tape, frozenset(self.plain)) if known and line.name not in self.without else None
        if found is None:
            return self._each(line, outs, swapped)
        self._at_once(line, own, outs)
        (out,), source = outs, line.args[0].number

        def at_once(run: _Run) -> None:
            run.put(out, found(run.count, run.generators, run.as_one(source)))

        return at_once


@record(eq=False)
class _Apart:
    """A call for a replica by itself: it has the tensors of that replica by their numbers, and puts its own there."""

    call: Callable[[dict[int, Tensor], torch.Generator], None]
    plain: frozenset[int]  # what it takes that all have in common
    taken: frozenset[int]
    outs: list[int]
    quiet: bool  # without gradients, in a step with them


def _in_turn(lines: Iterable[Done | Given | _Apart]) -> Iterator[Done | Given]:
    """Calls for one replica after another that follow each other are all done for one before they are for the next:
    what it computes is still near then, on the way back too."""
    waiting: list[_Apart] = []
    for line in lines:
        if isinstance(line, _Apart):
            waiting.append(line)
            continue
        if waiting:
            yield _each_in_turn(waiting)
            waiting = []
        yield line
    if waiting:
        yield _each_in_turn(waiting)


def _each_in_turn(lines: list[_Apart]) -> Done:
    plain: set[int] = set()
    taken: set[int] = set()
    outs: dict[int, None] = {}
    for line in lines:
        plain |= line.plain
        taken |= {number for number in line.taken if number not in outs}
        outs |= dict.fromkeys(line.outs)
    calls = [_quiet(line.call) if line.quiet else line.call for line in lines]

    def in_turn(run: _Run) -> None:
        common = {number: run.whole[number] for number in plain}
        columns = {number: run.apart(number) for number in taken}
        found = []
        for replica in range(run.count):
            own = {**common, **{number: column[replica] for number, column in columns.items()}}
            for call in calls:
                call(own, run.generators[replica])
            found.append(own)
        for number in outs:
            run.put_apart(number, [own[number] for own in found])

    return in_turn


class _Run:
    """The tensors of a program while it runs, by their numbers: as one, one for each replica, or both."""

    def __init__(self, count: int, size: int, generators: list[torch.Generator]) -> None:
        self.count, self.generators = count, generators
        self.whole: list[Any] = [None] * size
        self.parts: list[Any] = [None] * size

    def as_one(self, number: int) -> Tensor:
        found: Tensor | None = self.whole[number]
        if found is None:
            found = self.whole[number] = torch.stack(list(self.parts[number]))
        return found

    def apart(self, number: int) -> Parts:
        found: Parts | None = self.parts[number]
        if found is None:
            found = self.parts[number] = self.whole[number].unbind(0)
        return found

    def put(self, number: int, found: Tensor) -> None:
        self.whole[number], self.parts[number] = found, None

    def put_apart(self, number: int, found: Parts) -> None:
        self.whole[number], self.parts[number] = None, found


def _matched(found: Any, result: Any) -> Iterator[tuple[int, Tensor]]:
    """The tensors of a result with their numbers."""
    if isinstance(found, Ref):
        yield found.number, result
    elif isinstance(found, (list, tuple)):
        for one, other in zip(found, result, strict=True):
            yield from _matched(one, other)


def _quiet(line: Callable[P, None]) -> Callable[P, None]:
    """The same without gradients."""

    def quiet(*args: P.args, **kwargs: P.kwargs) -> None:
        with torch.no_grad():
            line(*args, **kwargs)

    return quiet
