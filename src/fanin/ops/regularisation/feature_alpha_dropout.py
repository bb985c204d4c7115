"""Dropout of whole channels that keeps mean and variance."""

from __future__ import annotations

from typing import final

from fanin.ops.regularisation._dropout import AnyDropout


@final
class FeatureAlphaDropout(AnyDropout):
    """Puts whole channels (axis 1) to SELU's lowest value with probability p and rescales, so that mean 0 and variance
    1 stay, in training; nothing otherwise.

    Shape: ``[*S] -> [*S]``
    Signal: mean 0 and variance 1 stay.
    Source: Klambauer et al. 2017, "Self-Normalizing Neural Networks", section 2.
    """

    name = "feature_alpha_dropout"
    module = "FeatureAlphaDropout"
    least = 2
    example = "y = x -> feature_alpha_dropout(0.1)"
    example_inputs = {"x": "[N, 3, 16, 16]"}
