"""Processes that share the batches of a run: the losses and weights of one, also where it was stopped on the way."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from torch import Tensor

pytestmark = pytest.mark.slow

SPEC = """
block Generator()(z: [N, L]) -> [N, 4] { return z -> up: Linear(16) -> relu -> out: Linear(4) }
block Critic()(x: [N, 4]) -> [N] { return x -> fc1: Linear(16) -> leaky_relu(0.2) -> fc2: Linear(1) -> squeeze(1) }
block Net(width: int)(x: [N, 4]) -> [N, 3] { return x -> up: Linear(width) -> relu -> out: Linear(3) }

system Fit()(x: [N, 4], label: int[N]) {
  net = 3 * Linear(16) -> relu -> Linear(3)
  loss ce = cross_entropy(net(x), label)
  train net on ce with adam(lr=0.01), clip(1.0)
}

system Gan()(x: [N, 4]) {
  gen = Generator()
  disc = Critic()
  fake = gen(roll(x, 1, axis=1))
  shown = ema(gen, decay=0.9)
  sample = shown(x)
  loss d = mean(softplus(-disc(x))) + mean(softplus(disc(stop_gradient(fake))))
  loss g = mean(softplus(-disc(fake)))
  train disc on d with adam(lr=0.01)
  train gen on g with adam(lr=0.01), every(2)
}

system Grown(width: int = 8)(x: [N, 4], label: int[N]) {
  net = Net(width)
  param scale: [3] = ones
  loss ce = cross_entropy(net(x) * scale, label)
  stage small for 5 steps { train net, scale on ce with adam(lr=0.01), accumulate(2) }
  stage grow(width=12) for 7 steps { train net, scale on ce with adam(lr=0.01), accumulate(2) }
}
"""

SCRIPT = """
import os, sys, torch, fanin
torch.set_num_threads(1)
spec, name, out, kind, stop = sys.argv[1:]

class Stopped(Exception):
    pass

def watch(event, known):
    if event == "step" and known["step"] == int(stop):
        raise Stopped

try:
    if os.path.exists(out):
        fanin.resume(out)
    else:
        settings = {"batch_size": 32, "shard": kind == "shard", "save_every": 2}
        if name != "Grown":
            settings["epochs"] = 3
        if name == "Fit":
            settings |= {"monitor": "ce", "val": 0.2}
        fanin.train(spec, name, "iris:scale=standard", out=out, watch=watch, **settings)
except Stopped:
    pass
"""


def trained(folder: Path, name: str, kind: str, *, processes: int = 2, stop: int = -1) -> Path:
    """A run from its start, or from where it was stopped. ``kind`` is one, data or shard."""
    spec, script, out = folder / "spec.arch", folder / "train.py", folder / kind
    spec.write_text(SPEC)
    script.write_text(SCRIPT)
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    command = [sys.executable, *([] if kind == "one" else launch), str(script), str(spec), name, str(out)]
    subprocess.run([*command, kind, str(stop)], check=True, env={**os.environ, "OMP_NUM_THREADS": "1"}, timeout=300)
    return out


def rows(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]


def weights(out: Path) -> dict[str, Tensor]:
    from safetensors.torch import load_file

    return load_file(out / "weights.safetensors")


def same(one: Path, other: Path) -> None:
    """Two runs have the same losses and weights."""
    mine, theirs = rows(one), rows(other)
    assert len(mine) == len(theirs)
    for a, b in zip(mine, theirs, strict=True):
        assert a.keys() == b.keys()
        assert all(a[k] == pytest.approx(b[k], abs=2e-6) for k in a if k not in ("kind", "stage"))
    before, after = weights(one), weights(other)
    assert before.keys() == after.keys()
    assert max(float((before[k] - after[k]).abs().max()) for k in before) < 1e-5


@pytest.mark.parametrize("name", ["Fit", "Gan", "Grown"])
@pytest.mark.parametrize("kind", ["data", "shard"])
def test_processes_are_as_one_however_many_go_on(tmp_path: Path, name: str, kind: str) -> None:
    """Two processes, stopped behind a checkpoint; two others go on, and after another stop one alone."""
    one = trained(tmp_path, name, "one")
    trained(tmp_path, name, kind, stop=7)
    assert not (tmp_path / kind / "weights.safetensors").exists()
    trained(tmp_path, name, kind, stop=9)
    same(one, trained(tmp_path, name, kind))
