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
  net = 3 * Linear(16) -> relu -> dropout(0.2) -> Linear(3)
  loss ce = cross_entropy(net(x), label)
  train net on ce with adam(lr=0.01), clip(1.0)
}

system Gan()(x: [N, 4]) {
  gen = Generator()
  disc = Critic()
  fake = gen(randn_like(x))
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
spec, folder, kind, stop = sys.argv[1:]
if "RANK" in os.environ:
    torch.distributed.init_process_group("gloo")

class Stopped(Exception):
    pass

def watch(event, known):
    if event == "step" and known["step"] == int(stop):
        raise Stopped

for name, own in {
    "Fit": {"epochs": 3, "monitor": "ce", "val": 0.2, "test": 9},
    "Gan": {"epochs": 3, "val": 0.2},
    "Grown": {},
}.items():
    out = os.path.join(folder, name)
    try:
        if os.path.exists(out):
            run = fanin.resume(out)
        else:
            settings = {"batch_size": 17, "shard": kind == "shard", "save_every": 2, **own}
            run = fanin.train(spec, name, "iris:scale=standard", out=out, watch=watch, **settings)
        if run.test and os.environ.get("RANK", "0") == "0":
            with open(os.path.join(out, "test"), "w") as file:
                print(run.test["ce"], file=file)
    except Stopped:
        pass
if "RANK" in os.environ:
    torch.distributed.destroy_process_group()
"""


def trained(folder: Path, kind: str, *, processes: int = 2, stop: int = -1) -> Path:
    """Runs of all systems from their start, or from where they were stopped. ``kind`` is one, data or shard."""
    spec, script, out = folder / "spec.arch", folder / "train.py", folder / "runs"
    spec.write_text(SPEC)
    script.write_text(SCRIPT)
    out.mkdir(exist_ok=True)
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    command = [sys.executable, *(launch if processes > 1 else []), str(script), str(spec), str(out), kind, str(stop)]
    subprocess.run(command, check=True, env={**os.environ, "OMP_NUM_THREADS": "1"}, timeout=600)
    return out


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The runs of a single process."""
    return trained(tmp_path_factory.mktemp("one"), "one", processes=1)


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


@pytest.mark.parametrize(("kind", "processes"), [("data", 3), ("shard", 2), ("shard", 1)])
def test_processes_are_as_one_however_many_go_on(kind: str, processes: int, one: Path, tmp_path: Path) -> None:
    """Two processes share batches, with dropout and noise; they are stopped, and others go on from their checkpoint."""
    out = trained(tmp_path, kind, stop=7)
    assert not any((out / name / "weights.safetensors").exists() for name in ("Fit", "Gan", "Grown"))
    trained(tmp_path, kind, processes=processes)
    for name in ("Fit", "Gan", "Grown"):
        same(one / name, out / name)
    first, second = (float((of / "Fit" / "test").read_text()) for of in (one, out))
    assert first == pytest.approx(second, abs=1e-6)
