"""The ``fanin`` group: its commands, each imported when it is called, and what becomes of exceptions."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import click

from fanin.cli import exits
from fanin.cli.output import PipeClosed, close_quietly, out

COMMANDS = {
    "check": "Find errors and warnings, and fix what can be fixed.",
    "fmt": "Put files into the one layout.",
    "show": "Print the elaborated model: paths, types, parameters, cost.",
    "signal": "Predict activations and gradients at initialisation.",
    "probe": "Measure a model with its weights: Jacobian, gradients, features, ….",
    "draw": "Draw the model as SVG, PDF, PNG or DOT.",
    "train": "Train a system on data.",
    "search": "Try values of a system's hyper-parameters.",
    "compile": "Write the model as standalone PyTorch source, .pt2 or .onnx.",
    "data": "Show what is in a data set, or list those that have names.",
    "prune": "Say what a pruning experiment will remove.",
    "shrink": "Take channels, units and heads out, and write the smaller spec.",
    "diff": "Say what changed between two models.",
    "explain": "Print the page of a code such as SHP301.",
    "ops": "List the ops, or print the reference of one.",
    "zoo": "List the specs that ship, or print one.",
    "new": "Write a small starter file.",
}
"""Name and summary: the help needs no more, so it imports none. ``fanin.cli.NAME`` has the ``command``."""


class App(click.Group):
    """A group whose commands are imported when they are called."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        # click takes its "did you mean" for an unknown command from the keys.
        self.commands = dict.fromkeys(COMMANDS)  # type: ignore[assignment]  # values come from get_command

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        found = import_module(f"fanin.cli.{name}").command
        assert isinstance(found, click.Command)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise  # click prints these: wrong usage, with exit code 2
        except KeyboardInterrupt:
            click.echo("interrupted", err=True)
            ctx.exit(exits.INTERRUPTED)
        except PipeClosed:
            close_quietly()
            ctx.exit(exits.PIPE_CLOSED)
        except Exception as error:
            ctx.exit(exits.conclude(error, as_json=bool(ctx.meta.get(exits.AS_JSON))))

    def main(self, args: Sequence[str] | None = None, *rest: Any, **settings: Any) -> Any:
        for stream in (sys.stdout, sys.stderr):
            # A terminal that knows no → shows an escape rather than ending the program.
            if reconfigure := getattr(stream, "reconfigure", None):
                reconfigure(errors="backslashreplace")
        return super().main(args, *rest, **settings)


def _version(ctx: click.Context, parameter: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from fanin.cli.version import version

        out(f"fanin {version()}\n")
        ctx.exit()


@click.group(
    cls=App,
    name="fanin",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="`fanin COMMAND --help` says more. Exit codes: 0 clean, 1 errors, 2 wrong usage, 3 our bug.",
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Print the version."
)
def app() -> None:
    """A small language for neural-network architectures, and its compiler."""
