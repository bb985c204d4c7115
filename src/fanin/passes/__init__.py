"""Passes over trained networks: from a network and its weights to another one. Importing it imports torch.

``fanin.passes.calibrate(net, x, label)`` and the like; a network that was passed in is never changed.
"""

from __future__ import annotations

from fanin.passes.bias import fold_bias, unfold_bias
from fanin.passes.calibration import Calibrated, calibrate
from fanin.passes.cutting import carry, cut
from fanin.passes.inputs import Found, optimise_input
from fanin.passes.projection import project
from fanin.passes.zero_shot import zero_shot

__all__ = [
    "Calibrated",
    "Found",
    "calibrate",
    "carry",
    "cut",
    "fold_bias",
    "optimise_input",
    "project",
    "unfold_bias",
    "zero_shot",
]
