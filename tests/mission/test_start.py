"""Rows of the mission on what helps a network to start: where norms stand, and how deep it may be."""

from __future__ import annotations

from collections.abc import Callable
from math import log, log10
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from torch import nn
from torch.nn import functional as F

import fanin
from fanin import pipeline
from fanin.analyses.reading import reached
from fanin.cli.app import App
from fanin.emit.document import document
from fanin.emit.reader import read_document
from fanin.ir.graph import Apply, Call

# ------------------------------------------------------------------------------------------------- S001, two families

# Each part and what it is for: (role, does the start move without it, does what outputs see of inputs change).
ROLES = {
    "norm": """
model Net()(x: [N, 4, 6]) -> [N, 4, 6] {
  x = x -> a: Linear(6, init=normal(std=2))
  @role(stability)
  x = x -> norm: LayerNorm()
  return x -> b: Linear(6, init=lecun_normal)
}
""",
    "init": """
@role(stability)
@init(linear=he_normal, bias=zeros)
model Net()(x: [N, 4, 6]) -> [N, 4, 6] { return x -> l: 6 * (Linear(6) -> leaky_relu) }
""",
    "selu": """
block Steady()(x: [*S, D]) -> [*S, D] {
  x = x -> fc: Linear(D, init=lecun_normal) -> elu(alpha=1.6732632423543772)
  @role(stability)
  x = 1.0507009873554805 * x
  return x
}
model Net()(x: [N, 4, 6]) -> [N, 4, 6] { return x -> l: 32 * Steady() }
""",
    "mlp": """
@role(expressive)
block Mlp(hidden: int)(x: [*S, D]) -> [*S, D] { return x -> fc1: Linear(hidden) -> tanh -> fc2: Linear(D) }
model Net()(x: [N, 4, 6]) -> [N, 4, 6] { return x -> mlp: Mlp(12) -> tanh }
""",
    "attention": """
from std.attention import SelfAttention
model Net()(x: [N, 4, 6]) -> [N, 4, 6] {
  @role(expressive)
  x += x -> attn: SelfAttention(2)
  return x -> fc: Linear(6)
}
""",
    "experts": """
@role(expressive)
block Experts(count: int)(x: [N, T, D]) -> [N, T, D] {
  weights = x -> router: Linear(count) -> softmax(axis=-1)
  all = x -> experts: count * [Linear(D) -> tanh]
  return sum(stack(all, axis=-1) * weights[:, :, none], axis=-1)
}
model Net()(x: [N, 4, 6]) -> [N, 4, 6] { return x -> moe: Experts(3) -> tanh }
""",
}
TABLE = {
    "norm": ("stability", True, False),
    "init": ("stability", True, False),
    "selu": ("stability", True, False),
    "mlp": ("expressive", None, True),
    "attention": ("expressive", None, True),
    "experts": ("expressive", None, True),
}

# The ops and calls that carry a role, and the graphs that do.
CARRIED = {
    "norm": (["LayerNorm"], []),
    "init": ([], ["Net"]),
    "selu": (["mul"], []),
    "mlp": ([], ["Mlp"]),
    "attention": (["SelfAttention", "add"], []),
    "experts": ([], ["Experts"]),
}


def seen(text: str) -> torch.Tensor:
    """Which entries of an output hang on which of the input, at three random inputs."""
    net = fanin.loads(text).double().eval()
    mask = torch.zeros(24, 24, dtype=torch.bool)
    for seed in range(3):
        torch.manual_seed(seed)
        jacobian = torch.autograd.functional.jacobian(net, torch.randn(1, 4, 6, dtype=torch.float64))
        mask |= jacobian.reshape(24, 24).abs() > 1e-20
    return mask


@pytest.mark.parametrize("name", ROLES)
def test_s001_what_parts_are_for(name: str, tmp_path: Path) -> None:
    path = tmp_path / "net.arch"
    path.write_text(ROLES[name], encoding="utf-8")
    assert fanin.check(str(path)).ok
    role, moves, changes = TABLE[name]
    whole, (effect,) = pipeline.roles(str(path))
    assert effect.part.role == role and effect.left is not None, effect.why
    if moves is not None:
        pairs = ((whole.gain, effect.left.gain), (whole.jacobian, effect.left.jacobian))
        assert any(a and b and not 0.67 < a / b < 1.5 for a, b in pairs) is moves, pairs
    assert bool((seen(ROLES[name]) != seen(effect.part.without)).any()) is changes
    assert bool(effect.sees(whole)) is changes, effect.sees(whole)


