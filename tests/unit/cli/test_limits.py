"""What a project sets for the rules on the start."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

Run = Callable[..., Result]

SPEC = """\
@init(linear=he_normal, bias=zeros)
model Net(width: int = 24)(x: [N, 32]) {
  return x -> l: 6 * (Linear(width) -> relu) -> h: Linear(4)
}
"""


def test_a_limit_is_set_by_code_or_name(run: Run) -> None:
    Path("a.arch").write_text(SPEC)
    assert "SIG110" in run("check", "--signal", "a.arch").stdout
    Path("pyproject.toml").write_text("[tool.fanin]\nlimits = {SIG110 = 8.0}\n")
    assert "SIG110" not in run("check", "--signal", "a.arch").stdout
    Path("pyproject.toml").write_text("[tool.fanin.limits]\nwidth-noise = 3.9\n")
    assert "SIG110" not in run("check", "--signal", "a.arch").stdout
    Path("pyproject.toml").write_text("[tool.fanin.limits]\nwidth-noise = 1.5\nSIG112 = 1e-9\n")
    said = run("check", "--signal", "a.arch").stdout
    assert "SIG110" in said and "SIG112" in said


def test_a_rule_without_a_number_has_none_to_set(run: Run) -> None:
    Path("a.arch").write_text(SPEC)
    Path("pyproject.toml").write_text("[tool.fanin.limits]\nSIG161 = 2.0\n")
    result = run("check", "--signal", "a.arch")
    assert result.exit_code == 2 and "SIG161 in [tool.fanin] has no limit to set" in result.stderr


def test_the_width_of_a_project(run: Run) -> None:
    Path("a.arch").write_text(SPEC.replace("Linear(4)", "Linear(4, init=normal(std=0.1))"))
    assert "SIG171" not in run("check", "--signal", "a.arch").stdout
    Path("pyproject.toml").write_text("[tool.fanin]\nwidth = 'width'\n")
    assert "SIG171" in run("check", "--signal", "a.arch").stdout


def test_an_error_of_a_lint_is_allowed_or_ignored(run: Run) -> None:
    text = "model Net()(x: [N, T, 1]) {\n  return x -> norm: LayerNorm() -> fc: Linear(8)\n}\n"
    Path("a.arch").write_text(text)
    assert run("check", "--signal", "a.arch").exit_code == 1
    assert run("check", "--signal", "a.arch", "--ignore", "SIG160").exit_code == 0
    Path("a.arch").write_text(f'@allow(degenerate-norm, "it is looked at alone")\n{text}')
    assert run("check", "--signal", "a.arch").exit_code == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("limits = {SIG999 = 2.0}", "names no code with `SIG999`"),
        ("limits = {activation-growht = 2.0}", "did you mean `SIG101` (activation-growth)?"),
        ("limits = {SIG101 = -1}", "a number above 0, not -1"),
        ("limits = {SIG101 = true}", "a number above 0, not True"),
        ("limits = {SIG101 = 'ten'}", "a number above 0, not 'ten'"),
        ("limits = {CST905 = 2}", "CST905 in [tool.fanin] has no limit to set"),
        ("limits = {STR601 = 2}", "STR601 in [tool.fanin] has no limit to set"),
    ],
)
def test_a_mistake_in_them_is_wrong_usage(run: Run, text: str, said: str) -> None:
    Path("a.arch").write_text(SPEC)
    Path("pyproject.toml").write_text(f"[tool.fanin]\n{text}\n")
    result = run("check", "--signal", "a.arch")
    assert result.exit_code == 2 and said in result.stderr
