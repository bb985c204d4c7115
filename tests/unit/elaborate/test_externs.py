"""`extern` blocks: nothing is imported unless the caller allows it, and what is declared is held to the real class."""

from __future__ import annotations

import copy
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

import fanin
from fanin import pipeline
from fanin.report import CheckFailed

MODULE = """
import torch
from torch import nn

class Fast(nn.Module):
    def __init__(self, k, scale=1.0, names=()):
        super().__init__()
        assert isinstance(k, int)
        self.w = nn.Parameter(torch.empty(8, k))
        self.names = names
        nn.init.normal_(self.w, std=scale)

    def forward(self, x, mask=None):
        y = x @ self.w
        return y if mask is None else y * mask

class Picky(nn.Module):
    def forward(self, x):
        if x.shape[0] == 36:
            raise RuntimeError("not thirty-six")
        return x.int() if x.shape[-1] == 7 else x if x.sum().item() == 0 else x

class Two(nn.Module):
    def forward(self, x):
        return x, x.sum(-1)

def function(): ...
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "mylib_fanin").mkdir()
    (tmp_path / "mylib_fanin" / "__init__.py").write_text("", encoding="utf-8")
    (tmp_path / "mylib_fanin" / "layers.py").write_text(MODULE, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in [n for n in sys.modules if n.startswith("mylib_fanin")]:
        monkeypatch.delitem(sys.modules, name)
    return "mylib_fanin.layers"


SPEC = """
extern block Fast(k: int, scale: float = 1.0, names: list[str] = ["a"])(x: [*S, D], mask: [*S, k]?) -> [*S, k] =
  "mylib_fanin.layers:Fast"

