"""The table of ``fanin signal``: what is predicted at each place, what was measured beside it, and what it comes to."""

from __future__ import annotations

from collections.abc import Container, Sequence
from math import prod, sqrt

from fanin.ir.graph import Program
from fanin.signal.analysis import Analysis
from fanin.signal.measured import Measurement
from fanin.signal.rows import Row

_SUMS = ("add", "sub", "concat", "mul")
WIDTH = 120


def table(
    program: Program,
    analysis: Analysis,
    rows: Sequence[Row],
    measured: Measurement | None = None,
    *,
    everything: bool = False,
) -> str:
    """Aligned text: a row for each module with weights and each sum, or for all ops."""
    shown = [r for r in rows if everything or r.op in ("input", *_SUMS) or r.weights or r is rows[-1]]
    head = ["path", "op", "shape", "mean", "std", "grad std", "alike", "spread"]
    if measured is not None:
        head += ["rms / measured", "grad / measured"]
    lines = [head]
    notes: dict[str, int] = {}
    for row in shown:
        cells = [short(row.path), row.op, "×".join(map(str, row.shape)) or "1"]
        if row.rms is None:
            cells += ["?", "?", "?", "", ""]
            mark = _mark(row.why, notes)
        else:
            cells += [
                number(row.mean),
                number(row.std),
                number(row.grad_std),
                _share(row.alike),
                number(row.spread),
            ]
            mark = "".join(_mark(text, notes) for text in row.approx)
        if measured is not None:
            cells += _beside(row, measured)
        cells[0] += mark
        lines.append(cells)
    text = aligned(lines, left=(0, 1, 2))
    sizes = ", ".join(f"{s.name} = {n}" for s, n in analysis.sizes.items())
    title = f"{program.name}{f' at {sizes}' if sizes else ''}, {'training' if analysis.training else 'evaluation'}"
    out = [title, "", *(line.rstrip() for line in text), ""]
    out += [f"{chr(0x2460 + i - 1) if i <= 20 else f'({i})'} {note}" for note, i in notes.items()]
    if notes:
        out.append("")
    out += sums(rows)
    return "\n".join(out) + "\n"


def _mark(note: str, notes: dict[str, int]) -> str:
    number = notes.setdefault(note, len(notes) + 1)
    return f" {chr(0x2460 + number - 1)}" if number <= 20 else f" ({number})"


def aligned(lines: Sequence[Sequence[str]], left: Container[int]) -> list[str]:
    """Rows of cells as lines; columns of ``left`` begin where they begin, the others end where they end."""
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return [
        "  ".join(c.ljust(n) if i in left else c.rjust(n) for i, (c, n) in enumerate(zip(line, widths, strict=True)))
        for line in lines
    ]


def short(path: str) -> str:
    return path if len(path) <= 48 else "…" + path[-47:]


def number(value: float | None) -> str:
    return "" if value is None else "0" if abs(value) < 1e-12 else f"{value:.3g}"


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}".replace("-0.00", "0.00")


def _beside(row: Row, measured: Measurement) -> list[str]:
    seen = measured.of(row)
    if seen is None or row.rms is None:
        return ["", ""]
    cells = []
    for own, there, error in ((row.rms, seen.rms, seen.rms_error), (row.grad_std, seen.grad, seen.grad_error)):
        cells.append(f"{own / there:.3f} ±{error:.3f}" if own is not None and there else "")
    return cells


def sums(rows: Sequence[Row]) -> list[str]:
    """What it comes to from one end to the other."""
    told = [r for r in rows if r.rms is not None]
    weighted = [r for r in told if r.weights]
    out = []
    if len(weighted) > 1:
        first, last = weighted[0], weighted[-1]
        if first.rms and last.rms:
            out.append(f"activations  {last.rms / first.rms:.3g} times from {first.path} to {last.path}")
        grads = [r for r in weighted if r.grad_std]
        if len(grads) > 1:
            a, b = grads[0], grads[-1]
            out.append(f"gradients    {a.grad_std / b.grad_std:.3g} times from {b.path} back to {a.path}")  # type: ignore[operator]
    entry = next((r for r in rows if r.op == "input" and r.grad_std), None)
    if entry is not None and told and entry.grad_std is not None:
        gain = entry.grad_std * sqrt(prod(entry.shape) / max(prod(told[-1].shape), 1))
        out.append(f"Jacobian     root mean square of its singular values {gain:.3g}")
    if told and told[-1].spread:
        out.append(f"spread       of ln |output|² over draws of the weights {told[-1].spread:.3g}")
    unknown = sum(r.rms is None for r in rows)
    if unknown:
        out.append(f"unknown      {unknown} of {len(rows)} places")
    return out
