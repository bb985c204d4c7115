"""Random edits of real specs: the checker answers with diagnostics, in time, and never with an exception."""

from __future__ import annotations

import random
import re
import time
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from fanin.diagnostics.fixes import edited
from fanin.diagnostics.model import Edit
from fanin.pipeline import check_source
from fanin.source import Source, Span
from fanin.syntax import tree
from fanin.syntax.parser import parse

ROOT = Path(__file__).parents[2]
FOLDERS = (ROOT / "specs", ROOT.parent / "shared" / "examples", ROOT / "tests" / "golden" / "errors")
SPECS = sorted(path for folder in FOLDERS for path in folder.glob("*.arch") if not path.name.startswith("SYN"))
LIMIT = 2.0  # seconds of processor time for one check
QUICK, SLOW = 60, 5000

TOKEN = re.compile(r'\s+|#[^\n]*|"[^"\n]*"|[A-Za-z_]\w*|\d[\d_.]*\w*|->|\.\.\.?|\+\+|//|\*\*|[<>=!+*/-]=|.', re.DOTALL)
NUMBERS = ("0", "1", "2", "3", "7", "64", "-1", "0.5", "1_000_000_000_000", "99999999999999999999", "1.0", "1e308")
SURPRISES = (
    "none", "true", "x", "relu", "Linear(8)", "ReLU", "[1, 2]", "(x, x)", '"a"', "...", "*", "->", "==", "N", "H", "in",
    "x -> ", "12 * Linear(8)", "[]", "()", ",", ":", "{ }", "if", "for i in 0..3", "return x", "param", "@",
    "Conv2d(8, 3)", "x.shape", "x[0]", "x[-1:]", "not", "++ [x]", "as y", "zeros", "concat",
    "training", "int[B]", "?", "H // 2", "% 0",
)  # fmt: skip


def mutated(text: str, rng: random.Random) -> str:
    """The text after one to three random edits of its tokens."""
    tokens = TOKEN.findall(text)
    for _ in range(rng.randint(1, 3)):
        places = [i for i, token in enumerate(tokens) if token.strip() and not token.startswith("#")]
        if len(places) < 2:
            break
        at, other = rng.choice(places), rng.choice(places)
        kind = rng.randrange(9)
        if kind == 0:
            tokens[at] = ""
        elif kind == 1:
            tokens[at] = f"{tokens[at]} {tokens[at]}"
        elif kind == 2:
            tokens[at], tokens[other] = tokens[other], tokens[at]
        elif kind == 3:
            tokens[at] = tokens[other]
        elif kind == 4:
            tokens[at] = rng.choice(SURPRISES)
        elif kind == 5:  # a name for another name
            names = [i for i in places if tokens[i][0].isalpha()]
            tokens[rng.choice(names)] = tokens[rng.choice(names)]
        elif kind == 6:  # a number for another
            numbers = [i for i in places if tokens[i][0].isdigit()]
            if numbers:
                tokens[rng.choice(numbers)] = rng.choice(NUMBERS)
        elif kind == 7:  # a bracket less
            brackets = [i for i in places if tokens[i] in tuple("()[]{}")]
            if brackets:
                tokens[rng.choice(brackets)] = ""
        else:  # a whole call or list for something else
            span = _bracketed(tokens, at)
            tokens[at : at + span] = [rng.choice(SURPRISES)]
    return "".join(tokens)


@cache
def parts_of(path: Path) -> tuple[str, tuple[Span, ...], tuple[Span, ...]]:
    """A spec's text, and where its expressions and its statements stand."""
    source = Source(path.name, path.read_text(encoding="utf-8"))
    file, problems = parse(source)
    assert not problems
    expressions: list[Span] = []
    statements: list[Span] = []
    work: list[Any] = list(file.declarations)
    while work:
        node = work.pop()
        if isinstance(node, tuple):
            work.extend(node)
        elif isinstance(node, tree.Tree):
            if isinstance(node, tree.Expr):
                expressions.append(node.span)
            elif isinstance(node, tree.Statement):
                statements.append(node.span)
            work.extend(getattr(node, f.name) for f in fields(node) if f.name != "span")
    return source.text, tuple(expressions), tuple(statements)


def rearranged(path: Path, rng: random.Random) -> str:
    """The spec after one or two edits that mostly leave it readable: expressions and statements in other places."""
    text, expressions, statements = parts_of(path)
    edits: list[Edit] = []
    for _ in range(rng.randint(1, 2)):
        kind = rng.randrange(6)
        at = rng.choice(statements if kind >= 4 else expressions)
        if kind <= 1:
            new = rng.choice(expressions).text
        elif kind == 2:
            new = rng.choice((*NUMBERS, *SURPRISES))
        elif kind == 3:
            new = f"({at.text})"
        elif kind == 4:
            new = ""
        else:
            new = f"{at.text} {rng.choice(statements).text}"
        if all(at.end <= e.span.start or e.span.end <= at.start for e in edits):
            edits.append(Edit(at, new))
    return edited(text, edits)


def _bracketed(tokens: list[str], at: int) -> int:
    """How many tokens there are from here to the bracket that closes the next one."""
    depth = 0
    for count, token in enumerate(tokens[at : at + 60], 1):
        depth += (token in ("(", "[", "{")) - (token in (")", "]", "}"))
        if depth <= 0 and count > 1:
            return count
    return 1


def survives(number: int) -> None:
    rng = random.Random(number)
    path = rng.choice(SPECS)
    text = rearranged(path, rng) if rng.random() < 0.6 else mutated(path.read_text(encoding="utf-8"), rng)
    took = LIMIT
    for _ in range(2):  # a second time where the machine was held up
        began = time.process_time()
        try:
            check_source(Source(path.name, text), str(path), None, None)
        except Exception as error:
            pytest.fail(f"seed {number}, {path.name}: {type(error).__name__}: {error}\n\n{text}", pytrace=True)
        took = time.process_time() - began
        if took < LIMIT:
            break
    assert took < LIMIT, f"seed {number}, {path.name}: {took:.1f} s\n\n{text}"


@pytest.mark.parametrize("number", range(QUICK))
def test_a_mutated_spec_gives_diagnostics(number: int) -> None:
    survives(number)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(QUICK, QUICK + SLOW))
def test_a_mutated_spec_gives_diagnostics_at_length(number: int) -> None:
    survives(number)
