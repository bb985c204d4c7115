"""Messages about the arguments of ops: what is misspelt, surplus, missing or of the wrong kind."""

from __future__ import annotations

from typing import Any

from fanin.diagnostics import Fix, Label, Refusal
from fanin.diagnostics.codes import TYP404, TYP405, TYP406, TYP407, TYP408
from fanin.diagnostics.model import Edit
from fanin.diagnostics.suggest import nearest
from fanin.elaborate.builder import Builder
from fanin.elaborate.context import refuse
from fanin.elaborate.values import Argument
from fanin.ir.graph import Operand, Value
from fanin.ir.types import DType
from fanin.ops.contract import Op, Port
from fanin.source import Span

_RENAMED = {
    "dim": "axis", "dims": "axes", "start_dim": "start_axis", "end_dim": "end_axis", "dim0": "axis0", "dim1": "axis1",
    "keepdims": "keepdim",
}  # fmt: skip
_SIZES = "the sizes of the input are read from what flows in"
_DROPPED = {
    "in_features": _SIZES, "in_channels": _SIZES, "num_features": _SIZES, "num_channels": _SIZES,
    "normalized_shape": _SIZES, "embed_dim": _SIZES, "input_size": _SIZES,
    "inplace": "values do not change in a spec, so there is no `inplace`",
    "dtype": "the dtype is the run's", "device": "the device is the run's",
    "requires_grad": "a `param` is learned, a `buffer` is not",
}  # fmt: skip


def keyword_span(a: Argument) -> Span:
    """The name of a named argument, or its value where the name does not stand right before it."""
    name = a.name or ""
    text = a.span.source.text
    end = a.span.start
    while end > 0 and text[end - 1] in " \t\r\n":
        end -= 1
    end -= text[end - 1 : end] == "="
    while end > 0 and text[end - 1] in " \t\r\n":
        end -= 1
    span = Span(a.span.source, end - len(name), end)
    return span if name and span.text == name else a.span


def given_twice(a: Argument, first: Argument, of: str = "") -> Refusal:
    whose = f"`{a.name}` of `{of}`" if of else f"`{a.name}`"
    label = Label(keyword_span(first) if first.name else first.span, "first here")
    return refuse(
        TYP404, f"{whose} is given twice", keyword_span(a), "again here", [label], helps=["leave one of them out"]
    )


def unknown_keyword(a: Argument, known: list[str], headline: str, takes: str = "") -> Refusal:
    """A named argument that is not known: the nearest one, else all of them."""
    at = keyword_span(a)
    near = nearest(a.name or "", known)
    fix = Fix(f"did you mean `{near}`?", (Edit(at, near),)) if near and at.text == a.name else None
    helps = [f"{takes or 'it takes'}: {', '.join(known) or 'nothing'}"] if fix is None else []
    return refuse(TYP405, headline, at, "not one of them", helps=helps, fix=fix)


def surplus_keyword(op: Op[Any], a: Argument, shown: str, known: list[str]) -> Refusal:
    name = a.name or ""
    headline = f"`{shown}` has no argument `{name}`"
    at = keyword_span(a)
    renamed = _RENAMED.get(name, "")
    if renamed in known and at.text == name:
        fix = Fix(f"write `{renamed}`", (Edit(at, renamed),), safe=True)
        helps = [f"it is called `{renamed}` here, since a dim is a size"] if renamed != "keepdim" else []
        return refuse(TYP405, headline, at, "not an argument of it", helps=helps, fix=fix)
    if name in _DROPPED:
        return refuse(
            TYP405,
            headline,
            at,
            "not an argument of it",
            helps=[_DROPPED[name]],
            fix=Fix("leave it out", (_without(at.to(a.span)),)),
        )
    return unknown_keyword(a, known, headline, f"`{shown}` takes")


def _without(argument: Span) -> Edit:
    """Takes an argument out of its list, with the comma that goes with it."""
    text = argument.source.text
    start, end = argument.start, argument.end
    while text[end : end + 1].isspace():
        end += 1
    if text[end : end + 1] == ",":
        end += 1
        while text[end : end + 1].isspace():
            end += 1
        return Edit(Span(argument.source, start, end), "")
    before = start
    while text[before - 1 : before].isspace():
        before -= 1
    if text[before - 1 : before] == ",":
        start = before - 1
    return Edit(Span(argument.source, start, argument.end), "")


