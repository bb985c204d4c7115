"""``fanin zoo``, and ``fanin compile`` to files for other programs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from fanin.cli.app import app
from tests.examples import SPECS


def test_it_lists_what_ships() -> None:
    listed = CliRunner().invoke(app, ["zoo"])
    assert listed.exit_code == 0
    assert "resnet" in listed.stdout and "ResNet18, ResNet34" in listed.stdout
    told = json.loads(CliRunner().invoke(app, ["zoo", "--json"]).stdout)
    assert {spec["name"] for spec in told["specs"]} == {path.stem for path in SPECS.glob("*.arch")}
    assert all(spec["title"] and spec["models"] for spec in told["specs"])


def test_it_prints_or_writes_one(tmp_path: Path) -> None:
    text = (SPECS / "lenet.arch").read_text(encoding="utf-8")
    assert CliRunner().invoke(app, ["zoo", "lenet"]).stdout == text
    target = tmp_path / "mine.arch"
    assert CliRunner().invoke(app, ["zoo", "lenet.arch", "-o", str(target)]).exit_code == 0
    assert target.read_text(encoding="utf-8") == text
    wrong = CliRunner().invoke(app, ["zoo", "lenett"])
    assert wrong.exit_code == 2 and "fanin zoo lenet" in wrong.stderr
    assert CliRunner().invoke(app, ["zoo", "-o", str(target)]).exit_code == 2


def test_compile_writes_files_for_other_programs(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    target = tmp_path / "net.pt2"
    done = CliRunner().invoke(app, ["compile", str(SPECS / "lenet.arch"), "-o", str(target)])
    assert done.exit_code == 0 and target.exists() and "compared with the model at N = 5" in done.stderr
    failed = CliRunner().invoke(app, ["compile", f"{SPECS / 'recurrent.arch'}:Gru", "-o", str(tmp_path / "gru.pt2")])
    assert failed.exit_code == 1 and "OUT805" in failed.stderr and not (tmp_path / "gru.pt2").exists()
    wrong = CliRunner().invoke(app, ["compile", str(SPECS / "lenet.arch"), "-o", str(tmp_path / "net.txt")])
    assert wrong.exit_code == 2 and ".onnx" in wrong.stderr
    checked = CliRunner().invoke(app, ["check", "--export", f"{SPECS / 'recurrent.arch'}:Gru"])
    assert checked.exit_code == 1 and "OUT805" in checked.stdout
