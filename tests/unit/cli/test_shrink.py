"""``fanin shrink`` as a user calls it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

import fanin
from fanin.cli.app import App

SPEC = """
model Net()(x: [N, 3, 8, 8]) -> [N, 4] {
  return x -> a: Conv2d(16, 3) -> n: BatchNorm2d() -> relu -> mean(axis=(2, 3)) -> b: Linear(12) -> relu -> c: Linear(4)
}
"""


@pytest.fixture
def spec(tmp_path: Path) -> str:
    path = tmp_path / "net.arch"
    path.write_text(SPEC, encoding="utf-8")
    return str(path)


def run(*args: str) -> tuple[int, str, str]:
    found = CliRunner().invoke(App(name="fanin"), list(args))
    return found.exit_code, found.stdout, found.stderr


def test_the_groups_are_listed(spec: str) -> None:
    code, out, _ = run("shrink", spec)
    assert code == 0
    rows = [line.split() for line in out.splitlines()]
    assert ["a", "16", "exact", "7"] in rows
    assert ["b", "12", "exact", "3"] in rows
    assert any(row[:3] == ["c", "4", "fixed"] and "result" in row for row in rows)


def test_a_share_of_what_there_is_stays(spec: str, tmp_path: Path) -> None:
    code, out, err = run("shrink", spec, "--keep", "a=50%", "--keep", "b=5", "--align", "4")
    assert code == 0
    assert "a: Conv2d(8, 3)" in out and "b: Linear(8)" in out and out.startswith("# Net of ")
    assert "parameters, exact" in err
    path = str(tmp_path / "small.arch")
    assert run("shrink", spec, "--keep", "a=50%", "-o", path)[:2] == (0, "")
    assert run("check", "--strict", path)[0] == 0
    assert run("fmt", "--check", path)[0] == 0
    code, out, _ = run("diff", spec, path)
    assert code == 1
    assert "~ a: Conv2d(16, 3) -> Conv2d(8, 3)" in out and "+" not in out.replace("->", "")


@pytest.mark.parametrize("ending", ["safetensors", "pt"])
def test_weights_in_and_out(spec: str, tmp_path: Path, ending: str) -> None:
    if ending == "safetensors":
        save_file = pytest.importorskip("safetensors.torch").save_file
    else:
        save_file = torch.save
    net = fanin.load(spec).eval()
    with torch.no_grad():
        net.a.weight[3:] *= 1e-3
    before, after, small = (str(tmp_path / name) for name in (f"w.{ending}", f"s.{ending}", "s.arch"))
    save_file(net.state_dict(), before)
    code, _, err = run("shrink", spec, "--keep", "a=3", "--weights", before, "--save", after, "-o", small)
    assert code == 0, err
    from fanin.pruning.shrinking import read_weights

    child = fanin.load(small)
    child.load_state_dict(read_weights(after))
    assert torch.equal(child.a.weight, net.a.weight[:3])


def test_what_is_all_zero_goes(spec: str, tmp_path: Path) -> None:
    net = fanin.load(spec)
    with torch.no_grad():
        for tensor in (net.b.weight, net.b.bias, net.c.weight.T):
            tensor[5:] = 0.0
    weights = str(tmp_path / "w.pt")
    torch.save(net.state_dict(), weights)
    code, out, _ = run("shrink", spec, "--weights", weights)
    assert code == 0
    assert "a: Conv2d(16, 3)" in out and "b: Linear(5)" in out


def test_a_document(spec: str) -> None:
    code, out, _ = run("shrink", spec, "--json")
    found = {g["name"]: g for g in json.loads(out)["groups"]}
    assert (
        code == 0
        and found["a"]["grade"] == "exact"
        and {"key": "n.weight", "axis": 0, "role": "feature"} in found["a"]["members"]
    )
    code, out, _ = run("shrink", spec, "--keep", "b=2", "--json")
    document = json.loads(out)
    assert document["kept"] == {"b": [0, 1]} and document["grade"] == "exact" and "b: Linear(2)" in document["spec"]
    assert document["parameters"][0] > document["parameters"][1]


def test_what_cannot_be_is_said(spec: str, tmp_path: Path) -> None:
    for args, why in (
        (["--keep", "c=2"], "`c` cannot be cut: it is an axis of a result"),
        (["--keep", "d=2"], "`d` matches no group"),
        (["--keep", "a=2", "--save", "x.pt"], "give --weights"),
        (["--keep", "a=2", "--weights", str(tmp_path / "none.pt")], "none.pt"),
    ):
        code, _, err = run("shrink", spec, *args)
        assert code == 2 and why in err, err
    other = str(tmp_path / "other.pt")
    torch.save({"a.weight": torch.zeros(2)}, other)
    code, _, err = run("shrink", spec, "--keep", "a=2", "--weights", other)
    assert code == 2 and "`a.weight` is (2,) in the weights" in err
