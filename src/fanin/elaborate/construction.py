"""Making modules: a constructor's call, its hyper-parameters checked, its options taken out."""

from __future__ import annotations

from typing import Any

from fanin.diagnostics import Fix
from fanin.diagnostics.codes import NAM222, TYP401, TYP406, TYP418
from fanin.diagnostics.model import Edit
from fanin.elaborate.body import Body
from fanin.elaborate.calls import bind_attributes, call, sort_arguments
from fanin.elaborate.context import refuse
from fanin.elaborate.hypers import bind_hypers
from fanin.elaborate.initial import as_law, maybe_law
from fanin.elaborate.misfits import keyword_span
from fanin.elaborate.values import (
    Argument,
    BlockConstructor,
    Instance,
    OpConstructor,
    Parameter,
    describe,
    is_tensor,
)
from fanin.ops.contract import Op
from fanin.source import Span
from fanin.syntax import tree

OPTIONS = ("init", "bias_init", "frozen")


def construct(
    body: Body,
    constructor: OpConstructor | BlockConstructor,
    args: tuple[Argument, ...],
    span: Span,
    at: Span,
) -> Any:
    """A new module. It has no name yet: a label, a binding, a place or its first use gives it one."""
    if body.pure:
        raise refuse(
            TYP418,
            "a function makes no modules, and neither does a constant",
            span,
            "makes a module",
            helps=["what owns weights is declared with `block`, not with `fn` or `const`"],
        )
    if isinstance(constructor, OpConstructor):
        return _leaf(body, constructor.op, args, span)
    decl = constructor.decl
    if isinstance(decl, tree.BlockAlias) and not decl.is_model:
        return _expand(body, constructor, decl, args, span)
    options, hypers = _options(args)
    if isinstance(decl, tree.Extern):
        from fanin.elaborate.externs import check_extern, check_hypers

        check_extern(decl, options)
    if isinstance(decl, tree.BlockAlias):
        target, bound, where = resolve_alias(body, constructor, hypers, span)
    else:
        misplaced = next((a for a in hypers if is_tensor(a.value)), None)
        if misplaced is not None:
            raise refuse(
                TYP401,
                f"`{decl.name.name}` takes its hyper-parameters first, and this is {describe(misplaced.value)}",
                misplaced.span,
                "a tensor",
                helps=["the tensors come in a second pair of brackets"],
                fix=_two_lists(args, at, span),
            )
        bound = bind_hypers(body, constructor.file, decl.hypers, hypers, span, decl.name.name, decl.inputs)
        target, where = constructor, {a.name or "": a.span for a in hypers}
        if isinstance(decl, tree.Extern):
            check_hypers(decl, bound, where, span)
    instance = Instance(
        target, bound, span, body.builder.owner, options=_block_options(options), args=where, loose=True
    )
    for name, value in bound.items():
        _take(instance, name, value, body)
    return instance


def _two_lists(args: tuple[Argument, ...], name: Span, span: Span) -> Fix | None:
    """``Head(x, 10)`` as ``Head(10)(x)``."""
    if not span.text.startswith(name.text + "(") or "\n" in span.text:
        return None
    spans = [keyword_span(a).to(a.span) if a.name else a.span for a in args]
    settings = ", ".join(s.text for s, a in zip(spans, args, strict=True) if not is_tensor(a.value))
    tensors = ", ".join(s.text for s, a in zip(spans, args, strict=True) if is_tensor(a.value))
    text = f"{name.text}({settings})({tensors})"
    return Fix(f"write `{text}`", (Edit(span, text),))


def _take(owner: Instance, name: str, value: Any, body: Body) -> None:
    """A module made in the argument list lives in the module that it is an argument of."""
    if isinstance(value, Instance):
        if value.loose and value.home is body.builder.owner:
            value.home, value.key = owner, name
    elif isinstance(value, (list, tuple)):
        for i, item in enumerate(value):
            _take(owner, f"{name}.{i}", item, body)


def _options(args: tuple[Argument, ...]) -> tuple[dict[str, Argument], tuple[Argument, ...]]:
    return {a.name: a for a in args if a.name in OPTIONS}, tuple(a for a in args if a.name not in OPTIONS)


def _block_options(options: dict[str, Argument]) -> dict[str, Any]:
    checked: dict[str, Any] = {}
    for name, a in options.items():
        checked[name] = _frozen(a) if name == "frozen" else as_law(a.value, a.span)
    return checked


def _frozen(a: Argument) -> bool | float:
    if isinstance(a.value, bool):
        return a.value
    if isinstance(a.value, (int, float)) and 0 <= a.value <= 1:
        return float(a.value) if 0 < a.value < 1 else bool(a.value)
    raise refuse(
        TYP401,
        f"`frozen` is true, false, or a fraction between 0 and 1, not {describe(a.value)}",
        a.span,
        describe(a.value),
    )


