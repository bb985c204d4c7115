"""Fields become inputs, or one message for each cause says why they don't, before anything is trained."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from fanin import pipeline
from fanin.data import Batches, Data, DataFailed, bind, open_data
from fanin.ir.graph import Program
from fanin.source import Source

IMAGES = "image: [N, 1, 8, 8], label: int[N]"


def system(inputs: str, before: str = "") -> Program:
    text = f"""system S()({inputs}) {{
      {before}
      w = Linear(3)
      loss l = mean(w(ones(2, 2)))
      train w on l with sgd(lr=0.1)
    }}"""
    return pipeline.elaborate_source(Source("s.arch", text), "s.arch", "S", {})


def bound(inputs: str, source: Any, **mapping: str) -> Data:
    data = open_data(source)
    assert isinstance(data, Data)
    program = system(inputs)
    return bind(data, program.inputs, mapping, program.requirements)


def problems(inputs: str, source: Any, **mapping: str) -> list[tuple[str, str]]:
    with pytest.raises(DataFailed) as caught:
        bound(inputs, source, **mapping)
    return [(d.code.id, d.headline) for d in caught.value.report.diagnostics]


def test_fields_by_their_names_and_by_others() -> None:
    data = bound(IMAGES, "digits")
    assert {n: a.shape for n, a in data.fields.items()} == {"image": (1797, 1, 8, 8), "label": (1797,)}
    data = bound("pixels: [N, 64], kind: int[N]", "digits:flat=true", pixels="x", kind="label")
    assert data["pixels"].shape == (1797, 64) and data.classes["kind"] == tuple("0123456789")
    data = bound("x: [N, 64], again: [N, 64]", "digits:flat=true", again="x")
    assert data["again"] is data["x"]


def test_what_no_input_takes_is_left_out() -> None:
    assert list(bound("x: [N, 64]", "digits:flat=true").fields) == ["x"]


@pytest.mark.parametrize(
    ("inputs", "source", "mapping", "code", "said"),
    [
        ("pixels: [N, 64]", "digits:flat=true", {}, "DAT003", "the system takes `pixels`, and digits has no such"),
        ("x: [N, 64]", "digits:flat=true", {"x": "y"}, "DAT003", "digits has no field `y`"),
        ("x: [N, 64]", "digits:flat=true", {"xx": "x"}, "DAT003", "the system has no input `xx`"),
        ("x: [N, 63]", "digits:flat=true", {}, "DAT004", "`x` has 63 on axis 1, and the field has 64"),
        ("x: [N, 64]", "digits", {"x": "image"}, "DAT004", "`x` has 2 axes, and the field has 4"),
        ("x: [N, T], y: [N, T]", {"x": np.ones((3, 4)), "y": np.ones((3, 5))}, {}, "DAT004", "`T` is 4 in `x`"),
        ("x: [N, T], y: [N, 2 * T]", {"x": np.ones((3, 4)), "y": np.ones((3, 5))}, {}, "DAT004", "2 * T = 8 on axis 1"),
        ("x: int[N]", {"x": np.array([1.0, 2.5])}, {}, "DAT005", "`x` of dict has 2.5 in row 1 of dict"),
        ("x: bool[N]", {"x": np.array([0, 1, 2])}, {}, "DAT005", "`x` of dict has 2 in row 2 of dict"),
        ("x: [N]", {"x": np.array([1j])}, {}, "DAT005", "complex numbers, and a float input"),
        ("x: int[N]", {"x": np.array([1.0, np.nan])}, {}, "DAT006", "`x` has nan in row 1 of dict"),
        ("x: [N, 2]", {"x": np.array([[1, 2], [3, -np.inf]])}, {}, "DAT006", "`x` has -inf in row 1 of dict, at [1]"),
        ("x: [N, 2]", {"x": np.ones((0, 2))}, {}, "DAT007", "`x` of dict has no rows"),
        ("x: [N], y: [N]", {"x": np.ones(3), "y": np.ones(4)}, {}, "DAT008", "`x` of dict has 3 rows, and `y` has 4"),
    ],
    ids=lambda x: x if isinstance(x, str) else "",
)
def test_a_field_that_does_not_fit(inputs: str, source: Any, mapping: dict[str, str], code: str, said: str) -> None:
    ((id, headline),) = problems(inputs, source, **mapping)
    assert id == code and said in headline


def test_every_field_that_does_not_fit_is_said_at_once() -> None:
    found = problems("image: [N, 8], label: [N], more: [N]", {"image": np.ones((3, 9)), "label": np.full(3, np.nan)})
    assert sorted(id for id, _ in found) == ["DAT003", "DAT004", "DAT006"]


def test_the_message_has_the_place_in_the_spec_and_a_fix() -> None:
    with pytest.raises(DataFailed) as caught:
        bound("image: [N, 1, 8, 8]", {"image": np.ones((4, 8, 8, 3))})
    with pytest.raises(DataFailed) as missing:
        bound("image: [N, 64]", "digits:flat=true")
    assert caught.value.report.diagnostics[0].span.text == "image: [N, 1, 8, 8]"
    assert "s.arch:1:12" in str(missing.value) and "`--map image=x`" in str(missing.value)
    with pytest.raises(DataFailed, match="`digits:flat=true` has that shape"):
        bound("x: [N, 64]", "digits")
    with pytest.raises(DataFailed, match="`--map x=image`"):
        bound("x: [N, 1, 8, 8]", {"image": np.ones((4, 8, 8))})
    with pytest.raises(DataFailed, match=r"transpose\(0, 3, 1, 2\)"):
        bound("image: [N, 3, 8, 8]", {"image": np.ones((4, 8, 8, 3))})
    with pytest.raises(DataFailed, match=r"reshape\(-1, 3, 4\)"):
        bound("x: [N, 3, 4]", {"x": np.ones((2, 12))})


def test_a_row_is_named_as_the_source_counts_it() -> None:
    data = open_data({"x": np.array([1.0, 2.0, np.nan, 4.0])})
    assert isinstance(data, Data)
    part = data.take(np.array([3, 2]))
    with pytest.raises(DataFailed, match="in row 2 of dict"):
        bind(part, system("x: [N]").inputs)


def test_axes_of_one_and_exact_numbers_are_put_right() -> None:
    source = {
        "image": np.zeros((5, 8, 8), np.uint8),
        "label": np.arange(5.0),
        "y": np.ones((5, 1), int),
        "t": np.ones(5),
    }
    data = bound("image: [N, 1, 8, 8], label: int[N], y: bool[N], t: [N, 1]", source)
    batch = next(iter(Batches(data, 2, shuffle=False)))
    assert {n: (tuple(t.shape), t.dtype) for n, t in batch.items()} == {
        "image": ((2, 1, 8, 8), torch.float32),
        "label": ((2,), torch.int64),
        "y": ((2,), torch.bool),
        "t": ((2, 1), torch.float32),
    }


def test_other_letters_are_not_paired() -> None:
    data = bound("a: [N, 3], b: [M, 3]", {"a": np.ones((5, 3)), "b": np.ones((5, 3))})
    assert data.lengths() == {0: 5, 1: 5}
    rows = {n: np.arange(40.0) for n in "ab"}
    batches = Batches(bound("a: [N], b: [M]", rows), 40, seed=1)
    batch = next(iter(batches))
    assert sorted(batch["a"].tolist()) == sorted(batch["b"].tolist()) and batch["a"].tolist() != batch["b"].tolist()
    data = bound("a: [N], b: [M]", {"a": np.arange(4.0), "b": np.arange(9.0)})
    parts = data.split(test=0.5, seed=2)
    assert parts["test"].lengths() == {0: 2, 1: 5} and parts["train"].lengths() == {0: 2, 1: 4}


def test_a_graph_has_no_batch_of_edges() -> None:
    graph = {"x": np.ones((5, 7)), "edge": np.zeros((2, 9), int), "label": np.zeros(5, int)}
    data = bound("x: [V, 7], edge: int[2, E], label: int[V]", graph)
    assert data.whole == {"edge"} and len(data) == 5
    (batch,) = Batches(data, None)
    assert batch["edge"].shape == (2, 9) and batch["x"].shape == (5, 7)
    data = bound("x: [V, 7], adjacent: [V, V]", {"x": np.ones((5, 7)), "adjacent": np.ones((5, 5))})
    assert data.whole == {"x", "adjacent"} and len(Batches(data, None)) == 1


def test_a_batch_that_is_written_as_a_number() -> None:
    data = bound("x: [4, 3]", {"x": np.ones((10, 3))})
    with pytest.raises(DataFailed, match="batches of 4 rows"):
        Batches(data, 5)
    assert len(Batches(data, 4, drop_last=True)) == 2


def test_parts_of_the_source_are_bound_too() -> None:
    data = bound("x: [N, 1]", {"x_train": np.ones(6), "x_test": np.ones(3)})
    assert data.parts["test"]["x"].shape == (3, 1)
    assert problems("x: [N]", {"x_train": np.ones(2), "x_test": np.array([np.nan])}) == [
        ("DAT006", "`x` has nan in row 0 of dict (test)")
    ]


def test_conditions_of_the_system_are_met_by_the_sizes() -> None:
    program = system("x: [N, H]", before='assert H % 4 == 0, "it is halved twice"')
    data = open_data({"x": np.ones((3, 6))})
    assert isinstance(data, Data)
    with pytest.raises(DataFailed, match="it is halved twice"):
        bind(data, program.inputs, None, program.requirements)
