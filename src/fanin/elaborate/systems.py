"""A ``system``: its networks and values are elaborated like a block's; what it measures and trains is kept as data."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

from fanin.diagnostics import Fix, Label, Severity
from fanin.diagnostics.codes import NAM201, NAM206, SYS702, SYS703, TYP401, TYP405, TYP407
from fanin.diagnostics.model import Edit
from fanin.diagnostics.suggest import nearest
from fanin.elaborate.body import Body, Returned, executes
from fanin.elaborate.builder import Builder
from fanin.elaborate.context import Context, refuse
from fanin.elaborate.expressions import operand
from fanin.elaborate.files import Unit
from fanin.elaborate.fixup import settle_fixup
from fanin.elaborate.graphs import enter_body, finish, inner_hypers
from fanin.elaborate.hypers import fit, words
from fanin.elaborate.instances import copy_instance, report_idle
from fanin.elaborate.marks import with_marks
from fanin.elaborate.regions import Region
from fanin.elaborate.settings import clause
from fanin.elaborate.signatures import open_inputs
from fanin.elaborate.statements import bind
from fanin.elaborate.values import POISON, Argument, Instance, Parameter, Poisoned, Record, Rule, describe
from fanin.ir.graph import Graph, Program, Result, Update, Value
from fanin.ir.live import live_nodes
from fanin.ir.recipe import Follower, Measure, Ramp, Setting, Stage, System, Target, Train
from fanin.ir.rules import OPTIMISERS, OPTIONS, SCHEDULES, UNITS
from fanin.ir.types import DType, TensorType
from fanin.record import field, record
from fanin.source import Span
from fanin.syntax import tree


@record(frozen=False, eq=False)
class Recipe:
    """What of a system has been read so far."""

    hypers: tuple[tree.Param, ...]
    measures: list[Measure] = field(default_factory=list)
    trains: list[Train] = field(default_factory=list)
    stages: list[Stage] = field(default_factory=list)
    followers: list[tuple[Instance, Instance, str, Any, Span]] = field(default_factory=list)
    ramps: list[Ramp] = field(default_factory=list)
    awaited: list[tuple[str, Span]] = field(default_factory=list)  # stages that were named before they are there
    optimisers: dict[int, int] = field(default_factory=dict)  # id of a bound setting -> number
    count: int = 0  # of optimisers
    inside: str = ""  # the stage that is being read


def build_system(
    ctx: Context, unit: Unit, decl: tree.System, hypers: dict[str, Any], sizes: dict[str, Any]
) -> System | None:
    """The system with its hyper-parameters; what is wrong is reported to the context."""
    builder = Builder(decl.name.name, decl.span)
    body = Body(ctx, unit, builder, hypers)
    letters, types = open_inputs(body, decl.inputs, sizes)
    ctx.open_places.update(letters.places)
    recipe = body.recipe = Recipe(decl.hypers)
    shown = decl.name.name
    spans = [p.span for p in decl.inputs]
    bound, _ = enter_body(body, shown, decl.inputs, None, None, types, spans, None, letters)
    taken = set(body.scope)
    for name in OPTIMISERS:
        body.scope.setdefault(name, Rule(name))
    with suppress(Returned):
        body.run(decl.body.statements)
    if body.failed or any(d.severity is Severity.ERROR for d in ctx.diagnostics):
        return None
    if not recipe.measures:
        raise refuse(
            SYS702, f"`{shown}` measures nothing", decl.name.span, "no `loss`", helps=["name one: `loss ce = …`"]
        )
    _awaited(recipe, shown)
    results = tuple(Result(m.name, m.value) for m in recipe.measures)
    plain = tuple(inner_hypers(bound, body.scope))
    graph = finish(builder, shown, "system", plain, results, ctx, decl.doc, decl.span, tuple(body.promises))
    if decl.attributes:
        graph = with_marks(graph, decl, ctx)
    graph = settle_fixup(graph)
    report_idle(ctx)
    program = Program(shown, _only(graph, results), tuple(ctx.requirements), ctx.facts, decl.span.source)
    return System(
        program,
        graph,
        tuple(recipe.measures),
        tuple(_values(body, taken)),
        tuple(_weights(body, taken)),
        tuple(recipe.trains),
        tuple(recipe.stages),
        tuple(
            Follower(twin.key or "", of.key or "", kind, rate, at)
            for twin, of, kind, rate, at in recipe.followers
            if any(c.path == twin.key for c in graph.children)
        ),
        tuple(recipe.ramps),
    )


def _only(graph: Graph, results: tuple[Result, ...]) -> Graph:
    """The part of a system that these hang on; what it updates by hand is left to its training."""
    nodes = [node for node in graph.nodes if not isinstance(node, Update)]
    return replace(graph, results=results, nodes=live_nodes(nodes, [r.value for r in results]))


def _values(body: Body, taken: set[str]) -> list[tuple[str, Value]]:
    """The tensors that the body has bound, by name; of several results, each by its own name."""
    found: list[tuple[str, Value]] = []
    for name, value in body.scope.items():
        if name in taken:
            continue
        if isinstance(value, Value):
            found.append((name, value))
        elif isinstance(value, Record):
            found += [
                (f"{name}.{part}", v) for part, v in zip(value.names, value.values, strict=True) if part and _is(v)
            ]
    return found


def _is(value: Any) -> bool:
    return isinstance(value, Value)


def _weights(body: Body, taken: set[str]) -> Iterator[tuple[str, str]]:
    """The networks and parameters that the body has bound, by name, with their paths."""
    for name, value in {**body.labels, **body.scope}.items():
        if isinstance(value, Instance) and name not in taken and value.home is body.builder and value.key:
            yield name, value.key
        elif isinstance(value, Parameter) and value.instance is None:
            yield name, value.name


# ------------------------------------------------------------------------------------------------- measures


@executes(tree.Measure)
def _measure(body: Body, statement: tree.Measure) -> None:
    value = body.evaluate(statement.value)
    at = statement.value.span
    found = operand(body, value, at, f"the {statement.kind} `{statement.name.name}`: a scalar")
    recipe: Recipe = body.recipe
    name = statement.name.name
    earlier = next((m for m in recipe.measures if m.name == name), None)
    if earlier is not None:
        raise refuse(
            NAM206,
            f"`{name}` is measured twice",
            statement.name.span,
            "again",
            [Label(earlier.span, "first here")],
        )
    if not isinstance(found, Value):
        raise refuse(
            SYS703, f"the {statement.kind} `{name}` hangs on no tensor", at, "a constant", helps=["measure a tensor"]
        )
    if found.type.rank or found.type.dtype in (DType.BOOL, DType.COMPLEX):
        raise refuse(
            SYS703,
            f"a {statement.kind} is one number, and `{name}` is {found.type}",
            at,
            str(found.type),
            fix=Fix("take the mean", (Edit(at, f"mean({at.text})"),))
            if found.type.dtype is DType.FLOAT and "\n" not in at.text and "->" not in at.text
            else None,
            helps=["`mean(…)` makes one number of it"],
        )
    if statement.kind == "loss" and found.type.dtype is not DType.FLOAT:
        raise refuse(SYS703, f"a loss has a gradient, and `{name}` is {found.type}", at, str(found.type))
    recipe.measures.append(Measure(name, statement.kind, found, statement.name.span))
    bind(body, statement.name, found)


# ------------------------------------------------------------------------------------------------ train lines


@executes(tree.Train)
def _train(body: Body, statement: tree.Train) -> None:
    recipe: Recipe = body.recipe
    targets = tuple(t for path in statement.nets for t in _targets(body, path))
    loss = _loss(body, recipe, statement.loss)
    rule, number = _rule(body, recipe, statement.optimiser)
    every, clip, accumulate, schedule = _options(body, statement.options)
    decay = tuple(_decay(body, rule, targets, statement.options))
    recipe.trains.append(Train(targets, loss, rule, number, every, clip, accumulate, schedule, decay, statement.span))


def _loss(body: Body, recipe: Recipe, expr: tree.Expr) -> str:
    """The name of the loss; an expression of several is a loss of its own."""
    if isinstance(expr, tree.Ident):
        measure = next((m for m in recipe.measures if m.name == expr.name), None)
        if measure is not None:
            if measure.kind == "metric":
                at = Span(measure.span.source, measure.span.start - len("metric "), measure.span.start - 1)
                fix = Fix("make it a loss", (Edit(at, "loss"),)) if at.text == "metric" else None
                raise refuse(
                    SYS703,
                    f"`{expr.name}` is a metric, and a metric has no gradient",
                    expr.span,
                    "a metric",
                    [Label(measure.span, "declared here")],
                    fix=fix,
                )
            return expr.name
        if body.scope.get(expr.name) is POISON:
            raise Poisoned
        if expr.name not in body.scope:
            raise Poisoned  # the survey of the file has reported it
    name = f"train{len(recipe.trains) + 1}" + (f"_{recipe.inside}" if recipe.inside else "")
    _measure(body, tree.Measure(expr.span, (), "loss", tree.Ident(expr.span, name), expr))
    return name


def _targets(body: Body, path: tree.Path) -> list[Target]:
    """The weights that a path names, under the paths of the system."""
    first, rest = path.parts[0], path.parts[1:]
    value = body.scope.get(first, body.labels.get(first))
    if value is POISON:
        raise Poisoned
    found = [value] if isinstance(value, (Instance, Parameter)) else value if isinstance(value, list) else []
    keys = []
    for item in found:
        if isinstance(item, Instance):
            keys.append(_key_of(body, item))
        elif isinstance(item, Parameter):
            keys.append(item.name)
    if not keys:
        known = [n for n, v in {**body.labels, **body.scope}.items() if isinstance(v, (Instance, Parameter))]
        near = nearest(first, known)
        at = Span(path.span.source, path.span.start, path.span.start + len(first))
        what = "what is trained is a network or a `param`" if value is not None else f"there is no network `{first}`"
        raise refuse(
            TYP401 if value is not None else NAM201,
            f"{what}, not {describe(value)}" if value is not None else what,
            at,
            describe(value) if value is not None else "not known",
            helps=[f"there are: {', '.join(known)}"] if known and not near else [],
            fix=Fix(f"did you mean `{near}`?", (Edit(at, near),)) if near and value is None else None,
        )
    return [Target(".".join([key, *map(str, rest)]), path.span) for key in keys]


def _key_of(body: Body, instance: Instance) -> str:
    path = body.builder.ref(instance).path
    return path


def _rule(body: Body, recipe: Recipe, written: tree.Clause) -> tuple[Setting, int]:
    """An optimiser, and the number of the one that keeps its state."""
    value = body.scope.get(written.name.name)
    if isinstance(value, Setting):
        if written.args:
            raise refuse(TYP401, f"`{written.name.name}` has its arguments already", written.span, "called again")
        number = recipe.optimisers.get(id(value))
        if number is None:
            number = recipe.optimisers[id(value)] = recipe.count
            recipe.count += 1
        return value, number
    if value is None or value is POISON:
        raise Poisoned  # an unknown word, which the survey of the file has reported
    if not isinstance(value, Rule):
        raise refuse(
            TYP401,
            f"`{written.name.name}` is no optimiser, but {describe(value)}",
            written.name.span,
            describe(value),
        )
    recipe.count += 1
    return clause(body, replace(written, name=tree.Ident(written.name.span, value.name)), OPTIMISERS), recipe.count - 1


def _options(body: Body, options: tuple[tree.Clause, ...]) -> tuple[int, float | None, int, Setting | None]:
    """``every``, ``clip``, ``accumulate`` and the schedule, each at most once."""
    found: dict[str, Setting] = {}
    for option in options:
        if option.name.name == "decay":
            continue
        kind = option.name.name if option.name.name in OPTIONS else "schedule"
        setting = clause(body, option, OPTIONS if kind != "schedule" else SCHEDULES)
        if kind in found:
            raise refuse(
                TYP405,
                f"there is a second {'schedule' if kind == 'schedule' else f'`{kind}`'} in this line",
                option.span,
                "one too many",
                [Label(found[kind].span, "the first one")],
            )
        found[kind] = setting
    step = found.get("schedule")
    if step is not None and step.name == "step" and bool(step["at"]) == bool(step["every"]):
        raise refuse(
            TYP407, "`step` needs `at=[…]` or `every=n`, one of them", step.span, helps=["write `step(at=[100, 200])`"]
        )
    return (
        found["every"]["k"] if "every" in found else 1,
        found["clip"]["norm"] if "clip" in found else None,
        found["accumulate"]["k"] if "accumulate" in found else 1,
        step,
    )


def _decay(body: Body, rule: Setting, targets: tuple[Target, ...], options: tuple[tree.Clause, ...]) -> Iterator[str]:
    """``decay("net.*.weight")``: the paths that the weight decay of the optimiser is for."""
    written = [option for option in options if option.name.name == "decay"]
    for option in written[1:]:
        raise refuse(TYP405, "there is a second `decay` in this line", option.span, "one too many")
    for option in written:
        usage = 'write `decay("net.*.weight")`'
        if not option.args:
            raise refuse(TYP407, "`decay` takes paths", option.span, "no path", helps=[usage])
        if "weight_decay" not in dict(rule.args):
            raise refuse(TYP401, f"`{rule.name}` has no weight decay", option.span, "for nothing")
        if not rule["weight_decay"]:
            helps = [f"write `{rule.name}(weight_decay=0.01)`"]
            raise refuse(TYP401, "the weight decay of this line is 0", option.span, "for nothing", helps=helps)
        for arg in option.args:
            path = body.evaluate(arg.value)
            if not isinstance(path, str) or arg.name is not None:
                raise refuse(
                    TYP401, f"`decay` takes paths in quotes, not {describe(path)}", arg.value.span, helps=[usage]
                )
            if not any(t.meets(path) for t in targets):
                text = f"this line trains nothing at `{path}`"
                raise refuse(TYP401, text, arg.value.span, "nothing there", [Label(targets[0].span, "what is trained")])
            yield path


# ----------------------------------------------------------------------------------------------------- stages


@executes(tree.TrainingStage)
def _stage(body: Body, statement: tree.TrainingStage) -> None:
    recipe: Recipe = body.recipe
    name = statement.name.name
    earlier = next((s for s in recipe.stages if s.name == name), None)
    if earlier is not None:
        labels = [Label(earlier.span, "the first one")]
        raise refuse(NAM206, f"there are two stages `{name}`", statement.name.span, "again", labels)
    count = body.evaluate(statement.count)
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        text = f"a stage goes on for a whole number of {statement.unit.name}, not {describe(count)}"
        raise refuse(TYP401, text, statement.count.span, describe(count))
    unit = statement.unit.name if statement.unit.name in UNITS else f"{statement.unit.name}s"
    until = None if statement.until is None else _condition(body, statement.until)
    changes = tuple(_change(body, recipe, a) for a in statement.args or ())
    before, recipe.trains, recipe.inside = recipe.trains, [], name
    try:
        body.run(statement.body.statements)
    finally:
        lines, recipe.trains, recipe.inside = recipe.trains, before, ""
    recipe.stages.append(Stage(name, changes, count, unit, tuple(lines), statement.name.span, until))


def _condition(body: Body, expr: tree.Expr) -> Value:
    """What a stage ends on: one bool, of a step's values or of buffers."""
    value = operand(body, body.evaluate(expr), expr.span, "what a stage ends on: a comparison of scalars")
    if not isinstance(value, Value):
        text = "what a stage ends on hangs on no tensor, so that it is the same in every step"
        raise refuse(TYP401, text, expr.span, "a constant", helps=["compare a measure: `until ce < 0.1`"])
    if value.type.dtype is not DType.BOOL or value.type.rank:
        helps = ["compare it with a number: `until ce < 0.1`"]
        if value.type.rank:
            helps = ["make one number of it before it is compared: `mean(…) < 0.1`"]
        raise refuse(
            TYP401, f"a stage ends on a yes or no, and this is {value.type}", expr.span, str(value.type), helps=helps
        )
    return value


