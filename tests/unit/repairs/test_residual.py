"""Repairs of residual networks: what they promise, by prediction and in compiled modules."""

from __future__ import annotations

from math import exp, sqrt
from pathlib import Path

import pytest
import torch

import fanin
from fanin import pipeline
from fanin.repairs.case import Refused
from fanin.repairs.residual import growth

STACK = """# Residual blocks without norms.
block Branch(hidden: int)(x: [N, D]) -> [N, D] {{
  return x + (x -> fc1: Linear(hidden) -> relu -> fc2: Linear(D))  # the sum
}}

@init(linear=he_normal, bias=zeros)
model Net(depth: int = {depth})(x: [8, 128]) -> [8, 128] {{ return x -> layers: depth * Branch(128) }}
"""


def spec(folder: Path, text: str) -> str:
    path = folder / "net.arch"
    path.write_text(text, encoding="utf-8")
    return str(path)


def ratio(text: str, draws: int = 12) -> float:
    """The root mean square of the output over that of the input, of compiled modules."""
    total = 0.0
    for seed in range(draws):
        torch.manual_seed(seed)
        x = torch.randn(8, 128, dtype=torch.float64)
        with torch.no_grad():
            total += float(fanin.loads(text, seed=seed).double()(x).square().mean())
    return sqrt(total / draws)


@pytest.mark.parametrize("depth", [4, 32])
def test_residual_holds_the_stream(tmp_path: Path, depth: int) -> None:
    path = spec(tmp_path, STACK.format(depth=depth))
    found = pipeline.repair(path, "residual")
    assert growth(found.before[1]) == pytest.approx(3.0**depth, rel=1e-6)  # he_normal in the second layer too: a = 2
    # a = 2: alpha = 1 / sqrt(2 L), and (1 + 1 / L)^L is what is left of it.
    predicted = sqrt((1 + 1 / depth) ** depth)
    assert sqrt(growth(found.after[1])) == pytest.approx(predicted, rel=1e-4) and predicted < exp(0.5)
    assert ratio(found.text) == pytest.approx(predicted, rel=0.05)


def test_comments_stay_and_nothing_else_changes(tmp_path: Path) -> None:
    text = STACK.format(depth=8)
    found = pipeline.repair(spec(tmp_path, text), "residual")
    changed = [(a, b) for a, b in zip(text.splitlines(), found.text.splitlines(), strict=True) if a != b]
    assert changed == [
        (
            "  return x + (x -> fc1: Linear(hidden) -> relu -> fc2: Linear(D))  # the sum",
            "  return x + (1 / sqrt(16)) * (x -> fc1: Linear(hidden) -> relu -> fc2: Linear(D))  # the sum",
        )
    ]


def test_a_sum_with_a_norm_in_its_branch(tmp_path: Path) -> None:
    text = """
block Layer()(x: [B, T, D]) -> [B, T, D] {
  x += x -> norm1: LayerNorm() -> fc1: Linear(4 * D) -> gelu -> fc2: Linear(D)
  return x
}
@init(linear=lecun_normal, bias=zeros)
model Net()(x: [2, 8, 64]) -> [2, 8, 64] { return x -> layers: 24 * Layer() -> head: Linear(64) }
"""
    found = pipeline.repair(spec(tmp_path, text), "residual")
    # each branch gives the same, whatever the stream is: the sum of 24 is as much as the stream came in with
    assert growth(found.after[1]) == pytest.approx(2, rel=1e-3)
    assert "x += " in found.text and "* (x -> norm1" in found.text.replace("\n", " ")


def test_rezero_is_the_identity(tmp_path: Path) -> None:
    path = spec(tmp_path, STACK.format(depth=64).replace("{ return x -> l", "{ expect params == 2113536 return x -> l"))
    assert fanin.check(path).ok
    found = pipeline.repair(path, "rezero")
    assert "expect params == 2_113_600" in found.text
    net = fanin.loads(found.text).double()
    x = torch.randn(8, 128, dtype=torch.float64)
    assert torch.equal(net(x), x)
    jacobian = torch.autograd.functional.jacobian(lambda v: net(v.expand(8, 128))[0], x[:1])[:, 0]
    assert torch.allclose(torch.linalg.svdvals(jacobian), torch.ones(128, dtype=torch.float64), atol=1e-12)
    net(x).square().sum().backward()
    assert net.layers[0].alpha.grad.abs() > 0 and not net.layers[0].fc1.weight.grad.any()
    rows = {r.path: r for r in fanin.signal(found.after[0]) if r.op == "input"}
    assert rows["x"].grad_std == pytest.approx(1, rel=1e-6)


