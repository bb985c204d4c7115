"""What is a statement rather than an expression: loops, repetitions, scans, loops that end by data, choices."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from fanin.emit.torch import places
from fanin.emit.torch.calls import again
from fanin.emit.torch.expressions import Bare, Tree, flat
from fanin.emit.torch.loops import Loop
from fanin.emit.torch.names import TAKEN, identifier, singular
from fanin.emit.torch.statements import Assign, Do, For, If, Statement
from fanin.ir.graph import Call, Choice, Grad, Graph, Iterate, Operand, Port, Read, Repeat, Scan, Value, every_node
from fanin.ir.types import DType
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
    over = variable(writer, node.module.path)
    use = node.runs[0].call
    rest = [writer.tree(operand) for operand in node.inputs[1:]]
    args: list[Tree] = [Name(name), *rest]
    if isinstance(use, Call):
        args += [Name(writer.modules.access(ref)) for ref in places.lends(use)]
        made = writer.scope.use_of(use.graph)
        args += [writer.scope.like()] if made.like else []
    sums = [writer.target(value, None) for value in node.outputs[1:]]
    step: Tree = Invoke(Name(over), tuple(args))
    if writer.modules.is_checkpointed(node.module):
        step = again(step)
    body: list[Statement]
    if sums:
        out.append(Assign(tuple(sums), Bare(tuple(0 for _ in sums)) if len(sums) > 1 else 0))
        steps = [writer.scope.names.fresh(f"{s}_step") for s in sums]
        body = [Assign((name, *steps), step)]
        body += [Assign((s,), ops.Infix("+", Name(s), Name(t))) for s, t in zip(sums, steps, strict=True)]
    else:
        body = [Assign((name,), step, (), writer.written(node))]
    return [*out, For(over, Name(writer.modules.access(node.module)), tuple(body))]


def emit_loop(writer: Forward, loop: Loop) -> list[Statement]:
    """Statements that are alike but for their modules, as a loop over these."""
    start, end = writer.usage.ends[id(loop)]
    writer.position = start
    out: list[Statement] = []
    names: list[str] = []
    starts = [carry.start.index for carry in loop.carries if isinstance(carry.start, Value)]
    lone = len(loop.carries) == 1 and writer.suffix(starts) and starts and writer.usage.uses.get(starts[0]) == 1
    out += writer.flush(1 if lone and writer.pending else 0)
    for carry in loop.carries:
        begin = writer.tree(carry.start)
        wanted = writer.usage.name_of(carry.out) or writer.usage.wanted.get(carry.out.index)
        index = carry.start.index if isinstance(carry.start, Value) else None
        dead = index is not None and writer.usage.last.get(index, 0) <= start and index not in writer.reads
        waiting = next((p for p in writer.pending if p.value.index == index), None)
        if isinstance(begin, Name) and dead and (wanted in (None, begin.text)) and begin.text in writer.holders:
            name = begin.text
            writer.holders[name] = carry.inside.index
            writer.vars[carry.inside.index] = Name(name)
        else:
            if wanted:
                writer.usage.wanted[carry.inside.index] = wanted
            name = writer.target(carry.inside, None)
            note = writer.note(waiting.value, waiting.read, waiting.written) if waiting else ()
            out.append(Assign((name,), begin, *note))
        names.append(name)
        writer.forced[carry.out.index] = name
    writer.pending.clear()
    variables: list[str] = []
    for over in loop.over:
        variables.append(variable(writer, over.container, variables))
    iterables = [writer.modules.iterable(over.container, over.indices) for over in loop.over]
    writer.modules.rolled += [(over.last, variable) for over, variable in zip(loop.over, variables, strict=True)]
    borrowed_names = set(variables) - writer.scope.names.taken
    writer.scope.names.taken |= borrowed_names
    writer.unsteady += not loop.steady
    body = writer.items_of(loop.body)
    body += writer.flush()
    writer.unsteady -= not loop.steady
    writer.scope.names.taken -= borrowed_names
    if loop.over:
        del writer.modules.rolled[-len(loop.over) :]
    moved = [
        (name, writer.vars[carry.out.index])
        for name, carry in zip(names, loop.carries, strict=True)
        if writer.vars[carry.out.index] != Name(name)
    ]
    if moved:
        values = tuple(value for _, value in moved)
        body.append(Assign(tuple(n for n, _ in moved), values[0] if len(values) == 1 else Bare(values)))
    for name, carry in zip(names, loop.carries, strict=True):
        writer.vars[carry.out.index] = Name(name)
        writer.holders[name] = carry.out.index
    writer.position = end
    texts = [text for text in iterables if text is not None]
    if not texts:
        over_what: Tree = ops.Call("range", (Name(str(loop.count)),))
        head = "_"
    elif len(texts) == 1:
        head, over_what = variables[0], Name(texts[0])
    else:
        strict = (("strict", Name("True")),)
        head, over_what = ", ".join(variables), ops.Call("zip", tuple(Name(t) for t in texts), strict)
    return [*out, For(head, over_what, tuple(body))]


def variable(writer: Forward, container: str, others: Sequence[str] = ()) -> str:
    """A name for the module at hand in a loop. The next loop may use it again."""
    last = next((part for part in reversed(container.split(".")) if not part.isdigit()), "module")
    name = identifier(singular(last))
    active = {variable for _, variable in writer.modules.rolled} | set(others)
    for candidate in (name, f"inner_{name}", f"{name}_module"):
        if candidate not in active and candidate not in TAKEN and writer.free(candidate):
            return candidate
    return writer.scope.names.fresh(name)


def emit_scan(writer: Forward, node: Scan) -> list[Statement]:
    """The step as the body of a loop; the states are carried, the other results stacked."""
    graph = node.graph
    out: list[Statement] = []
    fresh = writer.scope.names.fresh
    given = [port for port in graph.ports if port.value is not None]
    carried = {given[i].name: i for i in node.states}
    stacked = [result for result in graph.results if result.name not in carried]
    inside: list[Tree] = [writer.tree(operand) for operand in node.inputs]
    states: dict[str, str] = {}
    for i, value in zip(node.states, node.outputs[len(stacked) :], strict=True):
        states[given[i].name] = _state(writer, given[i].name, value, node.inputs[i])
    out += _moves({states[given[i].name]: inside[i] for i in node.states})
    for i in node.states:
        inside[i] = Name(states[given[i].name])
    over: list[Tree] = []
    variables: list[str] = []
    for i in node.sequences:
        variables.append(fresh(f"{_singular(inside[i]) or identifier(given[i].name)}_t"))
        over.append(ops.Method(inside[i], "unbind", (node.axis,)))
        inside[i] = Name(variables[-1])
    lists: list[str] = []
    for result, value in zip(stacked, node.outputs, strict=False):
        used = writer.usage.uses.get(value.index)
        lists.append(fresh(f"{identifier(result.name) if result.name else 'y'}_steps") if used else "")
        if lists[-1]:
            out.append(Assign((lists[-1],), ops.Sequence((), "[]")))

    def finish(found: list[Tree]) -> list[Statement]:
        keep: list[Statement] = []
        moved: dict[str, Tree] = {}
        waiting = iter(lists)
        for result, tree in zip(graph.results, found, strict=True):
            if result.name in states:
                moved[states[result.name]] = tree
            elif name := next(waiting):
                keep.append(Do(ops.Method(Name(name), "append", (tree,))))
        return [*keep, *_moves(moved)]

    body = inline(writer, graph, inside, finish, states, "_t")
    head: Tree
    if over:
        iterable = over[0] if len(over) == 1 else ops.Call("zip", tuple(over), (("strict", Name("True")),))
        if node.reverse:
            iterable = ops.Call("reversed", (iterable if len(over) == 1 else ops.Call("list", (iterable,)),))
        head = iterable
    else:
        variables, head = ["_"], ops.Call("range", (writer.sizes.size(node.steps),))
    target = ", ".join(variables)
    if node.truncate is not None and (kept := _floats(node, states, given)):
        step = fresh("step")
        head = ops.Call("enumerate", (head,)) if over else head
        target = step if not over else f"{step}, ({target})" if len(variables) > 1 else f"{step}, {target}"
        cut = tuple(Assign((name,), ops.Method(Name(name), "detach", ())) for name in kept)
        body = [If(Name(f"{step} and {step} % {node.truncate} == 0"), cut), *body]
    out.append(For(target, head, tuple(body)))
    for name, value in zip(lists, node.outputs, strict=False):
        if name:
            items: Tree = Name(f"{name}[::-1]") if node.reverse else Name(name)
            stack = ops.Call("torch.stack", (items, *((node.axis,) if node.axis else ())))
            out.append(Assign((writer.target(value, None),), stack, (value.type,)))
    return out


def _floats(node: Scan, states: dict[str, str], given: list[Port]) -> list[str]:
    """The variables of the states that have a gradient."""
    numbers = (DType.FLOAT, DType.COMPLEX)
    ports = [given[i] for i in node.states]
    return [states[p.name] for p in ports if p.value is not None and p.value.type.dtype in numbers]


def _singular(tree: Tree) -> str:
    return singular(tree.text) if isinstance(tree, Name) and tree.text.isidentifier() else ""


def _moves(moved: dict[str, Tree]) -> list[Statement]:
    """New values for variables, all at once."""
    left = {name: tree for name, tree in moved.items() if tree != Name(name)}
    if not left:
        return []
    values = tuple(left.values())
    if len(values) == 1 or not _clash(left):
        return [Assign((name,), tree) for name, tree in left.items()]
    return [Assign(tuple(left), Bare(values))]


def _clash(moved: dict[str, Tree]) -> bool:
    """Whether a new value is read for a later one."""
    names = list(moved)
    words = [set(re.findall(r"[A-Za-z_]\w*", flat(tree))) for tree in moved.values()]
    return any(name in words[j] for i, name in enumerate(names) for j in range(i + 1, len(names)))


def _state(writer: Forward, name: str, value: Value, start: Operand | None) -> str:
    """The variable of a state: that of where it starts, if nothing else reads that."""
    lone = isinstance(start, Value) and writer.usage.uses.get(start.index) == 1
    if not writer.usage.uses.get(value.index):
        writer.usage.uses[value.index] = 0
    writer.usage.wanted.setdefault(value.index, identifier(name))
    return writer.target(value, start if lone and isinstance(start, Value) else None)


def inline(
    writer: Forward,
    graph: Graph,
    inside: Sequence[Tree],
    finish: Callable[[list[Tree]], list[Statement]],
    held: dict[str, str] | None = None,
    suffix: str = "",
    targets: Sequence[str] = (),
) -> list[Statement]:
    """The statements of a region where it stands.

    ``held`` are variables that it may give a new value, by port; others go by their names and the suffix, or into
    ``targets``.
    """
    inner = type(writer)(graph, writer.scope, {}, writer.modules.lent, writer.modules.own, writer.modules)
    inner.sizes, inner.unsteady = writer.sizes, writer.unsteady
    given = [port for port in graph.ports if port.value is not None]
    setup: list[Statement] = []
    for port, tree in zip(given, inside, strict=True):
        assert port.value is not None
        if not isinstance(tree, Name | bool | int | float):
            name = writer.scope.names.fresh(identifier(graph.names.get(port.value.index, "x")))
            setup.append(Assign((name,), tree))
            tree = Name(name)
        inner.vars[port.value.index] = tree
        if isinstance(tree, Name):
            inner.ports[port.value.index] = tree.text
    for port in given:
        if port.value is not None and port.name in (held or {}):
            inner.holders[(held or {})[port.name]] = port.value.index
    for result in graph.results:
        if result.name in (held or {}) and isinstance(result.value, Value):
            inner.usage.wanted[result.value.index] = (held or {})[result.name]
        elif result.name and isinstance(result.value, Value):
            inner.usage.wanted[result.value.index] = identifier(result.name) + suffix
    made = {value.index for node in graph.nodes for value in node.outputs if not isinstance(node, Read)}
    for result, target in zip(graph.results, targets, strict=False):
        value = result.value
        fresh = isinstance(value, Value) and value.index in made and value.index not in inner.forced
        if fresh and isinstance(value, Value) and target != "_" and target not in inner.ports.values():
            inner.forced[value.index], inner.holders[target] = target, -1  # nothing reads it yet
    last: list[Statement] = []

    def end(found: list[Tree]) -> Statement:
        last.extend(finish(found))
        return Do(None)

    body = inner.write(graph.nodes, [r.value for r in graph.results], end)
    return [*setup, *body[:-1], *last]


def emit_iterate(writer: Forward, node: Iterate) -> list[Statement]:
    """Up to ``limit`` steps; what is done keeps its state, so that running on changes nothing."""
    graph = node.graph
    out: list[Statement] = []
    fresh = writer.scope.names.fresh
    given = [port for port in graph.ports if port.value is not None]
    inside: list[Tree] = [writer.tree(operand) for operand in node.inputs]
    rank = next(r.value.type.rank for r in graph.results if r.name == "done")
    held: dict[str, str] = {}
    for i, value in zip(node.states, node.outputs, strict=True):
        held[given[i].name] = _state(writer, given[i].name, value, node.inputs[i])
    out += _moves({held[given[i].name]: inside[i] for i in node.states})
    for i in node.states:
        inside[i] = Name(held[given[i].name])
    done = fresh("done")

    def finish(found: list[Tree]) -> list[Statement]:
        trees = {r.name: tree for r, tree in zip(graph.results, found, strict=True)}
        kept: dict[str, Tree] = {}
        for r in graph.results:
            if r.name in held:
                mask: Tree = Name(done)
                if r.value.type.rank > rank:
                    new_axes = (None for _ in range(r.value.type.rank - rank))
                    mask = ops.Subscript(Name(done), (Name("..."), *new_axes))
                kept[held[r.name]] = ops.Call("torch.where", (mask, Name(held[r.name]), trees[r.name]))
        plain = {held[name]: tree for name, tree in trees.items() if name in held}
        first = (*_moves({**plain, done: trees["done"]}),)
        later = (*_moves({**kept, done: ops.Infix("|", Name(done), trees["done"])}),)
        return [If(Name(f"{done} is None"), first, later)]

    body = inline(writer, graph, inside, finish, suffix="_next")
    out.append(Assign((done,), None))
    out.append(For("_", ops.Call("range", (node.limit,)), tuple(body)))
    return out


def emit_choice(writer: Forward, node: Choice) -> list[Statement]:
    """Both ways of an ``if training``."""
    targets = [writer.target(value, None) if writer.usage.uses.get(value.index) else "_" for value in node.outputs]
    ways: list[tuple[Statement, ...]] = []
    for graph in (node.training, node.evaluation):
        trees = [writer.tree(operand) for operand in node.inputs]

        def finish(found: list[Tree]) -> list[Statement]:
            return _moves({t: tree for t, tree in zip(targets, found, strict=True) if t != "_"})

        ways.append(tuple(inline(writer, graph, trees, finish, targets=targets)) or (Do(Name("pass")),))
    return [If(writer.name(Name("self.training")), ways[0], ways[1])]


def decorators(graph: Graph) -> tuple[str, ...]:
    """What stands above the function of a graph: where it takes gradients, they are wanted whoever calls it."""
    takes = any(isinstance(node, Grad) for node in every_node(graph.nodes))
    return ("@torch.enable_grad()",) if takes else ()
