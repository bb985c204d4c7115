"""Memory: by hand on small networks, by PyTorch's own storages on compiled ones, and laws of repetition."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest

from fanin import pipeline
from fanin.analyses import cost
from fanin.analyses.memory import STATES, memory_of
from fanin.analyses.storage import at_least, larger
from fanin.ir.dims import Dim, Symbol, evaluate, symbols_of
from fanin.ir.graph import Program
from fanin.ir.unknown import Unknown

ROOT = Path(__file__).parents[3]


def program(text: str) -> Program:
    report = pipeline.check_text(text)
    assert report.ok, [d.headline for d in report.diagnostics]
    return report.programs[0]


def at(amounts: tuple[Dim, ...] | Unknown, **sizes: int) -> int:
    assert not isinstance(amounts, Unknown), amounts
    return max(evaluate(d, {s: sizes[s.name] for s in symbols_of(d)}) for d in amounts)


def test_a_chain_by_hand() -> None:
    """x [N, 64], a [N, 32], relu [N, 32], b [N, 8], in bytes of a float."""
    found = memory_of(program("model Net()(x: [N, 64]) { return x -> a: Linear(32) -> relu -> b: Linear(8) }").graph)
    assert found.parameters == 4 * (64 * 32 + 32 + 32 * 8 + 8) == found.gradients
    assert at(found.inference, N=10) == 40 * (64 + 32 + 32)  # while the relu runs
    assert str(found.saved) == "384 * N"  # what both layers were given
    # Going back through the relu: x, what the relu gave, the result, and the gradients behind and before the relu.
    assert at(found.training, N=10) == 40 * (64 + 32 + 8 + 32 + 32)


def test_what_nobody_reads_again_is_freed_and_views_cost_nothing() -> None:
    deep = program("model Net()(x: [N, 64]) { return x -> l: 30 * (Linear(64) -> relu) }")
    # x, and what a layer is given, what it gave, and what its activation gave.
    assert at(memory_of(deep.graph).inference, N=1) == 4 * 64 * 4
    moved = program("model Net()(x: [N, 8, 8]) { return x -> flatten(1) -> reshape(-1, 4, 16) -> transpose(1, 2) }")
    assert at(memory_of(moved.graph).inference, N=1) == 4 * 64


def test_training_grows_with_depth_and_inference_does_not() -> None:
    text = "model Net()(x: [N, 64]) {{ return x -> l: {n} * (Linear(64) -> tanh) }}"
    found = [memory_of(program(text.format(n=n)).graph) for n in (10, 20, 40)]
    kept = [at((m.saved,), N=1) for m in found]  # type: ignore[arg-type]
    assert kept[2] - kept[1] == 2 * (kept[1] - kept[0]) == 20 * 4 * 64
    assert len({at(m.inference, N=1) for m in found}) == 1


def test_a_thousand_layers_are_those_that_are_gone_through_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    text = """
    block R()(x: [N, D]) -> [N, D] { return x + (x -> a: Linear(D) -> relu -> b: Linear(D)) }
    model Net()(x: [N, 32]) { return x -> l: 60 * R() -> head: Linear(8) }
    """
    whole = memory_of(program(text).graph)
    monkeypatch.setattr("fanin.analyses.lifetimes.WRITTEN_OUT", 4)
    short = memory_of(program(text).graph)
    for one, other in ((whole.inference, short.inference), (whole.training, short.training)):
        assert at(one, N=3) == pytest.approx(at(other, N=3), rel=0.03)


def test_an_open_recurrence_is_that_of_its_length() -> None:
    text = """
    import std.recurrent.LstmCell
    model Net(T: {T})(x: [B, T, 16]) {{ return scan(c: LstmCell(16), x, h=zeros(B, 16), c=zeros(B, 16)).y }}
    """.replace("import std.recurrent.LstmCell", "from std.recurrent import LstmCell")
    opened = memory_of(program(text.replace("(T: {T})", "()").replace("{{", "{").replace("}}", "}")).graph)
    for length in (5, 30):
        closed = memory_of(
            program(
                text.replace("(T: {T})", "()").replace("T, 16]", f"{length}, 16]").replace("{{", "{").replace("}}", "}")
            ).graph
        )
        assert at(opened.training, B=2, T=length) == pytest.approx(at(closed.training, B=2), rel=0.05)
        assert at(opened.inference, B=2, T=length) == pytest.approx(at(closed.inference, B=2), rel=0.05)


def test_checkpoints_keep_inputs_alone() -> None:
    text = """
    block Mlp()(x: [N, D]) -> [N, D] {{ return x -> a: Linear(8 * D) -> gelu -> b: Linear(D) }}
    model Net()(x: [N, 64]) {{ return x -> l: 8 * {how} -> head: Linear(8) }}
    """
    plain, again = (memory_of(program(text.format(how=how)).graph) for how in ("Mlp()", "checkpoint(Mlp())"))
    assert at((again.saved,), N=1) < at((plain.saved,), N=1) / 10  # type: ignore[arg-type]
    assert at(again.training, N=1) < at(plain.training, N=1) / 3
    assert at(again.training, N=1) > at((again.saved,), N=1) + 4 * 64 * 8 * 2  # type: ignore[arg-type]


def test_a_fixed_trunk_keeps_nothing() -> None:
    text = (
        "model Net()(x: [N, 64]) {{ return x -> a: Linear(64{f}) -> tanh -> b: Linear(64{f}) -> tanh -> h: Linear(8) }}"
    )
    kept = [memory_of(program(text.format(f=f)).graph) for f in ("", ", frozen=true")]
    assert str(kept[0].saved) == "768 * N" and str(kept[1].saved) == "256 * N"
    assert kept[1].gradients == 4 * (64 * 8 + 8)


def test_fused_attention_is_linear_in_its_length_and_written_out_it_is_not() -> None:
    fused = "scaled_dot_product_attention(x, x, x)"
    written = "matmul(softmax(matmul(x, transpose(x, 2, 3)) / 4.0, axis=-1), x)"
    text = (
        "block A()(x: [B, 4, T, 16]) {{ return {f} }}\n"
        "model Net()(x: [B, 4, T, 16]) {{ return x -> p: Linear(16) -> A() -> h: Linear(8) }}"
    )
    one, other = (memory_of(program(text.format(f=f)).graph) for f in (fused, written))
    assert at(one.training, B=1, T=2048) == pytest.approx(2 * at(one.training, B=1, T=1024), rel=1e-6)
    assert at(other.training, B=1, T=4096) > 3.5 * at(other.training, B=1, T=2048)


def test_what_is_the_largest_somewhere() -> None:
    n, t = Symbol("N").poly, Symbol("T").poly
    assert at_least(3 * n * t, 2 * n + t) and not at_least(3 * n, t)
    assert at_least(5 * n * t - n, 4 * n * t) and not at_least(5 * n - 7, 4 * n)
    assert larger(larger(larger([], 2 * n), 3 * t), 5 * n) == [3 * t, 5 * n]


def test_states_of_optimisers() -> None:
    torch = pytest.importorskip("torch")
    made: dict[str, Any] = {
        "sgd": torch.optim.SGD, "momentum": lambda p: torch.optim.SGD(p, momentum=0.9), "adagrad": torch.optim.Adagrad,
        "rmsprop": torch.optim.RMSprop, "adam": torch.optim.Adam,
        "adamw": torch.optim.AdamW, "nadam": torch.optim.NAdam,
        "radam": torch.optim.RAdam, "adamax": torch.optim.Adamax, "adadelta": torch.optim.Adadelta,
    }  # fmt: skip
    for name, build in made.items():
        p = torch.nn.Parameter(torch.ones(50))
        optimiser = build([p])
        p.grad = torch.ones(50)
        optimiser.step()
        state = sum(s.numel() for s in optimiser.state[p].values() if isinstance(s, torch.Tensor) and s.dim())
        assert state == 50 * STATES[name], name


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("memory(batch=4) == 1_656", None),
        ("memory(N=4, training) == 3_056", None),
        ("memory(N=4, training, adam) == 5_152", None),
        ("memory(x=[4, 16]) < 1KiB", "`memory(x=[4, 16])` is 1,656, not < 1,024"),
        ("memory(N=4, bfloat16) == 828", None),
        ("memory(T=4) < 1KiB", "`T` is no open dimension of the inputs of `Net`"),
        ("memory(N=4, adam) < 1KiB", "an optimiser keeps its state in training: write `memory(training, adam)`"),
        ("memory(N=4, adam, sgd, training) < 1KiB", "`memory` is for sgd or for adam, not for both"),
        ("memory(trainng) < 1KiB", "`memory` knows no `trainng`"),
        ("memory < 2KiB", "cannot be told: it hangs on N"),
    ],
)
def test_promises_of_memory(given: str, words: str | None) -> None:
    text = f"model Net()(x: [N, 16]) {{\n  expect {given}\n  return x -> a: Linear(8) -> relu -> b: Linear(14)\n}}"
    found = [d.headline for d in pipeline.check_text(text).diagnostics]
    assert (not found) if words is None else (len(found) == 1 and words in found[0]), found


def test_show_and_json_say_it() -> None:
    made = program("model Net()(x: [N, 64]) { return x -> a: Linear(32) -> relu -> b: Linear(8) }")
    text = pipeline.show(made)
    assert "memory      inference 512 * N bytes" in text and "Adam keeps" in text
    told = pipeline.show_document(made)["cost"]["memory"]
    assert told["activations"]["between passes"] == ["384 * N"]
    assert told["optimiser"]["adam"] == 2 * told["gradients"] and cost.memory(made).gradients == told["gradients"]


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The comparison of the benchmark: what is told, and what storages of the compiled network took."""
    pytest.importorskip("torch")
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    monkeypatch.chdir(ROOT)
    return importlib.import_module("memory").compare


def test_networks_take_what_pytorch_allocates(measured: Any) -> None:
    for name, told, seen in measured(("LeNet", "ResNet18", "Gpt2", "Llama")):
        assert told[0] == pytest.approx(seen[0], rel=0.001), name
        assert told[1] == pytest.approx(seen[1], rel=0.05), name
        assert told[2] == pytest.approx(seen[2], rel=0.001), name


@pytest.mark.slow
def test_networks_of_the_zoo_take_what_pytorch_allocates(measured: Any) -> None:
    for name, told, seen in measured():
        assert told == pytest.approx(seen, rel=0.15), name
