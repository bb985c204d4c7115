"""What is on the paper: folds, boxes, arrows, tags."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fanin.emit.picture.dot import dot
from fanin.emit.picture.opening import MOST_NODES, NoSuchPath
from tests.unit.emit.picture.programs import CONVOLUTIONS, LOOP, RESIDUAL, SHARED, drawing, real, words, written


@pytest.mark.parametrize(
    ("name", "text"), [("residual", RESIDUAL), ("convolutions", CONVOLUTIONS), ("loop", LOOP), ("shared", SHARED)]
)
def test_the_dot_text_is_as_before(name: str, text: str, golden: Callable[[str, str], None]) -> None:
    golden(f"picture/{name}.dot", dot(drawing(text)))


def test_the_drawing_is_the_same_every_time() -> None:
    assert dot(drawing(CONVOLUTIONS)) == dot(drawing(CONVOLUTIONS))


def test_a_repetition_is_one_box_with_a_badge() -> None:
    found = drawing(RESIDUAL)
    (layer,) = [box for box in found.boxes() if box.title == "Layer"]
    assert (layer.badge, layer.path) == ("×12", "layers.0–11")
    assert [box.title for box in found.boxes()] == ["Layer", "Ff"]


def test_a_chain_of_ops_is_one_node() -> None:
    assert "Conv 7×7, 16, stride 2 | BatchNorm | relu" in words(drawing(CONVOLUTIONS))


def test_places_of_a_repetition_that_differ_are_apart() -> None:
    badges = {box.path: box.badge for box in drawing(CONVOLUTIONS).boxes() if box.title == "Bottleneck"}
    assert badges == {"layer1.0": "", "layer1.1–3": "×3", "layer2.0": "", "layer2.1–3": "×3"}


def test_skips_run_from_where_the_arrow_enters_the_block_to_the_sum() -> None:
    found = drawing(RESIDUAL)
    shapes = {node.id: node.shape for node in found.nodes()}
    skips = [(shapes[edge.tail], shapes[edge.head]) for edge in found.edges if edge.kind == "skip"]
    assert skips == [("port", "sign")]


def test_types_stand_where_they_change_in_the_letters_of_the_model() -> None:
    found = drawing(CONVOLUTIONS)
    labels = [edge.label for edge in found.edges if edge.label]
    assert labels[0] == "[N, 16, ⌈H/2⌉, ⌈W/2⌉]"
    assert "[N, 64, ⌈H/8⌉, ⌈W/8⌉]" in labels
    assert not any(label for edge in found.edges if edge.kind == "skip" for label in [edge.label])


def test_sizes_known_to_be_whole_are_fractions() -> None:
    text = """model Net()(x: [N, 3, H, W]) -> [N, 8, H / 2, W // 2] {
      assert H % 4 == 0 and W % 4 == 0
      return x -> conv: Conv2d(8, 2, stride=2)
    }"""
    assert [line.text for line in real(drawing(text))[-1].lines] == ["output", "[N, 8, H/2, W/2]"]


def test_a_thousand_turns_of_a_loop_are_one_node() -> None:
    found = drawing(LOOP)
    assert words(found)[1] == "Linear 64 → 64 | relu"
    assert [node.badge for node in real(found)] == ["", "×1000", "", ""]
    assert real(found)[1].lines[0].path == "fc.0–999"


def test_the_first_turn_stays_apart_where_it_differs() -> None:
    found = drawing(LOOP.replace("[N, 64]", "[N, 7]"))
    assert [(n.lines[0].text, n.badge) for n in real(found)[1:3]] == [("Linear 7 → 64", ""), ("Linear 64 → 64", "×999")]


def test_turns_whose_values_are_kept_are_not_folded() -> None:
    text = """model Net()(x: [N, 8]) -> [N, 32] {
      xs = []
      for i in 0..4 { x = x -> fc: Linear(8) -> relu
        xs = xs ++ [x] }
      return concat(xs[3], xs[1], xs[0], xs[2], axis=1) -> tanh
    }"""
    found = drawing(text)
    folded = [node.badge for node in real(found) if node.badge]
    assert folded == ["×4"]  # all of them go to the same concatenation
    apart = drawing(
        text.replace("concat(xs[3], xs[1], xs[0], xs[2], axis=1)", "concat(x * xs[0], x, x, xs[1], axis=1)")
    )
    assert len([n for n in real(apart) if n.lines[0].text.startswith("Linear")]) > 1


def test_equal_statements_one_below_the_other_are_folded() -> None:
    assert [node.badge for node in real(drawing(written(1000)))] == ["", "×1000", "", ""]


def test_many_unlike_statements_stand_in_columns() -> None:
    text = dot(drawing(written(90, "64 + i")))
    assert "head1" in text and text.count("_in1") >= 2


def test_more_nodes_than_can_be_drawn_are_one_in_the_middle() -> None:
    found = drawing(written(2000, "64 + i % 53 * (i % 59)"))
    assert len(real(found)) <= MOST_NODES + 5
    assert "drawn as one" in found.note


def test_depth_closes_what_is_deeper() -> None:
    closed = drawing(RESIDUAL, depth=1)
    assert words(closed) == ["x | [B, 32]", "Layer", "Linear 32 → 10", "output | [B, 10]"]
    assert real(closed)[1].footer.startswith("51.1K params")  # 12 × (2·32 + 32·64 + 64 + 64·32 + 32)
    assert [box.title for box in drawing(RESIDUAL, depth=2).boxes()] == ["Layer"]
    assert words(drawing(RESIDUAL, depth=0)) == ["x | [B, 32]", "Net", "output | [B, 10]"]


def test_expand_opens_a_place_and_leaves_the_others_folded() -> None:
    found = drawing(RESIDUAL, depth=1, expand=("layers.3",))
    assert [(b.title, b.path) for b in found.boxes()] == [("", "layers"), ("Layer", "layers.3")]
    assert [n.badge for n in real(found) if n.lines[0].text == "Layer"] == ["×3", "×8"]


def test_expand_unfolds_a_repetition_and_a_loop() -> None:
    found = drawing(RESIDUAL, 1, ("layers",))
    assert sum(n.lines[0].text == "Layer" for n in real(found)) == 12
    loop = drawing(LOOP, expand=("fc",), n=5)
    assert [n.lines[0].path for n in real(loop)[1:6]] == [f"fc.{i}" for i in range(5)]


def test_a_path_that_is_not_there_is_refused() -> None:
    with pytest.raises(NoSuchPath, match=r"nothing to open at `layers\.77`"):
        drawing(RESIDUAL, expand=("layers.77",))


def test_shared_and_tied_weights_are_marked() -> None:
    found = drawing(SHARED)
    tags = {node.id: node.tags for node in real(found) if node.tags}
    assert sorted(tag for found in tags.values() for tag in found) == [
        "shared: embed",
        "shared: embed",
        "weight tied to embed.weight",
    ]
    assert sorted(edge.kind for edge in found.edges if edge.kind in ("shared", "tied")) == ["shared", "tied"]
    assert found.subtitle.startswith("1,600 parameters")


def test_an_instance_made_outside_a_loop_says_so() -> None:
    text = """model Net()(x: [N, 8]) -> [N, 8] {
      f = Linear(8)
      for i in 0..3 { x = x -> f -> relu }
      return x
    }"""
    assert real(drawing(text))[1].tags == ["the same weights each time"]
