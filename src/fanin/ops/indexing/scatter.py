"""Numbers put at chosen places."""

from __future__ import annotations

from typing import final

from fanin.ops.contract import ANY, INTS, Port
from fanin.ops.indexing._places import Scattered


@final
class Scatter(Scattered):
    """x with each number of ``source`` put at its own place, but along the axis where ``index`` says.

    Shape: ``x [N, D], index int[N, K], source [N, K] -> [N, D]`` for ``scatter(x, 1, index, source)``
    Of several numbers for one place any stays. The index may be smaller than x along the other axes.
    """

    name = "scatter"
    inputs = (Port("x", ANY), Port("index", INTS), Port("source", ANY))
    example = "y = scatter(x, 1, i, s)"
