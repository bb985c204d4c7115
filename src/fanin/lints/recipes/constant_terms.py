"""SYS712: a loss, or a term of one, that is constant in the weights though it is computed with them.

Such as an NT-Xent (Chen et al. 2020, equation 1) whose denominator repeats the positive pair instead of going through
the other samples: it is the logarithm of their number whatever the network does. A term through ``argmax`` or a
comparison has no gradient either. What ``stop_gradient`` made constant was made so.
"""

from __future__ import annotations

from collections.abc import Iterator

from fanin.analyses.hangs_on import hanging
from fanin.analyses.reach import NOTHING
from fanin.diagnostics.codes import SYS712
from fanin.diagnostics.model import Diagnostic, Label
from fanin.ir.graph import Apply, Call, Graph, Node, Scalar, Value
from fanin.ir.paths import meets
from fanin.ir.recipe import Train
from fanin.lints.recipes.algebra import Algebra, is_live
from fanin.lints.recipes.recipe import Recipe


def check(recipe: Recipe) -> Iterator[Diagnostic]:
    graph = recipe.system.graph
    makers = {v.index: n for n in graph.nodes for v in n.outputs}
    algebra: Algebra | None = None
    hangs: dict[int, frozenset[str]] | None = None
    told: set[int] = set()
    for line in recipe.lines:
        moved = recipe.covered(line.targets)
        measure = recipe.measures[line.loss]
        if not moved & recipe.reached.get(line.loss, NOTHING):
            continue  # the whole has no gradient, which has been said
        algebra = algebra or Algebra(graph, lambda v: bool(recipe.found.get(v.index)))
        if not is_live(algebra.of(measure.value)):
            if measure.value.index not in told:
                told.add(measure.value.index)
                yield _constant(f"`{line.loss}` is the same whatever the weights are", measure.span, line)
            continue
        for term in _terms(makers, measure.value):
            if term.index in told or term == measure.value:
                continue
            if recipe.found.get(term.index, NOTHING) & moved:
                if not is_live(algebra.of(term)):
                    told.add(term.index)
                    yield _constant(f"a term of `{line.loss}` is the same whatever the weights are",
                                    makers[term.index].span, line)  # fmt: skip
                continue
            hangs = hangs or hanging(graph)
            computed = not recipe.found.get(term.index) and _with(hangs.get(term.index, frozenset()), moved)
            if computed and not _stopped(makers, term):
                told.add(term.index)
                yield Diagnostic(
                    SYS712,
                    f"a term of `{line.loss}` is computed with what this line trains, and has no gradient",
                    makers[term.index].span,
                    "no gradient",
                    (Label(line.span, "the line"),),
                    notes=("whole numbers and truth values, as of `argmax` and `==`, have none",),
                    helps=("leave it out of the loss, and report it as a `metric`",),
                )


def _constant(headline: str, span: object, line: Train) -> Diagnostic:
    return Diagnostic(
        SYS712,
        headline,
        span,  # type: ignore[arg-type]
        "what hangs on the weights cancels",
        (Label(line.span, "has a gradient of 0 here"),),
        helps=("look at the denominator: it has to have what the numerator is compared with",),
    )


def _terms(makers: dict[int, Node], loss: Value) -> Iterator[Value]:
    """The terms that a loss is the sum of, through signs and constant factors."""
    todo = [loss]
    while todo:
        value = todo.pop()
        node = makers.get(value.index)
        inputs = [] if node is None else [o for o in node.inputs if isinstance(o, Value)]
        if isinstance(node, Apply) and node.module is None and value.type.rank == 0:
            if node.op.name in ("add", "sub", "neg"):
                todo += [v for v in inputs if v.type.rank == 0][::-1]
                continue
            if node.op.name in ("mul", "div") and len(inputs) == 1 and isinstance(node.inputs[-1], Scalar):
                todo += inputs
                continue
            if node.op.name == "mul" and len(inputs) == 1:
                todo += inputs
                continue
        yield value


def _with(paths: frozenset[str], moved: frozenset[object]) -> bool:
    return any(meets(str(w), p) for p in paths for w in moved)


def _stopped(makers: dict[int, Node], value: Value) -> bool:
    """Whether a value is behind a ``stop_gradient``."""
    todo, seen = [value], set[int]()
    while todo:
        one = todo.pop()
        node = makers.get(one.index)
        if node is None or one.index in seen:
            continue
        seen.add(one.index)
        if isinstance(node, Apply) and node.op.name == "stop_gradient":
            return True
        if isinstance(node, Call) and node.module is None and _inside(node.graph):
            return True
        todo += [o for o in node.inputs if isinstance(o, Value)]
    return False


def _inside(graph: Graph) -> bool:
    return any(
        (isinstance(n, Apply) and n.op.name == "stop_gradient")
        or (isinstance(n, Call) and n.module is None and _inside(n.graph))
        for n in graph.nodes
    )
