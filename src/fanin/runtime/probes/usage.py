"""Structures that may be idle: how sharply attention looks, how evenly a router shares, where gates stand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from fanin.record import record
from fanin.runtime.probes.modes import evaluating

_SOFTMAXES = (F.softmax, torch.softmax, Tensor.softmax)
_SIGMOIDS = (torch.sigmoid, Tensor.sigmoid, F.sigmoid)


@record
class Usage:
    """One place at one step. ``place`` is the path of the module and what it computes there (``attn.softmax``).

    Of a softmax: ``entropy`` of a row over the logarithm of how many are to choose from (1: all alike, 0: one alone),
    and ``share``, the largest mean share of one choice. Of a sigmoid: ``entropy`` in bits, and its mean as ``share``.
    """

    step: int
    place: str
    kind: str  # "softmax" | "attention" | "gate"
    entropy: float
    share: float


class Recorder:
    """Entropy of attention and routers, and gates, against the step. ``rows`` are what was recorded."""

    def __init__(self, net: nn.Module) -> None:
        self.net = net
        self.rows: list[Usage] = []

    def record(self, step: int, *inputs: Tensor) -> list[Usage]:
        """Run the network on some inputs, as in evaluation and without gradient, and remember how it used them."""
        new = usage(self.net, *inputs, step=step)
        self.rows += new
        return new

    def curve(self, place: str) -> list[tuple[int, float]]:
        """Steps and entropies of one place. Raises KeyError for a place that was not seen."""
        found = [(r.step, r.entropy) for r in self.rows if r.place == place]
        if not found:
            raise KeyError(f"nothing was recorded at `{place}`: {', '.join(sorted({r.place for r in self.rows}))}")
        return found


@torch.no_grad()
def usage(net: nn.Module, *inputs: Tensor, step: int = 0) -> list[Usage]:
    """How a network uses its softmaxes, attention and sigmoids on some inputs: a row for each place that computes one.

    Where a place is run several times (a recurrence, shared weights), its mean. Choices that a mask rules out do not
    count, nor do rows that leave nothing to choose.
    """
    seen: dict[tuple[str, str], list[tuple[float, float]]] = {}
    with evaluating(net), _paths(net) as where, _Watch(seen, where):
        net(*inputs)
    rows = []
    for (place, kind), found in seen.items():
        entropy, share = (sum(column) / len(found) for column in zip(*found, strict=True))
        rows.append(Usage(step, place, kind, entropy, share))
    return rows


class _Watch(TorchFunctionMode):
    """Looks at what some functions give."""

    def __init__(self, seen: dict[tuple[str, str], list[tuple[float, float]]], where: list[str]) -> None:
        super().__init__()
        self.seen, self.where = seen, where

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = kwargs or {}
        if func is F.scaled_dot_product_attention:
            attended, weights = _attend(*args, **given)
            self._tell("attention", "attention", _softmax_usage(weights, -1))
            return attended
        if func is F.multi_head_attention_forward:
            result = func(*args, **{**given, "need_weights": True, "average_attn_weights": False})
            self._tell("attention", "attention", _softmax_usage(torch.as_tensor(result[1]), -1))
            return result
        result = func(*args, **given)
        if func in _SOFTMAXES:
            axis = given.get("dim", args[1] if len(args) > 1 else -1)
            self._tell("softmax", "softmax", _softmax_usage(result, -1 if axis is None else axis))
        elif func in _SIGMOIDS:
            self._tell("sigmoid", "gate", _gate_usage(result))
        return result

    def _tell(self, function: str, kind: str, found: tuple[float, float] | None) -> None:
        if found is not None:
            place = f"{self.where[-1]}.{function}".lstrip(".")
            self.seen.setdefault((place, kind), []).append(found)


def _softmax_usage(weights: Tensor, axis: int) -> tuple[float, float] | None:
    """The mean normalised entropy, and the largest share of one choice."""
    if _inside_vmap(weights):
        return None
    rows = weights.detach().double().movedim(axis, -1).flatten(0, -2)
    choices = (rows > 0).sum(dim=-1)
    open_ = choices > 1
    if not bool(open_.any()):
        return None
    entropy = torch.special.entr(rows[open_]).sum(dim=-1) / choices[open_].log()
    return float(entropy.mean()), float(rows.mean(dim=0).max())


def _gate_usage(gate: Tensor) -> tuple[float, float] | None:
    if _inside_vmap(gate):
        return None
    p = gate.detach().double()
    bits = (torch.special.entr(p) + torch.special.entr(1 - p)) / torch.log(torch.tensor(2.0))
    return float(bits.mean()), float(p.mean())


def _attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> tuple[Tensor, Tensor]:
    """Attention by its formula, and its weights. Without dropout: it is looked at as in evaluation."""
    if enable_gqa:
        key = key.repeat_interleave(query.size(-3) // key.size(-3), -3)
        value = value.repeat_interleave(query.size(-3) // value.size(-3), -3)
    scores = query @ key.mT * (query.size(-1) ** -0.5 if scale is None else scale)
    if is_causal:
        ahead = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).triu(1)
        scores = scores.masked_fill(ahead, float("-inf"))
    if attn_mask is not None:
        dark = float("-inf")
        scores = scores.masked_fill(~attn_mask, dark) if attn_mask.dtype is torch.bool else scores + attn_mask
    weights = torch.exp(scores - scores.logsumexp(dim=-1, keepdim=True))
    return weights @ value, weights


def _inside_vmap(value: Tensor) -> bool:
    return bool(torch._C._functorch.is_functorch_wrapped_tensor(value))


@contextmanager
def _paths(net: nn.Module) -> Iterator[list[str]]:
    """The paths of the modules that are running, the innermost last."""
    stack = [""]
    names = {id(m): path for path, m in net.named_modules()}

    def leave(module: nn.Module, args: object, output: object) -> None:
        stack.pop()

    modules = [m for m in net.modules() if m is not net]
    handles = [m.register_forward_pre_hook(lambda m, _: stack.append(names[id(m)])) for m in modules]
    handles += [m.register_forward_hook(leave, always_call=True) for m in modules]
    try:
        yield stack
    finally:
        for handle in handles:
            handle.remove()
