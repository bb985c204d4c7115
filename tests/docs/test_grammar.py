"""The grammar that the language reference prints is the one that is parsed."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest
from lark import Lark
from lark.exceptions import LarkError

from fanin.source import Source
from fanin.syntax.parser import parse
from tests.docs.blocks import ROOT, blocks
from tests.docs.test_docs import PAGES

LARK = (ROOT / "grammars/fanin.lark").read_text(encoding="utf-8")

RESERVED = re.findall(r'^[A-Z]+: "([a-z]+)"$', LARK.split("// Reserved.")[1].split("//")[0], re.MULTILINE)


@cache
def printed() -> Lark:
    """The grammar of the page, for an Earley parser: `name` and the tokens are those of ``grammars/fanin.lark``."""
    (block,) = [block for block in blocks("docs/language.md") if block.kind == "ebnf"]
    text = re.sub(r"list\{(\w+)\}", r'(\1 ("," \1)* ","?)', block.text)
    rules = re.sub(r"^(\w+) *=(?!=)", r"\1:", text, flags=re.MULTILINE)
    reserved = "|".join(RESERVED)
    tokens = re.findall(r"^(?:PERCENT|SIZE|FLOAT|INT|STRING|ATTR|AUG|CMP|COMMENT|SPACE): .*$", LARK, re.MULTILINE)
    name = rf"NAME: /(?!(?:{reserved})\b)(?!__)[A-Za-z_][A-Za-z0-9_]*/"
    lines = [rules.replace("file:", "start:"), "name: NAME", name, *tokens, "%ignore COMMENT", "%ignore SPACE"]
    return Lark("\n".join(lines), parser="earley", lexer="dynamic")


def specs() -> list[tuple[str, str]]:
    """Every spec of the documentation, of the repository and of the library."""
    found = [(block.place, block.text) for page in PAGES for block in blocks(page) if block.kind == "fanin"]
    files = [*ROOT.glob("specs/**/*.arch"), *ROOT.glob("src/fanin/std/*.arch")]
    return found + [(str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")) for path in files]


def reads(text: str) -> bool:
    try:
        printed().parse(text)
    except LarkError:
        return False
    return True


@pytest.mark.parametrize("page", ["docs/language.md", "docs/tutorial.md", "specs", "src"])
def test_what_is_read_is_in_the_printed_grammar(page: str) -> None:
    for place, text in specs():
        if place.startswith(page):
            wanted = not parse(Source(Path(place).name, text))[1]
            # What a check behind the parser refuses (SYN117 and its like) the grammar may take.
            assert reads(text) or not wanted, place


@pytest.mark.parametrize(
    "text",
    [
        "model M(x: [N]) { return x }",
        "model M()(x: [N]) { return x if true else x }",
        "model M()(x: [N]) { return x y = x }",
        "const return = 3",
        "prune P of S { remove 20 each of 3 rounds }",
        "block B() = ",
        "fn f(x: [* * S]) { return x }",
    ],
)
def test_what_is_not_read_is_not_in_it(text: str) -> None:
    assert not reads(text)
    assert parse(Source("bad.arch", text))[1]


def test_every_word_of_the_grammar_is_in_it() -> None:
    (block,) = [block for block in blocks("docs/language.md") if block.kind == "ebnf"]
    ours = set(re.findall(r'"([a-z]+)"', block.text))
    assert ours == set(re.findall(r'^[A-Z]+: "([a-z]+)"$', LARK, re.MULTILINE))


def test_the_reserved_words_are_those_of_the_grammar() -> None:
    text = (ROOT / "docs/language.md").read_text(encoding="utf-8")
    (words,) = re.findall(r"^Reserved are `([a-z \n]+)`", text, re.MULTILINE)
    assert words.split() == sorted(RESERVED)


def test_the_initialisers_are_those_of_the_language() -> None:
    from fanin.elaborate.names import LAWS

    text = (ROOT / "docs/language.md").read_text(encoding="utf-8")
    table = text.split("| law | arguments |")[1].split("\n\n")[0]
    known = set(re.findall(r"`([a-z_]+)`", "\n".join(row.split("|")[1] for row in table.splitlines() if "|" in row)))
    assert LAWS - {"fixup", "auto"} <= known
