"""Mixed precision: what `fanin train` does, against loops by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import load_file
from torch.nn import functional as F

import fanin
from fanin.cli.app import app
from fanin.data import Batches, Data, open_data

SPEC = """
system Fit()(x: [N, 64], label: int[N]) {
  net = Linear(32) -> relu -> Linear(10)
  loss ce = cross_entropy(net(x), label)
  metric accuracy = mean(float(argmax(net(x), axis=1) == label))
  train net on ce with adam(lr=3e-3)
}
"""
DATA = "digits:flat=true"


def by_hand(path: Path, dtype: torch.dtype, scale: float, steps: int) -> tuple[list[float], dict[str, torch.Tensor]]:
    """The losses and weights of the loop that PyTorch's documentation has, on the batches of a run."""
    data = open_data(DATA)
    assert isinstance(data, Data)
    batches = Batches(data, 64, seed=0)
    system = fanin.training(str(path), steps=steps).system
    optimiser = torch.optim.Adam(system.net.parameters(), lr=3e-3)
    losses = []
    for step, batch in enumerate(batches):
        if step == steps:
            break
        with torch.autocast("cpu", dtype):
            loss = F.cross_entropy(system.net(batch["x"]), batch["label"])
        optimiser.zero_grad()
        (loss * scale).backward()
        for weight in system.net.parameters():
            weight.grad /= scale
        optimiser.step()
        losses.append(loss.item())
    return losses, system.state_dict()


@pytest.mark.parametrize(("precision", "scale"), [("bfloat16", 1.0), ("float16", 2.0**16)])
def test_mixed_precision_end_to_end(tmp_path: Path, precision: str, scale: float) -> None:
    """By the command: weights stay float32, and losses and weights are those of a loop with autocast."""
    spec, out = tmp_path / "fit.arch", tmp_path / "run"
    spec.write_text(SPEC)
    command = ["train", f"{spec}:Fit", "--data", DATA, "--steps", "20", "--precision", precision, "--out", str(out)]
    done = CliRunner().invoke(app, [*command, "--device", "cpu", "--save-every", "8"])
    assert done.exit_code == 0, done.output
    losses, weights = by_hand(spec, getattr(torch, precision), scale, 20)
    rows = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert [row["ce"] for row in rows] == pytest.approx(losses, rel=1e-5)
    found = load_file(out / "weights.safetensors")
    assert {tensor.dtype for tensor in found.values()} == {torch.float32}
    for name, tensor in found.items():
        torch.testing.assert_close(tensor, weights[name], rtol=0, atol=1e-5)
    exact = fanin.train(str(spec), "Fit", DATA, steps=20)
    assert 0 < abs(rows[0]["ce"] - exact.first["ce"]) < 0.02  # it is another precision
    assert rows[-1]["ce"] < 0.9 * rows[0]["ce"]


def test_a_run_in_bfloat16_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    spec = tmp_path / "fit.arch"
    spec.write_text(SPEC)
    settings: dict[str, Any] = {"steps": 12, "precision": "bfloat16", "save_every": 5, "device": "cpu"}
    whole = fanin.train(str(spec), "Fit", DATA, **settings)

    class Stop(Exception):
        pass

    def stop(event: str, known: Any) -> None:
        if event == "step" and known["step"] == 8:
            raise Stop

    with pytest.raises(Stop):
        fanin.train(str(spec), "Fit", DATA, out=str(tmp_path / "run"), watch=stop, **settings)
    again = fanin.resume(str(tmp_path / "run"))
    mine, theirs = whole.system.state_dict(), again.system.state_dict()
    assert all(torch.equal(mine[name], theirs[name]) for name in mine)
