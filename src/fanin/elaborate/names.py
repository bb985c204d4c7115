"""What a name means: a binding, a label, a letter, a declaration, an op, a function of the language."""

from __future__ import annotations

from math import inf, pi
from typing import Any

from fanin.diagnostics import Diagnostic, Fix, Label, Refusal
from fanin.diagnostics.codes import NAM201, NAM207, TYP402
from fanin.diagnostics.model import Edit
from fanin.diagnostics.suggest import nearest
from fanin.elaborate.body import Body, evaluates
from fanin.elaborate.context import refuse
from fanin.elaborate.foreign import what_was_meant
from fanin.elaborate.values import (
    BlockConstructor,
    Builtin,
    FnFunction,
    LawFunction,
    OpConstructor,
    OpFunction,
    Poisoned,
)
from fanin.ops.registry import find_op
from fanin.ops.registry import names as op_names
from fanin.source import Span
from fanin.syntax import tree

BUILTINS = frozenset(
    [
        "len",
        "reversed",
        "zip",
        "enumerate",
        "map",
        "min",
        "max",
        "ceildiv",
        "inverse",
        "grad",
        "scan",
        "iterate",
        "ensemble",
        "checkpoint",
        "weight_norm",
        "spectral_norm",
        "ema",
        "copy",
        "ramp",
        "weights",
    ]
)
LAWS = frozenset(
    [
        "he_normal",
        "he_uniform",
        "xavier_normal",
        "xavier_uniform",
        "lecun_normal",
        "lecun_uniform",
        "orthogonal",
        "normal",
        "uniform",
        "trunc_normal",
        "constant",
        "fixup",
        "default",
        "auto",
    ]
)
QUERIES = frozenset(
    [
        "params",
        "trainable",
        "flops",
        "memory",
        "signal",
        "causal",
        "equivariant",
        "invariant",
        "receptive_field",
        "depth",
    ]
)
GROUPS = frozenset(["permutation", "translation", "flip", "rot90"])
NUMBERS: dict[str, Any] = {"inf": inf, "pi": pi}


@evaluates(tree.Ident)
def evaluate_name(body: Body, expr: tree.Ident) -> Any:
    name = expr.name
    scope = body.scope
    if name in scope:
        if name in body.labels and name in body.builder.hyper_names:
            raise ambiguous_label(body, expr, "hyper-parameter")
        return scope[name]
    letters = body.builder.letters
    if name in letters:
        return letters[name]
    labels = body.labels
    if name in labels:
        if body.unit.lookup(name) is not None:
            raise ambiguous_label(body, expr, "declaration")
        if find_op(name) is not None or name in BUILTINS:
            raise ambiguous_label(body, expr, "function")
        return labels[name]
    value = lookup_global(body, name)
    if value is not None:
        return value
    raise unbound(body, expr)


def ambiguous_label(body: Body, expr: tree.Ident, other: str) -> Refusal:
    """A name that a label and something else have: what the body binds would win, and nothing else does."""
    made = body.labels[expr.name]
    first = made[0] if isinstance(made, list) and made else made
    return refuse(
        NAM207,
        f"`{expr.name}` is a label here, and a {other} has that name too",
        expr.span,
        "which of the two?",
        [Label(getattr(first, "span", expr.span), "the label")],
        helps=["give the label another name"],
    )


def lookup_global(body: Body, name: str) -> Any:
    """A declaration of the file, an import, an op, or a function of the language; None where there is none such."""
    found = body.unit.lookup(name)
    if found is not None:
        unit, declaration = found
        body.ctx.used.add(id(declaration))
        if unit.broken.get(declaration.name.name):
            raise Poisoned  # it could not be read, and that has been said
        if isinstance(declaration, tree.Const):
            return constant(body, unit, declaration)
        if isinstance(declaration, tree.Fn):
            return FnFunction(declaration, unit)
        if isinstance(declaration, (tree.Block, tree.BlockAlias, tree.Extern)):
            return BlockConstructor(declaration, unit)
        return None
    op = find_op(name)
    if op is not None:
        return OpConstructor(op) if name[0].isupper() else OpFunction(op)
    if name in BUILTINS:
        return Builtin(name)
    if name in NUMBERS:
        return NUMBERS[name]
    if name in LAWS:
        return LawFunction(name)
    return None


def constant(body: Body, unit: Any, declaration: tree.Const) -> Any:
    """The value of a ``const``, evaluated once for its file."""
    name = declaration.name.name
    if name in unit.constants:
        value = unit.constants[name]
        if value is _OPEN:
            raise refuse(
                NAM201,
                f"`{name}` is defined by itself",
                declaration.name.span,
                "this constant needs its own value",
                helps=["give it a number, or take the constants that need each other apart"],
            )
        if value is None and isinstance(declaration.value, tree.NoneValue):
            return None
        if value is _FAILED:
            raise Poisoned
        return value
    unit.constants[name] = _OPEN
    inner = Body(body.ctx, unit, body.builder, pure=True)
    try:
        unit.constants[name] = inner.evaluate(declaration.value)
    except BaseException:
        unit.constants[name] = _FAILED
        raise
    return unit.constants[name]


_OPEN: Any = object()
_FAILED: Any = object()


def candidates(known: list[str]) -> list[str]:
    """Every name that could have been meant."""
    return [*known, *op_names(), *BUILTINS, *LAWS, *NUMBERS]


def unbound(body: Body, expr: tree.Ident) -> Exception:
    if expr.name == "training":
        return refuse(
            TYP402,
            "`training` is not known when the spec is compiled: it stands by itself in an `if`",
            expr.span,
            "decided when the network runs",
            helps=["write `if training { … } else { … }`, and other conditions in an `if` of their own"],
        )
    if body.unit.is_lost(expr.name) or any(
        expr.name == (a.alias or a.name).name
        for d in body.unit.file.declarations
        if isinstance(d, tree.Import)
        for a in d.names
    ):
        return Poisoned()  # the import itself was the mistake
    return Refusal(unbound_message(expr, [*body.scope, *body.builder.letters, *body.labels, *body.unit.names()]))


def unbound_message(expr: tree.Ident, known: list[str]) -> Diagnostic:
    """A name that means nothing here, and what was probably meant."""
    name = expr.name
    meant = what_was_meant(name, expr.span, frozenset(known))
    if meant is not None and meant.text is not None:
        fix = Fix(f"write `{meant.text}`", (Edit(meant.span, meant.text),))
        helps = (meant.help,) if meant.help else ()
        return _unbound(expr.span.to(meant.span) if meant.span.start < expr.span.start else meant.span, helps, fix)
    if meant is not None:
        return _unbound(meant.span, (meant.help,), None)
    near = nearest(name, candidates(known))
    return _unbound(expr.span, (), did_you_mean(near, expr.span))


def _unbound(span: Span, helps: tuple[str, ...], fix: Fix | None) -> Diagnostic:
    name = span.text.split("(", 1)[0]
    return Diagnostic(NAM201, f"nothing here is called `{name}`", span, "not bound", helps=helps, fix=fix)


def did_you_mean(near: str | None, span: Span) -> Fix | None:
    """The offer to write another name."""
    return Fix(f"did you mean `{near}`?", (Edit(span, near),)) if near else None
