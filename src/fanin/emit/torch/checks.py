"""What a model checks on entry: its declared types in one condition for each input, and its conditions on sizes."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from random import Random

from fanin.emit.torch.expressions import WIDTH, flat
from fanin.emit.torch.names import identifier
from fanin.emit.torch.statements import Lines
from fanin.ir.conditions import Compare, Condition, change, compares, holds, render_condition
from fanin.ir.conditions import symbols_in as condition_symbols
from fanin.ir.dims import Dim, Poly, Symbol, expand, ordered
from fanin.ir.graph import Port
from fanin.ir.poly import Floor
from fanin.ir.requirements import Requirement
from fanin.ir.types import DType

_WRONG_KIND = {
    DType.FLOAT: "not {x}.is_floating_point()",
    DType.COMPLEX: "not {x}.is_complex()",
    DType.BOOL: "{x}.dtype != torch.bool",
    DType.INT: "{x}.dtype not in (torch.long, torch.int)",
}


def wrong_kind(kind: DType, name: str) -> str:
    """The condition that an input is of another kind."""
    return _WRONG_KIND[kind].format(x=name)


def check_inputs(ports: Sequence[Port]) -> list[Lines]:
    """A check of kind, rank and fixed sizes for each input, and that a letter is one size throughout."""
    seen: dict[Poly, str] = {}
    checks: list[Lines] = []
    for port in ports:
        if port.value is None:
            continue
        name, kind = identifier(port.name), port.value.type
        tests = [wrong_kind(kind.dtype, name), f"{name}.dim() != {kind.rank}"]
        fixed = [(axis, size) for axis, size in enumerate(kind.shape) if isinstance(size, int)]
        if fixed and len(fixed) == kind.rank:
            shape = ", ".join(str(size) for size in kind.shape)
            tests[1] = f"{name}.shape != ({shape}{',' if kind.rank == 1 else ''})"
        else:
            tests += _fixed_sizes(name, kind.shape)
        for axis, size in enumerate(kind.shape):
            if isinstance(size, Poly) and len(size.symbols()) == 1 and size == next(iter(size.symbols())).poly:
                here = f"{name}.shape[{axis}]"
                other = seen.setdefault(size, here)
                if other != here:
                    tests.append(f"{here} != {other}")
        wanted = f"{kind.dtype.value}[{', '.join(str(size) for size in kind.shape)}]"
        text = _escaped(f"{port.name} must be {wanted}, not ") + f"{{{name}.dtype}} {{list({name}.shape)}}"
        checks.append(Lines((*_if(tests, "or"), *_raise(text))))
    return checks


def _fixed_sizes(name: str, shape: Sequence[Dim]) -> list[str]:
    """Tests of the sizes that are numbers, neighbours in one: ``x.shape[1:] != (3, 224, 224)``."""
    tests: list[str] = []
    axis = 0
    while axis < len(shape):
        end = axis
        while end < len(shape) and isinstance(shape[end], int):
            end += 1
        if end - axis == 1:
            tests.append(f"{name}.shape[{axis}] != {shape[axis]}")
        elif end > axis:
            stop = "" if end == len(shape) else str(end)
            start = str(axis) if axis else ""
            tests.append(f"{name}.shape[{start}:{stop}] != ({', '.join(str(size) for size in shape[axis:end])})")
        axis = max(end, axis + 1)
    return tests


def _if(tests: list[str], word: str) -> list[str]:
    line = f"if {f' {word} '.join(tests)}:"
    if len(line) + 8 <= WIDTH:
        return [line]
    return ["if (", f"    {tests[0]}", *(f"    {word} {test}" for test in tests[1:]), "):"]


def check_requirements(requirements: Sequence[Requirement], letter: Callable[[Symbol], str]) -> list[Lines]:
    """The conditions of a model on its open dimensions, each with its reason and the sizes found."""
    checks: dict[str, Lines] = {}
    conditions = [change(requirement.condition, expand) for requirement in requirements]
    usual = [c for r, c in zip(requirements, conditions, strict=True) if r.training and not r.written]
    telling = _strictest(usual)
    earlier: list[Condition] = []
    for requirement, condition in zip(requirements, conditions, strict=True):
        if requirement.training and not requirement.written and condition not in telling:
            continue
        nothing = [Compare("==", divisor, 0) for divisor in _may_be_zero(condition, earlier)]
        test = " or ".join(render_condition(c, letter, True) for c in (*nothing, condition.negated()))
        earlier += [] if requirement.training else [condition]
        if requirement.training:
            test = f"self.training and {test if isinstance(condition, Compare) and not nothing else f'({test})'}"
        reason = requirement.message.strip().rstrip(".")
        if not requirement.written:
            # What follows are sizes in the letters of some block further in.
            reason = reason.split(", and [")[0]
        message = _sentence(condition, letter) + (f": {_escaped(reason)}" if reason else "")
        if test not in checks:
            checks[test] = Lines((*_if([test], ""), *_raise(message)))
    return list(checks.values())


def _may_be_zero(condition: Condition, earlier: Sequence[Condition]) -> list[Dim]:
    """What a condition divides by that is 0 at some sizes which the conditions before let through."""
    sides = [d for c in compares(condition) for d in (c.left, c.right) if isinstance(d, Poly)]
    floors = [atom for d in sides for atom in d.atoms() if isinstance(atom, Floor)]
    found: list[Dim] = []
    for divisor in dict.fromkeys(floor.den for floor in floors):
        if not isinstance(divisor, Poly):
            continue
        known = [c for c in earlier if condition_symbols(c) & divisor.symbols()]
        symbols = ordered(frozenset(divisor.symbols()).union(*map(condition_symbols, known)))
        for sizes in _samples(symbols, 200):
            if holds(Compare("==", divisor, 0), sizes) and all(holds(c, sizes) for c in known):
                found.append(divisor)
                break
    return found


def _samples(symbols: Sequence[Symbol], count: int) -> list[dict[Symbol, int]]:
    """Sizes, many of them small, and the same each time."""
    chance = Random(0)
    return [{s: chance.choice((1, 1, 2, 3, chance.randint(1, 64))) for s in symbols} for _ in range(count)]


def _strictest(conditions: Sequence[Condition]) -> list[Condition]:
    """The conditions that tell of the others too, as far as sizes that were tried show.

    PyTorch itself refuses what a batch norm cannot train on; a line for each of fifty of them would say no more.
    """
    symbols = ordered(frozenset().union(*map(condition_symbols, conditions)))
    broken: dict[int, Condition] = {}
    samples = _samples(symbols, 48)
    for condition in conditions:
        fails = sum(1 << i for i, sizes in enumerate(samples) if not holds(condition, sizes))
        broken.setdefault(fails, condition)
    return [c for fails, c in broken.items() if not any(fails & other == fails and fails != other for other in broken)]


def _raise(message: str) -> list[str]:
    """Raises a ValueError with the text of an f-string, over as many lines as it takes."""
    line = f'    raise ValueError(f"{message}")'
    if len(line) + 8 <= WIDTH:
        return [line]
    if len(message) + 19 <= WIDTH:
        return ["    raise ValueError(", f'        f"{message}"', "    )"]
    pieces = [""]
    for word in re.split(r"(?<= )", message):
        if len(pieces[-1]) + len(word) > WIDTH - 20 and _balanced(pieces[-1]):
            pieces.append("")
        pieces[-1] += word
    quoted = [f'f"{p}"' if "{" in p or "}" in p else f'"{p}"' for p in pieces]
    return ["    raise ValueError(", *(f"        {piece}" for piece in quoted), "    )"]


def _balanced(text: str) -> bool:
    return text.count("{") == text.count("}")


def _sentence(condition: Condition, letter: Callable[[Symbol], str]) -> str:
    """``H must be a multiple of 32, not {H}``, as the text of an f-string."""
    symbols = ordered(condition_symbols(condition))
    sizes = " and ".join(f"{_escaped(s.name)} = {{{letter(s)}}}" for s in symbols)
    if len(symbols) == 1:
        name, size = _escaped(symbols[0].name), f"{{{letter(symbols[0])}}}"
        text = render_condition(condition)
        multiple = text.removeprefix(f"{symbols[0].name} % ").removesuffix(" == 0")
        if multiple.isdigit():
            return f"{name} must be a multiple of {multiple}, not {size}"
        least = text.removeprefix(f"{symbols[0].name} >= ")
        if least.isdigit():
            return f"{name} must be at least {least}, not {size}"
        most = text.removeprefix(f"{symbols[0].name} <= ")
        if most.isdigit():
            return f"{name} must be at most {most}, not {size}"
    return f"{_escaped(render_condition(condition))} does not hold for {sizes}"


def _escaped(text: str, *, braces: bool = True) -> str:
    """Text inside a string literal in double quotes, of an f-string where ``braces`` are doubled."""
    inner = ascii(text)[1:-1]
    # `ascii` leaves the quote it did not choose unescaped.
    inner = inner.replace("\\'", "'").replace('"', '\\"') if '\\"' not in inner else inner
    return inner.replace("{", "{{").replace("}", "}}") if braces else inner


__all__ = ["check_inputs", "check_requirements", "flat"]
