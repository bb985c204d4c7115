"""Two processes that share the batches of a run: the losses and weights of one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

SPEC = """
block Generator()(z: [N, L]) -> [N, 4] { return z -> up: Linear(16) -> relu -> out: Linear(4) }
block Critic()(x: [N, 4]) -> [N] { return x -> fc1: Linear(16) -> leaky_relu(0.2) -> fc2: Linear(1) -> squeeze(1) }

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
"""

SCRIPT = """
import json, sys, torch, fanin
torch.set_num_threads(1)
spec, name, out, shard = sys.argv[1:]
run = fanin.train(spec, name, "iris:scale=standard", epochs=3, val=0.2, batch_size=32, out=out, shard=shard == "shard")
"""


def trained(tmp_path: Path, name: str, kind: str) -> Path:
    spec, script, out = tmp_path / "spec.arch", tmp_path / "train.py", tmp_path / kind
    spec.write_text(SPEC)
    script.write_text(SCRIPT)
    launch = [] if kind == "one" else ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command = [sys.executable, *launch, str(script), str(spec), name, str(out), kind]
    subprocess.run(command, check=True, env={**os.environ, "OMP_NUM_THREADS": "1"}, timeout=300)
    return out


def rows(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("name", ["Fit", "Gan"])
@pytest.mark.parametrize("kind", ["data", "shard"])
def test_two_processes_are_as_one(tmp_path: Path, name: str, kind: str) -> None:
    from safetensors.torch import load_file

    one, two = trained(tmp_path, name, "one"), trained(tmp_path, name, kind)
    mine, theirs = rows(one), rows(two)
    assert len(mine) == len(theirs)
    for a, b in zip(mine, theirs, strict=True):
        assert a.keys() == b.keys()
        assert all(a[k] == pytest.approx(b[k], abs=2e-6) for k in a if k not in ("kind", "stage"))
    before, after = load_file(one / "weights.safetensors"), load_file(two / "weights.safetensors")
    assert before.keys() == after.keys()
    assert max(float((before[k] - after[k]).abs().max()) for k in before) < 1e-5
