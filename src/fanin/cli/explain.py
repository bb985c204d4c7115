"""``fanin explain``: the page of a code."""

from __future__ import annotations

import click

from fanin.cli import exits, options
from fanin.cli.output import out, write_json
from fanin.diagnostics.codes import CODES, FAMILIES, find_code, nearest_code
from fanin.diagnostics.model import Code


@click.command("explain", short_help="Print the page of a code.")
@click.argument("code", required=False, shell_complete=lambda ctx, param, start: _completions(start))
@options.as_json
def command(code: str | None, as_json: bool) -> None:
    """Print what a code such as SHP301 (or its name, axis-mismatch) means, with a bad and a good spec.

    Without CODE, list them all.
    """
    if code is None:
        _list(as_json)
        return
    # A code may be copied with its brackets from a message.
    found = find_code(code.strip("[]").split(" ")[0])
    if found is None:
        near = nearest_code(code)
        hint = f"; did you mean {near.id} ({near.name})?" if near else ""
        raise exits.Failure(f"there is no code `{code}`{hint}", "`fanin explain` lists them")
    from fanin.diagnostics.pages import load_page

    page = load_page(found)
    if as_json:
        parts = {"prose": page.prose, "bad": page.bad, "good": page.good, "page": page.text} if page else {}
        write_json(_entry(found) | parts)
    elif page:
        out(page.text)
    else:
        out(f"# {found.id} {found.name}\n\nThis code has no page yet.\n")


def _list(as_json: bool) -> None:
    if as_json:
        write_json({"codes": [_entry(code) for code in CODES.values()]})
        return
    wide = max((len(code.name) for code in CODES.values()), default=0)
    parts = []
    for family, about in FAMILIES.items():
        lines = [
            f"  {code.id}  {code.name:<{wide}}  {code.severity}\n"
            for code in sorted(CODES.values(), key=lambda code: code.id)
            if code.id.startswith(family)
        ]
        if lines:
            parts.append(f"{family}: {about}\n" + "".join(lines))
    out("\n".join(parts))


def _entry(code: Code) -> dict[str, str]:
    return {"code": code.id, "name": code.name, "severity": str(code.severity)}


def _completions(start: str) -> list[str]:
    names = [*CODES, *(code.name for code in CODES.values())]
    return [name for name in names if name.lower().startswith(start.lower())]
