"""``fanin check``: errors and warnings, and fixes."""

from __future__ import annotations

from collections.abc import Sequence

import click

from fanin.cli import exits, files, options
from fanin.cli.messages import say
from fanin.cli.output import out
from fanin.cli.selection import parse_selection
from fanin.cli.settings import find_settings
from fanin.cli.target import Target
from fanin.cli.values import Value
from fanin.diagnostics.model import Diagnostic, Severity
from fanin.diagnostics.render import FORMATS, Format
from fanin.report import Report, Start
from fanin.source import Source


@click.command("check", short_help="Find errors and warnings.")
@options.targets
@options.hyper
@click.option("--strict", is_flag=True, help="Warnings fail the check too.")
@click.option("--select", metavar="CODES", multiple=True, help="Only these warnings: codes, names, prefixes.")
@click.option("--ignore", metavar="CODES", multiple=True, help="Not these warnings: codes, names, prefixes.")
@click.option("--format", type=click.Choice(FORMATS), default="full", show_default=True, help="How to print.")
@click.option("--fix", is_flag=True, help="Apply the fixes that keep the meaning, and check again.")
@click.option("--signal", "signals", is_flag=True, help="Also say how networks behave when their weights are drawn.")
@click.option("--export", "exports", is_flag=True, help="Say what .pt2 and .onnx files would not keep.")
@click.option("--diff", is_flag=True, help="Show what --fix would change, and change nothing.")
@options.as_json
@click.pass_context
def command(
    ctx: click.Context,
    targets: Sequence[Target],
    hyper: dict[str, Value],
    strict: bool,
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    format: Format,
    fix: bool,
    exports: bool,
    signals: bool,
    diff: bool,
    as_json: bool,
) -> None:
    """Find errors and warnings in files, without running anything.

    `-` reads standard input. Errors are always shown; --select and --ignore choose among warnings and advice. What the
    table [tool.fanin] of the nearest pyproject.toml says of strict, select, ignore, limits and width counts too.
    """
    settings = find_settings()
    strict = strict or settings.strict
    chosen = parse_selection(select or settings.select, (*settings.ignore, *ignore))
    start = Start(settings.known_limits(), settings.width) if signals else False
    named = {target.path for target in targets if target.path != "-"}

    def check() -> Report:
        return chosen.of(check_all(targets, hyper, exports, start))

    def may_change(source: Source) -> bool:
        return source.name in named  # and not what these import

    report = check()
    if fix or diff:
        from fanin.cli import fixing

        if diff:
            out(fixing.show_fixes(report, may_change))
        else:
            report = fixing.fix(report, check, may_change)
    if not diff:
        say(report, "json" if as_json else format)
    failed = not report.ok or (strict and report.count(Severity.WARNING) > 0)
    ctx.exit(exits.ERRORS if failed else exits.OK)


def check_all(
    targets: Sequence[Target], hyper: dict[str, Value], exports: bool = False, signals: bool | Start = False
) -> Report:
    """One report of all files, each read once, in the order in which they were named."""
    from fanin import pipeline

    names: dict[str, list[str] | None] = {}
    for path, name in targets:
        known = names.setdefault(path, [])
        if name is None or known is None:
            names[path] = None  # the whole file, whatever else was named of it
        else:
            known.append(name)
    reports: list[Report] = []
    for path, wanted in names.items():
        if path == "-":
            source = files.read(path)
            reports.append(
                pipeline.check_source(source, source.name, None, hyper, exports, signals)
                if exports or signals
                else pipeline.check_text(source.text, source.name)
            )
        else:
            reports.append(pipeline.check(path, names=wanted, hyper=hyper, exports=exports, signals=signals))
    return merged(reports)


def merged(reports: Sequence[Report]) -> Report:
    """The findings by file and place. A finding in a file that several import is one finding."""
    sources = {source.name: source for report in reports for source in report.sources}
    order = {name: at for at, name in enumerate(sources)}
    found = {_key(d): d for report in reports for d in report.diagnostics}
    placed = sorted(found.values(), key=lambda d: (order.get(d.span.source.name, len(order)), d.span.start))
    programs = tuple(program for report in reports for program in report.programs)
    return Report(tuple(placed), tuple(sources.values()), programs)


def _key(d: Diagnostic) -> tuple[str, str, int, int, str, tuple[str, ...]]:
    uses = tuple(f"{frame.what} {frame.span}" for frame in d.chain)
    return (d.code.id, d.span.source.name, d.span.start, d.span.end, d.headline, uses)
