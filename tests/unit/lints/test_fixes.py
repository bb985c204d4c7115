"""The fixes of lints: the fixed spec checks, has the finding no more, and computes the same."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

import fanin
from fanin import pipeline
from fanin.cli.app import app
from fanin.diagnostics.fixes import apply_fixes
from fanin.report import Report
from fanin.source import Source

FIXED = {
    "SIG161": [
        "model Net()(x: [N, 3, 8, 8]) { return x -> conv: Conv2d(8, 3) -> bn: BatchNorm2d() -> relu }",
        "model Net()(x: [N, 3, 8, 8]) { return x -> conv: Conv2d(8, 3, bias=true) -> bn: BatchNorm2d() -> relu }",
        "model Net()(x: [N, 8]) { return x -> l: 3 * (Linear(16) -> BatchNorm1d() -> relu) }",
        "block Cba(c: int)(x: [N, C, H, W]) {\n  return x\n    -> conv: Conv2d(c, 3, padding=1)\n    -> norm: InstanceNorm2d()\n    -> relu\n}\n"
        "model Net()(x: [N, 3, 8, 8]) { return x -> a: Cba(4) -> b: Cba(8) }",
        "model Net()(x: [N, 4, 8, 8]) { return x -> up: ConvTranspose2d(4, 2, stride=2) -> bn: BatchNorm2d() -> tanh }",
    ],
    "STR603": [
        "model Net()(x: [N, 8]) { return x -> a: Linear(8) -> relu -> relu }",
        "model Net()(x: [N, 8]) { return x -> a: Linear(8) -> relu6\n    -> relu6\n    -> b: Linear(2) }",
        "model Net()(x: [N, 8]) { return x -> l: 2 * (Linear(8) -> ReLU() -> ReLU()) }",
    ],
    "STR601": [
        "model Net()(x: [N, 8]) { return cross_entropy(x -> a: Linear(5) -> log_softmax(axis=-1), zeros(N, 5)) }",
        "model Net()(x: [N, 8], y: int[N]) { return x -> a: Linear(5) -> log_softmax(axis=1) -> cross_entropy(y) }",
        "model Net()(x: [N, 4, 6, 6], y: int[N, 6, 6]) {\n  return x -> a: Conv2d(5, 1)\n    -> log_softmax(axis=1)\n    -> cross_entropy(y)\n}",
    ],
}
LEFT = {
    "SIG161": [
        # The norm is there for one value of the hyper-parameter alone.
        "block B(norm: bool)(x: [N, D]) -> [N, 8] {\n  x = x -> fc: Linear(8)\n  if norm { x = x -> bn: BatchNorm1d() }\n  return x\n}\n"
        "model Net()(x: [N, 8]) { return x -> a: B(true) -> b: B(false) }",
        "model Net()(x: [N, 8]) { return x -> a: Linear(8, bias_init=zeros) -> bn: BatchNorm1d() }",
    ],
    "STR603": [
        "model Net()(x: [N, 8]) { return x -> a: Linear(8) -> relu -> tanh }",
        "block B(act: fn)(x: [N, D]) { return x -> a: Linear(8) -> act -> relu }\nmodel Net()(x: [N, 8]) { return x -> b: B(relu) }",
    ],
    "STR601": [
        "model Net()(x: [N, 8], y: int[N]) { return x -> a: Linear(5) -> softmax(axis=1) -> cross_entropy(y) }",
        "model Net()(x: [N, 4, 6], y: int[N, 6]) { return x -> a: Conv1d(5, 1) -> log_softmax(axis=-1) -> cross_entropy(y) }",
    ],
}


def checked(text: str) -> Report:
    return pipeline.check_source(Source("<string>", text), "<string>", None, None, signals=True)


def fixed(text: str, code: str) -> str:
    found = [d for d in checked(text).diagnostics if d.code.id == code]
    texts = apply_fixes(found, lambda source: True).texts
    return next(iter(texts.values()), text)


@pytest.mark.parametrize(("code", "text"), [(c, t) for c, texts in FIXED.items() for t in texts])
def test_a_fix_mends_and_keeps_what_is_computed(code: str, text: str) -> None:
    after = fixed(text, code)
    assert after != text
    report = checked(after)
    assert report.ok and code not in {d.code.id for d in report.diagnostics}
    assert fixed(after, code) == after  # there is nothing more to do
    old, new = fanin.loads(text).double(), fanin.loads(after).double()
    torch.manual_seed(0)
    shapes = [tuple(8 if not isinstance(n, int) else n for n in p.value.type.shape) for p in report.programs[0].inputs]
    kept = {k: v for k, v in old.state_dict().items() if k in new.state_dict()}
    assert set(kept) == set(new.state_dict())
    new.load_state_dict(kept)
    given = [torch.randn(shapes[0], dtype=torch.float64), *(torch.randint(0, 5, shape) for shape in shapes[1:])]
    torch.testing.assert_close(new(*given), old(*given))


@pytest.mark.parametrize(("code", "text"), [(c, t) for c, texts in LEFT.items() for t in texts])
def test_what_a_fix_could_change_is_left(code: str, text: str) -> None:
    assert code in {d.code.id for d in checked(text).diagnostics}
    assert fixed(text, code) == text


def test_the_command_applies_and_shows_them(tmp_path: Path) -> None:
    path = tmp_path / "net.arch"
    path.write_text(text := FIXED["SIG161"][0])
    shown = CliRunner().invoke(app, ["check", "--signal", "--diff", str(path)])
    assert "+model" in shown.stdout and "bias=false" in shown.stdout and path.read_text() == text
    done = CliRunner().invoke(app, ["check", "--signal", "--fix", str(path)])
    assert done.exit_code == 0 and "1 fixed" in done.stderr
    assert path.read_text() == text.replace("Conv2d(8, 3)", "Conv2d(8, 3, bias=false)")


def test_a_promise_is_kept_rather_than_a_lint_fixed(tmp_path: Path) -> None:
    path = tmp_path / "net.arch"
    text = "model Net()(x: [N, 8]) {\n  expect params == 8 * 4 + 4 + 8\n  return x -> a: Linear(4) -> bn: BatchNorm1d() -> relu\n}\n"
    path.write_text(text)
    done = CliRunner().invoke(app, ["check", "--signal", "--fix", str(path)])
    assert done.exit_code == 0 and "fixes of lints are left out" in done.stderr
    assert path.read_text() == text
