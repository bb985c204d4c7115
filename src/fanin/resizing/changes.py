"""The edits that give every place of a text its size after a cut."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from fanin.analyses.couplings.cut import Cut
from fanin.diagnostics.fixes import edited
from fanin.diagnostics.model import Edit
from fanin.record import field, record
from fanin.repairs.places import nodes
from fanin.resizing.bundle import with_arguments
from fanin.resizing.problems import CannotResize, Elsewhere
from fanin.resizing.reading import Key, Known, Reader, Scope, Unread, argument, key_of
from fanin.resizing.slots import Listed, Places, Slot, plain
from fanin.source import Source, Span
from fanin.syntax import tree


@record(eq=False)
class Item:
    """A value that a place of the text has to have for one use of its declaration, for one ``slot``."""

    scope: Scope
    turns: Mapping[Key, int]
    cell: int | None
    value: Any
    slot: Slot | None = None


@record(eq=False)
class Site:
    """A place of the text: an expression, or an argument that a call does not have yet."""

    span: Span
    name: str
    label: str
    call: tree.Call | None = None  # that gets the argument
    usual: str | None = None  # what it is where it is not given
    index: str = ""  # what follows a name that stands there


@record(eq=False, frozen=False)
class Inserted:
    """Arguments that a call gets: texts, or one for each place of the repetition that it makes."""

    call: tree.Call
    args: dict[str, str] = field(default_factory=dict)
    cells: dict[str, list[str]] = field(default_factory=dict)
    usual: dict[str, str] = field(default_factory=dict)  # what need not be said


class Changes:
    """What of a text has to change.

    ``roots``: whether numbers that places are read from may be changed, which is how an author would do it; else every
    place gets its own. ``follow``: whether what a name stands for is changed where it was bound or given.
    """

    def __init__(self, cut: Cut, units: Mapping[str, Any], roots: bool, follow: bool) -> None:
        self.cut, self.follow = cut, follow
        self.places = Places(cut, units)
        self.edits: dict[Key, Edit] = {}
        self.inserted: dict[Key, Inserted] = {}
        self.params: dict[Key, list[tuple[str, str]]] = {}  # of a declaration: name and default
        self.zipped: dict[Key, tuple[tree.For, dict[str, str]]] = {}  # loops, and the lists that they go over as well
        self._named: dict[tuple[Key, tuple[Any, ...]], str] = {}
        self._taken: dict[Key, set[str]] = {}
        old = Reader({}, False, self.places.around)
        self.before = {id(s): _read(old, s) for s in self.places.slots}
        chosen = self._roots() if roots else {}
        for key, (span, value) in chosen.items():
            self.edits[key] = Edit(span, _digits(value))
        self._rest(Reader({key: value for key, (_, value) in chosen.items()}, True, self.places.around))
        for whole in self.places.wholes:
            key = key_of(whole.call.span)
            if self.edits.setdefault(key, Edit(whole.call.span, whole.text)).text != whole.text:
                raise CannotResize(f"`{whole.call.span.text}`, which is not the same everywhere")

    @property
    def blocks(self) -> tuple[str, ...]:
        """What of ``std.pruned`` the text names."""
        return tuple(sorted({w.block for w in self.places.wholes if w.block}))

    # ------------------------------------------------------------------------------------ numbers that others read

    def _roots(self) -> dict[Key, tuple[Span, Any]]:
        """Numbers of the text with the value that most places which read them need; what heads say goes first."""
        votes: dict[Key, Counter[Any]] = {}
        spans: dict[Key, Known] = {}
        for slot in self.places.slots:
            known = self.before[id(slot)]
            if known is not None and known.at is not None and known.value == slot.before:
                key = key_of(known.at)
                spans[key] = known
                votes.setdefault(key, Counter())[slot.after] += 1000 if slot.signature else 1
        best = {key: max(found, key=lambda v: found[v]) for key, found in votes.items()}
        changed = {key: value for key, value in best.items() if value != spans[key].value}
        return {key: (span, value) for key, value in changed.items() if (span := spans[key].at) is not None}

    # --------------------------------------------------------------------------------------------- places of their own

    def _rest(self, new: Reader) -> None:
        """Every place that the numbers do not give its size.

        It is changed where its name was bound or given; where that would be two sizes at once, where it stands.
        """
        found: dict[tuple[Key, str], tuple[Site, list[Item]]] = {}
        wrong: set[int] = set()
        for slot in self.places.slots:
            wanted = self._wanted(slot)
            if wanted is None:
                continue
            if not self._right(slot, wanted[0], new):
                wrong.add(id(slot))
            site, item = self._site(slot, wanted[0], self.follow)
            found.setdefault((key_of(site.span), site.name), (site, []))[1].append(item)
        own: dict[tuple[Key, str], tuple[Site, list[Item]]] = {}
        for where, (site, items) in found.items():
            if not any(id(item.slot) in wrong for item in items):
                continue
            if not _torn(items):
                own[where] = (site, items)
                continue
            for item in items:
                assert item.slot is not None
                place, alone = self._site(item.slot, item.value, False)
                own.setdefault((key_of(place.span), place.name), (place, []))[1].append(alone)
        for site, items in own.values():
            if any(id(item.slot) in wrong for item in items):
                self._place(site, items, 0)

    def _wanted(self, slot: Slot) -> tuple[Any] | None:
        """What a place has to be worth; None where its text says something else than its size."""
        known = self.before[id(slot)]
        if slot.expr is None or slot.after != slot.before:
            return (slot.after,)
        return None if known is None or isinstance(known.value, tuple) else (known.value,)

    def _right(self, slot: Slot, wanted: Any, new: Reader) -> bool:
        if slot.expr is None:
            return bool(slot.before == wanted)
        known = _read(new, slot)
        return known is not None and known.value == wanted

    def _site(self, slot: Slot, value: Any, follow: bool) -> tuple[Site, Item]:
        """Where a size is said: by the expression itself, or what it names that the body binds or a call gives."""
        scope, turns, cell, expr, label = slot.scope, slot.turns, slot.cell, slot.expr, slot.label
        if expr is None:
            assert slot.call is not None
            return Site(slot.call.span, slot.name, label, slot.call), Item(scope, turns, cell, value, slot)
        while follow and isinstance(expr, tree.Ident) and not self._of_loop(expr):
            bound = scope.bound.get(expr.name)
            if bound is not None:
                label, expr = expr.name, bound.value
                continue
            given = None if expr.name in scope.bound else argument(scope, expr.name)
            if given is None or given[1] is scope:
                break
            label, cell = expr.name, scope.cell
            expr, scope, turns = given
        return Site(expr.span, "", label), Item(scope, turns, cell, value, slot)

    def _of_loop(self, name: tree.Ident) -> bool:
        return any(name.name in [n.name for n in loop.names] for loop in self.places.around(name.span))

    def _place(self, site: Site, items: list[Item], depth: int) -> None:
        """Give a place its value for each use of its declaration. Raises CannotResize."""
        if depth > 20:
            raise CannotResize(f"`{site.span.text}`, which calls itself")
        values = {item.value for item in items}
        if len(values) == 1:
            self._put(site, plain(items[0].value))
            return
        uses: dict[int, list[Item]] = {}
        for item in items:
            uses.setdefault(id(item.scope), []).append(item)
        if all(len({i.value for i in found}) == 1 for found in uses.values()):
            self._as_hyper(site, [found[0] for found in uses.values()], depth)
            return
        if site.call is not None and all(i.cell is not None for i in items):
            columns = {tuple(i.value for i in sorted(found, key=lambda i: i.cell or 0)) for found in uses.values()}
            if len(columns) != 1 or any(len({i.cell for i in f}) < len(f) for f in uses.values()):
                raise CannotResize(f"`{site.span.text}`, whose places differ from use to use")
            (column,) = columns
            row = self._inserted(site.call)
            row.cells[site.name] = [plain(v) for v in column]
            if site.usual is not None:
                row.usual[site.name] = site.usual
            return
        loops = self._by_turn(site, items, uses)
        lists = [Item(found[0].scope, {}, None, _listed(found, loops, self.places.count)) for found in uses.values()]
        usual = max((i.value for i in lists), key=len)
        lists = [i if i.value is not None else Item(i.scope, {}, None, usual) for i in lists]
        counters = "".join(f"[{_counter(self.places.loop(key))}]" for key in loops)
        if len({i.value for i in lists}) > 1:
            self._as_hyper(Site(site.span, site.name, f"{site.label}s", site.call, None, counters), lists, depth)
        elif all(_counter(self.places.loop(key)) for key in loops):
            self._put(site, f"{lists[0].value}{counters}")
        else:
            self._put(site, self._zipped(self.places.loop(loops[0]), lists[0].value, site))

    def _by_turn(self, site: Site, items: list[Item], uses: Mapping[int, list[Item]]) -> list[Key]:
        """The loops whose turns say which value: one, or all with counters. A loop without one can get a name more."""
        loops = self.places.around(site.span)
        alike = len({_listed(items, [key_of(loop.span)], self.places.count) for loop in loops} - {None}) > 0
        for chosen in (*([loop] for loop in reversed(loops)), loops):
            keys = [key_of(loop.span) for loop in chosen]
            counted = all(_counter(loop) for loop in chosen)
            known = keys and all(_listed(found, keys, self.places.count) is not None for found in uses.values())
            same = len(chosen) == 1 and alike and _listed(items, keys, self.places.count) is not None
            if known and (counted or same):
                return keys
        raise CannotResize(f"`{site.span.text}`, which differs from turn to turn")

    def _zipped(self, loop: tree.For, values: str, site: Site) -> str:
        key = key_of(loop.span)
        known = self.zipped.setdefault(key, (loop, {}))[1]
        if values not in known:
            known[values] = self._free(self.places.declaration(loop.span), site.label)
        return known[values]

    def _as_hyper(self, site: Site, items: list[Item], depth: int) -> None:
        """A hyper-parameter for what differs between uses of a declaration, given where it is used."""
        declaration = items[0].scope.declaration
        if not isinstance(declaration, tree.Block | tree.Fn) or any(i.scope.call is None for i in items):
            raise CannotResize(f"`{site.span.text}`, which differs between uses of `{declaration.name.name}`")
        values = [i.value for i in items]
        column = tuple((id(i.scope), i.value) for i in items)
        key = key_of(declaration.span)
        name = self._named.get((key, column))
        usual = Counter(i.value for i in items).most_common(1)[0][0]
        if name is not None:
            self._put(site, f"{name}{site.index}")
            return
        name = self._named[key, column] = self._free(declaration, site.label)
        self._put(site, f"{name}{site.index}")
        self.params.setdefault(key, []).append((f"{name}: {_type(values)}", plain(usual)))
        calls: dict[Key, list[Item]] = {}
        found: dict[Key, tree.Call] = {}
        for item in items:
            call, caller = item.scope.call, item.scope.caller
            assert call is not None
            if not isinstance(call, tree.Call) or caller is None:
                raise CannotResize(f"`{site.span.text}`, whose block no call makes")
            found[key_of(call.span)] = call
            given = Item(caller, item.scope.turns, item.scope.cell, item.value)
            calls.setdefault(key_of(call.span), []).append(given)
        for where, given_items in calls.items():
            if any(i.value != usual for i in given_items):
                call = found[where]
                self._place(Site(call.span, name, name, call, plain(usual)), given_items, depth + 1)

    def _put(self, site: Site, text: str) -> None:
        if site.call is not None:
            self._inserted(site.call).args[site.name] = text
            return
        key = key_of(site.span)
        if key in self.edits and self.edits[key].text != text:
            raise CannotResize(f"`{site.span.text}`, which is two sizes")
        self.edits[key] = Edit(site.span, text)

    def _inserted(self, call: tree.Call) -> Inserted:
        return self.inserted.setdefault(key_of(call.span), Inserted(call))

    def _free(self, declaration: Any, label: str) -> str:
        """A name that the declaration does not have."""
        key = key_of(declaration.span)
        if key not in self._taken:
            self._taken[key] = {n.name for n in nodes(declaration) if isinstance(n, tree.Ident)}
        taken = self._taken[key]
        name, count = label, 1
        while name in taken:
            count += 1
            name = f"{label}{count}"
        taken.add(name)
        return name

    # --------------------------------------------------------------------------------------------------- the text

    def text(self, source: Source, trees: Mapping[str, Any]) -> str:
        """The text with all of it. Raises Elsewhere for what is in other files."""
        rows = {key: i for key, i in self.inserted.items() if i.cells}
        foreign = [e.span for e in self.edits.values() if e.span.source.name != source.name]
        foreign += [i.call.span for i in self.inserted.values() if i.call.span.source.name != source.name]
        foreign += [loop.span for loop, _ in self.zipped.values() if loop.span.source.name != source.name]
        declarations = {key_of(d.span): d for unit in trees.values() for d in unit.file.declarations}
        foreign += [declarations[key].span for key in self.params if key[0] != source.name]
        if foreign:
            raise Elsewhere(tuple(foreign), self.blocks)
        edits = list(self.edits.values())
        edits += [_arguments(i.call, i.args) for key, i in self.inserted.items() if key not in rows]
        edits += [_signature(declarations[key], params) for key, params in self.params.items()]
        for loop, values in self.zipped.values():
            edits += _wider(loop, values)
        for inserted in rows.values():
            edits = _unrolled(trees[source.name].file, inserted, edits)
        return edited(source.text, edits)


def _read(reader: Reader, slot: Slot) -> Known | None:
    if slot.expr is None:
        return None
    try:
        return reader.value(slot.expr, slot.scope, slot.turns)
    except (Unread, TypeError, ValueError, IndexError, KeyError, AttributeError):
        return None


def _torn(items: Iterable[Item]) -> bool:
    """Whether one use of a place has to be several sizes."""
    seen: dict[Any, Any] = {}
    return any(
        seen.setdefault((id(i.scope), tuple(sorted(i.turns.items())), i.cell), i.value) != i.value for i in items
    )


def _type(values: list[Any]) -> str:
    own = [v for v in values if v is not None]
    if any(isinstance(v, Listed) for v in own):
        return "list[list[int]]" if own[0].startswith("[[") else "list[int]"
    word = "int" if all(isinstance(v, int) for v in own) else "float"
    return word if len(own) == len(values) else f"{word}?"


def _digits(value: Any) -> str:
    return f"{value:_}" if isinstance(value, int) and value >= 10_000 else plain(value)


def _listed(items: list[Item], loops: list[Key], count: Mapping[Key, int]) -> Listed | None:
    """The values by the turns of loops, as a list of lists; None where they are not known by these alone."""
    if not loops:
        values = {item.value for item in items}
        return Listed(plain(values.pop())) if len(values) == 1 else None
    by_turn: dict[int, list[Item]] = {}
    for item in items:
        if loops[0] not in item.turns:
            return None
        by_turn.setdefault(item.turns[loops[0]], []).append(item)
    texts = {turn: _listed(found, loops[1:], count) for turn, found in by_turn.items()}
    usual = texts[min(texts)]  # of turns that do not come by
    found = [texts.get(turn, usual) for turn in range(count[loops[0]])]
    return None if None in found else Listed(f"[{', '.join(t for t in found if t is not None)}]")


def _counter(loop: tree.For) -> str:
    """The name that goes over 0, 1, 2 …; empty where none does."""
    it = loop.iterable
    while isinstance(it, tree.Paren):
        it = it.value
    name = loop.names[0].name
    if isinstance(it, tree.Call) and isinstance(it.callee, tree.Ident) and it.callee.name == "enumerate":
        return name if len(it.args) == 1 else ""
    if not (isinstance(it, tree.Chain) and [s.op for s in it.steps] == [".."] and len(loop.names) == 1):
        return ""
    return name if isinstance(it.first, tree.Number) and it.first.value == 0 and name != "_" else ""


def _wider(loop: tree.For, values: Mapping[str, str]) -> list[Edit]:
    """A loop that goes over lists of values as well."""
    source, last, it = loop.span.source, loop.names[-1].span.end, loop.iterable
    names, lists = "".join(f", {name}" for name in values.values()), ", ".join(values)
    edits = [Edit(Span(source, last, last), names)]
    if isinstance(it, tree.Call) and isinstance(it.callee, tree.Ident) and it.callee.name == "zip":
        return [*edits, Edit(Span(source, it.span.end - 1, it.span.end - 1), f", {lists}")]
    start, end = it.span.start, it.span.end
    return [*edits, Edit(Span(source, start, start), "zip("), Edit(Span(source, end, end), f", {lists})")]


def _arguments(call: tree.Call, args: Mapping[str, str]) -> Edit:
    return with_arguments(call, ", ".join(f"{name}={value}" for name, value in args.items()))


def _signature(declaration: Any, params: list[tuple[str, str]]) -> Edit:
    text = ", ".join(f"{param} = {default}" for param, default in params)
    own = declaration.params if isinstance(declaration, tree.Fn) else declaration.hypers
    source = declaration.span.source
    if own:
        at = own[-1].span.end
        return Edit(Span(source, at, at), f", {text}")
    at = source.text.index("(", declaration.name.span.end) + 1
    return Edit(Span(source, at, at), text)


def _unrolled(file: tree.File, inserted: Inserted, edits: list[Edit]) -> list[Edit]:
    """``4 * Layer(8)`` as the row of its places, where they differ: ``(2 * Layer(8) -> Layer(8, width=3) -> …)``."""
    call = inserted.call
    chain, stage = None, None
    for node in nodes(file):
        if node.span.start <= call.span.start and call.span.end <= node.span.end:
            if isinstance(node, tree.Chain) and node.steps[-1].op == "*":
                last = node.steps[-1].operand
                if last.span.start <= call.span.start and call.span.end <= last.span.end:
                    chain = node
            elif isinstance(node, tree.Stage) and chain is None:
                stage = node
    if chain is None:
        raise CannotResize(f"`{call.span.text}`, which is repeated in a way that cannot be written out")
    operand = chain.steps[-1].operand.span
    inside = [e for e in edits if operand.start <= e.span.start and e.span.end <= operand.end]
    rest = [e for e in edits if not (chain.span.start <= e.span.start and e.span.end <= chain.span.end)]
    count = len(next(iter(inserted.cells.values())))
    runs: list[tuple[int, str]] = []
    for cell in range(count):
        here = {name: values[cell] for name, values in inserted.cells.items()}
        args = inserted.args | {name: text for name, text in here.items() if inserted.usual.get(name) != text}
        own = [*inside, *([_arguments(call, args)] if args else [])]
        shifted = [
            Edit(Span(e.span.source, e.span.start - operand.start, e.span.end - operand.start), e.text) for e in own
        ]
        text = edited(operand.text, shifted)
        if runs and runs[-1][1] == text:
            runs[-1] = (runs[-1][0] + 1, text)
        else:
            runs.append((1, text))
    texts = [text if n == 1 else f"{n} * {text}" for n, text in runs]
    row = " -> ".join(texts)
    bare = stage is not None and stage.label is None and stage.value.span == chain.span
    return [*rest, Edit(chain.span, row if bare else f"({row})")]
