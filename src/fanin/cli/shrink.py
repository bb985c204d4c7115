"""``fanin shrink``: the spec and the weights of a network after a cut."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from fanin.cli import exits, files, options
from fanin.cli.output import err, out, write_json
from fanin.cli.target import Target
from fanin.cli.values import Value

if TYPE_CHECKING:
    from fanin.analyses.couplings import Coupled
    from fanin.analyses.couplings.cut import Cut
    from fanin.pipeline.shrinking import Smaller


@click.command("shrink", short_help="Take channels, units and heads out, and write the smaller spec.")
@options.target
@options.hyper
@click.option(
    "--keep",
    metavar="PATH=SHARE",
    multiple=True,
    help="How much of a group stays: `layer1.*.conv1=50%` or `fc1=32`; `*` is one level. The last that matches counts.",
)
@click.option(
    "--weights", metavar="FILE", help="Weights: what has the smallest goes. Without --keep: what is all zero."
)
@click.option("--save", metavar="FILE", help="Where to write the weights that stay (.safetensors, .pt).")
@click.option("--align", type=click.IntRange(min=1), default=1, help="Round what stays up to a multiple of this.")
@click.option("--uniform", is_flag=True, help="Cut equal places of a repetition alike, so that it stays one.")
@click.option("--approximate", is_flag=True, help="Cut as well where more changes than what goes, such as a mean.")
@options.output("Where to write the smaller spec. Without it, it is printed.")
@options.as_json
def command(
    target: Target,
    hyper: dict[str, Value],
    keep: tuple[str, ...],
    weights: str | None,
    save: str | None,
    align: int,
    uniform: bool,
    approximate: bool,
    output: str | None,
    as_json: bool,
) -> None:
    """Write a network without some of its channels, units or heads as a spec of its own.

    With neither --keep nor --weights, the groups are listed: entries of weights that can only be cut together, and
    what a cut of them means next to the same network with zeros there.
    """
    from fanin import pipeline
    from fanin.analyses.couplings.cut import CutError

    path, name = target
    program = pipeline.elaborate(path, name, hyper)
    coupled = pipeline.couple(program, uniform=uniform)
    if not keep and weights is None:
        write_json(_groups(path, coupled)) if as_json else out(_table(coupled))
        return
    if save is not None and weights is None:
        raise exits.Failure("--save needs the weights that something stays of: give --weights")
    try:
        cut, state = _cut(coupled, keep, weights, align, approximate)
    except CutError as error:
        raise exits.Failure(str(error)) from None
    made = _written(cut, _header(path, program.name, cut))
    text, small = made.spec, made.program
    if save is not None:
        _save(cut, state, save)
    counts = [sum(_numel(e.type.shape) for e in p.parameters) for p in (program, small)]
    if as_json:
        kept = {group.name: list(stays) for group, stays in cut.groups}
        document: dict[str, Any] = {"file": path, "model": program.name, "grade": str(cut.grade), "kept": kept}
        write_json(document | {"parameters": counts, "output": output, "spec": None if output else text})
    elif output is None:
        out(text)
    if output is not None:
        files.write_text(output, text)
    if not as_json:
        err(f"{counts[0]:_} to {counts[1]:_} parameters, {cut.grade}{f'; wrote {output}' if output else ''}\n")


def _cut(
    coupled: Coupled, keep: tuple[str, ...], weights: str | None, align: int, approximate: bool
) -> tuple[Cut, Any]:
    from fanin.analyses.couplings.cut import Cut
    from fanin.analyses.couplings.wanted import counts, wanted

    numbers = counts(coupled, map(wanted, keep), align, approximate)
    if weights is None:
        return Cut(coupled, {name: range(count) for name, count in numbers.items()}, approximate), None
    from fanin.pruning.shrinking import WrongWeights, alive, read_weights, strongest

    try:
        state = read_weights(weights)
        chosen = strongest(coupled, state, numbers) if keep else alive(coupled, state, align, approximate)
    except OSError as error:
        raise exits.Failure(f"{weights}: {error.strerror or error}") from None
    except WrongWeights as error:
        raise exits.Failure(str(error)) from None
    return Cut(coupled, chosen, approximate), state


def _written(cut: Cut, header: str) -> Smaller:
    from fanin import pipeline
    from fanin.emit.arch import CannotWrite

    try:
        return pipeline.shrink(cut, header)
    except CannotWrite as error:
        raise exits.Failure(f"there is no way yet to write {error} as text") from None


def _header(path: str, name: str, cut: Cut) -> str:
    """What it was made of, so that it can be told again."""
    from hashlib import sha256

    parent = sha256(files.read(path).text.encode()).hexdigest()[:16]
    gone = sum(group.size - len(stays) for group, stays in cut.groups)
    made = sha256(repr([(group.name, stays) for group, stays in cut.groups]).encode()).hexdigest()[:16]
    lines = [
        f"# {name} of {path} (sha256 {parent}) without {gone} entries of {len(cut.groups)} groups (cut {made}).",
        f"# Next to {name} with zeros there, its results are {cut.grade}.",
    ]
    return "\n".join(lines) + "\n\n"


def _save(cut: Cut, state: Any, save: str) -> None:
    from fanin.pruning.shrinking import WrongWeights, shrink_state, write_weights

    try:
        small = shrink_state(cut, state)
    except WrongWeights as error:
        raise exits.Failure(str(error)) from None
    with files.replacing(save) as temporary:
        write_weights(temporary, small, save)


def _numel(shape: tuple[Any, ...]) -> int:
    total = 1
    for size in shape:
        total *= size
    return total


def _groups(path: str, coupled: Coupled) -> dict[str, Any]:
    found = [
        {
            "name": g.name,
            "size": g.size,
            "grade": str(g.grade),
            "members": [{"key": m.key, "axis": m.axis, "role": m.role} for m in g.members],
            "notes": list(g.notes),
        }
        for g in (*coupled.groups, *coupled.fixed)
    ]
    return {"file": path, "model": coupled.program.name, "groups": found}


def _table(coupled: Coupled) -> str:
    from fanin.emit.table import aligned

    rows = [("group", "entries", "cut", "weights", "")]
    for g in (*coupled.groups, *coupled.fixed):
        more = f" and {len(g.notes) - 1} more" if len(g.notes) > 1 else ""
        keys = len({m.key for m in g.members})
        rows.append((g.name, str(g.size), str(g.grade), str(keys), f"{g.notes[0]}{more}" if g.notes else ""))
    return "".join(f"{line.rstrip()}\n" for line in aligned(rows, right=(1, 3)))
