"""``fanin fmt``, with a parser that refuses `bad` and a layout of single spaces."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from click.testing import Result

from fanin.diagnostics import Diagnostic
from fanin.source import Source, Span

from .conftest import BAD, RENAMED

Run = Callable[..., Result]


@pytest.fixture(autouse=True)
def syntax(monkeypatch: pytest.MonkeyPatch) -> None:
    def parse(source: Source) -> tuple[str, list[Diagnostic]]:
        found = [
            Diagnostic(code, f"`{word}` is no name", Span(source, start, start + 3))
            for word, code in (("bad", BAD), ("old", RENAMED))
            if (start := source.text.find(word)) >= 0
        ]
        return source.text, found

    def format_file(text: str) -> str:
        return "".join(" ".join(line.split()) + "\n" for line in text.splitlines())

    parser, format = ModuleType("fanin.syntax.parser"), ModuleType("fanin.syntax.format")
    parser.parse, format.format_file = parse, format_file  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "fanin.syntax.parser", parser)
    monkeypatch.setitem(sys.modules, "fanin.syntax.format", format)


def write(**texts: str) -> None:
    for name, text in texts.items():
        Path(f"{name}.arch").write_bytes(text.encode())


def test_only_files_that_change_are_written(run: Run) -> None:
    write(a="x  y\n", b="x y\n")
    before = Path("b.arch").stat()
    result = run("fmt", "a.arch", "b.arch")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "changed a.arch\n")
    assert Path("a.arch").read_bytes() == b"x y\n"
    after = Path("b.arch").stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_check_is_1_with_a_difference(run: Run) -> None:
    write(a="x  y\n", b="x y\n")
    result = run("fmt", "--check", "a.arch", "b.arch")
    assert result.exit_code == 1
    assert result.stderr == "would change a.arch\n1 of 2 files would change\n"
    assert Path("a.arch").read_bytes() == b"x  y\n"
    assert run("fmt", "--check", "b.arch").exit_code == 0


def test_diff_changes_nothing(run: Run) -> None:
    write(a="x  y\n")
    result = run("fmt", "--diff", "a.arch")
    assert (result.exit_code, result.stdout) == (0, "--- a/a.arch\n+++ b/a.arch\n@@ -1 +1 @@\n-x  y\n+x y\n")
    assert run("fmt", "--diff", "--check", "a.arch").exit_code == 1
    assert Path("a.arch").read_bytes() == b"x  y\n"


def test_standard_input_goes_to_standard_output(run: Run) -> None:
    result = run("fmt", "-", input="x  é\n")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "x é\n", "")
    assert run("fmt", "-", "--check", input="x  y\n").exit_code == 1
    result = run("fmt", "-", input="bad\n")
    assert (result.exit_code, result.stdout) == (1, "") and "error[SHP901 bad-name]" in result.stderr


def test_a_file_with_an_error_is_left_and_the_others_are_not(run: Run) -> None:
    write(a="bad  x\n", b="x  y\n", c="old  x\n")
    result = run("fmt", "a.arch", "b.arch", "c.arch")
    assert result.exit_code == 1 and "--> a.arch:1:1" in result.stderr
    assert Path("a.arch").read_bytes() == b"bad  x\n"
    assert Path("b.arch").read_bytes() == b"x y\n"
    assert Path("c.arch").read_bytes() == b"old x\n"


def test_line_breaks_of_windows_stay(run: Run) -> None:
    write(a="x  y\r\nz\r\n", b="x y\r\n")
    assert run("fmt", "--check", "b.arch").exit_code == 0
    run("fmt", "a.arch")
    assert Path("a.arch").read_bytes() == b"x y\r\nz\r\n"


def test_json(run: Run) -> None:
    write(a="x  y\n", b="bad\n")
    document = json.loads(run("fmt", "a.arch", "b.arch", "--check", "--json").stdout)
    assert (document["version"], document["ok"]) == (1, False)
    assert [(file["file"], file["changed"]) for file in document["files"]] == [
        ("a.arch", True),
        ("b.arch", False),
    ]
    assert document["files"][1]["diagnostics"][0]["code"] == "SHP901"
    assert json.loads(run("fmt", "-", "--json", input="x  y").stdout)["files"][0]["text"] == "x y\n"


def test_what_cannot_be_laid_out_is_2(run: Run) -> None:
    write(a="x  y\n")
    for name in ("missing.arch", "a.arch:Net", "."):
        assert run("fmt", "a.arch", name).exit_code == 2
    assert Path("a.arch").read_bytes() == b"x  y\n"
