"""How the benchmarks measure: CPU time, as ratios in one run, since these machines are noisy.

Cold processes: the least of several runs, what is compared taking turns. Code in one process: interleaved rounds, the
order reversed each round, the garbage collector off, one thread; the figure is the median of the rounds' ratios.
"""

from __future__ import annotations

import gc
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence


def cold(commands: dict[str, Sequence[str]], rounds: int = 7) -> dict[str, float]:
    """The least CPU seconds of each command, as fresh processes in turns."""
    env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    best = dict.fromkeys(commands, float("inf"))
    for _ in range(rounds + 1):  # the first round fills the caches
        for name, command in commands.items():
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=env)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            best[name] = min(best[name], after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return best


def ratio(base: Callable[[], object], variant: Callable[[], object], rounds: int = 15, warm: int = 3) -> float:
    """The median over rounds of the CPU time of ``variant`` over that of ``base``."""
    for _ in range(warm):
        base()
        variant()
    gc.collect()
    gc.disable()
    try:
        found = []
        for turn in range(rounds):
            pair = (base, variant) if turn % 2 == 0 else (variant, base)
            times = {f: _timed(f) for f in pair}
            found.append(times[variant] / times[base])
        return statistics.median(found)
    finally:
        gc.enable()


def _timed(function: Callable[[], object]) -> float:
    start = time.process_time()
    function()
    return time.process_time() - start


def report(name: str, value: float, goal: float, unit: str = "×") -> None:
    """One line: the figure, and the goal it is held to."""
    verdict = "ok" if value <= goal else "MISSED"
    print(f"{name:72} {value:8.3f} {unit}  (goal ≤ {goal:g})  {verdict}")
    sys.stdout.flush()
