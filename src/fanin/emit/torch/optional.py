"""Graphs of one block that differ by one module: one class with ``if downsample``, as people write it."""

from __future__ import annotations

from collections.abc import Sequence

from fanin.emit.torch import sharing
from fanin.emit.torch.drafts import Draft
from fanin.emit.torch.expressions import Tree, parts, rebuild
from fanin.emit.torch.names import identifier, is_identifier
from fanin.emit.torch.statements import Absent, Assign, If, Statement, change_trees, without_types
from fanin.ops.code import Name


def merge_optional(groups: list[list[Draft]]) -> list[list[Draft]]:
    """The groups, with a pair that differs by one module made one."""
    if len(groups) != 2 or groups[0][0].graph.kind != "block":
        return groups
    plain, more = sorted(groups, key=lambda group: len(group[0].graph.children))
    merged = _merge(plain, more)
    return groups if merged is None else [merged]


def _merge(plain: list[Draft], more: list[Draft]) -> list[Draft] | None:
    a, b = plain[0], more[0]
    if (a.parameters, a.returns, a.attributes, a.base, a.ties, a.handed, a.inner) != (
        b.parameters,
        b.returns,
        b.attributes,
        b.base,
        b.ties,
        b.handed,
        b.inner,
    ):
        return None
    own = {child.path.split(".")[0] for child in a.graph.children}
    extra = [child.path for child in b.graph.children if child.path.split(".")[0] not in own]
    if len(extra) != 1 or not is_identifier(extra[0]) or len(a.graph.children) + 1 != len(b.graph.children):
        return None
    name = extra[0]
    at = _one(b.init, lambda s: isinstance(s, Assign) and s.targets == (f"self.{name}",))
    there = _one(
        b.forward, lambda s: isinstance(s, Assign) and len(s.targets) == 1 and _mentions(s.value, f"self.{name}")
    )
    if at is None or there is None or _bare((*b.init[:at], *b.init[at + 1 :])) != _bare(a.init):
        return None
    step = b.forward[there]
    assert isinstance(step, Assign)
    rest = (*b.forward[:there], *b.forward[there + 1 :])
    instead = _instead(a.forward, rest, step.targets[0])
    if instead is None or any(isinstance(s, Assign) and instead in s.targets for s in b.forward[there:]):
        return None
    renamed = change_trees(rest, lambda tree: _renamed(tree, step.targets[0], instead))
    if _bare(renamed) != _bare(a.forward) or _speaks(a.forward, step.targets[0]):
        return None
    flag = identifier(name)
    merged: list[Draft] = []
    for draft in plain:
        init, forward = draft.init, _renamed_back(draft.forward, rest)
        merged.append(_with(draft, init, forward, Absent(), at, there, name, flag, step.targets[0], instead))
    for draft in more:
        init = (*draft.init[:at], *draft.init[at + 1 :])
        forward = (*draft.forward[:there], *draft.forward[there + 1 :])
        made, used = draft.init[at], draft.forward[there]
        assert isinstance(used, Assign)
        merged.append(_with(draft, init, forward, made, at, there, name, flag, step.targets[0], instead, used))
    return merged


def _with(
    draft: Draft,
    init: tuple[Statement, ...],
    forward: tuple[Statement, ...],
    made: Statement,
    at: int,
    there: int,
    name: str,
    flag: str,
    target: str,
    instead: str,
    used: Assign | None = None,
) -> Draft:
    """The draft with the module, and its use, under a condition."""
    choice = (
        Assign((f"self.{name}: nn.Module | None",), None),
        If(Name(flag), (made,)),
    )
    use = Absent() if used is None else Assign(used.targets, used.value, (), used.written)
    step = (
        Assign((target,), Name(instead)),
        If(Name(f"self.{name} is not None"), (use,)),
    )
    draft.init = (*init[:at], *choice, *init[at:])
    draft.forward = (*forward[:there], *step, *forward[there:])
    draft.flags = ((flag, used is not None),)
    return draft


def _one(statements: Sequence[Statement], test: object) -> int | None:
    """The place of the only statement that passes."""
    assert callable(test)
    found = [i for i, statement in enumerate(statements) if test(statement)]
    return found[0] if len(found) == 1 else None


def _bare(statements: Sequence[Statement]) -> object:
    return change_trees(without_types(statements), sharing.skeleton)


def _mentions(tree: Tree, name: str) -> bool:
    if isinstance(tree, Name):
        return tree.text == name or tree.text.startswith((f"{name}.", f"{name}["))
    return any(_mentions(part, name) for part in parts(tree))


def _speaks(statements: Sequence[Statement], name: str) -> bool:
    """Whether statements read or write a variable."""
    found = any(name in s.targets for s in statements if isinstance(s, Assign))

    def look(tree: Tree) -> Tree:
        nonlocal found
        found = found or _mentions(tree, name)
        return tree

    change_trees(statements, look)
    return found


def _instead(plain: Sequence[Statement], more: Sequence[Statement], target: str) -> str | None:
    """What the plain graph reads where the other reads the result of its module."""
    left: list[Tree] = []
    right: list[Tree] = []

    def keep(into: list[Tree]) -> object:
        def visit(tree: Tree) -> Tree:
            into.append(tree)
            return tree

        return visit

    change_trees(plain, keep(left))  # type: ignore[arg-type]
    change_trees(more, keep(right))  # type: ignore[arg-type]
    if len(left) != len(right):
        return None
    for a, b in zip(left, right, strict=True):
        found = _counterpart(a, b, target)
        if found is not None:
            return found.text if isinstance(found, Name) and is_identifier(found.text) else None
    return None


def _counterpart(a: Tree, b: Tree, target: str) -> Tree:
    if isinstance(b, Name) and b.text == target:
        return a
    for x, y in zip(parts(a), parts(b), strict=False):
        found = _counterpart(x, y, target)
        if found is not None:
            return found
    return None


def _renamed(tree: Tree, old: str, new: str) -> Tree:
    if isinstance(tree, Name):
        return Name(new) if tree.text == old else tree
    return rebuild(tree, lambda part: _renamed(part, old, new))


def _renamed_back(forward: Sequence[Statement], model: Sequence[Statement]) -> tuple[Statement, ...]:
    """The plain graph's statements with the variables of ``model``, which are the same but for one name."""
    shapes: list[Tree] = []

    def note(tree: Tree) -> Tree:
        shapes.append(tree)
        return tree

    change_trees(model, note)
    wanted = iter(shapes)
    return change_trees(forward, lambda tree: _names_of(tree, next(wanted)))


def _names_of(tree: Tree, like: Tree) -> Tree:
    if isinstance(tree, Name):
        return like
    pairs = iter(list(parts(like)))
    return rebuild(tree, lambda part: _names_of(part, next(pairs)))
