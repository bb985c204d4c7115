"""Whatever is given, the answer is data or one message: never an exception of another kind."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fanin.data import Data, DataFailed, open_data
from fanin.data.sources.hooks import CALLABLE
from fanin.data.tasks import TASKS
from tests.unit.data.settings import UNTIMED


def one_message(source: object) -> None:
    try:
        open_data(source)
    except DataFailed as failed:
        (found,) = failed.report.diagnostics
        assert found.code.id.startswith("DAT") and str(failed)


@UNTIMED
@given(text=st.text("digts moon:=,+.csvnpz/\\0123456789xé\0\n", max_size=30))
def test_texts(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    head = text.split("=")[0]
    if not any(CALLABLE.fullmatch(text[:i]) for i in range(len(text) + 1)) and not CALLABLE.match(head):
        one_message(text)


@UNTIMED
@given(
    name=st.sampled_from(sorted(TASKS)),
    n=st.integers(-1, 30),
    other=st.integers(-2, 70),
    pick=st.integers(0, 9),
    seed=st.integers(0, 5),
)
def test_options_of_tasks(name: str, n: int, other: int, pick: int, seed: int) -> None:
    options = [o for o in TASKS[name].options if o != "n"] or ["n"]
    option = options[pick % len(options)]
    if (name, option) == ("parity", "bits") and not n and other > 12:
        return
    one_message(f"{name}:n={n},{option}={other},seed={seed}" if option != "n" else f"{name}:n={n}")


@UNTIMED
@given(
    text=st.text('ab,;1.5"\n\r\t é\0', max_size=60), options=st.sampled_from(["", ":x=*", ":x=a,y=b", ":header=false"])
)
def test_tables(text: str, options: str, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(text.encode())
    one_message(f"{path}{options}")


@UNTIMED
@given(data=st.data())
def test_damaged_arrays(data: st.DataObject, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    np.savez(buffer, x=np.arange(6.0).reshape(3, 2), y=np.arange(3))
    whole = bytearray(buffer.getvalue())
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "t.npz"
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole)))])
    one_message(str(path))


@UNTIMED
@given(
    source=st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.binary(max_size=4)),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3),
            st.tuples(inner, inner),
            st.dictionaries(st.sampled_from("xy"), inner, max_size=2),
        ),
        max_leaves=8,
    )
)
def test_objects(source: object) -> None:
    one_message(source)


@UNTIMED
@given(rows=st.integers(1, 30), val=st.one_of(st.integers(-2, 40), st.floats(-1, 3)), test=st.floats(0, 1))
def test_shares(rows: int, val: float, test: float) -> None:
    data = Data({"x": np.zeros(rows)})
    try:
        parts = data.split(val, test)
    except DataFailed:
        return
    assert sum(map(len, parts.values())) == rows and all(map(len, parts.values()))
