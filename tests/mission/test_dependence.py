"""Rows on structure: which axes are mixed, the convolution as a graph, which symmetries are built in, and depth."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from fanin import pipeline
from fanin.analyses.dependence import Seen, dependences, divided
from fanin.analyses.depth import depth_of
from fanin.analyses.relations import relations
from fanin.analyses.symmetry import Action, Outcome, outcomes
from fanin.ir.dims import evaluate, expand
from fanin.ir.graph import Program
from fanin.runtime.samples import flat, random_of
from tests.models import load, module_of, open_symbols, program_of
from tests.sight import really, said

torch.set_num_threads(1)


def double(program: Program, seed: int = 0) -> nn.Module:
    return module_of(program, seed=seed).double().eval()


# ---------------------------------------------------------------------------------------------------------- S005

MIXING = {
    "mlp": ("model M()(x: [N, 6]) -> [N, 4] { return x -> Linear(5) -> tanh -> Linear(4) }", {"N": 3}),
    "conv": (
        "model M()(x: [N, 2, T]) -> [N, 3, T] { return x -> Conv1d(4, 3, padding=1) -> tanh -> Conv1d(3, 3, padding=1) }",
        {"N": 2, "T": 9},
    ),
    "attention": (
        "model M()(x: [N, T, 6]) -> [N, T, 6] {\n"
        "  q, k, v = x -> qkv: Linear(18) -> chunk(3, axis=-1)\n"
        "  return scaled_dot_product_attention(q, k, v, is_causal=true) }",
        {"N": 2, "T": 5},
    ),
    "moe": (
        "model M()(x: [N, T, 4]) -> [N, T, 4] {\n"
        "  gate = x -> router: Linear(3) -> softmax(axis=-1)\n"
        "  each = x -> 3 * [Linear(4) -> tanh -> Linear(4)] -> stack(axis=-1)\n"
        '  return einsum("n t d e, n t e -> n t d", each, gate) }',
        {"N": 2, "T": 3},
    ),
    "gnn": (
        "model M()(x: [V, 3], a: [V, V]) -> [V, 2] {\n"
        "  h = tanh(a @ (x -> Linear(4)))\n"
        "  return softmax(a, axis=1) @ (h -> Linear(2)) }",
        {"V": 4},
    ),
}


@pytest.mark.parametrize("draw", range(3))
@pytest.mark.parametrize("kind", MIXING)
def test_S005_the_static_mask_is_the_pattern_of_the_jacobian(kind: str, draw: int) -> None:
    text, sizes = MIXING[kind]
    program = program_of(text)
    at = {s: sizes[s.name] for s in open_symbols(program)}
    draws = torch.Generator().manual_seed(draw)
    inputs = [random_of(p.value.type, at, draws).double() for p in program.inputs if p.value is not None]
    net = double(program, seed=draw)
    for i, port in enumerate(program.inputs):
        own = [d for d in dependences(program) if d.input == port.name]
        for d, mask in zip(own, really(net, inputs, i), strict=True):
            assert np.array_equal(said(d, at), mask)


def test_S005_axes_mixed_and_kept_are_said_by_name() -> None:
    found = {kind: [str(r) for r in relations(dependences(program_of(text))[0])] for kind, (text, _) in MIXING.items()}
    assert found == {
        "mlp": ["same", "all"],
        "conv": ["same", "all", "window of 5"],
        "attention": ["same", "causal", "all"],
        "moe": ["same", "same", "all"],
        "gnn": ["all", "all"],
    }


# ---------------------------------------------------------------------------------------------------------- S079


def test_S079_a_convolution_is_a_graph_kernel_with_a_weight_for_each_offset() -> None:
    conv = load("model M()(x: [N, 2, 5, 6]) -> [N, 3, 5, 6] { return x -> c: Conv2d(3, 3, padding=1, bias=false) }")
    graph = load(
        "model G(offsets: int = 9)(x: [V, F], source: int[9, E], target: int[9, E]) -> [V + 1, 3] {\n"
        "  h = segment_sum((x -> k[0]: Linear(3, bias=false))[source[0]], target[0], V + 1)\n"
        "  for o in 1..offsets { h += segment_sum((x -> k[o]: Linear(3, bias=false))[source[o]], target[o], V + 1) }\n"
        "  return h }",
        F=2,
    )
    rows, columns = 5, 6
    source, target = [], []
    for di in (-1, 0, 1):
        for dj in (-1, 0, 1):
            pairs = []
            for i in range(rows):
                for j in range(columns):
                    there = 0 <= i + di < rows and 0 <= j + dj < columns
                    # an edge that is not there goes to a node that is thrown away
                    pairs.append(((i + di) * columns + j + dj, i * columns + j) if there else (0, rows * columns))
            source.append([a for a, _ in pairs])
            target.append([b for _, b in pairs])
    weight = conv.state_dict()["c.weight"]
    with torch.no_grad():
        for o in range(9):
            graph.get_parameter(f"k.{o}.weight").copy_(weight[:, :, o // 3, o % 3])
        x = torch.randn(1, 2, rows, columns, generator=torch.Generator().manual_seed(0))
        nodes = x[0].flatten(1).T
        found = graph(nodes, torch.tensor(source), torch.tensor(target))[:-1].T.reshape(1, 3, rows, columns)
        assert (found - conv(x)).abs().max() <= 1e-5
        assert (found - F.conv2d(x, weight, padding=1)).abs().max() <= 1e-5


# --------------------------------------------------------------------------------------------- S120, S123, S125


def act(program: Program, group: str, *letters: str) -> Outcome:
    """What becomes of the one output under a group on axes with these letters."""
    known = dict(program.graph.letters)
    types = [p.value.type for p in program.inputs if p.value is not None]
    axes = tuple(
        (i, axis, which)
        for which, letter in enumerate(letters)
        for i, t in enumerate(types)
        for axis, size in enumerate(t.shape)
        if expand(size) == expand(known[letter])
    )
    (found,) = outcomes(program.graph, Action(group, axes), sizes=divided(program))
    return found


RING = 'padding=1, padding_mode="circular"'


def image(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_S120_a_circular_convolution_net_is_proven_and_what_breaks_it_is_named() -> None:
    body = f"x -> a: Conv2d(4, 3, {RING}) -> relu -> b: Conv2d(2, 3, {RING})"
    program = program_of(f"model M()(x: [N, 3, H, W]) -> [N, 2, H, W] {{ return {body} }}")
    for letter, axis in (("H", 2), ("W", 3)):
        state = act(program, "translation", letter).state
        assert state.broken is None and not state.edge and state.step == 1
        net, x = double(program), image(2, 3, 8, 10)
        for shift in (1, 3):
            assert (net(x.roll(shift, axis)) - net(x).roll(shift, axis)).abs().max() <= 1e-6
    flat_head = program_of(
        f"model M()(x: [N, 3, H, W]) -> [N, 4] {{ return {body} -> flatten(1) -> head: Linear(4) }}", H=8, W=10
    )
    broken = outcomes(flat_head.graph, Action("translation", ((0, 2, 0),)))[0].state.broken
    assert broken is not None and broken.op == "Linear" and "head: Linear(4)" in broken.text.source.text
    places = program_of(
        "model M()(x: [N, 3, H, W]) -> [N, 3, H, W] {\n"
        f"  param place: [H, W] = normal(std=1.0)\n  return (x + place) -> a: Conv2d(3, 3, {RING}) }}",
        H=8,
        W=10,
    )
    broken = outcomes(places.graph, Action("translation", ((0, 2, 0),)))[0].state.broken
    assert broken is not None and broken.op == "add" and broken.text.text == "x + place"
    for net in (double(flat_head), double(places)):
        x = image(2, 3, 8, 10)
        y, z = net(x), net(x.roll(1, 2))
        assert (z - (y.roll(1, 2) if y.ndim == 4 else y)).abs().max() > 1e-3


EIGHT: list[tuple[str, str]] = [
    (f"x -> Conv2d(4, 3, {RING}) -> relu -> Conv2d(2, 3, {RING})", "exact"),
    (f"x -> Conv2d(4, 3, {RING}) -> relu -> mean(axis=(2, 3))", "exact"),
    (f"x -> Conv2d(4, 3, {RING}) -> relu -> max_pool2d(2) -> Conv2d(2, 3, {RING})", "exact by 2"),
    (f"x -> Conv2d(4, 3, {RING}) -> relu -> max_pool2d(2) -> mean(axis=(2, 3))", "exact by 2"),
    (f"x -> Conv2d(4, 3, stride=2, {RING}) -> relu -> avg_pool2d(2) -> Conv2d(2, 3, {RING})", "exact by 4"),
    ("x -> Conv2d(4, 3, padding=1) -> relu -> mean(axis=(2, 3))", "approximate"),
    ("x -> Conv2d(4, 3, padding=1) -> relu -> max_pool2d(2) -> Conv2d(2, 3, padding=1)", "approximate by 2"),
    ("x -> Conv2d(4, 3, padding=1) -> relu -> Conv2d(2, 3, padding=1)", "approximate"),
]


@pytest.mark.parametrize(("body", "wanted"), EIGHT)
def test_S123_the_reported_class_of_translation_is_the_measured_one(body: str, wanted: str) -> None:
    program = program_of(f"model M()(x: [N, 3, H, W]) {{ assert H % 8 == 0 and W % 8 == 0\n return {body} }}")
    state = act(program, "translation", "H").state
    assert state.broken is None
    reported = ("approximate" if state.edge else "exact") + (f" by {state.step}" if state.step > 1 else "")
    assert reported == wanted
    net, x = double(program), image(2, 3, 16, 16)
    y = net(x)
    ratio = Fraction(1) if y.ndim < 4 else Fraction(y.shape[2], 16)

    def error(shift: int) -> float:
        moved = net(x.roll(shift, 2))
        back = y if y.ndim < 4 else y.roll(int(shift * ratio), 2)
        away = slice(4, -4) if state.edge and y.ndim == 4 and y.shape[2] == 16 else slice(None)
        return float(((moved - back) if y.ndim < 4 else (moved - back)[:, :, away]).abs().max())

    exact = error(state.step)
    if not state.edge:
        assert exact <= 1e-9
    elif y.ndim == 4 and state.step == 1:
        assert exact <= 1e-9  # away from the border
        assert float((net(x.roll(1, 2)) - y.roll(1, 2)).abs().max()) > 1e-6
    else:
        assert exact > 1e-6  # the border is in it
    if state.step > 1:
        assert error(1) > 1e-6


def rotated(x: Tensor) -> Tensor:
    return x.rot90(1, (2, 3))


def test_S125_a_convolution_net_follows_shifts_and_neither_turns_nor_flips_nor_scales() -> None:
    program = program_of(
        f"model M()(x: [N, 3, H, W]) -> [N, 2, H, W] {{ return x -> Conv2d(4, 3, {RING}) -> tanh -> Conv2d(2, 3, {RING}) }}"
    )
    net, x = double(program), image(2, 3, 8, 8)
    y = net(x)
    proven = {
        "shift": act(program, "translation", "H").state.broken is None,
        "flip": act(program, "flip", "H").state.broken is None,
        "rot90": act(program, "rot90", "H", "W").state.broken is None,
        "permutation": act(program, "permutation", "H").state.broken is None,
    }
    order = torch.randperm(8, generator=torch.Generator().manual_seed(1))
    measured = {
        "shift": (net(x.roll(2, 2)) - y.roll(2, 2)).abs().max() <= 1e-9,
        "flip": (net(x.flip(2)) - y.flip(2)).abs().max() <= 1e-9,
        "rot90": (net(rotated(x)) - rotated(y)).abs().max() <= 1e-9,
        "permutation": (net(x[:, :, order]) - y[:, :, order]).abs().max() <= 1e-9,
    }
    assert proven == {"shift": True, "flip": False, "rot90": False, "permutation": False}
    assert {k: bool(v) for k, v in measured.items()} == proven
    twice = F.interpolate(x, scale_factor=2)  # no scale is built in, and none is claimed
    assert (net(twice) - F.interpolate(y, scale_factor=2)).abs().max() > 1e-3


def test_S125_pools_and_convolutions_of_one_turn_with_the_picture() -> None:
    program = program_of(
        "model M()(x: [N, 3, H, W]) { return x -> Conv2d(4, 1) -> tanh -> max_pool2d(3, stride=1, padding=1) -> Conv2d(2, 1) }"
    )
    net, x = double(program), image(2, 3, 8, 8)
    for group, move in (("flip", lambda t: t.flip(2)), ("rot90", rotated)):
        assert act(program, group, *("H", "W")[: 2 if group == "rot90" else 1]).state.broken is None
        assert (net(move(x)) - move(net(x))).abs().max() <= 1e-9
    lopsided = program_of("model M()(x: [N, 3, H, W]) { return x -> max_pool2d(3, stride=2) -> Conv2d(2, 1) }")
    assert act(lopsided, "flip", "H").state.broken is not None
    assert (double(lopsided)(x.flip(2)) - double(lopsided)(x).flip(2)).abs().max() > 1e-3


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        ("x -> Linear(8) -> relu -> sum(axis=1) -> Linear(2)", True),
        ("x -> Linear(8) -> relu -> amax(axis=1) -> Linear(2)", True),
        ("x -> Linear(8) -> (sum(axis=1) -> Linear(2))", True),
        ("x -> cumsum(axis=1) -> amax(axis=1) -> Linear(2)", False),
        ("(x + sinusoidal(T, 4)) -> sum(axis=1) -> tanh", True),
        ("(x * sinusoidal(T, 4)) -> sum(axis=1) -> tanh", False),
    ],
)
def test_S125_a_deep_set_is_invariant_under_permutations(body: str, kept: bool) -> None:
    program = program_of(f"model M()(x: [N, T, 4]) {{ return {body} }}")
    found = act(program, "permutation", "T")
    net, x = double(program), image(2, 6, 4)
    order = torch.randperm(6, generator=torch.Generator().manual_seed(1))
    same = bool((net(x[:, order]) - net(x)).abs().max() <= 1e-9)
    assert same == kept
    if found.state.broken is None:
        assert found.invariant and same
    assert (found.state.broken is None) == (kept and "sinusoidal" not in body)  # a sum that cancels is not seen through


# ---------------------------------------------------------------------------------------------------------- S170


class Chain(TorchFunctionMode):
    """The longest chain of torch calls behind each tensor; those that only look at numbers another way count nothing."""

    VIEWS = frozenset(
        [
            "view",
            "reshape",
            "flatten",
            "unflatten",
            "transpose",
            "permute",
            "chunk",
            "split",
            "unbind",
            "select",
            "__getitem__",
            "unsqueeze",
            "squeeze",
            "expand",
            "contiguous",
            "detach",
            "narrow",
            "movedim",
            "broadcast_to",
            "repeat_interleave",
        ]
    )

    def __init__(self) -> None:
        super().__init__()
        self.levels: dict[int, tuple[Any, int]] = {}

    def level(self, value: Any) -> int:
        return self.levels.get(id(value), (None, 0))[1]

    def __torch_function__(self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        name = getattr(func, "__name__", "")
        if name.startswith("__get__") or name in ("size", "dim", "numel", "_set_grad_enabled", "_get_autocast_dtype"):
            return out
        before = max((self.level(t) for t in _tensors((args, kwargs))), default=0)
        for t in _tensors(out):
            self.levels[id(t)] = (t, before + (name not in self.VIEWS))
        return out


def _tensors(value: Any) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, dict):
        return [t for v in value.values() for t in _tensors(v)]
    return [t for v in value for t in _tensors(v)] if isinstance(value, (list, tuple)) else []


DEPTHS: list[tuple[str, str, bool]] = [
    ("model M()(x: [N, T, 8]) { return x -> Linear(8) -> relu -> Linear(8) -> tanh -> Linear(2) }", "5", False),
    (
        "model M()(x: [N, T, 8]) {\n  q, k, v = x -> Linear(24) -> chunk(3, axis=-1)\n"
        "  return (x + scaled_dot_product_attention(q, k, v)) -> LayerNorm() -> Linear(8) }",
        "5",
        False,
    ),
    ("model M()(x: [N, 8, T]) { return x -> 3 * (Conv1d(8, 3, padding=1) -> relu) }", "6", False),
    (
        "block C()(x: [B, I], h: [B, 8]) -> (y: [B, 8], h: [B, 8]) {\n"
        "  h = tanh((x -> i: Linear(8)) + (h -> c: Linear(8)))\n  return h, h }\n"
        "model M()(x: [N, T, 8]) {\n  r = scan(C(), x, h=zeros(N, 8))\n  return r.y -> Linear(2) }",
        "3 * T + 2",
        True,
    ),
    ("model M()(x: [N, T, 8]) { return x -> Linear(8) -> softmax(axis=1) -> mean(axis=1) -> Linear(2) }", "4", False),
    (
        "model M()(x: [N, T, 8]) {\n  y = x\n  for i in 0..4 { y = y + (y -> l: Linear(8) -> relu) }\n  return y }",
        "12",
        False,
    ),
]


@pytest.mark.parametrize(("text", "depth", "recurrent"), DEPTHS)
def test_S170_the_reported_depth_is_the_counted_one(text: str, depth: str, recurrent: bool) -> None:
    program = program_of(text)
    assert str(depth_of(program.graph)) == depth
    net = module_of(program).eval()
    for steps in (3, 7):
        x = torch.zeros(2, 8, steps) if "Conv1d" in text else torch.zeros(2, steps, 8)
        chain = Chain()
        with torch.no_grad(), chain:
            out = net(x)
        counted = max(chain.level(t) for t in flat(out))
        said_depth = depth_of(program.graph)
        expected = evaluate(said_depth, dict.fromkeys(open_symbols(program), steps))
        # stacking the steps is one call more in PyTorch
        assert counted == expected + (1 if recurrent else 0)


# ----------------------------------------------------------------------------------------- receptive fields, known

Windows = list[tuple[int, int]]


def windows_of_resnet(blocks: list[int], bottleneck: bool) -> Windows:
    """Kernel and stride of the widest path of a ResNet (He et al. 2016; the stride on the 3 x 3, as in torchvision)."""
    found = [(7, 2), (3, 2)]
    for stage, count in enumerate(blocks):
        for block in range(count):
            stride = 2 if stage and not block else 1
            found += [(1, 1), (3, stride), (1, 1)] if bottleneck else [(3, stride), (3, 1)]
    return found


VGG16 = [w for convs in (2, 2, 3, 3, 3) for w in [*[(3, 1)] * convs, (2, 2)]]
FIELDS: list[tuple[str, str, Windows]] = [
    ("vgg.arch", "Vgg16", VGG16),
    ("resnet.arch", "ResNet18", windows_of_resnet([2, 2, 2, 2], False)),
    ("resnet.arch", "ResNet50", windows_of_resnet([3, 4, 6, 3], True)),
    ("resnet.arch", "ResNet152", windows_of_resnet([3, 8, 36, 3], True)),
]


@pytest.mark.parametrize(("spec", "name", "windows"), FIELDS, ids=[f[1] for f in FIELDS])
def test_receptive_fields_are_those_of_the_recursion(spec: str, name: str, windows: Windows) -> None:
    """Araujo et al. 2019, "Computing Receptive Fields of Convolutional Neural Networks", eq. 2; 212 for VGG-16 there."""
    field, jump = 1, 1
    for kernel, stride in windows:
        field, jump = field + (kernel - 1) * jump, jump * stride
    program = pipeline.elaborate(f"specs/{spec}", name)

    def pooled(box: Any) -> bool:
        return len(box[2].terms) != 1

    origin = Seen(program.graph).origin(0, 0, pooled)
    assert origin is not None
    boxes = [box for fact in origin.inputs if fact is not None for _, each in fact.boxes for box in each]
    assert max(box[2].high - box[2].low + 1 for box in boxes) == field
    assert field == 212 or name != "Vgg16"
