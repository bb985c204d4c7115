"""``fanin probe`` as a user calls it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner

import fanin
from fanin import probe
from fanin.cli.app import App
from fanin.cli.probe import REPORTS

SPEC = """
model Net()(x: [N, 6]) -> [N, 4] { return x -> a: Linear(12) -> relu -> b: Linear(4) }

model Gated()(x: [N, 6]) -> [N, 6] { return x * (x -> gate: Linear(6) -> sigmoid) }

model Words()(token: int[N, T]) -> [N, T, 8] { return token -> words: Embedding(30, 8) -> n: LayerNorm() }

system Fit()(x: [N, 6], y: int[N]) {
  net = Net()
  loss ce = cross_entropy(net(x), y)
  train net on ce with adam(lr=1e-3)
}
"""


@pytest.fixture
def spec(tmp_path: Path) -> str:
    path = tmp_path / "net.arch"
    path.write_text(SPEC, encoding="utf-8")
    return str(path)


def run(*args: str) -> tuple[int, str, str]:
    found = CliRunner().invoke(App(name="fanin"), list(args))
    assert found.exit_code in (0, 1, 2), found.output
    return found.exit_code, found.stdout, found.stderr


def document(*args: str) -> dict[str, Any]:
    code, out, err = run("probe", *args, "--json")
    assert code == 0, err
    found: dict[str, Any] = json.loads(out)
    return found


def test_every_report_is_offered() -> None:
    from fanin.runtime.probes.reports import REPORTS as known

    assert tuple(known) == REPORTS
    _, out, _ = run("probe", "--help")
    assert all(f"\n  {name} " in out for name in REPORTS)


@pytest.mark.parametrize("report", sorted(set(REPORTS) - {"curvature", "usage"}))
def test_a_table(spec: str, report: str) -> None:
    code, out, _ = run("probe", report, f"{spec}:Net", "--draws", "4")
    assert code == 0 and out.startswith("Net, weights drawn, x 8×6 at random\n")
    assert len(out.splitlines()) > 4


def test_trained_weights_and_data_of_ones_own(spec: str, tmp_path: Path) -> None:
    net = fanin.load(spec, "Net", seed=7)
    x = np.random.default_rng(0).normal(size=(20, 6)).astype("float32")
    y = np.arange(20) % 4
    torch.save(net.state_dict(), tmp_path / "net.pt")
    np.savez(tmp_path / "batch.npz", x=x, target=y)
    given = ("--weights", str(tmp_path / "net.pt"), "--data", str(tmp_path / "batch.npz"))
    found = document("jacobian", f"{spec}:Net", *given)
    wanted = probe.jacobian(net, torch.tensor(x))
    assert np.allclose(found["values"], wanted.values.numpy(), atol=1e-6) and found["rms"] == pytest.approx(wanted.rms)
    found = document("adversarial", f"{spec}:Net", *given, "--epsilon", "0,0.5")
    rows = probe.adversarial(net, torch.tensor(x), torch.tensor(y), [0, 0.5])
    assert [(r["epsilon"], r["accuracy"]) for r in found["rows"]] == [(r.epsilon, r.accuracy) for r in rows]
    torch.save({"x": torch.tensor(x), "y": torch.tensor(y)}, tmp_path / "batch.pt")
    state = {f"net.{k}": v for k, v in net.state_dict().items()}
    torch.save(state, tmp_path / "system.pt")
    found = document(
        "curvature", f"{spec}:Fit", "--weights", str(tmp_path / "system.pt"), "--data", str(tmp_path / "batch.pt")
    )
    loss = probe.curvature(net, lambda: torch.nn.functional.cross_entropy(net(torch.tensor(x)), torch.tensor(y)))
    assert found["largest"] == pytest.approx(loss.largest, rel=1e-4) and found["kind"] == loss.kind


def test_the_same_seed_says_the_same(spec: str) -> None:
    one, two, three = (run("probe", "features", f"{spec}:Net", "--seed", s)[1] for s in ("1", "1", "2"))
    assert one == two != three
    rows = document("features", f"{spec}:Words")["rows"]
    assert [(r["path"], r["channels"]) for r in rows] == [("words", 8), ("n", 8)]


def test_a_gate(spec: str) -> None:
    (row,) = document("usage", f"{spec}:Gated")["rows"]
    assert row["kind"] == "gate" and 0 < row["entropy"] <= 1


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (("usage", "{}:Net"), "computes no softmax, attention or sigmoid"),
        (("curvature", "{}:Net"), "a curvature is that of a loss"),
        (("jacobian", "{}:Words"), "this model has none"),
        (("adversarial", "{}:Words"), "one float input"),
        (("jacobian", "{}:Net", "--weights", "missing.pt"), "missing.pt cannot be read"),
        (("jacobian", "{}:Net", "--weights", "{}"), "is no state_dict of this model"),
        (("jacobian", "{}:Net", "--data", "{}"), "holds no tensors"),
        (("adversarial", "{}:Net", "--epsilon", "much"), "is no list of numbers"),
        (("loudness", "{}:Net"), "loudness"),
    ],
)
def test_what_cannot_be_done(spec: str, args: tuple[str, ...], text: str) -> None:
    code, _, err = run("probe", *(a.format(spec) for a in args))
    assert code == 2 and text in err


def test_data_that_misses_an_input(spec: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "batch.npz", images=np.zeros((3, 6)))
    code, _, err = run("probe", "jacobian", f"{spec}:Net", "--data", str(tmp_path / "batch.npz"))
    assert code == 2 and "has no `x`: it has images" in err


@pytest.mark.parametrize(
    ("name", "arrays", "text"),
    [
        ("Net", {"x": np.zeros((3, 5))}, "x must be float[N, 6]"),
        ("Net", {"x": np.zeros((3, 6)), "target": np.array([0, 1, 9])}, "classes are 0 to 3, and there are 0 to 9"),
        ("Net", {"x": np.zeros((3, 6)), "target": np.array([0, 1])}, "there are 3 samples, and classes of shape [2]"),
        ("Words", {"token": np.full((2, 4), 99)}, "the model does not run on"),
    ],
)
def test_data_that_does_not_fit(spec: str, tmp_path: Path, name: str, arrays: dict[str, Any], text: str) -> None:
    np.savez(tmp_path / "batch.npz", **arrays)
    report = "adversarial" if name == "Net" else "features"
    code, _, err = run("probe", report, f"{spec}:{name}", "--data", str(tmp_path / "batch.npz"))
    assert code == 2 and text in err


def test_the_help_imports_no_torch() -> None:
    line = "import sys; from fanin.cli import probe; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", line]).returncode == 0