def test_skipinit_learns_its_factor(tmp_path: Path) -> None:
    found = pipeline.repair(spec(tmp_path, STACK.format(depth=16)), "skipinit")
    net = fanin.loads(found.text)
    assert [p.item() for n, p in net.named_parameters() if n.endswith("alpha")] == [0.25] * 16
    predicted = (1 + 2 / 16) ** 8
    assert sqrt(growth(found.after[1])) == pytest.approx(predicted, rel=1e-4)
    assert ratio(found.text) == pytest.approx(predicted, rel=0.08)


def test_fixup_moves_as_far_at_any_depth(tmp_path: Path) -> None:
    """One step of SGD changes the output by Θ(rate), however many branches there are (Zhang et al. 2019, section 3)."""
    moved = {}
    for depth in (4, 16, 64):
        text = STACK.format(depth=depth)
        for name, changed in (("plain", text), ("fixup", pipeline.repair(spec(tmp_path, text), "fixup").text)):
            total = 0.0
            for seed in range(4):
                torch.manual_seed(seed)
                x, way = torch.randn(8, 128).double(), torch.randn(8, 128).double()
                net = fanin.loads(changed, seed=seed).double()
                before = net(x)
                if name == "fixup":
                    assert torch.equal(before, x)  # the last layer of each branch starts at nothing
                (before * way / 128).sum().backward()
                with torch.no_grad():
                    for p in net.parameters():
                        p -= 1e-3 * p.grad
                    total += float((net(x) - before).square().mean().sqrt())
            moved[name, depth] = total / 4
    assert 0.5 < moved["fixup", 64] / moved["fixup", 4] < 2
    assert not moved["plain", 64] / moved["plain", 4] < 1e6  # nor a number


def test_gpt_is_the_sum_of_one_branch(tmp_path: Path) -> None:
    text = """
block Layer(heads: int)(x: [B, T, D]) -> [B, T, D] {
  q, k, v = x -> ln1: LayerNorm() -> qkv: Linear(3 * D) -> chunk(3, axis=-1)
    -> map(rearrange(..., "b t (h d) -> b h t d", h=heads))
  x += scaled_dot_product_attention(q, k, v) -> rearrange("b h t d -> b t (h d)") -> proj: Linear(D)
  x += x -> ln2: LayerNorm() -> fc1: Linear(4 * D) -> gelu -> fc2: Linear(D)
  return x
}
@init(linear=normal(std=0.02), bias=zeros)
model Net()(x: [2, 8, 64]) -> [2, 8, 64] { return x -> layers: 12 * Layer(4) -> ln: LayerNorm() }
"""
    found = pipeline.repair(spec(tmp_path, text), "gpt")
    for name in ("proj", "fc2"):
        assert fanin.loads(found.text).layers[3].get_parameter(f"{name}.weight").std().item() == pytest.approx(
            0.02 / sqrt(24), rel=0.05
        )
    assert (growth(found.after[1]) - 1) * 24 == pytest.approx(growth(found.before[1]) - 1, rel=1e-2)
    assert growth(found.before[1]) - 1 < 24 * 2  # 24 branches, of which none gives more than twice a stream of 1


POST = """
block Layer(heads: int)(x: [B, T, D]) -> [B, T, D] {
  q, k = x -> [q: Linear(D), k: Linear(D)] -> map(rearrange(..., "b t (h d) -> b h t d", h=heads))
  v = x -> v: Linear(D) -> rearrange("b t (h d) -> b h t d", h=heads)
  y = scaled_dot_product_attention(q, k, v) -> rearrange("b h t d -> b t (h d)") -> o: Linear(D)
  x = (x + y) -> n1: LayerNorm()
  return (x + (x -> fc1: Linear(4 * D) -> relu -> fc2: Linear(D))) -> n2: LayerNorm()
}
@init(linear=xavier_normal)
model Net()(x: [4, 8, 64]) -> [4, 8, 64] { return x -> layers: DEPTH * Layer(4) }
"""


