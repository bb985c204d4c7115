"""`fanin diff`: changes in terms of the architecture."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from fanin.cli.app import app
from fanin.emit.comparison import differences
from tests.models import program_of

SPEC = """
block Mlp(h: int, act: fn = relu)(x: [N, D]) { return x -> fc1: Linear(h) -> act -> fc2: Linear(D) }
model Net()(x: [N, 8]) -> [N, 4] {
  x = x -> layers: 3 * Mlp(16)
  return x -> head: Linear(4)
}
"""

CHANGES = {
    ("# a comment\n" + SPEC, ""): [],
    (SPEC.replace("Mlp(16)", "Mlp(h=16)"), ""): [],
    (SPEC.replace("3 *", "5 *"), "layers"): ["~ layers: 3 in a row -> 5 in a row"],
    (SPEC.replace("Mlp(16)", "Mlp(16, tanh)"), "layers.0"): ["~ layers.0: relu -> tanh"],
    (SPEC.replace("head: Linear(4)", "out: Linear(4)"), ""): [
        "- head: Linear(4)",
        "+ out: Linear(4)",
    ],
    (SPEC.replace("head: Linear(4)", "norm: LayerNorm() -> head: Linear(4)"), "norm"): ["+ norm: LayerNorm()"],
    (SPEC.replace("Linear(4)", "Linear(4, init=zeros)"), "head"): ["~ head: weight: [4, 8] -> weight: [4, 8] = zeros"],
    (SPEC.replace("Linear(4)", "Linear(4, frozen=true)"), "head"): [
        "~ trainable: 876 -> 840",
        "~ head: weight: [4, 8] -> weight: [4, 8], frozen",
    ],
    (SPEC.replace("return x ->", "assert N % 2 == 0\n return x ->"), ""): ["+ condition: N % 2 == 0"],
    (SPEC.replace("[N, 8]", "[N, 6]"), ""): ["~ interface: x: [N, 8]) -> [N, 4] -> x: [N, 6]) -> [N, 4]"],
}


@pytest.mark.parametrize("case", CHANGES, ids=lambda case: case[1])
def test_a_change_is_told_by_what_it_changes(case: tuple[str, str]) -> None:
    found = [str(change) for change in differences(program_of(SPEC), program_of(case[0]))]
    if not CHANGES[case]:
        assert found == []
    for line in CHANGES[case]:
        assert line in found, found


def test_what_is_inside_something_new_is_not_told_again() -> None:
    more = SPEC.replace("head: Linear(4)", "extra: Mlp(3) -> head: Linear(4)")
    found = [str(c) for c in differences(program_of(SPEC), program_of(more)) if c.kind == "added"]
    assert [line for line in found if "extra" in line and "apply" not in line] == [
        "+ extra: Mlp(h=3, act=relu)"
    ] or any(line.startswith("+ extra: Mlp(h=3") for line in found)
    assert not any("extra.fc1" in line for line in found)


def test_the_command_says_by_its_exit_code_whether_they_differ(tmp_path: Path) -> None:
    a, b = tmp_path / "a.arch", tmp_path / "b.arch"
    a.write_text(SPEC)
    b.write_text(SPEC.replace("3 *", "4 *"))
    same = CliRunner().invoke(app, ["diff", str(a), str(a)])
    assert (same.exit_code, same.stdout) == (0, "the same architecture\n")
    changed = CliRunner().invoke(app, ["diff", f"{a}:Net", str(b)])
    assert changed.exit_code == 1 and "~ layers: 3 in a row -> 4 in a row" in changed.stdout
    told = CliRunner().invoke(app, ["diff", str(a), str(b), "--json"])
    assert told.exit_code == 1 and '"where": "layers"' in told.stdout
    assert CliRunner().invoke(app, ["diff", str(a), str(tmp_path / "c.arch")]).exit_code == 2
