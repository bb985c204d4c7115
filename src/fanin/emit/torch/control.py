"""Nodes that are statements rather than expressions: repetitions, scans, loops that end by data, choices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fanin.emit.torch import places
from fanin.emit.torch.expressions import Bare, Tree
from fanin.emit.torch.names import identifier
from fanin.emit.torch.statements import Assign, Do, For, If, Statement
from fanin.emit.torch.uses import EmitError
from fanin.ir.graph import Call, Choice, Iterate, Repeat, Scan, Value
from fanin.ops import code as ops
from fanin.ops.code import Invoke, Name

if TYPE_CHECKING:
    from fanin.emit.torch.forward import Forward


def emit_repeat(writer: Forward, node: Repeat) -> list[Statement]:
    """A repetition through which more than one tensor flows, or which is handed modules."""
    out: list[Statement] = []
    flow = node.outputs[0]
    begin = writer.tree(node.inputs[0])
    first = node.inputs[0]
    name = writer.target(flow, first if isinstance(first, Value) else None)
    if begin != Name(name):
        out.append(Assign((name,), begin))
    variable = writer.variable(node.module.path)
    use = node.runs[0].call
    rest = [writer.tree(operand) for operand in node.inputs[1:]]
    args: list[Tree] = [Name(name), *rest]
    if isinstance(use, Call):
        args += [Name(writer.access(ref)) for ref in places.lends(use)]
        made = writer.scope.use_of(use.graph)
        args += [writer.scope.like()] if made.like else []
    sums = [writer.target(value, None) for value in node.outputs[1:]]
    body: list[Statement]
    if sums:
        out.append(Assign(tuple(sums), Bare(tuple(0 for _ in sums)) if len(sums) > 1 else 0))
        steps = [writer.scope.names.fresh(f"{s}_step") for s in sums]
        body = [Assign((name, *steps), Invoke(Name(variable), tuple(args)))]
        body += [Assign((s,), ops.Infix("+", Name(s), Name(t))) for s, t in zip(sums, steps, strict=True)]
    else:
        body = [Assign((name,), Invoke(Name(variable), tuple(args)), (), writer.written(node))]
    return [*out, For(variable, Name(writer.access(node.module)), tuple(body))]


def emit_scan(writer: Forward, node: Scan) -> list[Statement]:
    """One call of the cell for each step; the states are carried, the other results stacked."""
    graph = node.graph
    out: list[Statement] = []
    fresh = writer.scope.names.fresh
    args: list[Tree] = [writer.tree(operand) for operand in node.inputs]
    given = [port.name for port in graph.ports if port.value is not None]
    states: dict[str, str] = {}
    carried = [given[i] for i in node.states]
    stacked = [i for i, result in enumerate(graph.results) if result.name not in carried]
    state_outputs = node.outputs[len(stacked) :]
    for i, value in zip(node.states, state_outputs, strict=False):
        writer.wanted.setdefault(value.index, identifier(given[i]))
        name = states[given[i]] = writer.target(value, None) if writer.uses.get(value.index) else fresh(given[i])
        out.append(Assign((name,), args[i]))
        args[i] = Name(name)
    over: list[Tree] = []
    steps: list[str] = []
    for i in node.sequences:
        steps.append(fresh(f"{given[i]}_t"))
        over.append(ops.Method(args[i], "unbind", (node.axis,)))
        args[i] = Name(steps[-1])
    lists: list[str] = []
    for i, value in zip(stacked, node.outputs, strict=False):
        lists.append(fresh(f"{graph.results[i].name or 'y'}s") if writer.uses.get(value.index) else "")
        if lists[-1]:
            out.append(Assign((lists[-1],), ops.Sequence((), "[]")))
    targets: list[str] = []
    keep: list[Statement] = []
    for i, result in enumerate(graph.results):
        if result.name in states:
            targets.append(states[result.name])
        elif i in stacked and lists[stacked.index(i)]:
            targets.append(fresh(f"{result.name or 'y'}_t"))
            keep.append(Do(ops.Method(Name(lists[stacked.index(i)]), "append", (Name(targets[-1]),))))
        else:
            targets.append("_")
    call = writer.call(node, args)
    if not over:
        raise EmitError("a `scan` over a number of steps is not emitted yet")
    iterable = over[0] if len(over) == 1 else ops.Call("zip", tuple(over), (("strict", Name("True")),))
    if node.reverse:
        iterable = ops.Call("reversed", (iterable if len(over) == 1 else ops.Call("list", (iterable,)),))
    out.append(For(", ".join(steps), iterable, (Assign(tuple(targets), call, (), writer.written(node)), *keep)))
    for name, value in zip(lists, node.outputs, strict=False):
        if name:
            items: Tree = Name(f"{name}[::-1]") if node.reverse else Name(name)
            if writer.name_of(value) is None:
                writer.vars[value.index], writer.holders[name] = Name(name), value.index
            target = name if writer.name_of(value) is None else writer.target(value, None)
            out.append(Assign((target,), ops.Call("torch.stack", (items, node.axis)), (value.type,)))
    return out


def emit_iterate(writer: Forward, node: Iterate) -> list[Statement]:
    """Up to ``limit`` steps; what is done keeps its state, so that running on changes nothing."""
    out: list[Statement] = []
    fresh = writer.scope.names.fresh
    args: list[Tree] = [writer.tree(operand) for operand in node.inputs]
    given = [port for port in node.graph.ports if port.value is not None]
    names = [port.name for port in given]
    results = {result.name: result.value for result in node.graph.results}
    states = [name for name in results if name != "done" and name in names]
    held: dict[str, str] = {}
    for name, value in zip(states, node.outputs, strict=False):
        held[name] = writer.target(value, None)
        begin = args[names.index(name)]
        if begin != Name(held[name]):
            out.append(Assign((held[name],), begin))
        args[names.index(name)] = Name(held[name])
    done, now = fresh("done"), fresh("done_now")
    rank = results["done"].type.rank
    steps = {name: fresh(f"{name}_next") for name in states}
    targets = tuple(now if r.name == "done" else steps.get(r.name, "_") for r in node.graph.results)
    body: list[Statement] = [Assign(targets, writer.call(node, args), (), writer.written(node))]
    for name in states:
        more = results[name].type.rank - rank
        mask: Tree = Name(done)
        if more > 0:
            mask = ops.Subscript(Name(done), (Name("..."), *(None for _ in range(more))))
        old, new = Name(held[name]), Name(steps[name])
        body.append(Assign((held[name],), ops.Call("torch.where", (mask, old, new))))
    first = Name(f"{done} is None")
    plain = [Assign((held[n],), Name(steps[n])) for n in states]
    body[1:] = [
        If(
            first,
            (*plain, Assign((done,), Name(now))),
            (*body[1:], Assign((done,), ops.Infix("|", Name(done), Name(now)))),
        )
    ]
    out.append(Assign((done,), None))
    out.append(For("_", ops.Call("range", (node.limit,)), tuple(body)))
    return out


def emit_choice(writer: Forward, node: Choice) -> list[Statement]:
    """Both ways of an `if training`."""
    targets = [writer.target(value, None) if writer.uses.get(value.index) else "_" for value in node.outputs]
    ways: list[tuple[Statement, ...]] = []
    for graph in (node.training, node.evaluation):
        ports = [port.value for port in graph.ports if port.value is not None]
        trees = [writer.tree(operand) for operand in node.inputs]
        inner = type(writer)(graph, writer.scope, {}, writer.lent, writer.own)
        inner.access_own = writer.access_own  # type: ignore[method-assign]
        setup: list[Statement] = []
        for value, tree in zip(ports, trees, strict=True):
            if not isinstance(tree, Name):
                name = writer.scope.names.fresh(graph.names.get(value.index, "x"))
                setup.append(Assign((name,), tree))
                tree = Name(name)
            inner.vars[value.index] = tree
            inner.ports[value.index] = tree.text

        def finish(found: list[Tree]) -> Statement:
            return Assign(tuple(targets), found[0] if len(found) == 1 else Bare(tuple(found)))

        body = inner.write(graph.nodes, [r.value for r in graph.results], finish)
        ways.append((*setup, *inner.preamble(), *body))
    return [If(writer.name(Name("self.training")), ways[0], ways[1])]
