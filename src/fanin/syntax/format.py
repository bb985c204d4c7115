"""The one layout: a tree and its comments back to text.

Formatting changes no meaning and keeps every comment, once and in order; formatting what was formatted changes
nothing. Where the author broke a pipe or a list it stays broken, line by line.
"""

from __future__ import annotations

from fanin.syntax.flat import flat, listed, opening
from fanin.syntax.layout import WIDTH, Doc, Group, Line, render
from fanin.syntax.shapes import Shaper
from fanin.syntax.signatures import signature
from fanin.syntax.tree import (
    Assert,
    Augment,
    Bind,
    Block,
    BlockAlias,
    Body,
    Comment,
    Const,
    Declaration,
    Expect,
    Extern,
    File,
    Fn,
    For,
    If,
    Inverse,
    Measure,
    Prune,
    PruneClause,
    Return,
    State,
    Statement,
    System,
    Train,
    TrainingStage,
    Tree,
    TypedBind,
    Update,
)


def format_file(file: File) -> str:
    """The text of a file that was read without syntax errors."""
    printer = _Printer(file)
    for declaration in file.declarations:
        printer.declaration(declaration)
    printer.remaining(len(file.source.text), 0)
    return "\n".join(printer.lines) + "\n" if printer.lines else ""


class _Printer:
    def __init__(self, file: File) -> None:
        self.text = file.source.text
        self.shaper = Shaper(file.source, file.comments)
        self.lines: list[str] = []
        self._end = 0  # where what was printed last ends in the source
        self._fresh = True  # nothing stands in these braces yet
        self._tailed = False  # the last line ends in a comment
        self._apart = False  # the last line must not become the documentation of what follows

    # ----------------------------------------------------------------------------------- lines, comments

    def _put(self, indent: int, lines: list[str], end: int) -> None:
        margin = " " * indent
        self.lines.append(margin + lines[0])
        self.lines += lines[1:]
        self._end, self._fresh, self._tailed = end, False, False

    def _gap(self, start: int) -> None:
        """At most one blank line, where the author has any, and none where braces open."""
        apart, self._apart = self._apart, False
        blank = not self._fresh and self.text.count("\n", self._end, start) > 1 and self.lines[-1]
        if apart or blank:
            self.lines.append("")

    def _own(self, comment: Comment, indent: int) -> None:
        self._put(indent, [comment.text], comment.span.end)
        self._tailed = True

    def remaining(self, end: int, indent: int) -> None:
        """The comments before ``end``, each on its own line."""
        for comment in self.shaper.take(end):
            self._gap(comment.span.start)
            self._own(comment, indent)

    def _beside(self, indent: int, late: list[Comment]) -> None:
        """Comments behind what was printed last; what finds no place on its line goes below."""
        beside = self.shaper.take_beside(self._end, len(self.text))
        for comment in [*late, *([beside] if beside else [])]:
            if self._tailed:
                self._own(comment, indent)
                self._apart = not indent and comment.text.startswith("##")
            else:
                self.lines[-1] += f"  {comment.text}"
                self._tailed = True
            self._end = max(self._end, comment.span.end)

    # ---------------------------------------------------------------------------------------- statements

    def _lead(self, node: Statement | Declaration, indent: int) -> None:
        """What stands above: comments, and attributes with theirs."""
        for attribute in node.attributes:
            self.remaining(attribute.span.start, indent)
            self._gap(attribute.span.start)
            item = self.shaper.item(attribute, lambda attribute=attribute: self.shaper.doc(attribute), above=False)  # type: ignore[misc]
            self._put(indent, render(item.doc, indent), attribute.span.end)
            self._beside(indent, item.behind)
        self.remaining(node.span.start, indent)
        self._gap(node.span.start)

    def statement(self, node: Statement, indent: int) -> None:
        self._lead(node, indent)
        if isinstance(node, For | If | TrainingStage):
            self._compound(node, indent)
            return
        self._simple(node, indent, above=True)

    def _simple(self, node: Tree, indent: int, above: bool) -> None:
        item = self.shaper.item(node, lambda: self._simple_doc(node), above)
        for comment in item.above:
            self._own(comment, indent)
        self._put(indent, render(item.doc, indent), node.span.end)
        self._beside(indent, item.behind)

    def _simple_doc(self, node: Tree) -> Doc:
        doc = self.shaper.doc
        match node:
            case Bind():
                return [f"{listed(node.names)} = ", doc(node.value)]
            case Augment():
                return [f"{node.name.name} {node.op}= ", doc(node.value)]
            case TypedBind():
                return [f"{node.name.name}: {flat(node.type)} = ", doc(node.value)]
            case State():
                return [f"{node.kind} {node.name.name}: {flat(node.type)} = ", doc(node.value)]
            case Update():
                return [f"update {node.name.name} = ", doc(node.value)]
            case Measure():
                return [f"{node.kind} {node.name.name} = ", doc(node.value)]
            case Const():
                return [f"const {node.name.name} = ", doc(node.value)]
            case BlockAlias():
                return [f"{opening(node)} = ", doc(node.value)]
            case Expect():
                return ["expect ", doc(node.test)]
            case Assert():
                return ["assert ", doc(node.test), f", {flat(node.message)}" if node.message else ""]
            case Train():
                head: Doc = [f"train {listed(node.nets)} on ", doc(node.loss)]
                recipes: list[Doc] = [Line(), "with ", doc(node.optimiser)]
                for option in node.options:
                    recipes += [",", Line(fill=True), doc(option)]
                return Group([head, *recipes], 2)
            case Return():
                values: list[Doc] = ["return "]
                for place, value in enumerate(node.values):
                    values += [", " if place else "", doc(value)]
                return values
        return flat(node)

    def _compound(self, node: For | If | TrainingStage, indent: int) -> None:
        short = self._inline(node)
        if short is not None and indent + len(short) <= WIDTH:
            self._put(indent, [short], node.span.end)
            self._beside(indent, [])
            return
        bodies = [body for _, body in node.branches] if isinstance(node, If) else [node.body]
        item = self.shaper.item(_Head(node, bodies[0].span.start), lambda: self._head(node))
        for comment in item.above:
            self._own(comment, indent)
        head = render(item.doc, indent)
        self._put(indent, [*head[:-1], head[-1] + " {"], bodies[0].span.start + 1)
        self._body(bodies[0], indent, item.behind)
        if isinstance(node, If):
            for test, body in node.branches[1:]:
                self.lines[-1] += f" elif {flat(test)} {{"
                self._end = body.span.start + 1
                self._body(body, indent)
            if node.otherwise:
                self.lines[-1] += " else {"
                self._end = node.otherwise.span.start + 1
                self._body(node.otherwise, indent)
        self._beside(indent, [])

    def _head(self, node: For | If | TrainingStage) -> Doc:
        match node:
            case For():
                return [f"for {listed(node.names)} in ", self.shaper.doc(node.iterable)]
            case If():
                return ["if ", self.shaper.doc(node.branches[0][0])]
        return flat(node)

    def _inline(self, node: Statement) -> str | None:
        """The statement on one line, where the author has it so and its braces hold one statement each."""
        if "\n" in node.span.text or node.attributes:
            return None
        match node:
            case For() | TrainingStage():
                return self._inline_body(flat(node), node.body)
            case If():
                text: str | None = ""
                for place, (test, body) in enumerate(node.branches):
                    text = self._inline_body(f"{text}{' el' if place else ''}if {flat(test)}", body)
                    if text is None:
                        return None
                return self._inline_body(f"{text} else", node.otherwise) if node.otherwise else text
        return flat(node)

    def _inline_body(self, head: str, body: Body) -> str | None:
        if "\n" in body.span.text or len(body.statements) > 1:
            return None
        if not body.statements:
            return f"{head} {{ }}"
        inside = self._inline(body.statements[0])
        return None if inside is None else f"{head} {{ {inside} }}"

    def _body(self, body: Body, indent: int, late: list[Comment] | None = None) -> None:
        """The lines between braces, and the closing one; the opening one is printed, the ``late`` comments not."""
        self._statements(body.statements, body.span.end, indent, late or [])

    def _statements(
        self,
        nodes: tuple[Statement, ...] | tuple[PruneClause, ...],
        end: int,
        indent: int,
        late: list[Comment],
    ) -> None:
        self._fresh, self._tailed = True, False
        if not nodes and not late and not self.shaper.is_waiting(end - 1):
            self.lines[-1] += " }"
            self._end, self._fresh = end, False
            return
        self._beside(indent + 2, late)
        self._fresh = True
        for node in nodes:
            if isinstance(node, Statement):
                self.statement(node, indent + 2)
            else:
                self.remaining(node.span.start, indent + 2)
                self._gap(node.span.start)
                self._simple(node, indent + 2, above=True)
        self.remaining(end - 1, indent + 2)
        self._put(indent, ["}"], end)

    # -------------------------------------------------------------------------------------- declarations

    def declaration(self, node: Declaration) -> None:
        """Comments in the head of one go behind it: above, they could be taken for its documentation."""
        self._lead(node, 0)
        if isinstance(node, Fn | Block | System):
            self._signed(node, node.body)
            if isinstance(node, Block) and node.inverse:
                self._signed(node.inverse, node.inverse.body, " ")
        elif isinstance(node, Extern):
            self._put(0, signature(self.shaper, node, ""), node.span.end)
            self._beside(0, self.shaper.take(node.span.end))
            return
        elif isinstance(node, Prune):
            self._braced(flat(node), node, self.shaper.find("{", node.of.span.end))
        elif isinstance(node, BlockAlias) and node.promises:
            self._promising(node, node.promises)
        else:
            self._simple(node, 0, above=False)
            return
        self._beside(0, [])

    def _signed(self, node: Fn | Block | System | Inverse, body: Body, before: str = "") -> None:
        lines = signature(self.shaper, node, " {")
        if len(lines) == 1 and not before and not self.shaper.is_waiting(body.span.end):
            short = self._inline_body(lines[0].removesuffix(" {"), body)
            if short is not None and len(short) <= WIDTH:
                self._put(0, [short], body.span.end)
                return
        if before:
            lines[0] = self.lines.pop() + before + lines[0]
        self._put(0, lines, body.span.start + 1)
        self._body(body, 0)

    def _promising(self, node: BlockAlias, promises: Body) -> None:
        text = flat(node)
        short = self._inline_body(text, promises) if "\n" not in node.span.text else None
        if short is not None and len(short) <= WIDTH:
            self._put(0, [short], node.span.end)
            return
        item = self.shaper.item(_Head(node, promises.span.start), lambda: self._simple_doc(node), above=False)
        lines = render(item.doc, 0)
        self._put(0, [*lines[:-1], lines[-1] + " {"], promises.span.start + 1)
        self._body(promises, 0, item.behind)

    def _braced(self, head: str, node: Prune, start: int) -> None:
        self._put(0, [head + " {"], start + 1)
        self._statements(node.clauses, node.span.end, 0, [])


class _Head(Tree):
    """The head of a statement with braces, up to these."""

    def __init__(self, node: Tree, end: int) -> None:
        object.__setattr__(self, "span", node.span._replace(end=end))
