"""Small networks of every kind, side by side and alone: programs, joint graphs and all bits."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from fanin.pruning import stacked
from fanin.pruning.joint import Joint
from fanin.runtime import modes
from tests.unit.pruning.test_couplings import CASES
from tests.unit.pruning.test_stacked import all_of, alone, beside, joints_of, same, trainings

HEAD = re.compile(r"x: \[([^\]]*)\]\) -> \[")
NETS = {name: body for name, (body, _, _) in CASES.items() if HEAD.match(body) and "int" not in body.split("{")[0]}


@pytest.mark.parametrize("name", NETS)
def test_replicas_have_the_bits_of_a_training_alone(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stacked, "OFTEN", 1)
    match = HEAD.match(NETS[name])
    assert match is not None
    _, *rest = match[1].split(", ")
    shape = [int(size) if size.isdigit() else 5 for size in rest]
    path = tmp_path / "net.arch"
    path.write_text(
        f"model Net()({NETS[name]}\n"
        f"system Fit()(x: [{match[1]}]) {{\n"
        "  net = Net()\n"
        "  loss off = mean(square(net(x) - 0.3))\n"
        "  train net on off with adam(lr=0.01)\n"
        "}\n"
    )
    data = {"x": np.random.default_rng(0).normal(size=[16, *shape]).astype(np.float32)}
    given = {"data": data, "batch_size": 4, "val": 4, "masked": False}
    with modes.one_thread():
        wanted = alone(trainings(str(path), [1, 2, 3], **given))
        found = beside(trainings(str(path), [1, 2, 3], **given))
    assert all(same(all_of(a), all_of(b)) for a, b in zip(wanted, found, strict=True))
    joints = [joint for joint in joints_of(found[0]) if not isinstance(joint, int)]
    assert joints == [None] if "dropout" in NETS[name] else joints and all(isinstance(j, Joint) for j in joints)


def test_there_are_networks() -> None:
    assert len(NETS) >= 70