@pytest.mark.parametrize("name", ROLES)
def test_s001_nodes_carry_their_role(name: str) -> None:
    """The nodes of the statement, or the graph of the block, and no others; it lives through reading and writing."""
    program = pipeline.check_text(ROLES[name]).programs[0]
    again = read_document(document(program))
    for graphs in (reached(program.graph), reached(again.graph)):
        nodes = [node for graph in graphs for node in graph.nodes if node.role]
        marked = [graph.name for graph in graphs if graph.role]
        assert {node.role for node in nodes} | {g.role for g in graphs if g.role} == {TABLE[name][0]}
        ops = [
            node.op.name if isinstance(node, Apply) else node.graph.name
            for node in nodes
            if isinstance(node, Apply | Call)
        ]
        assert (ops, marked) == CARRIED[name]


def test_s001_it_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "net.arch"
    path.write_text(ROLES["norm"], encoding="utf-8")
    done = CliRunner().invoke(App(name="fanin"), ["signal", str(path), "--roles"])
    assert done.exit_code == 0 and "stability  x = x -> norm: LayerNorm()" in done.output, done.output
    shown = CliRunner().invoke(App(name="fanin"), ["show", str(path)])
    (line,) = [line for line in shown.output.splitlines() if line.startswith("norm ")]
    assert line.endswith("stability") and shown.output.count("stability") == 1, shown.output
    path.write_text(ROLES["norm"].replace("stability", "stabilty"), encoding="utf-8")
    (found,) = fanin.check(str(path)).diagnostics
    assert found.code.id == "NAM232" and found.fix is not None and "stability" in found.fix.title


# ------------------------------------------------------------------------------------------------- S002, norms

STACK = """
from std.transformer import PreNorm
@init(linear=lecun_normal, bias=zeros)
model Net()(x: [2, 16, 64]) -> [2, 16, 64] { return x -> layers: 24 * PreNorm(4) }
"""


def test_s002_squared_lengths_over_24_prenorm_blocks() -> None:
    """E |x|² behind each block, and of each branch, against 64 draws of the weights."""
    program = pipeline.check_text(STACK).programs[0]
    analysis = pipeline.signal(program)
    seen = pipeline.measure(program, analysis, draws=64).modules
    q = {r.path: (r.rms or 0.0) ** 2 for r in fanin.signal(program)}
    stream = {r.path: (r.rms or 0.0) ** 2 for r in fanin.signal(program) if r.op == "add"}
    for i in range(24):
        layer = f"layers.{i}"
        assert q[f"{layer}.mlp.fc2"] == pytest.approx(seen[f"{layer}.mlp"].rms ** 2, rel=0.1)
        assert q[f"{layer}.attn.proj"] == pytest.approx(seen[f"{layer}.attn"].rms ** 2, rel=0.3)
        assert stream[f"{layer}.x"] == pytest.approx(seen[layer].rms ** 2, rel=0.1)


@pytest.mark.parametrize("first", [True, False], ids=["pre-norm", "post-norm"])
def test_s002_both_placements_are_pytorchs(first: bool) -> None:
    kind = "PreNorm(4, act=relu)" if first else "PostNorm(4)"
    text = "from std.transformer import PreNorm, PostNorm\nmodel Net()(x: [B, T, 32]) { return x -> layer: KIND }"
    ours = fanin.loads(text.replace("KIND", kind), B=3, T=7)
    theirs = nn.TransformerEncoderLayer(32, 4, 128, 0.0, batch_first=True, norm_first=first)
    names = {"self_attn.in_proj_": "attn.qkv.", "self_attn.out_proj.": "attn.proj.", "linear1.": "mlp.fc1.",
             "linear2.": "mlp.fc2.", "norm1.": "norm1.", "norm2.": "norm2."}  # fmt: skip
    with torch.no_grad():
        for name, value in theirs.named_parameters():
            old = next(n for n in names if name.startswith(n))
            value.normal_(0, 0.3)
            ours.get_parameter(f"layer.{names[old]}{name.removeprefix(old)}").copy_(value)
    x, way = torch.randn(3, 7, 32), torch.randn(3, 7, 32)
    a, b = x.clone().requires_grad_(), x.clone().requires_grad_()
    assert (ours(a) - theirs(b)).abs().max() <= 1e-5
    (ours(a) * way).sum().backward()
    (theirs(b) * way).sum().backward()
    assert a.grad is not None and b.grad is not None
    assert (a.grad - b.grad).abs().max() <= 1e-4


