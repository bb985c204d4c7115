"""``fanin search``: ranges as they are written, the table, the document, and what is refused."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from random import Random
from typing import Any

import pytest
from click.testing import CliRunner, Result

from fanin.cli.app import app
from fanin.cli.ranges import parse_range
from fanin.systems.search import Uniform

SPEC = """
block Net(hidden: int)(x: [N, 4]) -> [N, 3] {
  assert hidden % 4 == 0, "hidden units come in fours"
  return x -> fc1: Linear(hidden) -> relu -> fc2: Linear(3)
}

system Fit(hidden: int = 8, rate: float = 1e-2)(x: [N, 4], label: int[N]) {
  net = Net(hidden)
  loss ce = cross_entropy(net(x), label)
  train net on ce with sgd(lr=rate)
}
"""


@pytest.fixture
def spec(tmp_path: Path) -> str:
    path = tmp_path / "fit.arch"
    path.write_text(SPEC)
    return str(path)


def search(spec: str, *words: str) -> Result:
    held = [] if "--folds" in words else ["--val", "30"]
    given = ["--data", "iris:scale=standard", *held, "--steps", "3", "--monitor", "ce"]
    return CliRunner().invoke(app, ["search", f"{spec}:Fit", *given, *words])


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("width=8..64", ("width", range(8, 65))),
        ("rate=1e-4..1e-1", ("rate", Uniform(1e-4, 1e-1))),
        ("rate=1e-4..1e-1:log", ("rate", Uniform(1e-4, 1e-1, log=True))),
        ("width=8..512:log", ("width", Uniform(8, 512, log=True, whole=True))),
        ("p=0..0.5", ("p", Uniform(0, 0.5))),
        ("shift=-2..2", ("shift", range(-2, 3))),
        ("act=[relu, gelu]", ("act", ["relu", "gelu"])),
        ("p=[0.1, none, (3, 3)]", ("p", [0.1, None, (3, 3)])),
    ],
)
def test_a_range_as_it_is_written(text: str, wanted: Any) -> None:
    assert parse_range(text) == wanted


@pytest.mark.parametrize(
    "text",
    ["width", "width=8", "width=8..", "width=..8", "width=9..8", "rate=0..1:log", "rate=1e-4..1e-1:exp", "act=[]",
     "act=a..b", "8..9", "w=1...3", "w=(3, 4)"],
)  # fmt: skip
def test_what_is_no_range_is_refused(spec: str, text: str) -> None:
    found = search(spec, "--range", text)
    assert found.exit_code == 2
    assert "Error: Invalid value for '--range'" in found.stderr


def test_whole_numbers_by_their_logarithms() -> None:
    random, draw = Random(0), Uniform(4, 256, log=True, whole=True)
    values = [draw.draw(random) for _ in range(4000)]
    assert all(isinstance(v, int) for v in values)
    assert {min(values), max(values)} == {4, 256}
    assert 0.47 < sum(v < 32 for v in values) / len(values) < 0.53  # 32 is the middle of the logarithms


def test_the_best_stands_first_and_the_refused_say_why(spec: str) -> None:
    found = search(spec, "--range", "rate=1e-3..1:log", "--range", "hidden=[8, 10]", "--trials", "6", "--seed", "1")
    assert found.exit_code == 0, found.output
    head, line, *rows = found.stdout.splitlines()
    assert head.split() == ["trial", "rate", "hidden", "ce", "refused"]
    assert set(line) == {"─"}
    scores = [row.split()[3] for row in rows]
    numbers = [float(score) for score in scores if score != "-"]
    assert numbers == sorted(numbers)
    assert 0 < len(numbers) < 6
    assert all((row.split()[2] == "10") == ("EXP502: this does not hold: hidden units" in row) for row in rows)
    assert [line.split()[0] for line in found.stderr.splitlines()[:6]] == [f"{i}/6" for i in range(1, 7)]
    advice = shlex.split(found.stderr.splitlines()[-1].removeprefix("the best: "))
    assert advice[:3] == ["fanin", "train", f"{spec}:Fit"]
    rate = float(advice[4].removeprefix("rate="))
    assert f"{rate:.4g}" == rows[0].split()[1]


def test_the_document_has_every_score(spec: str) -> None:
    found = search(spec, "--range", "rate=[0.1, 0.2]", "--folds", "3", "--trials", "4", "--json", "-p", "hidden=4")
    assert found.exit_code == 0, found.output
    document = json.loads(found.stdout)
    assert (document["monitor"], document["highest"], len(document["trials"])) == ("ce", False, 4)
    assert {len(t["scores"]) for t in document["trials"]} == {3}
    best = document["trials"][document["best"] - 1]
    assert best["score"] == min(t["score"] for t in document["trials"])
    assert best["score"] == pytest.approx(sum(best["scores"]) / 3)
    assert not found.stderr


def test_folds_show_how_far_their_scores_are_apart(spec: str) -> None:
    found = search(spec, "--range", "rate=[0.1]", "--folds", "3", "--trials", "1")
    assert re.search(r"^trial +rate +ce +±$", found.stdout, re.MULTILINE)


def test_a_loss_that_is_not_finite_ends_a_trial_and_not_the_search(spec: str) -> None:
    found = search(spec, "--range", "rate=[0.1, 1e30]", "--trials", "6", "--json")
    trials = json.loads(found.stdout)["trials"]
    assert {t["values"]["rate"]: t["refused"] is None for t in trials} == {0.1: True, 1e30: False}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "it is not said what to draw"),
        (("--range", "rate=[0.1]", "--monitor", "cee"), "`cee` is no measure of `Fit`"),
        (("--range", "rate=[0.1]", "--data", "no-such"), "no-such"),
        (("--range", "rate=[0.1]", "--folds", "3", "--val", "9"), "each fold is held out in its turn"),
    ],
)
def test_what_cannot_be_begun_is_said_once(spec: str, words: tuple[str, ...], said: str) -> None:
    found = search(spec, *words)
    assert found.exit_code in (1, 2)
    assert said in found.stderr
    assert "1/" not in found.stderr


def test_a_search_in_which_nothing_trains_fails(spec: str) -> None:
    found = search(spec, "--range", "hiden=[4, 8]", "--trials", "2")
    assert found.exit_code == 1
    assert "did you mean `hidden`" in found.stdout or "`hiden`" in found.stdout
    assert found.stderr.endswith("no trial was trained\n")
