"""Systems: what is measured, what trains what, and what can be asked for by name."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest
import torch

import fanin
from fanin import pipeline
from fanin.elaborate.program import elaborate_system
from fanin.ir.recipe import System
from fanin.ir.rules import NEEDED, OPTIMISERS
from fanin.report import NoSuchName
from fanin.source import Source

GAN = """
block Generator(latent: int)(z: [N, latent]) -> [N, 4] { return z -> fc: Linear(4) -> tanh }
block Critic()(x: [N, 4]) -> [N] { return x -> fc: Linear(1) -> squeeze(1) }

system Gan(latent: int = 8)(x: [N, 4]) {
  gen = Generator(latent)
  critic = Critic()
  slow = ema(gen, decay=0.9)
  fake = gen(randn(N, latent))
  loss d = mean(softplus(-critic(x))) + mean(softplus(critic(stop_gradient(fake))))
  loss g = mean(softplus(-critic(fake))) * ramp(0, 1, steps=10)
  metric real = mean(critic(x))
  sample = slow(randn(N, latent))
  opt = adam(lr=2e-4, betas=(0.5, 0.999))
  train critic on d with opt, clip(1.0)
  stage first for 2 epochs { train gen.fc on g with adamw(lr=1e-3), every(2), accumulate(4), cosine(warmup=5) }
  stage last(latent=16) for 100 steps { train critic on d with opt }
}
"""


def system_of(text: str, name: str = "Gan") -> System:
    unit = pipeline.load(Source("<string>", text), "<string>").units[0]
    system, problems, _ = elaborate_system(unit, name)
    assert system is not None, [p.headline for p in problems]
    return system


def codes(text: str) -> list[str]:
    return [d.code.id for d in pipeline.check_text(text).diagnostics]


def test_everything_that_is_measured_and_trained_is_kept() -> None:
    system = system_of(GAN)
    assert [(m.name, m.kind) for m in system.measures] == [("d", "loss"), ("g", "loss"), ("real", "metric")]
    (line,) = system.trains
    assert ([t.path for t in line.targets], line.loss, line.rule.name, line.clip) == (["critic"], "d", "adam", 1.0)
    assert line.rule["betas"] == (0.5, 0.999) and line.rule["eps"] == 1e-8
    first, last = system.stages
    assert (first.count, first.unit, last.count, last.unit, last.changes) == (
        2,
        "epochs",
        100,
        "steps",
        (("latent", 16),),
    )
    inner = first.trains[0]
    assert (inner.every, inner.accumulate, inner.targets[0].path) == (2, 4, "gen.fc")
    assert inner.schedule is not None and (inner.schedule.name, inner.schedule["warmup"]) == ("cosine", 5)
    assert last.trains[0].optimiser == line.optimiser != inner.optimiser
    (follower,) = system.followers
    assert (follower.path, follower.of, follower.kind, follower.rate) == ("slow", "gen", "ema", 0.9)
    (ramp,) = system.ramps
    assert (ramp.start, ramp.stop, ramp.steps) == (0.0, 1.0, 10)
    assert {"fake", "sample"} <= {name for name, _ in system.values}


def test_a_compiled_system_gives_its_measures_and_nothing_else_is_computed(tmp_path: Path) -> None:
    path = tmp_path / "gan.arch"
    path.write_text(GAN)
    model = fanin.load(str(path), "Gan")
    assert {name.split(".")[0] for name in model.state_dict()} == {"gen", "critic", "slow"}
    x = torch.randn(3, 4)
    out = model(x, torch.tensor(0.5))
    real = model.get_submodule("critic")(x)
    torch.testing.assert_close(out.real, real.mean())
    torch.testing.assert_close(out.d - out.d.detach(), torch.tensor(0.0))
    assert "slow(" not in fanin.source(str(path), "Gan").split("def forward")[-1]
    out.g.backward()
    assert model.get_submodule("gen.fc").weight.grad is not None
    assert all(not p.requires_grad for p in model.get_submodule("slow").parameters())


def test_a_value_of_a_system_is_an_entry_point_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "gan.arch"
    path.write_text(GAN)
    program = pipeline.elaborate(str(path), "Gan.fake")
    assert [str(r.value.type) for r in program.outputs] == ["[N, 4]"]
    assert [p.name for p in program.inputs] == ["x"]  # which tells the batch size
    assert fanin.load(str(path), "Gan.sample")(torch.zeros(5, 4)).shape == (5, 4)
    with pytest.raises(NoSuchName, match=r"Gan\.sample"):
        pipeline.elaborate(str(path), "Gan.smple")


@pytest.mark.parametrize("name", sorted(set(OPTIMISERS) - {"lars", "lamb"}))
def test_optimisers_have_torchs_arguments_and_defaults(name: str) -> None:
    kinds = {k.lower(): getattr(torch.optim, k) for k in dir(torch.optim) if inspect.isclass(getattr(torch.optim, k))}
    theirs = inspect.signature(kinds[name]).parameters
    for key, default in OPTIMISERS[name].items():
        assert default is not NEEDED and theirs[key].default == default, key


def test_the_gradient_is_followed_through_blocks_and_stops_where_it_is_told_to() -> None:
    wasted = GAN.replace("critic(stop_gradient(fake))", "critic(fake)").replace(
        "stage first", "train gen on g with sgd\n  stage first"
    )
    assert "SYS706" in codes(wasted)
    assert "SYS706" not in codes(GAN)
    lost = GAN.replace("mean(softplus(-critic(fake)))", "mean(softplus(-critic(stop_gradient(fake))))")
    assert "SYS704" in codes(lost)


def test_a_step_gives_no_gradient_back() -> None:
    text = """
