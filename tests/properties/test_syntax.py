"""Laws of reading and writing, over random specs and random damage."""

from __future__ import annotations

import re
import time
from functools import cache
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fanin.source import Source
from fanin.syntax.format import format_file
from fanin.syntax.grammar import grammar_text, load_grammar
from fanin.syntax.parser import parse
from fanin.syntax.tree import File
from tests.examples import EXAMPLES, SPECS
from tests.properties.spec_sentences import Sentences, spaced

# What is checked behind the grammar: a random sentence breaks these rules freely.
_CHECKS = {"SYN113", "SYN117", "SYN118", "SYN119", "SYN120", "SYN121", "SYN125", "SYN127"}
_TOKEN = re.compile(r'\s+|#[^\n]*|"[^"\n]*"|\w+|->|\*\*|//|\+\+|\.\.\.?|[^\w\s]')
_DAMAGE = [
    *"'\";^$@(){}[]:%é\0",
    *("=>", "/*", "//", "\\", "0x1", "1.", "??", "20%", "...", "\n"),
    *("else", "if", "for", "block", "model", "None", "lambda", "def"),
]

random_seeds = st.integers(0, 2**32)


@cache
def sentences() -> Sentences:
    return Sentences(load_grammar())


@cache
def reference() -> Any:
    import lark

    return lark.Lark(grammar_text(), parser="lalr", start="file", maybe_placeholders=False)


def sentence(seed: int) -> str:
    random = Random(seed)
    return spaced(sentences().tokens(random, random.choice([10, 60, 300, 900])), random)


def read(text: str) -> tuple[File, list[str]]:
    file, found = parse(Source("test.arch", text))
    return file, [d.code.id for d in found]


@settings(derandomize=True, max_examples=250, deadline=None)
@given(random_seeds)
def test_formatting_keeps_meaning_and_comments_and_is_idempotent(seed: int) -> None:
    file, codes = read(sentence(seed))
    assert set(codes) <= _CHECKS, codes
    if "SYN125" in codes or "SYN127" in codes:
        return  # what is mended or left out is not what was written
    out = format_file(file)
    again, more = read(out)
    assert set(more) <= _CHECKS, (more, out)
    assert again == file
    assert [c.text for c in again.comments] == [c.text for c in file.comments]
    assert format_file(again) == out


@settings(derandomize=True, max_examples=60, deadline=None)
@given(random_seeds)
def test_the_driver_accepts_what_lark_accepts(seed: int) -> None:
    import lark

    random = Random(seed)
    tokens = sentences().tokens(random, random.choice([20, 100]))
    if tokens and random.random() < 0.7:
        del tokens[random.randrange(len(tokens))]
    text = " ".join(tokens)
    try:
        reference().parse(text)
    except lark.exceptions.UnexpectedInput:
        accepted = False
    else:
        accepted = True
    assert (set(read(text)[1]) <= _CHECKS) == accepted, text


@settings(derandomize=True, max_examples=250, deadline=None)
@given(random_seeds)
def test_damage_never_raises_and_is_read_quickly(seed: int) -> None:
    random = Random(seed)
    specs = sorted(EXAMPLES.glob("*.arch")) or sorted(SPECS.glob("*.arch"))
    texts = [path.read_text(encoding="utf-8") for path in specs]
    tokens = _TOKEN.findall(random.choice(texts))
    for _ in range(random.choice([1, 1, 2, 5, 20])):
        if not tokens:
            break
        at, other = random.randrange(len(tokens)), random.randrange(len(tokens))
        match random.randrange(4):
            case 0:
                del tokens[at]
            case 1:
                tokens.insert(at, tokens[at])
            case 2:
                tokens[at], tokens[other] = tokens[other], tokens[at]
            case _:
                tokens.insert(at, random.choice(_DAMAGE))
    start = time.process_time()
    file, codes = read("".join(tokens))
    assert time.process_time() - start < 2
    if not codes:
        assert read(format_file(file))[0] == file


@settings(derandomize=True, max_examples=150, deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_read(text: str) -> None:
    read(text)


@pytest.mark.parametrize("text", ["// a b ", "block a ", "20%3 ", "x = .5; ", "'a' ", "(]", "}{", "if a: b = 1\n"])
def test_time_is_linear_in_mistakes(text: str) -> None:
    start = time.process_time()
    read(text * 20_000)
    assert time.process_time() - start < 5
