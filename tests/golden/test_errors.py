"""Wrong specs, one small file each, and what the user reads. The file's name begins with the code it is about."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from fanin.diagnostics import Diagnostic, Severity
from fanin.diagnostics.fixes import edited
from fanin.diagnostics.render import render
from fanin.pipeline import check_source
from fanin.report import Report
from fanin.source import Source
from fanin.syntax.parser import parse

FOLDER = Path(__file__).parent / "errors"
SPECS = sorted(path.name for path in FOLDER.glob("???[0-9]*.arch"))


@pytest.fixture(autouse=True)
def _in_the_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Imports and the names in messages are relative to the folder of the specs."""
    monkeypatch.chdir(FOLDER)


def check(name: str, text: str | None = None) -> Report:
    text = (FOLDER / name).read_text(encoding="utf-8") if text is None else text
    return check_source(Source(name, text), name, None, None)


@pytest.mark.parametrize("name", SPECS)
def test_what_the_user_reads(name: str, golden: Callable[[str, str], None]) -> None:
    found = check(name).diagnostics
    assert name[:6] in {d.code.id for d in found}
    golden(f"errors/{name.removesuffix('.arch')}.txt", render(found))


@pytest.mark.parametrize("name", SPECS)
def test_a_spec_that_is_about_one_code_has_no_other(name: str) -> None:
    codes = {d.code.id for d in check(name).diagnostics}
    assert codes == {name[:6]} or name in SEVERAL, codes


SEVERAL = {"NAM201-declared-goes-on.arch", "NAM201-prune-words.arch", "SYN101-goes-on.arch"}


@pytest.mark.parametrize("name", SPECS)
def test_a_fix_removes_its_error_and_brings_no_other_of_its_kind(name: str) -> None:
    before = check(name).diagnostics
    for diagnostic in before:
        if diagnostic.fix is None or any(edit.span.source.name != name for edit in diagnostic.fix.edits):
            continue
        text = edited((FOLDER / name).read_text(encoding="utf-8"), diagnostic.fix.edits)
        after = check(name, text).diagnostics
        assert not [d for d in after if d.code.id.startswith("SYN") and said([d])[0] not in said(before)], text
        assert said(after).count(said([diagnostic])[0]) < said(before).count(said([diagnostic])[0]), text
        assert not [d for d in after if d.code is diagnostic.code and said([d])[0] not in said(before)], text


def said(diagnostics: list[Diagnostic] | tuple[Diagnostic, ...]) -> list[tuple[str, str]]:
    return [(d.code.id, d.headline) for d in diagnostics]


# Places where a piece of code that a help quotes may stand.
CONTEXTS = (
    "block B()(x: [N]) {{ y = {code} return y }}",
    "block B()(x: [N]) {{ {code} return x }}",
    "block B()(x: [N]) {{ {code} }}",
    "block B()(x: [N]) {{ y = f({code}) return y }}",
    "{code} block B()(x: [N]) {{ return x }}",
    "block B()(x: {code}) {{ return x }}",
    "block B()(x: [N]) {{ for i in {code} {{ }} return x }}",
    "system S()(x: [N]) {{ {code} }}",
    "prune P of S {{ {code} }}",
)


@pytest.mark.parametrize("name", SPECS)
def test_code_in_a_help_can_be_read(name: str) -> None:
    for diagnostic in check(name).diagnostics:
        titles = (diagnostic.fix.title,) if diagnostic.fix else ()
        for code in (c for help in (*diagnostic.helps, *titles) for c in re.findall(r"`([^`]+)`", help)):
            if re.fullmatch(r"[\w.@#+*-]+(\.arch)?|-p .*|\W+", code) or "…" in code:
                continue
            readings = [parse(Source("help", context.format(code=code)))[1] for context in CONTEXTS]
            assert not all(readings), code


def test_every_error_that_elaboration_reports_has_a_spec() -> None:
    from fanin.diagnostics.codes import CODES

    ours = {id for id in CODES if id[:3] in ("NAM", "SHP", "TYP", "EXP", "SYS", "PRN")}
    assert ours <= {name[:6] for name in SPECS}


def test_two_independent_mistakes_are_both_found() -> None:
    errors = [d for d in check("SHP301-two-mistakes.arch").diagnostics if d.severity is Severity.ERROR]
    assert len(errors) == 2


def test_what_hangs_on_a_mistake_says_nothing() -> None:
    assert len(check("SHP301-no-cascade.arch").diagnostics) == 1


def test_the_caller_of_a_wrong_block_goes_on_with_its_declared_type() -> None:
    lines = [d.span.source.position(d.span.start)[0] for d in check("SHP301-declared-goes-on.arch").diagnostics]
    assert lines == [4, 9]
