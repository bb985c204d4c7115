"""The derivative of the outputs in an input, and its singular values, for each sample."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fanin.record import record
from fanin.runtime.probes.modes import evaluating, joined


@record(eq=False)
class Jacobian:
    """Of a matrix ``[outputs, inputs]`` for each sample: its singular values ``[N, min]``, the largest first."""

    values: Tensor
    outputs: int
    inputs: int

    @property
    def largest(self) -> float:
        return float(self.values.max())

    @property
    def smallest(self) -> float:
        return float(self.values.min())

    @property
    def rms(self) -> float:
        """The root of their mean square over the inputs, zeros counted: what ``fanin signal`` predicts at the start."""
        return float((self.values.square().sum() / (self.values.shape[0] * self.inputs)).sqrt())

    @property
    def condition(self) -> float:
        """The largest over the smallest, in the worst sample; infinite where one is 0."""
        worst = self.values[:, 0] / self.values[:, -1]
        return float(worst.max()) if bool((self.values[:, -1] > 0).all()) else float("inf")


def jacobian(net: nn.Module, *inputs: Tensor, wrt: int = 0) -> Jacobian:
    """The Jacobian of all float outputs in one float input, sample by sample.

    The network runs as in evaluation, where samples do not see each other. Derivatives are taken in all directions at
    once: forwards along the inputs where they are fewer, back from the outputs otherwise. Raises ValueError for an
    input that is no float.
    """
    matrices = jacobian_matrix(net, *inputs, wrt=wrt)
    return Jacobian(torch.linalg.svdvals(matrices), matrices.shape[1], matrices.shape[2])


def jacobian_matrix(net: nn.Module, *inputs: Tensor, wrt: int = 0) -> Tensor:
    """The matrices themselves, ``[N, outputs, inputs]``."""
    x = inputs[wrt]
    if not x.is_floating_point():
        raise ValueError(f"input {wrt} is {str(x.dtype).removeprefix('torch.')}: a derivative is taken in a float one")

    def run(value: Tensor) -> Tensor:
        given = [value if i == wrt else t for i, t in enumerate(inputs)]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return joined(net(*given))

    with evaluating(net):
        plain = run(x.detach())
        count, size = plain.shape[1], x[0].numel()
        if plain.shape[0] != x.shape[0]:
            raise ValueError(f"the network gives {plain.shape[0]} rows for {x.shape[0]} samples")
        if count <= size:
            return _backwards(run, x.detach(), count)
        try:
            return _forwards(run, x.detach(), size)
        except NotImplementedError:  # an op without a derivative in forward mode
            return _backwards(run, x.detach(), count)


def _forwards(run: object, x: Tensor, size: int) -> Tensor:
    """One direction at a time, the same in every sample: column k of all matrices."""
    directions = torch.eye(size, dtype=x.dtype, device=x.device).reshape(size, 1, *x.shape[1:]).expand(size, *x.shape)

    def column(direction: Tensor) -> Tensor:
        return torch.func.jvp(run, (x,), (direction,))[1]  # type: ignore[arg-type, no-any-return]

    columns = torch.vmap(column, randomness="same", chunk_size=256)(directions)
    return columns.permute(1, 2, 0).detach()


def _backwards(run: object, x: Tensor, count: int) -> Tensor:
    plain, pull = torch.func.vjp(run, x)  # type: ignore[arg-type, misc]
    unit = torch.eye(count, dtype=plain.dtype, device=plain.device)[:, None].expand(count, *plain.shape)
    (rows,) = torch.vmap(pull, randomness="same", chunk_size=256)(unit)
    return torch.as_tensor(rows.flatten(2).transpose(0, 1).detach())
