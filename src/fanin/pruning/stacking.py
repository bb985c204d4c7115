"""A traced program for many replicas at once, each with the bits that it has alone.

A tensor of the program is one with the replicas as its first axis, or as many as there are replicas, or one that all
have in common; a call takes them together where a rule says how (``lifting.py``), and one by one otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from fanin.pruning.drawing import drawn, swapped
from fanin.pruning.lifting import GAIN, rule
from fanin.pruning.tracing import Call, Given, Ref, Tape, filled, refs

Parts = Sequence[Tensor]
Value = Tensor | Parts
"""A state or an input of all replicas: one tensor, or a tensor for each."""

Done = Callable[["_Run"], None]


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
        self.lines = [self._line(line) for line in tape.lines]

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

    def _line(self, line: Call | Given) -> Done | Given:
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

    def _each(self, line: Call, outs: list[int], call: Callable[..., Any] | None = None) -> Done:
        """A call for one replica after another."""
        self.whole.difference_update(outs)
        args, kwargs, found, function = line.args, line.kwargs, line.found, line.function
        places = [(place, value.number) for place, value in enumerate(args) if isinstance(value, Ref)]
        numbers = {ref.number for ref in (*refs(args), *refs(kwargs))}
        flat = isinstance(found, Ref) and len(places) == len([*refs(args), *refs(kwargs)])
        plain, quiet = frozenset(self.plain), line.slopes is not self.tape.slopes

        def each(run: _Run) -> None:
            made = []
            columns = {n: [run.whole[n]] * run.count if n in plain else run.apart(n) for n in numbers}
            for replica in range(run.count):
                if flat:
                    given = list(args)
                    for place, number in places:
                        given[place] = columns[number][replica]
                    named = kwargs
                else:
                    own = {n: column[replica] for n, column in columns.items()}
                    given, named = filled(args, own), filled(kwargs, own)
                if call is None:
                    made.append(function(*given, **named))
                else:
                    made.append(call(run.generators[replica], function, *given, **named))
            if flat:
                run.put_apart(outs[0], made)
                return
            for out, *results in zip(outs, *([t for _, t in _matched(found, result)] for result in made), strict=True):
                run.put_apart(out, results)

        return _quiet(each) if quiet else each

    def _drawn(self, line: Call, own: list[int], outs: list[int]) -> Done:
        known = all(number in self.whole for number in own)
        found = drawn(line, self.tape, frozenset(self.plain)) if known and line.name not in self.without else None
        if found is None:
            return self._each(line, outs, swapped)
        self._at_once(line, own, outs)
        (out,), source = outs, line.args[0].number

        def at_once(run: _Run) -> None:
            run.put(out, found(run.count, run.generators, run.as_one(source)))

        return at_once


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


def _quiet(line: Done) -> Done:
    """The same without gradients."""

    def quiet(run: _Run) -> None:
        with torch.no_grad():
            line(run)

    return quiet
