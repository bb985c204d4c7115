"""The example specs that lie beside the checkout, where they do."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT.parent / "shared" / "examples"
SPECS = ROOT / "specs"


def example(name: str) -> Path:
    """The path of an example; the test is skipped where the folder is missing."""
    path = EXAMPLES / f"{name}.arch"
    if not path.exists():
        pytest.skip(f"the examples are not beside this checkout: {path} is missing")
    return path
