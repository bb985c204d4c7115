"""``fanin ops``: the reference of the ops."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from fanin.cli import exits, options
from fanin.cli.output import out, write_json

if TYPE_CHECKING:
    from fanin.ops.reference import Entry


@click.command("ops", short_help="List the ops, or print one.")
@click.argument("name", required=False, shell_complete=lambda ctx, param, start: _completions(start))
@options.as_json
def command(name: str | None, as_json: bool) -> None:
    """Print the reference of an op, or without NAME a line for each."""
    from fanin.ops.reference import entries as all_entries

    entries = sorted(all_entries(), key=lambda entry: (entry.name.lower(), entry.name))
    if name is None:
        if as_json:
            write_json({"ops": [_document(entry) for entry in entries]})
        else:
            out(_list(entries))
        return
    found = [entry for entry in entries if entry.name == name]
    if not found:
        from fanin.diagnostics.suggest import did_you_mean

        near = did_you_mean(name, (entry.name for entry in entries))
        raise exits.Failure(f"there is no op `{name}`{near}", "`fanin ops` lists them")
    if as_json:
        write_json({"op": _document(found[0])})
    else:
        out("\n".join(map(_page, found)))


def _list(entries: Iterable[Entry]) -> str:
    parts = []
    for kind, title in (("module", "Modules"), ("function", "Functions")):
        chosen = [entry for entry in entries if entry.kind == kind]
        wide = max((len(entry.name) for entry in chosen), default=0)
        lines = [f"  {entry.name:<{wide}}  {entry.summary}".rstrip() + "\n" for entry in chosen]
        parts.append(f"{title}\n" + "".join(lines))
    return "\n".join(parts)


def _page(entry: Entry) -> str:
    parts = [
        f"{entry.signature}\n",
        entry.summary,
        entry.doc,
        f"Example: {entry.example}" if entry.example else "",
    ]
    return "\n".join(f"{part.rstrip()}\n" for part in parts if part.strip())


def _document(entry: Entry) -> dict[str, str]:
    fields = ("name", "kind", "signature", "summary", "doc", "example")
    return {field: getattr(entry, field) for field in fields}


def _completions(start: str) -> list[str]:
    from fanin.ops.reference import entries as all_entries

    return [entry.name for entry in all_entries() if entry.name.lower().startswith(start.lower())]
