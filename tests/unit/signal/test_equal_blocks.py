"""Blocks that repeat are gone through once where they give the same: numbers stay, and so does the time."""

from __future__ import annotations

import pytest

from fanin import pipeline
from fanin.signal import analysis as going
from fanin.signal.analysis import Analysis
from fanin.signal.rows import rows
from fanin.signal.rules import shape
from fanin.signal.state import Signal

DENSE = """
block Layer(growth: int)(x: [N, C, H, W]) -> [N, C + growth, H, W] {
  y = x -> norm: BatchNorm2d() -> relu -> conv: Conv2d(growth, 3, padding=1, bias=false)
  return concat(x, y, axis=1)
}
model Net()(x: [8, 3, 8, 8]) {
  x = x -> stem: Conv2d(32, 3, padding=1)
  for i in 0..6 { x = x -> layer[i]: Layer(16) }
  return x -> norm: BatchNorm2d() -> relu -> mean(axis=(2, 3)) -> head: Linear(10)
}
"""
RECURRENT = """
model Net()(x: [4, 7, 16]) {
  r = scan(cell: GRUCell(24), x, h=zeros(4, 24))
  return r.y -> head: Linear(8)
}
"""


def numbers(found: Analysis) -> list[float]:
    return [v for r in rows(found) for v in (r.rms or 0.0, r.grad_std or 0.0, *(n for _, n in r.weights))]


def test_channels_of_one_law_are_one_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    program = pipeline.check_text(DENSE).programs[-1]
    found = pipeline.signal(program)
    joined = [s for s in found.signals.values() if isinstance(s, Signal) and s.parts]
    assert max(len(s.parts) for s in joined) < 7
    assert {sum(p.shape[1] for p in s.parts) for s in joined} <= {s.shape[1] for s in joined}
    monkeypatch.setattr(shape, "SAME_LAW", -1.0)
    apart = pipeline.signal(program)
    assert max(len(s.parts) for s in apart.signals.values() if isinstance(s, Signal)) == 7
    assert numbers(found) == pytest.approx(numbers(apart), rel=2e-3)


def test_later_steps_of_a_recurrence_need_no_pass_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    program = pipeline.check_text(RECURRENT).programs[-1]
    found = numbers(pipeline.signal(program))
    monkeypatch.setattr(going, "SETTLED", 1000)
    assert found == pytest.approx(numbers(pipeline.signal(program)), rel=1e-9)


def test_every_step_of_a_recurrence_reads_its_own_place() -> None:
    """Inputs of two times are independent: what the last state holds of the first is lost, not repeated."""
    program = pipeline.check_text(RECURRENT).programs[-1]
    found = pipeline.signal(program)
    slices = [s for s in found.tape.steps if s.op == "slice"]
    assert [found.rules[id(s)].places for s in slices] == [{1: i} for i in range(7)]  # type: ignore[attr-defined]
