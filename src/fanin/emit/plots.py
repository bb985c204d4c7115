"""Curves along the depth of a network, drawn by matplotlib."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import matplotlib
from matplotlib.figure import Figure

from fanin.signal.measured import Measurement
from fanin.signal.rows import Row

_PANELS: tuple[tuple[str, Callable[[Row], float | None]], ...] = (
    ("rms of activations", lambda r: r.rms),
    ("std of gradients", lambda r: r.grad_std),
    ("spread of ln |x|²", lambda r: r.spread),
)


def signal_plot(rows: Sequence[Row], measured: Measurement | None, path: str, title: str) -> None:
    """Three panels over one axis: predictions as lines, measurements as dots. The ending of ``path`` is the format."""
    matplotlib.rcParams["svg.hashsalt"] = "fanin"  # the same file each time
    shown = [r for r in rows if r.weights or r.op in ("input", "add")]
    figure = Figure(figsize=(9, 7), layout="constrained")
    axes = figure.subplots(len(_PANELS), 1, sharex=True)
    for axis, (label, value) in zip(axes, _PANELS, strict=True):
        points = [(i, value(r)) for i, r in enumerate(shown)]
        known = [(i, v) for i, v in points if v is not None and v > 0]
        axis.plot(
            [i for i, _ in known], [v for _, v in known], marker=".", linewidth=1, color="#1f6f8b", label="predicted"
        )
        seen = [
            (i, m.rms if label.startswith("rms") else m.grad)
            for i, r in enumerate(shown)
            if measured is not None and (m := measured.of(r)) is not None
        ]
        seen = [(i, v) for i, v in seen if v]
        if seen and not label.startswith("spread"):
            at, values = [i for i, _ in seen], [v for _, v in seen]
            axis.plot(at, values, "o", markersize=4, fillstyle="none", color="#c0392b", label="measured")
            axis.legend()
        if known and not label.startswith("spread"):
            axis.set_yscale("log")
        axis.set_ylabel(label)
        axis.grid(alpha=0.3)
    axes[0].set_title(title)
    step = max(1, len(shown) // 24)
    places = range(0, len(shown), step)
    axes[-1].set_xticks(places, [shown[i].path[-24:] for i in places], rotation=60, ha="right", fontsize=7)
    endings = {"svg": "svg", "png": "png", "pdf": "pdf"}
    figure.savefig(path, format=endings.get(path.rsplit(".", 1)[-1], "svg"), metadata={"Date": None})
