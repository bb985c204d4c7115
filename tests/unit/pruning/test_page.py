"""The page of an experiment: whole in itself, without scripts, with everything escaped and everything said."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from fanin.pruning.page import page
from fanin.pruning.running import Pruned
from tests.unit.pruning.experiments import NET, prune, spec

CLAUSES = """scope layer
  remove 50% each of 2 rounds
  compare reinit, random, once, dense
  seeds 0..2
  measure accuracy, steps_to(ce, 100.0)
  expect accuracy(round=2) > 0.1
  expect accuracy(round=1) > 1.5"""
WICKED = "# </code></pre><script>alert(1)</script> <img src=x onerror=alert(2)> & \"'\n"


class Read(HTMLParser):
    """The elements of a page, which has to close what it opens."""

    EMPTY = frozenset({"meta", "path", "ellipse", "polygon", "polyline", "line", "circle", "rect"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.words: list[tuple[str, str]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {k: v or "" for k, v in attrs}))
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {k: v or "" for k, v in attrs}))

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.EMPTY:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.words.append((self.open[-1] if self.open else "", data.strip()))

    def named(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Pruned:
    folder = tmp_path_factory.mktemp("page")
    path = spec(folder, CLAUSES, net=WICKED + NET)
    return prune(path, out=str(folder / "kept"), hyper={})


@pytest.fixture(scope="module")
def text(found: Pruned) -> str:
    return (Path(str(found.folder)) / "report.html").read_text()


def test_it_is_whole_in_itself(text: str) -> None:
    read = Read(text)
    assert not read.open
    assert not re.search(r"(?i)(src|href|srcset|data|action)\s*=\s*[\"']?\s*(https?:|//)", text)
    assert not re.search(r"(?i)@import|url\(", text)
    for outside in ("script", "link", "img", "iframe", "object", "embed", "use", "image"):
        assert not read.named(outside)
    assert not any(name.startswith("on") for _, attributes in read.elements for name in attributes)


def test_what_a_user_wrote_is_text(text: str) -> None:
    assert "<script" not in text and "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    said = "".join(data for tag, data in Read(text).words if tag == "code")
    assert WICKED.strip() in said


def test_it_can_be_heard(text: str) -> None:
    read = Read(text)
    assert read.named("html")[0]["lang"] == "en" and ("title", "Ticket: pruning of Fit") in read.words
    ids = [attributes["id"] for _, attributes in read.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    pictures = read.named("svg")
    assert len(pictures) >= 3
    for picture in pictures:
        assert picture["role"] == "img" and set(picture["aria-labelledby"].split()) <= set(ids)
    assert len(read.named("caption")) == len(read.named("table")) >= 5
    assert all(heading["scope"] in ("col", "row") for heading in read.named("th"))


def test_it_has_the_numbers(found: Pruned, text: str) -> None:
    read = Read(text)
    words = [data for _, data in read.words]
    assert words.count("holds") == words.count("broken") == 1 and "1 of 2" in words
    for round in (1, 2):
        for run in ("reinit", "random", "once"):
            assert any(data.startswith(f"{found.results.mean('accuracy', round, run):.5g}") for data in words)
    assert "net.fc1.weight" in words and "25%" in words and "two seeds" in words
    assert "weights stay" in text and "settings of the trainings" in words and "batch_size" in words


def test_it_is_made_without_a_folder(tmp_path: Path) -> None:
    found = prune(spec(tmp_path, "remove 50% at once"), epochs=1)
    found.page(str(tmp_path / "a.html"))
    text = (tmp_path / "a.html").read_text()
    assert text == page(found) and "model Net()" in text and not Read(text).open


def test_colours_can_be_read_in_light_and_dark() -> None:
    """WCAG 2.2, 1.4.3: a contrast of 4.5 for text."""
    css = (Path(__file__).parents[3] / "src/fanin/pruning/page.css").read_text()
    light, dark = (dict(re.findall(r"--([\w-]+): (#\w{6})", block)) for block in css.split("@media")[:2])
    for colours in (light, dark):
        assert colours.keys() == light.keys()
        for ink in ("ink", "soft", "ticket", "reinit", "random", "once", "dense", "good", "bad"):
            assert contrast(colours[ink], colours["paper"]) >= 4.5, ink
        assert contrast(colours["soft"], colours["card"]) >= 4.5
        assert contrast(colours["good"], colours["good-card"]) >= 4.5 <= contrast(colours["bad"], colours["bad-card"])


def contrast(one: str, other: str) -> float:
    def light(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] + 0.05

    pair = sorted((light(one), light(other)))
    return pair[1] / pair[0]