def _change(body: Body, recipe: Recipe, arg: tree.Arg) -> tuple[str, Any]:
    """``resolution=8``: another value of a hyper-parameter of the system."""
    names = [p.name.name for p in recipe.hypers]
    if arg.name is None or arg.name.name not in names:
        at = arg.name.span if arg.name is not None else arg.value.span
        near = nearest(arg.name.name, names) if arg.name is not None else None
        raise refuse(
            TYP405,
            "a stage changes hyper-parameters of its system, by name"
            if arg.name is None
            else f"the system has no hyper-parameter `{arg.name.name}`",
            at,
            "not one of them",
            helps=[] if near else [f"it has: {', '.join(names) or 'none'}"],
            fix=Fix(f"did you mean `{near}`?", (Edit(at, near),)) if near else None,
        )
    param = next(p for p in recipe.hypers if p.name.name == arg.name.name)
    value = body.evaluate(arg.value)
    fitted = fit(value, param.type) if param.type is not None else value
    if param.type is not None and fitted is not value and not isinstance(fitted, (int, float, list, tuple)):
        text = f"`{arg.name.name}` is {words(param.type)}, not {describe(value)}"
        raise refuse(TYP401, text, arg.value.span, describe(value))
    return arg.name.name, fitted


# ------------------------------------------------------------------------------------- followers and moving values


