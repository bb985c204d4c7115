"""SIG132: many residual sums with a layer norm behind each, as the first transformers had them.

The norm divides stream and branch by the root of two at every sum, so that at the start what reaches a layer far below
the end comes mostly through branches, and the layers near the end get gradients that do not shrink with depth: such
networks need a slow start of the learning rate, and from some 12 layers (24 sums) on they mostly fail without
one. Sources: Xiong et al. 2020, "On layer normalization in the transformer architecture", theorem 1; Liu et al. 2020,
"Understanding the difficulty of training transformers", figure 1; Wang et al. 2022, "DeepNet". A skip that is scaled up
(DeepNorm) is the remedy and is let pass.
"""

from __future__ import annotations

from collections.abc import Iterator

from fanin.diagnostics.codes import SIG132
from fanin.diagnostics.model import Diagnostic, Label
from fanin.lints.signal.along import Net
from fanin.lints.signal.limits import Limit
from fanin.lints.signal.residual import Block, norm_behind, streams
from fanin.signal.rules.normalise import Normalise
from fanin.signal.tape import Step

LARGEST = Limit(
    SIG132,
    24.0,
    "residual sums in a row with a layer norm behind each",
    "12 layers of two sums, from where on training fails without a slow start",
)
LIMITS = (LARGEST,)


def check(net: Net) -> Iterator[Diagnostic]:
    for stream in streams(net):
        after = [b for b in stream[1:] if any(_of_a_sample(net, s) for s in b.before)]
        if not after or any(_scaled_up(b) for b in stream):
            continue
        sums = len(after) + norm_behind(net, stream[-1].output)
        if sums > net.limit(LARGEST):
            depth = (2 * sums) ** 0.25
            norm = next(step for step in after[0].before if _of_a_sample(net, step))
            yield Diagnostic(
                SIG132,
                f"{sums} residual sums have a layer norm behind each: such a network trains from a slow start of the "
                "learning rate alone",
                norm.span,
                "behind the sum",
                (Label(stream[0].step.span, "the sum"),) if stream[0].step.span != norm.span else (),
                helps=(f"put the norms in front of the branches, or scale the skips by {depth:.3g} (DeepNorm)",),
            )


def _of_a_sample(net: Net, step: Step) -> bool:
    rule = net.rule(step)
    inner = getattr(rule, "inner", rule)
    return isinstance(inner, Normalise) and 0 not in inner.axes and not inner.groups


def _scaled_up(block: Block) -> bool:
    return any(e is not None and e.number is not None and abs(e.number) > 1 for s in block.skip for e in s.inputs)
