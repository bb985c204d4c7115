"""``fanin fmt``: the one layout."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from fanin.cli import exits, files, options
from fanin.cli.messages import say
from fanin.cli.output import err, out, write_json
from fanin.cli.target import Target
from fanin.diagnostics.document import entry
from fanin.diagnostics.model import Diagnostic, Severity
from fanin.report import Report
from fanin.source import Source


@click.command("fmt", short_help="Put files into the one layout.")
@options.targets
@click.option("--check", is_flag=True, help="Change nothing; exit 1 if a file would change.")
@click.option("--diff", is_flag=True, help="Change nothing; show what would change.")
@options.as_json
@click.pass_context
def command(ctx: click.Context, targets: Sequence[Target], check: bool, diff: bool, as_json: bool) -> None:
    """Put files into the one layout. Comments stay, the meaning too.

    `-` reads standard input and prints the result. A file with a syntax error is left as it is.
    """
    sources = [_read(target) for target in dict.fromkeys(targets)]
    changed = 0
    found: list[Diagnostic] = []
    entries: list[dict[str, Any]] = []
    for source in sources:
        text, messages = layout(source)
        found += messages
        differs = text is not None and text != source.text
        changed += differs
        entries.append(
            {"file": source.name, "changed": differs, "diagnostics": [entry(message) for message in messages]}
        )
        if text is None:
            continue
        if diff and not as_json:
            out(files.difference(source.text, text, source.name))
        elif source.name == "<stdin>" and not check and not as_json:
            out(text)
        elif differs and not (check or diff) and source.name != "<stdin>":
            files.write_text(source.name, text)
        if differs and not diff:
            err(f"{'would change' if check else 'changed'} {source.name}\n" if source.name != "<stdin>" else "")
        if as_json and source.name == "<stdin>":
            entries[-1]["text"] = text
    if as_json:
        write_json({"ok": not found and not (check and changed), "files": entries})
    elif found:
        say(Report(tuple(found), tuple(sources)), to_stdout=False)
    elif check and changed:
        err(f"{changed} of {len(sources)} {'file' if len(sources) == 1 else 'files'} would change\n")
    ctx.exit(exits.ERRORS if found or (check and changed) else exits.OK)


def layout(source: Source) -> tuple[str | None, list[Diagnostic]]:
    """The text in the one layout, with the line breaks it has; None and the errors where it has any."""
    from fanin.syntax.format import format_file
    from fanin.syntax.parser import parse

    file, messages = parse(source)
    errors = [message for message in messages if message.severity is Severity.ERROR]
    if errors:
        return None, errors
    text = format_file(file)
    first = source.text.find("\n")
    if first > 0 and source.text[first - 1] == "\r":
        text = text.replace("\n", "\r\n")  # a checkout of Windows would differ in every line else
    return text, []


def _read(target: Target) -> Source:
    if target.name is not None:
        raise exits.Failure(f"fmt lays out whole files, not `{target.name}` alone", f"fanin fmt {target.path}")
    return files.read(target.path)
