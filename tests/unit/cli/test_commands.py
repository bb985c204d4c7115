"""``show``, ``draw``, ``compile``, ``explain``, ``ops`` and ``new``."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest
from click.testing import Result

from fanin.cli.new import model_name

Run = Callable[..., Result]


@pytest.mark.usefixtures("pipeline")
class TestBuilding:
    @pytest.fixture(autouse=True)
    def files(self, run: Run) -> None:
        Path("one.arch").write_text("model One")
        Path("two.arch").write_text("model A model B")

    def test_show_takes_all_without_a_name(self, run: Run) -> None:
        assert run("show", "two.arch").stdout == "A after=None depth=None\n\nB after=None depth=None\n"
        result = run("show", "two.arch:B", "--after", "elaborate", "--depth", "2")
        assert result.stdout == "B after=elaborate depth=2\n"
        document = json.loads(run("show", "two.arch", "--json").stdout)
        assert document == {"version": 1, "file": "two.arch", "models": [{"name": "A"}, {"name": "B"}]}

    def test_a_stage_that_there_is_not_is_wrong_usage(self, run: Run) -> None:
        result = run("show", "two.arch:B", "--after", "shapes")
        assert result.exit_code == 2 and "there is no stage shapes: parse, elaborate" in result.stderr

    def test_compile_prints_or_writes(self, run: Run) -> None:
        result = run("compile", "one.arch")
        assert (result.stdout, result.stderr) == ("class One: ...\n", "")
        result = run("compile", "two.arch:A", "-o", "net.py")
        assert (result.stdout, result.stderr) == ("", "wrote net.py\n")
        assert Path("net.py").read_text() == "class A: ...\n"
        assert run("compile", "one.arch", "-o", "net.exe").exit_code == 2
        assert json.loads(run("compile", "one.arch", "--json").stdout)["source"] == "class One: ...\n"

    def test_draw_chooses_a_name_and_a_format(self, run: Run) -> None:
        assert run("draw", "one.arch").stderr == "drew one.svg\n"
        assert Path("one.svg").read_text() == "<svg One None []>"
        run("draw", "two.arch:B", "--format", "png", "--depth", "1", "--expand", "a.b")
        assert Path("B.png").read_text() == "<png B 1 ['a.b']>"
        run("draw", "one.arch", "-o", "x.DOT")
        assert Path("x.DOT").read_text() == "<dot One None []>"
        assert run("draw", "one.arch", "-o", "-").stdout == "<svg One None []>"
        assert run("draw", "one.arch", "-o", "x.jpg").exit_code == 2
        assert run("draw", "one.arch", "-o", "-", "--format", "pdf").exit_code == 2
        assert not [name for name in os.listdir() if name.startswith(".")]

    def test_values_are_given_on(self, run: Run, pipeline: ModuleType) -> None:
        run("compile", "one.arch", "-p", "widths=[1, 2]", "-p", "act=gelu")
        assert pipeline.seen == [("one.arch", None, {"widths": [1, 2], "act": "gelu"})]


class TestNew:
    def test_it_writes_once(self, run: Run) -> None:
        result = run("new", "my-net")
        assert result.exit_code == 0 and "fanin check my-net.arch" in result.stderr
        text = Path("my-net.arch").read_text()
        assert "model MyNet(" in text and "{{" not in text
        Path("my-net.arch").write_text("mine")
        assert run("new", "my-net.arch").exit_code == 2
        assert Path("my-net.arch").read_text() == "mine"

    def test_it_needs_a_place_and_a_name(self, run: Run) -> None:
        assert run("new", "missing/net").exit_code == 2
        assert run("new", "123").exit_code == 2
        assert json.loads(run("new", "net", "--json").stdout) == {
            "version": 1,
            "file": "net.arch",
            "model": "Net",
        }

    @pytest.mark.parametrize(
        ("stem", "name"), [("digits", "Digits"), ("my_big-net", "MyBigNet"), ("2cool", "Net2cool"), ("é", "")]
    )
    def test_the_name_of_the_model(self, stem: str, name: str) -> None:
        assert model_name(stem) == name

    def test_the_starter_is_in_the_one_layout(self, run: Run) -> None:
        pytest.importorskip("fanin.syntax.format", reason="nothing can format a spec yet")
        run("new", "digits")
        result = run("fmt", "--diff", "digits.arch")
        assert (result.exit_code, result.stdout) == (0, "")

    def test_the_starter_is_clean(self, run: Run) -> None:
        pytest.importorskip("fanin.pipeline", reason="nothing can check a spec yet")
        run("new", "digits")
        result = run("check", "--strict", "digits.arch")
        assert result.exit_code == 0, result.output


@dataclass
class Entry:
    name: str
    kind: str
    signature: str
    summary: str = "What it does."
    doc: str = ""
    example: str = ""


class TestOps:
    @pytest.fixture(autouse=True)
    def reference(self, monkeypatch: pytest.MonkeyPatch) -> None:
        import fanin.ops

        fake = ModuleType("fanin.ops.reference")
        linear = Entry("Linear", "module", "Linear(out)", doc="More.", example="y = x -> Linear(10)")
        fake.entries = lambda: [Entry("relu", "function", "relu(x)"), linear]  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "fanin.ops.reference", fake)
        monkeypatch.setattr(fanin.ops, "reference", fake, raising=False)

    def test_a_list(self, run: Run) -> None:
        assert run("ops").stdout == "Modules\n  Linear  What it does.\n\nFunctions\n  relu  What it does.\n"
        assert [op["name"] for op in json.loads(run("ops", "--json").stdout)["ops"]] == ["Linear", "relu"]

    def test_a_page(self, run: Run) -> None:
        assert run("ops", "Linear").stdout == (
            "Linear(out)\n\nWhat it does.\n\nMore.\n\nExample: y = x -> Linear(10)\n"
        )
        result = run("ops", "linaer")
        assert result.exit_code == 2 and "did you mean `Linear`?" in result.stderr


class TestExplain:
    def test_unknown_codes_get_the_nearest(self, run: Run) -> None:
        result = run("explain", "zebra")
        assert result.exit_code == 2 and result.stderr.startswith("error: there is no code `zebra`")
        assert json.loads(run("explain", "zebra", "--json").stdout)["error"]["kind"] == "usage"

    def test_every_page_can_be_printed(self, run: Run) -> None:
        from fanin.diagnostics.codes import CODES

        for code in list(CODES.values())[:3]:
            assert run("explain", code.name).stdout.startswith(f"# {code.id} {code.name}\n")
            assert json.loads(run("explain", code.id, "--json").stdout)["code"] == code.id
        listed = run("explain").stdout
        assert all(code.id in listed for code in CODES.values())
        assert len(json.loads(run("explain", "--json").stdout)["codes"]) == len(CODES)
