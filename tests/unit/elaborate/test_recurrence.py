"""`scan` and `iterate`: against PyTorch's own recurrent modules, loops by hand, and every way to get them wrong."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import fanin
from fanin import pipeline
from fanin.emit.document import document
from fanin.emit.text import read_text, write_text
from fanin.ir.verify import verify_program
from fanin.source import Source


def codes(spec: str) -> list[str]:
    return [d.code.id for d in pipeline.check_text(spec).diagnostics]


def load(spec: str, **hyper: object) -> nn.Module:
    program = pipeline.elaborate_source(Source("<string>", spec), "<string>", None, dict(hyper))
    verify_program(program)
    assert document(read_text(write_text(program))) == document(program)
    return fanin.loads(spec, **hyper).double()


CELLS = """
model Net(hidden: int = 7)(x: [B, T, 5]) -> (y: [B, T, hidden], h: [B, hidden]{more}) {{
  h0 = zeros(B, hidden)
  r = scan(cell: {cell}(hidden), x, {states}{reverse})
  return r.y, r.h{last}
}}
"""


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize(("cell", "theirs"), [("RNNCell", nn.RNN), ("LSTMCell", nn.LSTM), ("GRUCell", nn.GRU)])
def test_a_scan_of_a_cell_is_pytorchs_recurrent_module(cell: str, theirs: type[nn.Module], reverse: bool) -> None:
    lstm = cell == "LSTMCell"
    spec = CELLS.format(
        cell=cell,
        states="h=h0, c=h0" if lstm else "h=h0",
        reverse=", reverse=true" if reverse else "",
        more=", c: [B, hidden]" if lstm else "",
        last=", r.c" if lstm else "",
    )
    net = load(spec)
    peer = theirs(5, 7, batch_first=True).double()
    suffix = "_l0"
    net.load_state_dict({f"cell.{k.removesuffix(suffix)}": v for k, v in peer.state_dict().items()})
    x = torch.randn(3, 6, 5, dtype=torch.double, requires_grad=True)
    given = x.flip(1) if reverse else x
    y, last = peer(given)
    out = net(x)
    torch.testing.assert_close(out.y, y.flip(1) if reverse else y)
    torch.testing.assert_close(out.h, (last[0] if lstm else last)[0])
    weights = torch.randn_like(y)
    (mine,) = torch.autograd.grad((out.y * weights).sum(), x, retain_graph=True)
    (other,) = torch.autograd.grad(((y.flip(1) if reverse else y) * weights).sum(), x)
    torch.testing.assert_close(mine, other)
    compiled = torch.compile(net, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(x).y, out.y)


def test_sequences_states_and_what_stays_the_same() -> None:
    spec = """
block Cell()(a: [B, D], b: [B, D], s: [B, D], k: [B, D], n: []) -> (out: [B, D], s: [B, D], twice: [B, D]) {
  s = s + a * b * k + n
  return s - 1, s, 2 * s
}
model Net()(a: [B, T, D], b: [B, T, D], k: [B, D]) -> (out: [T, B, D], twice: [T, B, D], s: [B, D]) {
  return scan(Cell(), rearrange(a, "b t d -> t b d"), rearrange(b, "b t d -> t b d"), s=zeros(B, D), k=k, n=0.5, axis=0)
}
"""
    net = load(spec)
    a, b, k = torch.randn(2, 4, 3).double(), torch.randn(2, 4, 3).double(), torch.randn(2, 3).double()
    out = net(a, b, k)
    s = torch.zeros(2, 3).double()
    for t in range(4):
        s = s + a[:, t] * b[:, t] * k + 0.5
        torch.testing.assert_close(out.out[t], s - 1)
        torch.testing.assert_close(out.twice[t], 2 * s)
    torch.testing.assert_close(out.s, s)


def test_a_number_of_steps_without_a_sequence() -> None:
    spec = """
block Grow()(x: [B, D]) -> (x: [B, D], seen: [B, D]) { return x -> fc: Linear(D), x }
model Net(steps: int = 3)(x: [B, 4]) -> (seen: [B, steps, 4], x: [B, 4]) {
  return scan(grow: Grow(), x=x, steps=steps)
}
"""
    net = load(spec)
    x = torch.randn(2, 4).double()
    fc = net.get_submodule("grow.fc")
    seen, last = net(x)
    torch.testing.assert_close(seen, torch.stack([fc(x) * 0 + x, fc(x), fc(fc(x))], 1)[:, [0, 1, 2]])
    torch.testing.assert_close(last, fc(fc(fc(x))))


def test_what_flows_through_a_function_or_a_composition() -> None:
    spec = """
