"""The values of ``-p``."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fanin.cli.values import Value, Word, parse_assignment, parse_value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("64", 64),
        ("-3", -3),
        ("1_000", 1000),
        ("0.5", 0.5),
        ("2e-4", 2e-4),
        ("-1.5E3", -1500.0),
        ("26M", 26_000_000),
        ("4.2G", 4_200_000_000),
        ("6GiB", 6 * 1024**3),
        ("2GB", 2_000_000_000),
        ("true", True),
        ("false", False),
        ("none", None),
        ('"a \\" b"', 'a " b'),
        ('""', ""),
        ("[64, 128,]", [64, 128]),
        ("[]", []),
        ("(3, 3)", (3, 3)),
        ("(3,)", (3,)),
        ("(3)", 3),
        ('[[1], "x", none]', [[1], "x", None]),
        (" 7 ", 7),
    ],
)
def test_a_literal(text: str, value: Value) -> None:
    found = parse_value(text)
    assert found == value and type(found) is type(value)


def test_a_bare_word_is_told_from_a_string() -> None:
    assert isinstance(parse_value("gelu"), Word) and parse_value("gelu") == "gelu"
    assert not isinstance(parse_value('"gelu"'), Word)


REFUSED = [
    '', '1.', '.5', '1..2', '--1', '1_', '[1', '1]', '[1 2]', '[,]', '()', '"a', "'a'", 'a b',
    '1 2', '64x', '1e999', "__import__('os')", 'a.b', 'f(1)', '1+1', "[" * 99 + "]" * 99, '26Q',
    'é', '"\\n"', '6 GiB',
]  # fmt: skip


@pytest.mark.parametrize("text", REFUSED)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no value|too large"):
        parse_value(text)


@pytest.mark.parametrize("text", ["width", "=3", "2w=3", "a b=3", "a.b=1", "-w=3"])
def test_an_assignment_needs_a_name(text: str) -> None:
    with pytest.raises(ValueError, match="name=value"):
        parse_assignment(text)


def test_an_assignment() -> None:
    assert parse_assignment("width = 64") == ("width", 64)
    assert parse_assignment('note="a=b"') == ("note", "a=b")


def written(value: Value) -> str:
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, list):
        return f"[{', '.join(map(written, value))}]"
    return {True: "true", False: "false", None: "none"}[value] if isinstance(value, bool | None) else repr(value)


plain = st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_characters="\n"))


@given(st.recursive(plain, lambda inner: st.lists(inner, max_size=4), max_leaves=12))
def test_what_is_written_is_read(value: Value) -> None:
    assert parse_value(written(value)) == value


@given(st.text('[](),"\\ab1_.eM- ', max_size=20))
def test_any_text_is_a_value_or_refused(text: str) -> None:
    with suppress(ValueError):
        parse_value(text)
