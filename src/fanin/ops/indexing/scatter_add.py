"""Numbers added to chosen places."""

from __future__ import annotations

from typing import final

from fanin.ops.contract import INTS, NUMBERS, Port
from fanin.ops.indexing._places import Scattered


@final
class ScatterAdd(Scattered):
    """x with each number of ``source`` added at its own place, but along the axis where ``index`` says.

    Shape: ``x [N, D], index int[N, K], source [N, K] -> [N, D]`` for ``scatter_add(x, 1, index, source)``
    The index may be smaller than x along the other axes.
    """

    name = "scatter_add"
    inputs = (Port("x", NUMBERS), Port("index", INTS), Port("source", NUMBERS))
    example = "y = scatter_add(x, 1, i, s)"
