"""SYS713: two branches of one network pulled together, with nothing that keeps them from becoming a constant.

A network that gives the same for every input has the least distance between what it makes of two views. Contrastive
losses push other samples away (Hadsell et al. 2006); BYOL takes the one branch from a slow copy (Grill et al. 2020) and
SimSiam from ``stop_gradient`` (Chen and He 2021, section 4.1: without it the loss is at its least after a few steps,
with a predictor as well); VICReg keeps the variance up (Bardes et al. 2022). The rule asks for a loss in which there is
nothing but what the line trains, between whose branches stand distances alone, and no batch statistics or labels.
"""

from __future__ import annotations

from collections.abc import Iterator

from fanin.analyses.reach import NOTHING
from fanin.diagnostics.codes import SYS713
from fanin.diagnostics.model import Diagnostic, Label
from fanin.ir.graph import Apply, Call, Graph, Node, Repeat, Scalar, Value
from fanin.lints.flow import MOVES
from fanin.lints.recipes.recipe import Recipe

_PULLS = frozenset(["mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "cosine_similarity"])
_PLAIN = MOVES | frozenset(
    ["add", "sub", "mul", "div", "pow", "neg", "abs", "square", "sqrt", "sum", "mean", "norm", "normalize", "rearrange"]
)


def check(recipe: Recipe) -> Iterator[Diagnostic]:
    for line in recipe.lines:
        moved = recipe.covered(line.targets, recipe.reached.get(line.loss, NOTHING))
        measure = recipe.measures[line.loss]
        if not moved or not isinstance(measure.value, Value):
            continue
        leaves = _branches(recipe.system.graph, measure.value)
        if not leaves or any(not recipe.found.get(v.index, NOTHING) & moved for v, _ in leaves):
            continue
        uses = _twice([node for _, node in leaves], recipe.system.graph)
        if uses is None:
            continue
        first, second, network = uses
        yield Diagnostic(
            SYS713,
            f"`{line.loss}` is least where `{network}` gives the same for every input",
            measure.span,
            "only pulls together",
            (Label(first.span, "one branch"), Label(second.span, "the other, with a gradient as well")),
            notes=("nothing in it pushes different samples apart",),
            helps=(
                f"take one branch from `ema({network}, decay=0.99)` or through `stop_gradient`, with a predictor on "
                "the other; or compare with other samples, as `cross_entropy` of all similarities does",
            ),
        )


def _branches(graph: Graph, loss: Value) -> list[tuple[Value, Node]]:
    """What networks give to a loss that else has distances alone; empty where it has anything more."""
    makers = {v.index: n for n in graph.nodes for v in n.outputs}
    found: dict[int, tuple[Value, Node]] = {}
    todo: list[Value] = [loss]
    pulls = False
    seen: set[int] = set()
    while todo:
        value = todo.pop()
        if value.index in seen:
            continue
        seen.add(value.index)
        node = makers.get(value.index)
        if node is None:
            return []  # data
        if isinstance(node, Call) and node.module is None:
            inside = _plain_fn(node.graph)
            if inside is None:
                return []
            pulls = pulls or inside
        elif isinstance(node, Call | Repeat) or (isinstance(node, Apply) and node.module is not None):
            found[value.index] = (value, node)
            continue
        elif isinstance(node, Apply) and _is_plain(node):
            pulls = pulls or _pulls(node)
        else:
            return []
        todo += [o for o in node.inputs if isinstance(o, Value)]
    return list(found.values()) if pulls else []


def _plain_fn(graph: Graph) -> bool | None:
    """Whether a function takes distances; None where it does more."""
    pulls = False
    for node in graph.nodes:
        if isinstance(node, Call) and node.module is None:
            inside = _plain_fn(node.graph)
            if inside is None:
                return None
            pulls = pulls or inside
        elif not isinstance(node, Apply) or not _is_plain(node):
            return None
        else:
            pulls = pulls or _pulls(node)
    return pulls


def _is_plain(node: Apply) -> bool:
    values = [o for o in node.inputs if isinstance(o, Value)]
    if node.op.name == "sub" and len(values) == 2 and all(v.type.rank == 0 for v in values):
        return False  # one distance less another: what is subtracted pushes
    return node.module is None and (node.op.name in _PLAIN or node.op.name in _PULLS)


def _pulls(node: Apply) -> bool:
    """Whether a node compares two tensors: a distance, a difference, a product."""
    values = [o for o in node.inputs if isinstance(o, Value)]
    return len(values) > 1 and (node.op.name in _PULLS or (node.op.name in ("sub", "mul") and values[0].type.rank > 0))


def _twice(nodes: list[Node], graph: Graph) -> tuple[Node, Node, str] | None:
    """Two uses of one network on different inputs, each behind one of the branches, and the network's path."""
    makers = {v.index: n for n in graph.nodes for v in n.outputs}
    uses: dict[str, list[Node]] = {}
    seen: set[int] = set()
    todo = list(nodes)
    while todo:
        node = todo.pop(0)
        if id(node) in seen:
            continue
        seen.add(id(node))
        module = getattr(node, "module", None)
        if module is not None:
            uses.setdefault(module.path, []).append(node)
        todo += [makers[o.index] for o in node.inputs if isinstance(o, Value) and o.index in makers]
    for path, own in uses.items():
        given = {tuple(o.index if isinstance(o, Value) else _number(o) for o in n.inputs): n for n in own}
        if len(given) > 1:
            one, other, *_ = sorted(given.values(), key=lambda n: n.span.start)
            return one, other, path.split(".")[0]
    return None


def _number(operand: object) -> object:
    return operand.value if isinstance(operand, Scalar) else operand