def follow(body: Body, kind: str, args: tuple[Argument, ...], span: Span) -> Instance:
    """A module like another, moved by no gradient.

    ``ema(online, decay=0.999)``, ``copy(online, every=1000)``, or ``copy(online, at="stage")``.
    """
    recipe = _needs_system(body, kind, span)
    key, usage = ("decay", f"{kind}(net, decay=0.999)") if kind == "ema" else ("every", f"{kind}(net, every=1000)")
    given = {a.name or ("net" if i == 0 else key): a for i, a in enumerate(args)}
    if kind == "copy" and "at" in given and "every" not in given:
        key = "at"
    surplus = next((a for name, a in given.items() if name not in ("net", key)), None)
    if surplus is not None:
        raise refuse(TYP405, f"`{kind}` has no argument `{surplus.name}`", surplus.span, helps=[f"write `{usage}`"])
    if set(given) != {"net", key}:
        raise refuse(TYP407, f"`{kind}` takes a network and `{key}`", span, "not these", helps=[f"write `{usage}`"])
    net, rate = given["net"], given[key]
    if not isinstance(net.value, Instance):
        text = f"`{kind}` follows a network, not {describe(net.value)}"
        raise refuse(TYP401, text, net.span, describe(net.value))
    told = rate.value
    fits, wanted = {
        "decay": (_is_number(told) and 0 <= told <= 1, "a number from 0 to 1"),
        "every": (_is_number(told) and isinstance(told, int) and told >= 1, "a whole number of steps, 1 or more"),
        "at": (isinstance(told, str), "the name of a stage"),
    }[key]
    if not fits:
        raise refuse(TYP401, f"`{key}` is {wanted}, not {describe(told)}", rate.span, describe(told))
    if key == "at":
        recipe.awaited.append((told, rate.span))
    twin = copy_instance(net.value)
    twin.home, twin.key, twin.loose, twin.span = body.builder.owner, None, True, span
    twin.options = {**twin.options, "frozen": True}
    recipe.followers.append((twin, net.value, kind, told, span))
    return twin


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _awaited(recipe: Recipe, shown: str) -> None:
    """Stages at which something is to be done are those of the system."""
    names = [stage.name for stage in recipe.stages]
    for name, span in recipe.awaited:
        if name not in names:
            near = nearest(name, names)
            raise refuse(
                NAM201,
                f"`{shown}` has no stage `{name}`",
                span,
                "not a stage",
                helps=[f'write `at="{near}"`' if near else f"it has: {', '.join(names)}" if names else "it has none"],
            )


