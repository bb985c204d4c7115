"""The Python interface: ``fanin.check``, ``elaborate``, ``source``, ``draw``, ``load``, ``loads``."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from fanin import pipeline
from fanin.ir.graph import Program
from fanin.report import Report

if TYPE_CHECKING:
    import torch

    from fanin.emit.picture.drawing import Picture
    from fanin.runtime.export import Exported
    from fanin.signal.analysis import Input
    from fanin.signal.rows import Row


def check(path: str, name: str | None = None, **hyper: Any) -> Report:
    """The findings on a spec: ``.diagnostics`` (code, name, severity, span, …) and ``.ok``."""
    return pipeline.check(path, [name] if name else None, hyper)


def elaborate(path: str, name: str | None = None, **hyper: Any) -> Program:
    """The typed graph of a model or block; sizes that it leaves open may be given by their letters."""
    return pipeline.elaborate(path, name, hyper)


def source(path: str, name: str | None = None, *, optimize: int = 1, **hyper: Any) -> str:
    """The standalone PyTorch module that ``load`` would run."""
    return pipeline.source(pipeline.elaborate(path, name, hyper), optimize=optimize)


def draw(
    program: Program, *, depth: int | None = None, expand: tuple[str, ...] = (), color: str | None = None
) -> Picture:
    """The picture of a program, painted by its ``cost`` or ``parameters`` where ``color`` says so.

    It shows itself in a notebook, and ``.save(path)`` writes it.
    """
    from fanin.emit.picture.drawing import Picture

    return Picture(program, depth=depth, expand=expand, paint=pipeline.paint(program, color))


def export(
    program: Program,
    path: str,
    *,
    net: torch.nn.Module | None = None,
    seed: int = 0,
    allow_extern: bool | Collection[str] = False,
) -> Exported:
    """Write a program as a `.pt2` or `.onnx` file: with the weights of ``net``, or freshly drawn ones.

    What was written is run at sizes that it was not made at; ``.sizes`` and ``.difference`` say how it compared.
    """
    return pipeline.export(program, path, seed=seed, net=net, allow_extern=allow_extern)


def signal(
    program: Program,
    *,
    inputs: Mapping[str, Input | dict[str, float]] | None = None,
    sizes: Mapping[str, int] | None = None,
    training: bool = True,
) -> list[Row]:
    """How activations and gradients behave before a weight exists: a row for each input and op, in order.

    ``inputs`` declare the law of an input by its name, ``{"image": {"mean": 0.4, "correlation": 0.6}}`` (white with
    variance 1 otherwise), ``sizes`` the open dimensions
    by their letters. Raises ValueError where no sizes meet the conditions of the program.
    """
    from fanin.signal.rows import rows

    return rows(pipeline.signal(program, inputs, sizes, training=training))


def load(
    path: str,
    name: str | None = None,
    *,
    seed: int = 0,
    optimize: int = 1,
    allow_extern: bool | Collection[str] = False,
    **hyper: Any,
) -> torch.nn.Module:
    """The model as a ``torch.nn.Module``, its weights drawn from the laws of the spec by (seed, path).

    ``extern`` blocks import packages of the user's: with ``allow_extern``, all that the spec names, or those in a list.
    """
    return _load(pipeline.elaborate(path, name, hyper), seed, optimize, allow_extern)


def loads(
    text: str,
    name: str | None = None,
    *,
    seed: int = 0,
    optimize: int = 1,
    allow_extern: bool | Collection[str] = False,
    **hyper: Any,
) -> torch.nn.Module:
    """The same for a spec in a string: the model of that name, or the only one."""
    from fanin.source import Source

    program = pipeline.elaborate_source(Source("<string>", text), "<string>", name, hyper)
    return _load(program, seed, optimize, allow_extern)


def _load(program: Program, seed: int, optimize: int, allow_extern: bool | Collection[str]) -> torch.nn.Module:
    from fanin.runtime.externs import check_externs
    from fanin.runtime.load import build

    check_externs(program, allow_extern)
    return build(program, pipeline.source(program, optimize=optimize), seed=seed)
