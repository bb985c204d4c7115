"""Pages and codes."""

from __future__ import annotations

import pytest

from fanin.diagnostics import Code, Severity, codes
from fanin.diagnostics.pages import load_page, parse_page

PAGE = """\
# SHP301 axis-mismatch

Two tensors meet that do not fit.

```fanin bad
model M()(x: [N]) { return x }
```

This is how to mend it:

```fanin good
model M()(x: [N]) {
  return x
}
```

More words.
"""


def test_a_page_has_its_parts() -> None:
    page = parse_page(PAGE, "SHP301")
    assert (page.id, page.name) == ("SHP301", "axis-mismatch")
    assert page.prose == "Two tensors meet that do not fit."
    assert page.bad == "model M()(x: [N]) { return x }\n"
    assert page.good == "model M()(x: [N]) {\n  return x\n}\n"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (PAGE.replace("# SHP301", "SHP301"), "does not begin with"),
        (PAGE.replace("fanin bad", "fanin"), "no block ```fanin bad"),
        (PAGE.replace("fanin good", "fanin"), "no block ```fanin good"),
    ],
)
def test_a_page_without_its_parts_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        parse_page(text, "SHP301")


def test_a_code_without_a_page_has_none() -> None:
    assert load_page("ZZZ999") is None


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> None:
    given = [
        Code("SHP301", "axis-mismatch"),
        Code("SHP302", "rank-mismatch"),
        Code("SIG101", "dead-layer", Severity.WARNING),
    ]
    monkeypatch.setattr(codes, "CODES", {code.id: code for code in given})


@pytest.mark.usefixtures("registry")
class TestLookup:
    def test_by_id_or_name(self) -> None:
        for text in ("SHP301", "shp301", "axis-mismatch", "Axis_Mismatch"):
            found = codes.find_code(text)
            assert found and found.id == "SHP301"
        assert codes.find_code("SHP3") is None

    def test_nearest(self) -> None:
        for text, id in (("axis-mismach", "SHP301"), ("dead_layr", "SIG101"), ("SIG1O1", "SIG101")):
            found = codes.nearest_code(text)
            assert found and found.id == id
        assert codes.nearest_code("zebra") is None

    def test_selection(self) -> None:
        assert codes.select_codes("SHP") >= {"SHP301", "SHP302"}
        assert codes.select_codes("SHP30") == {"SHP301", "SHP302"}
        assert codes.select_codes("dead-layer") == {"SIG101"}
        assert codes.select_codes("") == codes.select_codes("XYZ") == frozenset()
        assert codes.select_codes("CST")  # a family that has no code yet is none misspelt
