"""What ``fanin probe`` says: each report as a table for readers, and as a document."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from fanin.ir.dims import Symbol
from fanin.ir.graph import Program
from fanin.record import record
from fanin.runtime.load import build
from fanin.runtime.probes.adversarial import adversarial
from fanin.runtime.probes.curvature import curvature
from fanin.runtime.probes.features import Features, features
from fanin.runtime.probes.gradients import gradients
from fanin.runtime.probes.jacobian import jacobian
from fanin.runtime.probes.modes import evaluating, floats
from fanin.runtime.probes.prior import prior
from fanin.runtime.probes.usage import usage
from fanin.runtime.samples import flat, random_of

TARGET = "target"  # the name of the labels in a file of data
_CHANNELS_FIRST = ("out_channels", "num_features", "num_channels")  # attributes of modules whose channels are axis 1


@record(eq=False)
class Answer:
    """A title, cells under a head, and lines below them; ``document`` has the same for programs."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...]
    document: dict[str, Any]


@record(eq=False)
class _Subject:
    net: nn.Module
    inputs: tuple[Tensor, ...]
    target: Tensor | None
    epsilons: tuple[float, ...]
    draws: int


def answer(
    program: Program,
    source: str,
    report: str,
    *,
    sizes: Mapping[Symbol, int],
    numbers: Mapping[str, int] | None = None,
    weights: str | None = None,
    data: str | None = None,
    epsilons: Sequence[float] = (0.0, 0.01, 0.03, 0.1),
    draws: int = 100,
    seed: int = 0,
) -> Answer:
    """Build the module and look at it.

    ``weights`` is a file of a ``state_dict``; without it they are drawn. ``data`` is an ``.npz`` or ``.pt`` file of
    tensors by the names of the inputs; without it they are normal, and ints below ``numbers`` (2).
    """
    net = build(program, source, seed=seed)
    if weights is not None:
        _fill(net, weights)
    given = _read(data) if data is not None else {}
    generator = torch.Generator().manual_seed(seed + 1)
    inputs = []
    for port in program.inputs:
        assert port.value is not None
        if data is not None:
            if port.name not in given:
                raise ValueError(f"{data} has no `{port.name}`: it has {', '.join(given) or 'nothing'}")
            inputs.append(given[port.name])
        else:
            inputs.append(random_of(port.value.type, sizes, generator, (numbers or {}).get(port.name, 2)))
    subject = _Subject(net, tuple(inputs), given.get(TARGET), tuple(epsilons), draws)
    drawn = "weights drawn" if weights is None else f"weights of {weights}"
    shapes = ", ".join(
        f"{p.name} {'×'.join(map(str, t.shape)) or 1}" for p, t in zip(program.inputs, inputs, strict=True)
    )
    title = f"{program.name}, {drawn}, {shapes}" + ("" if data is not None else " at random")
    try:
        found = REPORTS[report](subject)
    except (IndexError, RuntimeError) as error:
        if data is None:
            raise
        raise ValueError(f"the model does not run on {data}: {str(error).splitlines()[0]}") from None
    return Answer(title, found.head, found.rows, found.notes, {"report": report, **found.document})


def _fill(net: nn.Module, path: str) -> None:
    try:
        state = torch.load(path, weights_only=True, map_location="cpu")
        net.load_state_dict(state)
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None
    except Exception as error:
        raise ValueError(f"{path} is no state_dict of this model: {str(error).splitlines()[0]}") from None


def _read(path: str) -> dict[str, Tensor]:
    try:
        if path.endswith(".npz"):
            import numpy as np

            with np.load(path, allow_pickle=False) as arrays:
                found = {name: torch.from_numpy(arrays[name]) for name in arrays.files}
        else:
            found = torch.load(path, weights_only=True, map_location="cpu")
            if not isinstance(found, dict) or not all(isinstance(t, Tensor) for t in found.values()):
                raise ValueError("tensors by the names of the inputs are wanted")
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None
    except Exception as error:
        raise ValueError(f"{path} holds no tensors: {str(error).splitlines()[0]}") from None
    wide = torch.get_default_dtype()
    return {k: t.to(wide) if t.is_floating_point() else t.long() if not _plain(t) else t for k, t in found.items()}


def _plain(t: Tensor) -> bool:
    return t.dtype is torch.bool or t.is_complex()


def _short(value: float) -> str:
    return f"{value:.4g}"


# ------------------------------------------------------------------------------------------------------------ reports


def _jacobian(s: _Subject) -> Answer:
    wrt = next((i for i, t in enumerate(s.inputs) if t.is_floating_point()), None)
    if wrt is None:
        raise ValueError("a derivative is taken in a float input, and this model has none")
    found = jacobian(s.net, *s.inputs, wrt=wrt)
    rows = [(str(i), *map(_short, (float(v[0]), float(v.median()), float(v[-1])))) for i, v in enumerate(found.values)]
    notes = (
        f"{found.outputs} outputs in {found.inputs} inputs",
        f"root mean square {_short(found.rms)}, condition {_short(found.condition)}",
    )
    document = {
        "outputs": found.outputs,
        "inputs": found.inputs,
        "rms": found.rms,
        "condition": found.condition,
        "values": found.values.tolist(),
    }
    return Answer("", ("sample", "largest", "median", "smallest"), tuple(rows), notes, document)


