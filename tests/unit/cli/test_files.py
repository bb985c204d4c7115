"""Files are written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fanin.cli.exits import Failure
from fanin.cli.files import difference, replacing, write_text
from fanin.report import Unreadable, decode, read_source

posix = pytest.mark.skipif(os.name == "nt", reason="links and modes of POSIX")


def test_line_breaks_stay(tmp_path: Path) -> None:
    write_text(str(tmp_path / "a.arch"), "é\r\nb\n")
    assert (tmp_path / "a.arch").read_bytes() == "é\r\nb\n".encode()
    assert read_source(str(tmp_path / "a.arch")).text == "é\r\nb\n"


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.arch"
    path.write_text("old")
    with pytest.raises(RuntimeError), replacing(str(path)) as temporary:
        Path(temporary).write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.arch"]


@posix
def test_a_link_stays_a_link_and_a_mode_a_mode(tmp_path: Path) -> None:
    path, link = tmp_path / "a.arch", tmp_path / "link.arch"
    path.write_text("old")
    path.chmod(0o640)
    link.symlink_to(path)
    write_text(str(link), "new")
    assert link.is_symlink() and path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o640


@posix
def test_a_new_file_has_the_usual_mode(tmp_path: Path) -> None:
    old = os.umask(0o022)
    try:
        write_text(str(tmp_path / "a.arch"), "new")
    finally:
        os.umask(old)
    assert (tmp_path / "a.arch").stat().st_mode & 0o777 == 0o644


def test_where_nothing_can_be_written(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="cannot be written"):
        write_text(str(tmp_path / "missing" / "a.arch"), "")
    with pytest.raises(Failure, match="is a folder"):
        write_text(str(tmp_path), "")


def test_a_byte_order_mark_is_no_text() -> None:
    assert decode(b"\xef\xbb\xbfx = 1\n", "a.arch") == "x = 1\n"


def test_what_is_not_utf8_is_located() -> None:
    with pytest.raises(Unreadable, match=r"a\.arch is not UTF-8: see byte 4, in line 2"):
        decode(b"ab\n\xe9", "a.arch")
    with pytest.raises(Unreadable, match="UTF-16"):
        decode("x".encode("utf-16"), "a.arch")


def test_a_missing_file_has_a_neighbour(tmp_path: Path) -> None:
    (tmp_path / "resnet.arch").touch()
    for written in ("resnt.arch", "resnet"):
        with pytest.raises(Unreadable, match=r"there is no file .*did you mean .*resnet\.arch`"):
            read_source(str(tmp_path / written))
    with pytest.raises(Unreadable, match="is a folder"):
        read_source(str(tmp_path))
    with pytest.raises(Unreadable, match="cannot be read"):
        read_source("a\0b")


def test_a_difference_without_a_last_line_break() -> None:
    assert difference("a\nb", "a\nc\n", "x.arch").endswith("-b\n\\ No newline at end of file\n+c\n")
    assert difference("a\n", "a\n", "x.arch") == ""
