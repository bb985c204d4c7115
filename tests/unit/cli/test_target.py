"""``FILE[:NAME]``."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fanin.cli.target import Target, parse_target


@pytest.mark.parametrize(
    ("text", "path", "name"),
    [
        ("a.arch", "a.arch", None),
        ("a.arch:Net", "a.arch", "Net"),
        ("a.arch:Gan.gen", "a.arch", "Gan.gen"),
        ("a.arch:Res-Net", "a.arch", "Res-Net"),
        ("a.arch:", "a.arch", ""),
        ("my specs/é.arch:Net", "my specs/é.arch", "Net"),
        (r"C:\specs\a.arch", r"C:\specs\a.arch", None),
        (r"C:\my specs\a.arch:Net", r"C:\my specs\a.arch", "Net"),
        ("C:/specs/a.arch", "C:/specs/a.arch", None),
        ("C:/specs/a.arch:Net", "C:/specs/a.arch", "Net"),
        ("noending:Net", "noending", "Net"),
        ("-", "-", None),
        ("a:b/c.arch", "a:b/c.arch", None),
        (":Net", ":Net", None),
    ],
)
def test_split(text: str, path: str, name: str | None) -> None:
    assert parse_target(text) == Target(path, name)


def test_a_drive_is_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "name", "nt")
    assert parse_target("C:Net") == Target("C:Net")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no colon in file names")
def test_a_file_with_a_colon_is_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.arch:Net").touch()
    assert parse_target("a.arch:Net") == Target("a.arch:Net")
    assert parse_target("a.arch:Net:Other") == Target("a.arch:Net", "Other")
