"""Pictures painted by cost: shares add up, repetitions count, and the colours are those of the legend."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

import fanin
from fanin import pipeline
from fanin.cli.app import app
from fanin.emit.picture.by_cost import CostPaint
from fanin.emit.picture.dot import dot
from fanin.emit.picture.paint import Shade, Spot
from fanin.emit.picture.scene import draw_scene
from fanin.ir.dims import evaluate
from tests.unit.emit.picture.programs import CONVOLUTIONS, LOOP, RESIDUAL, SHARED, program


class _Recorder(CostPaint):
    """Remembers what it was asked about."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)  # type: ignore[arg-type]
        self.spots: list[Spot] = []

    def shade(self, spot: Spot) -> Shade | None:
        self.spots.append(spot)
        return super().shade(spot)


@pytest.mark.parametrize("depth", [0, 1, 2, 3])
@pytest.mark.parametrize("text", [RESIDUAL, CONVOLUTIONS, LOOP])
def test_the_shares_of_a_picture_are_the_whole(text: str, depth: int) -> None:
    made = program(text)
    paint = _Recorder(made, "cost")
    draw_scene(made, depth or 1, paint=paint)
    asked = {spot: spot for spot in paint.spots}  # each line is asked for its colour and for its words
    lines = sum(evaluate(spot.flops, paint._sizes) for spot in asked)
    assert lines == paint._total


@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize("text", [RESIDUAL, CONVOLUTIONS])
def test_the_parameters_of_a_picture_are_the_whole(text: str, depth: int) -> None:
    made = program(text)
    paint = _Recorder(made, "parameters")
    draw_scene(made, depth, paint=paint)
    assert sum(spot.parameters for spot in set(paint.spots)) == paint._total


def test_paths_are_those_of_all_turns() -> None:
    made = program(RESIDUAL)
    paint = _Recorder(made, "cost")
    draw_scene(made, 1, paint=paint)
    assert any(spot.paths == tuple(f"layers.{i}" for i in range(12)) for spot in paint.spots)


def test_the_legend_names_every_colour_that_is_used() -> None:
    made = program(CONVOLUTIONS)
    paint = CostPaint(made, "cost")
    drawing = draw_scene(made, paint=paint)
    used = {line.shade for node in drawing.nodes() for line in node.lines if line.shade}
    assert len(used) > 2 and used <= {colour for colour, _ in paint.legend.entries}
    assert paint.legend.title in dot(drawing)


def test_without_paint_nothing_changes() -> None:
    made = program(SHARED)
    assert all(not line.shade for node in draw_scene(made).nodes() for line in node.lines)


def test_a_paint_that_is_not() -> None:
    with pytest.raises(ValueError, match="not by `taste`"):
        pipeline.paint(program(SHARED), "taste")


def test_what_does_most_is_painted_darkest_and_says_its_share() -> None:
    made = program(CONVOLUTIONS)
    paint = _Recorder(made, "cost")
    draw_scene(made, 3, paint=paint)
    most = max(paint.spots, key=lambda spot: evaluate(spot.flops, paint._sizes))
    shade = paint.shade(most)
    share = evaluate(most.flops, paint._sizes) / paint._total
    assert shade is not None and share > 0.3 and shade.colour == paint.legend.entries[0][0]
    assert f"{share:.0%} of FLOPs" in shade.hint


def test_a_painted_picture_from_the_command_line_and_from_python(tmp_path: Path) -> None:
    spec = tmp_path / "net.arch"
    spec.write_text("model Net()(x: [N, 8]) { return x -> a: Linear(64) -> relu -> b: Linear(4) }")
    for kind, title in (("cost", "share of FLOPs at N=1"), ("parameters", "share of parameters")):
        found = CliRunner().invoke(app, ["draw", str(spec), "-o", "-", "--format", "dot", "--color", kind])
        assert found.exit_code == 0 and title in found.output and "30% or more" in found.output
        assert title in fanin.draw(fanin.elaborate(str(spec)), color=kind).dot
    found = CliRunner().invoke(app, ["draw", str(spec), "-o", "-", "--color", "taste"])
    assert found.exit_code == 2
