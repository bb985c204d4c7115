"""The table of ``fanin show``: a model's signature, conditions, parts and totals as aligned text."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence

from fanin.analyses import cost, paths
from fanin.analyses.breakdown import Part, breakdown
from fanin.analyses.conditions import Explained, Sizes, example_sizes, explained
from fanin.analyses.reading import reached
from fanin.analyses.structure import structure
from fanin.emit.spelling import hypers, module, signature
from fanin.ir.dims import Dim, evaluate
from fanin.ir.graph import Program
from fanin.ir.unknown import Unknown

WIDTH = 120
_GAP = "  "


def table(program: Program, depth: int | None = None) -> str:
    """What ``fanin show`` prints. ``depth`` is how many levels of instances are opened."""
    sizes = example_sizes(program)
    sections = [
        _title(program),
        _conditions(program),
        _rows(program, depth, sizes),
        [*_totals(program, sizes, depth != 0), *_structure(program)],
    ]
    return "\n\n".join("\n".join(lines) for lines in sections if lines) + "\n"


def dump(program: Program, stage: str) -> str:
    """What a stage leaves behind, as text. Raises ValueError for a stage that there is not, naming those there are."""
    maker = _STAGES.get(stage)
    if maker is None:
        raise ValueError(f"there is no stage `{stage}`: {', '.join(_STAGES)}")
    return maker(program)


def _parsed(program: Program) -> str:
    from fanin.syntax.format import format_file
    from fanin.syntax.parser import parse

    file, _ = parse(program.graph.span.source)
    return format_file(file)


def _elaborated(program: Program) -> str:
    from fanin.emit.text import write_text

    return write_text(program)


_STAGES: dict[str, Callable[[Program], str]] = {"parse": _parsed, "elaborate": _elaborated}

# ------------------------------------------------------------------------------------------------------- sections


def _title(program: Program) -> list[str]:
    lines = [signature(program.graph)]
    if program.graph.hypers:
        lines.append(f"with {hypers(program.graph)}")
    return lines


def _conditions(program: Program) -> list[str]:
    found = explained(program)
    lines = ["where"] if found else []
    rows = aligned([_condition(one) for one in found]) if found else []
    for one, row in zip(found, rows, strict=True):
        lines.append(f"  {row}")
        if one.requirement.written and one.requirement.message:
            lines.append(f'    "{one.requirement.message}"')
    return lines


def _condition(found: Explained) -> tuple[str, str, str]:
    requirement = found.requirement
    examples = []
    if found.met is not None:
        examples.append(f"as for {_sizes(found.met)}")
    if found.broken is not None:
        examples.append(f"not for {_sizes(found.broken)}")
    where = f"{os.path.basename(requirement.span.source.name)}:{requirement.span.line}"
    text = str(found.condition) + (" (in training)" if requirement.training else "")
    return text, ", ".join(examples), where


def _sizes(sizes: Sizes) -> str:
    return ", ".join(f"{symbol.name}={size}" for symbol, size in sizes.items())


def _rows(program: Program, depth: int | None, sizes: Sizes | None) -> list[str]:
    rows: list[tuple[str, ...]] = []
    for part in breakdown(program, depth) if depth != 0 else ():
        rows.append(
            (
                part.path + (f" ×{part.count}" if part.count > 1 else ""),
                module(part.instance),
                ", ".join(map(str, part.outputs)),
                f"{part.weights.parameters:,}" if part.weights.parameters else "-",
                _amount(part.flops, sizes),
                _remarks(part),
            )
        )
    if not rows:
        return []
    inputs = [(p.name, "input", str(p.value.type), "", "", "") for p in program.inputs if p.value is not None]
    head = ("path", "module", "output", "parameters", "FLOPs", "")
    lines = aligned([head, *inputs, *rows], right=(3, 4), shrink=(1, 2, 0))
    lines.insert(1, "─" * max(map(len, lines)))
    return lines


def _remarks(part: Part) -> str:
    said = [part.role] if part.role else []
    said += [f"used {part.uses}×"] if part.uses > 1 else []
    said += [f"{name} is {key}" for name, key in part.tied]
    if part.weights.parameters and not part.weights.trainable:
        said.append("frozen")
    return ", ".join(said)


def _totals(program: Program, sizes: Sizes | None, with_rows: bool) -> list[str]:
    count, trainable, buffers = cost.parameters(program), cost.trainable(program), cost.buffers(program)
    frozen = "" if count == trainable else f", {trainable:,} of them trainable"
    others = sorted({graph.name for graph in reached(program.graph) if graph.kind == "extern"})
    besides = f", and what is in {', '.join(others)}" if others else ""
    rows = [("parameters", f"{count:,}{frozen}{besides}")]
    if buffers:
        rows.append(("buffers", f"{buffers:,}"))
    total = cost.flops(program)
    rows.append(("FLOPs", f"{total:,}" if isinstance(total, int) else str(total)))
    if not isinstance(total, int) and sizes is not None:
        above = ", as in the column above" if with_rows else ""
        rows.append(("", f"{evaluate(total, sizes):,} at {_sizes(sizes)}{above}"))
    rows += _memory(program, sizes)
    rows += [("tied", f"{entry.key} is {entry.tied}") for entry in paths.ties(program)]
    lines: list[str] = []
    for name, text in rows:
        first, *more = _wrapped(text, WIDTH - 12)
        lines.append(f"{name:<10}{_GAP}{first}")
        lines += [f"{'':<10}{_GAP}{line}" for line in more]
    return lines


def _structure(program: Program) -> list[str]:
    """What outputs see of inputs, which symmetries are proven, and how deep it is."""
    found = structure(program)
    rows = [("depth", f"{found.depth:,}" if isinstance(found.depth, int) else str(found.depth))]
    several = len({sight.output for sight in found.sights}) > 1
    for sight in found.sights:
        who = f"{sight.output} of {sight.input}" if several else sight.input
        rows.append(("sees" if sight is found.sights[0] else "", f"{who}: {sight}"))
    for i, symmetry in enumerate(found.symmetries):
        rows.append(("" if i else "symmetries", str(symmetry) + (", nothing changes" if symmetry.invariant else "")))
    return [f"{name:<10}{_GAP}{text}" for name, text in rows]


def _memory(program: Program, sizes: Sizes | None) -> list[tuple[str, str]]:
    """Bytes of activations, in the open dimensions and at the sizes of the column of operations."""
    found = cost.memory(program)
    rows: list[tuple[str, str]] = []
    for what, peaks in (("inference", found.inference), ("training", found.training)):
        head = "" if rows else "memory"
        if isinstance(peaks, Unknown):
            rows.append((head, f"{what} ?: {peaks.why}"))
        elif sizes is None:
            rows += [(head if i == 0 else "", f"{what} {peak} bytes") for i, peak in enumerate(peaks)]
        else:
            here = max(peaks, key=lambda peak: evaluate(peak, sizes))
            others = "" if len(peaks) == 1 else f", the largest there of {len(peaks)} moments"
            rows.append((head, f"{what} {here:,} bytes" if isinstance(here, int) else f"{what} {here} bytes"))
            at = f" at {_sizes(sizes)}" if sizes else ""
            rows.append(("", f"{binary(evaluate(here, sizes))}{at}{others}"))
    if not found.parameters:
        return rows
    held = f"parameters {binary(found.parameters + found.buffers)}, their gradients {binary(found.gradients)}"
    return [*rows, ("", f"besides: {held}; Adam keeps {binary(2 * found.gradients)}")]


def binary(n: int) -> str:
    """Bytes in three digits, in powers of 1024: ``1.52 GiB``."""
    x, unit = float(n), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB", "PiB"):
        if x < 999.5:
            break
        x, unit = x / 1024, larger
    return f"{x:.0f} {unit}" if unit == "B" or x >= 99.95 else f"{x:.1f} {unit}" if x >= 9.995 else f"{x:.2f} {unit}"


def _wrapped(text: str, width: int) -> list[str]:
    """The text in lines, broken before a sign where it is long."""
    lines, line = [], ""
    for i, term in enumerate(text.split(" + ")):
        piece = term if i == 0 else f" + {term}"
        if line and len(line) + len(piece) > width:
            lines.append(line)
            line = piece.strip()
        else:
            line += piece
    return [*lines, line]


# -------------------------------------------------------------------------------------------------------- columns


def _amount(d: Dim, sizes: Sizes | None) -> str:
    """Operations in three digits: ``118 M``; open where no example sizes are known."""
    if d == 0:
        return "-"
    if sizes is None and not isinstance(d, int):
        return "?"
    return short(evaluate(d, sizes or {}))


def short(n: int) -> str:
    """A number in three digits: ``8.18 G``."""
    x, unit = float(n), ""
    for larger in ("K", "M", "G", "T", "P"):
        if x < 999.5:
            break
        x, unit = x / 1000, larger
    digits = f"{x:.0f}" if x >= 99.95 or not unit else f"{x:.1f}" if x >= 9.995 else f"{x:.2f}"
    return f"{digits} {unit}".rstrip()


def aligned(rows: Sequence[Sequence[str]], right: Iterable[int] = (), shrink: Iterable[int] = ()) -> list[str]:
    """Columns under each other; those of ``shrink`` are cut, in that order, where a line would be too long."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for i in shrink:
        over = sum(widths) + len(_GAP) * (sum(1 for w in widths if w) - 1) - WIDTH
        if over > 0:
            widths[i] = max(widths[i] - over, min(widths[i], 20))
    to_right = set(right)
    lines = []
    for row in rows:
        cells = []
        for i, (cell, width) in enumerate(zip(row, widths, strict=True)):
            if width:
                text = cell if len(cell) <= width else cell[: width - 1] + "…"
                cells.append(f"{text:>{width}}" if i in to_right else f"{text:<{width}}")
        lines.append(_GAP.join(cells).rstrip())
    return lines
