"""Calls of torch for many replicas at once, where that gives each of them the bits that it has alone.

Several matrices are multiplied by the kernel that multiplies one, an exact operation is exact at any place, and sums go
over the numbers of one replica in the order they have alone. That is not so of a kernel that takes what does not fill
its last vector another way (sigmoid, GELU): those need whole vectors, or are called for each replica. Which of these
holds on a machine is tried before it is used (`stacking.py`); so a rule here may promise too much.

A rule gets a call and the tape, and answers with a function of the number of replicas and the tensors of the call, each
with the replicas as its first axis (``plain`` says which have none); or with None where it does not fit.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import torch
from torch import Tensor

from fanin.pruning.tracing import Call, Ref, Tape, refs, words

Lifted = Callable[..., Any]
Rule = Callable[[Call, Tape, frozenset[int]], "Lifted | None"]

_EXACT = words(
    """relu add sub rsub mul div neg abs sqrt maximum minimum clamp eq ne lt le gt ge where logical_and logical_or
    logical_not logical_xor sign float double long int bool detach clone floor ceil round __add__ __radd__ __sub__
    __rsub__ __mul__ __rmul__ __truediv__ __neg__ __eq__ __ne__ __lt__ __le__ __gt__ __ge__ __and__ __or__ __invert__
    __abs__ leaky_relu relu6 hardtanh zeros_like ones_like square to"""
)
_VECTORS = words(
    """exp log tanh sigmoid gelu silu softplus elu selu celu mish erf sin cos rsqrt reciprocal log1p expm1 pow __pow__
    logsigmoid softsign hardswish hardsigmoid __rtruediv__ exp2 log2 log10 logit tan atan sinh cosh"""
)
_RESHAPES = words("flatten view reshape unsqueeze squeeze unflatten contiguous __get__")
_REDUCTIONS = words("sum mean amax amin argmax argmin logsumexp softmax log_softmax")
_VECTOR = 64  # numbers that every vectorised kernel takes at once, or a part of them

GAIN = frozenset(["linear", "cross_entropy", "matmul", "__matmul__", "bmm"])
"""The calls for which it pays to bring replicas together that are apart."""


def rule(call: Call, tape: Tape, plain: frozenset[int]) -> Lifted | None:
    """A call for many replicas at once, or None. ``plain`` are the numbers of the tensors that all have in common."""
    if isinstance(call.found, Ref) and not any(refs(call.kwargs)):
        if call.name in RULES:
            return RULES[call.name](call, tape, plain)
        if call.name in _EXACT:
            return _elementwise(call, tape, plain)
        if call.name in _VECTORS:
            own = call.args[0] if call.args else None
            full = prod(tape.shapes[call.found.number]) % _VECTOR == 0
            same = isinstance(own, Ref) and tape.shapes[own.number] == tape.shapes[call.found.number]
            return _elementwise(call, tape, plain) if full and same else None
        if call.name in _RESHAPES:
            return _reshaped(call, tape)
        if call.name in _REDUCTIONS:
            return _reduced(call, tape)
    return None


# ------------------------------------------------------------------------------------------------- along the replicas


def _elementwise(call: Call, tape: Tape, plain: frozenset[int]) -> Lifted | None:
    """Operands get axes of one behind the replicas, as they would in front."""
    assert isinstance(call.found, Ref)
    rank = len(tape.shapes[call.found.number])
    own = list(refs(call.args))
    if len({tape.dtypes[r.number] for r in own}) > 1 and any(not tape.shapes[r.number] for r in own):
        return None  # a tensor without axes has less to say about the type of a result
    if call.name == "to" and len(own) > 1:
        return None
    views: list[tuple[int, ...] | None] = []
    for value in call.args:
        shape = tape.shapes[value.number] if isinstance(value, Ref) else ()
        short = isinstance(value, Ref) and value.number not in plain and len(shape) < rank
        views.append((*[1] * (rank - len(shape)), *shape) if short else None)
    if "alpha" in call.kwargs or any(isinstance(value, (list, tuple)) for value in call.args):
        return None  # a product and a sum in one go may be rounded once or twice
    function, kwargs = call.function, call.kwargs
    if not any(view is not None for view in views):
        return lambda count, *args: function(*args, **kwargs)

    def aligned(count: int, *args: Any) -> Any:
        wide = [
            a if v is None else a.reshape(len(a) if len(a) == count else 1, *v)
            for a, v in zip(args, views, strict=True)
        ]
        return function(*wide, **kwargs)

    return aligned


def _reshaped(call: Call, tape: Tape) -> Lifted | None:
    (source,) = (value for value in call.args[:1])
    assert isinstance(source, Ref) and isinstance(call.found, Ref)
    before, after = tape.shapes[source.number], tape.shapes[call.found.number]
    if call.name == "__get__":  # .T, .mT
        if len(before) != 2:
            return None
        return lambda count, x: x.transpose(1, 2)
    if call.name == "contiguous":
        return lambda count, x, *_: x.contiguous()
    return lambda count, x, *_, **__: x.reshape(count, *after)


def _reduced(call: Call, tape: Tape) -> Lifted | None:
    source = call.args[0]
    if not isinstance(source, Ref) or any(refs(call.args[1:])):
        return None
    rank = len(tape.shapes[source.number])
    given = dict(call.kwargs)
    if call.args[1:]:
        if len(call.args) > 2 or isinstance(call.args[1], torch.dtype):
            return None
        given["dim"] = call.args[1]
    if "axis" in given:
        given["dim"] = given.pop("axis")
    dim, name = given.pop("dim", None), call.name
    given.pop("_stacklevel", None)
    function = getattr(torch, name)
    if rank == 0:
        return None
    if dim is None or dim == ():
        if given.get("keepdim") or name in ("softmax", "log_softmax", "logsumexp"):
            return None
        return lambda count, x, *_, **__: function(x.reshape(count, -1), dim=1, **given)
    dims: Any = tuple(1 + d % rank for d in dim) if isinstance(dim, (tuple, list)) else 1 + dim % rank
    return lambda count, x, *_, **__: function(x, dim=dims, **given)


def _permuted(call: Call, tape: Tape, plain: frozenset[int]) -> Lifted | None:
    source = call.args[0]
    rank = len(tape.shapes[source.number])
    order = call.kwargs.get("dims") or (call.args[1] if isinstance(call.args[1], (tuple, list)) else call.args[1:])
    dims = (0, *(1 + d % rank for d in order))
    return lambda count, x, *_, **__: x.permute(dims)


def _transposed(call: Call, tape: Tape, plain: frozenset[int]) -> Lifted | None:
    rank = len(tape.shapes[call.args[0].number])
    if len(call.args) != 3:
        return None
    one, other = 1 + call.args[1] % rank, 1 + call.args[2] % rank
    return lambda count, x, *_: x.transpose(one, other)


def _expanded(call: Call, tape: Tape, plain: frozenset[int]) -> Lifted | None:
    assert isinstance(call.found, Ref)
    before, after = tape.shapes[call.args[0].number], tape.shapes[call.found.number]
    view = (*[1] * (len(after) - len(before)), *before)
    return lambda count, x, *_: x.reshape(count, *view).expand(count, *after)


def _taken(call: Call, tape: Tape, plain: frozenset[int]) -> Lifted | None:
    index = call.args[1] if isinstance(call.args[1], tuple) else (call.args[1],)
    if not all(i is None or i is Ellipsis or (isinstance(i, (int, slice)) and not isinstance(i, bool)) for i in index):
        return None
    wide = (slice(None), *index)
    return lambda count, x, *_: x[wide]


def _joined(call: Call, tape: Tape, plain: frozenset[int]) -> Lifted | None:
    parts = call.args[0]
    if any(part.number in plain for part in parts):
        return None
    dim = call.kwargs.get("dim", call.args[1] if len(call.args) > 1 else 0)
    rank = len(tape.shapes[call.found.number])
    function = call.function
    return lambda count, parts, *_, **__: function(list(parts), dim=1 + dim % rank)


# -------------------------------------------------------------------------------------------------------- with weights

_TINY = 400  # below so many products torch multiplies several matrices by a loop of its own, and one not


def _linear(call: Call, tape: Tape, plain: frozenset[int]) -> Lifted | None:
    if len(call.args) not in (2, 3) or call.kwargs or call.args[1].number in plain:
        return None
    source, weight, bias = (*call.args, None)[:3]
    shape = tape.shapes[source.number]
    out, width = tape.shapes[weight.number]
    rows = prod(shape[:-1])
    if len(shape) < 2 or rows * width * out < _TINY or (bias is not None and bias.number in plain):
        return None
    common = source.number in plain
    flat = len(shape) == 2

    def linear(count: int, x: Tensor, w: Tensor, b: Tensor | None = None) -> Tensor:
        if common:
            x = x.expand(count, *shape)
        rows = x if flat else x.reshape(count, -1, width)
        found: Tensor = _Linear.apply(rows, w, b)  # type: ignore[no-untyped-call]
        return found if flat else found.view(count, *shape[:-1], out)

    return linear


class _Linear(torch.autograd.Function):
    """x Wᵀ + b. The gradients of torch would have the weights the other way round in memory, and optimisers mind."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor, b: Tensor | None) -> Tensor:
        ctx.save_for_backward(x, w)
        return torch.bmm(x, w.mT) if b is None else torch.baddbmm(b.unsqueeze(1), x, w.mT)

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        x, w = ctx.saved_tensors
        asks = ctx.needs_input_grad
        return (
            torch.bmm(slope, w) if asks[0] else None,
            torch.bmm(slope.mT, x) if asks[1] else None,
            slope.sum(1) if asks[2] else None,
        )