def _leaf(body: Body, op: Op[Any], args: tuple[Argument, ...], span: Span) -> Instance:
    options, rest = _options(args)
    ties = [a for a in rest if isinstance(a.value, Parameter) and a.name is not None and a.name not in _fields(op)]
    ties += [a for a in rest if isinstance(a.value, Parameter) and a.name in _fields(op)]
    tied_names = {a.name for a in ties}
    rest = tuple(a for a in rest if a.name not in tied_names or a not in ties)
    shown = op.module or op.name
    for a in rest:
        if a.name is None and is_tensor(a.value):
            raise refuse(
                TYP406,
                f"`{shown}` makes a module, and a tensor is no argument of it",
                a.span,
                describe(a.value),
                helps=["a module is applied to its tensors once it is made"],
                fix=_two_lists(args, Span(span.source, span.start, span.start + len(shown)), span),
            )
    to_ports, to_attrs, extra = sort_arguments(_module_form(op), rest, [], span, shown)
    for given in to_ports.values():
        raise refuse(
            TYP406,
            f"`{shown}` takes its tensors when it is applied, not when it is made",
            given[0].span,
            describe(given[0].value),
        )
    attrs = bind_attributes(body, op, to_attrs, extra, span, shown)
    checked: dict[str, Any] = {}
    for name, a in options.items():
        if name == "frozen":
            checked["frozen"] = _frozen(a)
        else:
            law = maybe_law(a.value, a.span)
            checked[name] = law if law is not None else as_law(a.value, a.span)
    for a in ties:
        checked[f"tie:{a.name}"] = a.value
    where = {name: a.span for name, a in to_attrs.items()}
    where.update({a.name: a.span for a in ties if a.name})
    return Instance(op, {"": attrs}, span, body.builder.owner, options=checked, args=where, loose=True)


def _fields(op: Op[Any]) -> tuple[str, ...]:
    return tuple(op.attrs.__dataclass_fields__)


_FORMS: dict[Op[Any], Any] = {}


def _module_form(op: Op[Any]) -> Op[Any]:
    """The op with its attributes alone going by place."""
    form = _FORMS.get(op)
    if form is None:
        order = tuple(n for n in type(op).order if n.lstrip("*") not in {p.name for p in op.inputs})
        made = type(f"{type(op).__name__}Form", (type(op),), {"inputs": (), "order": order})
        form = _FORMS[op] = made()
    return form  # type: ignore[no-any-return]


def _expand(
    body: Body, constructor: BlockConstructor, decl: tree.BlockAlias, args: tuple[Argument, ...], span: Span
) -> Any:
    """``block Cba(w: int) = Conv2d(w) -> relu``: as if the composition were written where it is used."""
    bound = bind_hypers(body, constructor.file, decl.hypers or (), args, span, decl.name.name, ())
    inner = Body(body.ctx, constructor.file, body.builder, dict(bound))
    inner.aliases = body.aliases + 1
    if inner.aliases > 50:
        raise refuse(NAM222, f"`{decl.name.name}` is made of itself", span, "never ends")
    with body.ctx.inside(f"{decl.name.name}({show_hypers(bound)})", span):
        return inner.evaluate(decl.value)


def resolve_alias(
    body: Body, constructor: BlockConstructor, hypers: tuple[Argument, ...], span: Span
) -> tuple[BlockConstructor, dict[str, Any], dict[str, Span]]:
    """``model Vgg16 = Vgg(CFG_D, ...)``: the block it stands for, with its hyper-parameters."""
    decl = constructor.decl
    assert isinstance(decl, tree.BlockAlias)
    bound = bind_hypers(
        body,
        constructor.file,
        decl.hypers or (),
        hypers if decl.hypers is not None else (),
        span,
        decl.name.name,
        (),
    )
    inner = Body(body.ctx, constructor.file, body.builder, dict(bound))
    value = inner.evaluate(decl.value)
    if isinstance(value, BlockConstructor):
        value = call(inner, value, (), decl.value.span, decl.value.span)
    from fanin.elaborate.values import Partial

    if isinstance(value, Partial) and not value.waits:
        value = call(inner, value, hypers if decl.hypers is None else (), decl.value.span, decl.value.span)
    if not isinstance(value, Instance) or not isinstance(value.target, BlockConstructor):
        raise refuse(
            TYP401,
            f"`model {decl.name.name} = …` takes a block with its hyper-parameters, not {describe(value)}",
            decl.value.span,
            describe(value),
            helps=["for other things, write a model with braces"],
        )
    return value.target, value.hypers, value.args


def show_hypers(bound: dict[str, Any]) -> str:
    """Hyper-parameters in a message: ``width=64, stride=2``."""
    parts = []
    for name, value in bound.items():
        text = (
            describe(value).removeprefix("the number ").removeprefix("the string ")
            if not isinstance(value, (list, tuple))
            else str(value)
        )
        text = text.removeprefix("the module ").removeprefix("the function ").removeprefix("the constructor ")
        parts.append(f"{name}={text if len(text) <= 40 else '…'}")
    return ", ".join(parts)
