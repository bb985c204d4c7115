"""Data for systems: where it comes from, how it binds to the inputs, how it is split and batched.

``open`` is for ``fanin.data.open("digits")``; inside the package it is ``open_data``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fanin.data.binding import bind
    from fanin.data.loader import Batches
    from fanin.data.opening import open_data
    from fanin.data.opening import open_data as open
    from fanin.data.problems import DataFailed
    from fanin.data.stream import Stream
    from fanin.data.streaming import StreamBatches, batches
    from fanin.data.table import Data

__all__ = ["Batches", "Data", "DataFailed", "Stream", "StreamBatches", "batches", "bind", "open", "open_data"]

_HOMES = {
    "bind": "binding",
    "Batches": "loader",
    "Data": "table",
    "DataFailed": "problems",
    "Stream": "stream",
    "StreamBatches": "streaming",
    "batches": "streaming",
    "open": "opening",
    "open_data": "opening",
}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module 'fanin.data' has no attribute {name!r}")
    return getattr(import_module(f"fanin.data.{_HOMES[name]}"), "open_data" if name == "open" else name)
