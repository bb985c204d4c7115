"""Every code has a page, and what the page says is so."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from fanin.diagnostics import Code, Severity, codes
from fanin.diagnostics.codes import CODES, FAMILIES
from fanin.diagnostics.pages import Page, load_page, page_ids
from tests.findings import findings


def write_files(page: Page, folder: Path) -> None:
    """What a page says to stand beside its specs, which import it by relative paths."""
    for name, text in page.files.items():
        (folder / name).write_text(text, encoding="utf-8")


def test_every_constant_is_registered_once() -> None:
    constants = [value for value in vars(codes).values() if isinstance(value, Code)]
    assert set(constants) == set(CODES.values()), "a constant stands below the registry, or two have one id"
    assert not [id for id, n in Counter(code.id for code in constants).items() if n > 1]
    assert not [name for name, n in Counter(code.name for code in constants).items() if n > 1]


@pytest.mark.parametrize("code", CODES.values(), ids=lambda code: code.id)
def test_a_code_is_well_formed(code: Code) -> None:
    assert code.id[:3] in FAMILIES and code.id[3:].isdigit() and len(code.id) == 6
    assert code.name == code.name.lower() and all(part.isalnum() for part in code.name.split("-"))


@pytest.mark.parametrize("code", CODES.values(), ids=lambda code: code.id)
def test_a_code_has_a_page(code: Code) -> None:
    page = load_page(code)
    assert page, f"write src/fanin/diagnostics/pages/{code.id}.md"
    assert (page.id, page.name) == (code.id, code.name)
    assert page.prose


@pytest.mark.parametrize("id", page_ids())
def test_a_page_has_a_code(id: str) -> None:
    assert id in CODES


@pytest.mark.parametrize("id", [id for id in page_ids() if id in CODES])
def test_the_bad_spec_has_that_mistake_alone(id: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page, code = load_page(id), CODES[id]
    assert page
    write_files(page, tmp_path)
    monkeypatch.chdir(tmp_path)
    found = findings(page.bad, id)
    given = {d.code.id for d in found}
    errors = {d.code.id for d in found if d.is_fatal or (d.code is code and d.severity is Severity.ERROR)}
    assert id in given
    assert errors - {id} == set() and (id in errors or code.severity is not Severity.ERROR), [d.headline for d in found]


@pytest.mark.parametrize("id", [id for id in page_ids() if id in CODES])
def test_the_good_spec_has_none(id: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = load_page(id)
    assert page
    write_files(page, tmp_path)
    monkeypatch.chdir(tmp_path)
    found = [d for d in findings(page.good, id) if d.severity is not Severity.ADVICE or d.code.id == id]
    assert [(d.code.id, d.headline) for d in found] == []
