"""Every block of code in the documentation runs, and shows what it says it shows.

``pytest tests/docs --update-golden`` writes the outputs anew; ``python docs/generate.py`` the generated pages.
"""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from tests.docs.blocks import ROOT, Folder, blocks

PAGES = sorted(
    str(path.relative_to(ROOT).as_posix())
    for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *ROOT.glob("docs/**/*.md"))
)


def generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", PAGES)
def test_every_block_runs(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "100")
    folder = Folder(tmp_path, page)
    stale = [(block, wanted) for block in blocks(page) if (wanted := folder.run(block)) != block.text]
    if request.config.getoption("--update-golden"):
        text = (ROOT / page).read_text(encoding="utf-8")
        for block, wanted in reversed(stale):
            text = text[: block.span[0]] + wanted + text[block.span[1] :]
        (ROOT / page).write_text(text, encoding="utf-8")
        return
    for block, wanted in stale:
        assert block.text == wanted, f"{block.place} is out of date: pytest tests/docs --update-golden, and read it"


@pytest.mark.parametrize("page", PAGES)
def test_no_fence_is_indented_or_left_open(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    fences = re.findall(r"^[ \t]*```", text, re.MULTILINE)
    assert len(fences) == 2 * sum(1 for _ in blocks(page)), "a block that no test would see"


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    text = re.sub(r"^```.*?^```$", "", (ROOT / page).read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    for link in map("".join, re.findall(r"\]\(([^)\s]+)\)|src=\"([^\"]+)\"", text)):
        if link.startswith(("http:", "https:")):
            continue
        file, _, anchor = link.partition("#")
        target = (ROOT / page).parent / file if file else ROOT / page
        assert target.exists(), f"{page}: there is no {link}"
        if anchor:
            assert anchor in anchors(target.read_text(encoding="utf-8")), f"{page}: there is no {link}"


def anchors(text: str) -> set[str]:
    """The headings of a page as a code host makes anchors of them."""
    heads = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("name", ["docs/ops.md", "docs/codes.md", "docs/images/digits_cnn.dot"])
def test_what_is_generated_is_up_to_date(name: str) -> None:
    wanted = generate().GENERATED[name]()
    assert (ROOT / name).read_text(encoding="utf-8") == wanted, "run `python docs/generate.py`, and read the diff"


def test_the_picture_is_there() -> None:
    """The file itself depends on Graphviz's version and fonts; what it is drawn from is tested above."""
    assert (ROOT / "docs/images/digits_cnn.svg").read_text(encoding="utf-8").startswith("<?xml")