fn decay(x: [B, D], s: [B, D]) -> (s: [B, D]) { return 0.5 * s + x }
model Net()(x: [B, T, 4]) -> ([B, 4], [B, T, 3]) {
  s = scan(decay, x, s=zeros(B, 4))
  y = scan((Linear(8) -> tanh -> Linear(3)), x)
  return s, y
}
"""
    net = load(spec)
    x = torch.randn(2, 3, 4).double()
    s, y = net(x)
    torch.testing.assert_close(s, 0.25 * x[:, 0] + 0.5 * x[:, 1] + x[:, 2])
    assert {k.split(".")[0] for k in net.state_dict()} == {"sequential1"}
    torch.testing.assert_close(y, net.get_submodule("sequential1")(x))


def test_a_scan_in_a_repetition_and_in_a_loop() -> None:
    spec = """
block Layer()(x: [B, T, D]) -> [B, T, D] {
  y, _ = scan(cell: GRUCell(D), x, h=zeros(B, D))
  return y
}
model Net()(x: [B, T, 4]) -> [B, T, 4] {
  x = x -> rows: 2 * Layer()
  for i in 0..2 { x, _ = scan(last: GRUCell(4), x, h=zeros(B, 4)) }
  return x
}
"""
    net = load(spec)
    assert {k.rsplit(".", 1)[0] for k in net.state_dict()} == {"rows.0.cell", "rows.1.cell", "last.0", "last.1"}
    x = torch.randn(2, 5, 4).double()
    y = x
    for path in ("rows.0.cell", "rows.1.cell", "last.0", "last.1"):
        h, steps = torch.zeros(2, 4).double(), []
        for t in range(5):
            h = net.get_submodule(path)(y[:, t], h)
            steps.append(h)
        y = torch.stack(steps, 1)
    torch.testing.assert_close(net(x), y)


ITERATE = """
block Double()(x: [B, D], count: [B]) -> (x: [B, D], count: [B], done: bool[B]) {
  x = 2 * x
  return x, count + 1, amax(x, axis=1) > 10
}
model Net(max: int = 6)(x: [B, D]) -> (x: [B, D], count: [B]) {
  return iterate(Double(), x=x, count=zeros(B), max=max)
}
"""


def test_what_is_done_keeps_its_state() -> None:
    net = load(ITERATE)
    x = torch.tensor([[1.0, 3.0], [8.0, 0.0], [0.01, 0.0]]).double()
    out = net(x)
    assert out.count.tolist() == [2, 1, 6]
    torch.testing.assert_close(out.x, x * 2 ** out.count[:, None])
    longer = load(ITERATE, max=30)(x)
    assert longer.count.tolist() == [2, 1, 10]
    compiled = torch.compile(net, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(x).x, out.x)


CELL = (
    "block Cell()(x: [B, D], h: [B, 4]) -> (y: [B, 4], h: [B, 4]) { h = tanh((x -> a: Linear(4)) + h) return h, h }\n"
)


@pytest.mark.parametrize(
    ("call", "code"),
    [
        ("scan(Cell(), x, h=zeros(B, 3))", "SHP301"),
        ("scan(Cell(), x, h=zeros(B, 4), g=x)", "TYP405"),
        ("scan(Cell(), x)", "TYP407"),
        ("scan(x, Cell())", "TYP407"),
        ("scan(Cell(), x, h=zeros(B, 4), axis=7)", "SHP306"),
        ("scan(Cell(), h=zeros(B, 4))", "TYP407"),
        ("scan(Cell(), x, h=zeros(B, 4), steps=4)", "TYP405"),
        ("scan(Cell(), x, h=zeros(B, 4), reverse=1)", "TYP401"),
        ("scan(Cell(), x, h=zeros(B, 4), h=zeros(B, 4))", "TYP405"),
        ("iterate(Cell(), x=x[:, 0], h=zeros(B, 4), max=3)", "TYP407"),
        ("iterate(Cell(), x=x[:, 0], h=zeros(B, 4))", "TYP407"),
        ("iterate(Cell(), x, max=3)", "TYP407"),
    ],
)
def test_a_wrong_loop_is_one_error(call: str, code: str) -> None:
    spec = CELL + f"model Net()(x: [B, T, 6]) {{ r = {call} return r.h }}"
    assert [c for c in codes(spec) if not c.startswith("NAM2")] == [code]


def test_two_sequences_have_the_same_number_of_steps() -> None:
    spec = "fn f(a: [B], b: [B]) -> [B] { return a + b }\nmodel Net()(a: [B, 3], b: [B, 4]) { return scan(f, a, b) }"
    assert codes(spec) == ["SHP301"]
    open_sizes = (
        "fn f(a: [B], b: [B]) -> [B] { return a + b }\nmodel Net()(a: [B, S], b: [B, T]) { return scan(f, a, b) }"
    )
    assert codes(open_sizes) == ["SHP301"]


def test_a_mistake_in_a_cell_is_reported_once() -> None:
    spec = "block Cell()(x: [B, D], h: [B, 4]) -> (h: [B, 4]) { return h + nothing }\n"
    found = codes(spec + "model Net()(x: [B, T, 6]) { return scan(Cell(), x, h=zeros(B, 4)) }")
    assert found == ["NAM202", "NAM201"]  # `x` is not used
