"""The text of a smaller network: the parent's with other widths, in every way that a text says a width."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pytest

from fanin import pipeline
from fanin.analyses.couplings.cut import Cut
from fanin.pipeline.shrinking import Smaller
from fanin.source import Source
from tests.unit.pruning.networks import difference, program_of


def shrunk(
    text: str, keep: Mapping[str, int | Iterable[int]], name: str | None = None, uniform: bool = False
) -> Smaller:
    coupled = pipeline.couple(program_of(text, name), uniform=uniform)
    cut = Cut(coupled, {k: range(v) if isinstance(v, int) else v for k, v in keep.items()})
    assert difference(cut, N=2, B=2, T=4)[0] < 1e-10
    return pipeline.shrink(cut)


def changed(text: str, made: Smaller) -> list[tuple[str, str]]:
    """The lines that are not the same, in pairs."""
    assert not made.anew
    before, after = text.strip().splitlines(), made.spec.strip().splitlines()
    assert len(before) == len(after), made.spec
    return [(a.strip(), b.strip()) for a, b in zip(before, after, strict=True) if a != b]


def test_a_number_in_a_call() -> None:
    text = """
# A comment above.
model Net()(x: [N, 6]) -> [N, 3] {
  # A comment inside.
  return x -> a: Linear(8) -> relu -> c: Linear(3)  # and one behind
}
"""
    assert changed(text, shrunk(text, {"a": 5})) == [
        ("return x -> a: Linear(8) -> relu -> c: Linear(3)  # and one behind",
         "return x -> a: Linear(5) -> relu -> c: Linear(3)  # and one behind")
    ]  # fmt: skip


def test_a_default_a_const_and_a_binding() -> None:
    text = """
const WIDE = 12
model Net(narrow: int = 8)(x: [N, 6]) -> [N, 3] {
  inner = 2 * narrow
  return x -> a: Linear(WIDE) -> relu -> b: Linear(narrow) -> relu -> c: Linear(inner) -> relu -> d: Linear(3)
}
"""
    assert changed(text, shrunk(text, {"a": 4, "b": 5, "c": 10})) == [
        ("const WIDE = 12", "const WIDE = 4"),
        ("model Net(narrow: int = 8)(x: [N, 6]) -> [N, 3] {", "model Net(narrow: int = 5)(x: [N, 6]) -> [N, 3] {"),
    ]
    assert changed(text, shrunk(text, {"c": 7})) == [("inner = 2 * narrow", "inner = 7")]


def test_an_expression_stays_where_it_gives_the_width() -> None:
    text = """
model Net()(x: [N, 6]) -> [N, 6] {
  x = x -> a: Linear(8)
  return x -> b: Mlp() -> c: Linear(6)
}

block Mlp()(x: [N, D]) -> [N, D] { return x -> up: Linear(4 * D) -> relu -> down: Linear(D) }
"""
    assert changed(text, shrunk(text, {"a": 4, "b.down": 4, "b.up": 16})) == [
        ("x = x -> a: Linear(8)", "x = x -> a: Linear(4)")
    ]
    found = changed(text, shrunk(text, {"b.up": 9}))
    assert [b for _, b in found] == [
        "block Mlp()(x: [N, D]) -> [N, D] { return x -> up: Linear(9) -> relu -> down: Linear(D) }"
    ]


BLOCKS = """
block Part(hidden: int)(x: [N, D]) -> [N, D] {
  return x + (x -> up: Linear(hidden) -> relu -> down: Linear(D))
}