@pytest.mark.parametrize(
    ("body", "warned"),
    [
        ("x + (x -> relu -> Linear(64))", True),
        ("x + (x -> LayerNorm() -> relu -> Linear(64))", False),
        ("x + 0.2 * (x -> relu -> Linear(64))", False),
        ("x + gate * (x -> relu -> Linear(64))", False),
    ],
    ids=["nothing", "norm", "scale", "zero gate"],
)
def test_s002_a_deep_stack_without_anything_is_warned_of(tmp_path: Path, body: str, warned: bool) -> None:
    gate = "param gate: [] = zeros " if "gate" in body else ""
    text = f"""
@init(linear=he_normal, bias=zeros)
block B()(x: [N, D]) -> [N, D] {{ {gate}return {body} }}
model Net()(x: [N, 64]) -> [N, 10] {{
  return x -> stem: Linear(64) -> b: 24 * B() -> ln: LayerNorm() -> head: Linear(10)
}}
"""
    path = tmp_path / "net.arch"
    path.write_text(text, encoding="utf-8")
    found = {d.code.id for d in pipeline.check(str(path), signals=True).diagnostics}
    assert (found & {"SIG101", "SIG103", "SIG130"} != set()) is warned, found


# ------------------------------------------------------------------------------------------------- S034, depth

BODIES = {
    "plain": "x -> fc: Linear(D) -> relu",
    "residual": "x + (x -> relu -> fc: Linear(D))",
    "rezero": "x + alpha * (x -> relu -> fc: Linear(D))",
}


def deep(kind: str, depth: int, width: int) -> str:
    start = "param alpha: [] = zeros " if kind == "rezero" else ""
    return f"""
@init(linear=he_normal, bias=zeros)
block B()(x: [N, D]) -> [N, D] {{ {start}return {BODIES[kind]} }}
model Net()(x: [N, 64]) -> [N, 10] {{ return x -> stem: Linear({width}) -> b: {depth} * B() -> head: Linear(10) }}
"""


def predicted(text: str) -> float:
    """log10 of the gradient behind the stem over that in front of the head, of a typical draw.

    The logarithm of a squared length that varies by s from draw to draw lies s²/2 below that of its mean.
    """
    rows = fanin.signal(pipeline.check_text(text).programs[0])
    first, last = next(r for r in rows if r.path == "stem"), rows[-2]
    assert first.grad_std and last.grad_std and first.spread is not None and last.spread is not None
    return log10(first.grad_std / last.grad_std) - (last.spread**2 - first.spread**2) / 4 / log(10)


def keeper(name: str, seen: dict[str, torch.Tensor]) -> Callable[[nn.Module, object, torch.Tensor], None]:
    def keep(module: nn.Module, given: object, output: torch.Tensor) -> None:
        output.retain_grad()
        seen[name] = output

    return keep


def measured(text: str, depth: int, draws: int) -> float:
    total = 0.0
    for seed in range(draws):
        torch.manual_seed(seed)
        net = fanin.loads(text, seed=seed).double()
        seen: dict[str, torch.Tensor] = {}
        handles = [
            m.register_forward_hook(keeper(n, seen)) for n, m in (("first", net.stem), ("last", net.b[depth - 1]))
        ]
        out = net(torch.randn(8, 64, dtype=torch.float64))
        (out * torch.randn_like(out)).sum().backward()
        for handle in handles:
            handle.remove()
        total += log10(float(seen["first"].grad.norm() / seen["last"].grad.norm()))
    return total / draws


@pytest.mark.parametrize("depth", [4, 16, 64, 128])
@pytest.mark.parametrize("kind", BODIES)
def test_s034_gradients_over_depth(kind: str, depth: int) -> None:
    text = deep(kind, depth, 128)
    assert measured(text, depth, 12) == pytest.approx(predicted(text), abs=0.3)


def test_s034_the_ranking_is_that_of_training() -> None:
    """After 300 steps of Adam on digits, at depth 128: the flatter the predicted gradients, the lower the loss."""
    from sklearn.datasets import load_digits

    data = load_digits()
    x, y = torch.tensor(data.data / 16 - 0.3, dtype=torch.float32), torch.tensor(data.target)
    ratios, losses = {}, {}
    for kind in BODIES:
        text = deep(kind, 128, 64)
        ratios[kind] = abs(predicted(text))
        net = fanin.loads(text)
        optimiser = torch.optim.Adam(net.parameters(), lr=1e-3)
        generator = torch.Generator().manual_seed(0)
        found = []
        for _ in range(300):
            batch = torch.randint(len(x), (64,), generator=generator)
            optimiser.zero_grad()
            loss = F.cross_entropy(net(x[batch]), y[batch])
            loss.backward()
            optimiser.step()
            found.append(float(loss.detach()))
        losses[kind] = sum(found[-20:]) / 20
        if kind == "rezero":
            assert (net(x).argmax(1) == y).float().mean() > 0.95
    assert (
        sorted(ratios, key=ratios.__getitem__)
        == sorted(losses, key=losses.__getitem__)
        == ["rezero", "plain", "residual"]
    )
    assert losses["rezero"] < 0.1 and losses["residual"] > 100
