"""Rules for tensors that are taken together: cosines, larger ones, powers, comparisons, masks that hold everywhere.

Against compiled modules, over draws of weights and inputs, and against sums that can be done by hand.
"""

from __future__ import annotations

from math import pi, sqrt

import numpy as np
import pytest
import torch

import fanin
from fanin import pipeline
from fanin.signal import grid
from fanin.signal.rows import rows
from fanin.signal.rules.apart import Apart
from fanin.signal.rules.base import Weights
from fanin.signal.state import Signal, make
from fanin.signal.table import white

TWO = (
    "model Net()(x: [48, {rows}24], y: [48, 24]) {{\n  a = x -> a: Linear(64){f}\n  b = y -> b: Linear(64){g}{more}\n"
    "  return ({op}) -> head: Linear(64)\n}}"
)
COSINE = (
    "model Net()(x: [48, 1, 32], y: [48, 6, 32]) {{\n  a = x -> a: Linear(48){f}\n  b = y -> b: Linear(48){f}\n"
    "  return cosine_similarity(a, b, axis=-1) -> head: Linear(64)\n}}"
)
SPECS = {
    "larger": TWO.format(rows="", f="", g=" -> tanh", more="", op="maximum(a, b)"),
    "larger, stretched": TWO.format(rows="5, ", f="", g="", more=" -> unsqueeze(1)", op="maximum(a, b)"),
    "power": TWO.format(rows="", f=" -> sigmoid", g=" -> softplus", more="", op="a ** (1 + b)"),
    "smaller of one input": (
        "model Net()(x: [48, 24]) {\n  a = x -> a: Linear(64)\n  b = x -> b: Linear(64)\n"
        "  return minimum(a, b) -> head: Linear(64)\n}"
    ),
    "cosine": COSINE.format(f=""),
    "cosine of what is above 0": COSINE.format(f=" -> relu"),
    "compared": "model Net()(x: [48, 32]) { return float((x -> a: Linear(64) -> tanh) > 0.2) -> head: Linear(64) }",
}


@pytest.mark.parametrize("name", SPECS)
def test_what_is_taken_together_against_modules(name: str) -> None:
    program = pipeline.check_text(SPECS[name]).programs[0]
    analysis = pipeline.signal(program)
    seen = pipeline.measure(program, analysis, draws=8).modules
    found = {row.path: row for row in rows(analysis) if row.op == "Linear"}
    for path, row in found.items():
        measured = seen[path]
        assert row.rms == pytest.approx(measured.rms, rel=max(0.04, 4 * measured.rms_error)), path
        if measured.grad:
            assert row.grad_std == pytest.approx(measured.grad, rel=max(0.08, 4 * measured.grad_error)), path


def gaussian(shape: tuple[int, ...]) -> Signal:
    return make(shape, white(shape, 1.0))


def test_the_larger_of_two_normal_numbers() -> None:
    """Its mean is 1/√π and its second moment 1 (Clark 1961); half of a gradient passes."""
    rule = Apart(np.maximum)
    xs = [gaussian((64, 64)), gaussian((64, 64))]
    (y,) = rule.forward(xs, Weights({}, {}), [(64, 64)])
    assert y.mean == pytest.approx(1 / sqrt(pi), rel=5e-4)
    assert y.q == pytest.approx(1.0, rel=1e-6)
    assert float(y.M[0, 0]) == pytest.approx(1 / pi, rel=1e-3)
    from fanin.signal.state import gradient

    first, second = rule.backward(xs, [y], [gradient(white((64, 64), 1.0))], Weights({}, {}))
    assert first is not None and second is not None
    assert first.q == pytest.approx(0.5, rel=2e-3) and second.q == pytest.approx(0.5, rel=2e-3)


def test_a_product_is_what_products_are() -> None:
    """The series in two latents against the rule for products, which is exact."""
    from fanin.signal.rules.pointwise import Curve, multiply

    a, b = (
        Curve(f).forward([gaussian((32, 64))], Weights({}, {}), [(32, 64)])[0]
        for f in (np.tanh, lambda v: np.exp(0.3 * v))
    )
    (found,) = Apart(np.multiply).forward([a, b], Weights({}, {}), [(32, 64)])
    exact = multiply(a, b, (32, 64))
    np.testing.assert_allclose(found.M, exact.M, rtol=1e-4, atol=1e-9)
    assert grid.mean(found.psi) == pytest.approx(exact.mean, abs=1e-9)


