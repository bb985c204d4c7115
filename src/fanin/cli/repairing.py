"""``fanin signal --repair``: a better start, before and after, and the spec that has it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fanin.cli import exits, files
from fanin.cli.output import err, out, write_json
from fanin.cli.target import Target
from fanin.report import read_source

if TYPE_CHECKING:
    from fanin.repairs.run import Repaired


def repair(
    target: Target,
    kind: str,
    hyper: dict[str, Any],
    base: dict[str, Any],
    laws: Mapping[str, Any],
    output: str | None,
    write: bool,
    as_json: bool,
) -> None:
    """Show what a repair does, and write its spec where it is asked for: else show what would change."""
    from fanin import pipeline
    from fanin.repairs.case import Refused

    path, name = target
    try:
        found = pipeline.repair(path, kind, name, hyper, base=base, inputs=laws)
    except Refused as error:
        raise exits.Failure(str(error), error.hint) from None
    except ValueError as error:
        raise exits.Failure(str(error)) from None
    written = output or (path if write else None)
    if as_json:
        write_json({"file": path, "repair": kind, "written": written, "text": found.text, **_document(found)})
    else:
        _show(found, read_source(path).text, path, written)
    if written == "-":
        out(found.text)
    elif written is not None:
        files.write_text(written, found.text)
        err(f"wrote {written}\n")


def _show(found: Repaired, text: str, path: str, written: str | None) -> None:
    from fanin.emit.repairs import comparison
    from fanin.signal.rows import rows

    program, analysis = found.before
    rates = [("parameter", "Adam's rate times"), *((k, f"{v:g}") for k, v in found.answer.rates.items())]
    shown = comparison(
        f"{program.name}, {found.name}",
        [*found.answer.notes, *_findings(found)],
        rows(analysis),
        rows(found.after[1]),
        rates if found.answer.rates else (),
    )
    (err if written == "-" else out)(shown)
    if written is None:
        difference = files.difference(text, found.text, path)
        out(f"\n{difference.rstrip()}\n" if difference else "\nnothing to change\n")


def _findings(found: Repaired) -> list[str]:
    """Which lints of the start go, and which come."""
    from fanin.lints.signal import check_signal

    was, now = ({d.code.id for d in check_signal(*pair, set())} for pair in (found.before, found.after))
    lines = [f"finding {code} goes" for code in sorted(was - now)]
    return lines + [f"finding {code} comes" for code in sorted(now - was)]


def _document(found: Repaired) -> dict[str, Any]:
    from dataclasses import asdict

    from fanin.signal.rows import rows

    sides = {
        key: [asdict(row) | {"weights": dict(row.weights)} for row in rows(analysis)]
        for key, (_, analysis) in (("before", found.before), ("after", found.after))
    }
    return {"notes": list(found.answer.notes), "rates": dict(found.answer.rates), **sides}


def show_roles(target: Target, hyper: dict[str, Any], laws: Mapping[str, Any], as_json: bool) -> None:
    """What each part with a ``@role`` does: gain, Jacobian and what outputs see, with it and without."""
    from fanin import pipeline
    from fanin.emit.signals import aligned, number

    path, name = target
    try:
        whole, found = pipeline.roles(path, name, hyper, laws)
    except ValueError as error:
        raise exits.Failure(str(error)) from None
    if as_json:
        from dataclasses import asdict

        write_json({"file": path, "whole": asdict(whole), "parts": [asdict(effect) for effect in found]})
        return
    lines = [["line", "role", "part", "gain", "without", "Jacobian", "without", "outputs see"]]
    for effect in found:
        line = [str(effect.part.line), effect.part.role, effect.part.text]
        if effect.left is None:
            lines.append([*line, number(whole.gain), "-", number(whole.jacobian), "-", effect.why])
        else:
            sides = (whole.gain, effect.left.gain, whole.jacobian, effect.left.jacobian)
            seen = "; ".join(effect.sees(whole)) or "the same"
            lines.append([*line, *(number(v) if v is not None else "?" for v in sides), seen])
    if not found:
        raise exits.Failure(f"nothing in {path} has a role", "write @role(stability) or @role(expressive) above a part")
    out("\n".join(row.rstrip() for row in aligned(lines, left=(1, 2, 7))) + "\n")
