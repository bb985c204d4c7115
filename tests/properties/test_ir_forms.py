"""The forms of the IR: text and JSON give the program back, and every program keeps the laws of the IR."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fanin import pipeline
from fanin.analyses import cost, paths
from fanin.emit import text as form
from fanin.emit.document import content, document
from fanin.emit.reader import read_document
from fanin.emit.textvalues import Reader, text_of
from fanin.ir.graph import Program
from fanin.ir.verify import verify_program
from fanin.report import CheckFailed, read_source
from tests.examples import EXAMPLES, SPECS
from tests.unit.analyses.specs import GPT, RESNET, VGG, VIT, program

FILES = [*sorted(EXAMPLES.glob("*.arch")), *sorted(SPECS.glob("*.arch"))]
SMALL: dict[str, str] = {
    "resnet": RESNET.replace("model ResNet18", "block ResNet18"),
    "vgg": VGG,
    "gpt": GPT,
    "vit": VIT,
    "tuples": """
    model M(shape: list[int] = [3, 4], name: str = "a \\\\ \\" # b", part: float = 0.5)(x: [N, 12, *S], m: bool[N]?) {
      y = x[:, ::2, none] -> reshape(N, -1) -> clamp(max=1e9)
      return y * -0.5 + 1e-7
    }
    """,
    "letters": """
    block Pair(n: int)(x: [N, C, H], y: [N, C, 2 * H + 1]) -> [N, C, (3 * H + 1) // 2] {
      return concat(x, y, axis=2) -> c: Conv1d(C, 2, stride=2) -> identity
    }
    model M()(x: [N, 4, H], y: [N, 4, 2 * H + 1]) { return Pair(3)(x, y) -> pad: (relu -> Conv1d(2, 1)) }
    """,
    "states": """
    model M()(x: [N, 6]) -> [N, 6] {
      param scale: [6] = normal(std=0.02)
      param shift: [6] = 0.5
      buffer table: [6] = arange(6) * 2.0
      return x * scale + shift + table
    }
    """,
    "borrowed": """
    block Head(table: module)(x: [N, D]) { return x -> out: Linear(20, bias=false, weight=table.weight) }
    model M()(i: int[N]) { table = Embedding(20, 8)
      return table(i) -> head: Head(table) }
    """,
    "conditions": """
    model M()(x: [N, 3, H, W]) -> [N, 8, H / 4, ceildiv(W, 2)] {
      assert N >= 2 or H == 8, "enough"
      return concat(zeros(N, 8, H / 4, ceildiv(W, 2)), axis=0)
    }
    """,
}


@cache
def of_file(path: Path) -> list[Program]:
    found = []
    for name in pipeline.entries(pipeline.load(read_source(str(path)), str(path)).units[0]):
        try:
            found.append(pipeline.elaborate(str(path), name))
        except CheckFailed:
            continue  # what cannot be built by itself, or not yet
    return found


def programs(path: Path | str) -> Iterator[Program]:
    yield from [program(SMALL[path], None)] if isinstance(path, str) else of_file(path)


EVERY = pytest.mark.parametrize("where", [*SMALL, *FILES], ids=lambda w: w if isinstance(w, str) else w.stem)


@EVERY
def test_json_to_ir_to_json_is_the_identity(where: Any) -> None:
    for p in programs(where):
        written = json.dumps(document(p))
        assert json.dumps(document(read_document(json.loads(written)))) == written


@EVERY
def test_text_to_ir_to_text_is_the_identity(where: Any) -> None:
    for p in programs(where):
        written = form.write_text(p)
        assert form.write_text(form.read_text(written)) == written


@EVERY
def test_the_text_says_what_the_document_says(where: Any) -> None:
    for p in programs(where):
        read = form.read(form.write_text(p))
        assert {k: v for k, v in read.items() if k not in ("format", "version", "name")} == content(p)


@EVERY
def test_programs_keep_the_laws_of_the_ir(where: Any) -> None:
    for p in programs(where):
        verify_program(p)
        again = read_document(document(p))
        verify_program(again)
        assert cost.parameters(again) == cost.parameters(p)
        assert str(cost.flops(again)) == str(cost.flops(p))
        assert [e.key for e in paths.entries(again)] == [e.key for e in paths.entries(p)]
        assert [str(r.span) for r in again.conditions] == [str(r.span) for r in p.conditions]


def test_a_document_of_another_version_is_refused() -> None:
    with pytest.raises(ValueError, match="no document of fanin-ir 1, but fanin-ir 2"):
        read_document({**document(program(GPT)), "version": 2})
    with pytest.raises(ValueError, match="is broken"):
        read_document({"format": "fanin-ir", "version": 1})


@pytest.mark.parametrize("text", ["", "hello", "fanin-ir 1\nprogram 3", 'fanin-ir 1\nprogram "M" @M\nx'])
def test_what_is_no_text_of_the_ir_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        form.read_text(text)


NAMES = st.sampled_from(["conv1", "layer.0.fc", "Mlp.2", "x"])
ATOMS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.builds(lambda d: {"dim": d}, st.sampled_from(["H", "2 * H", "(H + 1) * 2", "ceildiv(H, 2) % 3", "-H"]))
    | st.builds(lambda n: {"value": n}, st.integers(0, 99))
    | st.builds(lambda f: {"float": f}, st.sampled_from(["inf", "-inf", "nan"]))
    | st.builds(lambda t: {"type": t}, st.sampled_from(["[]", "int[B, max(2, T)]", "[N, H // 2]"]))
    | st.builds(lambda c: {"condition": c}, st.sampled_from(["H >= 3", "(H == 1 or H > 2) and W < 2"]))
    | st.builds(lambda k, n: {k: n}, st.sampled_from(["graph", "module", "borrowed", "symbol", "op", "dtype"]), NAMES)
)
VALUES = st.recursive(
    ATOMS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(lambda items: {"list": items})
        | st.dictionaries(st.sampled_from(["std", "a", "low_1"]), inner).map(lambda d: {"record": "Law", **d})
    ),
    max_leaves=12,
)


@given(VALUES)
@example([")", None])
@example({"list": [["(", None], ["],", 1]]})
def test_values_are_read_as_they_were_written(value: Any) -> None:
    written = text_of(value)
    if "\n" in written:
        raise AssertionError("a value is one line")
    line = Reader(f"{written}  # 3:4")
    assert line.value() == value
    assert line.place() == {"at": "3:4"}


@given(st.text(alphabet='fanin-r1\n programgraph@%()[]"=#:~0 3', max_size=80))
def test_reading_refuses_and_never_breaks(text: str) -> None:
    with contextlib.suppress(ValueError):
        form.read_text(f"fanin-ir 1\n{text}")