def _matmul(call: Call, tape: Tape, plain: frozenset[int]) -> Lifted | None:
    one, other = call.args[:2]
    a, b = tape.shapes[one.number], tape.shapes[other.number]
    if one.number in plain or other.number in plain or len(a) != len(b) or len(a) < 2 or a[:-2] != b[:-2]:
        return None
    if len(a) == 2 and prod(a) * b[-1] < _TINY:
        return None
    return lambda count, x, y: torch.matmul(x, y)


def _cross_entropy(call: Call, tape: Tape, plain: frozenset[int]) -> Lifted | None:
    usual: dict[str, Any] = {"weight": None, "size_average": None, "reduce": None, "reduction": "mean"}
    usual |= {"ignore_index": -100, "label_smoothing": 0.0}
    if len(call.args) != 2 or any(usual.get(k, k) != v for k, v in call.kwargs.items()):
        return None
    logits, label = call.args
    if len(tape.shapes[logits.number]) != 2 or tape.dtypes[label.number] != torch.long or logits.number in plain:
        return None
    common = label.number in plain

    def cross_entropy(count: int, x: Tensor, y: Tensor, **_: Any) -> Tensor:
        if common:
            y = y.expand(count, *y.shape)
        found: Tensor = _CrossEntropy.apply(x, y)  # type: ignore[no-untyped-call]
        return found

    return cross_entropy


