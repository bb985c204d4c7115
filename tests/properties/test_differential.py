"""The checker and torch never disagree: random specs, checked and emitted, beside their unchecked execution.

Accepted: the emitted module runs at every size tried that meets the model's conditions, with exactly the predicted
types, the paths of the language, and the numbers of a plain interpreter; sizes that break a condition are refused on
entry. Refused over shapes: at some sizes of the declared types, torch raises, or gives something else than declared.
"""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.properties.generator.build import Writer
from tests.properties.generator.compare import Disagreement, compare, smaller
from tests.properties.generator.spec import print_spec

OPTIONS: dict[str, Any] = {
    "derandomize": True,
    "deadline": None,
    "database": None,
    "phases": [Phase.generate],
    "suppress_health_check": tuple(HealthCheck),
}
LONG = int(os.environ.get("FANIN_CASES", "2000"))  # `FANIN_CASES=20000 pytest -m slow …` for a long run
SEEDS = st.integers(0, 2**32 - 1)


def one(seed: int) -> None:
    made = Writer(seed).write()
    try:
        compare(made, seed)
    except Disagreement as found:
        least = smaller(made, found.kind, seed)
        try:
            compare(least, seed)
        except Disagreement as again:
            found = again
        pytest.fail(f"seed {seed}: {found}\n\n{print_spec(least.spec)}", pytrace=False)


@settings(max_examples=200, **OPTIONS)
@given(SEEDS)
def test_the_checker_and_torch_agree(seed: int) -> None:
    one(seed)


@pytest.mark.slow
@settings(max_examples=LONG, **OPTIONS)
@given(SEEDS)
def test_the_checker_and_torch_agree_on_many_more(seed: int) -> None:
    one(seed)
