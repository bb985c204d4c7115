"""Expressions as documents: where a pipe, a list or a call breaks, and where the comments in them go.

Comments are taken in order. One that stands between stages, arguments or list items stays there; any other moves to
the line above the smallest of these that it stands in, or behind it where something in it has a comment already.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence

from fanin.record import field, record
from fanin.source import Source
from fanin.syntax.flat import flat, simple, spaced
from fanin.syntax.layout import HARD, Beside, Doc, Group, IfBroken, Line
from fanin.syntax.tree import (
    Arg,
    Attribute,
    Call,
    Chain,
    Clause,
    Comment,
    Conditional,
    Expr,
    Index,
    ListExpr,
    Member,
    Paren,
    Pipe,
    Stage,
    Tree,
    TupleExpr,
    Unary,
)


@record(frozen=False)
class Item:
    """Something that begins a line of its own where it has to: comments above, its document, comments behind."""

    above: list[Comment]
    doc: Doc
    behind: list[Comment]


@record(frozen=False)
class _Open:
    """An item that is being built."""

    above: list[Comment] = field(default_factory=list)
    placed: int = 0  # how many comments had their place when it began


class Shaper:
    """Hands out the comments of one file while its documents are built, front to back."""

    def __init__(self, source: Source, comments: tuple[Comment, ...]) -> None:
        self.text = source.text
        self._comments = comments
        self._starts = [comment.span.start for comment in comments]
        self._next = 0
        self._placed = 0
        self._open: list[_Open] = [_Open(placed=-1)]  # what is in no item has nothing above it

    # ------------------------------------------------------------------------------------------ comments

    def take(self, end: int) -> list[Comment]:
        """The comments that begin before ``end`` and have no place yet."""
        first, self._next = self._next, max(self._next, bisect_left(self._starts, end))
        self._placed += self._next - first
        return list(self._comments[first : self._next])

    def take_beside(self, end: int, limit: int) -> Comment | None:
        """The next comment, where it begins before ``limit`` on the line on which ``end`` is."""
        if self._next < len(self._comments):
            comment = self._comments[self._next]
            between = self.text[end : comment.span.start]
            if comment.span.start < limit and not between.strip(" \t\f\v,->"):
                self._next += 1
                self._placed += 1
                return comment
        return None

    def has_comment(self, start: int, end: int) -> bool:
        at = bisect_left(self._starts, start)
        return at < len(self._starts) and self._starts[at] < end

    def is_waiting(self, end: int) -> bool:
        """Whether a comment before ``end`` has no place yet."""
        return self._next < len(self._starts) and self._starts[self._next] < end

    def find(self, sign: str, at: int) -> int:
        """Where the sign stands next, outside of comments."""
        while True:
            found = self.text.index(sign, at)
            place = bisect_left(self._starts, found + 1) - 1
            if place < 0 or self._comments[place].span.end <= found:
                return found
            at = self._comments[place].span.end

    def item(self, node: Tree, build: Callable[[], Doc], above: bool = True) -> Item:
        """Builds the document of something that can have comments above and behind; not ``above``, they go behind."""
        opened = _Open(placed=self._placed if above else -1)
        self._open.append(opened)
        doc = build()
        self._open.pop()
        untouched = self._placed == opened.placed + len(opened.above)
        rest = self.take(node.span.end)
        if untouched:
            return Item([*opened.above, *rest], doc, [])
        return Item(opened.above, doc, rest)

    def _strays(self, start: int) -> list[Comment]:
        """Comments before a bracket that nothing could take: above the item around, or else into the bracket."""
        opened = self._open[-1]
        untouched = self._placed == opened.placed + len(opened.above)
        strays = self.take(start)
        if untouched:
            opened.above += strays
            return []
        return strays

    # --------------------------------------------------------------------------------------- expressions

    def doc(self, node: Tree, hang: int = 2) -> Doc:
        """``hang`` is how far the stages of a pipe stand in from the line that it begins on."""
        match node:
            case Pipe():
                return self._pipe(node, hang)
            case Stage():
                label = f"{flat(node.label)}: " if node.label else ""
                return [label, self.doc(node.value), f" as {node.name.name}" if node.name else ""]
            case Call():
                callee = self.doc(node.callee)
                return [callee, self.bracket("(", node.args, ")", self.find("(", node.callee.span.end), node.span.end)]
            case Arg():
                return [f"{node.name.name}=" if node.name else "", self.doc(node.value)]
            case ListExpr():
                return self.bracket("[", node.items, "]", node.span.start, node.span.end)
            case TupleExpr():
                return self.bracket("(", node.items, ")", node.span.start, node.span.end, len(node.items) == 1)
            case Paren():
                return self._paren(node)
            case Chain():
                return self._chain(node, hang)
            case Unary():
                return ["-" if node.op == "-" else "not ", self.doc(node.operand)]
            case Conditional():
                then, test = self.doc(node.then), self.doc(node.test)
                return [then, " if ", test, " else ", self.doc(node.otherwise)]
            case Member():
                return [self.doc(node.value), f".{node.name.name}"]
            case Index():
                return [self.doc(node.value), f"[{', '.join(flat(item) for item in node.items)}]"]
            case Clause() if node.args is not None:
                start = self.find("(", node.name.span.end)
                return [node.name.name, self.bracket("(", node.args, ")", start, node.span.end)]
            case Attribute():
                start = self.find("(", node.span.start)
                return [f"@{node.name}", self.bracket("(", node.marks, ")", start, node.span.end)]
        return flat(node)

    def bracket(
        self,
        opening: str,
        items: Sequence[Tree],
        closing: str,
        start: int,
        end: int,
        comma: bool = False,
        force: bool = False,
    ) -> Doc:
        """``( … )`` or ``[ … ]``; ``comma`` is one that the flat form needs too, ``force`` breaks it in any case."""
        if not items and not self.has_comment(start, end):
            return opening + closing
        first = items[0].span.start if items else end
        commented = self.has_comment(start, end)
        forced = force or commented or "\n" in self.text[start + 1 : first]
        strays = self._strays(start) if commented else []
        tight = all(isinstance(item, Expr) and simple(item) for item in items)
        parts: list[Doc] = [opening]
        before = start + 1
        tail: list[Doc] = []  # comments behind the item before
        for place, node in enumerate(items):
            above = [*strays, *self.take(node.span.start)] if commented else []
            strays = []
            item = self.item(node, lambda node=node: self.doc(node)) if commented else Item([], self.doc(node), [])  # type: ignore[misc]
            above += item.above
            if not place:
                parts.append(Line(""))
            elif above or tail or (forced and "\n" in self.text[before : node.span.start]):
                parts.append(HARD)
            else:
                parts.append(Line(fill=forced or tight))
            for comment in above:
                parts += [comment.text, HARD]
            last = place == len(items) - 1
            parts += [item.doc, "," if comma or not last else IfBroken(",")]
            before = node.span.end
            if commented:
                tail = self.behind(item.behind, before, end if last else items[place + 1].span.start)
                parts += tail
        for comment in [*strays, *self.take(end)] if commented else []:
            parts += [HARD, comment.text]
        parts += [Line("", closing=True), closing]
        return Group(parts, 2, forced)

    def behind(self, late: list[Comment], end: int, limit: int) -> list[Doc]:
        """What stands behind an item on its line; the next line has to break."""
        beside = self.take_beside(end, limit)
        comments = [*late, *([beside] if beside else [])]
        parts: list[Doc] = [Beside(comments[0].text)] if comments else []
        for comment in comments[1:]:
            parts += [HARD, comment.text]
        return parts

    def _chain(self, node: Chain, hang: int) -> Doc:
        """Breaks before the operators that bind weakest, where it has to or the author did."""
        parts: list[Doc] = [self.doc(node.first)]
        forced = False
        end = node.first.span.end
        for step in node.steps:
            if step.op in ("+", "-", "++", "and", "or"):
                start = step.operand.span.start
                forced |= "\n" in self.text[end:start] and not self.has_comment(end, start)
                parts += [Line(), f"{step.op} "]
            else:
                parts.append(spaced(step.op))
            parts.append(self.doc(step.operand))
            end = step.operand.span.end
        return Group(parts, hang, forced)

    def _paren(self, node: Paren) -> Doc:
        start, end = node.span.start, node.span.end
        inner = node.value.span
        commented = self.has_comment(start, inner.start) or self.has_comment(inner.end, end)
        if not commented and "\n" not in self.text[start + 1 : inner.start]:
            return ["(", self.doc(node.value), ")"]
        strays = self._strays(start)
        above = [*strays, *self.take(inner.start)]
        item = self.item(node.value, lambda: self.doc(node.value, hang=0))
        parts: list[Doc] = ["(", Line("")]
        for comment in [*above, *item.above]:
            parts += [comment.text, HARD]
        parts += [item.doc, *self.behind(item.behind, inner.end, end)]
        for comment in self.take(end):
            parts += [HARD, comment.text]
        return Group([*parts, Line("", closing=True), ")"], 2, True)

    def _pipe(self, node: Pipe, hang: int) -> Doc:
        gaps = [
            "\n" in self.text[left.span.end : right.span.start]
            for left, right in zip(node.stages, node.stages[1:], strict=False)
        ]
        if not any(gaps) and not self.has_comment(node.span.start, node.span.end):
            parts: list[Doc] = [self.doc(node.stages[0])]
            for stage in node.stages[1:]:
                parts += [Line(), "-> ", self.doc(stage)]
            return Group(parts, hang)
        return self._broken_pipe(node, gaps, hang)

    def _broken_pipe(self, node: Pipe, gaps: list[bool], hang: int) -> Doc:
        """Each line that the author made is a group: it breaks further where it is too long."""
        lines: list[Doc] = []
        line: list[Doc] = [self.doc(node.stages[0])]
        inward = hang  # the first line's group begins where the pipe does, the others where they stand
        late: list[Comment] = []
        for place, stage in enumerate(node.stages[1:]):
            end = node.stages[place].span.end
            # What the stage before left over can stand above the pipe only while nothing else has a place.
            left = late or (self._strays(end) if place == 0 else [])
            beside = self.behind(left, end, stage.span.start)
            above = self.take(stage.span.start)
            last = place == len(gaps) - 1
            item = self._last_stage(stage) if last else self.item(stage, lambda stage=stage: self.doc(stage))  # type: ignore[misc]
            above += item.above
            if gaps[place] or above or beside:
                lines += [Group(line, inward), *beside, HARD]
                for comment in above:
                    lines += [comment.text, HARD]
                line, inward = ["-> ", item.doc], 0
            else:
                line += [Line(), "-> ", item.doc]
            late = item.behind
        return Group([*lines, Group(line, inward)], hang, bool(lines))

    def _last_stage(self, stage: Stage) -> Item:
        """Comments that can't stand above it are left to what the pipe stands in."""
        opened = _Open(placed=self._placed)
        self._open.append(opened)
        doc = self.doc(stage)
        self._open.pop()
        if self._placed == opened.placed + len(opened.above):
            opened.above += self.take(stage.span.end)
        return Item(opened.above, doc, [])