model Net()(x: [N, 8]) -> [N, 4] { return CUT(x -> fc: Linear(4)) }
system S()(x: [N, 8]) {
  net = Net()
  loss l = mean(net(x) ** 2)
  train net on l with adam(lr=1e-3)
}
"""
    for cut in ("round", "sign", "floor", "zeros_like"):
        assert "SYS704" in codes(text.replace("CUT", cut)), cut
    for through in ("frac", "tanh", "abs"):
        assert "SYS704" not in codes(text.replace("CUT", through)), through


def test_what_a_system_hangs_on_is_reported_once() -> None:
    assert codes(GAN.replace("Critic()\n", "Critc()\n")) == ["NAM201"]
    assert codes(GAN.replace("loss d =", "loss d = nothing +")) == ["NAM201"]


def test_an_experiment_is_read_with_its_defaults() -> None:
    from fanin.elaborate.program import elaborate_experiment

    text = (
        GAN
        + """
prune Thin of Gan(latent=4) {
  remove to 5% in 12 rounds
  rate gen.fc: half, critic: 10%
  except critic.fc.bias
  floor 1%
  rewind to step 500
  compare reinit, random
  seeds 0..3
  measure d, steps_to(real, 0.5)
  expect real(round=9) - real(round=9, run=reinit) > 0.1
}
"""
    )
    unit = pipeline.load(Source("<string>", text), "<string>").units[0]
    thin, problems, _ = elaborate_experiment(unit, "Thin")
    assert thin is not None, problems
    assert (thin.criterion.name, thin.unit.name, thin.scope) == ("magnitude", "weight", "global")
    assert (thin.removal.kind, thin.removal.rate, thin.removal.rounds) == ("to", 0.05, 12)
    assert [(r.target.path, r.rate) for r in thin.rates] == [("gen.fc", None), ("critic", 0.1)]
    assert (thin.floor, thin.rewind, thin.controls, thin.seeds) == (
        0.01,
        ("step", 500),
        ("reinit", "random"),
        (0, 1, 2),
    )
    assert [m.name for m in thin.measures] == ["d", "steps_to"]
    assert thin.expected[0].test.op == ">" and thin.expected[0].test.left.right.args == (
        ("round", 9),
        ("run", "reinit"),
    )
    assert [dict(p.graph.hypers)["latent"] for p in [thin.of.program]] == [4]  # type: ignore[union-attr]
