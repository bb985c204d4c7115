"""What a system compiles to beside its networks: the stages of its training as data, and the class that takes steps.

The classes and functions are those of ``programs/training.py``, which is read as text and printed as far as it is used.
"""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from fanin.emit.torch.expressions import Lambda, Tree, layout
from fanin.emit.torch.expressions import Mapping as Dictionary
from fanin.emit.torch.names import Names, identifier
from fanin.ir.recipe import Follower, Phase, Setting, System, Train
from fanin.ir.reserved import MODULE_ATTRIBUTES
from fanin.ir.rules import OPTIMISERS, SCHEDULES
from fanin.ops import code as ops
from fanin.ops.code import Name

CLASSES = {
    "adadelta": "Adadelta",
    "adafactor": "Adafactor",
    "adagrad": "Adagrad",
    "adam": "Adam",
    "adamax": "Adamax",
    "adamw": "AdamW",
    "asgd": "ASGD",
    "lbfgs": "LBFGS",
    "muon": "Muon",
    "nadam": "NAdam",
    "radam": "RAdam",
    "rmsprop": "RMSprop",
    "rprop": "Rprop",
    "sgd": "SGD",
    "sparseadam": "SparseAdam",
}
OWN = {"lars": "Lars", "lamb": "Lamb"}


Methods = Mapping[int, str]  # by the id of the graph of a step, the name of its method


def name_steps(phases: Sequence[Phase]) -> dict[int, str]:
    """The methods of the kinds of steps: called after their losses, apart within a system."""
    taken: dict[int, Names] = {}
    named: dict[int, str] = {}
    for phase in phases:
        children = {child.path for child in phase.system.graph.children}
        names = taken.setdefault(id(phase.system), Names(MODULE_ATTRIBUTES | children))
        for step in phase.steps:
            if id(step.graph) not in named:
                words = dict.fromkeys(phase.lines[place].loss for place in step.due)
                named[id(step.graph)] = names.fresh(identifier("_".join(["step", *words])))
    return named


def training_parts(phases: Sequence[Phase], classes: Mapping[int, str], methods: Methods) -> Iterator[list[str]]:
    """The text after the classes of a system: what trains it, and ``training``. ``classes`` are by ids of systems."""
    data = list(_function(phases, classes, methods))
    yield from program_parts("\n".join(data), features_of(phases))
    yield data


def features_of(phases: Sequence[Phase]) -> frozenset[str]:
    """What of a training is used, and has to be printed."""
    lines = [line for phase in phases for line in phase.lines]
    systems = [phase.system for phase in phases]
    used = {
        "epochs": any(phase.stage is not None and phase.stage.unit == "epochs" for phase in phases),
        "growth": any(system is not systems[0] for system in systems),
        "followers": any(system.followers for system in systems),
        "taken": any(isinstance(f.rate, str) for system in systems for f in system.followers),
        "ramps": any(system.ramps for system in systems),
        "rate": any(line.schedule is not None for line in lines),
        "every": any(line.every != 1 for line in lines),
        "clip": any(line.clip is not None for line in lines),
        "decay": any(line.decay for line in lines),
        "accumulate": any(line.accumulate != 1 for line in lines),
        "updates": any(system.updates() for system in systems),
        "closure": any(line.rule.name == "lbfgs" for line in lines),
        "until": any(phase.stage is not None and phase.stage.until is not None for phase in phases),
    }
    return frozenset(name for name, is_used in used.items() if is_used)


def _function(phases: Sequence[Phase], classes: Mapping[int, str], methods: Methods) -> Iterator[str]:
    first = phases[0].system
    features = features_of(phases)
    given = "epoch: int" if "epochs" in features else "steps: int" if phases[0].stage is None else ""
    name = classes[id(first)]
    yield f"def training(system: {name}{f', *, {given}' if given else ''}) -> Training:"
    yield f'    """How a `{name}` is trained{", an epoch being so many steps" if "epochs" in features else ""}."""'
    grown = [phase.system is not (phases[i - 1].system if i else first) for i, phase in enumerate(phases)]
    stages = ops.Sequence(
        tuple(
            _stage(phase, methods, "epochs" in features, classes[id(phase.system)] if grows else "")
            for phase, grows in zip(phases, grown, strict=True)
        )
    )
    yield from (f"    {layout(stages, 4, 'stages = ')}").split("\n")
    keywords: list[tuple[str, Tree]] = []
    if first.followers:
        keywords.append(("followers", ops.Sequence(tuple(map(_follower, first.followers)))))
    if first.ramps:
        ramps = tuple(ops.Call("Ramp", (r.start, r.stop, r.steps)) for r in first.ramps)
        keywords.append(("ramps", ops.Sequence(ramps)))
    if moved := tuple(dict.fromkeys(node.state.name for node in first.updates() if _learned(first, node.state.name))):
        keywords.append(("by_hand", ops.Sequence(moved)))
    keywords += [("epoch", Name("epoch"))] if "epochs" in features else []
    yield from (
        f"    {layout(ops.Call('Training', (Name('system'), Name('stages')), tuple(keywords)), 4, 'return ')}"
    ).split("\n")


