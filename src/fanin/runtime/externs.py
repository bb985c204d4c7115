"""``extern`` blocks at load: whether the caller allows them, and whether they are what the spec declares.

Nothing of a user's Python is imported before it is allowed. What is allowed is tried once for each use: made with the
hyper-parameters of the spec, and run on tensors of the declared types (without storage, or where a module cannot do
that, with).
"""

from __future__ import annotations

import importlib
from collections.abc import Collection
from typing import Any

import torch
from torch import nn

from fanin.analyses.reading import reached
from fanin.diagnostics import Diagnostic
from fanin.diagnostics.codes import OUT802, OUT803
from fanin.diagnostics.model import Label
from fanin.ir.dims import Poly, Symbol
from fanin.ir.graph import Graph, Program, Scalar
from fanin.ir.types import DType, TensorType
from fanin.report import CheckFailed, Report
from fanin.runtime.samples import shape_at, zeros_of
from fanin.source import Span

Allowed = bool | Collection[str]


def check_externs(program: Program, allowed: Allowed) -> None:
    """Raises CheckFailed where an extern of the program is not allowed, or is not what its declaration says."""
    found = [problem for graph in reached(program.graph) if graph.kind == "extern" for problem in _look(graph, allowed)]
    if found:
        distinct = list({(d.headline, d.span): d for d in found}.values())
        raise CheckFailed(Report(tuple(distinct), (program.graph.span.source,)))


def _look(graph: Graph, allowed: Allowed) -> list[Diagnostic]:
    module, _, name = graph.foreign.partition(":")
    if not _is_allowed(module, allowed):
        package = module.partition(".")[0]
        text = f"`{graph.name}` is a class of the package `{package}`, which nobody has allowed to be imported"
        how = f'allow it where the model is loaded: `allow_extern=True`, or `allow_extern=["{package}"]`'
        return [Diagnostic(OUT802, text, _target(graph), "not imported", helps=(how,))]
    try:
        made = _make(graph, module, name)
    except _Misfit as misfit:
        return [Diagnostic(OUT803, misfit.headline, _target(graph), misfit.label)]
    for step in (12, 36):
        sizes = {s: step * (i + 1) for i, s in enumerate(_symbols(graph))}
        try:
            _run(graph, made, sizes)
        except _Misfit as misfit:
            return [Diagnostic(OUT803, misfit.headline, graph.span, misfit.label, (Label(_target(graph), "this"),))]
    return []


def _is_allowed(module: str, allowed: Allowed) -> bool:
    if isinstance(allowed, bool):
        return allowed
    return any(module == name or module.startswith(f"{name}.") for name in allowed)


def _target(graph: Graph) -> Span:
    """The string that names the class."""
    span = graph.span
    at = span.text.rindex(graph.foreign)
    return Span(span.source, span.start + at - 1, span.start + at + len(graph.foreign) + 1)


class _Misfit(Exception):
    def __init__(self, headline: str, label: str) -> None:
        super().__init__(headline)
        self.headline, self.label = headline, label


def _make(graph: Graph, module: str, name: str) -> Any:
    """What makes the module: called with the hyper-parameters of the spec."""
    try:
        package = importlib.import_module(module)
    except Exception as error:  # the user's own code: whatever it raises
        raise _Misfit(f"`{module}` cannot be imported: {_said(error)}", "not imported") from error
    kind = getattr(package, name, None)
    if not isinstance(kind, type) or not issubclass(kind, nn.Module):
        what = f"`{module}` has no `{name}`" if kind is None else f"`{graph.foreign}` is no `torch.nn.Module`"
        raise _Misfit(what, "not a module")
    keywords = {key: _as_list(value) for key, value in graph.hypers}

    def make() -> nn.Module:
        return kind(**keywords).eval()

    try:
        with torch.device("meta"):
            make()
    except Exception as error:
        given = ", ".join(f"{k}={v!r}" for k, v in keywords.items())
        raise _Misfit(f"`{name}({given})` cannot be made: {_said(error)}", "what the spec gives it") from error
    return make


def _as_list(value: Any) -> Any:
    return [_as_list(v) for v in value] if isinstance(value, tuple) else value


def _run(graph: Graph, make: Any, sizes: dict[Symbol, int]) -> None:
    """The module at these sizes gives what is declared."""
    given = [None if p.value is None else shape_at(p.value.type, sizes) for p in graph.ports]
    shown = ", ".join(
        f"{p.name}: {p.value.type.with_shape(*shape)}"
        for p, shape in zip(graph.ports, given, strict=True)
        if p.value is not None and shape is not None
    )
    results = _attempt(graph, make, given, shown)
    declared = [r.value.type for r in graph.results if not isinstance(r.value, Scalar)]
    if len(results) != len(declared):
        text = f"`{graph.name}` gives {len(results)} results on {shown}, and declares {len(declared)}"
        raise _Misfit(text, "not what it gives")
    for result, wanted in zip(results, declared, strict=True):
        if not isinstance(result, torch.Tensor):
            raise _Misfit(f"`{graph.name}` gives a {type(result).__name__}, and declares a tensor", "not what it gives")
        shape = shape_at(wanted, sizes)
        if tuple(result.shape) != shape or _kind(result) is not wanted.dtype:
            actual = TensorType(_kind(result), tuple(result.shape))
            text = f"`{graph.name}` gives {actual} on {shown}, and declares {wanted.with_shape(*shape)}"
            raise _Misfit(text, f"declared: {wanted}")


def _attempt(graph: Graph, make: Any, shapes: list[tuple[int, ...] | None], shown: str) -> list[Any]:
    error: Exception | None = None
    for device in ("meta", "cpu"):
        try:
            with torch.device(device), torch.random.fork_rng(devices=[]), torch.no_grad():
                inputs = [
                    None if p.value is None or shape is None else zeros_of(p.value.type.dtype, shape)
                    for p, shape in zip(graph.ports, shapes, strict=True)
                ]
                found = make()(*inputs)
            return list(found) if isinstance(found, tuple | list) else [found]
        except Exception as raised:  # the user's own code
            error = raised
    assert error is not None
    raise _Misfit(f"`{graph.name}` fails on {shown}, which it declares: {_said(error)}", "declared here") from error


def _kind(result: torch.Tensor) -> DType:
    if result.is_floating_point():
        return DType.FLOAT
    return DType.COMPLEX if result.is_complex() else DType.BOOL if result.dtype is torch.bool else DType.INT


def _symbols(graph: Graph) -> list[Symbol]:
    types = [p.value.type for p in graph.ports if p.value is not None]
    found = {s: None for t in types for d in t.shape if isinstance(d, Poly) for s in sorted(d.symbols(), key=str)}
    return list(found)


def _said(error: Exception) -> str:
    """What an exception says, in one line."""
    lines = str(error).strip().split("\n")
    return f"{type(error).__name__}: {lines[0]}" if lines[0] else type(error).__name__