def test_deepnorm_moves_as_far_at_any_depth(tmp_path: Path) -> None:
    """A step on the values, outputs and feed-forward layers changes the output as much at 4 as at 32 layers."""
    moved = {}
    for depth in (4, 32):
        text = POST.replace("DEPTH", str(depth))
        found = pipeline.repair(spec(tmp_path, text), "deepnorm")
        assert f"{(2 * depth) ** 0.25:.4g} * x" in found.text
        net = fanin.loads(found.text)
        gain = (8 * depth) ** -0.25
        for name, expected in (("q", 1), ("v", gain), ("o", gain)):
            std = net.get_parameter(f"layers.0.{name}.weight").std().item()
            assert std == pytest.approx(expected / 8, rel=0.06)
        for name, changed in (("plain", text), ("deepnorm", found.text)):
            total = 0.0
            for seed in range(3):
                torch.manual_seed(seed)
                x, way = torch.randn(4, 8, 64).double(), torch.randn(4, 8, 64).double()
                net = fanin.loads(changed, seed=seed).double()
                before = net(x)
                (before * way / 64).sum().backward()
                with torch.no_grad():
                    for p in net.parameters():
                        if p.ndim == 2:  # what the paper's bound is of
                            p -= 1e-3 * p.grad
                    total += float((net(x) - before).square().mean().sqrt())
            moved[name, depth] = total / 3
    assert 0.5 < moved["deepnorm", 32] / moved["deepnorm", 4] < 1.5
    assert moved["plain", 32] / moved["plain", 4] > 2


def test_what_they_are_not_for(tmp_path: Path) -> None:
    chain = spec(tmp_path, "model Net()(x: [N, 8]) { return x -> a: Linear(8) -> relu -> b: Linear(8) }\n")
    for kind in ("residual", "rezero", "skipinit", "fixup", "gpt", "deepnorm"):
        with pytest.raises(Refused, match="no residual branch"):
            pipeline.repair(chain, kind)
    path = spec(tmp_path, POST.replace("DEPTH", "2"))
    with pytest.raises(Refused, match="goes through a norm"):
        pipeline.repair(path, "residual")
    with pytest.raises(Refused, match="is a LayerNorm"):
        pipeline.repair(path, "fixup")
    pre = POST.replace("(x + y) -> n1: LayerNorm()", "x + (y -> n1: LayerNorm())")
    with pytest.raises(Refused, match="a sum without"):
        pipeline.repair(spec(tmp_path, pre.replace("DEPTH", "2")), "deepnorm")
    with pytest.raises(Refused, match="there is no repair `luck`"):
        pipeline.repair(path, "luck")


def test_a_recurrence_is_no_residual_network(tmp_path: Path) -> None:
    text = """
from std.recurrent import LstmCell
model Net()(x: [B, T, 8]) { r = scan(cell: LstmCell(8), x, h=zeros(B, 8), c=zeros(B, 8)) return r.y }
"""
    with pytest.raises(Refused, match="no residual branch"):
        pipeline.repair(spec(tmp_path, text), "residual")


def test_a_total_that_is_added_up_is_no_stream(tmp_path: Path) -> None:
    """Log-determinants and auxiliary losses hang on all that came before, and are not residual sums."""
    text = """
block Coupling(hidden: int)(x: [B, D]) -> (y: [B, D], logdet: [B]) {
  a, b = chunk(x, 2, axis=1)
  s, t = a -> fc1: Linear(hidden) -> tanh -> fc2: Linear(D) -> chunk(2, axis=1)
  return concat(a, b * exp(s) + t, axis=1), sum(s, axis=1)
}
model Flow()(x: [B, 8]) -> (y: [B, 8], logdet: [B]) {
  total = zeros(B)
  for _ in 0..4 {
    x, d = x -> c: Coupling(16)
    total += d
  }
  return x, total
}
"""
    with pytest.raises(Refused, match="no residual branch"):
        pipeline.repair(spec(tmp_path, text), "rezero")
    text = """
block Part()(x: [N, D]) -> (y: [N, D], cost: []) {
  h = x -> fc1: Linear(D) -> relu
  return x + (h -> fc2: Linear(D)), mean(h)
}
model Net()(x: [N, 8]) -> (y: [N, 8], cost: []) {
  x, cost = x -> first: Part()
  x, more = x -> second: Part()
  cost += more
  return x, cost
}
"""
    found = pipeline.repair(spec(tmp_path, text), "rezero")
    assert found.text.count("alpha * ") == 1 and "cost += more" in found.text
    assert "2 residual branches" in found.answer.notes[0]


