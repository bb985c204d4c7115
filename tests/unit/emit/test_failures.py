"""What fails inside an emitted model is told in terms of the spec."""

from __future__ import annotations

import copy
import pickle
import traceback
from pathlib import Path

import pytest
import torch
from torch import nn

import fanin

SPEC = """
fn look(x: [B, D], i: int[B, 1]) -> [B, 1] {
  return gather(x, i, axis=1)
}

block Mlp(h: int)(x: [B, D]) -> [B, D] {
  return x -> fc1: Linear(h) -> relu -> fc2: Linear(D)
}

block Words()(t: int[B]) -> [B, 8] {
  return t -> table: Embedding(10, 8)
}

model Net()(t: int[B], i: int[B, 1]) -> [B, 1] {
  x = t -> words: Words()
  for _ in 0..3 { x += x -> layers: Mlp(16) }
  return look(x, i)
}
"""


@pytest.fixture
def net(tmp_path: Path) -> nn.Module:
    (tmp_path / "net.arch").write_text(SPEC, encoding="utf-8")
    return fanin.load(str(tmp_path / "net.arch"))


def told(error: BaseException) -> str:
    (note,) = error.__notes__
    return str(note)


def test_an_index_past_the_end_names_the_table_and_its_line(net: nn.Module) -> None:
    with pytest.raises(IndexError) as raised:
        net(torch.tensor([3, 10]), torch.zeros(2, 1).long())
    note = told(raised.value)
    assert "OUT804" in note and "IndexError in `words.table` of `Net`" in note
    assert "net.arch:11:" in note and "return t -> table: Embedding(10, 8)" in note
    assert "gives [B, 8]" in note and "t: int64[2]" in note


def test_a_module_that_was_exchanged_is_named(net: nn.Module) -> None:
    net.get_submodule("layers.1").fc2 = nn.Linear(5, 8)
    with pytest.raises(RuntimeError) as raised:
        net(torch.tensor([3, 1]), torch.zeros(2, 1).long())
    note = told(raised.value)
    assert "`layers.1.fc2`" in note and "net.arch:7:" in note


def test_a_function_is_found_by_its_line(net: nn.Module) -> None:
    with pytest.raises(RuntimeError) as raised:
        net(torch.tensor([3, 1]), torch.full((2, 1), 99))
    note = told(raised.value)
    assert "net.arch:3:" in note and "gather(x, i, axis=1)" in note and "i: int64[2, 1]" in note
    assert "net.arch" in "".join(traceback.format_exception(raised.value))


def test_a_check_on_entry_speaks_for_itself(net: nn.Module) -> None:
    with pytest.raises(ValueError, match="t must be int") as raised:
        net(torch.zeros(2), torch.zeros(2, 1).long())
    assert not getattr(raised.value, "__notes__", [])


def test_what_works_goes_on_as_it_was(net: nn.Module) -> None:
    given = torch.tensor([3, 1]), torch.zeros(2, 1).long()
    for twin in (
        copy.deepcopy(net),
        pickle.loads(pickle.dumps(net)),
        torch.compile(net, fullgraph=True, backend="eager"),
    ):
        torch.testing.assert_close(twin(*given), net(*given))
    assert torch.export.export(net, given).module()(*given).shape == (2, 1)
