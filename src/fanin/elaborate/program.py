"""Elaborating an entry point: a model, or a block by itself."""

from __future__ import annotations

import sys
from typing import Any

from fanin.diagnostics import Diagnostic, Refusal, Severity
from fanin.diagnostics.codes import NAM222, TYP401, TYP405, TYP407
from fanin.diagnostics.suggest import nearest

# Importing these registers how expressions and statements are carried out.
from fanin.elaborate import expressions, indexing, operators, pipes, statements  # noqa: F401
from fanin.elaborate.body import Body
from fanin.elaborate.builder import Builder
from fanin.elaborate.construction import resolve_alias
from fanin.elaborate.context import Context, refuse
from fanin.elaborate.files import Unit
from fanin.elaborate.graphs import elaborate_body
from fanin.elaborate.hypers import bind_hypers
from fanin.elaborate.instances import report_idle
from fanin.elaborate.names import lookup_global, unbound
from fanin.elaborate.policy import NO_POLICY, policy_of
from fanin.elaborate.promises import promise_of
from fanin.elaborate.signatures import open_inputs
from fanin.elaborate.values import Argument, BlockConstructor, Instance, Poisoned
from fanin.ir.facts import Facts
from fanin.ir.graph import Program
from fanin.source import Source, Span
from fanin.syntax import tree

Entry = tree.Block | tree.BlockAlias


def elaborate(
    unit: Unit, name: str, given: dict[str, Any] | None = None, skip_optional: bool = False
) -> tuple[Program | None, list[Diagnostic], set[int]]:
    """The program of an entry point, the messages about it, and the ids of the declarations that it uses.

    ``given`` are hyper-parameters and sizes by name. With ``skip_optional`` the optional inputs are left out.
    """
    ctx = Context(Facts())
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, 20_000))
    try:
        program = _elaborate(ctx, unit, name, dict(given or {}), skip_optional)
    except Refusal as refusal:
        ctx.report(refusal.diagnostic)
        program = None
    except Poisoned:
        program = None
    except RecursionError:
        found = unit.lookup(name)
        span = found[1].name.span if found else Span(unit.source, 0, 0)
        ctx.frames.clear()
        ctx.report(Diagnostic(NAM222, f"`{name}` is nested too deeply to be read", span, "too deep"))
        program = None
    finally:
        sys.setrecursionlimit(limit)
    return program, ctx.diagnostics, ctx.used


def _elaborate(ctx: Context, unit: Unit, name: str, given: dict[str, Any], skip_optional: bool) -> Program | None:
    found = unit.lookup(name)
    assert found is not None, name
    home, decl = found
    assert isinstance(decl, (tree.Block, tree.BlockAlias))
    ctx.used.add(id(decl))
    outer = Builder(name, decl.span)
    reader = Body(ctx, home, outer)
    block, hypers, file, sizes = _resolve(reader, home, decl, given)
    builder = Builder(name, block.span)
    instance = Instance(BlockConstructor(block, file), hypers, block.span, None, None)
    body = Body(ctx, file, builder, hypers)
    builder.policy = policy_of(body, block, file, {}, _alias_policy(reader, home, decl))
    letters, types = open_inputs(body, block.inputs, sizes)
    _check_given(sizes, letters.sizes, block, hypers)
    if skip_optional:
        types = [
            None if isinstance(p.type, tree.ShapeType) and p.type.optional else t
            for p, t in zip(block.inputs, types, strict=True)
        ]
    ctx.open_places.update(letters.places)
    special = elaborate_body(body, block, instance, None, types, [p.span for p in block.inputs], None, None, letters)
    if special is None or any(d.severity is Severity.ERROR for d in ctx.diagnostics):
        return None
    report_idle(ctx)
    promises = special.graph.promises
    if isinstance(decl, tree.BlockAlias) and decl.promises is not None:
        promises += tuple(promise_of(reader, s) for s in decl.promises.statements if isinstance(s, tree.Expect))
    from dataclasses import replace

    graph = special.graph
    if promises != graph.promises or graph.name != name:
        parts = ctx.parts[graph]
        graph = replace(graph, promises=promises, name=name, doc=decl.doc or graph.doc)
        ctx.parts[graph] = parts
    return Program(name, graph, tuple(ctx.requirements), ctx.facts)


def _alias_policy(reader: Body, home: Unit, decl: Entry) -> Any:
    """``@init`` above an alias reaches what it stands for, unless the block itself says otherwise."""
    if isinstance(decl, tree.Block):
        return NO_POLICY
    from fanin.elaborate.policy import init_laws

    laws = {}
    for attribute in decl.attributes:
        if attribute.name == "init":
            laws.update(init_laws(reader, home, attribute))
    return NO_POLICY.with_laws(laws)


