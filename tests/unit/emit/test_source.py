"""The emitted source: what a reader sees, and what a linter sees."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from fanin import pipeline
from fanin.report import CheckFailed
from tests.unit.emit.specs import GPT, LENET, RESNET, program_of, source_of

RUFF = shutil.which("ruff", path=f"{Path(sys.executable).parent}") or shutil.which("ruff")


@pytest.mark.parametrize(("name", "spec"), [("lenet", LENET), ("resnet50", RESNET), ("gpt", GPT)])
def test_the_source_is_what_a_careful_person_writes(name: str, spec: str, golden: Callable[[str, str], None]) -> None:
    golden(f"torch/{name}.py", source_of(spec))


@pytest.mark.parametrize("spec", [LENET, RESNET, GPT])
def test_the_source_stands_alone(spec: str) -> None:
    tree = ast.parse(source_of(spec))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names} | {
        node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)
    }
    known = {"hashlib", "math", "collections", "collections.abc", "functools", "typing", "torch", "torch.nn.functional"}
    known |= {"torch.overrides"}
    assert imported <= known


@pytest.mark.skipif(RUFF is None, reason="ruff is not installed")
@pytest.mark.parametrize("spec", [LENET, RESNET, GPT])
def test_ruff_has_nothing_to_add(spec: str) -> None:
    assert RUFF is not None
    text = source_of(spec)
    config = ["--isolated", "--line-length", "100"]
    done = subprocess.run([RUFF, "format", *config, "-"], input=text, capture_output=True, text=True, check=True)
    assert done.stdout == text
    checked = subprocess.run(
        [RUFF, "check", *config, "--select", "E,F,W,I,UP,B", "-"], input=text, capture_output=True, text=True
    )
    assert checked.returncode == 0, checked.stdout


def test_text_of_a_spec_is_data() -> None:
    spec = '''
## """ + __import__("os").system("true") + """ \\\\ \\x00 and a "quote"
block Odd(input: int)(lambda_: [B, D]) -> [B, input] { return lambda_ -> sum: Linear(input) }
model M()(nn: [B, 4]) -> [B, 3] {
  assert B > 1, "braces {B} and \\"quotes\\""
  torch = nn -> Odd(5)
  return torch -> F: Odd(3)
}
'''
    tree = ast.parse(source_of(spec))
    calls = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    assert "__import__" not in calls
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    assert not names & {"torch", "nn", "F"}


def test_one_class_for_specialisations_that_differ_in_numbers() -> None:
    text = source_of(RESNET)
    classes = [node.name for node in ast.parse(text).body if isinstance(node, ast.ClassDef)]
    assert len([name for name in classes if name.startswith("Bottleneck")]) <= 2
    assert "nn.Conv2d(width, 4 * width, 1, bias=False)" in text
    assert "padding=stride" not in text


def test_a_loop_stays_a_loop() -> None:
    text = source_of(GPT)
    assert "for h in self.h:" in text
    assert "for _ in range(3)" in text


def test_a_value_that_nobody_reads_is_not_computed() -> None:
    spec = """
    model M()(x: [B, 4]) -> [B, 4] {
      unread = x -> aux: Linear(7) -> relu
      return x -> main: Linear(4)
    }
    """
    text = source_of(spec)
    assert "self.aux = nn.Linear(4, 7)" in text
    assert "self.aux(" not in text


def test_emission_does_not_grow_with_equal_layers() -> None:
    assert len(source_of(GPT, depth=100).split("\n")) == len(source_of(GPT, depth=3).split("\n"))


HANDED = """
block Residual(body: module)(x: [*S, D]) -> [*S, D] { return x + body(x) }
block Chain(parts: list[module])(x: [*S, D]) -> [*S, D] {
  for part in parts { x = x -> part -> relu }
  return x
}
block Tied(head: module)(x: [B, D]) -> [B, D] {
  y = head(x)
  return y @ head.weight
}
model M()(x: [B, 8]) -> [B, 8] {
  return x -> r: Residual(Linear(8)) -> s: Residual(Linear(16) -> relu -> Linear(8)) -> t: Residual(Residual(Linear(8)))
    -> c: Chain([Linear(8), Residual(Linear(8))]) -> d: Tied(Linear(8))
}
"""


def test_a_module_that_is_handed_over_is_an_argument_of_the_constructor() -> None:
    text = source_of(HANDED)
    assert text.count("class Residual") == 1
    assert "def __init__(self, body: nn.Module) -> None:" in text
    assert "self.r = Residual(nn.Linear(8, 8))" in text
    assert "self.s = Residual(nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 8)))" in text
    assert "self.t = Residual(Residual(nn.Linear(8, 8)))" in text
    assert "def __init__(self, parts: nn.ModuleList) -> None:" in text
    assert "self.c = Chain(nn.ModuleList([nn.Linear(8, 8), Residual(nn.Linear(8, 8))]))" in text
    assert "def __init__(self, head: nn.Linear) -> None:" in text


RECURSIVE = """
block Level(widths: list[int])(x: [B, D]) -> [B, widths[0]] {
  x = x -> down: Linear(widths[0]) -> relu
  if len(widths) == 1 { return x }
  return x + (x -> inner: Level(widths[1:]) -> up: Linear(widths[0]))
}
model M(depth: int = 4)(x: [B, 3]) -> [B, 16] { return x -> top: Level([16, 32, 48, 64][:depth]) }
"""
DEEP = """
block Nest(depth: int)(x: [B, D]) -> [B, D] {
  if depth == 0 { return x -> last: Linear(D) }
  return x -> fc: Linear(D) -> inner: Nest(depth - 1)
}
model M(depth: int = 40)(x: [B, 3]) -> [B, 3] { return x -> nest: Nest(depth) }
"""


def test_a_block_inside_itself_is_an_argument_of_the_constructor() -> None:
    text = source_of(RECURSIVE)
    assert text.count("class Level") <= 2
    assert "inner: nn.Module" in text
    assert source_of(DEEP, depth=8).count("class Nest") <= 2


def test_brackets_do_not_nest_without_end() -> None:
    ast.parse(source_of(DEEP, depth=150))


NOT_EMITTED = """
block Pool()(x: [B, D, T]) -> [B, D] { return x -> fc: Linear(T) -> mean: AdaptiveAvgPool1d(B) -> sum(axis=2) }
model M()(left: [6, 4, 8], right: [8, 4, 8]) -> [6, 4] {
  pool = Pool()
  return pool(left) + sum(pool(right), axis=0)
}
"""


def test_what_cannot_be_emitted_is_a_message() -> None:
    with pytest.raises(CheckFailed) as caught:
        pipeline.source(program_of(NOT_EMITTED))
    (problem,) = caught.value.report.diagnostics
    assert problem.code.id == "OUT801" and problem.span.text == "AdaptiveAvgPool1d(B)"
    assert [d.code.id for d in pipeline.check_text(NOT_EMITTED).diagnostics] == ["OUT801"]


def test_a_buffer_may_start_with_what_other_statements_make() -> None:
    spec = """
    model M()(x: [B, 6]) -> [B, 6] {
      r = float(arange(6)) / 6
      buffer table: [6] = r * r + sin(r)
      return x + table
    }
    """
    assert "torch.sin(torch.arange(6" in source_of(spec)


def test_prose_that_is_too_wide_is_filled_anew() -> None:
    wide = "## " + "a word and " * 12 + "no more\n## and a second line.\n##\n## Another paragraph.\n"
    text = source_of(wide + "model M()(x: [N, 2]) -> [N, 2] { return x * 2 }")
    assert max(map(len, text.splitlines())) <= 100
    assert "no more and a second line.\n\n    Another paragraph.\n" in text
