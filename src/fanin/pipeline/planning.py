"""The plan of a ``prune`` → what each round costs: a bound for masks, the smaller network itself for whole units."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fanin.pipeline.shrinking import couple, shrink

if TYPE_CHECKING:
    from fanin.analyses.plan import Plan
    from fanin.analyses.plan_costs import Costs, RoundCost


def plan_costs(plan: Plan) -> Costs:
    """What is there after each round, and what it computes. No weights are made, and nothing is run."""
    from fanin.analyses.plan import STRUCTURED
    from fanin.analyses.plan_costs import masked_costs

    return _smaller(plan) if plan.unit in STRUCTURED else masked_costs(plan)


def _smaller(plan: Plan) -> Costs:
    """Of whole units: what the networks cost that are left without them, cut and written as `fanin shrink` does it."""
    from fanin.analyses.couplings.cut import Cut, CutError
    from fanin.analyses.plan_costs import Costs, dense, named_sizes
    from fanin.emit.arch import CannotWrite

    coupled = couple(plan.program)
    found: list[RoundCost | None] = []
    why = ""
    for place in range(plan.rounds + 1):
        gone = [ranking for ranking in plan.rankings if ranking.left[place] < ranking.total]
        if any(len(ranking.parts) > 1 for ranking in gone):
            found.append(None)
            why = "which units go hangs on the weights, where several parts are ranked together"
            continue
        keep = {ranking.parts[0].name: range(ranking.left[place]) for ranking in gone}
        try:
            cut = Cut(coupled, keep, approximate=True)
            found.append(dense(shrink(cut).program if keep else plan.program))
        except (CutError, CannotWrite) as error:
            found.append(None)
            why = str(error)
    return Costs(tuple(found), named_sizes(plan.program), real=True, why=why)
