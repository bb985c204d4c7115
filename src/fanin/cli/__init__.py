"""The command line. ``main`` is what ``fanin`` and ``python -m fanin`` run."""

from __future__ import annotations


def main() -> None:
    """Run the command line on ``sys.argv`` and exit."""
    from fanin.cli.app import app

    app(prog_name="fanin")
