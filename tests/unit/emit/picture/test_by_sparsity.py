"""Pictures painted by sparsity: by masks, by plans, of a system and of its network alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from fanin import pipeline
from fanin.analyses.kept import Kept, planned
from fanin.cli.app import app
from fanin.emit.picture.by_sparsity import SparsityPaint
from fanin.emit.picture.paint import Spot
from fanin.emit.picture.scene import draw_scene
from fanin.ir.graph import Program
from fanin.pruning.kept import kept_in
from tests.unit.pruning.experiments import prune, spec

CLAUSES = "scope layer remove 50% each of 2 rounds rate net.fc3: 10% except net.fc2 seeds 0..2"
WHOLE, ONCE, TWICE, STILL, UNKNOWN = "#ffffd9", "#edf8b1", "#c7e9b4", "#ffffff", "#dcdcdc"


def shades(program: Program, kept: dict[str, Kept | None]) -> dict[str, str]:
    drawing = draw_scene(program, paint=SparsityPaint(program, kept))
    return {line.path.split(".")[-1]: line.shade for node in drawing.nodes() for line in node.lines if line.path}


@pytest.mark.parametrize(("round", "first"), [(0, WHOLE), (1, ONCE), (2, TWICE)])
def test_a_plan_says_what_stays(tmp_path: Path, round: int, first: str) -> None:
    plan = pipeline.plan_pruning(spec(tmp_path, CLAUSES))
    found = shades(plan.program, planned(plan, round))
    assert found["fc1"] == first and found["fc2"] == found["norm"] == STILL
    assert found["fc3"] == (ONCE if round else WHOLE)


def test_what_hangs_on_the_weights_is_said(tmp_path: Path) -> None:
    plan = pipeline.plan_pruning(spec(tmp_path, "scope global remove to 5% in 4 rounds"))
    kept = planned(plan)
    assert set(kept.values()) == {None} and set(planned(plan, 0).values()) == {
        Kept(96, 96),
        Kept(128, 128),
        Kept(24, 24),
    }
    found = shades(plan.program, kept)
    assert found["fc1"] == UNKNOWN and found["norm"] == STILL
    assert (UNKNOWN, "hangs on the weights") in SparsityPaint(plan.program, kept).legend.entries


def test_masks_of_a_folder_are_those_that_were_kept(tmp_path: Path) -> None:
    path = spec(tmp_path, CLAUSES)
    found = prune(path, out=str(tmp_path / "kept"), epochs=1)
    for round in (1, 2):
        kept = kept_in(str(tmp_path / "kept"), round)
        for key, mine in kept.items():
            masks = [ticket.masks[round - 1][key] for ticket in found.tickets.values()]
            assert mine == Kept(sum(int(m.sum()) for m in masks) / 2, masks[0].numel())
        assert {k: v.left for k, v in kept.items()} == {k: v.left for k, v in planned(found.plan, round).items() if v}
    with pytest.raises(ValueError, match="no masks of round 3"):
        kept_in(str(tmp_path / "kept"), 3)
    with pytest.raises(ValueError, match="no folder of `fanin prune`"):
        kept_in(str(tmp_path))


def test_units_of_several_weights_go_from_all_their_axes(tmp_path: Path) -> None:
    path = spec(tmp_path, "unit neuron scope layer remove 50% at once")
    found = prune(path, out=str(tmp_path / "kept"), epochs=1)
    kept = kept_in(str(tmp_path / "kept"))
    assert kept["net.fc2.weight"].left == 16 * 8 / 4 and kept["net.norm.weight"].left == 8
    assert planned(found.plan) == {key: mine for key, mine in kept.items() if "running" not in key}


def test_a_line_says_how_many_stay(tmp_path: Path) -> None:
    program = pipeline.elaborate(spec(tmp_path, "remove 50% at once"), "Net")
    paint = SparsityPaint(program, {"net.fc1.weight": Kept(24, 96), "net.fc2.weight": Kept(1.5, 128)})
    told = paint.shade(Spot(("fc1", "fc2"), 224, 0))
    assert told is not None and told.hint == "26 of 224 weights stay (11.384%)"
    with pytest.raises(ValueError, match=r"of another network: it has no `gen\.head\.weight`"):
        SparsityPaint(program, {"gen.head.weight": Kept(24, 96)})


def test_the_command(tmp_path: Path) -> None:
    path, out = spec(tmp_path, CLAUSES), str(tmp_path / "a.dot")
    run = CliRunner()
    assert run.invoke(app, ["draw", f"{path}:Ticket", "--color", "sparsity", "-o", out]).exit_code == 0
    text = Path(out).read_text()
    assert TWICE in text and "weights left" in text
    prune(path, out=str(tmp_path / "kept"), epochs=1)
    masks = ["--masks", str(tmp_path / "kept")]
    for name in ("Net", "Fit", "Ticket"):
        assert run.invoke(app, ["draw", f"{path}:{name}", "--color", "sparsity", *masks, "-o", out]).exit_code == 0
        assert TWICE in Path(out).read_text()
    for wrong in (["Ticket", "--color", "sparsity", "--round", "9"], ["Fit", "--color", "sparsity"], ["Net", *masks]):
        result = run.invoke(app, ["draw", f"{path}:{wrong[0]}", *wrong[1:], "-o", out])
        assert result.exit_code == 2 and result.stderr.startswith("error: ")
