"""The grammar file and its table."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from fanin.syntax import grammar


def test_the_grammar_is_lalr_without_conflicts() -> None:
    pytest.importorskip("interegular", reason="Lark's strict mode needs interegular")
    grammar.build_data(grammar.grammar_text(), strict=True)


def test_a_cached_table_is_the_built_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FANIN_CACHE_DIR", str(tmp_path))
    built = grammar.load_grammar()
    assert list(tmp_path.iterdir())
    assert grammar.load_grammar() == built


@pytest.mark.parametrize("damage", [b"", b"junk", b"\0" * 64], ids=["empty", "junk", "zeros"])
def test_a_broken_cache_is_built_anew(damage: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FANIN_CACHE_DIR", str(tmp_path))
    built = grammar.load_grammar()
    (file,) = tmp_path.iterdir()
    file.write_bytes(damage)
    again = grammar.load_grammar()
    # Lark numbers the states as they come; the tables are the same but for that.
    assert (len(again.states), again.literals, set(again.rules)) == (
        len(built.states),
        built.literals,
        set(built.rules),
    )
    assert file.read_bytes() != damage


def test_a_folder_that_cannot_be_written_is_no_mistake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("FANIN_CACHE_DIR", str(blocked))
    assert grammar.load_grammar().rules


def test_a_warm_start_does_without_lark(tmp_path: Path) -> None:
    code = (
        "import sys; from fanin.source import Source; from fanin.syntax.parser import parse;"
        "parse(Source('a', 'const A = 1')); print('lark' in sys.modules)"
    )
    env = {"FANIN_CACHE_DIR": str(tmp_path), "PYTHONPATH": ":".join(p for p in sys.path if p), "PATH": ""}
    runs = [
        subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True) for _ in "12"
    ]
    assert [run.stdout.strip() for run in runs] == ["True", "False"]
