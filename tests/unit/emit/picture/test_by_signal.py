"""Pictures painted by predicted size: colours are those of the analysis, closed or open."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

import fanin
from fanin import pipeline
from fanin.cli.app import App
from fanin.emit.picture.dot import dot
from fanin.emit.picture.scene import draw_scene
from tests.unit.emit.picture.programs import program

CHAIN = """
@init(linear=normal(std={std}), bias=zeros)
model Net()(x: [N, 64]) -> [N, 64] {{ return x -> a: Linear(64) -> b: Linear(64) -> c: Linear(64) }}
"""
REZERO = """
block B()(x: [N, D]) -> [N, D] { param alpha: [] = zeros return x + alpha * (x -> fc: Linear(D)) }
model Net()(x: [N, 64]) -> [N, 10] { return x -> row: 3 * B() -> head: Linear(10) }
"""


def shades(text: str, depth: int | None = None) -> dict[str, str]:
    made = program(text)
    drawing = draw_scene(made, depth, paint=pipeline.paint(made, "signal"))
    return {line.path: line.shade for node in drawing.nodes() for line in node.lines if line.path}


@pytest.mark.parametrize(
    ("factor", "expected"),
    # rms 16, 256, 4096; 1, 1, 1; 1/32, 1/1024, 1/32768
    [(16, ["#f4b99a", "#f4b99a", "#ef8a62"]), (1, ["#f7f7f7"] * 3), (1 / 32, ["#a6cee3", "#67a9cf", "#67a9cf"])],
)
def test_growth_is_red_and_loss_is_blue(factor: float, expected: list[str]) -> None:
    assert list(shades(CHAIN.format(std=factor / 8)).values()) == expected


def test_a_closed_part_has_the_colour_of_what_comes_out() -> None:
    text = """
block Part()(x: [N, D]) -> [N, D] {
  return x -> a: Linear(D, init=normal(std=12.5)) -> b: Linear(D, init=normal(std=0.00125))
}
model Net()(x: [N, 64]) -> [N, 64] { return x -> part: Part() }
"""
    assert shades(text, 1)["part"] == "#f7f7f7"
    opened = list(shades(text, 2).values())
    assert opened == ["#f4b99a", "#f7f7f7"]


def test_of_an_open_repetition_the_farthest_turn_counts() -> None:
    text = """
@init(linear=he_normal, bias=zeros)
block B()(x: [N, D]) -> [N, D] { return x + (x -> relu -> fc: Linear(D)) }
model Net()(x: [N, 64]) -> [N, 64] {
  x = x -> row: 24 * B()
  for _ in 0..4 { x = x -> more: B() }
  return x
}
"""
    made = program(text)
    paint = pipeline.paint(made, "signal")
    drawing = draw_scene(made, 3, paint=paint)
    shown = [
        (line.path, line.shade) for node in drawing.nodes() for line in node.lines if line.text.startswith("Linear")
    ]
    assert [shade for _, shade in shown] == ["#ef8a62", "#ef8a62"]  # 2^12 and 2^14 behind the last of each
    assert any("row.23.fc" in node.hint for node in drawing.nodes())


def test_what_starts_at_nothing_is_grey() -> None:
    made = program(REZERO)
    paint = pipeline.paint(made, "signal")
    assert paint is not None
    drawing = draw_scene(made, 3, paint=paint)
    used = {line.shade for node in drawing.nodes() for line in node.lines if line.shade}
    assert used <= {colour for colour, _ in paint.legend.entries}
    assert "predicted size" in dot(drawing)


def test_from_the_command_line(tmp_path: Path) -> None:
    path, out = tmp_path / "net.arch", tmp_path / "net.dot"
    path.write_text(CHAIN.format(std=2), encoding="utf-8")
    done = CliRunner().invoke(App(name="fanin"), ["draw", str(path), "--color", "signal", "-o", str(out)])
    assert done.exit_code == 0, done.output
    assert "#ef8a62" in out.read_text() and "rms 4.1e+03" in out.read_text()
    assert "predicted size" in fanin.draw(fanin.elaborate(str(path)), color="signal").dot
