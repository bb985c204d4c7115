"""Steps of small worlds, for values and temporal differences."""

from __future__ import annotations

import numpy as np

from fanin.data.tasks.registry import Fields, Random, task


@task("steps of random walks that begin in the middle and end with 1 on the right: state, next, reward, done, start")
def random_walk(random: Random, n: int = 5000, states: int = 5) -> Fields:
    """``states`` places in a row. ``done`` says that the walk has left them; ``next`` is then ``state``. ``start``
    says that a walk begins. The value of place i, from 1, is i / (states + 1)."""
    state, following = np.zeros(n, np.int64), np.zeros(n, np.int64)
    reward, done, start = np.zeros(n), np.zeros(n, bool), np.zeros(n, bool)
    at, fresh = states // 2, True
    for step, right in enumerate(random.randint(2, size=n).tolist()):
        to = at + (1 if right else -1)
        over = not 0 <= to < states
        state[step], start[step], done[step] = at, fresh, over
        following[step], reward[step] = at if over else to, float(to == states)
        at, fresh = (states // 2, True) if over else (to, False)
    return {"state": state, "next": following, "reward": reward, "done": done, "start": start}