def _resolve(
    reader: Body, home: Unit, decl: Entry, given: dict[str, Any]
) -> tuple[tree.Block, dict[str, Any], Unit, dict[str, Any]]:
    """The block behind an entry point, its hyper-parameters, and what of ``given`` is left: sizes."""
    span = decl.name.span
    params = decl.hypers or ()
    names = {p.name.name for p in params}
    mine = {k: v for k, v in given.items() if k in names}
    args = tuple(Argument(k, _outside(reader, params, k, v), _told(k, v)) for k, v in mine.items())
    if isinstance(decl, tree.BlockAlias):
        target, hypers, _ = resolve_alias(reader, BlockConstructor(decl, home), args, span)
        block = target.decl
        assert isinstance(block, tree.Block)
        inner = {p.name.name for p in block.hypers}
        more = {k: v for k, v in given.items() if k in inner and k not in names}
        if more:
            merged = {k: v for k, v in hypers.items() if k not in more}
            merged_args = tuple(Argument(k, v, span) for k, v in merged.items())
            hypers = bind_hypers(
                reader,
                target.file,
                block.hypers,
                (
                    *merged_args,
                    *(Argument(k, _outside(reader, block.hypers, k, v), _told(k, v)) for k, v in more.items()),
                ),
                span,
                decl.name.name,
                block.inputs,
            )
        return (
            block,
            hypers,
            target.file,
            {k: v for k, v in given.items() if k not in names and k not in inner},
        )
    missing = [p.name.name for p in params if p.default is None and p.name.name not in mine]
    if missing:
        raise refuse(
            TYP407,
            f"`{decl.name.name}` needs {', '.join(f'`{m}`' for m in missing)} to be built by itself",
            next(p.span for p in params if p.name.name == missing[0]),
            "no default",
            helps=["give it: " + " ".join(f"`-p {m}=…`" for m in missing)],
        )
    hypers = bind_hypers(reader, home, params, args, span, decl.name.name, decl.inputs)
    return decl, hypers, home, {k: v for k, v in given.items() if k not in names}


def _outside(body: Body, params: tuple[tree.Param, ...], name: str, value: Any) -> Any:
    """A value from the command line or from Python, as a spec would have it: a bare word may be a name."""
    type_ = next((p.type for p in params if p.name.name == name), None)
    wants_name = isinstance(type_, tree.NameType) and type_.name.name in ("fn", "block", "module")
    if isinstance(value, str) and wants_name:
        found = lookup_global(body, value)
        if found is None:
            raise unbound(body, tree.Ident(_told(name, value), value))
        return found
    return list(value) if isinstance(value, range) else value


def _told(name: str, value: Any) -> Span:
    """A place to point at for a value that was given on the command line."""
    text = f"-p {name}={value}"
    return Span(Source("<command line>", text), len(f"-p {name}="), len(text))


def _check_given(sizes: dict[str, Any], letters: dict[str, Any], block: tree.Block, hypers: dict[str, Any]) -> None:
    for name, value in sizes.items():
        if name not in letters:
            known = [*hypers, *letters]
            near = nearest(name, known)
            raise refuse(
                TYP405,
                f"`{block.name.name}` has no hyper-parameter or dimension `{name}`",
                _told(name, value),
                "not one of them",
                helps=[f"did you mean `{near}`?"] if near else [f"it has: {', '.join(known) or 'none'}"],
            )
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise refuse(
                TYP401,
                f"the dimension `{name}` is a whole number, 1 or more",
                _told(name, value),
                "not a size",
            )


def takes(unit: Unit, entry: str, name: str) -> bool:
    """Whether an entry point has a hyper-parameter or a dimension of that name."""
    found = unit.lookup(entry)
    if found is None or not isinstance(found[1], (tree.Block, tree.BlockAlias)):
        return False
    decl = found[1]
    if any(p.name.name == name for p in decl.hypers or ()):
        return True
    if isinstance(decl, tree.BlockAlias):
        callee = decl.value.callee if isinstance(decl.value, tree.Call) else decl.value
        return isinstance(callee, tree.Ident) and callee.name != entry and takes(found[0], callee.name, name)
    shapes = [p.type for p in decl.inputs if isinstance(p.type, tree.ShapeType)]
    return any(isinstance(d, tree.Ident) and d.name == name for shape in shapes for d in shape.dims)
