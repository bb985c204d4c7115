"""What to say about a token that can't stand where it stands: the likely intent first, or else what was expected."""

from __future__ import annotations

from collections.abc import Callable

from fanin.diagnostics import codes
from fanin.diagnostics.model import Code, Diagnostic, Edit, Fix, Label
from fanin.diagnostics.suggest import nearest
from fanin.source import Span
from fanin.syntax.brackets import CLOSING, begins_line, column
from fanin.syntax.driver import Parse
from fanin.syntax.lexer import END, RESERVED
from fanin.syntax.rework import Virtual
from fanin.syntax.tree import Augment, Bind, Expr, Ident, Number, Return, Statement, TypedBind
from fanin.syntax.words import describe, expectation

Accepts = Callable[..., bool]

_STATEMENT_WORDS = "param buffer update for if assert expect return loss metric train stage".split()
_DECLARATION_WORDS = "from const fn block extern model system prune".split()
FOREIGN_DECLARATIONS = {
    "def": "a function is declared with `fn`, a module with `block`",
    "class": "a module is declared with `block`, a network with `model`",
    "function": "a function is declared with `fn`",
    "func": "a function is declared with `fn`",
    "let": "a compile-time value is declared with `const`",
    "var": "a compile-time value is declared with `const`",
    "import": "a declaration is imported with `from FILE import NAME`",
    "module": "a module is declared with `block`",
    "layer": "a layer is declared with `block`",
    "network": "a network is declared with `model`",
    "struct": "a module is declared with `block`",
}
_FOREIGN_STATEMENTS = set("let var val auto local tensor mut set int float bool str list".split())


