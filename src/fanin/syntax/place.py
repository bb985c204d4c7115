"""The place of a token that nobody expects: what stands around it, and how its tokens can be mended."""

from __future__ import annotations

from collections.abc import Callable

from fanin.diagnostics.model import Code, Diagnostic, Fix, Label
from fanin.source import Span
from fanin.syntax.brackets import CLOSING
from fanin.syntax.driver import Parse
from fanin.syntax.lexer import END

Accepts = Callable[..., bool]


class Place:
    """One mistake, at ``parse.at``. ``mended`` says that tokens were changed so that the parser can go on."""

    def __init__(self, parse: Parse, expected: set[str], accepts: Accepts) -> None:
        self.parse, self.expected, self.accepts = parse, expected, accepts
        self.tokens = parse.tokens
        self.at = parse.at
        self.kind = self.tokens.types[self.at]
        self.mended = False

    @property
    def span(self) -> Span:
        return self.tokens.span(self.at)

    def text(self, offset: int = 0) -> str:
        at = self.at + offset
        return self.tokens.text(at) if 0 <= at < len(self.tokens.types) else ""

    def type(self, offset: int) -> str:
        at = self.at + offset
        return self.tokens.types[at] if 0 <= at < len(self.tokens.types) else END

    def bracket(self) -> str:
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

    def closing(self) -> int:
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

    def pop(self, back: int) -> None:
        """Takes the last ``back`` symbols off the stacks, which have to be as many tokens."""
        del self.parse.rows[-back:]
        del self.parse.values[-back:]
        self.parse.at -= back

    def say(
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
            span or self.span,
            label,
            labels=labels,
            notes=(note,) if note else (),
            helps=(help,) if help and not fix else (),
            fix=Fix(help, fix.edits, fix.safe) if fix and help else fix,
        )

    def replace(self, kind: str, value: object, at: int | None = None) -> None:
        place = self.at if at is None else at
        self.tokens.types[place], self.tokens.values[place] = kind, value
        self.mended = True
