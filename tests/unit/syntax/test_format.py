"""The one layout."""

from __future__ import annotations

from pathlib import Path

import pytest

from fanin.source import Source
from fanin.syntax.format import format_file
from fanin.syntax.layout import WIDTH
from fanin.syntax.parser import parse
from tests.examples import EXAMPLES


def formatted(text: str) -> str:
    file, found = parse(Source("test.arch", text))
    assert found == [], [d.headline for d in found]
    out = format_file(file)
    again, found = parse(Source("again.arch", out))
    assert found == []
    assert again == file
    assert [c.text for c in again.comments] == [c.text for c in file.comments]
    assert format_file(again) == out
    return out


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.arch")) or [None], ids=lambda p: p.stem if p else "missing")
def test_the_examples_format_stably(path: Path | None) -> None:
    if path is None:
        pytest.skip(f"the examples are not beside this checkout: {EXAMPLES} is missing")
    formatted(path.read_text(encoding="utf-8"))


def statements(text: str) -> str:
    out = formatted(f"system S()(x: [N]) {{\n{text}\n}}\n")
    lines = out.splitlines()
    assert (lines[0], lines[-1]) == ("system S()(x: [N]) {", "}")
    return "\n".join(line.removeprefix("  ") for line in lines[1:-1])


SAME = [
    "h = x -> conv1: Conv2d(6, 5, padding=2) as s1 -> f[1:, ..., :D // 2, none] -> n * g(-1)",
    "x += (a if b != none else c) ** -2 + not_(d) @ e ++ [f, (g,), ()]".replace(", ()", ""),
    "h: int[B, *S, _]? = 0..n",
    "param w: list[int] | (a: [N], int?) = normal(std=0.5)",
    "buffer t: [] = zeros\nupdate t = t + 1",
    '@allow(thin-layer, "the \\"code\\"", file)\nassert H % 32 == 0 and not a, "halves"',
    "for i, w in enumerate(WIDTHS) { x = x -> f }",
    "if a { x = 1 } elif b { x = 2 } else { x = 3 }",
    "for i in xs { }",
    "loss d = mean(x)\nmetric a = d\ntrain net.0.fc, net.*.norm on d with adam(lr=1e-3), every(2)",
    "stage grow(resolution=8) for 2 epochs { train a on d with sgd() }",
    "stage warm for 2 epochs until a < 3 and mean(b) > 1 { train a on d with sgd() }",
    "x = a\n  -> f -> g\n  -> h",
    "x = f(\n  a, b,\n  c=1,\n)",
    "x = y + (x\n  -> f\n  -> g)",
    "x = n * (\n  a: f\n  -> g\n)",
    "if a {\n  x = 1\n} else {\n  x = 2\n}",
]


@pytest.mark.parametrize("text", SAME)
def test_what_is_laid_out_stays(text: str) -> None:
    assert statements(text) == text


DIFFERENT = [
    ("gen  = f( 1,2 )", "gen = f(1, 2)"),
    ("x=a->f->g", "x = a -> f -> g"),
    ("a = 1 b = 2", "a = 1\nb = 2"),
    ("\n\na = 1\n\n\n\nb = 2\n\n", "a = 1\n\nb = 2"),
    ("if a { x = 1 y = 2 }", "if a {\n  x = 1\n  y = 2\n}"),
    ("if a\n{ x = 1 }", "if a {\n  x = 1\n}"),
    ("x = f(a,\n      b)", "x = f(a, b)"),
    ("x = f(\n  a\n)", "x = f(\n  a,\n)"),
    ("x = a\n      -> f\n   -> g", "x = a\n  -> f\n  -> g"),
    ('@allow(a-b, "c") x = 1', '@allow(a-b, "c")\nx = 1'),
]


@pytest.mark.parametrize(("text", "wanted"), DIFFERENT)
def test_there_is_one_layout(text: str, wanted: str) -> None:
    assert statements(text) == wanted


COMMENTS = [
    ("a = 1     # one", "a = 1  # one"),
    ("# own\n\na = 1\n# last", "# own\n\na = 1\n# last"),
    ("x = a # head\n  -> f # first\n  # own\n  -> g # last", "x = a  # head\n  -> f  # first\n  # own\n  -> g  # last"),
    ("x = [1, # one\n # own\n 2 # two\n # end\n]", "x = [\n  1,  # one\n  # own\n  2,  # two\n  # end\n]"),
    ("x = f( # inside\n)", "x = f(\n  # inside\n)"),
    ("x = a + # why\n  b", "# why\nx = a + b"),
    ("for i in xs { # why\n  x = 1\n  # end\n} # after", "for i in xs {  # why\n  x = 1\n  # end\n}  # after"),
    ("if a { # one\n} else { # two\n}", "if a {  # one\n} else {  # two\n}"),
    ("x = f(a # in\n) + # late\n b # beside", "x = f(\n  a,  # in\n) + b  # late\n# beside"),
]


@pytest.mark.parametrize(("text", "wanted"), COMMENTS)
def test_a_comment_stays_where_it_belongs(text: str, wanted: str) -> None:
    assert statements(text) == wanted


def test_a_comment_does_not_become_documentation() -> None:
    text = "const A = 1 + # one\n## two\n2 const B = 3\n"
    assert formatted(text) == "const A = 1 + 2  # one\n## two\n\nconst B = 3\n"


def test_every_declaration_has_a_layout() -> None:
    text = """# Header.

from std.vision import Bottleneck, Stem as S
from "./parts.arch" import A

## Documented.
@init(conv=normal(std=0.02), bias=zeros)
block B(p: int, q: float? = 0.1, act: fn = relu, r=3)(x: [B, *], m: bool[B]?) -> (y: [B], z: []) {
  return x, m
} inverse (y: [B]) -> [B, *] {
  return y
}

extern block Fast(k: int)(x: [B, D]) -> [B, k] = "package.module:Class"
fn f(x: [*S]) -> [*S] { return x }
model V = B(1, ...) { expect params == 3 }
block Cba(w: int) = Conv2d(w) -> act

prune P of S(1) {
  by snip(samples=128)
  unit nm(2, 4)
  scope each("enc", "dec")
  remove 20% each of 12 rounds
  remove 90% at once
  remove to 5% in 12 rounds
  remove gradually to 5% in 12 rounds
  rate net.fc3: half, net.0.1: 10%
  except net.norm, net.*.bias
  floor 1%
  rewind to epoch 3
  rewind to start
  rewind none
  rewind rate
  retrain
  retrain for 40 epochs
  retrain with sgd(lr=1e-3), clip(1)
  retrain for 40 epochs with sgd
  compare reinit, once
  seeds 0..8
  measure accuracy, steps_to(accuracy, 0.9)
  expect accuracy(round=9) > 0.025  # enough
}
"""
    assert formatted(text) == text


def test_a_long_pipe_breaks_before_each_stage() -> None:
    stages = [f"layer{n}: Linear(1024)" for n in range(8)]
    assert statements("x = a -> " + " -> ".join(stages)) == "x = a\n" + "\n".join(f"  -> {s}" for s in stages)


def test_no_line_is_too_long_where_a_break_helps() -> None:
    call = f"f({', '.join(f'argument_{n}=value_{n}' for n in range(12))})"
    hypers = ", ".join(f"hyper{n}: int = {n}" for n in range(9))
    head = f"model Long({hypers})({', '.join(f'x{n}: [N]' for n in range(12))})"
    text = f"{head} -> [N] {{\n  y = {call} + {call}\n  return a -> {call} -> [{call}, b]\n}}\n"
    assert max(map(len, formatted(text).splitlines())) <= WIDTH
