"""Processes to be killed: forks of a small one that has PyTorch loaded, however large this one has become."""

from __future__ import annotations

import time
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from typing import Any

import torch

_FORKS = get_context("forkserver")
_FORKS.set_forkserver_preload(["tests.warm"])


def started(work: Callable[..., object], *arguments: Any) -> BaseProcess:
    """Begin a function of a module in a process of its own, on as many threads as there are here."""
    process = _FORKS.Process(target=_on, args=(torch.get_num_threads(), work, arguments))
    process.start()
    return process


def lasting(work: Callable[..., object], *arguments: Any) -> float:
    """The seconds that it takes in a process."""
    started(int).join()  # so that what processes are forked of is there
    began = time.perf_counter()
    started(work, *arguments).join()
    return time.perf_counter() - began


def killed(process: BaseProcess, after: float) -> bool:
    """Wait so many seconds, and kill a process; False where it had ended."""
    process.join(after)
    if process.exitcode is not None:
        return False
    process.kill()
    process.join()
    return True


def _on(threads: int, work: Callable[..., object], arguments: tuple[Any, ...]) -> None:
    torch.set_num_threads(threads)
    work(*arguments)
