"""Classes and functions: drafts of single graphs, and what is printed once they are shared."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from fanin.emit.torch import sharing
from fanin.emit.torch.authored import ORIGIN, Arguments, Number, Vector
from fanin.emit.torch.drafts import Draft
from fanin.emit.torch.expressions import Tree, rebuild
from fanin.emit.torch.names import TAKEN, Names, camel, snake
from fanin.emit.torch.notes import signature, types_text
from fanin.emit.torch.sharing import Shared
from fanin.emit.torch.statements import (
    Absent,
    Assign,
    Def,
    Do,
    For,
    If,
    Lines,
    Return,
    Statement,
    Yield,
    change_trees,
    notes,
)
from fanin.emit.torch.uses import Use
from fanin.ir.graph import Graph
from fanin.ir.reserved import MODULE_ATTRIBUTES
from fanin.ops.code import Name


@dataclass
class Printed:
    """A class or function of the module, ready to print."""

    name: str
    drafts: list[Draft]
    init: tuple[Statement, ...]
    forward: tuple[Statement, ...]
    arguments: dict[str, Vector]
    comments: list[str]
    signature: str
    defaults: dict[str, Number] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)

    @property
    def draft(self) -> Draft:
        return self.drafts[0]


def draft_groups(drafts: Sequence[Draft]) -> list[list[Draft]]:
    """Drafts of one block, by the class that they can share."""
    found: dict[str, set[str]] = {}

    def look(tree: Tree) -> Tree:
        sharing.used_keywords(tree, found)
        return tree

    for draft in drafts:
        change_trees((*draft.init, *draft.forward), look)
    groups: dict[object, list[Draft]] = {}
    for draft in drafts:
        draft.init = change_trees(draft.init, lambda tree: sharing.with_defaults(tree, found))
        draft.forward = change_trees(draft.forward, lambda tree: sharing.with_defaults(tree, found))
        groups.setdefault(draft.key(), []).append(draft)
    return list(groups.values())


def share(
    name: str,
    drafts: list[Draft],
    module_names: frozenset[str],
    roles: dict[str, tuple[str, ...]],
    known_defaults: dict[str, dict[str, Number]],
    fixed: bool,
) -> Printed:
    """One class for these drafts. ``fixed`` keeps every number as it is."""
    shared = Shared({}, frozenset(), Names(TAKEN | module_names))
    if not fixed:
        shared = _known(drafts, module_names)
    shared.roles = roles
    for i, (flag, _) in enumerate(drafts[0].flags):
        shared.names.taken.add(flag)
        shared.used[flag] = tuple(draft.flags[i][1] for draft in drafts)
    init = _unify([draft.init for draft in drafts], shared)
    forward = _unify([draft.forward for draft in drafts], shared)
    init = change_trees(init, lambda tree: sharing.without_defaults(tree, known_defaults))
    forward = change_trees(forward, lambda tree: sharing.without_defaults(tree, known_defaults))
    order = [n for n in shared.known if n in shared.used and n not in shared.hypers]
    order += [n for n in shared.known if n in shared.used and n in shared.hypers]
    order += [n for n in shared.used if n not in order]
    if not fixed and drafts[0].graph.kind != "fn":
        init, forward = _keep(drafts[0], shared, init, forward)
    comments = [types_text(column, shared) for column in zip(*(notes(d.forward) for d in drafts), strict=True)]
    flags = {flag for flag, _ in drafts[0].flags}
    written = {own: _default(drafts[0].graph, word) for word, own in shared.spoken.items() if own in shared.hypers}
    defaults = {n: False if n in flags else written.get(n) for n in order}
    order.sort(key=lambda n: defaults[n] is not None)
    arguments = {n: shared.used[n] for n in order}
    kept = {n: value for n in order if (value := defaults[n]) is not None}
    return Printed(name, drafts, init, forward, arguments, comments, signature(drafts, shared), kept)


def _default(graph: Graph, hyper: str) -> Number | None:
    """The default that the author gave a hyper-parameter, where it is a number."""
    head = graph.span.text.split("{", 1)[0]
    match = re.search(
        rf"\b{re.escape(hyper)}\s*(?::[^,=()]*)?=\s*(true|false|-?[0-9][0-9_]*(?:\.[0-9]+)?)\s*[,)]", head
    )
    if match is None:
        return None
    text = match[1].replace("_", "")
    if text in ("true", "false"):
        return text == "true"
    return float(text) if "." in text else int(text)


def _keep(
    draft: Draft, shared: Shared, init: tuple[Statement, ...], forward: tuple[Statement, ...]
) -> tuple[tuple[Statement, ...], tuple[Statement, ...]]:
    """Arguments that `forward` reads are kept on the module: ``self.heads = heads``."""
    children = {
        path.split(".")[0] for path in (*(c.path for c in draft.graph.children), *(s.name for s in draft.graph.states))
    }
    taken = Names(children | MODULE_ATTRIBUTES)
    kept: dict[str, str] = {}

    def visit(tree: Tree) -> Tree:
        if isinstance(tree, Name) and tree.text in shared.used:
            if tree.text not in kept:
                kept[tree.text] = taken.fresh(tree.text)
            return Name(f"self.{kept[tree.text]}")
        return rebuild(tree, visit)

    forward = change_trees(forward, visit)
    return (*(Assign((f"self.{own}",), Name(name)) for name, own in kept.items()), *init), forward


def _known(drafts: list[Draft], module_names: frozenset[str]) -> Shared:
    """The hyper-parameters that are numbers, and the letters that stand for numbers."""
    names = Names(
        TAKEN | module_names | {name for name, _ in (*drafts[0].parameters, *drafts[0].handed, *drafts[0].inner)}
    )
    known: dict[str, Vector] = {}
    hypers: set[str] = set()
    words: dict[str, str] = {}
    for name, value in drafts[0].graph.hypers:
        values = tuple(dict(d.graph.hypers).get(name) for d in drafts)
        if isinstance(value, bool | int | float) and all(isinstance(v, bool | int | float) for v in values):
            own = names.fresh(name)
            known[own], words[name] = values, own  # type: ignore[assignment]
            hypers.add(own)
    letters: set[str] = set()
    for letter, value in drafts[0].graph.letters:
        values = tuple(dict(d.graph.letters).get(letter) for d in drafts)
        if isinstance(value, int) and all(isinstance(v, int) for v in values):
            own = names.fresh(letter_name(drafts[0].graph, letter, value))
            known[own], words[letter] = values, own  # type: ignore[assignment]
            letters.add(own)
    mentioned = _mentioned(drafts[0])
    likely = {words[word] for word in mentioned if word in words} | letters
    shared = Shared(known, frozenset(likely), names)
    shared.hypers, shared.spoken = frozenset(hypers), words
    return shared


def _mentioned(draft: Draft) -> frozenset[str]:
    """The words in the arguments that the author wrote."""
    found: set[str] = set()
    for statement in _all((*draft.init, *draft.forward)):
        if isinstance(statement, Assign | Do | Return):
            for keyword, text in statement.written:
                if keyword not in ("~", ORIGIN):
                    found.update(re.findall(r"[A-Za-z_]\w*", text))
    return frozenset(found)


def _all(statements: Sequence[Statement]) -> Iterator[Statement]:
    for statement in statements:
        yield statement
        if isinstance(statement, For | Def):
            yield from _all(statement.body)
        elif isinstance(statement, If):
            yield from _all((*statement.body, *statement.otherwise))


def letter_name(graph: Graph, letter: str, value: int) -> str:
    """A letter as the name of an argument, by where it stands in the inputs: ``C`` of an image is ``in_channels``."""
    if len(letter) > 1:
        return snake(letter)
    known = {
        "T": "length",
        "L": "length",
        "S": "length",
        "V": "vocabulary",
        "N": "batch",
        "B": "batch",
        "H": "height",
        "W": "width",
    }
    if letter in known:
        return known[letter]
    for port in graph.ports:
        if port.value is None or value not in port.value.type.shape:
            continue
        axis, rank = port.value.type.shape.index(value), port.value.type.rank
        if rank >= 3 and axis == rank - 1 and letter != "C":
            return "dim"
        if axis == 1 and rank >= 3:
            return "in_channels"
        if axis == rank - 1:
            return "in_features"
    return letter.lower()


def _unify(columns: Sequence[tuple[Statement, ...]], shared: Shared) -> tuple[Statement, ...]:
    """Statements of one skeleton as one."""
    unified: list[Statement] = []
    row: tuple[Any, ...]
    for row in zip(*columns, strict=True):
        present = [i for i, statement in enumerate(row) if not isinstance(statement, Absent)]
        if len(present) < len(row):
            part = shared.at(present)
            unified += _unify([(row[i],) for i in present], part)
            shared.take_back(part, present, len(row))
            continue
        first = row[0]

        def one(trees: list[Tree], written: Arguments = ()) -> Tree:
            return sharing.unify(trees, shared, "size", written)

        match first:
            case Assign():
                value = one([s.value for s in row], first.written)
                unified.append(Assign(first.targets, value, first.types, first.written, first.noted))
            case Do():
                unified.append(Do(one([s.value for s in row], first.written), first.written))
            case Return():
                unified.append(Return(one([s.value for s in row], first.written), first.written))
            case Yield():
                unified.append(Yield(one([s.value for s in row])))
            case For():
                iterable = one([s.iterable for s in row])
                unified.append(For(first.target, iterable, _unify([s.body for s in row], shared)))
            case If():
                condition = one([s.condition for s in row])
                body = _unify([s.body for s in row], shared)
                otherwise = _unify([s.otherwise for s in row], shared)
                unified.append(If(condition, body, otherwise))
            case Def():
                unified.append(replace(first, body=_unify([s.body for s in row], shared)))
            case Lines() | Absent():
                unified.append(first)
    return tuple(unified)


def uses_for(printed: Printed, index: int) -> Iterator[tuple[Graph, Use]]:
    """How the graphs of one of its drafts use it."""
    draft = printed.drafts[index]
    arguments = tuple(vector[index] for vector in printed.arguments.values())
    places = len(printed.arguments) - len(printed.defaults)
    handed, inner = (tuple(name for name, _ in given) for given in (draft.handed, draft.inner))
    made = Use(printed.name, tuple(printed.arguments), arguments, draft.like, draft.training, draft.ties)
    for version in draft.versions:
        use = replace(made, sizes=version.sizes, absent=version.absent, places=places, handed=handed, inner=inner)
        yield version.graph, use


def class_name(base: str, printed: Sequence[Printed], draft: Draft, names: Names) -> tuple[str, str]:
    """A name for one more class of a block, and a remark on what sets it apart from the first."""
    if not printed:
        return names.fresh(camel(base)), ""
    first = printed[0].draft.graph
    before = {child.path.split(".")[0] for child in first.children}
    extra = list(
        dict.fromkeys(c.path.split(".")[0] for c in draft.graph.children if c.path.split(".")[0] not in before)
    )
    if extra:
        return names.fresh(f"{camel(base)}With{camel(extra[0])}"), f"As `{printed[0].name}`, with `{extra[0]}`."
    inputs = {port.name for port in first.ports if port.value is not None}
    more = [port.name for port in draft.graph.ports if port.value is not None and port.name not in inputs]
    if more:
        return names.fresh(f"{camel(base)}With{camel(more[0])}"), f"As `{printed[0].name}`, where `{more[0]}` is given."
    was = dict(first.hypers)
    for name, value in draft.graph.hypers:
        # What is no number is described in words: "the function `swish`".
        word = re.search(r"`(\w+)`", value) if isinstance(value, str) else None
        if word is not None and value != was.get(name):
            return names.fresh(f"{camel(base)}{camel(word[1])}"), f"As `{printed[0].name}`, with `{name}={word[1]}`."
        if isinstance(value, bool) and value != was.get(name) and isinstance(was.get(name), bool):
            kind = f"With{camel(name)}" if value else f"Without{camel(name)}"
            return names.fresh(f"{camel(base)}{kind}"), f"As `{printed[0].name}`, with `{name}={value}`."
    return names.fresh(camel(base)), ""
