"""The reference: an entry for each name, with a signature in the language's own words."""

from __future__ import annotations

import pytest

from fanin.ops.reference import Entry, entries
from fanin.ops.registry import names

FOUND = {entry.name: entry for entry in entries()}


def test_there_is_an_entry_for_every_name() -> None:
    assert sorted(FOUND) == sorted(set(names()))


@pytest.mark.parametrize("entry", FOUND.values(), ids=FOUND.keys())
def test_every_entry_says_what_it_is(entry: Entry) -> None:
    assert entry.kind == ("module" if entry.name[0].isupper() else "function")
    assert entry.signature.startswith(f"{entry.name}(") and entry.signature.endswith(")")
    assert entry.summary and "\n" not in entry.summary and entry.example
    assert "Poly" not in entry.signature and "fanin." not in entry.signature and "MISSING" not in entry.signature


@pytest.mark.parametrize(
    ("name", "signature"),
    [
        ("Linear", "Linear(out_features: int, *, bias: bool = true)"),
        ("relu", "relu(x)"),
        ("concat", "concat(*xs, axis: int = 0)"),
        ("flatten", "flatten(x, start_axis: int = 0, end_axis: int = -1)"),
        ("gelu", 'gelu(x, approximate: "none" | "tanh" = "none")'),
    ],
)
def test_signatures(name: str, signature: str) -> None:
    assert FOUND[name].signature == signature
