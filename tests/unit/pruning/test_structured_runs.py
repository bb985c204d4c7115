"""Neurons, channels and heads pruned from end to end on digits: what is left is a smaller spec with its weights."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import fanin
from fanin.systems.problems import RunFailed

HEAD = """
system Fit()(image: [N, 1, 8, 8], label: int[N]) {
  net = Net()
  logits = net(image)
  loss ce = cross_entropy(logits, label)
  metric accuracy = mean(float(argmax(logits, axis=1) == label))
  train net on ce with adam(lr=3e-3)
}

prune Slim of Fit {
  by %s
  unit %s
  scope layer
  remove 25%% each of 2 rounds
  rewind to epoch 1
  compare reinit, random, once
}
"""
MLP = """# Two hidden layers.
model Net()(image: [N, 1, 8, 8]) -> [N, 10] {
  return image -> flatten(1) -> fc1: Linear(16) -> relu -> fc2: Linear(12) -> relu -> fc3: Linear(10)
}
"""
CNN = """# Two convolutions.
model Net()(image: [N, 1, 8, 8]) -> [N, 10] {
  x = image -> conv1: Conv2d(8, 3, padding=1) -> norm: BatchNorm2d() -> relu -> conv2: Conv2d(8, 3, stride=2) -> relu
  return x -> mean(axis=(2, 3)) -> fc: Linear(10)
}
"""
ATTENTION = """# Rows of the picture look at each other.
model Net()(image: [N, 1, 8, 8]) -> [N, 10] {
  x = image -> rearrange("n c h w -> n h (c w)") -> embed: Linear(16)
  q, k, v = x -> qkv: Linear(48) -> chunk(3, axis=-1) -> map(rearrange(..., "n t (h d) -> n h t d", h=4))
  y = scaled_dot_product_attention(q, k, v) -> rearrange("n h t d -> n t (h d)") -> out: Linear(16)
  return (x + y) -> mean(axis=1) -> fc: Linear(10)
}
"""


def text(net: str, unit: str, by: str = "l2") -> str:
    return net + HEAD % (by, unit)


@pytest.mark.parametrize(
    ("net", "unit", "by", "said"),
    [
        (MLP, "neuron", "wanda", ("fc1: Linear(9)", "fc2: Linear(7)")),
        (CNN, "channel", "l2", ("conv1: Conv2d(4, 3, padding=1)", "conv2: Conv2d(4, 3, stride=2)")),
        (ATTENTION, "head", "taylor", ("h=2",)),
    ],
)
def test_what_is_left_is_a_smaller_spec_with_its_weights(
    tmp_path: Path, net: str, unit: str, by: str, said: tuple[str, ...]
) -> None:
    path = tmp_path / "net.arch"
    path.write_text(text(net, unit, by))
    found = fanin.prune(
        str(path), "Slim", "digits:300", out=str(tmp_path / "run"), epochs=2, batch_size=50, val=50, test=50
    )
    assert found.results.runs == ("ticket", "reinit", "random", "once")
    home = tmp_path / "run" / "seed-0"
    spec = (home / "smaller.arch").read_text()
    assert net.splitlines()[0] in spec and all(part in spec for part in said), spec
    assert "train net on ce with adam(lr=3e-3)" in spec  # it can be trained on
    whole, small = fanin.load(str(path), "Net").double().eval(), fanin.load(str(home / "smaller.arch"), "Net").double()
    whole.load_state_dict(
        {k[4:]: v for k, v in load_file(home / "weights.safetensors").items() if k.startswith("net.")}
    )
    small.eval().load_state_dict(
        {k[4:]: v for k, v in load_file(home / "smaller.safetensors").items() if k.startswith("net.")}
    )
    x = torch.rand(5, 1, 8, 8, dtype=torch.float64)
    with torch.no_grad():
        assert torch.allclose(whole(x), small(x), rtol=1e-10, atol=1e-10)
    saved = found.saved[0]
    assert saved is not None
    assert saved.parameters == tuple(sum(p.numel() for p in net.parameters()) for net in (whole, small))
    assert saved.parameters[1] < saved.parameters[0] and saved.shapes == ((8, 1, 8, 8), (8,))
    assert saved.bytes[1] == (home / "smaller.safetensors").stat().st_size < saved.bytes[0]
    assert 0.2 < saved.speedup < 5
    page = (tmp_path / "run" / "report.html").read_text()
    assert f"{saved.parameters[1]:,} of {saved.parameters[0]:,}" in page and "times as fast" in page


def test_wanda_is_of_weights_and_what_flows_into_them() -> None:
    """By a forward pass written down here, and the weakest of each output first."""
    from fanin.pruning.activations import input_norms, within_rows

    torch.manual_seed(0)
    net = torch.nn.Sequential(
        torch.nn.Linear(6, 4), torch.nn.Unflatten(1, (4, 1)), torch.nn.Conv1d(4, 8, 1, groups=2), torch.nn.Flatten()
    )
    x = torch.randn(32, 6)
    norms = input_norms(lambda: net(x), net, ["0.weight", "2.weight"])
    assert torch.allclose(norms["0.weight"][2].float(), x.norm(dim=0))
    inner = net[0](x).detach().norm(dim=0)
    assert torch.allclose(norms["2.weight"][0, :, 0].float(), inner[:2])
    assert torch.allclose(norms["2.weight"][7, :, 0].float(), inner[2:])
    score = torch.tensor([[3.0, 1.0, 0.0, 2.0], [9.0, 8.0, 7.0, 6.0]], dtype=torch.float64)
    held = torch.tensor([[1.0, 1.0, 0.0, 1.0], [1.0, 1.0, 1.0, 1.0]])
    ranks = within_rows({"w": held}, {"w": score})["w"]
    assert ranks[0, [1, 3, 0]].tolist() == pytest.approx([0, 1 / 3, 2 / 3])
    assert ranks[1].tolist() == [0.75, 0.5, 0.25, 0.0]
    with pytest.raises(RunFailed, match="is of Embedding"):
        input_norms(lambda: None, torch.nn.Sequential(torch.nn.Embedding(3, 2)), ["0.weight"])


def test_a_model_is_pruned_as_it_is(tmp_path: Path) -> None:
    from fanin import pipeline

    path = tmp_path / "net.arch"
    path.write_text(MLP + "prune Slim of Net { by l2 unit neuron scope layer remove 50% at once }\n")
    net = fanin.load(str(path), "Net", seed=3)
    torch.save(net.state_dict(), tmp_path / "w.pt")
    out = tmp_path / "out"
    pipeline.prune_weights(str(path), None, weights=str(tmp_path / "w.pt"), out=str(out), seed=0, hyper={})
    small = fanin.load(str(out / "smaller.arch"), "Net")
    small.load_state_dict(load_file(out / "smaller.safetensors"))
    strength = net.fc1.weight.square().sum(1) + net.fc1.bias.square() + net.fc2.weight.square().sum(0)
    kept = strength.topk(8).indices.sort().values
    assert torch.equal(small.fc1.weight, net.fc1.weight[kept])
    path.write_text(MLP + "prune Slim of Net { by snip remove 50% at once }\n")
    with pytest.raises(RunFailed, match="`Net` is a model, and nothing says how it is trained, which `by snip` needs"):
        pipeline.prune_weights(str(path), None, weights=None, out=str(out), seed=0, hyper={})


def test_rounds_have_a_decay_of_their_own(tmp_path: Path) -> None:
    from fanin import pipeline
    from fanin.pruning.retraining import retrained
    from fanin.rewrites.training_plan import training_plan

    path = tmp_path / "net.arch"
    clause = 'retrain with adamw(lr=1e-3, weight_decay=0.1), decay("net.*.weight")'
    path.write_text(text(MLP, "neuron").replace("rewind to epoch 1", clause))
    experiment = pipeline.plan_pruning(str(path)).experiment
    phases = retrained(training_plan([experiment.of]), experiment.retrain)
    assert [line.decay for line in phases[0].lines] == [("net.*.weight",)]
    plain = clause.replace("adamw(lr=1e-3, weight_decay=0.1)", "sgd(lr=0.1)")
    path.write_text(text(MLP, "neuron").replace("rewind to epoch 1", plain))
    experiment = pipeline.plan_pruning(str(path)).experiment
    with pytest.raises(RunFailed, match="`sgd` has no weight decay here"):
        retrained(training_plan([experiment.of]), experiment.retrain)
