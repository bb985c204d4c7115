"""A model as a file for other programs: `.pt2` by ``torch.export``, `.onnx` by PyTorch's exporter on top of it.

Letters that the inputs leave open stay open, as dimensions that are derived where the model's conditions ask for
multiples. What is written is run at sizes that the exporter has not seen, and compared.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import Any

import torch
from torch import Tensor, nn

from fanin.analyses.conditions import open_dimensions
from fanin.analyses.exports import Range, losses, range_of
from fanin.analyses.sizes import broken_requirement
from fanin.diagnostics import Diagnostic
from fanin.diagnostics.codes import OUT805
from fanin.ir.conditions import AllOf
from fanin.ir.dims import Poly, Symbol
from fanin.ir.graph import Program
from fanin.record import record
from fanin.report import CheckFailed, Report
from fanin.runtime.load import build
from fanin.runtime.samples import flat, random_of

OPSET = 20
TOLERANCE = 1e-4  # of the largest number, in float32


@record
class Exported:
    """What was written: how it was compared, and the largest difference (None where it draws random numbers)."""

    path: str
    sizes: tuple[tuple[str, int], ...]
    difference: float | None


def export(program: Program, source: str, path: str, *, seed: int = 0, net: nn.Module | None = None) -> Exported:
    """Write a model, or ``net`` with weights of its own, to a file that ends with `.pt2` or `.onnx`.

    Raises CheckFailed where something in the model cannot be exported.
    """
    fatal = [loss for loss in losses(program) if loss.fatal]
    if fatal:
        problems = tuple(
            Diagnostic(OUT805, loss.text, loss.span, "not exported", helps=(loss.help,) if loss.help else ())
            for loss in fatal
        )
        raise CheckFailed(Report(problems, (program.graph.span.source,)))
    model = (build(program, source, seed=seed) if net is None else net).eval()
    with warnings.catch_warnings(), torch.no_grad(), _plain_results(model):
        warnings.simplefilter("ignore")
        for name in ("torch.onnx", "torch.export", "torch.fx.experimental.symbolic_shapes"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        made, second = _captured(program, model)
        unseen = _inputs(program, second)
        if path.endswith(".onnx"):
            found = _write_onnx(program, made, path, unseen)
        else:
            torch.export.save(made, path)
            found = flat(torch.export.load(path).module()(*unseen))
        expected, again = flat(model(*unseen)), flat(model(*unseen))
    sizes = tuple((symbol.name, size) for symbol, size in second.items())
    off: float | None = None
    if [a.shape for a in found] != [b.shape for b in expected]:
        raise _unlike(program, path, sizes, "tensors of other sizes")
    if all(torch.equal(a, b) for a, b in zip(expected, again, strict=True)):
        off = _difference(found, expected)
        scale = max((float(b.double().abs().max()) for b in expected if b.numel()), default=0.0)
        if off > TOLERANCE * max(scale, 1e-3):
            raise _unlike(program, path, sizes, f"other numbers, off by {off:.1e} where the largest is {scale:.1e}")
    return Exported(path, sizes, off)


def _unlike(program: Program, path: str, sizes: tuple[tuple[str, int], ...], what: str) -> CheckFailed:
    """The file does not compute what the model does: the exporter's mistake, and better said than shipped."""
    kind, at = path.rpartition(".")[2], ", ".join(f"{name} = {size}" for name, size in sizes)
    text = f"at {at}, the .{kind} file gives {what}" if at else f"the .{kind} file gives {what}"
    helps = ("give the sizes, so that nothing in it is left open: `-p H=…`",) if at else ()
    return CheckFailed(Report((Diagnostic(OUT805, text, program.graph.span, "not as the model", helps=helps),)))


@contextmanager
def _plain_results(model: nn.Module) -> Iterator[None]:
    """Several results as a plain tuple: whoever reads the file does not have the model's own class for them."""
    plain = model.forward

    @wraps(plain)
    def forward(*args: Any) -> Any:
        found = plain(*args)
        return tuple(found) if isinstance(found, tuple) else found

    model.forward = forward
    try:
        yield
    finally:
        del model.forward


