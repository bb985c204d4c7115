"""The group: what is imported when, and how commands end."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import pytest
from click.testing import Result

from fanin.cli.app import COMMANDS, app

Run = Callable[..., Result]
SOURCE = Path(__file__).parents[3] / "src"


def fanin(*arguments: str, code: str = "from fanin.cli import main; main()", **settings: Any) -> Any:
    """A process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(SOURCE), "PYTHONIOENCODING": "utf-8"}
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        **({"capture_output": True, "text": True, "encoding": "utf-8", "env": environment, "timeout": 60} | settings),
    )


def imported(*arguments: str) -> set[str]:
    """The modules that a call of the command line imports."""
    code = (
        "import sys, atexit\n"
        "atexit.register(lambda: print(*sys.modules, file=sys.stderr))\n"
        "from fanin.cli import main; main()"
    )
    return set(fanin(*arguments, code=code).stderr.split())


def test_help_lists_the_commands_without_importing_them(run: Run) -> None:
    text = run("--help").output
    assert all(re.search(rf"^  {name} +\S", text, re.MULTILINE) for name in COMMANDS)
    heavy = {"torch", "lark", "rich", "pydantic", "networkx", "graphviz", "json", "unicodedata"}
    for arguments in (("--help",), ("--version",)):
        modules = imported(*arguments)
        assert not modules & (heavy | {f"fanin.cli.{name}" for name in COMMANDS})


def test_explain_and_new_need_little(tmp_path: Path) -> None:
    assert not imported("explain") & {"torch", "lark", "rich", "pydantic", "networkx", "json"}


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_is_there_and_says_what_it_does(name: str, run: Run) -> None:
    command = app.get_command(click.Context(app), name)
    assert command and command.name == name and command.short_help and command.help
    result = run(name, "--help")
    assert result.exit_code == 0 and "--json" in result.output


def test_version(run: Run) -> None:
    assert re.fullmatch(r"fanin \S.*\n", run("--version").output)


def test_misspelt_commands_and_options_get_the_nearest(run: Run) -> None:
    result = run("chek", "a.arch")
    assert result.exit_code == 2 and "Did you mean 'check'" in result.output
    result = run("check", "--strictt", "a.arch")
    assert result.exit_code == 2 and "Did you mean '--strict'" in result.output


def test_no_command_is_help(run: Run) -> None:
    result = run()
    assert result.exit_code == 2 and "Commands:" in result.output


@pytest.mark.parametrize("command", ["check", "show", "draw", "compile"])
def test_what_cannot_be_read_is_2(command: str, run: Run, pipeline: ModuleType) -> None:
    Path("latin.arch").write_bytes(b"\xe9")
    Path("folder").mkdir()
    for name in ("missing.arch", "latin.arch", "folder"):
        result = run(command, name)
        assert (result.exit_code, result.stdout) == (2, "")
        assert result.stderr.startswith("error: ") and name in result.stderr


def test_a_missing_name_lists_what_there_is(run: Run, pipeline: ModuleType) -> None:
    Path("two.arch").write_text("model Tiny\nmodel Large\n")
    result = run("compile", "two.arch:Tiyn")
    assert result.exit_code == 2
    assert result.stderr == "error: there is no `Tiyn` in two.arch; did you mean `Tiny`? it has `Tiny`, `Large`\n"
    result = run("compile", "two.arch")
    assert result.exit_code == 2 and "two.arch has several models: `Tiny`, `Large`" in result.stderr
    document = json.loads(run("compile", "two.arch:Tiyn", "--json").stdout)
    assert document["version"] == 1 and document["error"]["names"] == ["Tiny", "Large"]


def test_errors_are_1_and_on_stderr(run: Run, pipeline: ModuleType) -> None:
    Path("a.arch").write_text("model A bad\n")
    for command in ("show", "draw", "compile"):
        result = run(command, "a.arch")
        assert (result.exit_code, result.stdout) == (1, "")
        assert "error[SHP901 bad-name]: `bad` is no name" in result.stderr
        document = json.loads(run(command, "a.arch", "--json").stdout)
        assert document["ok"] is False and document["diagnostics"][0]["code"] == "SHP901"


def test_a_bug_is_3_and_keeps_its_traceback(run: Run, pipeline: ModuleType) -> None:
    Path("a.arch").write_text("crash")
    result = run("check", "a.arch", "--json")
    assert result.exit_code == 3
    assert "fanin has a bug: AssertionError: a rule\n" in result.stderr and "Traceback" not in result.output
    kept = Path(json.loads(result.stdout)["error"]["traceback"])
    assert str(kept) in result.stderr
    text = kept.read_text(encoding="utf-8")
    kept.unlink()
    assert "Traceback" in text and "went wrong" in text


def test_a_wrong_value_is_2(run: Run, pipeline: ModuleType) -> None:
    Path("a.arch").write_text("model A")
    for given in (("-p", "width"), ("-p", "w='x'"), ("-p", "w=1", "-p", "w=2")):
        assert run("check", "a.arch", *given).exit_code == 2
    assert pipeline.seen == []


def test_interruption_is_quiet(run: Run, pipeline: ModuleType) -> None:
    def check(*arguments: Any, **settings: Any) -> None:
        raise KeyboardInterrupt

    pipeline.check = check
    result = run("check", "a.arch")
    assert (result.exit_code, result.stderr) == (130, "interrupted\n")


def test_a_process_ends_with_these_codes(tmp_path: Path) -> None:
    assert fanin("--version").returncode == 0
    result = fanin("explain", "nonsense")
    assert result.returncode == 2 and result.stdout == "" and result.stderr.startswith("error: ")
    assert fanin("nonsense").returncode == 2
    result = subprocess.run(
        [sys.executable, "-m", "fanin", "--version"],
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0 and result.stdout.startswith("fanin ")


@pytest.mark.skipif(os.name == "nt", reason="pipes of POSIX")
def test_a_closed_pipe_is_quiet() -> None:
    code = "import fanin.cli.explain as e\nfrom fanin.cli.output import out\n"
    code += "e._list = lambda as_json: [out('z' * 99999) for _ in range(99)]\n"
    code += "from fanin.cli import main; main()"
    reader, writer = os.pipe()
    os.close(reader)
    result = fanin("explain", code=code, capture_output=False, stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    assert (result.returncode, result.stderr) == (141, "")


def test_an_ascii_terminal_gets_escapes() -> None:
    environment = {**os.environ, "PYTHONPATH": str(SOURCE), "PYTHONIOENCODING": "ascii"}
    code = "from fanin.cli.app import app\nimport fanin.cli.explain as e\nfrom fanin.cli.output import out\n"
    code += "e._list = lambda as_json: out('x → y')\napp()"
    result = fanin("explain", code=code, env=environment)
    assert (result.returncode, result.stdout) == (0, "x \\u2192 y")
