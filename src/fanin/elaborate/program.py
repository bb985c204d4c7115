"""Elaborating an entry point: a model, or a block by itself."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from fanin.diagnostics import Diagnostic, Refusal, Severity
from fanin.diagnostics.codes import NAM222, PRN901, TYP401, TYP405, TYP407
from fanin.diagnostics.suggest import nearest

# Importing these registers how expressions and statements are carried out.
from fanin.elaborate import expressions, indexing, operators, pipes, statements  # noqa: F401
from fanin.elaborate.body import Body
from fanin.elaborate.builder import Builder
from fanin.elaborate.construction import resolve_alias
from fanin.elaborate.context import Context, refuse
from fanin.elaborate.files import Unit
from fanin.elaborate.fixup import settle_fixup
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

if TYPE_CHECKING:
    from fanin.ir.experiment import Experiment
    from fanin.ir.recipe import System

Entry = tree.Block | tree.BlockAlias
T = TypeVar("T")


def elaborate(
    unit: Unit, name: str, given: dict[str, Any] | None = None, skip_optional: bool = False
) -> tuple[Program | None, list[Diagnostic], set[int]]:
    """The program of an entry point, the messages about it, and the ids of the declarations that it uses.

    ``given`` are hyper-parameters and sizes by name. With ``skip_optional`` the optional inputs are left out.
    """
    ctx = Context(Facts())
    program = _guarded(ctx, unit, name, lambda: _elaborate(ctx, unit, name, dict(given or {}), skip_optional))
    return program, ctx.diagnostics, ctx.used


def elaborate_system(
    unit: Unit, name: str, given: dict[str, Any] | None = None
) -> tuple[System | None, list[Diagnostic], set[int]]:
    """The same for a system."""
    ctx = Context(Facts())
    system = _guarded(ctx, unit, name, lambda: _system(ctx, unit, name, dict(given or {})))
    return system, ctx.diagnostics, ctx.used


def elaborate_stages(
    unit: Unit, name: str, given: dict[str, Any] | None = None
) -> tuple[tuple[System, ...], list[Diagnostic], set[int]]:
    """A system as it is in each of its stages, or once where it has none; nothing where there is an error.

    What a stage changes stays changed in those that follow. Stages that change nothing share one system.
    """
    hypers = dict(given or {})
    system, problems, used = elaborate_system(unit, name, hypers)
    if system is None:
        return (), problems, used
    if not system.stages:
        return (system,), problems, used
    systems: list[System] = []
    for place, stage in enumerate(system.stages):
        if stage.changes:
            hypers = {**hypers, **dict(stage.changes)}
            grown, found, reached = elaborate_system(unit, name, hypers)
            known = {(d.headline, d.span) for d in problems}
            problems = [*problems, *(d for d in found if (d.headline, d.span) not in known)]
            used = used | reached
            if grown is None:
                return (), problems, used
            system = grown
        systems.append(system)
        assert system.stages[place].name == stage.name, "the stages of a system do not hang on its hyper-parameters"
    return tuple(systems), problems, used


def elaborate_experiment(
    unit: Unit, name: str, given: dict[str, Any] | None = None
) -> tuple[Experiment | None, list[Diagnostic], set[int]]:
    """A ``prune``, with the system or model that it is of."""
    ctx = Context(Facts())
    experiment = _guarded(ctx, unit, name, lambda: _experiment(ctx, unit, name, dict(given or {})))
    return experiment, ctx.diagnostics, ctx.used


def _experiment(ctx: Context, unit: Unit, name: str, given: dict[str, Any]) -> Experiment | None:
    from fanin.elaborate.experiments import build_experiment

    found = unit.lookup(name)
    assert found is not None, name
    home, decl = found
    assert isinstance(decl, tree.Prune)
    ctx.used.add(id(decl))
    reader = Body(ctx, home, Builder(name, decl.span), pure=True)
    of = decl.of
    while isinstance(of, tree.Paren):
        of = of.value
    callee = of.callee if isinstance(of, tree.Call) else of
    target = home.lookup(callee.name) if isinstance(callee, tree.Ident) else None
    if target is None or not isinstance(callee, tree.Ident):
        raise (
            unbound(reader, callee)
            if isinstance(callee, tree.Ident)
            else refuse(PRN901, "a `prune` is of a system or a model", of.span, "neither")
        )
    args = {}
    for a in of.args if isinstance(of, tree.Call) else ():
        if a.name is None:
            raise refuse(PRN901, "hyper-parameters are given by name here", a.value.span, "by place")
        if not takes(home, callee.name, a.name.name):
            text = f"`{callee.name}` has no hyper-parameter or dimension `{a.name.name}`"
            raise refuse(TYP405, text, a.name.span, "not one of them")
        args[a.name.name] = reader.evaluate(a.value)
    made: System | Program | None
    if isinstance(target[1], tree.System):
        made = _system(ctx, home, callee.name, {**args, **given})
    elif isinstance(target[1], (tree.Block, tree.BlockAlias)):
        made = _elaborate(ctx, home, callee.name, {**args, **given}, False)
    else:
        raise refuse(PRN901, f"a `prune` is of a system or a model, and `{callee.name}` is neither", of.span, "neither")
    return None if made is None else build_experiment(reader, decl, made)


def _guarded(ctx: Context, unit: Unit, name: str, build: Callable[[], T | None]) -> T | None:
    """What is built, or None and a message in the context."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, 20_000))
    try:
        return build()
    except Refusal as refusal:
        ctx.report(refusal.diagnostic)
    except Poisoned:
        pass
    except RecursionError:
        found = unit.lookup(name)
        span = found[1].name.span if found else Span(unit.source, 0, 0)
        ctx.frames.clear()
        ctx.report(Diagnostic(NAM222, f"`{name}` is nested too deeply to be read", span, "too deep"))
    finally:
        sys.setrecursionlimit(limit)
    return None


