"""Applying a module to tensors."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from fanin.diagnostics import Label
from fanin.diagnostics.codes import SHP305, SHP308, TYP401, TYP405, TYP407
from fanin.elaborate.body import Body
from fanin.elaborate.calls import apply_op, complained, need_tensors, port_operands, sort_arguments
from fanin.elaborate.compositions import apply_composition
from fanin.elaborate.context import refuse
from fanin.elaborate.declared import declared_results
from fanin.elaborate.expressions import give_size, open_labels
from fanin.elaborate.inputs import input_operands, input_type, results_of, sort_inputs
from fanin.elaborate.policy import Policy, law_for
from fanin.elaborate.rows import apply_row
from fanin.elaborate.specialisation import block_node, record_use, two_sizes
from fanin.elaborate.values import (
    Argument,
    BlockConstructor,
    Composition,
    Instance,
    Parameter,
    Poisoned,
    Use,
    describe,
)
from fanin.ir.dims import Poly
from fanin.ir.graph import (
    StateRef,
    Weight,
)
from fanin.ir.types import TensorType
from fanin.ops.code import Sequence
from fanin.ops.contract import Complaint, Op, OpAttrs, ParamSpec
from fanin.source import Span
from fanin.syntax import tree


def apply_instance(body: Body, instance: Instance, args: tuple[Argument, ...], flow: list[Any], span: Span) -> Any:
    """A module on tensors: what flows in first, then the arguments."""
    target = instance.target
    if instance.copies:
        from fanin.elaborate.ensembles import apply_ensemble

        return apply_ensemble(body, instance, args, flow, span)
    if isinstance(target, Op):
        return apply_leaf(body, instance, args, flow, span)
    if isinstance(target, BlockConstructor):
        return apply_block(body, instance, args, flow, span)
    if isinstance(target, Composition):
        return apply_composition(body, instance, args, flow, span)
    return apply_row(body, instance, args, flow, span)


def apply_leaf(body: Body, instance: Instance, args: tuple[Argument, ...], flow: list[Any], span: Span) -> Any:
    """PyTorch's own module. Its first application fixes the sizes of its weights."""
    op: Op[Any] = instance.target
    attrs = instance.hypers[""]
    shown = op.module or op.name
    to_ports, to_attrs, extra = sort_arguments(op, args, flow, span, shown)
    if to_attrs or extra:
        a = next(iter(to_attrs.values()), None) or extra[0]
        raise refuse(
            TYP407,
            f"`{shown}` is applied to tensors here; its options go into its own brackets",
            a.span,
            describe(a.value),
        )
    operands, owners = port_operands(body, op, to_ports, span, shown)
    need_tensors(operands, owners, shown)
    made = {name: Argument(name, None, at) for name, at in instance.args.items()}
    types = tuple(None if o is None else o.type for o in operands)
    ref = body.builder.ref(instance)
    result = apply_op(body, op, attrs, operands, owners, ref, span, made, to_ports, shown)
    specs = _weights_of(body, op, attrs, types, made, to_ports, span, shown)
    if instance.uses:
        before = instance.uses[0]
        for mine, other in zip(specs, before.weights, strict=True):
            if mine.shape != other.spec.shape:
                raise two_sizes(
                    instance,
                    f"`{mine.name}` is {list(other.spec.shape)} and {list(mine.shape)}",
                    before.span,
                    span,
                )
    policy: Policy = body.builder.policy
    ties = {name[4:]: value for name, value in instance.options.items() if name.startswith("tie:")}
    weights = tuple(
        Weight(s, law_for(s, instance.options, policy), _tie(body, instance, ties.pop(s.name, None), s)) for s in specs
    )
    for name, value in ties.items():
        raise refuse(
            TYP405,
            f"`{shown}` has no parameter `{name}` to tie",
            instance.args.get(name, instance.span),
            describe(value),
        )
    frozen = instance.options.get("frozen", policy.frozen)
    if "norm" in instance.options:
        _check_norm(instance, weights, frozen)
    instance.uses.append(Use(None, types, weights, span, attrs, frozen))
    return result


def _check_norm(instance: Instance, weights: tuple[Weight, ...], frozen: bool | float) -> None:
    """A normed module has one weight, of its own, that learns or is frozen as a whole."""
    name, own = f"{instance.options['norm']}_norm", next((w for w in weights if w.spec.name == "weight"), None)
    if own is None or len(own.spec.axes) < 2:
        text = f"`{name}` is for one module with a weight, and `{instance.what}` has none to norm"
    elif own.tied is not None:
        text = f"`{name}` is for a weight of the module's own, and this one is tied"
    elif not isinstance(frozen, bool):
        text = f"`{name}` mixes the units of a weight, so a fraction of them cannot be frozen"
    else:
        return
    raise refuse(TYP401, text, instance.span, describe(instance))


