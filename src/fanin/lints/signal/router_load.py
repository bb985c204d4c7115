"""SIG142: a router that has chosen before it has learnt.

Logits of a router whose standard deviation is 1 give the first of 8 experts a third of the weight, above that more; and
what tokens share moves them all to the same experts, which get the gradients and stay ahead. At a deviation of 0.1
to 0.5 all are about even. Sources: Fedus et al. 2021, "Switch transformers", section 2.4 (a tenth of the usual scale);
Shazeer et al. 2017, section 4. The share of the busiest expert is computed from what tokens have in common.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import sqrt

import numpy as np

from fanin.diagnostics.codes import SIG142
from fanin.diagnostics.model import Diagnostic, Label
from fanin.lints.signal.along import WEIGHTED, Net
from fanin.lints.signal.limits import Limit
from fanin.signal.state import Signal

LARGEST = Limit(
    SIG142,
    1.0,
    "standard deviation of the logits that a `topk` chooses by",
    "the first of 8 experts has a third of the weight, three times an even share",
)
LIMITS = (LARGEST,)
SLACK = 1e-6
"""A norm in front of a router of variance 1/fan_in gives exactly 1, which is let pass."""


def check(net: Net) -> Iterator[Diagnostic]:
    for step in net.steps:
        if step.name != "topk":
            continue
        layer = next((s for s in net.back(step.inputs[0]) if s.name in WEIGHTED), None)
        logits = net.signal(layer.outputs[0]) if layer is not None else None
        if layer is None or logits is None or len(logits.shape) < 2:
            continue
        std = sqrt(logits.variance)
        if std <= net.limit(LARGEST) * (1 + SLACK):
            continue
        count = logits.shape[-1]
        share = busiest(logits)
        yield Diagnostic(
            SIG142,
            f"the logits of this router have std {std:.2g}: one of {count} experts is chosen first for {share:.0%} of "
            f"the tokens, an even share is {1 / count:.0%}",
            layer.span,
            f"std {std:.2g}",
            (Label(step.span, "chooses by them"),) if step.span != layer.span else (),
            helps=("a smaller start, such as `init=lecun_normal(gain=0.1)`",),
        )


def busiest(logits: Signal) -> float:
    """The expected share of the tokens whose largest logit is that of the most frequent expert.

    A logit is a part that all tokens share for this expert and a part of its own. Over 256 routers and 256 tokens of a
    fixed sequence of normal numbers, two percent of its value off.
    """
    rank = len(logits.shape)
    shared = max(logits.agree(rank - 1) - logits.mean**2, 0.0)
    own = max(logits.variance - shared, 0.0)
    rng = np.random.default_rng(0)
    count = logits.shape[-1]
    offsets = rng.standard_normal((256, 1, count)) * sqrt(shared)
    first = (offsets + rng.standard_normal((256, 256, count)) * sqrt(own)).argmax(axis=2)
    loads = np.array([np.bincount(row, minlength=count).max() for row in first]) / 256
    even = np.array([np.bincount(row, minlength=count).max() for row in rng.integers(0, count, (256, 256))]) / 256
    return float(np.clip(loads.mean() - even.mean() + 1 / count, 1 / count, 1.0))
