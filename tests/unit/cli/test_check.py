"""``fanin check``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from click.testing import Result

from fanin.cli import selection
from fanin.diagnostics import codes, model

from .conftest import BAD, ODD, RENAMED

Run = Callable[..., Result]
pytestmark = pytest.mark.usefixtures("pipeline")


@pytest.fixture(autouse=True)
def registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codes, "CODES", {code.id: code for code in (RENAMED, ODD, BAD)})


def write(**texts: str) -> None:
    for name, text in texts.items():
        Path(f"{name}.arch").write_text(text)


def test_clean_is_0(run: Run) -> None:
    Path("my specs").mkdir()
    Path("my specs/é.arch").write_text("model A")
    result = run("check", "my specs/é.arch")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "no errors in 1 file\n")


def test_warnings_are_0_unless_strict(run: Run) -> None:
    write(a="old", b="odd")
    assert run("check", "a.arch").exit_code == 0
    assert run("check", "--strict", "a.arch").exit_code == 1
    assert run("check", "--strict", "b.arch").exit_code == 0


def test_messages_are_data_and_the_count_is_not(run: Run) -> None:
    write(a="bad\nold", b="bad")
    result = run("check", "a.arch", "b.arch")
    assert result.exit_code == 1
    assert result.stdout.count("error[SHP901 bad-name]") == 2
    assert result.stderr == "\n2 errors, 1 warning in 2 files\n`fanin explain SHP901` says more\n"
    result = run("check", "a.arch", "b.arch", "--format", "concise")
    assert result.stdout.splitlines() == [
        "a.arch:1:1: error[SHP901 bad-name] `bad` is no name",
        "a.arch:2:1: warning[STR901 old-name] `old` is no name",
        "b.arch:1:1: error[SHP901 bad-name] `bad` is no name",
    ]


def test_json_is_a_document_and_nothing_else(run: Run) -> None:
    write(a="old")
    result = run("check", "a.arch", "--json")
    assert result.stderr == ""
    document = json.loads(result.stdout)
    assert (document["version"], document["ok"], len(document["diagnostics"])) == (1, True, 1)
    assert json.loads(run("check", "a.arch", "--format", "json").stdout) == document
    assert json.loads(run("check", "a.arch", "--format", "sarif").stdout)["version"] == "2.1.0"
    assert run("check", "a.arch", "--format", "github").stdout.startswith("::warning file=a.arch,")


def test_names_and_values_reach_the_pipeline(run: Run, pipeline: ModuleType) -> None:
    write(a="model A", b="model B")
    run("check", "a.arch:A", "b.arch", "a.arch:B", "-p", "width=64", "-p", 'act="x"')
    values = {"width": 64, "act": "x"}
    assert pipeline.seen == [("a.arch", ["A", "B"], values), ("b.arch", None, values)]


def test_standard_input(run: Run) -> None:
    result = run("check", "-", input="bad")
    assert result.exit_code == 1 and "--> <stdin>:1:1" in result.stdout


def test_selection_is_among_warnings(run: Run) -> None:
    write(a="bad old odd")

    def found(*options: str) -> list[str]:
        document = json.loads(run("check", "a.arch", "--json", *options).stdout)
        return [entry["code"] for entry in document["diagnostics"]]

    assert found() == ["SHP901", "STR901", "STR902"]
    assert found("--select", "STR901") == ["SHP901", "STR901"]
    assert found("--select", "SIG") == ["SHP901"]
    assert found("--ignore", "old-name,SHP901") == ["SHP901", "STR902"]
    assert found("--select", "STR", "--ignore", "STR902") == ["SHP901", "STR901"]


def test_a_selector_that_is_none_is_2(run: Run) -> None:
    write(a="model A")
    result = run("check", "a.arch", "--ignore", "old-nam")
    assert result.exit_code == 2 and "did you mean STR901 (old-name)?" in result.stderr
    with pytest.raises(selection.Failure):
        selection.parse_selection(["STR,"], [])


def test_fix_changes_the_file_and_says_so(run: Run) -> None:
    Path("a.arch").write_bytes(b"old odd\r\nold")
    result = run("check", "a.arch", "--fix", "--strict")
    assert result.exit_code == 0
    assert Path("a.arch").read_bytes() == b"new odd\r\nnew"
    assert "fixed a.arch:1:1: write `new` [STR901 old-name]\n" in result.stderr
    assert "2 fixed\n" in result.stderr
    assert "STR901" not in result.stdout


def test_diff_shows_the_fix_and_changes_nothing(run: Run) -> None:
    write(a="old\n")
    result = run("check", "a.arch", "--fix", "--diff")
    assert result.stdout == "--- a/a.arch\n+++ b/a.arch\n@@ -1 +1 @@\n-old\n+new\n"
    assert Path("a.arch").read_text() == "old\n"


@pytest.mark.parametrize("lint", [True, False])
def test_a_fix_that_breaks_the_file_is_taken_back(
    run: Run, pipeline: ModuleType, lint: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a lint, since a promise may stand against it; of any other message it is our bug."""
    write(a="old")
    if not lint:
        monkeypatch.setattr(model, "LINTS", ())
    check = pipeline.check

    def broken(path: str, **settings: object) -> object:
        text = Path(path).read_text()
        if text == "new":
            Path(path).write_text("bad")
        return check(path, **settings)

    pipeline.check = broken
    result = run("check", "a.arch", "--fix")
    said = "the fixes of lints are left out: with them there is SHP901" if lint else "was taken back"
    assert result.exit_code == (0 if lint else 3) and said in result.stderr
    assert Path("a.arch").read_text() == "old"


@pytest.mark.usefixtures("pipeline")
class TestSettings:
    def test_a_project_says_what_it_wants(self, run: Run) -> None:
        Path("a.arch").write_text("old odd")
        Path("pyproject.toml").write_text("[project]\nname = 'x'\n[tool.fanin]\nstrict = true\n")
        assert run("check", "a.arch").exit_code == 1
        Path("pyproject.toml").write_text("[tool.fanin]\nignore = ['old-name']\n")
        result = run("check", "a.arch", "--strict")
        assert result.exit_code == 0 and "STR902" in result.stdout and "STR901" not in result.stdout
        Path("pyproject.toml").write_text("[tool.fanin]\nselect = ['STR902']\n")
        assert "STR901" not in run("check", "a.arch").stdout
        assert "STR901" in run("check", "a.arch", "--select", "STR901").stdout  # the command line comes first

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("strictt = true", "did you mean `strict`?"),
            ("strict = 1", "true or false"),
            ("select = 'A'", "a list of codes"),
            ("x = [", "no TOML"),
            ("limits = 3", "a table of numbers by code"),
            ("limit = {SIG101 = 2}", "did you mean `limits`?"),
            ("width = 3", "the name of the hyper-parameter"),
        ],
    )
    def test_a_mistake_in_them_is_wrong_usage(self, run: Run, text: str, said: str) -> None:
        Path("a.arch").write_text("fine")
        Path("pyproject.toml").write_text(f"[tool.fanin]\n{text}\n")
        result = run("check", "a.arch")
        assert result.exit_code == 2 and said in result.stderr

    def test_another_table_is_none_of_ours(self, run: Run) -> None:
        Path("a.arch").write_text("old")
        Path("pyproject.toml").write_text("[tool.other]\nstrict = true\n")
        assert run("check", "a.arch").exit_code == 0
