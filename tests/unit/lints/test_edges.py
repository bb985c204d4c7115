"""``@edges``: what an author says of the edges in an input or a binding, and how saying it goes wrong."""

from __future__ import annotations

import pytest

from fanin import pipeline
from fanin.diagnostics.fixes import edited
from fanin.source import Source

NET = "{said}\nmodel Net()(a: [V, V], x: [V, 4], w: [V, V]?) {{\n{inside}  return eigvalsh(a), x\n}}"


@pytest.mark.parametrize(
    ("said", "at", "headline"),
    [
        ("@edges(a=binry)", "binry", "there is no kind of edges `binry`"),
        ("@edges(binary)", "binary", "there are 3 inputs: `a`, `x`, `w`"),
        ("@edges(b=free)", "b=free", "there is no input `b`"),
        ("@edges()", "@edges()", "`@edges` says of which kind"),
    ],
)
def test_what_means_nothing_is_refused_where_it_stands(said: str, at: str, headline: str) -> None:
    (found,) = [d for d in pipeline.check_text(NET.format(said=said, inside="")).diagnostics if d.is_fatal]
    assert found.code.id == "TYP405" and found.span.text == at and found.headline.startswith(headline)


def test_a_mistyped_kind_has_a_fix() -> None:
    text = NET.format(said="@edges(a=distnace)", inside="")
    (found,) = [d for d in pipeline.check_text(text).diagnostics if d.fix is not None]
    assert found.fix is not None
    assert "@edges(a=distance)" in edited(text, list(found.fix.edits))


def test_the_graph_carries_it_and_what_is_left_out_has_no_kind() -> None:
    source = Source("a.arch", NET.format(said="@edges(a=distance, w=free)", inside=""))
    program = pipeline.elaborate_source(source, "a.arch", None, None, skip_optional=True)
    values = {port.name: port.value for port in program.graph.ports}
    assert values["w"] is None and values["a"] is not None
    assert [(said.value, said.kind) for said in program.graph.edges] == [(values["a"].index, "distance")]


def test_a_binding_says_it_anew_and_only_from_there_on() -> None:
    inside = "  @edges(distance)\n  a = a * 2\n"
    spec = NET.format(said="@edges(a=signed)", inside=inside)
    assert "STR632" not in {d.code.id for d in pipeline.check_text(spec).diagnostics}
    before = spec.replace("  @edges(distance)\n  a = a * 2\n", "  b = eigvalsh(a)\n  @edges(distance)\n  a = a * b\n")
    (found,) = [d for d in pipeline.check_text(before).diagnostics if d.code.id == "STR632"]
    assert found.span.text == "eigvalsh(a)" and found.labels[0].span.text == "a=signed"


def test_it_is_laid_out_as_other_attributes() -> None:
    text, problems = pipeline.format_text(Source("a.arch", "@edges( a = binary )\nmodel N()(a: [V, V]) { return a }"))
    assert not problems and text is not None and text.startswith("@edges(a=binary)\nmodel N()")
