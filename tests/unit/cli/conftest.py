"""The command line with a pipeline that reports what a test wants."""

from __future__ import annotations

import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from click.testing import CliRunner, Result

import fanin
from fanin.diagnostics import Code, Diagnostic, Edit, Fix, Severity
from fanin.report import CheckFailed, NoSuchName, Report, read_source
from fanin.source import Source, Span

RENAMED = Code("STR901", "old-name", Severity.WARNING)
ODD = Code("STR902", "odd-name", Severity.ADVICE)
BAD = Code("SHP901", "bad-name")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Calls the command line in an empty folder."""
    from fanin.cli.app import app

    monkeypatch.chdir(tmp_path)

    def call(*arguments: str, **settings: Any) -> Result:
        return CliRunner().invoke(app, list(arguments), prog_name="fanin", **settings)

    return call


@pytest.fixture
def pipeline(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A pipeline for which `bad` is an error, `old` a warning with a fix (write `new`), and `odd` advice.

    A file has one model for each word after `model`. `crash` brings a bug to light.
    """
    fake = ModuleType("fanin.pipeline")

    def findings(source: Source) -> Report:
        found = []
        for word, code in (("bad", BAD), ("old", RENAMED), ("odd", ODD)):
            start = source.text.find(word)
            while start != -1:
                span = Span(source, start, start + 3)
                fix = Fix("write `new`", (Edit(span, "new"),), safe=True) if word == "old" else None
                found.append(Diagnostic(code, f"`{word}` is no name", span, "here", fix=fix))
                start = source.text.find(word, start + 1)
        assert "crash" not in source.text, "a rule\nwent wrong"
        return Report(tuple(found), (source,), tuple(models(source)))

    def models(source: Source) -> list[str]:
        words = source.text.split()
        return [after for word, after in pairwise(words) if word == "model"]

    def check(
        path: str,
        names: list[str] | None = None,
        hyper: dict[str, Any] | None = None,
        exports: bool = False,
        signals: bool = False,
    ) -> Report:
        fake.seen.append((path, names, hyper))
        return findings(read_source(path))

    def elaborate(path: str, name: str | None = None, hyper: dict[str, Any] | None = None) -> str:
        fake.seen.append((path, name, hyper))
        report = findings(read_source(path))
        if not report.ok:
            raise CheckFailed(report)
        names = report.programs
        if (name is None and len(names) != 1) or (name is not None and name not in names):
            raise NoSuchName(name, names, path)
        return name or str(names[0])

    def draw(
        program: str,
        path: str,
        depth: int | None,
        expand: tuple[str, ...],
        format: str,
        color: str | None,
        system: object | None,
        kept: object | None = None,
    ) -> None:
        Path(path).write_text(f"<{format} {program} {depth} {list(expand)}>")

    fake.seen = []
    fake.check = check
    fake.check_text = lambda text, name="<string>": findings(Source(name, text))
    fake.elaborate = elaborate
    fake.show = lambda program, after=None, depth=None: f"{program} after={after} depth={depth}"
    fake.show_document = lambda program, system=None: {"name": program}
    fake.recipe = lambda path, name, hyper=None: None
    fake.draw = draw
    fake.source = lambda program: f"class {program}: ...\n"
    fake.compiled = lambda path, name, hyper=None: fake.source(elaborate(path, name, hyper))
    monkeypatch.setitem(sys.modules, "fanin.pipeline", fake)
    monkeypatch.setattr(fanin, "pipeline", fake, raising=False)
    return fake
