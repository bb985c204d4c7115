"""``fanin signal --repair`` and ``--probe`` as a user calls them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import fanin
from fanin.cli.app import App
from fanin.cli.signal import REPAIRS
from fanin.repairs import find, names

SPEC = """# Sixteen blocks.
block Branch()(x: [N, D]) -> [N, D] {
  return x + (x -> fc1: Linear(D) -> relu -> fc2: Linear(D))  # the sum
}

@init(linear=he_normal, bias=zeros)
model Net()(x: [N, 64]) -> [N, 64] {
  expect params == 133_120
  return x -> layers: 16 * Branch()
}
"""


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "net.arch"
    path.write_text(SPEC, encoding="utf-8")
    return path


def run(*args: object) -> tuple[int, str, str]:
    found = CliRunner().invoke(App(name="fanin"), [str(a) for a in args])
    return found.exit_code, found.stdout, found.stderr


def test_before_and_after_and_what_would_change(spec: Path) -> None:
    code, out, err = run("signal", spec, "--repair", "residual")
    assert code == 0 and not err
    assert out.startswith("Net, residual\n\n16 residual branches, each times 1 / sqrt(32) = 0.1768\n")
    assert "finding SIG101 goes" in out and "before" in out and "after" in out
    assert "+  return x + (1 / sqrt(32)) * (x -> fc1" in out
    assert spec.read_text(encoding="utf-8") == SPEC  # nothing is written that was not asked for


def test_it_is_written(spec: Path, tmp_path: Path) -> None:
    other = tmp_path / "better.arch"
    code, _, err = run("signal", spec, "--repair", "rezero", "-o", other)
    assert code == 0 and f"wrote {other}" in err and spec.read_text(encoding="utf-8") == SPEC
    text = other.read_text(encoding="utf-8")
    assert "# Sixteen blocks." in text and "# the sum" in text and "expect params == 133_136" in text
    assert run("check", other)[0] == 0 and run("fmt", "--check", other)[0] == 0
    module = tmp_path / "better.py"
    assert run("compile", other, "-o", module)[0] == 0
    assert "self.alpha" in module.read_text(encoding="utf-8")
    assert run("signal", spec, "--repair", "residual", "--write")[0] == 0
    assert "1 / sqrt(32)" in spec.read_text(encoding="utf-8")


def test_printed(spec: Path) -> None:
    code, out, err = run("signal", spec, "--repair", "gpt", "-o", "-")
    assert code == 0 and "before" in err and out.startswith("# Sixteen blocks.") and "/ sqrt(16)" in out


def test_the_layout_of_others_stays(tmp_path: Path) -> None:
    """What was not in the one layout is not put into it."""
    path = tmp_path / "loose.arch"
    loose = SPEC.replace("  return x + (x -> fc1", "  return   x+(x->fc1")
    path.write_text(loose, encoding="utf-8")
    _, out, _ = run("signal", path, "--repair", "residual", "-o", "-")
    assert out == loose.replace(
        "x+(x->fc1: Linear(D) -> relu -> fc2: Linear(D))",
        "x+(1 / sqrt(32)) * (x->fc1: Linear(D) -> relu -> fc2: Linear(D))",
    )


def test_a_document(spec: Path) -> None:
    code, out, _ = run("signal", spec, "--repair", "skipinit", "--json")
    found = json.loads(out)
    assert code == 0 and found["repair"] == "skipinit" and found["written"] is None
    assert "param alpha: [] = 1 / sqrt(16)" in found["text"]
    assert found["after"][-1]["rms"] < 10 < found["before"][-1]["rms"]


def test_what_does_not_fit(spec: Path) -> None:
    for args, said in (
        (("--repair", "luck"), "there is no repair `luck`"),
        (("--repair", "forget_bias"), "no forget gate"),
        (("--repair", "mup"), "needs the hyper-parameters"),
        (("--write",), "go with --repair"),
    ):
        code, _, err = run("signal", spec, *args)
        assert code == 2 and said in err, err


def test_a_promise_that_would_break_is_an_error(spec: Path) -> None:
    spec.write_text(SPEC.replace("params ==", "params <=").replace("133_120", "133_121"), encoding="utf-8")
    code, _, err = run("signal", spec, "--repair", "rezero", "--write")
    assert code == 1 and "133_136" in err.replace(",", "_")
    assert "alpha" not in spec.read_text(encoding="utf-8")


def test_the_help_names_them_all() -> None:
    assert ", ".join(names()) == REPAIRS
    for name in names():
        assert find(name) is not None


def test_from_python(spec: Path) -> None:
    found = fanin.repair(str(spec), "residual")
    assert found.after[-1].rms == pytest.approx((1 + 1 / 16) ** 8, rel=1e-3) and found.before[-1].rms == pytest.approx(
        3**8
    )
    assert "16 residual branches" in str(found) and found.notes
    found.write()
    assert fanin.signal(fanin.elaborate(str(spec)))[-1].rms == found.after[-1].rms


def test_without_torch(spec: Path, tmp_path: Path) -> None:
    blocker = tmp_path / "block"
    blocker.mkdir()
    (blocker / "torch.py").write_text("raise ImportError('no torch here')", encoding="utf-8")
    script = "import sys; sys.path.insert(0, sys.argv[1]); import fanin; print(fanin.repair(sys.argv[2], 'auto').text)"
    done = subprocess.run([sys.executable, "-c", script, str(blocker), str(spec)], capture_output=True, text=True)
    assert "@init(auto)" in done.stdout, done.stderr


CNN = """
@init(conv=he_normal, linear=he_normal, bias=zeros)
model Cnn()(image: [N, 1, 8, 8], words: int[N, T]) -> [N, 10] {
  a = image -> conv: Conv2d(64, 3, padding=1) -> relu -> flatten(1) -> fc: Linear(64)
  return (a + (words -> embed: Embedding(20, 64) -> mean(axis=1))) -> relu -> head: Linear(10)
}
"""


def test_a_real_batch_beside_the_prediction(tmp_path: Path) -> None:
    from sklearn.datasets import load_digits

    path, data = tmp_path / "cnn.arch", tmp_path / "batch.npz"
    path.write_text(CNN, encoding="utf-8")
    images = (load_digits().images[:64, None] / 16).astype(np.float32)
    np.savez(data, image=images, words=np.random.default_rng(0).integers(20, size=(64, 7)))
    code, out, err = run("signal", path, "--probe", data, "--json")
    assert code == 0, err
    rows = {r["path"]: r for r in json.loads(out)["rows"]}
    assert rows["image"]["mean"] == pytest.approx(float(images.mean()), rel=1e-6)
    assert rows["image"]["shape"] == [64, 1, 8, 8]
    for name in ("conv", "fc", "embed", "head"):
        seen = rows[name]["measured"]
        assert rows[name]["rms"] == pytest.approx(seen["rms"], rel=max(0.1, 3 * seen["rms_error"]))
    code, out, _ = run("signal", path, "--probe", data)
    assert "Cnn at N = 64, T = 7" in out and "rms / measured" in out


def test_a_batch_that_does_not_fit(tmp_path: Path) -> None:
    path, data = tmp_path / "cnn.arch", tmp_path / "batch.npz"
    path.write_text(CNN, encoding="utf-8")
    image, words = np.zeros((4, 1, 8, 8), np.float32), np.zeros((4, 3), np.int64)
    for arrays, said in (
        ({"image": image}, "has no array `words`, only image"),
        ({"image": image[:, :, :4], "words": words}, "axis 2 of `image` is 8, not 4"),
        ({"image": image, "words": words[:3]}, "not 3"),
        ({"image": image, "words": words.astype(np.float32)}, "holds float32"),
    ):
        np.savez(data, **arrays)
        code, _, err = run("signal", path, "--probe", data)
        assert code == 2 and said in err, err
    data.write_text("no archive", encoding="utf-8")
    assert "cannot be read as .npz" in run("signal", path, "--probe", data)[2]
    assert "cannot be read as .npz" in run("signal", path, "--probe", tmp_path / "none.npz")[2]
