"""Weights and their names: drawn once by (seed, path), kept in every way that PyTorch copies and stores modules."""

from __future__ import annotations

import copy
import io
import pickle

import pytest
import torch
from torch import Tensor, nn

from tests.models import load

MLP = """
block Mlp(width: int)(x: [*, D]) -> [*, D] { return x -> up: Linear(width) -> gelu -> down: Linear(D) }
model Net(depth: int = 2)(x: [N, 8]) -> [N, 3] {
  x = x -> stem: Linear(8)
  for i in 0..depth { x += x -> norm: LayerNorm() -> mlp: Mlp(16) }
  return x -> head: Linear(3)
}
"""
TIED = """
@init(embedding=normal(std=0.02))
model Net()(token: int[B, T]) -> [B, T, 11] {
  return token -> words: Embedding(11, 6) -> mix: Linear(6) -> out: Linear(11, bias=false, weight=words.weight)
}
"""
SHARED = """
block Wrap(body: module)(x: [N, D]) -> [N, D] { return x + body(x) }
model Net()(x: [N, 4]) -> [N, 4] {
  f = Linear(4)
  x = x -> a: Wrap(f) -> b: Wrap(f)
  param scale: [4] = ones
  buffer shift: [4] = 0.5
  return x * scale + shift
}
"""
IMAGE = """
block Down(width: int)(x: [N, C, H, W]) {
  return x -> conv: Conv2d(width, 3, padding=1, bias=false) -> bn: BatchNorm2d() -> relu -> max_pool2d(2)
}
model Net()(x: [N, 3, H, W]) -> [N, 5] {
  return x -> stages: (Down(4) -> Down(8)) -> mean(axis=(2, 3)) -> dropout(0.5) -> head: Linear(5)
}
"""
SPECS = {"loop": MLP, "tied": TIED, "shared": SHARED, "image": IMAGE}


def inputs(name: str) -> list[Tensor]:
    generator = torch.Generator().manual_seed(3)
    if name == "tied":
        return [torch.randint(0, 11, (2, 5), generator=generator)]
    shape = {"loop": (2, 8), "shared": (2, 4), "image": (2, 3, 8, 12)}[name]
    return [torch.rand(shape, generator=generator)]