class Unexpected:
    """One mistake, at ``parse.at``. ``mended`` says that tokens were changed so that the parser can go on."""

    def __init__(self, parse: Parse, expected: set[str], accepts: Accepts) -> None:
        self.parse, self.expected, self.accepts = parse, expected, accepts
        self.tokens = parse.tokens
        self.at = parse.at
        self.kind = self.tokens.types[self.at]
        self.mended = False

    def explain(self) -> Diagnostic | None:
        for guess in (
            self._percent,
            self._attribute,
            self._conditional,
            self._comprehension,
            self._colon,
            self._equals,
            self._unpacking,
            self._point,
            self._declaration,
            self._statement,
            self._reserved,
            self._comma,
        ):
            found = guess()
            if found:
                return found
        return self._plain()

    # ------------------------------------------------------------------------------------------- helpers

    @property
    def _span(self) -> Span:
        return self.tokens.span(self.at)

    def _text(self, offset: int = 0) -> str:
        at = self.at + offset
        return self.tokens.text(at) if 0 <= at < len(self.tokens.types) else ""

    def _type(self, offset: int) -> str:
        at = self.at + offset
        return self.tokens.types[at] if 0 <= at < len(self.tokens.types) else END

    def _open(self) -> str:
        """The innermost bracket that is open here: ``(``, ``[``, ``{`` or nothing."""
        depth = 0
        for at in range(self.at - 1, -1, -1):
            kind = self.tokens.types[at]
            if kind in CLOSING:
                depth += 1
            elif kind in ("LPAR", "LSQB", "LBRACE"):
                if not depth:
                    return {"LPAR": "(", "LSQB": "[", "LBRACE": "{"}[kind]
                depth -= 1
        return ""

    def _closing(self) -> int:
        """The token that closes the innermost open bracket."""
        depth = 0
        at = self.at
        while self.tokens.types[at] != END:
            kind = self.tokens.types[at]
            if kind in CLOSING:
                if not depth:
                    return at
                depth -= 1
            elif kind in ("LPAR", "LSQB", "LBRACE"):
                depth += 1
            at += 1
        return at

    def _in_body(self) -> bool:
        """Whether the token before is the first of a statement."""
        rows = self.parse.rows
        return len(rows) > 1 and "_stmt" in rows[-2] and self._type(-1) != "LBRACE"

    def _pop(self, back: int) -> None:
        """Takes the last ``back`` symbols off the stacks, which have to be as many tokens."""
        del self.parse.rows[-back:]
        del self.parse.values[-back:]
        self.parse.at -= back

    def _say(
        self,
        code: Code,
        headline: str,
        label: str = "",
        span: Span | None = None,
        help: str = "",
        fix: Fix | None = None,
        note: str = "",
        labels: tuple[Label, ...] = (),
    ) -> Diagnostic:
        return Diagnostic(
            code,
            headline,
            span or self._span,
            label,
            labels=labels,
            notes=(note,) if note else (),
            helps=(help,) if help else (),
            fix=fix,
        )

    def _replace(self, kind: str, value: object, at: int | None = None) -> None:
        place = self.at if at is None else at
        self.tokens.types[place], self.tokens.values[place] = kind, value
        self.mended = True

    # ------------------------------------------------------------------------------------ inside brackets

    def _percent(self) -> Diagnostic | None:
        """``20%`` was split into a number and a remainder, and nothing follows that could be divided by."""
        if self._type(-1) != "REMAINDER":
            return None
        number = self.tokens.values[self.at - 2]
        if not isinstance(number, Number) or number.span.end != self.tokens.start(self.at - 1):
            return None
        share = f"{number.value / 100:g}"
        span = number.span.to(self.tokens.span(self.at - 1))
        self._pop(1)
        self.tokens.delete(self.at - 1, self.at)
        self.mended = True
        return self._say(
            codes.SYN122,
            f"`{span.text}` is a percentage, and those stand in a `prune` only",
            f"write `{share}`",
            span,
            f"write `{share}`",
            Fix(f"write `{share}`", (Edit(span, share),), safe=True),
        )

    def _attribute(self) -> Diagnostic | None:
        """``a @b``: meant as a matrix product."""
        if self.kind == "ATTR" and "MATMUL" in self.expected:
            name = self.tokens.values[self.at]
            start = name.span.start
            rest = Ident(name.span._replace(start=start + 1), name.name)
            self._replace("MATMUL", start)
            self.tokens.insert(self.at + 1, "NAME", rest)
            span = name.span._replace(end=start + 1)
            return self._say(
                codes.SYN123,
                f"the matrix product has a space behind its `@`: `@ {name.name}`",
                "this reads as an attribute",
                span,
                f"write `@ {name.name}`",
                Fix("put a space", (Edit(name.span, f"@ {name.name}"),), safe=True),
            )
        if self.kind == "MATMUL" and self._type(1) == "NAME" and "ATTR" in self.expected:
            name = self.tokens.values[self.at + 1]
            span = self._span.to(name.span)
            self._replace("ATTR", Ident(span, name.name))
            self.tokens.delete(self.at + 1, self.at + 2)
            return self._say(
                codes.SYN123,
                f"an attribute has no space behind its `@`: `@{name.name}`",
                "",
                span,
                f"write `@{name.name}`",
                Fix("leave the space out", (Edit(span, f"@{name.name}"),), safe=True),
            )
        return None

    def _conditional(self) -> Diagnostic | None:
        """``x = a if c else b``: the `if` was read as a statement of its own."""
        values = self.parse.values
        if self.kind == "IF" and self._open() == "[" and "RSQB" in self.expected:
            return self._say(
                codes.SYN116, "a conditional in an index stands in brackets of its own", "", help="write `x[(a if c else b)]`"
            )
        if self.kind != "ELSE" or len(values) < 2:
            return None
        word = next((n for n in range(len(values) - 1, max(-1, len(values) - 4), -1) if self._is_if(values[n])), None)
        if word is None or not isinstance(values[word - 1], list) or not values[word - 1]:
            return None
        before = values[word - 1][-1]
        value = self._last_value(before)
        if value is None:
            return None
        end = self.at + 1
        while self.tokens.types[end] != END and not begins_line(self.tokens, end) and self.tokens.types[end] != "RBRACE":
            end += 1
        whole = value.span.to(self.tokens.span(end - 1))
        source = whole.source
        edits = (
            Edit(Span(source, whole.start, whole.start), "("),
            Edit(Span(source, whole.end, whole.end), ")"),
        )
        del self.parse.rows[word + 1 :]
        del self.parse.values[word:]
        self.parse.at = end
        self.mended = True
        text = " ".join(whole.text.split())
        return self._say(
            codes.SYN116,
            "a conditional stands in brackets",
            "bracket this",
            whole,
            f"write `({text})`" if len(text) < 80 and "#" not in text else "put brackets around it",
            Fix("bracket the conditional", edits, safe=True),
            "without them, the `if` begins a statement of its own",
        )

    def _is_if(self, value: object) -> bool:
        return isinstance(value, int) and self.tokens.source.text.startswith("if", value)

    def _last_value(self, statement: object) -> Expr | None:
        match statement:
            case Bind() | Augment() | TypedBind():
                return statement.value
            case Return():
                return statement.values[-1]
            case Statement():
                return getattr(statement, "value", None) or getattr(statement, "test", None)
        return None

    def _comprehension(self) -> Diagnostic | None:
        if self.kind not in ("FOR", "IF") or self._open() not in ("[", "("):
            return None
        if self.kind == "FOR":
            close = self._closing()
            start = self._span
            end = self.tokens.span(close - 1) if close > self.at else start
            self.tokens.delete(self.at, close)
            self.mended = True
            return self._say(
                codes.SYN124,
                "there are no comprehensions: `map(f, xs)` applies `f` to each of a list",
                "not part of a list",
                start.to(end),
                "write `map(f, xs)`, or fill the list in a `for` with `ys = ys ++ [f(x)]`",
            )
        return None

    def _colon(self) -> Diagnostic | None:
        """A body that begins with ``:`` and is told by its indentation."""
        if self.kind != "COLON" or "LBRACE" not in self.expected:
            return None
        margin = column(self.tokens, self.at)
        end = self.at + 1
        same_line = self.tokens.types[end] != END and not begins_line(self.tokens, end)
        while self.tokens.types[end] != END:
            if begins_line(self.tokens, end) and (same_line or column(self.tokens, end) <= margin):
                break
            end += 1
        colon = self._span
        last = self.tokens.end(end - 1)
        source = colon.source
        edits = (
            Edit(Span(source, colon.start, colon.end), " {"),
            Edit(Span(source, last, last), " }" if same_line else f"\n{' ' * margin}}}"),
        )
        self._replace("LBRACE", colon.start)
        self.tokens.insert(end, "RBRACE", Virtual(self.tokens.start(end)))
        return self._say(
            codes.SYN115,
            "a body stands in braces; indentation means nothing",
            "write `{` here, and `}` at the end",
            colon,
            "write `{` for `:`, and `}` behind the last statement",
            Fix("put braces", edits),
        )

    def _equals(self) -> Diagnostic | None:
        if self.kind == "EQUAL" and "CMP" in self.expected and "EQUAL" not in self.expected:
            here = self._type(-1)
            if self._open() in ("(", "[") or "LBRACE" in self.expected:
                self._replace("CMP", self.tokens.values[self.at])
                return self._say(
                    codes.SYN109,
                    "`=` binds a name or an argument; two values are compared with `==`",
                    "write `==`" if here != "RSQB" else "",
                    help="write `==`",
                    fix=Fix("write `==`", (Edit(self._span, "=="),)),
                )
        return None

    def _unpacking(self) -> Diagnostic | None:
        if self.kind not in ("STAR", "POWER") or self._open() not in ("(", "[") or self._type(-1) not in ("LPAR", "LSQB", "COMMA"):
            return None
        sign, name = self._text(), self._text(1)
        span = self._span.to(self.tokens.span(self.at + 1)) if self._type(1) == "NAME" else self._span
        what = "every parameter is written out" if "RPAR" in self.expected and "INT" not in self.expected else (
            "arguments can't be unpacked: a list is passed as one value"
        )
        if self._type(1) == "NAME":
            self.tokens.delete(self.at, self.at + 1)
            self.mended = True
        return self._say(
            codes.SYN114,
            f"`{sign}{name}`: {what}",
            "not part of the language",
            span,
            f"write the ones that are meant in place of `{sign}{name}`",
        )

    def _point(self) -> Diagnostic | None:
        """``.5`` and ``1.``."""
        before = self.tokens.values[self.at - 2] if self.at > 1 else None
        if self._type(-1) == "DOT" and self._type(-2) == "INT" and isinstance(before, Number):
            span = before.span.to(self.tokens.span(self.at - 1))
            self._pop(1)
            self.tokens.delete(self.at - 1, self.at)
            self.mended = True
            return self._say(
                codes.SYN111,
                f"`{span.text}` lacks a digit behind its point",
                f"write `{span.text}0`",
                span,
                f"write `{span.text}0`",
                Fix(f"write `{span.text}0`", (Edit(span, f"{span.text}0"),), safe=True),
            )
        if self.kind == "DOT" and self._type(1) == "INT" and "INT" in self.expected:
            number = self.tokens.values[self.at + 1]
            span = self._span.to(number.span)
            self._replace("FLOAT", Number(span, 0.5, f"0.{number.text}", "float"))
            self.tokens.delete(self.at + 1, self.at + 2)
            return self._say(
                codes.SYN111,
                f"`{span.text}` lacks a digit before its point",
                f"write `0{span.text}`",
                span,
                f"write `0{span.text}`",
                Fix(f"write `0{span.text}`", (Edit(span, f"0{span.text}"),), safe=True),
            )
        return None

    # --------------------------------------------------------------------- statements and declarations

    def _declaration(self) -> Diagnostic | None:
        """Something else at the level of the file."""
        if not {"CONST", "FROM"} <= self.expected:
            return None
        word = self._text()
        if word in FOREIGN_DECLARATIONS:
            return self._say(
                codes.SYN114, f"`{word}` is no word of the language: {FOREIGN_DECLARATIONS[word]}", "", help=FOREIGN_DECLARATIONS[word]
            )
        if self.kind == "NAME" and self._type(1) == "NAME" or (self.kind == "NAME" and self._type(1) in ("BLOCK", "STRING")):
            meant = nearest(word, _DECLARATION_WORDS)
            if meant:
                self._replace(meant.upper(), self.tokens.values[self.at] if meant not in RESERVED else self.tokens.start(self.at))
                if meant not in RESERVED:
                    name = self.tokens.values[self.at]
                    self.tokens.values[self.at] = Ident(name.span, meant)
                return self._typo(word, meant, self._span)
        if word in _STATEMENT_WORDS or self._type(1) in ("EQUAL", "AUG", "COMMA", "COLON", "ARROW", "LPAR"):
            what = f"`{word}`" if word in _STATEMENT_WORDS else "a statement"
            hint = "write `const` before it, or move it into a body" if self._type(1) == "EQUAL" else "move it into the body of a `block`, `model`, `fn` or `system`"
            return self._say(
                codes.SYN129,
                f"{what} stands in a body: a file holds declarations",
                "not in a body",
                help=hint,
                fix=Fix("make it a `const`", (Edit(self._span._replace(end=self._span.start), "const "),))
                if self._type(1) == "EQUAL" and self.kind == "NAME"
                else None,
            )
        return None

    def _typo(self, word: str, meant: str, span: Span) -> Diagnostic:
        return self._say(
            codes.SYN131,
            f"no statement or declaration begins with `{word}`; did you mean `{meant}`?",
            f"write `{meant}`",
            span,
            f"write `{meant}`",
            Fix(f"write `{meant}`", (Edit(span, meant),)),
        )

    def _statement(self) -> Diagnostic | None:
        """A statement that begins with a name and goes on as no statement does."""
        rows, tokens = self.parse.rows, self.tokens
        first = tokens.values[self.at - 1] if self.at else None
        if not isinstance(first, Ident) or len(rows) < 2 or "_stmt" not in rows[-2] or "EQUAL" not in self.expected:
            return None
        if first.name == "self" and self.kind == "DOT":
            span = first.span.to(self._span)
            self._pop(1)
            tokens.delete(self.at - 1, self.at + 1)
            self.mended = True
            return self._say(
                codes.SYN114,
                "there is no `self`: what a body binds belongs to its block",
                "leave it out",
                span,
                "leave `self.` out",
                Fix("leave `self.` out", (Edit(span, ""),), safe=True),
            )
        same_line = not begins_line(tokens, self.at)
        if self.kind == "NAME" and same_line:
            if first.name in _FOREIGN_STATEMENTS and self._type(1) == "EQUAL":
                name = self._span
                self._pop(1)
                tokens.delete(self.at - 1, self.at)
                self.mended = True
                return self._say(
                    codes.SYN114,
                    f"`{first.name}` is not needed: `{name.text} = …` binds the name",
                    "leave it out",
                    first.span,
                    f"leave `{first.name}` out",
                    Fix("leave it out", (Edit(first.span.to(name), name.text),), safe=True),
                )
            meant = nearest(first.name, _STATEMENT_WORDS)
            if meant:
                self._pop(1)
                value = first.span.start if meant in RESERVED else Ident(first.span, meant)
                self._replace(meant.upper(), value, self.at - 1)
                return self._typo(first.name, meant, first.span)
        return self._bare(first) if same_line or self.kind in ("ARROW", "LPAR") else None

    def _bare(self, first: Ident) -> Diagnostic | None:
        name = first.name
        if self.kind in ("LSQB", "DOT"):
            end = self.at
            while self.tokens.types[end] not in (END, "EQUAL", "AUG", "RBRACE") and (
                end == self.at or not begins_line(self.tokens, end)
            ):
                end += 1
            if self.tokens.types[end] in ("EQUAL", "AUG"):
                span = first.span.to(self.tokens.span(end - 1))
                # Read on as if `_` were bound.
                self._pop(1)
                self.tokens.delete(self.at, end)
                self._replace("NAME", Ident(first.span, "_"), self.at - 1)
                note = "values don't change: a new one is bound to the name"
                help = f"build a new list and bind it to `{name}`" if self.kind == "LSQB" else "bind a name of its own"
                return self._say(
                    codes.SYN128, f"`{span.text}` can't be bound: only a name can", "not a name", span, help, note=note
                )
        if self.kind in ("ARROW", "LPAR", "DOT", "LSQB", "PLUS", "STAR", "MINUS", "SLASH"):
            flows = self.kind == "ARROW"
            self._pop(1)
            self.tokens.insert(self.at - 1, "EQUAL", Virtual(first.span.start))
            self.tokens.insert(self.at - 1, "NAME", Ident(first.span, "_"))
            self.mended = True
            return self._say(
                codes.SYN128,
                "a value that is bound to no name does nothing: a statement binds or returns it",
                "no name is bound here",
                first.span,
                f"write `{name} = {name} -> …` or `return {name} -> …`"
                if flows
                else f"write `NAME = {name}…` or `return {name}…`",
            )
        return None

    def _reserved(self) -> Diagnostic | None:
        """A reserved word where a name belongs, and all would be well if it were one."""
        if "NAME" not in self.expected or self._text() not in RESERVED or self.kind == END:
            return None
        word = self._text()
        behind = self._type(1)
        if not self.accepts(self.parse, "NAME", behind) or (behind == END and self.kind != "IN"):
            return None
        if self.kind in ("FOR", "IF", "RETURN", "PARAM", "BUFFER", "ASSERT", "EXPECT") and begins_line(self.tokens, self.at):
            return None
        self._replace("NAME", Ident(self._span, f"{word}_"))
        return self._say(
            codes.SYN112,
            f"`{word}` is a reserved word and can't be a name",
            "choose another name",
            help=f"write `{word}_`, for example",
        )

    def _comma(self) -> Diagnostic | None:
        if "COMMA" not in self.expected or self._open() not in ("(", "[") or self.kind in CLOSING or self.kind == END:
            return None
        if not self.accepts(self.parse, "COMMA", self.kind):
            return None
        before = self.tokens.end(self.at - 1)
        place = Span(self.tokens.source, before, before)
        self.tokens.insert(self.at, "COMMA", Virtual(before))
        self.mended = True
        return self._say(
            codes.SYN130,
            f"a comma is missing before {describe(self.kind, self.tokens.text(self.at + 1))}",
            "something comes before this",
            self.tokens.span(self.at + 1),
            "separate them with `,`",
            Fix("put a comma", (Edit(place, ","),)),
        )

    def _plain(self) -> Diagnostic:
        found = describe(self.kind, self._text())
        wanted = expectation(self.expected)
        if self.kind == "RBRACE" and self._type(-1) == "RETURN":
            return self._say(codes.SYN101, "`return` lacks its value", "", self.tokens.span(self.at - 1), "write `return x`")
        note = ""
        if self._text() in RESERVED and "NAME" in self.expected:
            note = f"`{self._text()}` is a reserved word, not a name"
        return self._say(codes.SYN101, f"expected {wanted}, found {found}", f"expected {wanted}", note=note)

