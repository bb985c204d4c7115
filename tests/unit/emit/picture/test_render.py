"""Files and notebooks: valid, described, and safe whatever the text of a spec."""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from fanin.emit.picture.dot import dot, quoted, text
from fanin.emit.picture.drawing import Picture, draw
from fanin.emit.picture.model import Box, Drawing, Edge, Line, Node
from fanin.emit.picture.render import render
from tests.unit.emit.picture.programs import LOOP, RESIDUAL, SHARED, program

SVG = "{http://www.w3.org/2000/svg}"
EVIL = '"];}<b>&amp;</TABLE>> \\N \\" \\\\ [x] {y} | \x00\x1b\ud800 ünï→ ⊕ <script>alert(1)</script> ]]> --> \n'


@pytest.fixture(autouse=True)
def no_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing on the search path: drawing has to do without ``dot``."""
    monkeypatch.setenv("PATH", "")


def test_every_format_is_written_by_its_ending(tmp_path: Path) -> None:
    starts = {"svg": b"<?xml", "png": b"\x89PNG", "pdf": b"%PDF", "dot": b"digraph"}
    for ending, start in starts.items():
        draw(program(LOOP), str(tmp_path / f"net.{ending}"))
        assert (tmp_path / f"net.{ending}").read_bytes().startswith(start)


def test_a_format_may_be_given_and_others_are_refused(tmp_path: Path) -> None:
    draw(program(LOOP), tmp_path / "net.tmp", format="svg")
    assert b"<svg" in (tmp_path / "net.tmp").read_bytes()
    with pytest.raises(ValueError, match="does not end with"):
        draw(program(LOOP), tmp_path / "net.gif")


def test_an_svg_has_a_title_a_description_and_a_white_ground() -> None:
    root = ET.fromstring(Picture(program(RESIDUAL))._repr_svg_())
    assert root.findtext(f"{SVG}title") == "Net"
    assert root.findtext(f"{SVG}desc") == "The network Net, from x [B, 32] to [B, 10]; 51,402 parameters."
    assert root.get("role") == "img"
    assert any(p.get("fill") == "white" for p in root.iter(f"{SVG}polygon"))


def test_no_text_of_a_spec_becomes_dot_or_svg() -> None:
    inner = Node("n2", "layers", (Line(EVIL, EVIL, EVIL),), EVIL, EVIL, EVIL, [EVIL])
    items = [
        Node("n1", "input", (Line(EVIL), Line(EVIL, "type"))),
        Box("c1", EVIL, EVIL, [inner], EVIL, EVIL, EVIL, [EVIL]),
        Node("n3", "pill", (Line(EVIL),)),
        Node("n4", "closed", (Line(EVIL, "block", EVIL),)),
    ]
    edges = [Edge("n1", "n2", EVIL), Edge("n2", "n3", EVIL, "skip"), Edge("n3", "n4", EVIL, "tied")]
    found = Drawing(EVIL, EVIL, items, edges, EVIL, EVIL)
    root = ET.fromstring(render(dot(found), "svg", EVIL, EVIL).decode())
    assert not list(root.iter(f"{SVG}script")) and not list(root.iter("script"))
    shown = " ".join("".join(part.itertext()) for part in root.iter(f"{SVG}text"))
    assert "<script>alert(1)</script>" in shown and "\\N" in shown and '"];}<b>&amp;</TABLE>>' in shown
    assert sum(g.get("class") == "node" for g in root.iter(f"{SVG}g")) == 5  # the four and the title of the box


def test_strings_of_a_spec_are_escaped() -> None:
    spec = 'model Net()(x: [N, a]) { return x -> rearrange("n (b c) -> n b c", b=2) }'.replace("a]", "8]")
    assert "n (b c) → n b c" in Picture(program(spec))._repr_svg_()


def test_escapes_leave_nothing_that_means_something() -> None:
    assert not set(text(EVIL)) & set("<>\"'\\[]{}|\x00\x1b\ud800\n")
    assert quoted('a"\\b\nc') == "a&#34;&#92;b\\nc"


def test_drawing_imports_no_torch_and_graphviz_only_to_render() -> None:
    code = (
        "import sys; from tests.unit.emit.picture.programs import SHARED, program;"
        "from fanin.emit.picture.drawing import Picture; Picture(program(SHARED)).dot;"
        "print(sorted({'torch', 'graphviz', 'pygraphviz', 'networkx', 'numpy'} & set(sys.modules)))"
    )
    root = Path(__file__).parents[4]
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=root, env={"PYTHONPATH": f"{root}/src:{root}"}
    )
    assert done.stdout.strip() == "[]", done.stderr


def test_a_picture_renders_what_it_says() -> None:
    picture = Picture(program(SHARED), depth=1)
    assert picture.render("dot").decode() == picture.dot
    assert picture._repr_image_svg_xml() == picture._repr_svg_()
