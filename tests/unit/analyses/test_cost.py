"""Cost: against the counts that papers and torchvision give, against algebra, and against PyTorch's counter."""

from __future__ import annotations

import time

import pytest

from fanin.analyses import cost
from tests.unit.analyses.specs import GPT, RESNET, VGG, VIT, program


@pytest.mark.parametrize(
    ("text", "name", "count"),
    [
        (RESNET, "ResNet18", 11_689_512),
        (RESNET, "ResNet50", 25_557_032),
        (VGG, None, 138_357_544),
        (VIT, None, 86_567_656),
        (GPT, None, 124_439_808),
    ],
)
def test_published_counts(text: str, name: str | None, count: int) -> None:
    assert cost.parameters(program(text, name)) == count


def test_resnet50_takes_8_18_gflop_at_224_pixels() -> None:
    found = cost.flops_at(program(RESNET, "ResNet50"), {"image": [1, 3, 224, 224]})
    assert found == 8_178_368_512


def test_flops_are_a_formula_of_the_open_dimensions() -> None:
    p = program("model M()(x: [N, T, 16]) -> [N, T, 4] { return x -> fc: Linear(4) }")
    assert str(cost.flops(p)) == "128 * N * T"


def test_a_call_puts_in_its_own_sizes() -> None:
    p = program("""
    block B(w: int)(x: [N, D]) -> [N, w] { return x -> fc: Linear(w) }
    model M()(x: [K, 6]) -> [2 * K, 6] { b = B(6)
      return b(concat(b(x), x, axis=0)) }
    """)
    assert str(cost.flops(p)) == "216 * K"  # 72 K for the first use, 144 K for the second
    assert cost.parameters(p) == 42


def test_a_tied_parameter_counts_once_and_works_twice() -> None:
    p = program("""
    model M()(x: [N, 8]) -> [N, 8] { a = Linear(8)
      return a(x) -> b: Linear(8, weight=a.weight) }
    """)
    assert cost.parameters(p) == 64 + 8 + 8
    assert str(cost.flops(p)) == "256 * N"


def test_a_shared_instance_counts_once_and_works_each_time() -> None:
    p = program("model M()(x: [N, 8]) -> [N, 8] { f = Linear(8, bias=false)\n return x -> 5 * f }")
    assert (cost.parameters(p), str(cost.flops(p))) == (64, "640 * N")


def test_frozen_weights_are_parameters_and_not_trainable() -> None:
    p = program("model M()(x: [N, 8]) -> [N, 2] { return x -> a: Linear(8, frozen=true) -> b: Linear(2) }")
    assert (cost.parameters(p), cost.trainable(p)) == (72 + 18, 18)


def test_buffers_are_counted_apart() -> None:
    p = program("model M()(x: [N, 8]) -> [N, 8] { buffer b: [3] = zeros\n return x -> n: BatchNorm1d() }")
    assert (cost.parameters(p), cost.buffers(p)) == (16, 3 + 8 + 8 + 1)


def test_what_nobody_reads_costs_nothing_but_its_weights() -> None:
    p = program("""
    block Two()(x: [N, D]) -> (a: [N, D], b: [N, D]) { return x -> l: Linear(D), x -> r: Linear(D) }
    model M()(x: [N, 8]) -> [N, 8] { a, _ = x -> t: Two()
      unread = x -> u: Linear(100)
      return a }
    """)
    assert str(cost.flops(p)) == "128 * N"
    assert cost.parameters(p) == 2 * 72 + 900


def test_the_nodes_sum_up_to_the_graph() -> None:
    graph = program(RESNET, "ResNet50").graph
    nodes = [cost.of_node(graph, node) for node in graph.nodes]
    assert sum(n.parameters for n in nodes) == 25_557_032
    assert sum((n.flops for n in nodes), 0) == cost.of_graph(graph).flops


def test_a_node_has_the_weights_of_its_module_at_its_first_use_alone() -> None:
    graph = program("model M()(x: [N, 8]) -> [N, 8] { f = Linear(8)\n return f(f(x)) }").graph
    assert [cost.of_node(graph, node).parameters for node in graph.nodes] == [72, 0]