def test_shortcuts_with_layers_are_skips(tmp_path: Path) -> None:
    text = """
block Basic(width: int, stride: int)(x: [N, C, H, W]) {
  y = x -> conv1: Conv2d(width, 3, stride=stride, padding=1) -> relu -> conv2: Conv2d(width, 3, padding=1)
  if stride != 1 { x = x -> down: Conv2d(width, 1, stride=stride) }
  return relu(x + y)
}
model Net()(x: [N, 8, 8, 8]) { return x -> a: Basic(8, 1) -> b: Basic(16, 2) -> c: Basic(16, 1) }
"""
    found = pipeline.repair(spec(tmp_path, text), "rezero")
    assert "return relu(x + alpha * y)" in found.text and "3 residual branches" in found.answer.notes[0]


def test_stages_between_which_the_stream_changes(tmp_path: Path) -> None:
    """Batch norms in branches and shortcuts, a relu behind each sum: the growth of all sums is held, and measured."""
    text = """
block Basic(width: int, stride: int)(x: [N, C, H, W]) {
  y = x -> conv1: Conv2d(width, 3, stride=stride, padding=1) -> bn1: BatchNorm2d() -> relu
    -> conv2: Conv2d(width, 3, padding=1) -> bn2: BatchNorm2d()
  if stride != 1 { x = x -> down: Conv2d(width, 1, stride=stride) -> bn3: BatchNorm2d() }
  return relu(x + y)
}
model Net()(x: [8, 16, 16, 16]) {
  for width in [16, 32, 64] { x = x -> layer: (Basic(width, 1 if width == 16 else 2) -> 3 * Basic(width, 1)) }
  return x
}
"""
    found = pipeline.repair(spec(tmp_path, text), "residual")
    assert growth(found.before[1]) > 100
    assert 2 < growth(found.after[1]) < exp(1)
    program, analysis = found.after
    seen = pipeline.measure(program, analysis, draws=8).modules
    q = {r.path: r.rms for r in fanin.signal(program) if r.op == "add"}
    assert len(q) == 12
    last = [r for r in fanin.signal(program) if r.op == "relu"][-1]
    assert last.rms == pytest.approx(seen["layer.2.3"].rms, rel=0.05)


def test_a_branch_on_the_left_of_an_addition_in_place(tmp_path: Path) -> None:
    text = """
model Net()(x: [N, 8]) -> [N, 8] {
  y = x -> fc1: Linear(8) -> relu -> fc2: Linear(8)
  y += x
  return y
}
"""
    path = spec(tmp_path, text)
    found = pipeline.repair(path, "rezero")
    assert "y = alpha * y + (x)" in found.text
    x = torch.randn(3, 8)
    assert torch.equal(fanin.loads(found.text)(x), x)
    post = text.replace("return y", "return y -> norm: LayerNorm()")
    found = pipeline.repair(spec(tmp_path, post), "deepnorm")
    assert "y += 1 * (x)" in found.text or "y += 1 * x" in found.text


def test_layers_side_by_side_are_no_branch(tmp_path: Path) -> None:
    """A polynomial filter: each power of the graph has a layer of its own, and they are added."""
    text = """
model Net()(x: [N, 8]) -> [N, 8] {
  y = x -> a: Linear(8)
  h = roll(x, 1, axis=0)
  y += h -> b: Linear(8)
  h = roll(h, 1, axis=0)
  y += h -> c: Linear(8)
  return y
}
"""
    with pytest.raises(Refused, match="no residual branch"):
        pipeline.repair(spec(tmp_path, text), "rezero")