def ramp(body: Body, args: tuple[Argument, ...], span: Span) -> Value:
    """``ramp(0, 1, steps=500)``: an input of the system that whoever trains it supplies."""
    recipe = _needs_system(body, "ramp", span)
    order = ("start", "stop", "steps")
    given = {a.name or (order[i] if i < 3 else ""): a for i, a in enumerate(args)}
    if set(given) != set(order):
        raise refuse(
            TYP407, "`ramp` takes where it starts, where it stops and `steps`", span, helps=["`ramp(0, 1, steps=500)`"]
        )
    for name, a in given.items():
        whole = name == "steps"
        if isinstance(a.value, bool) or not isinstance(a.value, int if whole else (int, float)):
            text = f"`{name}` of `ramp` is a {'whole ' if whole else ''}number, not {describe(a.value)}"
            raise refuse(TYP401, text, a.span, describe(a.value))
    if given["steps"].value < 1:
        raise refuse(TYP401, "`steps` of `ramp` is 1 or more", given["steps"].span, "out of range")
    name = f"ramp{len(recipe.ramps) + 1}"
    builder = body.builder
    while isinstance(builder, Region):  # in an `update`: an input of the system all the same
        builder = builder.outer
    value = builder.port(name, TensorType(DType.FLOAT, ()), span)
    assert value is not None
    start, stop = float(given["start"].value), float(given["stop"].value)
    recipe.ramps.append(Ramp(name, start, stop, given["steps"].value))
    return value


def _needs_system(body: Body, what: str, span: Span) -> Recipe:
    if body.recipe is None:
        text = f"`{what}` moves with training, so it stands in a `system`"
        raise refuse(TYP401, text, span, "not in a system")
    recipe: Recipe = body.recipe
    return recipe
