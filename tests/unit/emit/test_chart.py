"""Line charts: what is drawn lies where its numbers are, and names do not touch."""

from __future__ import annotations

import re
from itertools import pairwise
from xml.etree import ElementTree

import pytest

from fanin.emit.chart import HEIGHT, WIDTH, Axis, Line, Point, chart, round_numbers

ACROSS = Axis("left", "{:.0%}".format, (1.0, 0.5, 0.25), log=True, turned=True)
UP = Axis("accuracy", "{:.3g}".format)


def drawn(*lines: Line, across: Axis = ACROSS) -> ElementTree.Element:
    return ElementTree.fromstring(chart("c", "a < b", "x & y", lines, across, UP))


def numbers(element: ElementTree.Element, *names: str) -> list[float]:
    return [float(element.get(name, "nan")) for name in names]


def test_marks_are_where_their_numbers_are() -> None:
    points = (Point(1.0, 0.9), Point(0.5, 0.7, 0.1, "half"), Point(0.25, 0.5))
    svg = drawn(Line("ticket", "ticket", points))
    marks = [numbers(m, "cx", "cy") for m in svg.iter("circle")]
    (left, middle, right), (top, _, bottom) = zip(*marks, strict=True)
    assert middle - left == pytest.approx(right - middle)  # equal factors are equally far apart
    rules = [numbers(r, "y1")[0] for r in svg.iter("line") if r.get("y1") == r.get("y2")]
    ticks = {float(t.text or ""): numbers(t, "y")[0] - 4 for t in svg.iter("text") if t.get("text-anchor") == "end"}
    assert sorted(ticks.values()) == sorted(rules)
    for value, (_, place) in zip((0.9, 0.7, 0.5), marks, strict=True):
        slope = (ticks[max(ticks)] - ticks[min(ticks)]) / (max(ticks) - min(ticks))
        assert place == pytest.approx(ticks[min(ticks)] + slope * (value - min(ticks)), abs=0.11)
    assert top < bottom and [t.text for t in svg.iter("title")] == ["a < b", "ticket", "half", "ticket"]
    band = next(iter(svg.iter("polygon"))).get("points", "")
    ys = [float(pair.split(",")[1]) for pair in band.split()]
    assert ys[1] < marks[1][1] < ys[4] and ys[0] == pytest.approx(ys[5])


def test_everything_is_on_the_paper_and_names_are_apart() -> None:
    lines = [Line(f"run {i}", "once", (Point(1.0, 0.5), Point(0.25, 0.5 + i / 1e6))) for i in range(6)]
    svg = drawn(*lines)
    names = sorted(numbers(t, "y")[0] for t in svg.iter("text") if "name" in t.get("class", ""))
    assert all(b - a > 14 for a, b in pairwise(names))
    assert all(0 <= y <= HEIGHT for y in names)
    for mark in svg.iter("circle"):
        x, y = numbers(mark, "cx", "cy")
        assert 0 <= x <= WIDTH and 0 <= y <= HEIGHT


def test_many_ticks_are_thinned_and_the_last_stays() -> None:
    across = Axis("left", "{:.6f}".format, tuple(0.8**i for i in range(60)), log=True, turned=True)
    svg = drawn(Line("a", "once", (Point(1.0, 1.0), Point(0.8**59, 2.0))), across=across)
    said = [t for t in svg.iter("text") if t.get("text-anchor") == "middle" and re.match(r"\d", t.text or "")]
    assert f"{0.8**59:.6f}" in [t.text for t in said] and 5 < len(said) < 15


def test_nothing_is_no_picture_and_a_single_number_is_one() -> None:
    assert chart("c", "", "", [Line("a", "once", ())], ACROSS, UP) == ""
    assert len(list(drawn(Line("a", "once", (Point(1.0, 0.0),))).iter("circle"))) == 1


@pytest.mark.parametrize(
    ("low", "high", "found"),
    [
        (0.0, 1.0, (0, 0.2, 0.4, 0.6, 0.8, 1.0)),
        (0.45, 0.97, (0.4, 0.6, 0.8, 1.0)),
        (9, 104, (0, 20, 40, 60, 80, 100, 120)),
    ],
)
def test_round_numbers(low: float, high: float, found: tuple[float, ...]) -> None:
    assert round_numbers(low, high) == pytest.approx(found)