model Net()(x: [N, 6]) -> [N, 3] {
  x = x -> stem: Linear(8)
%s
  return x -> head: Linear(3)
}
"""


@pytest.mark.parametrize(
    ("before", "keep", "after"),
    [
        ("  for i in 0..3 { x = x -> p: Part(16) }", {"p.0.up": 8, "p.1.up": 8, "p.2.up": 8},
         "  for i in 0..3 { x = x -> p: Part(8) }"),
        ("  for i in 0..3 { x = x -> p: Part(16) }", {"p.1.up": 4},
         "  for i in 0..3 { x = x -> p: Part([16, 4, 16][i]) }"),
        ("  for w in [16, 8] { x = x -> p: Part(w) }", {"p.0.up": 7, "p.1.up": 3},
         "  for w in [7, 3] { x = x -> p: Part(w) }"),
        ("  for i, w in enumerate([16, 8]) { x = x -> p: Part(w) }", {"p.1.up": 3},
         "  for i, w in enumerate([16, 3]) { x = x -> p: Part(w) }"),
        ("  for _ in 0..2 { for i in 0..2 { x = x -> p: Part(16) } }", {"p.1.1.up": 3, "p.0.1.up": 3},
         "  for _ in 0..2 { for i in 0..2 { x = x -> p: Part([16, 3][i]) } }"),
        ("  for j in 0..2 { for i in 0..2 { x = x -> p: Part(16) } }", {"p.1.1.up": 3},
         "  for j in 0..2 { for i in 0..2 { x = x -> p: Part([[16, 16], [16, 3]][j][i]) } }"),
        ("  x = x -> a: Part(16) -> b: Part(16)", {"a.up": 5}, "  x = x -> a: Part(5) -> b: Part(16)"),
    ],
)  # fmt: skip
def test_loops_and_calls(before: str, keep: dict[str, int], after: str) -> None:
    made = shrunk(BLOCKS % before, keep)
    assert changed(BLOCKS % before, made) == [(before.strip(), after.strip())]


def test_what_a_block_says_for_instances_of_several_widths_becomes_a_hyper_parameter() -> None:
    text = (
        (BLOCKS % "  x = x -> a: Part() -> b: Part() -> c: Part()")
        .replace("hidden: int", "")
        .replace("(hidden)", "(2 * D)")
    )
    assert [b for _, b in changed(text, shrunk(text, {"b.up": 5}))] == [
        "block Part(up_width: int = 16)(x: [N, D]) -> [N, D] {",
        "return x + (x -> up: Linear(up_width) -> relu -> down: Linear(D))",
        "x = x -> a: Part() -> b: Part(up_width=5) -> c: Part()",
    ]


def test_a_list_for_the_turns_of_a_loop_in_a_block() -> None:
    text = """
block Parts()(x: [N, D]) -> [N, D] {
  for i in 0..2 { x = x + (x -> up: Linear(16) -> relu -> down: Linear(D)) }
  return x
}

model Net()(x: [N, 6]) -> [N, 3] {
  return x -> a: Linear(6) -> p: Parts() -> q: Parts() -> head: Linear(3)
}
"""
    made = shrunk(text, {"p.up.0": 3, "q.up.1": 4})
    assert [b for _, b in changed(text, made)] == [
        "block Parts(up_widths: list[int] = [3, 16])(x: [N, D]) -> [N, D] {",
        "for i in 0..2 { x = x + (x -> up: Linear(up_widths[i]) -> relu -> down: Linear(D)) }",
        "return x -> a: Linear(6) -> p: Parts() -> q: Parts(up_widths=[16, 4]) -> head: Linear(3)",
    ]


def test_places_of_a_repetition_are_written_out_where_they_differ() -> None:
    before = "  x = x -> p: 4 * Part(16)"
    assert [b for _, b in changed(BLOCKS % before, shrunk(BLOCKS % before, {f"p.{i}.up": 8 for i in range(4)}))] == [
        "x = x -> p: 4 * Part(8)"
    ]
    text = (BLOCKS % before).replace("hidden: int", "").replace("(hidden)", "(16)").replace("Part(16)", "Part()")
    made = shrunk(text, {"p.1.up": 3})
    assert "x = x -> p: (Part() -> Part(up_width=3) -> 2 * Part())" in made.spec and not made.anew


def test_a_block_of_the_library_is_brought_in_where_it_has_to_change() -> None:
    text = """
from std.vision import Basic

# Two blocks.
model Net()(image: [N, 3, 8, 8]) -> [N, 4] {
  return image -> a: Basic(8) -> b: Basic(8) -> mean(axis=(2, 3)) -> head: Linear(4)
}
"""
    made = shrunk(text, {"a.conv1": 3})
    assert not made.anew
    assert "from std.vision" not in made.spec and "# Two blocks." in made.spec
    assert "block Basic(width: int, stride: int = 1, conv1_width: int = " in made.spec
    assert "## The basic residual block (He et al. 2015)" in made.spec
    assert "import Basic" in shrunk(text, {"a.conv2": 4, "a.conv1": 4, "b.conv1": 4}).spec


def test_only_what_the_model_needs_is_kept_and_its_promise_is_set_right() -> None:
    text = """
# Nets of two depths.

## One layer.
block Net(depth: int)(x: [N, 6]) -> [N, 3] {
  for i in 0..depth { x = x -> l: Linear(8) -> relu }
  return x -> head: Linear(3)
}

