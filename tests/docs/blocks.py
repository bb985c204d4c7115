"""Runs the fenced blocks of a Markdown page, in a folder of their own, and says what they should read.

What the word behind the fence asks for:

- ``fanin``: a spec in which the checker finds nothing but advice. ``fanin bad SHP301``: one with that finding alone.
  ``fanin file net.arch``: one that is also written to that file. ``fanin beside net.arch``: a file that is there from
  the start, and not checked by itself. ``fanin from specs/net.arch``: the text of that file.
- ``python``: runs; the blocks of a page share their names. ``text output``: what the last one printed;
  ``text output about``: the same, with numbers that may differ by a fifth.
- ``console``: lines ``$ command``, each with its output. ``fanin`` runs in this process, the rest in a shell.
- ``csv beside points.csv``: a table that is there from the start.
- ``sh``: commands for the reader's machine; targets of make have to exist. ``ebnf``: held to the grammar elsewhere.
"""

from __future__ import annotations

import contextlib
import io
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from tests.findings import AT_DATA, AT_START, LATER, findings

ROOT = Path(__file__).resolve().parents[2]
_FENCE = re.compile(r"^(?P<fence>`{3,})(?P<info>[^\n`]*)\n(?P<text>.*?)^(?P=fence)$", re.DOTALL | re.MULTILINE)
_NUMBER = re.compile(r"\d+(?:\.\d+)?")


@dataclass(frozen=True)
class Block:
    page: str
    line: int
    info: tuple[str, ...]
    text: str
    span: tuple[int, int]
    """Where the text stands in the page."""

    @property
    def kind(self) -> str:
        return self.info[0] if self.info else ""

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"

    def after(self, word: str) -> tuple[str, ...]:
        """The words behind this one: ``("SHP301",)`` after ``bad``."""
        return self.info[self.info.index(word) + 1 :] if word in self.info else ()


def blocks(page: str) -> Iterator[Block]:
    """The fenced blocks of a page, which is named from the root of the repository."""
    text = (ROOT / page).read_text(encoding="utf-8")
    for found in _FENCE.finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        yield Block(page, line, tuple(found["info"].split()), found["text"], found.span("text"))


class Broken(AssertionError):
    """A block that does not do what its page says."""


class Folder:
    """The current folder of a page's blocks. It has the specs of the repository."""

    def __init__(self, path: Path, page: str) -> None:
        shutil.copytree(ROOT / "specs", path / "specs")
        for block in blocks(page):
            if "beside" in block.info:
                (path / block.after("beside")[0]).write_text(block.text, encoding="utf-8")
        self.path = path
        self.names = sys.modules.setdefault("page", ModuleType("page")).__dict__  # where Python looks up annotations
        for name in [name for name in self.names if not name.startswith("__")]:
            del self.names[name]
        self.printed = ""

    def run(self, block: Block) -> str:
        """The text that the block should have; its own where all is well. Raises Broken."""
        runner = getattr(self, f"_{block.kind}", None)
        if runner is None:
            raise Broken(f"{block.place}: there is no way to run a block `{' '.join(block.info)}`")
        wanted: str = runner(block)
        return wanted

    # ------------------------------------------------------------------------------------------------------ kinds

    def _fanin(self, block: Block) -> str:
        from fanin import pipeline
        from fanin.diagnostics.model import Severity

        if "from" in block.info:
            return (ROOT / block.after("from")[0]).read_text(encoding="utf-8")
        if "beside" in block.info:
            return block.text
        name = block.after("file")[0] if "file" in block.info else "spec.arch"
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text, encoding="utf-8")
        wanted = {word for word in block.after("bad") if word not in ("file", name)}
        found = pipeline.check(name).diagnostics
        if wanted & LATER and (not found or wanted & AT_DATA):
            found = findings(block.text, *wanted)
        if wanted & AT_START:  # a network that starts badly does so in more than one way
            found = [d for d in found if d.code.id in wanted]
        codes = {d.code.id for d in found if d.severity is not Severity.ADVICE or d.code.id in wanted}
        if codes != wanted:
            said = "\n".join(f"  {d.span.line}: {d.code.id} {d.headline}" for d in found) or "  nothing"
            raise Broken(f"{block.place}: expected {', '.join(sorted(wanted)) or 'no finding'}, found\n{said}")
        return block.text

    def _python(self, block: Block) -> str:
        # The lines of the page, so that a traceback shows them and `inspect` finds them.
        code = compile("\n" * block.line + block.text, str(ROOT / block.page), "exec", dont_inherit=True)
        with contextlib.redirect_stdout(io.StringIO()) as out:
            exec(code, self.names)
        self.printed = out.getvalue()
        return block.text

    def _text(self, block: Block) -> str:
        if block.info[1:2] != ("output",):
            raise Broken(f"{block.place}: a block of text is the output of the Python block before it: `text output`")
        if "about" in block.info and about_equal(self.printed, block.text):
            return block.text
        return self.printed

    def _console(self, block: Block) -> str:
        parts = []
        for command in commands(block.text):
            parts.append(f"$ {command}\n{self._shell(command.replace(chr(92) + chr(10), ' '), block)}")
        return "".join(parts)

    def _sh(self, block: Block) -> str:
        targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
        for line in block.text.splitlines():
            words = line.partition("#")[0].split()
            if words[:1] == ["make"] and not set(words[1:]) <= targets:
                raise Broken(f"{block.place}: the Makefile has no such target: {line}")
        return block.text

    def _csv(self, block: Block) -> str:
        if "beside" not in block.info:
            raise Broken(f"{block.place}: a table has a name: `csv beside points.csv`")
        return block.text

    def _ebnf(self, block: Block) -> str:
        return block.text

    # ---------------------------------------------------------------------------------------------------- commands

    def _shell(self, command: str, block: Block) -> str:
        first, pipe, rest = command.partition(" | ")
        if not first.startswith("fanin "):
            first, pipe, rest = "", "", command
            shown, data = "", None
        else:
            from click.testing import CliRunner

            from fanin.cli.app import app

            result = CliRunner().invoke(app, shlex.split(first)[1:], prog_name="fanin")
            if result.exit_code not in (0, 1, 2):
                raise Broken(f"{block.place}: `{first}` ends with {result.exit_code}\n{result.output}")
            shown, data = (result.stderr, result.stdout) if pipe else (result.output, None)
        if rest:
            done = subprocess.run(
                ["bash", "-c", rest.replace("python ", f"{shlex.quote(sys.executable)} ", 1)],
                input=data,
                text=True,
                capture_output=True,
                encoding="utf-8",
                cwd=self.path,
            )
            shown += done.stdout + done.stderr
        shown = shown.replace(str(self.path), ".")
        return re.sub(r"[ \t]+$", "", shown, flags=re.MULTILINE)


def commands(text: str) -> Iterator[str]:
    """The commands of a console block; a backslash at the end of a line goes on in the next."""
    lines = iter(text.splitlines())
    for line in lines:
        if line.startswith("$ "):
            command = line[2:]
            while command.endswith("\\"):
                command += "\n" + next(lines)
            yield command


def about_equal(left: str, right: str) -> bool:
    """Whether two texts are the same up to numbers that differ by less than a fifth."""
    if _NUMBER.sub("", left) != _NUMBER.sub("", right):
        return False
    pairs = zip(_NUMBER.findall(left), _NUMBER.findall(right), strict=True)
    return all(abs(float(a) - float(b)) <= 0.2 * max(abs(float(a)), abs(float(b)), 0.05) for a, b in pairs)
