"""What running a prune promises: G1 to G13 of the issue, each on a network that is really trained."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from fanin.analyses.plan import plan
from fanin.pruning import criteria, rounds, trainer
from fanin.pruning.levels import Levels
from fanin.pruning.masks import Holder, keeps_zeros, masked, packed, unpacked
from fanin.pruning.ranking import weakest_gone, whole
from fanin.pruning.units import unit_of
from fanin.runtime import modes
from fanin.systems.problems import RunFailed
from fanin.systems.training import Loop
from tests.unit.pruning.experiments import NET, prune, spec

FIRST = "remove 20% each of 3 rounds"
RULES = [
    "sgd(lr=0.1)",
    "sgd(lr=0.1, momentum=0.9, weight_decay=1e-2)",
    "sgd(lr=0.1, momentum=0.9, nesterov=true), clip(1.0)",
    "adam(lr=0.01, weight_decay=1e-2)",
    "adamw(lr=0.01, weight_decay=0.1), clip(0.5)",
    "rmsprop(lr=0.01, momentum=0.9)",
]
KEYS = ("net.fc1.weight", "net.fc2.weight", "net.fc3.weight")


def of(path: str) -> Any:
    from fanin import pipeline

    return pipeline.plan_pruning(path)


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """As experiments have it: what a test computes beside them is to have the same bits."""
    with modes.one_thread():
        yield


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Loop, Any, Any]]:
    """The masked trainings of an experiment, with the masks and the point each began with."""
    seen: list[tuple[Loop, Any, Any]] = []
    before = trainer.Trainer.begin

    def begin(self: Any, loop: Loop, wanted: Any) -> None:
        seen.append((loop, wanted.masks, wanted.point))
        before(self, loop, wanted)

    monkeypatch.setattr(trainer.Trainer, "begin", begin)
    return seen


# ------------------------------------------------------------------------------------------------------------------ G1


@pytest.mark.parametrize("rule", RULES)
def test_g1_masked_weights_are_plus_zero_after_every_step(
    tmp_path: Path, rule: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = 0
    attach = Holder.attach

    def attached(self: Holder, training: Any) -> None:
        attach(self, training)

        def look(*_: Any) -> None:
            nonlocal looks
            looks += 1
            for words, pattern in self.weights:
                assert not words[pattern == 0].any()  # all bits, that of the sign too

        for optimiser in training.optimisers.values():
            optimiser.register_step_post_hook(look)

    monkeypatch.setattr(Holder, "attach", attached)
    found = prune(spec(tmp_path, "remove 50% each of 2 rounds\n  scope layer", rule))
    assert looks == 2 * 4 * 5  # rounds, epochs, batches
    ticket = found.tickets[0]
    for key in KEYS:
        gone = ~ticket.masks[-1][key]
        assert gone.any() and not ticket.weights[key][gone].view(torch.int32).any()
        assert not torch.equal(ticket.weights[key], ticket.start[key])


def test_g1_state_of_a_dense_training_and_an_infinite_gradient_bring_nothing_back(tmp_path: Path) -> None:
    path = spec(tmp_path, FIRST, "sgd(lr=0.1, momentum=0.9, weight_decay=1e-2)")
    loop = _loop(path)
    loop.training.lengths = [4]
    loop.go()  # momentum has built up
    weight = loop.system.get_parameter("net.fc1.weight")
    stays = torch.rand(weight.shape, generator=torch.Generator().manual_seed(1)) < 0.5
    holder = Holder(loop.system, {"net.fc1.weight": stays})
    before = loop.training.gradients

    def broken(loss: Tensor, weights: list[Any]) -> list[Any]:
        found = before(loss, weights)
        for w, slope in zip(weights, found, strict=True):
            if w is weight:
                slope[~stays] = torch.inf
        return found  # type: ignore[no-any-return]

    loop.training.gradients = broken
    holder.attach(loop.training)
    loop.training.stage, loop.training.lengths = 0, [50]
    loop.training.begin()
    moved = weight.detach().clone()
    loop.go()
    assert not weight[~stays].detach().view(torch.int32).any()
    assert torch.isfinite(weight).all() and not torch.equal(moved, weight)


def test_g1_what_is_held_is_held_for_any_bits() -> None:
    net = torch.nn.Linear(5, 1, bias=False)
    with torch.no_grad():
        net.weight.copy_(torch.tensor([[-1.0, torch.inf, torch.nan, -0.0, 2.0]]))
    Holder(net, {"weight": torch.tensor([[False, False, False, False, True]])}).apply()
    assert net.weight.detach().view(torch.int32).tolist() == [[0, 0, 0, 0, torch.tensor(2.0).view(torch.int32)]]


KEPT = [
    (torch.optim.SGD, {"lr": 0.3}),
    (torch.optim.SGD, {"lr": 0.3, "momentum": 0.9, "weight_decay": 0.1, "nesterov": True}),
    (torch.optim.SGD, {"lr": 0.3, "momentum": 0.9, "dampening": 1.5}),
    (torch.optim.Adam, {"lr": 0.3, "weight_decay": 0.1}),
    (torch.optim.Adam, {"lr": 0.3, "amsgrad": True, "eps": 1e-20}),
    (torch.optim.AdamW, {"lr": 0.3, "weight_decay": 3.3}),
]


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("kind, given", KEPT)
def test_g1_where_nothing_is_held_after_an_update_it_leaves_plus_zero(kind: Any, given: Any, fused: bool) -> None:
    weight = torch.nn.Parameter(torch.randn(67))
    gone = torch.arange(67) % 3 == 0
    optimiser = kind([weight], fused=fused, **given)
    with torch.no_grad():
        weight[gone] = 0.0
    for _ in range(5):
        assert keeps_zeros(optimiser)
        weight.grad = torch.randn(67).masked_fill(gone, 0.0)
        optimiser.step()
        assert not weight[gone].detach().view(torch.int32).any() and weight[~gone].all()
    for name, value in (("lr", torch.inf), ("weight_decay", 9.0), ("maximize", True), ("eps", 0.0)):
        other = kind([weight], **{**given, "lr": 0.3})
        other.param_groups[0][name] = value
        assert not keeps_zeros(other), name
    assert not keeps_zeros(torch.optim.RMSprop([weight]))


def test_g1_an_undefined_norm_brings_nothing_back(tmp_path: Path) -> None:
    """Clipping takes all gradients times nan, those that are +0.0 too."""
    loop = _loop(spec(tmp_path, FIRST, "sgd(lr=0.1), clip(1.0)"))
    weight = loop.system.get_parameter("net.fc1.weight")
    stays = torch.rand(weight.shape, generator=torch.Generator().manual_seed(1)) < 0.5
    before = loop.training.gradients
    loop.training.gradients = lambda loss, weights: [slope * torch.nan for slope in before(loss, weights)]
    Holder(loop.system, {"net.fc1.weight": stays}).attach(loop.training)
    loop.training.lengths = [1]
    loop.go()
    assert torch.isnan(weight[stays]).all() and not weight[~stays].detach().view(torch.int32).any()


# ------------------------------------------------------------------------------------------------------------------ G2


@pytest.mark.parametrize("scope", ["layer", "global"])
def test_g2_exactly_as_many_go_as_are_said_and_none_returns(tmp_path: Path, scope: str) -> None:
    found = prune(spec(tmp_path, f"remove 17% each of 5 rounds\n  scope {scope}\n  compare random, once"), epochs=1)
    masks = found.tickets[0].masks
    sizes = {"net.fc1.weight": 96, "net.fc2.weight": 128, "net.fc3.weight": 24}
    for key in KEYS:
        for earlier, later in pairwise(masks):
            assert not (later[key] & ~earlier[key]).any()

    def rounded(left: int) -> int:
        return left - int(Fraction(17, 100) * left + Fraction(1, 2))

    if scope == "layer":
        left = dict(sizes)
        for mask in masks:
            left = {key: rounded(n) for key, n in left.items()}
            assert {key: int(mask[key].sum()) for key in KEYS} == left
    else:
        total = sum(sizes.values())
        for mask in masks:
            total = rounded(total)
            assert sum(int(mask[key].sum()) for key in KEYS) == total
    rows = found.results.rows
    for r in rows:
        (ticket,) = (t for t in rows if (t.run, t.round) == ("ticket", r.round))
        assert r.left == ticket.left
        if r.run == "random":
            assert r.parts == ticket.parts


def test_g2_ties_go_by_path_and_place(tmp_path: Path) -> None:
    found = of(spec(tmp_path, "remove 20% each of 3 rounds"))
    draw = torch.Generator().manual_seed(3)
    for _ in range(20):
        stays = whole(found)
        for number in (1, 2, 3):
            scores = {n: torch.randint(0, 3, (len(s),), generator=draw).double() for n, s in stays.items()}
            before = [
                (float(scores[n][i]), place, i)
                for place, n in enumerate(stays)
                for i in range(len(stays[n]))
                if stays[n][i]
            ]
            left, names = found.rankings[0].left[number], list(stays)
            after = weakest_gone(found, [left], stays, scores)
            gone = {(place, i) for _, place, i in before if not after[names[place]][i]}
            assert gone == {(p, i) for _, p, i in sorted(before)[: len(before) - left]}
            stays = after


def test_g2_a_score_that_is_no_number_is_named(tmp_path: Path) -> None:
    found = of(spec(tmp_path, FIRST))
    stays = whole(found)
    scores = {name: torch.zeros(len(kept)) for name, kept in stays.items()}
    scores["net.fc2.weight"][5] = torch.nan
    with pytest.raises(RunFailed, match=r"net\.fc2\.weight"):
        weakest_gone(found, [10], stays, scores)


def test_masks_are_kept_as_bits() -> None:
    draw = torch.Generator().manual_seed(0)
    for shape in [(1,), (8,), (3, 5), (2, 3, 4)]:
        mask = torch.rand(shape, generator=draw) < 0.5
        bits = packed(mask)
        assert bits.numel() == -(-mask.numel() // 8) and torch.equal(unpacked(bits, shape), mask)


# ------------------------------------------------------------------------------------------------------------------ G3


@pytest.mark.parametrize("rewind", ["start", "epoch 2", "step 7"])
def test_g3_a_round_starts_from_exactly_what_was_stored(
    tmp_path: Path, rewind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[tuple[dict[str, Tensor], int, int, tuple[int, int], Tensor]] = []
    points: list[Any] = []
    firsts: list[Any] = []
    go, back = Loop.go, trainer.back

    def gone(self: Loop) -> None:
        state = {k: v.clone() for k, v in self.system.state_dict().items()}
        at = self.batches.epoch, self.batches.position
        begun.append((state, self.training.step, self.steps, at, torch.get_rng_state()))  # type: ignore[arg-type]
        go(self)

    def returned(loop: Loop, point: Any, masks: Any) -> None:
        points.append(point)
        firsts.append({k: v.clone() for k, v in point.weights.items()})
        back(loop, point, masks)

    monkeypatch.setattr(Loop, "go", gone)
    monkeypatch.setattr(trainer, "back", returned)
    found = prune(spec(tmp_path, f"{FIRST}\n  rewind to {rewind}"))
    masks = found.tickets[0].masks
    assert len({id(p) for p in points}) == 1 and all(same(f, points[0].weights) for f in firsts)
    steps = {"start": 0, "epoch 2": 10, "step 7": 7}[rewind]
    for (state, step, done, at, random), mask in zip(begun[1:], masks, strict=True):
        assert same(state, masked(points[0].weights, mask))
        assert (step, done) == (steps, steps)
        assert at == {"start": (0, 0), "epoch 2": (1, 5), "step 7": (1, 2)}[rewind]
        assert torch.equal(random, points[0].random[0]["cpu"])
    alone = _loop(spec(tmp_path, FIRST))  # the same place, come to by a training that nothing was pruned of
    alone.training.lengths = [max(steps, 1)]
    if steps:
        alone.go()
    state = alone.system.state_dict()
    assert same({k: v.clone() for k, v in state.items()}, points[0].weights)
    assert "net.norm.running_mean" in points[0].weights


def test_g3_a_rewound_round_with_nothing_masked_is_the_rest_of_the_dense_training(tmp_path: Path) -> None:
    """Without state in the optimiser, going back to step 7 and on is what would have happened anyway."""
    path = spec(tmp_path, f"{FIRST}\n  rewind to step 7", "sgd(lr=0.1), cosine(warmup=3)")
    work = _work(path)
    one = trainer.Trainer(work, 0, Levels(None))
    dense = one.run(trainer.Wanted("ticket", 0, {}, {}, None)).point
    point = one.levels.point("rewind")
    assert dense is not None and point is not None and point.steps == 7
    again = one.ready(trainer.Wanted("ticket", 1, {}, {}, point))
    again.go()
    assert same(dense.weights, dict(again.system.state_dict()))
    assert dense.steps == again.steps == 20


# ------------------------------------------------------------------------------------------------------------- G4, G11


def test_g4_the_same_numbers_give_the_same_bits_alone_and_in_company(tmp_path: Path) -> None:
    clauses = f"{FIRST}\n  compare reinit, random\n  seeds SEEDS"
    one = prune(spec(tmp_path, clauses.replace("SEEDS", "3")))
    torch.manual_seed(99)
    torch.rand(7)
    many = prune(spec(tmp_path, clauses.replace("SEEDS", "2..5")))
    assert same(one.tickets[3].weights, many.tickets[3].weights)
    assert [r for r in many.results.rows if r.seed == 3] == one.results.rows
    assert not same(many.tickets[2].weights, many.tickets[3].weights)


def test_g4_threads_outside_are_as_before(tmp_path: Path) -> None:
    torch.set_num_threads(2)
    prune(spec(tmp_path, "by snip\n  remove 50% at once"), epochs=1)
    assert torch.get_num_threads() == 2


@pytest.mark.parametrize("name", ["magnitude", "random", "snip", "grasp", "synflow", "taylor", "wanda", "l2"])
def test_g11_scoring_changes_nothing(tmp_path: Path, name: str) -> None:
    path = spec(tmp_path, FIRST)
    loop = _loop(path)
    before = copy.deepcopy(loop.system.state_dict()), [m.training for m in loop.system.modules()]
    asks, random = [w.requires_grad for w in loop.system.parameters()], torch.get_rng_state()
    unit = unit_of(of(path), loop.system)
    found = criteria.scores(name, {"samples": 32}, loop, unit, 1)
    assert all(f.dtype == torch.float64 and bool(torch.isfinite(f).all()) for f in found.values())
    assert same(before[0], loop.system.state_dict()) and before[1] == [m.training for m in loop.system.modules()]
    assert asks == [w.requires_grad for w in loop.system.parameters()]
    assert torch.equal(random, torch.get_rng_state()) and all(w.grad is None for w in loop.system.parameters())
    assert (loop.batches.epoch, loop.batches.position) == (0, 0)


# ------------------------------------------------------------------------------------------------------------------ G7


def test_g7_a_layer_that_collapses_is_named_before_its_round_is_trained(
    tmp_path: Path, watched: list[tuple[Loop, Any, Any]]
) -> None:
    path = spec(tmp_path, "remove 60% each of 3 rounds\n  floor 30%")
    with pytest.raises(RunFailed, match=r"collapses: .*floor"):
        prune(path, epochs=1)
    assert not watched  # a floor that is broken for certain: nothing was trained
    with pytest.raises(RunFailed, match=r"`net\.fc\d\.weight` collapses: in round \d of seed 0"):
        prune(spec(tmp_path, "remove 60% each of 2 rounds\n  floor 15%"), epochs=1)


# ------------------------------------------------------------------------------------------------------------------ G9


def test_g9_what_would_change_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunFailed, match="rewind to step 20, and the training has 20"):
        prune(spec(tmp_path, f"{FIRST}\n  rewind to epoch 4"))
    with pytest.raises(RunFailed, match="blocks of 5 by 4 do not fill"):
        prune(spec(tmp_path, f"{FIRST}\n  unit block(5, 4)"))
    with pytest.raises(RunFailed, match="held out data"):
        prune(spec(tmp_path, f"{FIRST}\n  measure steps_to(accuracy, 0.9)"), val=0.0)


# ----------------------------------------------------------------------------------------------------------------- G10


TIED = """\
model Net()(x: [N, 6]) -> [N, 3] {
  enc = Linear(6)
  return x -> enc -> relu -> enc -> relu -> fc: Linear(3)
}
"""


def test_g10_a_layer_used_twice_is_pruned_once(tmp_path: Path) -> None:
    net = TIED + NET[NET.index("\nsystem") :]
    found = prune(spec(tmp_path, "remove 50% at once", net=net))
    ticket = found.tickets[0]
    assert list(ticket.masks[0]) == ["net.enc.weight", "net.fc.weight"]
    assert found.results.rows[0].total == 36 + 18
    assert not ticket.weights["net.enc.weight"][~ticket.masks[0]["net.enc.weight"]].any()


# ----------------------------------------------------------------------------------------------------------------- G13


def test_g13_test_rows_choose_nothing(tmp_path: Path) -> None:
    """Other numbers in the rows that are held out for the end change what is measured there, and nothing else."""
    from fanin import pipeline
    from fanin.systems import run
    from tests.unit.pruning.experiments import points

    path = spec(tmp_path, FIRST)
    settings = {"epochs": 3, "batch_size": 20, "val": 0.2, "test": 0.2, "monitor": "ce", "device": "cpu"}
    found = []
    split = run.parts_of
    for change in (False, True):

        def parts_of(*args: Any, change: bool = change) -> Any:
            parts = split(*args)
            if change:
                parts["test"] = parts["train"]
            return parts

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(run, "parts_of", parts_of)
            found.append(pipeline.prune(path, None, points(), out=None, hyper={}, watch=None, settings=settings))
    assert same(found[0].tickets[0].weights, found[1].tickets[0].weights)
    assert found[0].results.rows[-1].measures != found[1].results.rows[-1].measures


# ------------------------------------------------------------------------------------------------------------ controls


def test_controls_are_what_they_are_called(tmp_path: Path, watched: list[tuple[Loop, Any, Any]]) -> None:
    found = prune(spec(tmp_path, f"{FIRST}\n  scope layer\n  compare reinit, random, once, dense"))
    runs = [(r.run, r.round) for r in found.results.rows if r.round]
    by_run = dict(zip(runs, watched, strict=True))
    ticket, once = found.results.rows[1], next(r for r in found.results.rows if (r.run, r.round) == ("once", 1))
    assert ticket.measures == once.measures  # the first round is the same thing
    for place in (1, 2, 3):
        _, own, _ = by_run["ticket", place]
        assert same(by_run["reinit", place][1], own)  # the mask of the ticket
        drawn = by_run["random", place][1]
        assert {k: int(m.sum()) for k, m in drawn.items()} == {k: int(m.sum()) for k, m in own.items()}
        assert not same(drawn, own)
    ends = [by_run["reinit", p][0].system.state_dict() for p in (1, 2)]
    start = found.tickets[0].start
    assert not torch.equal(ends[0]["net.fc1.weight"] != 0, ends[1]["net.fc1.weight"] != 0)
    assert start["net.fc1.weight"].abs().max() > 0


def test_new_weights_have_the_distribution_of_the_old_ones(tmp_path: Path) -> None:
    work = _work(spec(tmp_path, FIRST))
    one = trainer.Trainer(work, 0, Levels(None))
    loop = one.loop()
    before = {k: v.clone() for k, v in loop.system.state_dict().items()}
    one.redrawn(loop, 1)
    after = loop.system.state_dict()
    for key in KEYS:
        assert not torch.equal(before[key], after[key])
        assert abs(float(after[key].std() / before[key].std()) - 1) < 0.35
    again = one.loop()
    one.redrawn(again, 1)
    assert same(after, again.system.state_dict())


# ---------------------------------------------------------------------------------------------- what rounds go on from


def test_fine_tuning_and_learning_rate_rewinding_go_on_with_the_weights(
    tmp_path: Path, watched: list[tuple[Loop, Any, Any]]
) -> None:
    rule = "sgd(lr=0.1), linear()"
    rates: dict[str, list[float]] = {}
    for kind in ("none", "rate"):
        watched.clear()
        found = prune(spec(tmp_path, f"{FIRST}\n  rewind {kind}", rule))
        first, second = watched[0], watched[1]
        end = first[0].system.state_dict()
        assert same(dict(second[2].weights), dict(end))  # the second round has the weights the first ended with
        line = second[0].training.stages[0].lines[0]
        rates[kind] = [line.rate(step, 20) for step in (0, 10, 19)]
        assert found.results.rows[-1].round == 3
    assert rates["rate"][0] == 1.0 and rates["rate"][0] > rates["rate"][1] > rates["rate"][2]
    assert rates["none"] == [rates["rate"][2]] * 3


def test_rounds_train_by_rules_of_their_own(tmp_path: Path, watched: list[tuple[Loop, Any, Any]]) -> None:
    prune(spec(tmp_path, f"{FIRST}\n  retrain for 2 epochs with sgd(lr=0.05), clip(1.0)"))
    for loop, _, _ in watched:
        assert loop.steps == 10
        assert isinstance(loop.training.optimisers[0], torch.optim.SGD)
        assert loop.training.stages[0].lines[0].clip == 1.0


def _work(path: str) -> trainer.Work:
    made: list[trainer.Work] = []

    class Stop(Exception):
        pass

    def caught(self: Any, plan: Any, work: trainer.Work, *rest: Any) -> None:
        made.append(work)
        raise Stop

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rounds.Rounds, "__init__", caught)
        with pytest.raises(Stop):
            prune(path)
    return made[0]


def _loop(path: str) -> Loop:
    return trainer.Trainer(_work(path), 0, Levels(None)).loop()


def test_the_plan_is_kept(tmp_path: Path) -> None:
    path = spec(tmp_path, "remove to 10% in 4 rounds\n  rate net.fc3: half\n  except net.fc1")
    found = prune(path, epochs=1)
    assert plan(found.plan.experiment).left == tuple(r.left for r in found.results.rows)
    assert "net.fc1.weight" not in found.tickets[0].masks[0]


# -------------------------------------------------------------------------------------------------- units and criteria


def test_pruned_gradually_while_it_trains(tmp_path: Path, watched: list[tuple[Loop, Any, Any]]) -> None:
    """Each round begins where the last ended, with less and less that goes."""
    clauses = "remove gradually to 20% in 4 rounds\n  rewind none\n  retrain for 2 epochs"
    found = prune(spec(tmp_path, clauses, "sgd(lr=0.05, momentum=0.9)"))
    left = [row.left for row in found.results.rows]
    total = found.results.rows[0].total
    densities = [sum(n.values()) / total if isinstance(n, dict) else n / total for n in left]
    assert densities == pytest.approx([1.0, 0.5375, 0.3, 0.2125, 0.2], abs=2 / total)
    assert [loop.steps for loop, _, _ in watched] == [2 * 5] * 4
    assert [loop.batches.epoch for loop, _, _ in watched] == [5, 7, 9, 11]  # the data went on


def test_two_of_four_stay_in_every_row(tmp_path: Path) -> None:
    clauses = "unit nm(2, 4)\n  remove 50% at once\n  except net.fc1\n  compare random"
    ticket = prune(spec(tmp_path, clauses), epochs=1).tickets[0]
    for key in ("net.fc2.weight", "net.fc3.weight"):
        groups = ticket.masks[0][key].reshape(-1, 4)
        assert (groups.sum(1) == 2).all()


def test_blocks_go_whole(tmp_path: Path) -> None:
    clauses = "unit block(4, 4)\n  remove 50% at once\n  except net.fc1, net.fc3"
    mask = prune(spec(tmp_path, clauses), epochs=1).tickets[0].masks[0]["net.fc2.weight"]
    sums = mask.reshape(2, 4, 4, 4).sum((1, 3))
    assert sorted(sums.flatten().tolist()) == [0] * 4 + [16] * 4


@pytest.mark.parametrize("criterion", ["magnitude", "l2", "taylor", "snip", "random"])
def test_neurons_go_with_all_that_is_theirs(tmp_path: Path, criterion: str) -> None:
    clauses = f"by {criterion}\n  unit neuron\n  scope layer\n  remove 25% each of 2 rounds\n  compare random"
    ticket = prune(spec(tmp_path, clauses)).tickets[0]
    w, mask = ticket.weights, ticket.masks[-1]
    dead = (w["net.fc1.weight"] == 0).all(1)
    assert int(dead.sum()) == 7  # 16, 12, 9
    for key in ("net.fc1.bias", "net.norm.weight", "net.norm.bias"):
        assert torch.equal(w[key] == 0, dead) and not mask[key][dead].any()
    assert (w["net.fc2.weight"][:, dead] == 0).all()
    from fanin import api

    small = api.shrink(of(spec(tmp_path, clauses)).program, net=w)
    assert small.weights is not None and small.weights["net.fc1.weight"].shape == (9, 6)


def test_scores_are_those_of_their_papers(tmp_path: Path) -> None:
    """By derivatives of a loss written down here, and by numbers: what removing a weight does."""
    path = spec(tmp_path, FIRST)
    loop = _loop(path)
    plan_ = of(path)
    unit = unit_of(plan_, loop.system)
    loop.system.double()
    loop.batches.dtype = torch.float64
    batch = next(iter(_rows(loop, 32)))
    loop.system.eval()

    def loss() -> Tensor:
        found: Tensor = torch.nn.functional.cross_entropy(loop.system.net(batch["x"]), batch["y"])
        return found

    weights = [loop.system.get_parameter(key) for key in KEYS]
    slopes = torch.autograd.grad(loss(), weights)
    products = {k: (w * g).detach().flatten() for k, w, g in zip(KEYS, weights, slopes, strict=True)}
    snip = criteria.scores("snip", {"samples": 32}, loop, unit, 1)
    taylor = criteria.scores("taylor", {"samples": 32}, loop, unit, 1)
    grasp = criteria.scores("grasp", {"samples": 32}, loop, unit, 1)
    for key in KEYS:
        torch.testing.assert_close(snip[key], products[key].abs())
        torch.testing.assert_close(taylor[key], products[key].square())

    def flow() -> float:
        return float(sum(g.square().sum() for g in torch.autograd.grad(loss(), weights)))

    weight = weights[2].detach()
    for i in (0, 3, 10, 23):
        place = divmod(i, 8)
        before, step = weight[place].clone(), 1e-4
        weight[place] = before * (1 - step)
        less = flow()
        weight[place] = before * (1 + step)
        more = flow()
        weight[place] = before
        lost = (more - less) / (2 * step) / 2  # of half the squared norm, for the whole weight
        assert float(grasp["net.fc3.weight"][i]) == pytest.approx(lost, rel=1e-4, abs=1e-9)


def _rows(loop: Loop, count: int) -> Any:
    from fanin.data.loader import Batches

    own: Any = loop.batches
    return Batches(own.data, count, seed=own.seed, dtype=torch.float64)


def test_synflow_is_conserved_and_does_not_collapse(tmp_path: Path) -> None:
    """What flows through each layer is the same sum (Tanaka et al. 2020, theorem 1, without biases and norms)."""
    net = NET.replace(" -> norm: BatchNorm1d()", "").replace("(16)", "(16, bias=false)")
    net = net.replace("Linear(8)", "Linear(8, bias=false)").replace("Linear(3)\n", "Linear(3, bias=false)\n")
    path = spec(tmp_path, "by synflow\n  remove 95% at once", net=net)
    loop = _loop(path)
    found = criteria.scores("synflow", {"rounds": 100}, loop, unit_of(of(path), loop.system), 1)
    sums = [float(s.sum()) for s in found.values()]
    assert sums[0] > 0 and sums == pytest.approx([sums[0]] * 3, rel=1e-9)
    ticket = prune(path, epochs=1).tickets[0]
    paths = ticket.masks[0]["net.fc1.weight"].double()
    for key in KEYS[1:]:
        paths = ticket.masks[0][key].double() @ paths
    assert paths.sum() > 0
    assert sum(int(m.sum()) for m in ticket.masks[0].values()) == 248 - 236


def test_what_follows_is_masked_with_it_and_what_nothing_trains_is_left(tmp_path: Path) -> None:
    net = NET.replace("  logits =", "  slow = ema(net, decay=0.9)\n  aux = Net()\n  logits =")
    net = net.replace("logits = net(x)", "logits = net(x) + slow(x) * 0.0 + aux(x) * 0.0")
    found = prune(spec(tmp_path, "remove 50% each of 2 rounds\n  scope layer", net=net))
    ticket = found.tickets[0]
    assert set(found.results.rows[0].parts) == set(KEYS)
    for key in KEYS:
        slow = key.replace("net.", "slow.")
        gone = ~ticket.masks[-1][key]
        assert not ticket.weights[slow][gone].view(torch.int32).any() and ticket.weights[slow][~gone].all()
        assert ticket.weights[key.replace("net.", "aux.")].all()
