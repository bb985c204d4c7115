"""Tasks that are drawn from a seed: small problems whose answer is known."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from fanin.data.address import Address
from fanin.data.problems import failure
from fanin.data.seeds import Random, legacy
from fanin.data.table import Data
from fanin.diagnostics.codes import DAT009
from fanin.record import record

Fields = dict[str, np.ndarray[Any, Any]]


__all__ = ["TASKS", "Fields", "Random", "Task", "Unfit", "open_task", "task"]


class Unfit(ValueError):
    """Options that don't go together: the first argument is the option, the second the message."""


@record(eq=False)
class Task:
    """A function of a generator and options, which are its arguments: whole numbers from 1, floats from 0."""

    name: str
    about: str
    make: Callable[..., Fields | Data]
    options: dict[str, Any]


TASKS: dict[str, Task] = {}


def task(about: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a function under its name. ``n`` is how many rows it makes, ``seed`` is taken out before."""

    def register(make: Callable[..., Any]) -> Callable[..., Any]:
        name = make.__name__
        parameters = list(inspect.signature(make).parameters.values())[1:]
        TASKS[name] = Task(name, about, make, {p.name: p.default for p in parameters})
        return make

    return register


def open_task(address: Address) -> Data:
    """The data of a task, the same for the same options and seed. Raises DataFailed."""
    found = TASKS[address.head]
    seed = address.integer("seed", 0, low=0)
    given = dict(address.options)
    values = {name: _value(address, name, default) for name, default in found.options.items()}
    address.done()
    try:
        made = found.make(legacy(seed, "task"), **values)
    except Unfit as error:
        option, text = error.args
        at = given[option].value_span if option in given else address.span
        raise failure(DAT009, f"{text}, not {values[option]}", at, "this") from None
    except MemoryError:
        raise failure(
            DAT009, f"so much of `{found.name}` does not fit into memory", address.whole, "too large"
        ) from None
    if isinstance(made, Data):
        return made
    lengths = list(dict.fromkeys(map(len, made.values())))
    streams = {name: lengths.index(len(array)) for name, array in made.items() if len(array) != lengths[0]}
    return Data(made, found.name, streams=streams)


def _value(address: Address, name: str, default: Any) -> Any:
    if isinstance(default, bool):
        return address.flag(name, default)
    if isinstance(default, int):
        return address.integer(name, default, low=min(1, default), high=10**8)
    if isinstance(default, float):
        return address.number(name, default)
    option = address.take(name)
    if option is None:
        return default
    if isinstance(default, tuple):  # numbers joined by `+`
        try:
            return tuple(type(default[0])(part) for part in option.text.split("+"))
        except ValueError:
            raise address.refuse(option, f"`{name}` is numbers joined by `+`, as in `{name}=1+4`") from None
    return option.text