def test_an_instance_is_one_application_of_it() -> None:
    graph = program("model M()(x: [N, 8]) -> [N, 8] { return x -> l: 3 * Linear(8) }").graph
    found = cost.of_instance(graph.children[0].instance)
    assert (found.parameters, str(found.flops)) == (216, "384 * N")


def test_twelve_thousand_layers_cost_what_two_do() -> None:
    text = """
    block B()(x: [N, D]) -> [N, D] { return x -> fc: Linear(D) }
    model M()(x: [N, 16]) -> [N, 16] { return x -> l: 12_000 * B() }
    """
    p = program(text)
    start = time.perf_counter()
    assert cost.parameters(p) == 12_000 * 272
    assert str(cost.flops(p)) == "6144000 * N"
    assert time.perf_counter() - start < 0.1


def test_a_chain_of_blocks_as_deep_as_can_be_is_no_recursion() -> None:
    text = """
    block B(n: int)(x: [N, D]) -> [N, D] {
      if n == 0 { return x -> fc: Linear(D) }
      return x -> inner: B(n - 1)
    }
    model M()(x: [N, 4]) -> [N, 4] { return x -> top: B(150) }
    """
    assert cost.parameters(program(text)) == 20


@pytest.mark.parametrize(
    ("shapes", "kind", "words"),
    [
        ({"img": [1, 3, 8, 8]}, "name", "`img` is no input of `M`, which has `image`"),
        ({"image": [1, 3]}, "shape", "`image` is [N, 3, H, H], and [1, 3] has 2 axes"),
        ({"image": [1, 4, 8, 8]}, "shape", "axis 1 of `image` is 3, not 4"),
        ({"image": [1, 3, 8, 16]}, "shape", "axis 3 of `image` is `H`, 8, not 16"),
        ({"image": [0, 3, 8, 8]}, "shape", "a size of `image` is a whole number, 1 or more, not 0"),
        ({"image": [1, 3, 9, 9]}, "condition", "these sizes break the condition `H % 2 == 0`"),
        ({}, "missing", "H and N stay open: the shape of `image` is missing"),
    ],
)
def test_sizes_that_do_not_fit_are_data(shapes: dict[str, list[int]], kind: str, words: str) -> None:
    p = program("""
    model M()(image: [N, 3, H, H]) -> [N, 8, H / 2, H / 2] { return image -> c: Conv2d(8, 2, stride=2) }
    """)
    found = cost.flops_at(p, shapes)
    assert isinstance(found, cost.Misfit)
    assert (found.kind, found.message) == (kind, words)


@pytest.mark.parametrize(
    ("text", "name", "hyper", "shapes"),
    [
        (RESNET, "ResNet18", {"classes": 10}, {"image": [2, 3, 33, 47]}),
        (RESNET, "ResNet50", {"classes": 10}, {"image": [1, 3, 40, 64]}),
        (VGG, None, {"classes": 10}, {"image": [1, 3, 40, 32]}),
        (VIT, None, {"width": 64, "depth": 2, "heads": 4}, {"image": [1, 3, 224, 224]}),
        (GPT, None, {"vocab": 50, "width": 32, "depth": 3, "heads": 4}, {"token": [2, 7]}),
    ],
)
def test_flops_are_those_of_pytorchs_counter(
    text: str, name: str | None, hyper: dict[str, int], shapes: dict[str, list[int]]
) -> None:
    torch = pytest.importorskip("torch")
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    import fanin

    net = fanin.loads(text, name, **hyper).eval()
    inputs = [torch.zeros(s, dtype=torch.long) if n == "token" else torch.rand(s) for n, s in shapes.items()]
    # The fused attention of CPUs is the one kernel that the counter does not know.
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        net(*inputs)
    p = program(text, name, **hyper)
    assert cost.flops_at(p, shapes) == counter.get_total_flops()
    assert cost.parameters(p) == sum(w.numel() for w in net.parameters())