model Small = Net(1) { expect params == 83 }
model Large = Net(5) { expect params == 371 }

system Fit()(x: [N, 6], label: int[N]) {
  net = Small()
  loss ce = cross_entropy(net(x), label)
  train net on ce with sgd(lr=0.1)
}
system FitLarge()(x: [N, 6], label: int[N]) {
  net = Large()
  loss ce = cross_entropy(net(x), label)
  train net on ce with sgd(lr=0.1)
}
"""
    made = shrunk(text, {"l.0": 4}, "Small")
    assert not made.anew
    assert "Large" not in made.spec and "system Fit()" in made.spec and "# Nets of two depths." in made.spec
    assert "{ expect params == 43 }" in made.spec
    assert pipeline.check_text(made.spec).ok


def test_a_system_still_trains_what_is_left() -> None:
    text = """
model Net()(x: [N, 6]) -> [N, 3] { return x -> a: Linear(8) -> relu -> c: Linear(3) }
system Fit()(x: [N, 6], label: int[N]) {
  net = Net()
  loss ce = cross_entropy(net(x), label)
  train net on ce with sgd(lr=0.1)
}
"""
    coupled = pipeline.couple(program_of(text, "Fit"))
    made = pipeline.shrink(Cut(coupled, {"net.a": range(5)}))
    assert not made.anew and "a: Linear(5)" in made.spec and "train net on ce with sgd(lr=0.1)" in made.spec


def test_numbers_beside_tensors_stay_what_they_were() -> None:
    text = """
model Net()(x: [N, 6]) -> [N, 3] { return x -> a: Linear(8) -> s: Scaled() -> c: Linear(3) }
block Scaled()(x: [N, D]) -> [N, D] { return x / sqrt(D) }
"""
    made = shrunk(text, {"a": 4})
    assert not made.anew and f"x / {8**0.5}" in made.spec


def test_hyper_parameters_that_were_told_become_defaults() -> None:
    head = "model Net(width: int, out: int = 3)(x: [N, 6]) -> [N, out]"
    text = f"{head} {{ return x -> a: Linear(width) -> relu -> c: Linear(out) }}\n"
    program = pipeline.elaborate_source(Source("net.arch", text), "net.arch", None, {"width": 12, "out": 5})
    made = pipeline.shrink(Cut(pipeline.couple(program), {"a": range(6)}))
    assert not made.anew
    assert made.spec.startswith("model Net(width: int = 6, out: int = 5)")


def test_a_block_that_calls_itself() -> None:
    text = """
model Net(widths: list[int] = [8, 8, 8])(x: [N, 6]) -> [N, 3] { return x -> n: Nested(widths) -> head: Linear(3) }
block Nested(widths: list[int])(x: [N, D]) -> [N, 6] {
  x = x -> up: Linear(widths[0]) -> relu -> down: Linear(6)
  if len(widths) > 1 { x = x -> inner: Nested(widths[1:]) }
  return x
}
"""
    made = shrunk(text, {"n.up": 3, "n.inner.up": 7})
    assert not made.anew and "widths: list[int] = [3, 7, 8]" in made.spec


def test_a_branch_that_other_widths_would_not_take_is_taken_still() -> None:
    text = """
model Net()(x: [N, 6]) -> [N, 3] { return x -> stem: Linear(8) -> res: Res(16) -> head: Linear(3) }
block Res(width: int)(x: [N, D]) -> [N, width] {
  y = x -> fc: Linear(width)
  if D != width { x = x -> short: Linear(width) }
  return x + y
}
"""
    made = shrunk(text, {"res.fc": 8})
    assert not made.anew and "short: Linear(8)" in made.spec and "res: Res(16)" in made.spec


def test_what_the_text_cannot_say_is_written_anew_and_the_header_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    from fanin.pipeline import shrinking
    from fanin.resizing import CannotResize

    def refused(cut: Cut) -> None:
        raise CannotResize("its text is not known")

    monkeypatch.setattr(shrinking, "_resized", refused)
    program = program_of("model Net()(x: [N, 6]) -> [N, 3] { return x -> a: Linear(8) -> head: Linear(3) }")
    made = pipeline.shrink(Cut(pipeline.couple(program), {"a": range(4)}), "# From Net.\n\n")
    assert made.anew == "its text is not known"
    assert "# It is written anew, without the comments and loops of its parent: its text is not known." in made.spec
