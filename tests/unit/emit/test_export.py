"""`.pt2` and `.onnx` files: sizes stay open, and what is written computes what the model does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import fanin
from fanin import pipeline
from fanin.analyses.exports import losses, range_of
from fanin.report import CheckFailed
from tests.examples import SPECS
from tests.models import program_of
from tests.specs.test_zoo import SMALL, ids

KINDS = pytest.mark.parametrize("kind", ["pt2", "onnx"])


def needs(kind: str) -> None:
    if kind == "onnx":
        pytest.importorskip("onnxruntime")
        pytest.importorskip("onnxscript")


def run(path: Path, *inputs: torch.Tensor) -> torch.Tensor:
    """The first result of a file, by whoever reads such files."""
    if path.suffix == ".pt2":
        found = torch.export.load(str(path)).module()(*inputs)
        return found if isinstance(found, torch.Tensor) else found[0]
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path))
    names = [entry.name for entry in session.get_inputs()]
    return torch.from_numpy(session.run(None, {n: x.numpy() for n, x in zip(names, inputs, strict=True)})[0])


PICTURE = """
model Net()(image: [N, 3, H, W]) -> [N, 5, H / 4, W / 4] {
  assert H % 4 == 0 and W % 4 == 0
  return image -> a: Conv2d(4, 2, stride=2) -> bn: BatchNorm2d() -> relu -> b: Conv2d(5, 2, stride=2)
}
"""


@KINDS
def test_open_sizes_stay_open(kind: str, tmp_path: Path) -> None:
    needs(kind)
    path = tmp_path / f"net.{kind}"
    net = fanin.loads(PICTURE, seed=3).eval()
    made = fanin.export(program_of(PICTURE), str(path), net=net)
    assert made.difference is not None and made.difference < 1e-5 and dict(made.sizes).keys() == {"N", "H", "W"}
    for shape in ((2, 3, 12, 20), (7, 3, 40, 8)):
        x = torch.randn(shape)
        torch.testing.assert_close(run(path, x), net(x).detach(), rtol=1e-4, atol=1e-5)


@KINDS
def test_weights_are_those_of_the_seed(kind: str, tmp_path: Path) -> None:
    needs(kind)
    program = program_of(
        "model Net()(x: [N, 4]) -> (y: [N, 3], z: [N]) { y = x -> fc: Linear(3) return y, sum(y, axis=1) }"
    )
    path = tmp_path / f"net.{kind}"
    pipeline.export(program, str(path), seed=5)
    x = torch.randn(4, 4)
    net = fanin.runtime.load.build(program, pipeline.source(program), seed=5)  # type: ignore[attr-defined]
    torch.testing.assert_close(run(path, x), net(x).y.detach())


def test_what_cannot_be_exported_is_said_and_nothing_is_written(tmp_path: Path) -> None:
    text = "model Net()(x: [B, T, 4]) { return scan(cell: GRUCell(8), x, h=zeros(B, 8)).y }"
    path = tmp_path / "net.pt2"
    with pytest.raises(CheckFailed, match="OUT805"):
        pipeline.export(program_of(text), str(path))
    assert not path.exists()
    pipeline.export(program_of(text, T=5), str(path))
    assert run(path, torch.randn(3, 5, 4)).shape == (3, 5, 8)


def test_a_file_that_computes_something_else_is_refused(tmp_path: Path) -> None:
    needs("onnx")
    # Pooling to a fixed size of a size that it does not divide: the exporter writes another operation.
    text = "model Net()(x: [N, 2, H, W]) { assert H >= 4 and W >= 4 return x -> adaptive_avg_pool2d(4) }"
    with pytest.raises(CheckFailed, match="OUT805"):
        pipeline.export(program_of(text), str(tmp_path / "net.onnx"))


def told(text: str, **hyper: Any) -> list[tuple[str, bool]]:
    return [(loss.text, loss.fatal) for loss in losses(program_of(text, **hyper))]


def test_check_says_what_is_lost() -> None:
    assert told("model N()(x: [3, 4]) { return relu(x) }") == []
    assert told("model N()(x: [N, 4]) { return relu(x) }") == [
        ("no open dimension may shrink to 1: N is 2 or more", False)
    ]
    (slope, _) = told("model N()(x: [N, 4]) { y = x * x return grad(y, x) }")
    assert slope[1] and "grad" in slope[0]
    halves = told("model N()(x: [N, H]) -> [N, H / 2] { return x[:, :H / 2] }")
    assert ("H has to be 2 * n, which becomes a derived dimension", False) in halves
    report = pipeline.check(str(SPECS / "recurrent.arch"), ["Elman"], exports=True)
    assert {d.code.id for d in report.diagnostics} == {"OUT805", "OUT806"}


RANGES = {
    "": (1, 0, 2, None),
    "assert T <= 16": (1, 0, 2, 16),
    "assert T <= 5000": (1, 0, 2, 5000),
    "assert T % 6 == 0": (6, 0, 1, None),
    "assert T % 2 == 1": (2, 1, 1, None),
    "assert T >= 9": (1, 0, 9, None),
}


@pytest.mark.parametrize("rule", RANGES)
def test_the_sizes_that_a_letter_may_have(rule: str) -> None:
    program = program_of(f"model N()(x: [3, T]) {{ {rule} return relu(x) }}")
    (symbol,) = program.graph.symbols
    found = range_of(program, symbol)
    assert found is not None
    assert (found.step, found.offset, found.least, found.most) == RANGES[rule]


# What an exporter cannot: a recurrence from both ends over two open lengths has to be given both.
GIVEN = {"Seq2Seq": {"S": 5, "T": 6}, "Siamese": {"H": 28, "W": 28}}


@pytest.mark.slow
@KINDS
@pytest.mark.parametrize(("file", "name", "hyper"), SMALL, ids=ids(SMALL))
def test_the_zoo_is_exported(file: str, name: str, hyper: dict[str, Any], kind: str, tmp_path: Path) -> None:
    needs(kind)
    sizes = GIVEN.get(name, {})
    program = fanin.elaborate(str(SPECS / f"{file}.arch"), name, **hyper, **sizes)
    if any("scan" in loss.text for loss in losses(program)):
        program = fanin.elaborate(str(SPECS / f"{file}.arch"), name, **hyper, **sizes, T=6)
    made = pipeline.export(program, str(tmp_path / f"net.{kind}"))
    assert made.difference is None or made.difference < 1e-3