def _system(ctx: Context, unit: Unit, name: str, given: dict[str, Any]) -> System | None:
    from fanin.elaborate.systems import build_system

    found = unit.lookup(name)
    assert found is not None, name
    home, decl = found
    assert isinstance(decl, tree.System)
    ctx.used.add(id(decl))
    reader = Body(ctx, home, Builder(name, decl.span))
    hypers, sizes = _given_hypers(reader, home, decl, given)
    system = build_system(ctx, home, decl, hypers, sizes)
    if system is not None:
        letters = {n for n, _ in system.graph.letters}
        _check_given(sizes, dict.fromkeys(letters), decl, hypers)
    return system


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
    if isinstance(decl, tree.BlockAlias) and decl.attributes:
        from fanin.elaborate.marks import with_marks

        graph = with_marks(graph, decl, ctx)
    if promises != graph.promises or graph.name != name:
        parts = ctx.parts[graph]
        graph = replace(graph, promises=promises, name=name, doc=decl.doc or graph.doc)
        ctx.parts[graph] = parts
    graph = settle_fixup(graph)
    return Program(name, graph, tuple(ctx.requirements), ctx.facts, unit.source)


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
    hypers, sizes = _given_hypers(reader, home, decl, given)
    return decl, hypers, home, sizes


def _given_hypers(
    reader: Body, home: Unit, decl: tree.Block | tree.System, given: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The hyper-parameters of what is built by itself, and what of ``given`` is left: sizes."""
    params, span = decl.hypers, decl.name.span
    names = {p.name.name for p in params}
    mine = {k: v for k, v in given.items() if k in names}
    args = tuple(Argument(k, _outside(reader, params, k, v), _told(k, v)) for k, v in mine.items())
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
    return hypers, {k: v for k, v in given.items() if k not in names}


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


def _check_given(
    sizes: dict[str, Any], letters: dict[str, Any], block: tree.Block | tree.System, hypers: dict[str, Any]
) -> None:
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
    if found is None or not isinstance(found[1], (tree.Block, tree.BlockAlias, tree.System)):
        return False
    decl = found[1]
    if any(p.name.name == name for p in decl.hypers or ()):
        return True
    if isinstance(decl, tree.BlockAlias):
        callee = decl.value.callee if isinstance(decl.value, tree.Call) else decl.value
        return isinstance(callee, tree.Ident) and callee.name != entry and takes(found[0], callee.name, name)
    shapes = [p.type for p in decl.inputs if isinstance(p.type, tree.ShapeType)]
    return any(isinstance(d, tree.Ident) and d.name == name for shape in shapes for d in shape.dims)
