"""Loaded models held to their graphs: inputs of the declared types, and results of the predicted ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from fanin import pipeline
from fanin.diagnostics.model import Severity
from fanin.ir.conditions import holds, symbols_in
from fanin.ir.dims import Dim, Poly, Symbol, evaluate
from fanin.ir.graph import Program
from fanin.ir.types import DType, TensorType
from fanin.runtime.load import build
from fanin.source import Source

Sizes = Mapping[Symbol, int]


def program_of(text: str, name: str | None = None, **hyper: Any) -> Program:
    """The program of a spec in a string. Raises CheckFailed."""
    return pipeline.elaborate_source(Source("<string>", text), "<string>", name, hyper)


def module_of(program: Program, *, seed: int = 0) -> nn.Module:
    return build(program, pipeline.source(program), seed=seed)


def load(text: str, name: str | None = None, *, seed: int = 0, **hyper: Any) -> nn.Module:
    return module_of(program_of(text, name, **hyper), seed=seed)


def paths(text: str, name: str | None = None, **hyper: Any) -> list[str]:
    """The keys of the `state_dict`, in order."""
    return list(load(text, name, **hyper).state_dict())


def results(text: str, name: str | None = None, **hyper: Any) -> list[str]:
    """The types of the results, as the language writes them."""
    return [str(result.value.type) for result in program_of(text, name, **hyper).outputs]


def codes(text: str, **hyper: Any) -> list[str]:
    """The codes of the errors and warnings that a check finds, in the order of the text."""
    report = pipeline.check_text(text, hyper=hyper)
    return [d.code.id for d in report.diagnostics if d.severity is not Severity.ADVICE]


def conditions(text: str, **hyper: Any) -> list[str]:
    """The conditions of a model on its open dimensions."""
    return [str(r.condition) for r in program_of(text, **hyper).requirements]


# ------------------------------------------------------------------------------------------------------- open sizes


def open_symbols(program: Program) -> list[Symbol]:
    """The open dimensions of the inputs, and those that conditions speak of."""
    found: dict[Symbol, None] = {}
    for port in program.inputs:
        assert port.value is not None
        for size in port.value.type.shape:
            if isinstance(size, Poly):
                found |= dict.fromkeys(sorted(size.symbols(), key=lambda s: s.name))
    for requirement in program.requirements:
        found |= dict.fromkeys(sorted(symbols_in(requirement.condition), key=lambda s: s.name))
    return list(found)


def meets(program: Program, sizes: Sizes, training: bool) -> bool:
    """Whether a model can be run at these sizes."""
    return all(holds(r.condition, sizes) for r in program.requirements if training or not r.training)


def tensor_type(type: TensorType, sizes: Sizes) -> tuple[DType, tuple[int, ...]]:
    return type.dtype, tuple(size_at(size, sizes) for size in type.shape)


def size_at(size: Dim, sizes: Sizes) -> int:
    return size if isinstance(size, int) else evaluate(size, sizes)


# --------------------------------------------------------------------------------------------------------- running


def tensor(type: TensorType, sizes: Sizes, dtype: torch.dtype, high: int = 1, seed: int = 0) -> Tensor:
    """Numbers of a type: floats in (0, 1), ints below ``high``."""
    kind, shape = tensor_type(type, sizes)
    generator = torch.Generator().manual_seed(seed)
    if kind is DType.FLOAT:
        return torch.rand(shape, generator=generator, dtype=dtype)
    if kind is DType.COMPLEX:
        return torch.rand(
            shape, generator=generator, dtype=torch.complex128 if dtype is torch.float64 else torch.complex64
        )
    if kind is DType.BOOL:
        return torch.rand(shape, generator=generator) < 0.5
    return torch.randint(0, high, shape, generator=generator)


def inputs_at(program: Program, sizes: Sizes, dtype: torch.dtype = torch.float64, high: int = 1) -> list[Tensor]:
    return [
        tensor(port.value.type, sizes, dtype, high, seed)
        for seed, port in enumerate(program.inputs)
        if port.value is not None
    ]


def tensors_in(result: Any) -> Iterator[Any]:
    """The results of a module in a row."""
    if isinstance(result, (tuple, list)):
        for item in result:
            yield from tensors_in(item)
    else:
        yield result


def differences(program: Program, result: Any, sizes: Sizes, dtype: torch.dtype = torch.float64) -> list[str]:
    """What is not as predicted in the results of a forward pass at these sizes."""
    kinds = {
        DType.FLOAT: dtype,
        DType.INT: torch.int64,
        DType.BOOL: torch.bool,
        DType.COMPLEX: torch.complex128 if dtype is torch.float64 else torch.complex64,
    }
    found = list(tensors_in(result))
    if len(found) != len(program.outputs):
        return [f"{len(program.outputs)} results predicted, {len(found)} found"]
    wrong = []
    for output, value in zip(program.outputs, found, strict=True):
        kind, shape = tensor_type(output.value.type, sizes)
        if not isinstance(value, Tensor):
            wrong.append(f"{output.value.type} predicted, and {value!r} is no tensor")
        elif tuple(value.shape) != shape or value.dtype is not kinds[kind]:
            wrong.append(f"{output.value.type} predicted, {value.dtype} {list(value.shape)} found at {dict(sizes)}")
    return wrong


def backward(result: Any) -> None:
    """The gradient of everything with respect to everything."""
    parts = [r.real.sum() for r in tensors_in(result) if isinstance(r, Tensor) and r.requires_grad]
    if parts:
        torch.stack([p.to(torch.float64) for p in parts]).sum().backward()