def _learned(system: System, name: str) -> bool:
    return any(state.name == name and state.kind == "param" for state in system.graph.states)


def _stage(phase: Phase, methods: Methods, units: bool, grown: str) -> Tree:
    stage = phase.stage
    name, count, unit = ("", Name("steps"), "steps") if stage is None else (stage.name, stage.count, stage.unit)
    called = tuple((ops.Sequence(step.due), methods[id(step.graph)]) for step in phase.steps)
    lines = ops.Sequence(tuple(map(_line, phase.lines)))
    given: tuple[Tree, ...] = (name, count, *([unit] if units else []), lines, Dictionary(called))
    return ops.Call("Stage", given, (("grown", Name(grown)),) if grown else ())


def _line(line: Train) -> Tree:
    keywords: list[tuple[str, Tree]] = []
    if line.schedule is not None:
        keywords.append(("rate", _rate(line.schedule)))
    keywords += [("every", line.every)] if line.every != 1 else []
    keywords += [("clip", line.clip)] if line.clip is not None else []
    keywords += [("decay", ops.Sequence(line.decay))] if line.decay else []
    keywords += [("accumulate", line.accumulate)] if line.accumulate != 1 else []
    targets = ops.Sequence(tuple(target.path for target in line.targets))
    return ops.Call("Line", (line.loss, targets, line.optimiser, _rule(line.rule)), tuple(keywords))


def _rule(setting: Setting) -> Tree:
    """``lambda weights: torch.optim.Adam(weights, lr=0.0002)``: what is not as in the class is said."""
    known = OPTIMISERS[setting.name]
    said = tuple((k, _value(v)) for k, v in setting.args if k == "lr" or v != known[k])
    called = OWN.get(setting.name) or f"torch.optim.{CLASSES[setting.name]}"
    return Lambda("weights", ops.Call(called, (Name("weights"),), said))


def _rate(setting: Setting) -> Tree:
    known = SCHEDULES[setting.name]
    said = tuple((k, _value(v)) for k, v in setting.args if v != known[k])
    name = setting.name
    if name == "step":
        name = "milestones" if setting["at"] else "staircase"
        where = "at" if name == "milestones" else "every"
        said = (
            (where, _value(setting[where])),
            ("factor", setting["factor"]),
            *((k, v) for k, v in said if k == "warmup"),
        )
    return Lambda("step, steps", ops.Call(name, (Name("step"), Name("steps")), said)) if said else Name(name)


def _follower(follower: Follower) -> Tree:
    rate = follower.rate
    if isinstance(rate, str):
        return ops.Call("Follower", (follower.path, follower.of), (("at", rate),))
    if follower.kind == "ema":
        return ops.Call("Follower", (follower.path, follower.of, 1 - rate))
    return ops.Call("Follower", (follower.path, follower.of), (("every", rate),))


def _value(value: Any) -> Tree:
    return ops.Sequence(tuple(value)) if isinstance(value, (list, tuple)) else value


# ------------------------------------------------------------------------------------------ what is printed beside it


_PART = re.compile(r" *# \[([\w, ]+)\]\Z")


@cache
def _text() -> str:
    with open(os.path.join(os.path.dirname(__file__), "programs", "training.py"), encoding="utf-8") as file:
        return file.read()


@cache
def program(features: frozenset[str]) -> dict[str, str]:
    """The functions and classes of ``programs/training.py``, by name, as far as some features are used.

    There a line ``# [clip]`` begins what only that feature needs, ``# [no clip]`` what stands for it, and
    ``# [always]`` ends both.
    """
    kept, wanted = [], True
    for line in _text().split("\n"):
        part = _PART.match(line)
        if part is None:
            kept += [line] if wanted else []
        else:
            words = part.group(1).split(", ")
            wanted = all(
                word == "always" or (word[3:] not in features if word.startswith("no ") else word in features)
                for word in words
            )
    text = "\n".join(kept)
    lines = text.split("\n")
    return {
        part.name: "\n".join(lines[part.lineno - len(part.decorator_list) - 1 : part.end_lineno])
        for part in ast.parse(text).body
        if isinstance(part, ast.FunctionDef | ast.ClassDef)
    }


def program_names() -> frozenset[str]:
    """All the names that a training may need, none of them free for what the author has named."""
    return frozenset(re.findall(r"^(?:def|class) (\w+)", _text(), re.MULTILINE)) | {"training"}


def program_parts(text: str, features: frozenset[str]) -> list[list[str]]:
    """The parts that a text calls, and those that these call, in their order."""
    parts = program(features)
    wanted: set[str] = set()
    todo = [text]
    while todo:
        tree = ast.parse(todo.pop())
        new = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id in parts} - wanted
        wanted |= new
        todo += [parts[name] for name in new]
    return [source.split("\n") for name, source in parts.items() if name in wanted]
