"""What a reader sees of a diagnostic."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fanin.diagnostics import Code, Diagnostic, Edit, Fix, Label
from fanin.diagnostics.excerpt import Row
from fanin.diagnostics.render import FORMATS, full, render, summary
from fanin.source import Source, Span

from .samples import MISMATCH, THIN, at, mismatch, samples

STYLE_GUIDE = """\
error[SHP301 axis-mismatch]: the two arms of this sum disagree: 64 channels and 128
 --> specs/resnet.arch:5:15
  |
3 |   h = x -> conv1: Conv2d(64, 3, padding=1) -> relu
  |                          -- this arm has 64 channels because of this
5 |   return relu(h + x)
  |               ^^^^^ `h` is [N, 64, H, W], `x` is [N, 128, H, W]
  = note: in `Basic(width=64)`, used at specs/resnet.arch:18:22
  = help: project the skip, for example `relu(h + (x -> down: Conv2d(64, 1, bias=false)))`
"""


def test_full_is_as_the_style_guide_has_it() -> None:
    assert render([mismatch()]) == STYLE_GUIDE


@pytest.mark.parametrize("name", samples())
def test_full(name: str, golden: Callable[[str, str], None]) -> None:
    golden(f"messages/{name}.txt", render([samples()[name]]))


@pytest.mark.parametrize("format", FORMATS)
def test_formats(format: str, golden: Callable[[str, str], None]) -> None:
    chosen = [samples()[name] for name in ("mismatch", "label-in-another-file", "several-lines", "fix")]
    golden(f"messages/formats/{format}.txt", render(chosen, format))  # type: ignore[arg-type]


def test_messages_are_apart_by_an_empty_line() -> None:
    assert render([mismatch(), mismatch()]) == f"{STYLE_GUIDE}\n{STYLE_GUIDE}"
    assert render([]) == ""


def test_no_line_ends_with_a_space() -> None:
    lines = render(samples().values()).split("\n")
    assert [line for line in lines if line != line.rstrip()] == []


def test_nothing_steers_the_terminal() -> None:
    assert not set("\x1b\t\u202e") & set(render(samples().values()))
    assert not set("\x1b\u202e") & set(render(samples().values(), "concise"))


def test_concise_is_one_line_each() -> None:
    assert render([samples()["headline-of-lines"]], "concise") == (
        "specs/resnet.arch:5:15: error[SHP301 axis-mismatch] a headline of two lines\n"
    )


def test_styles_cover_the_text() -> None:
    for row in full(list(samples().values())):
        assert "".join(text for _, text in row.pieces()) == str(row)


def test_rows_write_over_what_stands_there() -> None:
    row = Row().put(4, "----", "label").put(5, "^^", "error")
    assert str(row) == "    -^^-"
    assert list(row.pieces()) == [("", "    "), ("label", "-"), ("error", "^^"), ("label", "-")]


def test_marks_stand_under_what_they_mark() -> None:
    lines = render([samples()["labels-on-one-line"]]).split("\n")
    code = next(line for line in lines if "return relu" in line)
    marks = lines[lines.index(code) + 1]
    assert marks[code.index("h + x") : code.index("h + x") + 5] == "^^^^^"
    assert marks[code.index("return")] == "-"


def test_summary_counts() -> None:
    assert summary([], 1) == "no errors in 1 file"
    assert summary([mismatch()], 1) == "1 error in 1 file"
    warnings = [samples()["fix"], samples()["fix"]]
    assert summary([mismatch(), mismatch(), *warnings], 3) == "2 errors, 2 warnings in 3 files"
    assert summary([samples()["several-lines"]], 2) == "1 advice in 2 files"


def test_fix_shows_only_lines_that_change() -> None:
    source = Source("a.arch", "one\ntwo\nthree\n")
    edit = Edit(Span(source, 0, len(source.text)), "one\n2\nthree\n")
    text = render([Diagnostic(MISMATCH, "x", at(source, "two"), fix=Fix("write 2", (edit,)))])
    assert [line for line in text.split("\n") if line[2:4] in ("+ ", "- ")] == ["2 - two", "2 + 2"]


spans = st.tuples(st.integers(0, 60), st.integers(0, 60)).map(sorted)
texts = st.text(st.sampled_from("ab(\t\n\r漢\u0301\x1b ") | st.characters(), max_size=60)


@given(text=texts, places=st.lists(spans, min_size=1, max_size=5), said=texts, edit=texts)
def test_any_spans_of_any_text_can_be_rendered(text: str, places: list[list[int]], said: str, edit: str) -> None:
    source = Source("any.arch", text)
    length = len(text)
    found = [Span(source, min(start, length), min(end, length)) for start, end in places]
    d = Diagnostic(
        Code("SYN101", "any"),
        "any",
        found[0],
        said,
        tuple(Label(span, said) for span in found[1:]),
        notes=(said,),
        fix=Fix("edit", (Edit(found[0], edit),)),
    )
    for format in FORMATS:
        assert render([d, THIN_ONE], format)


THIN_ONE = Diagnostic(THIN, "thin", Span(Source("thin.arch", ""), 0, 0))
