"""Networks people know, cut at random everywhere: the smaller one gives what the masked one gives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import fanin
from fanin.analyses.couplings import Grade, couplings
from fanin.analyses.couplings.cut import Cut
from fanin.pipeline import compare
from fanin.pruning.shrinking import mask_state
from tests.unit.pruning.networks import difference, random_cut

SPECS = Path(__file__).parents[3] / "specs"
NETWORKS: dict[str, tuple[str, dict[str, Any], dict[str, int]]] = {
    "ResNet18": ("resnet", {}, {"N": 1, "H": 32, "W": 32}),
    "ResNet50": ("resnet", {}, {"N": 1, "H": 32, "W": 32}),
    "DenseNet121": ("densenet", {}, {"N": 1, "H": 32, "W": 32}),
    "MobileNetV2": ("mobilenet", {}, {"N": 1, "H": 32, "W": 32}),
    "GoogLeNet": ("googlenet", {}, {"N": 1, "H": 64, "W": 64}),
    "UNet": ("unet", {"widths": [6, 8, 12]}, {"N": 1, "H": 16, "W": 16}),
    "ConvNeXtTiny": ("convnext", {}, {"N": 1, "H": 32, "W": 32}),
    "MixerSmall": ("mixer", {}, {"N": 1}),
    "ViTTiny": ("vit", {}, {"N": 1}),
    "Lstm": ("recurrent", {"vocab": 20, "width": 8, "hidden": 12}, {"B": 2, "T": 5}),
    "Gru": ("recurrent", {"vocab": 20, "width": 8, "hidden": 12}, {"B": 2, "T": 5}),
}
SMALL_GPT = """
from "{specs}/gpt2.arch" import Gpt2
model Gpt = Gpt2(24, 3, 4, vocab=30, length=16, ...)
"""
TAGGER = """
from std.recurrent import Bidirectional
model Tagger()(word: int[B, T]) -> [B, T, 7] {
  x = word -> embed: Embedding(20, 10)
  return x -> read: Bidirectional(LSTMCells(6), LSTMCells(6), 6) -> head: Linear(7)
}
block LSTMCells(hidden: int)(x: [B, I], h: [B, hidden]) -> (y: [B, hidden], h: [B, hidden]) {
  h = tanh((x -> a: Linear(hidden)) + (h -> b: Linear(hidden, bias=false)))
  return h, h
}
"""


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_of_the_zoo(name: str) -> None:
    file, hyper, sizes = NETWORKS[name]
    coupled = couplings(fanin.elaborate(str(SPECS / f"{file}.arch"), name, **hyper))
    cut = random_cut(coupled)
    assert len(cut.groups) >= 2
    found, _ = difference(cut, **sizes)
    assert found < 1e-10


@pytest.mark.parametrize("uniform", [False, True])
def test_a_gpt_with_heads_and_a_tied_embedding(tmp_path: Path, uniform: bool) -> None:
    spec = tmp_path / "gpt.arch"
    spec.write_text(SMALL_GPT.format(specs=SPECS))
    coupled = couplings(fanin.elaborate(str(spec), "Gpt"), uniform)
    assert {g.size for g in coupled.groups} == {24, 4, 6, 96}  # the stream, heads, what is in a head, the hidden layer
    cut = random_cut(coupled)
    found, small = difference(cut, B=2, T=6)
    assert found < 1e-10
    assert "h: depth * Layer(heads, p)" in small  # other entries of each, and as many


def test_one_layer_of_several_is_cut(tmp_path: Path) -> None:
    spec = tmp_path / "gpt.arch"
    spec.write_text(SMALL_GPT.format(specs=SPECS))
    cut = Cut(couplings(fanin.elaborate(str(spec), "Gpt")), {"h.1.mlp.c_fc": range(40)})
    found, small = difference(cut, B=2, T=6)
    assert found < 1e-10
    assert "h: (Layer(heads, p) -> Layer(heads, p, c_fc_width=40) -> Layer(heads, p))" in small


def test_a_tagger_that_reads_both_ways(tmp_path: Path) -> None:
    spec = tmp_path / "tagger.arch"
    spec.write_text(TAGGER)
    cut = random_cut(couplings(fanin.elaborate(str(spec), "Tagger")))
    assert len(cut.groups) == 3
    assert difference(cut, B=2, T=5)[0] < 1e-10


def test_what_changed_is_widths_and_nothing_else() -> None:
    program = fanin.elaborate(str(SPECS / "resnet.arch"), "ResNet18")
    small = fanin.shrink(program, {"layer*": 0.5})
    changes = compare(program, small.program)
    assert changes
    assert all(change.before is not None and change.after is not None for change in changes)  # nothing comes or goes


def test_half_of_every_width_is_a_quarter_of_the_weights() -> None:
    program = fanin.elaborate(str(SPECS / "resnet.arch"), "ResNet18")
    groups = fanin.couplings(program).groups
    assert all(g.grade is Grade.EXACT for g in groups)
    small = fanin.shrink(program, {g.name: 0.5 for g in groups})
    counts = [sum(e.type.numel() for e in p.parameters) for p in (program, small.program)]
    assert counts[0] == 11_689_512
    assert abs(counts[1] / counts[0] - 0.26) < 0.01  # the stem and the head are halved once


def test_what_is_zero_goes_and_the_results_stay() -> None:
    program = fanin.elaborate(str(SPECS / "digits_cnn.arch"))
    net = fanin.load(str(SPECS / "digits_cnn.arch")).double().eval()
    coupled = fanin.couplings(program)
    group = next(g for g in coupled.groups if len(g.members) > 2)
    masked = mask_state(Cut(coupled, {group.name: range(1, group.size)}), net.state_dict())
    net.load_state_dict(masked)
    small = fanin.shrink(program, net=net)
    assert [(g.name, stays) for g, stays in small.cut.groups] == [(group.name, tuple(range(1, group.size)))]
    child = fanin.loads(small.spec).double().eval()
    assert small.weights is not None
    child.load_state_dict(small.weights)
    port = program.inputs[0].value
    assert port is not None
    x = torch.randn([d if isinstance(d, int) else 3 for d in port.type.shape], dtype=torch.float64)
    with torch.no_grad():
        assert torch.allclose(net(x), child(x), rtol=1e-12, atol=1e-12)