def surplus(op: Op[Any], placed: list[Argument], index: int, order: tuple[str, ...], shown: str) -> Refusal:
    """More arguments by place than there are. ``index`` is the first that finds none."""
    module = shown == op.module
    count = len(order)
    if count:
        takes = f"takes {count} argument{'s' if count != 1 else ''} by place: {', '.join(f'`{n}`' for n in order)}"
    else:
        takes = "takes no arguments by place"
    headline = f"`{shown}` {takes}; {len(placed)} are given" if len(placed) > 1 else f"`{shown}` {takes}"
    if module and len(placed) == count + 1 and isinstance(placed[0].value, int):
        # PyTorch's own constructor begins with the size of the input.
        first = placed[0].span
        fix = Fix("leave out the size of the input", (_without(first),))
        return refuse(
            TYP406,
            headline,
            first if count == 0 else placed[index].span,
            "the size of what flows in is not given" if count == 0 else "one too many",
            [] if count == 0 else [Label(first, "is this the size of the input? It is read from what flows in")],
            helps=["options go by name"] if count else [],
            fix=fix,
        )
    helps = ["the sizes of the input are left out, and options go by name"] if module else []
    return refuse(TYP406, headline, placed[index].span, "one too many", helps=helps)


def missing_input(op: Op[Any], port: Port, span: Span, shown: str) -> Refusal:
    names = [p.name for p in op.inputs if not p.optional]
    wanted = f"{len(names)} tensors: {', '.join(names)}" if len(names) > 1 else "a tensor"
    helps = []
    text = span.text
    if len(names) == 1 and text.endswith(")") and text.startswith(shown) and len(text) < 50 and "\n" not in text:
        inside = text[len(shown) + 1 : -1].strip()
        opened = f"{shown}({', '.join(['...', inside] if inside else ['...'])})"
        stage = text if inside else shown
        helps = [f"send it in, `x -> {stage}`, or keep its place open, `{opened}`"]
    headline = f"`{shown}` takes {wanted}, and `{port.name}` is missing"
    return refuse(TYP407, headline, span, f"nothing for `{port.name}`", helps=helps)


def too_many_flow(op: Op[Any], count: int, span: Span, shown: str) -> Refusal:
    takes = len(op.inputs)
    helps = ["join them first, `… -> concat(axis=1) -> …`, or send in one of them"] if takes == 1 else []
    headline = f"`{shown}` takes {takes} tensor{'s' if takes != 1 else ''}, and {count} flow in"
    return refuse(TYP407, headline, span, f"{count} tensors flow in", helps=helps)


# --------------------------------------------------------------------------------------------------------- dtypes


def wrong_dtype(
    builder: Builder, op: Op[Any], port: Port, found: Operand, at: Span, shown: str, flows: bool
) -> Refusal:
    """Numbers of another kind than an op takes. ``flows`` where ``at`` is the stage that they flow into."""
    wanted = " or ".join(d.value for d in port.dtypes if d is not DType.COMPLEX)
    actual = found.type.dtype
    helps: list[str] = []
    fix = None
    labels: list[Label] = []
    if wanted == "int" and actual is DType.FLOAT:
        helps = ["indices are whole numbers"]
        labels, fix = declare_input(builder, found)
    elif "float" in wanted and actual in (DType.INT, DType.BOOL):
        fix = _as_float(at, flows)
        if actual is DType.INT and op.module == "Linear":
            helps = ["tokens and classes are looked up in an `Embedding`"]
    headline = f"`{shown}` takes {wanted} numbers as `{port.name}`, not {actual.value}"
    return refuse(
        TYP408, headline, at, f"{'what flows in' if flows else 'this'} is {found.type}", labels, helps=helps, fix=fix
    )


def _as_float(at: Span, flows: bool) -> Fix:
    if flows:
        return Fix("turn it into float numbers first", (Edit(Span(at.source, at.start, at.start), "float -> "),))
    return Fix("turn it into float numbers", (Edit(at, f"float({at.text})"),))


def declare_input(builder: Builder, found: Operand) -> tuple[list[Label], Fix | None]:
    """Where a float tensor is declared as such, if it is an input, and the edit that makes it one of int."""
    declared = _declaration(builder, found)
    if declared is None:
        return [], None
    bracket = declared.text.find("[")
    place = Span(declared.source, declared.start + bracket, declared.start + bracket)
    fix = Fix("declare it as `int`", (Edit(place, "int"),)) if bracket >= 0 else None
    return [Label(declared, "declared as float here")], fix


def _declaration(builder: Builder, found: Operand) -> Span | None:
    """The input that a tensor is, where that is an input of a model."""
    if not isinstance(found, Value) or found.index in builder.producers:
        return None
    outer, _, place = builder.port_origins.get(found.index, (None, None, -1))
    return builder.ports[place].span if place >= 0 and outer is None else None
