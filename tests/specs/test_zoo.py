"""The specs that ship: each is laid out, checks clean, is drawn and emitted, and runs at a small size as predicted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import fanin
from fanin import pipeline
from fanin.diagnostics.model import Severity
from fanin.report import read_source
from tests.examples import SPECS
from tests.specs.running import run_as_predicted

FILES = sorted(SPECS.glob("*.arch"))
MODELS = [
    (path.stem, name)
    for path in FILES
    for name in pipeline.models(pipeline.load(read_source(str(path)), str(path)).units[0])
]
# What runs in the tests: every network of the zoo, small, with the blocks behind aliases in place of these.
SMALL: list[tuple[str, str, dict[str, Any]]] = [
    ("autoencoder", "AutoEncoder", {}),
    ("bert", "Bert", {"vocab": 17, "length": 16, "width": 12, "depth": 2, "heads": 3}),
    ("convnext", "ConvNeXt", {"depths": [1, 2], "widths": [8, 12], "p": 0.1, "classes": 3}),
    ("densenet", "DenseNet", {"depths": [2, 3, 2, 2], "growth": 4, "stem": 8, "classes": 3}),
    ("diffusion", "DiffusionUNet", {"widths": [8, 16], "attend": [False, True], "heads_of": 4, "groups": 4}),
    ("digits_cnn", "DigitsCnn", {}),
    ("googlenet", "GoogLeNet", {"classes": 3}),
    ("gpt2", "Gpt2", {"width": 12, "depth": 2, "heads": 3, "vocab": 17, "length": 16}),
    ("graph", "Gcn", {"features": 6}),
    ("graph", "Gat", {"features": 6}),
    ("graph", "Chebyshev", {"features": 6}),
    ("graph", "EdgeConditionedMesh", {}),
    ("graph", "MeshGraphNet", {"hidden": 12, "depth": 2}),
    ("lenet", "LeNet", {}),
    ("llama", "Llama", {"width": 12, "depth": 2, "heads": 6, "kv_heads": 2, "hidden": 16, "vocab": 17}),
    ("mixer", "Mixer", {"width": 12, "depth": 2, "patch": 8, "size": 32, "classes": 3}),
    ("mlp", "Mlp", {}),
    ("mlp", "EvenMlp", {}),
    ("mlp", "TiedProduct", {}),
    ("mobilenet", "MobileNetV2", {}),
    ("moe", "MoeLanguageModel", {"vocab": 17, "width": 12, "depth": 2, "heads": 3, "n": 4}),
    ("ntm", "NeuralTuringMachine", {"hidden": 9, "rows": 6, "width": 5}),
    ("random_features", "RandomFeatures", {}),
    ("random_features", "DeepRandomFeatures", {}),
    ("random_features", "MostlyRandom", {"hidden": 20}),
    ("random_features", "EchoState", {"size": 20}),
    ("realnvp", "RealNvp", {}),
    ("recurrent", "Elman", {}),
    ("recurrent", "Lstm", {"vocab": 17, "width": 6, "hidden": 7}),
    ("recurrent", "Gru", {"vocab": 17, "width": 6, "hidden": 7}),
    ("recurrent", "GruOfThePaper", {"vocab": 17, "width": 6, "hidden": 7}),
    ("regression", "LinearRegression", {}),
    ("regression", "LogisticRegression", {}),
    ("regression", "SoftmaxRegression", {}),
    ("resnet", "ResNet18", {"classes": 3}),
    ("selu", "SeluMlp", {"width": 24}),
    ("seq2seq", "Seq2Seq", {"source_vocab": 17, "target_vocab": 17, "width": 6, "hidden": 7, "size": 5}),
    ("siamese", "Siamese", {"width": 8}),
    ("stylegan", "StyleGanGenerator", {"widths": [12, 8], "latent": 12, "depth": 2}),
    ("transformer", "Transformer", {"vocab": 17, "width": 12, "depth": 2, "heads": 3, "hidden": 16}),
    ("unet", "UNet", {"widths": [4, 6, 8]}),
    ("universal_transformer", "UniversalTransformer", {"vocab": 17, "width": 16, "heads": 2, "steps": 3}),
    ("vae", "Vae", {"features": 30}),
    ("vit", "Vit", {"width": 12, "depth": 2, "heads": 3, "patch": 8, "size": 32, "classes": 3}),
    ("without_norm", "ReZeroMlp", {"depth": 5}),
    ("without_norm", "ReZeroTransformer", {"vocab": 17, "width": 12, "depth": 2, "heads": 3}),
    ("without_norm", "FixupMlp", {"depth": 5}),
]
NO_GRADIENT = {"Perceptron"}  # its output is a step
SLOW: list[tuple[str, str, dict[str, Any]]] = [
    ("vgg", "Vgg11", {}), ("vgg", "Vgg16Bn", {}), ("resnet", "ResNet50", {}), ("resnet", "ResNet152", {}),
]  # fmt: skip


def ids(entries: list[tuple[Any, ...]]) -> list[str]:
    return [f"{entry[0]}-{entry[1]}" for entry in entries]


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_a_file_has_the_one_layout_and_checks_clean(path: Path) -> None:
    source = read_source(str(path))
    assert pipeline.format_text(source)[0] == source.text
    report = pipeline.check(str(path))
    left = list(report.diagnostics)
    assert not left, "\n".join(f"{d.code.id} {d.headline}" for d in left)
    assert report.programs and not any(d.severity is Severity.ERROR for d in report.diagnostics)


def test_every_file_is_run() -> None:
    run = {file for file, _, _ in [*SMALL, *SLOW]}
    assert {path.stem for path in FILES} == run


@pytest.mark.parametrize(("file", "name"), MODELS, ids=ids(MODELS))
def test_a_network_is_drawn_and_emitted(file: str, name: str, tmp_path: Path) -> None:
    program = fanin.elaborate(str(SPECS / f"{file}.arch"), name)
    target = tmp_path / "net.dot"
    pipeline.draw(program, str(target))
    assert "digraph" in target.read_text()
    compile(pipeline.source(program), f"{name}.py", "exec")


def small(file: str, name: str, hyper: dict[str, Any]) -> Any:
    """The program, without the promises that hold at full size only."""
    path = SPECS / f"{file}.arch"
    return fanin.elaborate(str(path), name, **hyper)


@pytest.mark.slow
@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_networks_start_well(path: Path) -> None:
    """At full size nothing is found of how their weights are drawn, but what has a written reason."""
    report = pipeline.check_source(read_source(str(path)), str(path), None, None, signals=True)
    families = ("SIG", "STR", "CST", "NAM23")
    assert [(d.code.id, d.headline) for d in report.diagnostics if d.code.id.startswith(families)] == []


@pytest.mark.parametrize(("file", "name", "hyper"), SMALL, ids=ids(SMALL))
def test_a_network_runs_with_the_predicted_types(file: str, name: str, hyper: dict[str, Any]) -> None:
    run_as_predicted(small(file, name, hyper))


@pytest.mark.slow
@pytest.mark.parametrize(("file", "name", "hyper"), SLOW, ids=ids(SLOW))
def test_a_network_runs_at_its_full_size(file: str, name: str, hyper: dict[str, Any]) -> None:
    run_as_predicted(small(file, name, hyper))


@pytest.mark.slow
@pytest.mark.parametrize(("file", "name", "hyper"), SMALL, ids=ids(SMALL))
def test_a_network_is_captured_as_one_graph(file: str, name: str, hyper: dict[str, Any]) -> None:
    from tests.models import inputs_at, module_of, open_symbols
    from tests.specs.running import OPEN

    program = small(file, name, hyper)
    net = module_of(program).double().eval()
    sizes = {symbol: OPEN[symbol.name][0] for symbol in open_symbols(program)}
    inputs = inputs_at(program, sizes, torch.float64, high=2)
    torch.manual_seed(0)
    expected = net(*inputs)
    torch._dynamo.reset()
    torch.manual_seed(0)
    found = torch.compile(net, fullgraph=True, backend="eager")(*inputs)
    torch.testing.assert_close(found, expected)


def test_the_perceptron_decides() -> None:
    net = fanin.load(str(SPECS / "regression.arch"), "Perceptron", features=2)
    with torch.no_grad():
        net.get_parameter("linear.weight").copy_(torch.tensor([[1.0, -1.0]]))
    assert net(torch.tensor([[2.0, 1.0], [1.0, 2.0]])).tolist() == [1.0, 0.0]