_nll_loss: Callable[..., Tensor] = torch._C._nn.nll_loss_nd  # what functional.nll_loss calls: the mean is 1
_nll_slopes: Callable[..., Tensor] = torch.ops.aten.nll_loss_backward.default  # of rows: 0
_NOTHING = torch.tensor(0.0)


class _CrossEntropy(torch.autograd.Function):
    """The mean over its rows for each replica; targets of -100 are left out."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor) -> Tensor:
        logs = torch.log_softmax(x, 2)
        ctx.save_for_backward(logs, y)
        return torch.stack([_nll_loss(a, b, None, 1, -100) for a, b in zip(logs.unbind(), y.unbind(), strict=True)])

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor, None]:
        logs, y = ctx.saved_tensors
        share = slope / (y != -100).sum(1)
        rows = share.unsqueeze(1).expand(y.shape).flatten()
        found = _nll_slopes(rows, logs.flatten(0, 1), y.flatten(), None, 0, -100, _NOTHING).view_as(logs)
        return torch._log_softmax_backward_data(found, logs, 2, logs.dtype), None


RULES: dict[str, Rule] = {
    "linear": _linear,
    "matmul": _matmul,
    "__matmul__": _matmul,
    "bmm": _matmul,
    "cross_entropy": _cross_entropy,
    "permute": _permuted,
    "transpose": _transposed,
    "expand": _expanded,
    "__getitem__": _taken,
    "cat": _joined,
    "concat": _joined,
}