# What sizes have to be at least, where smaller ones would leave a 1 inside the network, of which PyTorch's exporter
# makes a case of its own.
_LEAST = (2, 8, 32, 64, 128, 256)


def _captured(program: Program, model: nn.Module) -> tuple[Any, dict[Symbol, int]]:
    """The exported program, and sizes that it was not made at."""
    failure: Exception | None = None
    ranges = {symbol: range_of(program, symbol) for symbol in open_dimensions(program)}
    for automatic in (False, True):
        for least in _LEAST:
            dims, first, second = _dimensions(program, ranges, least, automatic)
            try:
                shapes = _shapes(program, dims)
                made = torch.export.export(model, _inputs(program, first), dynamic_shapes=shapes)
                made.module()(*_inputs(program, second))
                return made, second
            except Exception as error:  # of several kinds, sympy's among them
                failure = failure or error
    assert failure is not None
    raise failure


def _write_onnx(program: Program, made: Any, path: str, unseen: Sequence[Tensor]) -> list[Tensor]:
    """The file, and what onnxruntime makes of it."""
    names = [port.name for port in program.inputs]
    results = [r.name or f"output{i}" if len(program.outputs) > 1 else "output" for i, r in enumerate(program.outputs)]
    written = torch.onnx.export(
        made, (), dynamo=True, opset_version=OPSET, input_names=names, output_names=results, verbose=False
    )
    assert written is not None
    written.save(path, external_data=False)
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    wanted = {entry.name for entry in session.get_inputs()}
    feeds = {name: x.numpy() for name, x in zip(names, unseen, strict=True) if name in wanted}
    return [torch.from_numpy(y) for y in session.run(None, feeds)]


def _dimensions(
    program: Program, ranges: dict[Symbol, Range | None], least: int, automatic: bool
) -> tuple[dict[Symbol, Any], dict[Symbol, int], dict[Symbol, int]]:
    """For each open letter its dimension, the size it is exported at, and another one.

    A letter that stands first in an input is how many there are, and has no least size but 2.
    """
    batch = {p.value.type.shape[0] for p in program.inputs if p.value is not None and p.value.type.shape}
    dims: dict[Symbol, Any] = {}
    first: dict[Symbol, int] = {}
    second: dict[Symbol, int] = {}
    for at, (symbol, sizes) in enumerate(ranges.items()):
        assert sizes is not None
        sizes = sizes.above(2 if symbol * 1 in batch else least)
        name = f"_{symbol.name}" if sizes.step > 1 else symbol.name
        free = torch.export.Dim(name, min=max(sizes.least, 1), max=sizes.most)
        whole = sizes.step * free if sizes.step > 1 else free
        dims[symbol] = torch.export.Dim.AUTO if automatic else whole + sizes.offset if sizes.offset else whole
        first[symbol], second[symbol] = sizes.at(1 + at), sizes.at(3 + 2 * at)
    for sizes_at in (first, second):
        if broken_requirement(program, sizes_at) is not None:
            found = program.facts.example(AllOf(tuple(r.condition for r in program.conditions)), True) or {}
            sizes_at.update({s: n for s, n in found.items() if s in sizes_at and n > 1})
    return dims, first, second


def _shapes(program: Program, dims: dict[Symbol, Any]) -> tuple[dict[int, Any], ...]:
    found: list[dict[int, Any]] = []
    for port in program.inputs:
        assert port.value is not None
        shape = port.value.type.shape
        found.append({i: _dimension(d, dims) for i, d in enumerate(shape) if isinstance(d, Poly)})
    return tuple(found)


def _dimension(size: Poly, dims: dict[Symbol, Any]) -> Any:
    lone = next((s for s in size.symbols() if s * 1 == size), None)
    return dims[lone] if lone is not None else torch.export.Dim.AUTO


def _inputs(program: Program, sizes: dict[Symbol, int]) -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(0)
    return tuple(random_of(p.value.type, sizes, generator) for p in program.inputs if p.value is not None)


def _difference(found: Collection[Tensor], expected: Collection[Tensor]) -> float:
    pairs = [(a, b) for a, b in zip(found, expected, strict=True) if a.numel()]
    return max((float((a.double() - b.double()).abs().max()) for a, b in pairs), default=0.0)
