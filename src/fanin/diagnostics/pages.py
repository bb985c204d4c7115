"""The page of each code: what it means, a spec that has it, and one that does not."""

from __future__ import annotations

import re
from importlib.resources import files

from fanin.diagnostics.model import Code
from fanin.record import record

_TITLE = re.compile(r"# (?P<id>[A-Z]{3}\d{3}) (?P<name>[a-z0-9]+(?:-[a-z0-9]+)*)\n")
_FILE = re.compile(
    r"^```(?:fanin file (?P<name>[\w.-]+\.arch)|csv beside (?P<table>[\w.-]+\.csv))\n(?P<spec>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)
_SPEC = re.compile(r"^```fanin (?P<kind>bad|good)\n(?P<spec>.*?)^```$", re.DOTALL | re.MULTILINE)


@record
class Page:
    """A page as its file has it, and its parts.

    ``prose`` is the text up to the first spec. ``files`` are what stands in the folder of the specs, by name: each is a
    block that begins with a line like ```fanin file parts.arch` or ```csv beside points.csv`.
    """

    id: str
    name: str
    text: str
    prose: str
    bad: str
    good: str
    files: dict[str, str]


def load_page(code: Code | str) -> Page | None:
    """The page of a code, or None where it has none. Raises ValueError for a page without its parts."""
    id = code if isinstance(code, str) else code.id
    file = files("fanin.diagnostics") / "pages" / f"{id}.md"
    if not file.is_file():
        return None
    return parse_page(file.read_text(encoding="utf-8").replace("\r\n", "\n"), id)


def page_ids() -> tuple[str, ...]:
    """The ids that have a page, in order."""
    folder = files("fanin.diagnostics") / "pages"
    return tuple(sorted(entry.name[:-3] for entry in folder.iterdir() if entry.name.endswith(".md")))


def parse_page(text: str, id: str) -> Page:
    """The parts of a page's text. Raises ValueError."""
    title = _TITLE.match(text)
    if not title:
        raise ValueError(f"pages/{id}.md does not begin with a line like `# SHP301 axis-mismatch`")
    specs = {found["kind"]: found["spec"] for found in _SPEC.finditer(text)}
    if missing := {"bad", "good"} - specs.keys():
        raise ValueError(f"pages/{id}.md has no block ```fanin {min(missing)}")
    first = _SPEC.search(text, title.end())
    prose = text[title.end() : first.start() if first else None].strip()
    beside = {found["name"] or found["table"]: found["spec"] for found in _FILE.finditer(text)}
    return Page(title["id"], title["name"], text, prose, specs["bad"], specs["good"], beside)
