"""The command line. ``main`` is what ``fanin`` and ``python -m fanin`` run."""

from __future__ import annotations


def main() -> None:
    """Run the command line on ``sys.argv`` and exit."""
    import gc

    from fanin.cli.app import app

    gc.disable()  # a command makes one graph, prints and ends
    app(prog_name="fanin")
