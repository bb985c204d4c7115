"""At which sizes of its open dimensions a program is gone through."""

from __future__ import annotations

from collections.abc import Mapping

from fanin.analyses.conditions import Sizes, example_sizes, open_dimensions
from fanin.analyses.sizes import broken_requirement
from fanin.ir.graph import Program

BATCH = 8
"""Samples in a batch where nothing is said: statistics over a batch need some."""


def sizes_for(program: Program, given: Mapping[str, int] | None = None) -> Sizes | None:
    """Sizes given by letter, and for the other letters small ones that meet the conditions; None if none do."""
    opens = open_dimensions(program)
    wanted = {s: n for s in opens for name, n in (given or {}).items() if s.name == name}
    found = example_sizes(program)
    batch = {p.value.type.shape[0] for p in program.inputs if p.value is not None and p.value.type.shape}
    tries = []
    if found is not None:
        tries.append({s: BATCH if s * 1 in batch and found[s] == 1 else found[s] for s in opens} | wanted)
        tries.append(found | wanted)
    tries += [dict.fromkeys(opens, n) | wanted for n in (BATCH, 64, 32, 224)]
    return next((sizes for sizes in tries if broken_requirement(program, sizes) is None), None)
