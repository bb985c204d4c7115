"""``fanin data``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from tests.unit.cli.test_app import imported

Run = Callable[..., Result]
SPEC = """
model Net()(x: [N, 2]) -> [N, 2] { return x -> fc: Linear(2) }
system Fit()(point: [N, 2], label: int[N]) {
  net = Net()
  loss ce = cross_entropy(net(point), label)
  train net on ce with adam(lr=1e-3)
}
"""


def test_a_source_is_shown(run: Run) -> None:
    result = run("data", "xor")
    assert result.exit_code == 0
    assert result.stdout == (
        "xor: 4 rows\n"
        "  x      [N, 2]  0 to 1, mean 0.5, std 0.5\n"
        "  label  int[N]  0 to 1\n"
        "    0 2, 1 2\n"
        "  y      [N, 1]  0 to 1, mean 0.5, std 0.5\n"
    )
    found = json.loads(run("data", "xor:n=8", "--json").stdout)
    assert found["rows"] == 8 and found["fields"][1]["counts"] == {"0": 4, "1": 4}


def test_gaps_parts_and_classes_are_shown(run: Run) -> None:
    Path("t.csv").write_text("a,kind\n1.5,rose\n,aster\n,rose\n")
    text = run("data", "t.csv").stdout
    assert "2 of its numbers are not finite" in text and "aster 1, rose 2" in text
    import numpy as np

    np.savez("p.npz", x_train=np.ones((6, 2)), x_test=np.ones((2, 2)))
    assert run("data", "p.npz").stdout.startswith("p.npz: 6 rows, train 6, test 2\n")


def test_the_names_are_listed(run: Run) -> None:
    result = run("data")
    assert result.exit_code == 0 and "digits" in result.stdout and "moons" in result.stdout
    found = json.loads(run("data", "--json").stdout)
    assert {t["name"] for t in found["tasks"]} >= {"moons", "copy", "adding"}


def test_whether_it_fits(run: Run) -> None:
    Path("net.arch").write_text(SPEC)
    result = run("data", "moons", "--for", "net.arch:Fit", "--map", "point=x")
    assert result.exit_code == 0 and result.stderr == "fits `Fit`\n" and "point  [N, 2]" in result.stdout
    result = run("data", "moons", "--for", "net.arch:Fit")
    assert result.exit_code == 1 and "DAT003" in result.stderr and "--map point=x" in result.stderr
    result = run("data", "moons", "--for", "net.arch:Fit", "--json")
    assert result.exit_code == 1 and json.loads(result.stdout)["diagnostics"][0]["code"] == "DAT003"
    assert run("data", "--for", "net.arch:Fit").exit_code == 2
    assert run("data", "moons", "--for", "net.arch:Fit", "--map", "point").exit_code == 2


def test_a_source_is_shown_without_torch() -> None:
    assert not imported("data", "moons") & {"torch", "sklearn", "lark", "pydantic"}


@pytest.mark.parametrize("source", ["mons", "no.npz", "moons:n=x", "json:loads", "."])
def test_what_cannot_be_shown(run: Run, source: str) -> None:
    result = run("data", source)
    assert result.exit_code == 1 and result.stderr.startswith("error[DAT") and "Traceback" not in result.output
