"""One cause gives one message, at the smallest text, and reading goes on."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from fanin.diagnostics import Diagnostic
from fanin.diagnostics.pages import load_page, page_ids
from fanin.diagnostics.render import render
from fanin.source import Source
from fanin.syntax.parser import parse

PAGES = [id for id in page_ids() if id.startswith("SYN")]
HEAD = "model M(w: int)(x: [N, D]) {\n  "


def found(text: str) -> list[Diagnostic]:
    return parse(Source("test.arch", text))[1]


def in_body(text: str) -> list[tuple[str, str]]:
    """The codes and the texts that they point at."""
    return [(d.code.id, d.span.text) for d in found(f"{HEAD}{text}\n}}")]


@pytest.mark.parametrize("id", PAGES)
def test_a_page_shows_its_mistake_alone(id: str) -> None:
    page = load_page(id)
    assert page
    assert [d.code.id for d in found(page.bad)] == [id]
    assert found(page.good) == []


def test_the_messages_read_well(golden: Callable[[str, str], None]) -> None:
    shown = []
    for id in PAGES:
        page = load_page(id)
        assert page
        if len(page.bad) < 300:
            shown.append(render(found(page.bad)))
    golden("syntax_messages.txt", "\n\n".join(shown))


@pytest.mark.parametrize("id", PAGES)
def test_a_fix_removes_its_cause(id: str) -> None:
    page = load_page(id)
    assert page
    (diagnostic,) = found(page.bad)
    if diagnostic.fix is None:
        pytest.skip("has no fix")
    text = page.bad
    for edit in sorted(diagnostic.fix.edits, key=lambda e: e.span.start, reverse=True):
        text = text[: edit.span.start] + edit.text + text[edit.span.end :]
    assert found(text) == []


CASES = [
    ("h = relu(x\n  y = tanh(h)\n  return y", [("SYN103", "(")]),
    ("h = f(a, (b, c]\n  return h", [("SYN103", "("), ("SYN104", "]")]),
    ("h = f(x))\n  return h", [("SYN104", ")")]),
    ("h = f('same', x)\n  g = 'it'", [("SYN106", "'same'"), ("SYN106", "'it'")]),
    ("h = x ^ 2 && y || !z", [("SYN109", "^"), ("SYN109", "&&"), ("SYN109", "||"), ("SYN109", "!")]),
    ("h = x => f |> g", [("SYN109", "=>"), ("SYN109", "|>")]),
    ("h = x → f × 2 ≤ 3", [("SYN109", "→"), ("SYN109", "×"), ("SYN109", "≤"), ("SYN117", "≤")]),
    ("if a = b { h = 1 }", [("SYN109", "=")]),
    ("h = f(None, True)", [("SYN114", "None"), ("SYN114", "True")]),
    ("h = f(*xs, **kw)", [("SYN114", "*xs"), ("SYN114", "**kw")]),
    ("f = lambda a, b: a + b\n  return f(x)", [("SYN114", "lambda")]),
    ("self.fc = Linear(3)\n  return x", [("SYN114", "self.")]),
    ("let h = 3\n  int k = 4", [("SYN114", "let"), ("SYN114", "int")]),
    ("for i in 0..3:\n    x = x -> f\n    y = x\n  return x", [("SYN115", ":")]),
    ("if a: x = 1\n  elif b: x = 2\n  else:\n    x = 3\n  return x", [("SYN115", ":")] * 3),
    ("x = 1; y = 2;", [("SYN126", ";"), ("SYN126", ";")]),
    ("x = 1 // a plain remark\n  // another\n  y = 4 // 2", [("SYN110", "//"), ("SYN110", "//")]),
    ("x = 1 /* why */ + 2", [("SYN110", "/*")]),
    ("x = 1. + .5 + 0x1F + 3px + 1__0", [("SYN111", t) for t in ("1.", ".5", "0x1F", "3px", "1__0")]),
    ("if a { x = 1 } else if b { x = 2 } elsif c { x = 3 }", [("SYN131", "else if"), ("SYN131", "elsif")]),
    ("y = a if b else c\n  return a if b else c", [("SYN116", "a if b else c")] * 2),
    ("return x\n  y = 3", [("SYN119", "return")]),
    ("for i in 0..3 { if a { return x } }", [("SYN119", "return")]),
    (
        '@ allow(thin-layer, "why")\n  y = a @b\n  z = a @b + c',
        [("SYN123", "@ allow"), ("SYN123", "@"), ("SYN123", "@")],
    ),
    ("y = dropout(20%)\n  z = 20%3", [("SYN122", "20%")]),
    ("y = [f(a) for a in xs if a]\n  z = 1", [("SYN124", "for a in xs if a")]),
    ('y = f(3, padding: 1, mode: "same")', [("SYN127", ":"), ("SYN127", ":")]),
    ("relu(x)\n  x -> f\n  x[0] = 3\n  x.y = 2", [("SYN128", t) for t in ("relu", "x", "x[0]", "x.y")]),
    ("y = f(a b)\n  z = [1 2]", [("SYN130", "b"), ("SYN130", "2")]),
    ("retrun x", [("SYN131", "retrun")]),
    ('h = "abc\n  g = f("abc)\n  k = 1', [("SYN105", '"'), ("SYN105", '"')]),
    ("h = __a + __a", [("SYN113", "__a")]),
    ("h = naïve", [("SYN108", "naïve")]),
    ("y = x -> (a + b): f", [("SYN118", "(a + b)")]),
    ("y = x -> layer[i][2 * j]: f", []),
    ("y = x -> 12 * f -> n * (g -> h)", []),
    ("y = -x -> f\n  z = x -> a ** 2", [("SYN117", "-"), ("SYN117", "**")]),
    ("y =\n  z = 3\n  k = 4", [("SYN101", "=")]),
    ("stage a until b < 3 { }", [("SYN101", "until")]),
    ("stage a for 3 epochs until { }", [("SYN101", "{")]),
]


@pytest.mark.parametrize(("text", "wanted"), CASES, ids=[case[0][:30] for case in CASES])
def test_a_mistake_is_named_where_it_is(text: str, wanted: list[tuple[str, str]]) -> None:
    assert in_body(text) == wanted


def test_an_unclosed_brace_is_the_one_that_stands_too_far_in() -> None:
    text = f"{HEAD}if w > 1 {{\n    h = x\n  return h\n}}\n\nblock B()(x: [N]) {{ return x }}\n"
    (diagnostic,) = found(text)
    assert diagnostic.code.id == "SYN102" and diagnostic.span.line == 2
    assert diagnostic.labels[0].span.text == "block"


def test_the_file_goes_on_after_each_mistake() -> None:
    text = (
        "def f(x):\n  return x\n\n"
        "block A(**kw)(x: [N]) {\n  y = = 3\n  return x\n}\n"
        "modle B()(x: [N]) { return x }\n"
        "x = 3\n"
        "const C = [1, 2\n"
        "fn d(x: [N]) -> [N] { return x +\n}\n"
        "const E = 1\n"
    )
    file, diagnostics = parse(Source("test.arch", text))
    codes = [d.code.id for d in diagnostics]
    assert codes == ["SYN114", "SYN114", "SYN101", "SYN131", "SYN129", "SYN103", "SYN101"]
    assert [d.name.name for d in file.declarations] == ["A", "B", "C", "d", "E"]  # type: ignore[attr-defined]


def test_a_bare_operator_offers_two_specs_that_parse() -> None:
    (diagnostic,) = found("const A = a -> g -> b + c * d -> h")
    offers = [offer for help in diagnostic.helps for offer in re.findall("`(.*)`", help)]
    assert offers == ["a -> g -> (b + c * d) -> h", "(a -> g -> b) + (c * d -> h)"]
    assert all(found(f"const A = {offer}") == [] for offer in offers)


def test_a_statement_of_a_system_stands_in_one() -> None:
    for statement in ("loss a = 1", "metric a = 1", "train a on b with c()", "stage s for 2 epochs until a { }"):
        assert [code for code, _ in in_body(statement)] == ["SYN120"]


def test_a_declaration_whose_head_is_lost_still_has_its_body_read() -> None:
    assert [d.code.id for d in found("block (x: [N]) { y = = 3\n z = f(]\n}")] == ["SYN101", "SYN101", "SYN104"]


def test_a_headline_is_lower_case_and_has_no_stop() -> None:
    for id in PAGES:
        page = load_page(id)
        assert page
        for diagnostic in found(page.bad):
            assert not diagnostic.headline.endswith(".") and not re.match("[A-Z][a-z]", diagnostic.headline)
