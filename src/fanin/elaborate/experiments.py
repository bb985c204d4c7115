"""A ``prune``: its clauses, each at most once, with their defaults; the paths are held to the network afterwards."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from fanin.diagnostics import Fix, Label
from fanin.diagnostics.codes import NAM201, PRN901
from fanin.diagnostics.model import Edit
from fanin.diagnostics.suggest import nearest
from fanin.elaborate.body import Body
from fanin.elaborate.context import refuse
from fanin.elaborate.settings import clause
from fanin.elaborate.values import describe
from fanin.ir.experiment import (
    CRITERIA,
    UNITS,
    Expected,
    Experiment,
    Operation,
    Rate,
    Reading,
    Removal,
    Retrain,
)
from fanin.ir.graph import Program
from fanin.ir.recipe import Setting, System, Target
from fanin.ir.rules import OPTIMISERS, OPTIONS, SCHEDULES
from fanin.source import Span
from fanin.syntax import tree

_ONCE = ("by", "unit", "scope", "remove", "floor", "rewind", "retrain", "seeds")


def build_experiment(body: Body, decl: tree.Prune, of: System | Program) -> Experiment:
    """The experiment that the clauses describe. Raises Refusal."""
    clauses = _by_kind(decl)
    if "remove" not in clauses:
        raise refuse(
            PRN901,
            f"`{decl.name.name}` does not say what to remove",
            decl.name.span,
            "no `remove`",
            helps=["write `remove 20% each of 12 rounds`, or `remove 90% at once`"],
        )
    first = {kind: found[0] for kind, found in clauses.items()}
    unit = _setting(body, first.get("unit"), "weight", UNITS)
    scope, parts = _scope(body, first.get("scope"))
    removal = _removal(first["remove"], unit)
    seeds = _seeds(body, first.get("seeds"))
    known = [m.name for m in of.measures] if isinstance(of, System) else []
    return Experiment(
        decl.name.name,
        of,
        _setting(body, first.get("by"), "magnitude", CRITERIA),
        unit,
        scope,
        parts,
        removal,
        tuple(_rate(share) for c in clauses.get("rate", ()) for share in _of(c.values, tree.Share)),
        tuple(_target(path) for c in clauses.get("except", ()) for path in _of(c.values, tree.Path)),
        _share(first["floor"].values[0]) if "floor" in first else None,
        _rewind(first.get("rewind")),
        _retrain(body, first.get("retrain")),
        tuple(name.name for c in clauses.get("compare", ()) for name in _of(c.values, tree.Ident)),
        seeds,
        tuple(_measured(body, e, known) for c in clauses.get("measure", ()) for e in _of(c.values, tree.Expr)),
        tuple(
            _expected(body, e, known, removal, _controls(clauses))
            for c in clauses.get("expect", ())
            for e in _of(c.values, tree.Expr)
        ),
        decl.name.span,
    )


def _of(values: Iterable[object], kind: Any) -> Iterator[Any]:
    return (v for v in values if isinstance(v, kind))


def _controls(clauses: dict[str, list[tree.PruneClause]]) -> list[str]:
    return [name.name for c in clauses.get("compare", ()) for name in _of(c.values, tree.Ident)]


def _by_kind(decl: tree.Prune) -> dict[str, list[tree.PruneClause]]:
    found: dict[str, list[tree.PruneClause]] = {}
    for written in decl.clauses:
        earlier = found.setdefault(written.kind, [])
        if earlier and written.kind in _ONCE:
            raise refuse(
                PRN901,
                f"`{written.kind}` is said twice",
                written.span,
                "again",
                [Label(earlier[0].span, "first here")],
            )
        earlier.append(written)
    return found


def _setting(body: Body, written: tree.PruneClause | None, default: str, table: dict[str, dict[str, Any]]) -> Setting:
    if written is None:
        return Setting(default, tuple(table[default].items()), body.builder.span)
    named = next(_of(written.values, tree.Clause))
    found = clause(body, named, table)
    if found.name == "nm" and not 0 < found["n"] < found["m"]:
        text = f"of every {found['m']} weights, {found['n']} cannot stay: `nm(n, m)` keeps n of m"
        raise refuse(PRN901, text, written.span, helps=["write `unit nm(2, 4)`"])
    return found


def _scope(body: Body, written: tree.PruneClause | None) -> tuple[str, tuple[Target, ...]]:
    if written is None:
        return "global", ()
    named = next(_of(written.values, tree.Clause))
    parts = []
    for a in named.args or ():
        value = body.evaluate(a.value)
        if named.name.name != "each" or not isinstance(value, str):
            raise refuse(
                PRN901, "`scope each` takes paths as strings", a.value.span, helps=['`scope each("enc", "dec")`']
            )
        parts.append(Target(value, a.value.span))
    if named.name.name == "each" and not parts:
        raise refuse(PRN901, "`scope each` needs its paths", named.span, helps=['`scope each("enc", "dec")`'])
    return named.name.name, tuple(parts)


def _share(number: Any) -> float:
    """A percentage as a share of 1, above 0 and below."""
    value = float(number.value)
    if not 0 < value < 100:
        raise refuse(PRN901, f"a share is above 0% and below 100%, not {number.text}", number.span, "out of range")
    return value / 100


def _count(number: Any, what: str) -> int:
    if not isinstance(number.value, int) or number.value < 1:
        raise refuse(PRN901, f"the number of {what} is 1 or more, not {number.text}", number.span, "out of range")
    return int(number.value)


def _removal(written: tree.PruneClause, unit: Setting) -> Removal:
    rate: Any = written.values[0]
    kind = written.values[1]
    rounds = _count(written.values[2], "rounds") if kind != "once" else 1
    removal = Removal("to" if kind == "in" else str(kind), _share(rate), rounds)
    if unit.name == "nm":
        fixed = 1 - unit["n"] / unit["m"]
        if removal.kind != "once" or abs(removal.rate - fixed) > 1e-9:
            raise refuse(
                PRN901,
                f"`nm({unit['n']}, {unit['m']})` removes {fixed:.0%} at once, and nothing else",
                written.span,
                "another rate",
                [Label(unit.span, "keeps a fixed share")],
                fix=Fix(f"remove {fixed:.0%}", (Edit(written.span, f"remove {fixed:.0%} at once"),)),
            )
    return removal


def _rate(share: tree.Share) -> Rate:
    if isinstance(share.rate, tree.Ident):
        if share.rate.name != "half":
            raise refuse(
                PRN901,
                f"a rate is `half`, or a percentage, not `{share.rate.name}`",
                share.rate.span,
                "not a rate",
                fix=Fix("write `half`", (Edit(share.rate.span, "half"),)),
            )
        return Rate(_target(share.path), None)
    return Rate(_target(share.path), _share(share.rate))


def _target(path: tree.Path) -> Target:
    return Target(".".join(map(str, path.parts)), path.span)


def _rewind(written: tree.PruneClause | None) -> tuple[str, int]:
    if written is None:
        return "start", 0
    point: Any = written.values[0]
    if isinstance(point, str):
        return point, 0
    number: Any = written.values[1]
    if (point.name == "start") == (number is not None):
        text = "`start` takes no number" if number is not None else f"which {point.name}?"
        raise refuse(PRN901, text, written.span, helps=["write `rewind to start`, or `rewind to epoch 3`"])
    return point.name, 0 if number is None else _count(number, f"{point.name}s")


def _retrain(body: Body, written: tree.PruneClause | None) -> Retrain | None:
    if written is None:
        return None
    expr, unit, *rest = written.values
    count: Any = None
    if isinstance(expr, tree.Expr):
        count = body.evaluate(expr)
        if isinstance(count, bool) or not isinstance(count, int) or count < 1:
            text = f"a round trains for a whole number of {getattr(unit, 'name', 'steps')}, not {describe(count)}"
            raise refuse(PRN901, text, expr.span, describe(count))
    named: Any = getattr(unit, "name", None)
    recipes = list(_of(rest, tree.Clause))
    return Retrain(
        count,
        None if named is None else named if named.endswith("s") else f"{named}s",
        clause(body, recipes[0], OPTIMISERS) if recipes else None,
        tuple(_option(body, r) for r in recipes[1:]),
    )


def _option(body: Body, written: tree.Clause) -> Setting:
    if written.name.name != "decay":
        return clause(body, written, OPTIONS if written.name.name in OPTIONS else SCHEDULES)
    paths = tuple(body.evaluate(arg.value) for arg in written.args or ())
    if not paths or not all(isinstance(path, str) for path in paths):
        raise refuse(PRN901, "`decay` takes paths in quotes", written.span, helps=['write `decay("net.*.weight")`'])
    return Setting("decay", (("paths", paths),), written.span)


def _seeds(body: Body, written: tree.PruneClause | None) -> tuple[int, ...]:
    if written is None:
        return (0,)
    expr: Any = written.values[0]
    value = body.evaluate(expr)
    items = list(value) if isinstance(value, (range, list, tuple)) else [value]
    if not items or any(isinstance(v, bool) or not isinstance(v, int) or v < 0 for v in items):
        text = f"seeds are whole numbers, as `0..5`, not `{expr.span.text}`"
        raise refuse(PRN901, text, expr.span, "not seeds")
    return tuple(items)


# --------------------------------------------------------------------------------------- measures and promises


def _measured(body: Body, expr: tree.Expr, known: list[str]) -> Reading:
    """``accuracy``, or ``steps_to(accuracy, 0.9)``."""
    if isinstance(expr, tree.Call) and isinstance(expr.callee, tree.Ident) and expr.callee.name == "steps_to":
        if len(expr.args) != 2 or not isinstance(expr.args[0].value, tree.Ident):
            raise refuse(
                PRN901,
                "`steps_to` takes a measure and what it is to reach",
                expr.span,
                helps=["`steps_to(accuracy, 0.9)`"],
            )
        goal = _number(body, expr.args[1].value)
        return Reading("steps_to", (("measure", _measure_name(expr.args[0].value, known)), ("reach", goal)))
    if isinstance(expr, tree.Ident):
        return Reading(_measure_name(expr, known))
    raise refuse(
        PRN901, "a measure is a metric or loss of the system, or `steps_to(metric, value)`", expr.span, "neither"
    )


def _measure_name(name: tree.Ident, known: list[str]) -> str:
    if name.name not in known:
        raise _unknown(name.span, f"nothing measures `{name.name}`", name.name, known)
    return name.name


def _unknown(span: Span, text: str, name: str, known: list[str]) -> Exception:
    near = nearest(name, known)
    return refuse(
        NAM201,
        text,
        span,
        "not known",
        helps=[] if near else [f"there are: {', '.join(known)}"] if known else ["a model by itself measures nothing"],
        fix=Fix(f"did you mean `{near}`?", (Edit(span, near),)) if near else None,
    )


def _number(body: Body, expr: tree.Expr) -> float | int:
    value = body.evaluate(expr)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise refuse(PRN901, f"a number is wanted here, not {describe(value)}", expr.span, describe(value))
    return value


def _expected(body: Body, expr: tree.Expr, known: list[str], removal: Removal, controls: list[str]) -> Expected:
    while isinstance(expr, tree.Paren):
        expr = expr.value
    if (
        not isinstance(expr, tree.Chain)
        or len(expr.steps) != 1
        or expr.steps[0].op not in ("<", "<=", ">", ">=", "==", "!=")
    ):
        raise refuse(
            PRN901, "an `expect` of a prune compares once: `accuracy(round=9) > 0.9`", expr.span, "no comparison"
        )
    reader = _Formula(body, known, removal, controls)
    test = Operation(expr.steps[0].op, reader.read(expr.first), reader.read(expr.steps[0].operand))
    return Expected(test, expr.span.text, expr.span)


class _Formula:
    """Reads arithmetic of measures: ``accuracy(round=9) - accuracy(round=9, run=reinit)``."""

    def __init__(self, body: Body, known: list[str], removal: Removal, controls: list[str]) -> None:
        self.body, self.known, self.removal, self.controls = body, known, removal, controls

    def read(self, expr: tree.Expr) -> Any:
        if isinstance(expr, tree.Paren):
            return self.read(expr.value)
        if isinstance(expr, tree.Unary) and expr.op == "-":
            return Operation("-", 0, self.read(expr.operand))
        if isinstance(expr, tree.Chain) and all(s.op in ("+", "-", "*", "/") for s in expr.steps):
            found = self.read(expr.first)
            for step in expr.steps:
                found = Operation(step.op, found, self.read(step.operand))
            return found
        if isinstance(expr, tree.Ident) and expr.name in self.known:
            return Reading(expr.name)
        if isinstance(expr, tree.Call) and isinstance(expr.callee, tree.Ident):
            if expr.callee.name == "steps_to":
                return _measured(self.body, expr, self.known)
            name = _measure_name(expr.callee, self.known)
            return Reading(name, tuple(self._point(a) for a in expr.args))
        if isinstance(expr, tree.Ident):
            raise _unknown(expr.span, f"nothing measures `{expr.name}`", expr.name, self.known)
        return _number(self.body, expr)

    def _point(self, arg: tree.Arg) -> tuple[str, Any]:
        """``round=9`` or ``run=reinit``."""
        name = arg.name.name if arg.name is not None else ""
        if name == "run" and isinstance(arg.value, tree.Ident):
            if arg.value.name not in self.controls:
                text = f"`{arg.value.name}` is not among the control runs"
                helps = [f"say `compare {arg.value.name}`"]
                raise refuse(PRN901, text, arg.value.span, "not compared", helps=helps)
            return name, arg.value.name
        if name == "round":
            number = _number(self.body, arg.value)
            if not isinstance(number, int) or not 0 <= number <= self.removal.rounds:
                text = f"there are rounds 0 to {self.removal.rounds}, and no round {number}"
                raise refuse(PRN901, text, arg.value.span, "no such round")
            return name, number
        at = arg.name.span if arg.name is not None else arg.value.span
        raise refuse(
            PRN901, "a measure is taken at a `round`, of a `run`", at, helps=["`accuracy(round=9, run=reinit)`"]
        )
