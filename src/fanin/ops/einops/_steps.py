"""A matched pattern as steps of plain PyTorch: unflatten, reduce, flatten, permute, expand, flatten.

Sizes are printed only where PyTorch cannot work them out, so that an open one is seldom named.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import TypeAlias

from fanin.ir.dims import Dim
from fanin.ops.code import Code, Sequence, method
from fanin.ops.einops._match import Matched
from fanin.ops.einops._pattern import Group
from fanin.record import record

Reducer: TypeAlias = Callable[[Code, tuple[int, ...]], Code]


@record
class _State:
    """The code so far and, for each axis of its value, the axes of the pattern it holds."""

    code: Code
    axes: tuple[Group, ...]


def steps(code: Code, m: Matched, reducer: Reducer | None = None) -> Code:
    """``code``, of the shape on the left of the pattern, in the shape on its right."""
    state = _squeezed(_State(code, m.left))
    state = _split(state, m)
    if m.gone and reducer is not None:
        gone = tuple(i for i, group in enumerate(state.axes) if group[0] in m.gone)
        kept = tuple(group for i, group in enumerate(state.axes) if i not in gone)
        state = _State(reducer(state.code, gone), kept)
    state = _joined(state, m)
    state = _permuted(state, m)
    state = _expanded(state, m)
    return _grouped(state, m).code


def _squeezed(state: _State) -> _State:
    """Without the axes written as 1."""
    ones = [i for i, group in enumerate(state.axes) if not group]
    if not ones:
        return state
    axes: Code = ones[0] if len(ones) == 1 else Sequence(tuple(ones))
    return _State(method(state.code, "squeeze", axes), tuple(group for group in state.axes if group))


def _split(state: _State, m: Matched) -> _State:
    """Every axis in its parts, as far as they part on the way to the right."""
    code, axes = state.code, list(state.axes)
    for place in reversed(range(len(axes))):
        runs = _runs(axes[place], m)
        if len(runs) < 2:
            continue
        last = place == len(state.axes) - 1
        code = method(code, "unflatten", -1 if last else place, Sequence(_printed(runs, m)))
        axes[place : place + 1] = runs
    return _State(code, tuple(axes))


def _runs(group: Group, m: Matched) -> list[Group]:
    """The parts of an axis: what is next to each other on the right too, or is all gone, stays together."""
    runs: list[Group] = []
    for axis in group:
        if runs and _stay(runs[-1][-1], axis, m):
            runs[-1] = (*runs[-1], axis)
        else:
            runs.append((axis,))
    return runs


def _stay(first: str, second: str, m: Matched) -> bool:
    if first in m.gone or second in m.gone:
        return first in m.gone and second in m.gone
    return any((first, second) == pair for group in m.right for pair in pairwise(group))


def _printed(runs: list[Group], m: Matched) -> tuple[Code, ...]:
    """The sizes of the parts, with -1 for the one that PyTorch shall work out, if any should be."""
    sizes = [m.product(run) for run in runs]
    left_out = next((i for i, run in enumerate(runs) if any(axis in m.worked_out for axis in run)), None)
    if left_out is None:
        left_out = next((i for i, size in enumerate(sizes) if not isinstance(size, int)), None)
    return tuple(-1 if i == left_out else size for i, size in enumerate(sizes))


def _joined(state: _State, m: Matched) -> _State:
    """Neighbours that are one axis on the right are joined where they stand."""
    code, axes = state.code, list(state.axes)
    end = len(axes)
    while end > 0:
        start = end - 1
        while start > 0 and _stay(axes[start - 1][-1], axes[start][0], m):
            start -= 1
        if end - start > 1:
            stop = () if end == len(axes) else (end - 1,)
            code = method(code, "flatten", start, *stop)
            axes[start:end] = [tuple(axis for group in axes[start:end] for axis in group)]
        end = start
    return _State(code, tuple(axes))


def _permuted(state: _State, m: Matched) -> _State:
    """The axes in the order of the right."""
    order = [axis for group in m.right for axis in group]
    places = sorted(range(len(state.axes)), key=lambda i: order.index(state.axes[i][0]))
    moved = [i for i, place in enumerate(places) if i != place]
    axes = tuple(state.axes[i] for i in places)
    if not moved:
        return state
    if len(moved) == 2:
        return _State(method(state.code, "transpose", *moved), axes)
    return _State(method(state.code, "permute", *places), axes)


def _expanded(state: _State, m: Matched) -> _State:
    """With the new axes, stretched to their sizes."""
    if not m.new:
        return state
    code = state.code
    axes: list[Group] = []
    old = list(state.axes)
    for axis in (axis for group in m.right for axis in group):
        if axis in m.new:
            code = method(code, "unsqueeze", len(axes))
            axes.append((axis,))
        elif old and axis == old[0][0]:
            axes.append(old.pop(0))
    sizes: list[Dim] = [m.sizes[group[0]] if group[0] in m.new else -1 for group in axes]
    if any(size not in (-1, 1) for size in sizes):
        code = method(code, "expand", *sizes)
    return _State(code, tuple(axes))


def _grouped(state: _State, m: Matched) -> _State:
    """Every axis of the right from its parts, and its axes of size 1."""
    code = state.code
    ends: list[int] = []  # where each axis of the right that is not a 1 ends, in parts
    at = 0
    groups = [group for group in m.right if group]
    for group in groups:
        count = 0
        while count < len(group):
            count += len(state.axes[at])
            at += 1
        ends.append(at)
    for i in reversed(range(len(groups))):
        start, end = ends[i - 1] if i else 0, ends[i]
        if end - start > 1:
            whole = i == len(groups) - 1
            code = method(code, "flatten", *((start - end,) if whole else (start, end - 1)))
    for place, group in enumerate(m.right):
        if not group:
            code = method(code, "unsqueeze", place)
    return _State(code, m.right)
