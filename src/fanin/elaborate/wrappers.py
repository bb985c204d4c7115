"""``checkpoint(f)``, ``weight_norm(f)``, ``spectral_norm(f)``: a module with one thing changed, on its own path."""

from __future__ import annotations

from typing import Any

from fanin.diagnostics.codes import TYP401, TYP407
from fanin.elaborate.body import Body
from fanin.elaborate.construction import construct
from fanin.elaborate.context import refuse
from fanin.elaborate.instances import core_of
from fanin.elaborate.values import Argument, BlockConstructor, Instance, OpConstructor, Partial, Repetition, describe
from fanin.ops.contract import Op
from fanin.source import Span

NORMS = {"weight_norm": "weight", "spectral_norm": "spectral"}


def wrap(body: Body, name: str, args: tuple[Argument, ...], span: Span) -> Any:
    """The module itself, which remembers what it is wrapped in."""
    usage = f"write `{name}(Linear(8))`" if name in NORMS else f"write `{name}(Block(8))`"
    if len(args) != 1 or args[0].name:
        raise refuse(TYP407, f"`{name}` takes one module", span, "not one module", helps=[usage])
    made = args[0].value
    if isinstance(made, (OpConstructor, BlockConstructor)):
        made = construct(body, made, (), args[0].span, args[0].span)
    core = core_of(made)
    if core is None or not core.loose or core.copies:
        text = f"`{name}` is put around a module where it is made"
        raise refuse(TYP401, f"{text}, not around {describe(made)}", args[0].span, describe(made), helps=[usage])
    if name == "checkpoint":
        _checkpoint(core)
        return made
    if not isinstance(core.target, Op) or isinstance(made, Partial):
        text = f"`{name}` is for one module with a weight, and this is {describe(core)}"
        raise refuse(TYP401, text, args[0].span, describe(core), helps=["put it around the layers inside"])
    if "norm" in core.options:
        raise refuse(TYP401, "a weight is normed once", span, "normed already")
    core.options["norm"] = NORMS[name]
    return made


def _checkpoint(instance: Instance) -> None:
    """Of a repetition, every place of it."""
    if isinstance(instance.target, Repetition):
        core = core_of(instance.target.cell.value)
        if core is not None:
            _checkpoint(core)
        return
    instance.options["checkpoint"] = True