model Net()(x: [N, 8], m: [N, 4]) -> [N, 4] {
  x = x -> rows: 2 * Fast(8, scale=0.1)
  return Fast(4, names=["b", "c"])(x -> fc: Linear(8), mask=m)
}
"""


def test_it_runs_under_its_own_names(package: str) -> None:
    net = fanin.loads(SPEC, allow_extern=["mylib_fanin"], seed=3)
    assert set(net.state_dict()) == {"rows.0.w", "rows.1.w", "fc.weight", "fc.bias", "fast1.w"}
    parts = dict(net.named_modules())
    assert parts["fast1"].names == ["b", "c"] and parts["rows.0"].names == ["a"]
    x, m = torch.randn(3, 8), torch.randn(3, 4)
    y = net(x, m)
    torch.testing.assert_close(y, parts["fc"](x @ parts["rows.0"].w @ parts["rows.1"].w) @ parts["fast1"].w * m)
    y.sum().backward()
    assert all(p.grad is not None for p in net.parameters())
    twin, other = (fanin.loads(SPEC, allow_extern=True, seed=seed) for seed in (3, 4))
    for key, value in net.state_dict().items():
        assert torch.equal(value, twin.state_dict()[key]) and not torch.equal(value, other.state_dict()[key])
    assert not torch.equal(parts["rows.0"].w, parts["rows.1"].w)
    torch.testing.assert_close(copy.deepcopy(net)(x, m), y)


def test_a_module_more_changes_no_other_weight(package: str) -> None:
    more = SPEC.replace("Fast(4, names", "Fast(4, scale=2.0, names").replace(
        "x -> fc: Linear(8)", "x -> z: Fast(8) -> fc: Linear(8)"
    )
    a, b = fanin.loads(SPEC, allow_extern=True).state_dict(), fanin.loads(more, allow_extern=True).state_dict()
    assert torch.equal(a["rows.1.w"], b["rows.1.w"]) and torch.equal(a["fc.weight"], b["fc.weight"])


def test_nothing_is_imported_without_leave(package: str, tmp_path: Path) -> None:
    flag = tmp_path / "imported"
    layers = tmp_path / "mylib_fanin" / "layers.py"
    layers.write_text(f"open({str(flag)!r}, 'w').close()\n{MODULE}", encoding="utf-8")
    assert pipeline.check_text(SPEC).ok
    assert "from mylib_fanin.layers import Fast" in fanin.source(_written(tmp_path), "Net")
    assert "Fast" in fanin.draw(fanin.elaborate(_written(tmp_path), "Net")).dot
    for allowed in (False, [], ["mylib"], ["torch"], ["mylib_fanin.layer"]):
        with pytest.raises(CheckFailed) as failed:
            fanin.loads(SPEC, allow_extern=allowed)
        (problem,) = failed.value.report.diagnostics
        assert problem.code.id == "OUT802" and problem.span.text == '"mylib_fanin.layers:Fast"'
    assert not flag.exists()
    fanin.loads(SPEC, allow_extern=True)
    assert flag.exists()


def _written(folder: Path) -> str:
    path = folder / "net.arch"
    path.write_text(SPEC, encoding="utf-8")
    return str(path)


MISMATCHES = {
    "Fast(k: int)(x: [B, D]) -> [B, k + 1] = Fast": "gives [12, 4] on x: [12, 8], and declares [12, 5]",
    "Fast(k: int)(x: [B, D]) -> int[B, k] = Fast": "gives [12, 4] on x: [12, 8], and declares int[12, 4]",
    "Fast(k: int)(x: [B, D]) -> (a: [B, k], b: [B]) = Fast": "gives 1 results",
    "Fast(j: int)(x: [B, D]) -> [B, j] = Fast": "`Fast(j=4)` cannot be made: TypeError",
    "Fast(k: int)(x: [B, D]) -> [B, k] = Slow": "has no `Slow`",
    "Fast(k: int)(x: [B, D]) -> [B, k] = function": "is no `torch.nn.Module`",
    "Fast(k: int)(x: [B, D], y: [B], z: [B]) -> [B, k] = Fast": "fails on x: [12, 8], y: [12], z: [12]",
}


@pytest.mark.parametrize("declared", MISMATCHES)
def test_a_class_that_is_not_as_declared_is_an_error(declared: str, package: str) -> None:
    more = ", y, z" if "z: [B]" in declared else ""
    ports = ", y: [N], z: [N]" if more else ""
    flow = "a, b = f(x)\n return a" if "(a:" in declared else f"return f(x{more})"
    head, name = declared.split(" = ")
    text = f'extern block {head} = "mylib_fanin.layers:{name}"\n'
    text += f"model Net()(x: [N, 8]{ports}) {{ f = Fast(4)\n {flow} }}"
    with pytest.raises(CheckFailed) as failed:
        fanin.loads(text, allow_extern=True)
    (problem,) = failed.value.report.diagnostics
    assert problem.code.id == "OUT803"
    assert MISMATCHES[declared] in problem.headline


def test_sizes_of_all_kinds_are_tried(package: str) -> None:
    text = 'extern block P()(x: [B, D]) -> [B, D] = "mylib_fanin.layers:Picky"\n'
    text += "model Net()(x: [N, 8]) { return x -> p: P() }"
    with pytest.raises(CheckFailed, match="not thirty-six"):
        fanin.loads(text, allow_extern=True)


def test_a_package_that_is_not_there_is_an_error() -> None:
    text = 'extern block P()(x: [B, D]) -> [B, D] = "mylib_fanin.missing:P"\n'
    with pytest.raises(CheckFailed, match="cannot be imported: ModuleNotFoundError"):
        fanin.loads(text + "model Net()(x: [N, 8]) { return x -> p: P() }", allow_extern=True)


def test_several_results_have_the_declared_names(package: str) -> None:
    net = fanin.loads(
        """
        extern block Two()(x: [B, D]) -> (left: [B, D], right: [B]) = "mylib_fanin.layers:Two"
        model Net()(x: [N, 8]) -> [N] { return Two()(x).right }
    """,
        allow_extern=True,
    )
    x = torch.randn(3, 8)
    torch.testing.assert_close(net(x), x.sum(-1))


BAD = {
    '"os.system(1)"': "TYP401",
    '"os"': "TYP401",
    '"os:system; import os"': "TYP401",
    '"a.b:c.d"': "TYP401",
    '"class.b:C"': "TYP401",
    '"a:b\\"\\n"': "SYN",
    '""': "TYP401",
    '"à.b:C"': "TYP401",
}


@pytest.mark.parametrize("target", BAD)
def test_a_target_is_a_module_and_a_class(target: str) -> None:
    text = f"extern block Fast()(x: [B, D]) -> [B, D] = {target}\nmodel Net()(x: [N, 8]) {{ return x -> f: Fast() }}"
    codes = [d.code.id for d in pipeline.check_text(text).diagnostics]
    assert codes and codes[0].startswith(BAD[target])


PLAIN = {
    ("Fast(f: fn)(x: [B, D]) -> [B, D]", "Fast(relu)"): "TYP401",
    ("Fast()(x: [B, D]) -> [B, E]", "Fast()"): "SHP307",
    ("Fast()(x: [B, D]) -> [B, D]", "Fast(init=zeros)"): "TYP405",
    ("Fast(n: int)(x: [B, D]) -> [B, D]", "Fast(N)"): "TYP401",
}


@pytest.mark.parametrize("case", PLAIN, ids=str)
def test_what_goes_to_python_is_plain(case: tuple[str, str]) -> None:
    spec = f'extern block {case[0]} = "a:B"\nmodel Net()(x: [N, 8]) {{ return x -> f: {case[1]} }}'
    assert [d.code.id for d in pipeline.check_text(spec).diagnostics] == [PLAIN[case]]


ODD = """

class Odd(nn.Module):
    def __init__(self, **given):
        super().__init__()
        self.given = given

    def forward(self, x):
        return x
"""


def test_a_python_word_is_a_name_all_the_same(package: str, tmp_path: Path) -> None:
    layers = tmp_path / "mylib_fanin" / "layers.py"
    layers.write_text(MODULE + ODD, encoding="utf-8")
    text = 'extern block Odd(lambda: int)(x: [B, D]) -> [B, D] = "mylib_fanin.layers:Odd"\n'
    text += "model Net()(x: [N, 8]) { return x -> f: Odd(3) }"
    net = fanin.loads(text, allow_extern=True)
    assert net.get_submodule("f").given == {"lambda": 3}
    assert isinstance(net, nn.Module)
