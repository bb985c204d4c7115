"""``fanin signal`` as a user calls it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from fanin.cli.app import App

SPEC = """
model Net()(x: [N, 16]) {
  return x -> a: Linear(32) -> relu -> b: Linear(4)
}
"""


@pytest.fixture
def spec(tmp_path: Path) -> str:
    path = tmp_path / "net.arch"
    path.write_text(SPEC, encoding="utf-8")
    return str(path)


def run(*args: str) -> tuple[int, str, str]:
    found = CliRunner().invoke(App(name="fanin"), list(args))
    return found.exit_code, found.stdout, found.stderr


def test_a_table_with_what_it_comes_to(spec: str) -> None:
    code, out, _ = run("signal", spec, "-p", "N=4")
    assert code == 0
    assert "Net" in out.splitlines()[0] and "training" in out.splitlines()[0]
    assert [line.split()[0] for line in out.splitlines() if " Linear " in line] == ["a", "b"]
    assert "relu" not in out and "relu" in run("signal", spec, "--all")[1]
    assert "activations" in out and "gradients" in out and "Jacobian" in out


def test_a_document(spec: str) -> None:
    code, out, _ = run("signal", spec, "--json")
    rows = json.loads(out)["rows"]
    assert code == 0 and [r["path"] for r in rows if r["module"]] == ["a", "b"]
    assert rows[0]["rms"] == 1 and set(rows[1]["weights"]) == {"a.weight", "a.bias"}


def test_measured_beside_it(spec: str) -> None:
    code, out, _ = run("signal", spec, "--verify", "4")
    assert code == 0 and "rms / measured" in out and "±" in out


def test_laws_of_inputs(spec: str) -> None:
    code, out, _ = run("signal", spec, "--json", "--input", "x:mean=1,variance=4")
    assert code == 0 and json.loads(out)["rows"][0]["rms"] == pytest.approx(5**0.5)
    for wrong in ("x", "x:loud=3", "x:mean=much"):
        code, _, err = run("signal", spec, "--input", wrong)
        assert code == 2 and "is not of the form" in err


def test_a_plot(spec: str, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    path = tmp_path / "net.svg"
    code, _, err = run("signal", spec, "--plot", str(path))
    assert code == 0 and "wrote" in err and path.read_text(encoding="utf-8").startswith("<?xml")
