"""Nothing of a spec reaches Python as code: names, strings, docs, patterns, paths, targets of externs.

Each spec smuggles a call that leaves a mark. Whatever the checker says of it, checking, drawing, compiling and loading
leave no mark; and in what is emitted, the smuggled text stands in strings and comments alone.
"""

from __future__ import annotations

import ast
import builtins
import io
import re
import tokenize
from pathlib import Path
from typing import Any

import pytest

import fanin
from fanin import pipeline
from fanin.report import CheckFailed
from fanin.source import Source

MARK = "INJECTED"
CALL = f"__import__('builtins').{MARK}.append(1)"
QUOTED = [
    f'"""\n{CALL}\n"""',
    f'\\"\\"\\" + {CALL} + \\"\\"\\"',
    f"{{{CALL}}}",
    f"\\\\\n{CALL}",
    f"'){CALL}#",
    f"# \\n{CALL}",
    "%s" + CALL,
]


def spec(
    doc: str = "",
    string: str = "a",
    name: str = "layer",
    pattern: str = "b (h d) -> b h d",
    target: str = "torch.nn:Identity",
) -> str:
    return f"""
## {doc}
block Block(mode: str = "{string}")(x: [N, 8]) -> [N, 2, 4] {{
  assert N >= 1, "{string}"
  y = x -> {name}: Linear(8) as {name}_out
  return rearrange(y, "{pattern}", h=2)
}}

extern block Own()(x: [*S, D]) -> [*S, D] = "{target}"

## {doc}
model Net()(x: [N, 8]) -> [N, 2, 4] {{
  return x -> own: Own() -> b: Block()
}}
"""


def escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")


CASES = {
    **{f"doc {i}": spec(doc=text.replace("\n", "\n## ")) for i, text in enumerate(QUOTED)},
    **{f"string {i}": spec(string=escaped(text)) for i, text in enumerate(QUOTED)},
    **{f"raw string {i}": spec(string=text) for i, text in enumerate(QUOTED)},
    **{f"pattern {i}": spec(pattern=escaped(text)) for i, text in enumerate(QUOTED)},
    **{f"pattern with an axis {i}": spec(pattern=f"b (h d) -> b h d {escaped(text)}") for i, text in enumerate(QUOTED)},
    **{f"target {i}": spec(target=escaped(text)) for i, text in enumerate(QUOTED)},
    "target call": spec(target=f"builtins:{CALL}"),
    "target of a function": spec(target="builtins:exec"),
    "name call": spec(name=CALL),
    "name dunder": spec(name="__class__"),
    "name keyword": spec(name="lambda"),
    "name of a helper": spec(name="init"),
    "name of a module": spec(name="torch"),
    "name of a method": spec(name="forward"),
}


def code_of(source: str) -> str:
    """The source without its strings and comments."""
    kept = [
        t.string
        for t in tokenize.generate_tokens(io.StringIO(source).readline)
        if t.type not in (tokenize.STRING, tokenize.COMMENT)
    ]
    tree = ast.parse(source)
    kept += [node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
    return " ".join(kept)


@pytest.mark.parametrize("case", CASES)
def test_nothing_of_a_spec_runs(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    marks: list[int] = []
    monkeypatch.setattr(builtins, MARK, marks, raising=False)
    text = CASES[case]
    pipeline.check_text(text)
    try:
        program = pipeline.elaborate_source(Source(f"{QUOTED[0]}.arch", text), "<string>", "Net", {})
        source = pipeline.source(program)
        pipeline.show(program)
        fanin.draw(program).dot  # noqa: B018
        assert MARK not in code_of(source)
        fanin.loads(text, "Net", allow_extern=True)
    except CheckFailed:
        pass
    assert marks == []


def test_the_name_of_a_file_is_data_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    marks: list[int] = []
    monkeypatch.setattr(builtins, MARK, marks, raising=False)
    path = tmp_path / f'a"\n{CALL}\n".arch'.replace("/", "")
    path.write_text("model Net()(x: [N, 8]) { return x -> fc: Linear(8) }", encoding="utf-8")
    assert MARK not in code_of(fanin.source(str(path)))
    fanin.load(str(path))
    assert marks == []


def test_values_from_outside_are_data() -> None:
    text = """
        block B(mode: str)(x: [N, 8]) { if mode == "a" { return x } return relu(x) }
        model Net(mode: str = "a")(x: [N, 8]) { return x -> b: B(mode) }
    """
    hyper: dict[str, Any] = {"mode": f'"""\n{CALL}'}
    program = pipeline.elaborate_source(Source("a.arch", text), "a.arch", "Net", hyper)
    source = pipeline.source(program)
    assert MARK not in code_of(source)
    assert not re.search(r"^\s*__import__", source, re.MULTILINE)