def same(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return list(a) == list(b) and all(torch.equal(a[k], b[k]) for k in a)


EACH = pytest.mark.parametrize("name", SPECS)

# -------------------------------------------------------------------------------------------------------------- seeds


@EACH
def test_the_same_seed_gives_the_same_bits(name: str) -> None:
    torch.manual_seed(1)
    first = load(SPECS[name], seed=7)
    torch.manual_seed(2)
    assert same(first.state_dict(), load(SPECS[name], seed=7).state_dict())


@EACH
def test_another_seed_gives_other_weights(name: str) -> None:
    first, second = load(SPECS[name], seed=7), load(SPECS[name], seed=8)
    drawn = [k for k, p in first.named_parameters() if p.std() > 0]
    assert drawn
    assert all(not torch.equal(first.state_dict()[k], second.state_dict()[k]) for k in drawn)


def test_drawing_leaves_the_generator_of_torch_alone() -> None:
    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    load(MLP, seed=1)
    assert torch.equal(torch.rand(3), wanted)


def test_a_block_more_changes_no_other_weights() -> None:
    small, large = load(MLP, depth=2).state_dict(), load(MLP, depth=3).state_dict()
    assert set(small) < set(large)
    assert all(torch.equal(small[k], large[k]) for k in small)


def test_a_layer_before_changes_no_other_weights() -> None:
    more = MLP.replace("x = x -> stem: Linear(8)", "x = x -> first: Linear(8) -> relu -> stem: Linear(8)")
    before, after = load(MLP).state_dict(), load(more).state_dict()
    assert all(torch.equal(before[k], after[k]) for k in before)


def test_equal_blocks_have_different_weights() -> None:
    state = load(MLP, depth=3).state_dict()
    assert not torch.equal(state["mlp.0.up.weight"], state["mlp.1.up.weight"])
    assert not torch.equal(state["mlp.1.up.weight"], state["mlp.2.up.weight"])


# ------------------------------------------------------------------------------------------------------- tied, shared


def test_a_tied_weight_has_both_keys_and_counts_once() -> None:
    net = load(TIED)
    assert {"words.weight", "out.weight"} <= set(net.state_dict())
    assert [k for k, _ in net.named_parameters()] == ["words.weight", "mix.weight", "mix.bias"]


@pytest.mark.parametrize("way", ["as made", "deepcopy", "load_state_dict", "double", "to", "pickle"])
def test_tied_weights_stay_tied(way: str) -> None:
    net = load(TIED)
    match way:
        case "deepcopy":
            net = copy.deepcopy(net)
        case "load_state_dict":
            net.load_state_dict(load(TIED, seed=9).state_dict())
        case "double":
            net = net.double()
        case "to":
            net = net.to(torch.bfloat16)
        case "pickle":
            net = pickle.loads(pickle.dumps(net))
    words, out = net.get_submodule("words"), net.get_submodule("out")
    assert words.weight is out.weight
    with torch.no_grad():
        words.weight.fill_(0.5)
    assert bool((out.weight == 0.5).all())


def test_a_shared_module_is_one() -> None:
    net = load(SHARED)
    # An nn.Module lists its own tensors before those of the modules in it.
    assert list(net.state_dict()) == ["scale", "shift", "f.weight", "f.bias"]
    assert [k for k, _ in net.named_parameters()] == ["scale", "f.weight", "f.bias"]
    assert [k for k, _ in net.named_buffers()] == ["shift"]


# ------------------------------------------------------------------------------------------------------- copies, files


@EACH
def test_a_deep_copy_gives_the_same_and_is_its_own(name: str) -> None:
    net = load(SPECS[name]).eval()
    twin = copy.deepcopy(net)
    assert same(net.state_dict(), twin.state_dict())
    assert torch.equal(net(*inputs(name)), twin(*inputs(name)))
    with torch.no_grad():
        for parameter in twin.parameters():
            parameter.zero_()
    assert not same(net.state_dict(), twin.state_dict())


@EACH
def test_a_state_goes_through_pickle_and_files(name: str) -> None:
    net = load(SPECS[name])
    assert same(net.state_dict(), pickle.loads(pickle.dumps(net.state_dict())))
    file = io.BytesIO()
    torch.save(net.state_dict(), file)
    file.seek(0)
    stored = torch.load(file, weights_only=True)
    other = load(SPECS[name], seed=11)
    assert not same(net.state_dict(), other.state_dict())
    other.load_state_dict(stored)
    assert same(net.state_dict(), other.state_dict())
    assert torch.equal(net.eval()(*inputs(name)), other.eval()(*inputs(name)))


def test_a_state_of_another_net_is_refused() -> None:
    with pytest.raises(RuntimeError, match=r"norm\.2"):
        load(MLP, depth=2).load_state_dict(load(MLP, depth=3).state_dict())


@EACH
def test_what_has_weights_is_a_module_of_torch(name: str) -> None:
    net = load(SPECS[name])
    leaves = [m for m in net.modules() if m is not net and list(m.parameters(recurse=False))]
    assert leaves
    assert all(type(m).__module__.startswith("torch.nn.") for m in leaves)


# --------------------------------------------------------------------------------------------------- compile, devices


@pytest.mark.parametrize("name", ["loop", "tied", "image"])
def test_the_whole_graph_is_captured(name: str) -> None:
    net = load(SPECS[name]).eval()
    torch._dynamo.reset()
    compiled = torch.compile(net, fullgraph=True, backend="eager")
    with torch.no_grad():
        assert torch.equal(compiled(*inputs(name)), net(*inputs(name)))


@pytest.mark.slow
@EACH
def test_the_whole_graph_is_captured_with_its_gradient(name: str) -> None:
    torch._dynamo.reset()
    net = load(SPECS[name]).train()
    net.apply(lambda m: setattr(m, "p", 0.0) if isinstance(m, nn.Dropout) else None)
    compiled = torch.compile(net, fullgraph=True, backend="aot_eager")
    found = []
    for module in (net, compiled):
        net.zero_grad()
        torch.manual_seed(0)
        module(*inputs(name)).square().sum().backward()
        found.append([p.grad.clone() for p in net.parameters() if p.grad is not None])
    if name != "image":  # its dropout draws other numbers
        for a, b in zip(*found, strict=True):
            torch.testing.assert_close(a, b)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU on this machine")
@EACH
def test_every_device_gets_the_same_bits(name: str) -> None:
    here, there = load(SPECS[name], seed=4), load(SPECS[name], seed=4).cuda()
    assert same(here.state_dict(), {k: v.cpu() for k, v in there.state_dict().items()})
    found = there.eval()(*[i.cuda() for i in inputs(name)]).cpu()
    torch.testing.assert_close(found, here.eval()(*inputs(name)), rtol=1e-3, atol=1e-3)
