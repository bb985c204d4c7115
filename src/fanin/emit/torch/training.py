"""What a system compiles to beside its networks: the stages of its training as data, and the class that takes steps.

The classes and functions are those of ``programs/training.py``, which is read as text and printed as far as it is used.
"""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

from fanin.emit.torch.expressions import Lambda, Mapping, Tree, layout
from fanin.emit.torch.names import Names, identifier
from fanin.ir.graph import Graph
from fanin.ir.recipe import Follower, Setting, Stage, System, Train
from fanin.ir.rules import OPTIMISERS, SCHEDULES
from fanin.ops import code as ops
from fanin.ops.code import Name
from fanin.record import record
from fanin.rewrites.training_step import training_step

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


@record
class Steps:
    """The methods of a system for the lines that are due together: for each stage (or the whole) by their numbers."""

    graphs: tuple[tuple[str, Graph], ...]  # name of the method, and what it computes
    stages: tuple[tuple[Stage | None, tuple[Train, ...], tuple[tuple[tuple[int, ...], str], ...]], ...]


def plan_steps(system: System, names: Names) -> Steps:
    """A method for each set of lines that can be due at one step."""
    parts: list[tuple[Stage | None, tuple[Train, ...]]]
    parts = [(stage, stage.trains or system.trains) for stage in system.stages] or [(None, system.trains)]
    graphs: dict[tuple[Any, ...], tuple[str, Graph]] = {}
    stages = []
    for stage, lines in parts:
        methods = []
        for due in due_together(lines):
            chosen = tuple(lines[i] for i in due)
            key = tuple((line.loss, line.targets) for line in chosen)
            if key not in graphs:
                words = "_".join(["step", *dict.fromkeys(line.loss for line in chosen)])
                graphs[key] = (names.fresh(identifier(words)), training_step(system, chosen))
            methods.append((due, graphs[key][0]))
        stages.append((stage, lines, tuple(methods)))
    return Steps(tuple(graphs.values()), tuple(stages))


def due_together(lines: Sequence[Train]) -> list[tuple[int, ...]]:
    """The sets of lines that are due at the same step, as steps go by; more than 4,096 steps are not looked at."""
    from math import lcm

    found: dict[tuple[int, ...], None] = {}
    for step in range(1, 1 + min(4096, lcm(*(line.every for line in lines)) if lines else 0)):
        due = tuple(i for i, line in enumerate(lines) if step % line.every == 0)
        if due:
            found[due] = None
    return list(found)


def training_parts(system: System, steps: Steps, class_name: str) -> Iterator[list[str]]:
    """The text after the class of a system, in parts: the classes that it needs, and ``training``."""
    data = list(_function(system, class_name, steps))
    yield from _needed("\n".join(data))
    yield data


def _function(system: System, class_name: str, steps: Steps) -> Iterator[str]:
    staged = bool(system.stages)
    counted = any(stage.unit == "epochs" for stage in system.stages)
    given = "epoch: int" if counted else "" if staged else "steps: int"
    head = f"def training(system: {class_name}{f', *, {given}' if given else ''}) -> Training:"
    yield head
    yield f'    """How a `{class_name}` is trained{", an epoch being so many steps" if counted else ""}."""'
    stages = ops.Sequence(tuple(_stage(*part) for part in steps.stages))
    yield from (f"    {layout(stages, 4, 'stages = ')}").split("\n")
    args: list[Tree] = [Name("system"), Name("stages")]
    if system.followers or system.ramps:
        args.append(ops.Sequence(tuple(_follower(f) for f in system.followers)))
    if system.ramps:
        args.append(ops.Sequence(tuple(ops.Call("Ramp", (r.start, r.stop, r.steps)) for r in system.ramps)))
    keywords = (("epoch", Name("epoch")),) if counted else ()
    yield from (f"    {layout(ops.Call('Training', tuple(args), keywords), 4, 'return ')}").split("\n")


def _stage(stage: Stage | None, lines: tuple[Train, ...], methods: tuple[tuple[tuple[int, ...], str], ...]) -> Tree:
    name, count, unit = ("", Name("steps"), "steps") if stage is None else (stage.name, stage.count, stage.unit)
    called = tuple((ops.Sequence(due), method) for due, method in methods)
    return ops.Call("Stage", (name, count, unit, ops.Sequence(tuple(map(_line, lines))), Mapping(called)))


def _line(line: Train) -> Tree:
    keywords: list[tuple[str, Tree]] = []
    if line.schedule is not None:
        keywords.append(("rate", _rate(line.schedule)))
    keywords += [("every", line.every)] if line.every != 1 else []
    keywords += [("clip", line.clip)] if line.clip is not None else []
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
        said = tuple((k, v) for k, v in said if k != "factor") + (("factor", setting["factor"]),)
    return Lambda("step, steps", ops.Call(name, (Name("step"), Name("steps")), said)) if said else Name(name)


def _follower(follower: Follower) -> Tree:
    if follower.kind == "ema":
        return ops.Call("Follower", (follower.path, follower.of, 1 - follower.rate))
    return ops.Call("Follower", (follower.path, follower.of), (("every", follower.rate),))


def _value(value: Any) -> Tree:
    return ops.Sequence(tuple(value)) if isinstance(value, (list, tuple)) else value


# ------------------------------------------------------------------------------------------ what is printed beside it


@cache
def _program() -> dict[str, str]:
    """The functions and classes of ``programs/training.py``, by name."""
    with open(os.path.join(os.path.dirname(__file__), "programs", "training.py"), encoding="utf-8") as file:
        text = file.read()
    lines = text.split("\n")
    return {
        part.name: "\n".join(lines[part.lineno - 1 : part.end_lineno])
        for part in ast.parse(text).body
        if isinstance(part, ast.FunctionDef | ast.ClassDef)
    }


def _needed(text: str) -> list[list[str]]:
    """The parts that a text names, and those that these name, in their order."""
    program = _program()
    wanted: set[str] = set()
    todo = [text]
    while todo:
        words = set(re.findall(r"\w+", todo.pop()))
        new = {name for name in program if name in words} - wanted
        wanted |= new
        todo += [program[name] for name in new]
    return [source.split("\n") for name, source in program.items() if name in wanted]


