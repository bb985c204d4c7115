"""Random numbers of processes that share a batch: put together, they are those of one process."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Categorical, Normal
from torch.nn import functional as F

from fanin.systems.draws import SharedDraws
from fanin.systems.problems import RunFailed
from fanin.systems.run import check_shared
from tests.unit.systems.runs import phases_of

ROWS = 7
RNN = nn.GRU(3, 5, 2, dropout=0.4, batch_first=True)
DRAWS: dict[str, Callable[[Tensor], Tensor]] = {
    "like": torch.randn_like,
    "sizes": lambda x: torch.rand(len(x), 3) + torch.randint(0, 9, (len(x), 3)),
    "normal": lambda x: Normal(x[:, 0], 2.0).rsample(),
    "of their values": lambda x: torch.bernoulli(x[:, 0].sigmoid()),
    "in place": lambda x: torch.empty_like(x).exponential_(),
    "classes": lambda x: Categorical(logits=x.flatten(1)).sample(),
    "dropout": lambda x: F.dropout(x, 0.5),
    "dropout of channels": lambda x: F.dropout1d(x, 0.5),
    "rrelu": lambda x: F.rrelu(x, training=True),
    "gumbel": lambda x: F.gumbel_softmax(x, hard=True),
    "attention": lambda x: F.scaled_dot_product_attention(x, x, x, dropout_p=0.5),
    "recurrence": lambda x: RNN(x)[0],
    "rows merged with time": lambda x: F.dropout(x.flatten(0, 1), 0.5).unflatten(0, (len(x), 4)),
    "time first": lambda x: F.dropout(x.transpose(0, 1), 0.5).transpose(0, 1),
    "twice": lambda x: torch.randn_like(x) + torch.randn_like(x),
}


@pytest.mark.parametrize("name", DRAWS)
@pytest.mark.parametrize("processes", [2, 3])
def test_put_together_they_are_the_draws_of_one(name: str, processes: int) -> None:
    draw = DRAWS[name]
    x = torch.randn(ROWS, 4, 3)
    torch.manual_seed(1)
    whole, after = draw(x), torch.rand(())
    parts = []
    for rank in range(processes):
        start, stop = ROWS * rank // processes, ROWS * (rank + 1) // processes
        torch.manual_seed(1)
        with SharedDraws(start, stop - start, ROWS):
            parts.append(draw(x[start:stop]))
        assert torch.equal(torch.rand(()), after)  # all stand at the same place behind it
    torch.testing.assert_close(torch.cat(parts), whole, rtol=0, atol=1e-6)


def test_noise_on_weights_is_the_same_for_all() -> None:
    weight = torch.ones(11, 13)
    found = []
    for start in (0, 5):
        torch.manual_seed(2)
        with SharedDraws(start, 5, 10):
            found.append(F.dropout(weight, 0.5))
    torch.manual_seed(2)
    assert torch.equal(found[0], found[1]) and torch.equal(found[0], F.dropout(weight, 0.5))


def test_a_process_without_rows_stays_with_the_others() -> None:
    """It has another batch, of 4 rows, where all together have 1."""
    torch.manual_seed(3)
    F.dropout(torch.ones(1, 6), 0.5)
    after = torch.rand(())
    torch.manual_seed(3)
    with SharedDraws(0, 4, 1):
        assert F.dropout(torch.ones(4, 6), 0.5).shape == (4, 6)
    assert torch.equal(torch.rand(()), after)


def test_a_gradient_goes_through() -> None:
    """Of a dropout: zero where it dropped, and what it scaled with elsewhere."""
    x = torch.ones(3, 5, requires_grad=True)
    torch.manual_seed(4)
    with SharedDraws(3, 3, 6):
        y = F.dropout(x, 0.5)
    y.sum().backward()
    assert torch.equal(x.grad, y.detach())


BY_HAND = """
system Fit()(x: [N, 4], y: [N]) {
  param w: [4] = zeros
  loss error = mean((x @ w - y) ** 2)
  RULE
}
"""


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("update w = w - 0.1 * grad(error, w)", "an `update` of a system"),
        ("train w on error with lbfgs(lr=1.0)", "`lbfgs`"),
        ("train w on error with sgd(lr=0.1)", None),
    ],
)
def test_what_goes_by_the_rows_of_one_process_is_refused(rule: str, said: str | None) -> None:
    phases = phases_of(BY_HAND.replace("RULE", rule))
    with nullcontext() if said is None else pytest.raises(RunFailed, match=said):
        check_shared(phases)
