"""Line charts as SVG text, for pages: colours are those of the page's style, and every number is a tooltip."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from html import escape

from fanin.record import record

WIDTH, HEIGHT = 760, 330
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 108, 16, 46
_APART = 15  # of names at the ends of lines
_TICK = 54  # of numbers on the horizontal axis, at least


@record
class Point:
    """A place of a line; ``spread`` is half the height of the band there, ``note`` what its tooltip says."""

    x: float
    y: float
    spread: float = 0.0
    note: str = ""


@record
class Line:
    """Points from left to right, drawn in the colour of a ``tone``; ``flat`` without marks, broken."""

    name: str
    tone: str
    points: tuple[Point, ...]
    flat: bool = False


@record
class Axis:
    """What is along an axis; ``ticks`` where they are not to be chosen, ``says`` a number as text."""

    title: str
    says: Callable[[float], str]
    ticks: tuple[float, ...] = ()
    log: bool = False
    turned: bool = False  # the largest first


def chart(name: str, title: str, description: str, lines: Sequence[Line], across: Axis, up: Axis) -> str:
    """An ``<svg>``; ``name`` is what its ids begin with. Empty where there is nothing to draw."""
    lines = [line for line in lines if line.points]
    if not lines:
        return ""
    xs = [p.x for line in lines for p in line.points] + list(across.ticks)
    lows = [p.y - p.spread for line in lines for p in line.points]
    highs = [p.y + p.spread for line in lines for p in line.points]
    ticks = up.ticks or round_numbers(min(lows), max(highs))
    x = _scale(across, min(xs), max(xs), _LEFT + 8, WIDTH - _RIGHT)
    y = _scale(up, min(*ticks, *lows), max(*ticks, *highs), HEIGHT - _BOTTOM, _TOP)
    parts = [
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-labelledby="{name}-title {name}-desc">',
        f'<title id="{name}-title">{escape(title)}</title>',
        f'<desc id="{name}-desc">{escape(description)}</desc>',
        *_grid(across, up, ticks, x, y),
        *(_band(line, x, y) for line in lines if any(p.spread for p in line.points)),
        *(_line(line, x, y) for line in lines),
        *_names(lines, x, y),
        "</svg>",
    ]
    return "\n".join(part for part in parts if part)


def round_numbers(low: float, high: float, count: int = 5) -> tuple[float, ...]:
    """About so many multiples of 1, 2 or 5 times a power of ten, from at or below ``low`` to at or above ``high``."""
    span = (high - low) or abs(high) or 1.0
    step = 10.0 ** math.floor(math.log10(span / count))
    step = next(step * m for m in (1, 2, 5, 10) if span / (step * m) <= count)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return tuple(i * step for i in range(first, max(last, first + 1) + 1))


def _scale(axis: Axis, low: float, high: float, start: float, end: float) -> Callable[[float], float]:
    """From numbers to places, ``low`` at ``start``."""

    def of(value: float) -> float:
        return math.log(value) if axis.log else value

    first, last = (of(high), of(low)) if axis.turned else (of(low), of(high))
    return lambda value: start + (end - start) * ((of(value) - first) / ((last - first) or 1.0))


def _grid(
    across: Axis, up: Axis, ticks: Sequence[float], x: Callable[[float], float], y: Callable[[float], float]
) -> list[str]:
    right, bottom = WIDTH - _RIGHT, HEIGHT - _BOTTOM
    parts = []
    for tick in ticks:
        at = y(tick)
        parts.append(f'<line class="rule" x1="{_LEFT}" x2="{right}" y1="{at:.1f}" y2="{at:.1f}"/>')
        parts.append(
            f'<text class="tick" x="{_LEFT - 8}" y="{at + 4:.1f}" text-anchor="end">{escape(up.says(tick))}</text>'
        )
    before = math.inf
    for tick in sorted(across.ticks, key=x, reverse=True):  # the last one is said in any case
        if before - x(tick) >= _TICK:
            before = x(tick)
            parts.append(f'<line class="rule" x1="{before:.1f}" x2="{before:.1f}" y1="{bottom}" y2="{bottom + 4}"/>')
            parts.append(
                f'<text class="tick" x="{before:.1f}" y="{bottom + 17}" text-anchor="middle">'
                f"{escape(across.says(tick))}</text>"
            )
    middle = (_LEFT + right) / 2
    parts.append(f'<text class="axis" x="{middle}" y="{HEIGHT - 8}" text-anchor="middle">{escape(across.title)}</text>')
    place = (_TOP + bottom) / 2
    turned = f"translate(14 {place}) rotate(-90)"
    parts.append(f'<text class="axis" transform="{turned}" text-anchor="middle">{escape(up.title)}</text>')
    return parts


def _band(line: Line, x: Callable[[float], float], y: Callable[[float], float]) -> str:
    over = [(x(p.x), y(p.y + p.spread)) for p in line.points]
    under = [(x(p.x), y(p.y - p.spread)) for p in reversed(line.points)]
    places = " ".join(f"{a:.1f},{b:.1f}" for a, b in (*over, *under))
    return f'<polygon class="band {line.tone}" points="{places}"/>'


def _line(line: Line, x: Callable[[float], float], y: Callable[[float], float]) -> str:
    places = " ".join(f"{x(p.x):.1f},{y(p.y):.1f}" for p in line.points)
    drawn = f'<polyline class="line {line.tone}{" flat" if line.flat else ""}" points="{places}"/>'
    if line.flat:
        return drawn
    marks = "".join(
        f'<circle class="mark {line.tone}" cx="{x(p.x):.1f}" cy="{y(p.y):.1f}" r="3.2">'
        f"<title>{escape(p.note or line.name)}</title></circle>"
        for p in line.points
    )
    return drawn + marks


def _names(lines: Sequence[Line], x: Callable[[float], float], y: Callable[[float], float]) -> list[str]:
    """The names of lines beside their ends, pushed apart where they would touch."""
    placed = sorted(((y(line.points[-1].y), line) for line in lines), key=lambda pair: pair[0])
    at: list[float] = []
    for wanted, _ in placed:
        at.append(max(wanted, at[-1] + _APART) if at else wanted)
    over = max(0.0, at[-1] - (HEIGHT - _BOTTOM))
    for i in range(len(at) - 1, -1, -1):  # back up where they went below the axis
        at[i] = at[i] - over if i == len(at) - 1 else min(at[i], at[i + 1] - _APART)
    parts = []
    for place, (_, line) in zip(at, placed, strict=True):
        beside = x(line.points[-1].x) + 10
        parts.append(f'<text class="name {line.tone}" x="{beside:.1f}" y="{place + 4:.1f}">{escape(line.name)}</text>')
    return parts