def _weights_of(
    body: Body,
    op: Op[Any],
    attrs: OpAttrs,
    types: tuple[TensorType | None, ...],
    made: dict[str, Argument],
    to_ports: dict[str, list[Argument]],
    span: Span,
    shown: str,
) -> tuple[ParamSpec, ...]:
    """The parameters of a module on these inputs, all of whose sizes are known."""
    key = (op, attrs, types)
    known = body.ctx.weights.get(key)
    if known is not None:
        return known
    try:
        opened = open_weight_sizes(op, attrs, types)
        specs = () if opened else op.params(attrs, *types)  # type: ignore[arg-type]
    except Complaint as complaint:
        raise complained(body, op, complaint, made, to_ports, span, shown) from None
    for size in opened:
        raise refuse(
            SHP305,
            f"the weights of `{shown}` hang on {size}, which is open",
            span,
            f"what flows in is {types[0]}",
            open_labels(body, size),
            helps=[give_size(body, size)],
        )
    built = op.construct(attrs, *types)  # type: ignore[arg-type]
    settings = (attrs,) if built is None else (*built.args, *(value for _, value in built.keywords))
    for size in _open_sizes(settings):
        raise refuse(
            SHP305,
            f"`{shown}` is made for {size}, which is open",
            span,
            f"what flows in is {types[0]}",
            open_labels(body, size),
            helps=[give_size(body, size)],
        )
    body.ctx.weights[key] = specs
    return specs


def _open_sizes(settings: Any) -> list[Poly]:
    """The open dimensions in what a module is made with."""
    if isinstance(settings, Poly):
        return [settings]
    if isinstance(settings, OpAttrs):
        settings = [getattr(settings, f.name) for f in fields(settings)]
    elif isinstance(settings, Sequence):
        settings = settings.items
    return [size for s in settings for size in _open_sizes(s)] if isinstance(settings, (tuple, list)) else []


def open_weight_sizes(op: Op[Any], attrs: OpAttrs, types: tuple[TensorType | None, ...]) -> list[Poly]:
    """The open sizes of the inputs that the weights would be made of.

    Two guesses at a size tell: where the weights differ, they are made of it.
    """
    sizes = dict.fromkeys(s for t in types if t is not None for s in t.shape if isinstance(s, Poly))
    if not sizes or not _made_of_guesses(op, attrs, types):
        return []

    def shapes(guess: int, changed: Poly | None) -> list[tuple[int, ...]]:
        known = [
            None
            if t is None
            else TensorType(
                t.dtype, tuple(s if isinstance(s, int) else guess if s == changed else _GUESS for s in t.shape)
            )
            for t in types
        ]
        return [spec.shape for spec in op.params(attrs, *known)]  # type: ignore[arg-type]

    return [size for size in sizes if shapes(_GUESS, None) != shapes(2 * _GUESS, size)]


def _made_of_guesses(op: Op[Any], attrs: OpAttrs, types: tuple[TensorType | None, ...]) -> bool:
    """Whether some weight has a size as no weight has. Where none has, the open sizes do not matter."""
    guessed = [
        None if t is None else TensorType(t.dtype, tuple(s if isinstance(s, int) else _GUESS for s in t.shape))
        for t in types
    ]
    return any(size >= _TOO_LARGE for spec in op.params(attrs, *guessed) for size in spec.shape)  # type: ignore[arg-type]


_TOO_LARGE = 10**9
_GUESS = 720_720 * _TOO_LARGE  # divided by every small number, so that no guess breaks a rule of an op


def _tie(body: Body, instance: Instance, parameter: Parameter | None, spec: Any) -> StateRef | None:
    if parameter is None:
        return None
    shape = tuple(parameter.type.shape)
    if shape != spec.shape:
        at = instance.args.get(spec.name, instance.span)
        raise refuse(
            SHP308,
            f"a tied `{spec.name}` has to be {list(spec.shape)}, and this one is {list(shape)}",
            at,
            f"this is {parameter.type}",
            [] if parameter.instance is None else [Label(parameter.instance.span, "its sizes were fixed here")],
            helps=["bring what flows in to the width of the tied weight first"],
        )
    return StateRef(None if parameter.instance is None else body.builder.ref(parameter.instance), parameter.name)


def apply_block(body: Body, instance: Instance, args: tuple[Argument, ...], flow: list[Any], span: Span) -> Any:
    constructor: BlockConstructor = instance.target
    decl = constructor.decl
    assert isinstance(decl, (tree.Block, tree.Extern))
    shown = decl.name.name
    given = sort_inputs(body, decl.inputs, args, flow, span, shown)
    operands = input_operands(body, decl.inputs, given, shown)
    ref = body.builder.ref(instance)
    spans = [given[p.name.name].span for p in decl.inputs]
    try:
        node, use = block_node(body, instance, decl, constructor, operands, spans, ref, span)
    except Poisoned:
        types = [None if o is None else input_type(o, p) for o, p in zip(operands, decl.inputs, strict=True)]
        return declared_results(body, decl, constructor.file, decl.inputs, types, instance.hypers)
    body.builder.add(node)
    record_use(instance, use)
    return results_of(node.outputs, [r.name for r in node.graph.results])
