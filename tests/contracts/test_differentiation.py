"""Row S103: of every op, what comes back is the derivative of what goes forwards, or the op says that nothing does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from cases import Case, cases, tensors
from evaluate import Evaluator
from test_ops import OPS, Refused, attributes, infer, quiet
from torch import Tensor, nn
from torch.nn.utils import stateless

from fanin.ops.contract import Op, OpAttrs

CASES = 6
Function = Callable[..., tuple[Tensor, ...]]
NOT_ITS_DERIVATIVE = {
    ("gumbel_softmax", "hard"),  # backwards it is the soft one: that is what it is for
    ("Embedding", "padding_idx"),  # its row is to stay as it is
}
BEHIND = {"ctc_loss": partial(torch.log_softmax, dim=-1)}  # PyTorch's gradient is that of log probabilities alone


def flows(tensor: object) -> bool:
    return isinstance(tensor, Tensor) and (tensor.is_floating_point() or tensor.is_complex())


def inputs_of(case: Case) -> Iterator[list[Any]]:
    """Tensors for a case in several ways: not every op takes every number."""
    plain = tensors(case)
    sizes = {n for t in plain if isinstance(t, Tensor) and not flows(t) and t.dtype is torch.long for n in t.shape}
    ints: list[Callable[[Tensor], Tensor]] = [lambda t, n=n: distinct(t, n) for n in sorted(sizes, reverse=True)]
    ints += [lambda t, n=n: torch.full_like(t, n) for n in (1, 0)]
    floats: list[Callable[[Tensor], Tensor]] = [lambda t: t, lambda t: t + 1.5, definite]
    for change_float in floats:
        for change_int in ints:
            yield [
                change_float(t) if flows(t) else change_int(t) if isinstance(t, Tensor) and t.dtype is torch.long else t
                for t in plain
            ]


def distinct(t: Tensor, n: int) -> Tensor:
    """Indices below ``n``, no two of them alike along an axis of that size."""
    total = torch.zeros(t.shape, dtype=torch.long)
    for axis, size in enumerate(t.shape):
        total += torch.arange(size).view(-1, *(1 for _ in t.shape[axis + 1 :]))
    return total % n


def definite(t: Tensor) -> Tensor:
    """Matrices that are symmetric and positive definite, where they are square."""
    if t.dim() < 2 or t.shape[-1] != t.shape[-2]:
        return t
    return t @ t.mH + torch.eye(t.shape[-1], dtype=t.dtype)


def function(op: Op[Any], a: OpAttrs, case: Case, given: list[Any]) -> tuple[Function, list[Tensor]]:
    """The op as a function of all floats that it has a gradient for, its weights among them, and what they are here."""
    made = op.construct(a, *case.types)
    module: nn.Module | None = None if made is None else Evaluator()(made).double().eval()
    ports = [p for p, operand in zip(op.inputs, case.operands, strict=True) for _ in operand or (None,)]
    constants = getattr(op, "constants", ())
    moved = [i for i, t in enumerate(given) if flows(t) and ports[i].name not in constants]
    weights = {} if module is None else {k: p.detach() for k, p in module.named_parameters() if p.requires_grad}

    prepare = BEHIND.get(op.name, symmetric if reads_one_triangle(op, a, case, given) else lambda t: t)

    def run(*floats: Tensor) -> tuple[Tensor, ...]:
        values = dict(zip(moved, map(prepare, floats), strict=False))
        code = op.torch(a, *case.types)
        call = Evaluator([values.get(i, t) for i, t in enumerate(given)], module, False)
        torch.manual_seed(0)
        if module is None:
            result = call(code)
        else:
            with stateless._reparametrize_module(module, dict(zip(weights, floats[len(moved) :], strict=True))):
                result = call(code)
        results = result if isinstance(result, (tuple, list)) else (result,)
        return tuple(
            r[torch.isfinite(r)] for r in results if flows(r)
        )  # -inf of a mask, or no number outside its range

    leaves = [given[i] for i in moved] + list(weights.values())
    return run, [t.detach().clone().requires_grad_() for t in leaves]


def symmetric(t: Tensor) -> Tensor:
    return (t + t.mH) / 2 if t.dim() > 1 and t.shape[-1] == t.shape[-2] else t


def reads_one_triangle(op: Op[Any], a: OpAttrs, case: Case, given: list[Any]) -> bool:
    """Whether a matrix stands for the symmetric one of its lower triangle, which a gradient then is of."""
    if op.construct(a, *case.types) is not None:
        return False
    if len(given) != 1 or not flows(given[0]) or given[0].dim() < 2 or given[0].shape[-1] != given[0].shape[-2]:
        return False
    try:
        with quiet():
            whole, lower = (Evaluator([t], None, False)(op.torch(a, *case.types)) for t in (given[0], given[0].tril()))
    except RuntimeError:
        return False
    one, other = (r if isinstance(r, (tuple, list)) else (r,) for r in (whole, lower))
    upper = given[0].triu(1).abs().max() if given[0].shape[-1] > 1 else 0
    return bool(upper > 0) and all(torch.equal(x, y) for x, y in zip(one, other, strict=True))


def slopes(run: Function, leaves: list[Tensor]) -> list[Tensor] | None:
    """The gradient of a weighted sum of the results; None where no result has a number."""
    results = [r for r in run(*leaves) if r.numel()]
    if not results:
        return None
    # Every number has a weight of its own: a softmax sums to 1 whatever goes in.
    parts = [r * torch.linspace(1, 2, r.numel(), dtype=torch.double) for r in results if r.requires_grad]
    if not parts:
        return []
    total = torch.stack([torch.view_as_real(p).sum() if p.is_complex() else p.sum() for p in parts]).sum()
    return [g for g in torch.autograd.grad(total, leaves, allow_unused=True) if g is not None]


@OPS
def test_s103_the_gradient_of_every_op(op: Op[Any]) -> None:
    has_floats = reached = False
    for case in cases(op, CASES):
        case = replace(case, given={k: v for k, v in case.given.items() if (op.name, k) not in NOT_ITS_DERIVATIVE})
        try:
            a = attributes(op, case)
            infer(op, a, case, False)
        except Refused:
            continue
        for given in inputs_of(case):
            run, leaves = function(op, a, case, given)
            if not leaves or not 0 < sum(t.numel() for t in leaves) < 4000 or not all(t.numel() for t in leaves):
                break
            with quiet():
                try:
                    found = slopes(run, leaves)
                except (RuntimeError, IndexError):
                    continue  # indices beyond an axis, matrices without an inverse
                if found is None:
                    continue
                has_floats = True
                if not any(bool(g.any()) for g in found):
                    continue
                reached = True
                small = sum(t.numel() for t in leaves) <= 40
                assert torch.autograd.gradcheck(
                    lambda *x, run=run: tuple(r for r in run(*x) if r.requires_grad), leaves, fast_mode=not small
                ), (op.name, case)
                break
    if has_floats:
        assert reached is op.differentiable, f"`{op.name}`: {'a' if reached else 'no'} gradient came back"
