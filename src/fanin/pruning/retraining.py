"""How rounds train where they do not train as the system does: other rules, another length, a rate that stays low."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from fanin.ir.experiment import Retrain
from fanin.ir.recipe import Phase, Train
from fanin.ir.rules import SCHEDULES
from fanin.systems.problems import RunFailed
from fanin.systems.settings import Settings


def retrained(phases: Sequence[Phase], retrain: Retrain) -> tuple[Phase, ...]:
    """The phases with the rules of a ``retrain``. Raises RunFailed where stages and its length contradict."""
    if retrain.count is not None and phases[0].stage is not None and len(phases) > 1:
        raise RunFailed(
            f"the {len(phases)} stages of `{phases[0].system.name}` say for how long a round trains",
            help="leave the length out of `retrain`",
        )
    found = []
    for phase in phases:
        stage = phase.stage
        if stage is not None and retrain.count is not None:
            stage = replace(stage, count=retrain.count, unit=retrain.unit or stage.unit)
        found.append(replace(phase, stage=stage, lines=tuple(_line(line, retrain) for line in phase.lines)))
    return tuple(found)


def _line(line: Train, retrain: Retrain) -> Train:
    given = {option.name: option for option in retrain.options}
    changes: dict[str, Any] = {}
    if retrain.rule is not None:
        changes = {"rule": retrain.rule, "schedule": None}
    for name in given.keys() & SCHEDULES.keys():
        changes["schedule"] = given[name]
    changes |= {"every": given["every"]["k"]} if "every" in given else {}
    changes |= {"clip": given["clip"]["norm"]} if "clip" in given else {}
    changes |= {"accumulate": given["accumulate"]["k"]} if "accumulate" in given else {}
    if "decay" in given:
        rule = changes.get("rule", line.rule)
        if not dict(rule.args).get("weight_decay"):
            raise RunFailed(f"`{rule.name}` has no weight decay here, and `decay` says for which weights it is",
                            help=f"write `{rule.name}(weight_decay=0.01)`")  # fmt: skip
        changes["decay"] = given["decay"]["paths"]
    return replace(line, **changes)


def settings_for(retrain: Retrain | None, settings: Settings, staged: bool) -> Settings:
    """The settings of a round: with its own length, where it has one and no stage says it."""
    if retrain is None or retrain.count is None or staged:
        return settings
    own = {"epochs": None, "steps": None} | {retrain.unit or "epochs": retrain.count}
    return replace(settings, **own)  # type: ignore[arg-type]


def at_the_end(training: Any) -> None:
    """Keep the learning rates of a training where its schedules end: what is fine-tuned goes on with them.

    Renda et al. 2020, "Comparing Rewinding and Fine-tuning in Neural Network Pruning", section 2.
    """
    if "rate" not in getattr(training.stages[0].lines[0], "_fields", ()):
        return
    training.stages = tuple(
        stage._replace(lines=tuple(line._replace(rate=_last(line.rate)) for line in stage.lines))
        for stage in training.stages
    )
    training.begin()


def _last(rate: Callable[[int, int], float]) -> Callable[[int, int], float]:
    return lambda step, steps: rate(max(steps - 1, 0), steps)