def _gradients(s: _Subject) -> Answer:
    found = gradients(s.net, *s.inputs)
    rows = [(g.path, _short(g.analytic), _short(g.numeric), f"{g.error:.1e}") for g in found]
    worst = max(found, key=lambda g: g.error, default=None)
    notes = (f"off by {worst.error:.1e} at most, at {worst.path}",) if worst is not None else ()
    document = {
        "rows": [{"path": g.path, "analytic": g.analytic, "numeric": g.numeric, "error": g.error} for g in found]
    }
    return Answer("", ("path", "gradient", "difference", "error"), tuple(rows), notes, document)


def _curvature(s: _Subject) -> Answer:
    def loss() -> Tensor:
        scalar = next((t for t in floats(s.net(*s.inputs)) if t.dim() == 0), None)
        if scalar is None:
            raise ValueError("a curvature is that of a loss: name a system, or a model that gives one number")
        return scalar

    with evaluating(s.net):
        found = curvature(s.net, loss)
    names = ("smallest", "largest", "condition", "gradient", "error")
    rows = [(name, _short(getattr(found, name))) for name in names]
    size = sum(p.numel() for p in s.net.parameters() if p.requires_grad)
    how = "all eigenvalues" if found.exact else "Lanczos"
    notes = (f"a {found.kind}, by {how} of the Hessian in {size:,} weights",)
    document = {name: getattr(found, name) for name in (*names, "kind", "exact")}
    return Answer("", ("", "eigenvalues"), tuple(rows), notes, document)


def _features(s: _Subject) -> Answer:
    seen: dict[str, Features] = {}
    samples: dict[str, int] = {}

    def keeper(path: str, axis: int) -> Any:
        def keep(module: nn.Module, args: object, output: object) -> None:
            value = output if isinstance(output, Tensor) else next(iter(flat(output)), None)
            if not isinstance(value, Tensor) or not value.is_floating_point() or value.dim() < 2:
                return
            samples[path] = value.numel() // max(value.shape[axis], 1)
            if samples[path] > 1:
                seen[path] = features(value, axis=axis)

        return keep

    leaves = [(path, m) for path, m in s.net.named_modules() if path and not any(m.children())]
    handles = [
        m.register_forward_hook(keeper(path, 1 if any(hasattr(m, a) for a in _CHANNELS_FIRST) else -1))
        for path, m in leaves
    ]
    try:
        with evaluating(s.net), torch.no_grad():
            s.net(*s.inputs)
    finally:
        for handle in handles:
            handle.remove()
    rows = [
        (
            path,
            str(f.channels),
            f"{f.rank:.1f}",
            str(len(f.dead)),
            " ".join("=".join(map(str, g)) for g in f.duplicates),
        )
        for path, f in seen.items()
    ]
    document = {
        "rows": [
            {
                "path": path,
                "channels": f.channels,
                "rank": f.rank,
                "dead": list(f.dead),
                "duplicates": list(f.duplicates),
            }
            for path, f in seen.items()
        ]
    }
    few = next((path for path, f in seen.items() if samples[path] <= f.channels), None)
    notes = (
        (f"of {few} there are {samples[few]} samples: its rank is below that, and channels look alike",) if few else ()
    )
    return Answer("", ("path", "channels", "rank", "dead", "duplicates"), tuple(rows), notes, document)


def _usage(s: _Subject) -> Answer:
    found = usage(s.net, *s.inputs)
    if not found:
        raise ValueError("this model computes no softmax, attention or sigmoid")
    rows = [(u.place, u.kind, f"{u.entropy:.3f}", f"{u.share:.3f}") for u in found]
    document = {"rows": [{"place": u.place, "kind": u.kind, "entropy": u.entropy, "share": u.share} for u in found]}
    return Answer("", ("place", "kind", "entropy", "share"), tuple(rows), (), document)


def _prior(s: _Subject) -> Answer:
    found = prior(s.net, *s.inputs, draws=s.draws)
    count = found.kernel.shape[0]
    rough = found.roughness
    rows = [
        (str(i), *(f"{v:.2f}" for v in found.alike[i].tolist()), _short(float(found.kernel[i, i])))
        + ((_short(float(rough[i])),) if rough is not None else ())
        for i in range(count)
    ]
    head = ("alike", *map(str, range(count)), "variance", *(("roughness",) if rough is not None else ()))
    document = {
        "draws": found.draws,
        "kernel": found.kernel.tolist(),
        "error": found.error.tolist(),
        "roughness": None if rough is None else rough.tolist(),
    }
    return Answer("", head, tuple(rows), (f"over {found.draws} draws of the weights",), document)


def _adversarial(s: _Subject) -> Answer:
    if len(s.inputs) != 1 or not s.inputs[0].is_floating_point():
        raise ValueError("adversarial inputs are for a model of one float input")
    target = s.target
    if target is None:
        with evaluating(s.net), torch.no_grad():
            logits = floats(s.net(*s.inputs))[0]
        single = logits.dim() == 1 or logits.shape[1] == 1
        target = (logits.flatten() > 0).long() if single else logits.argmax(1)
    found = adversarial(s.net, s.inputs[0], target, s.epsilons)
    rows = [(f"{a.epsilon:g}", f"{a.accuracy:.3f}", _short(a.margin)) for a in found]
    document = {"rows": [{"epsilon": a.epsilon, "accuracy": a.accuracy, "margin": a.margin} for a in found]}
    own = (
        ()
        if s.target is not None
        else (f"no `{TARGET}` was given: right is what the model says of the input as it is",)
    )
    return Answer("", ("epsilon", "accuracy", "margin"), tuple(rows), own, document)


REPORTS: dict[str, Callable[[_Subject], Answer]] = {
    "adversarial": _adversarial,
    "curvature": _curvature,
    "features": _features,
    "gradients": _gradients,
    "jacobian": _jacobian,
    "prior": _prior,
    "usage": _usage,
}