def test_a_cosine_of_normal_vectors_has_a_second_moment_of_one_over_their_length() -> None:
    text = "model Net()(x: [64, 40], y: [64, 40]) { return cosine_similarity(x, y, axis=1) }"
    (row,) = [r for r in rows(pipeline.signal(pipeline.check_text(text).programs[0])) if r.op == "cosine_similarity"]
    assert row.rms == pytest.approx(sqrt(1 / 40), rel=1e-9)


RING = (
    "from std.graph import {layer}\nmodel Net()(x: [V, 32], edge: int[2, E]) {{\n"
    "  return (x, edge) -> conv: {layer}({args})\n}}"
)


@pytest.mark.parametrize(("layer", "args"), [("GraphConv", "64")])
def test_a_mask_that_holds_everywhere_on_a_regular_graph(layer: str, args: str) -> None:
    """Graphs are taken to be regular, so that no degree is 0; on a ring each node has two neighbours."""
    text = RING.format(layer=layer, args=args)
    program = pipeline.check_text(text).programs[0]
    ring = torch.arange(32)
    edge = torch.stack([ring.repeat(2), torch.cat([(ring + 1) % 32, (ring - 1) % 32])])
    analysis = pipeline.signal(program, sizes={"V": 32, "E": 64})
    predicted = rows(analysis)[-1].rms
    squares = []
    for seed in range(8):
        torch.manual_seed(seed)
        net = fanin.loads(text, seed=seed)
        with torch.no_grad():
            squares.append(float((net(torch.randn(32, 32), edge) ** 2).mean()))
    assert predicted == pytest.approx(sqrt(sum(squares) / 8), rel=0.08)


def test_what_is_known_by_an_approximation_is_not_compared() -> None:
    text = (
        "model Net()(x: [48, 32]) {\n  a = x -> a: Linear(32) -> relu\n"
        "  s = a * (a -> b: Linear(32) -> sigmoid) + x\n  return float(s > 1.5) -> head: Linear(8)\n}"
    )
    last = rows(pipeline.signal(pipeline.check_text(text).programs[0]))[-1]
    assert last.rms is None


@pytest.mark.parametrize("model", ["Gat", "Gcn", "Chebyshev", "MeshGraphNet"])
def test_an_edge_names_two_of_all_nodes(model: str) -> None:
    """Through ``unbind``, ``concat`` and an index: what is measured on edges between two nodes alone means nothing."""
    program = pipeline.elaborate("specs/graph.arch", model, {})
    assert pipeline.signal(program, sizes={"V": 20, "E": 60}).numbers() == {"edge": 20}


def test_numbers_that_name_nothing_have_no_places() -> None:
    text = (
        "model Net()(t: int[4], u: int[4], x: [9, 3]) {\n"
        "  return float(t)[:, none] + x[flatten(reshape(u, 2, 2)[:, :], 0)]\n}"
    )
    (program,) = pipeline.check_text(text).programs
    assert pipeline.signal(program).numbers() == {"u": 9}


def test_tokens_that_a_recurrence_looks_up_itself() -> None:
    text = (
        "block Cell(hidden: int)(t: int[B], h: [B, hidden]) -> (y: [B, hidden], h: [B, hidden]) {\n"
        "  h = tanh((t -> embed: Embedding(37, hidden)) + (h -> context: Linear(hidden, bias=false)))\n"
        "  return h, h\n}\n"
        "model Net(hidden: int = 8)(letters: int[B, T]) -> [B, T, hidden] {\n"
        "  hs, _ = scan(cell: Cell(hidden), letters, h=zeros(B, hidden))\n  return hs\n}"
    )
    assert pipeline.signal(pipeline.check_text(text).programs[-1]).numbers() == {"letters": 37}


def test_attention_over_a_random_graph() -> None:
    program = pipeline.elaborate("specs/graph.arch", "Gat", {"features": 64})
    analysis = pipeline.signal(program, sizes={"V": 128, "E": 768})
    seen = pipeline.measure(program, analysis, draws=8).modules
    for row in (row for row in rows(analysis) if row.op == "Linear"):
        assert row.rms == pytest.approx(seen[row.path].rms, rel=max(0.05, 4 * seen[row.path].rms_error)), row.path
