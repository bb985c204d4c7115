"""Emitted models against hand-written peers, and what is promised of their weights."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import fanin
from tests.parity.interpreter import run
from tests.unit.emit.specs import GPT, LENET, RESNET, program_of, source_of
from tests.unit.emit.test_source import HANDED, RECURSIVE

# ------------------------------------------------------------------------------------------------ hand-written peers


class LeNetPeer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5, padding=2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(400, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = F.avg_pool2d(torch.tanh(self.conv1(x)), 2)
        x = F.avg_pool2d(torch.tanh(self.conv2(x)), 2)
        x = torch.tanh(self.fc1(x.flatten(1)))
        return self.fc3(torch.tanh(self.fc2(x)))


class BottleneckPeer(nn.Module):
    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, 4 * width, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * width)
        self.downsample = None
        if stride != 1 or channels != 4 * width:
            self.downsample = nn.Sequential(
                nn.Conv2d(channels, 4 * width, 1, stride=stride, bias=False), nn.BatchNorm2d(4 * width)
            )

    def forward(self, x: Tensor) -> Tensor:
        h = F.relu(self.bn1(self.conv1(x)))
        h = F.relu(self.bn2(self.conv2(h)))
        h = self.bn3(self.conv3(h))
        return F.relu(h + (x if self.downsample is None else self.downsample(x)))


class ResNetPeer(nn.Module):
    def __init__(self, classes: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.stage = nn.ModuleList()
        channels = 64
        for i, depth in enumerate([3, 4, 6, 3]):
            width = 64 * 2**i
            blocks = [BottleneckPeer(channels, width, 1 if i == 0 else 2)]
            blocks += [BottleneckPeer(4 * width, width, 1) for _ in range(depth - 1)]
            channels = 4 * width
            # The composition's places: the block, then the repetition, a place for each of its modules.
            self.stage.append(nn.Sequential(*blocks))
        self.fc = nn.Linear(2048, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        for stage in self.stage:
            x = stage(x)
        return self.fc(F.adaptive_avg_pool2d(x, 1).flatten(1))


class GptBlockPeer(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.ln1 = nn.LayerNorm(width)
        self.attn = nn.Module()
        self.attn.qkv = nn.Linear(width, 3 * width)
        self.attn.proj = nn.Linear(width, width)
        self.ln2 = nn.LayerNorm(width)
        self.fc = nn.Linear(width, 4 * width)
        self.proj = nn.Linear(4 * width, width)

    def attend(self, x: Tensor) -> Tensor:
        batch, length, width = x.shape
        q, k, v = self.attn.qkv(x).view(batch, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        a = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.attn.proj(a.transpose(1, 2).reshape(batch, length, width))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attend(self.ln1(x))
        return x + self.proj(F.gelu(self.fc(self.ln2(x))))


class GptPeer(nn.Module):
    def __init__(self, vocab: int, context: int, width: int, depth: int, heads: int) -> None:
        super().__init__()
        self.wte = nn.Embedding(vocab, width)
        self.wpe = nn.Embedding(context, width)
        self.h = nn.ModuleList([GptBlockPeer(width, heads) for _ in range(depth)])
        self.ln_f = nn.LayerNorm(width)
        self.lm_head = nn.Linear(width, vocab, bias=False)
        self.lm_head.weight = self.wte.weight

    def forward(self, token: Tensor) -> Tensor:
        x = self.wte(token) + self.wpe(torch.arange(token.shape[1]))
        for block in self.h:
            x = block(x)
        return self.lm_head(self.ln_f(x))


CASES = {
    "lenet": (LENET, LeNetPeer, lambda: torch.randn(2, 1, 28, 28)),
    "resnet": (RESNET, lambda: ResNetPeer(1000), lambda: torch.randn(2, 3, 64, 64)),
    "gpt": (GPT, lambda: GptPeer(96, 64, 48, 3, 4), lambda: torch.randint(0, 96, (2, 16))),
}


def sample(name: str) -> Tensor:
    torch.manual_seed(0)
    x = CASES[name][2]()
    return x.double() if x.is_floating_point() else x


@pytest.mark.parametrize("name", CASES)
def test_outputs_and_gradients_are_the_peers(name: str) -> None:
    spec, peer_class, _ = CASES[name]
    model, peer = fanin.loads(spec).double().eval(), peer_class().double().eval()
    assert list(model.state_dict()) == list(peer.state_dict())
    peer.load_state_dict(model.state_dict())
    x = sample(name)
    ours, theirs = model(x), peer(x)
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)
    ours.square().mean().backward()
    theirs.square().mean().backward()
    for (path, a), (_, b) in zip(model.named_parameters(), peer.named_parameters(), strict=True):
        assert a.grad is not None and b.grad is not None
        torch.testing.assert_close(a.grad, b.grad, rtol=1e-9, atol=1e-12, msg=path)


@pytest.mark.parametrize("name", CASES)
def test_the_model_is_a_plain_module(name: str) -> None:
    model = fanin.loads(CASES[name][0]).double().eval()
    x = sample(name)
    y = model(x)
    assert torch.equal(copy.deepcopy(model)(x), y)
    assert torch.equal(pickle.loads(pickle.dumps(model))(x), y)
    again = fanin.loads(CASES[name][0], seed=3).double().eval()
    assert not torch.equal(again(x), y)
    again.load_state_dict(model.state_dict())
    assert torch.equal(again(x), y)
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(x), y)


def test_weights_hang_on_seed_and_path_alone() -> None:
    torch.manual_seed(1)
    state = torch.random.get_rng_state()
    small, large = fanin.loads(GPT, depth=2), fanin.loads(GPT, depth=3)
    assert torch.equal(torch.random.get_rng_state(), state)
    for key, value in small.state_dict().items():
        assert torch.equal(value, large.state_dict()[key])
    values = [v for k, v in large.state_dict().items() if k.endswith("fc.weight")]
    assert not torch.equal(values[0], values[1])


def test_weights_are_the_same_in_another_process() -> None:
    code = (
        "import sys, fanin; from tests.unit.emit.specs import LENET;"
        "sys.stdout.buffer.write(fanin.loads(LENET, seed=7).fc1.weight.detach().numpy().tobytes())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    model = fanin.loads(LENET, seed=7)
    assert done.stdout == model.get_parameter("fc1.weight").detach().numpy().tobytes()  # a sum differs with the threads


def test_tied_parameters_are_one() -> None:
    model = fanin.loads(GPT)
    assert model.get_parameter("lm_head.weight") is model.get_parameter("wte.weight")
    assert {"lm_head.weight", "wte.weight"} <= set(model.state_dict())
    assert copy.deepcopy(model).get_parameter("lm_head.weight") is not model.get_parameter("wte.weight")


def test_laws_are_those_of_the_spec() -> None:
    model = fanin.loads(GPT, width=256, heads=4, vocab=1000)
    assert model.get_parameter("wte.weight").std().item() == pytest.approx(0.02, rel=0.02)
    assert model.get_parameter("h.0.fc.weight").std().item() == pytest.approx(0.02, rel=0.02)
    assert model.get_parameter("h.0.fc.bias").abs().max().item() == 0
    assert model.get_parameter("h.0.ln1.weight").min().item() == 1


@pytest.mark.parametrize("layer", ["Linear(64)", "Conv1d(64, 3)", "Embedding(100, 64)", "BatchNorm1d()", "LayerNorm()"])
def test_the_usual_law_is_pytorchs(layer: str) -> None:
    kind = "int[B, 32]" if layer.startswith("Embedding") else "[B, 32, 16]"
    model = fanin.loads(f"model M()(x: {kind}) {{ return x -> layer: {layer} }}")
    ours = model.get_submodule("layer")
    theirs = copy.deepcopy(ours)
    torch.manual_seed(0)
    theirs.reset_parameters()  # type: ignore[operator]
    for (name, a), (_, b) in zip(ours.state_dict().items(), theirs.state_dict().items(), strict=True):
        assert a.dtype == b.dtype
        assert a.double().std(correction=0).item() == pytest.approx(b.double().std(correction=0).item(), rel=0.2), name
        assert a.double().abs().max().item() == pytest.approx(b.double().abs().max().item(), rel=0.3), name


def test_conditions_are_checked_on_entry() -> None:
    model = fanin.loads(RESNET).eval()
    with pytest.raises(ValueError, match="H must be a multiple of 32, not 33: the five stages halve the image"):
        model(torch.randn(1, 3, 33, 64))
    with pytest.raises(ValueError, match=r"image must be float\[N, 3, H, W\], not torch.float32 \[1, 4, 32, 32\]"):
        model(torch.randn(1, 4, 32, 32))
    gpt = fanin.loads(GPT)
    with pytest.raises(ValueError, match="there are no more positions"):
        gpt(torch.zeros(1, 65, dtype=torch.long))
    with pytest.raises(ValueError, match=r"token must be int\[B, T\]"):
        gpt(torch.zeros(1, 8))


def test_what_runs_is_what_is_read() -> None:
    import inspect

    model = fanin.loads(LENET)
    assert inspect.getsource(type(model)) in source_of(LENET)


def test_the_file_runs_by_itself(tmp_path: object) -> None:
    path = f"{tmp_path}/lenet.py"
    with open(path, "w") as file:
        file.write(source_of(LENET))
    code = "import lenet, torch; print(tuple(lenet.LeNet(seed=1)(torch.zeros(3, 1, 28, 28)).shape))"
    done = subprocess.run([sys.executable, "-c", code], cwd=f"{tmp_path}", capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "(3, 10)"


VAE = """
model Vae(z: int = 4)(x: [B, 8]) -> (mean: [B, Z], logvar: [B, Z], out: [B, 8]) {
  mean, logvar = x -> enc: Linear(2 * z) -> chunk(2, axis=-1)
  return mean, logvar, (mean + exp(0.5 * logvar) * randn(B, z)) -> dec: Linear(8)
}
"""


def test_named_results_are_a_named_tuple() -> None:
    model = fanin.loads(VAE)
    torch.manual_seed(0)
    out = model(torch.zeros(2, 8))
    mean, logvar, decoded = out
    assert out.mean is mean and out.logvar is logvar and decoded.shape == (2, 8)
    noise = (decoded - model.get_submodule("dec").bias) @ torch.linalg.pinv(model.get_parameter("dec.weight")).T - mean
    torch.manual_seed(0)
    torch.testing.assert_close(noise, torch.exp(0.5 * logvar) * torch.randn(2, 4), rtol=1e-3, atol=1e-4)


LAWS = """
model M()(x: [B, 64]) -> [B, 64] {
  param shift: [64] = uniform(-0.5, 0.5)
  x = x -> plain: Linear(64) -> zero: Linear(64, init=zeros) -> he: Linear(256, init=he_normal(mode="fan_out"))
  x = x -> glorot: Linear(64, init=xavier_uniform) -> square: Linear(64, init=orthogonal)
  x = x -> fixed: Linear(64, frozen=true) -> thin: Linear(64, init=normal(std=0.01), bias_init=1.0)
  return x + shift
}
"""


def test_a_law_stated_where_a_layer_is_made_holds_there() -> None:
    model = fanin.loads(LAWS).double()
    get = model.get_parameter
    assert get("plain.weight").abs().max().item() == pytest.approx(1 / 8, rel=0.01)
    assert get("zero.weight").abs().max().item() == 0 and get("zero.bias").abs().max().item() == 0
    assert get("he.weight").std().item() == pytest.approx((2 / 256) ** 0.5, rel=0.03)
    assert get("glorot.weight").abs().max().item() == pytest.approx((6 / 320) ** 0.5, rel=0.01)
    square = get("square.weight")
    torch.testing.assert_close(square @ square.T, torch.eye(64).double(), rtol=0, atol=1e-5)
    assert not get("fixed.weight").requires_grad and not get("fixed.bias").requires_grad
    assert get("thin.weight").std().item() == pytest.approx(0.01, rel=0.05)
    assert get("thin.bias").unique().tolist() == [1.0]
    assert get("shift").abs().max().item() == pytest.approx(0.5, rel=0.1)
    assert all(not parameter.is_meta for parameter in model.state_dict().values())


def test_attention_starts_as_pytorchs() -> None:
    spec = "model M()(x: [B, T, 64]) -> [B, T, 64] { return x -> attn: MultiheadAttention(4)(x, x) }"
    ours = fanin.loads(spec).get_submodule("attn")
    theirs = nn.MultiheadAttention(64, 4)
    for (name, a), (_, b) in zip(ours.state_dict().items(), theirs.state_dict().items(), strict=True):
        assert a.abs().max().item() == pytest.approx(b.abs().max().item(), rel=0.01), name


def test_modules_that_are_handed_over_keep_their_paths() -> None:
    model = fanin.loads(HANDED).double()
    keys = ["r.body", "s.body.0", "s.body.2", "t.body.body", "c.parts.0", "c.parts.1.body", "d.head"]
    assert list(model.state_dict()) == [f"{key}.{name}" for key in keys for name in ("weight", "bias")]
    x = torch.randn(3, 8, dtype=torch.double)
    torch.testing.assert_close(model(x), run(program_of(HANDED), model, x)[0], rtol=1e-12, atol=1e-12)


def test_a_block_inside_itself_keeps_its_paths() -> None:
    model = fanin.loads(RECURSIVE).double()
    keys = ["top." + "inner." * i + part for i in range(4) for part in ("down",)]
    keys += ["top." + "inner." * i + "up" for i in reversed(range(3))]
    assert list(model.state_dict()) == [f"{key}.{name}" for key in keys for name in ("weight", "bias")]
    x = torch.randn(3, 3, dtype=torch.double)
    torch.testing.assert_close(model(x), run(program_of(RECURSIVE), model, x)[0], rtol=1e-12, atol=1e-12)
