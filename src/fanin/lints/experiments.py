"""Experiments that would prune something else than they say: paths that match nothing, parts that are never pruned."""

from __future__ import annotations

from collections.abc import Iterator

from fanin.analyses.paths import parameters
from fanin.diagnostics.codes import PRN902
from fanin.diagnostics.model import Diagnostic
from fanin.diagnostics.suggest import nearest
from fanin.ir.experiment import Experiment
from fanin.ir.recipe import System, Target


def check_experiment(experiment: Experiment) -> Iterator[Diagnostic]:
    """Every path of an experiment covers a parameter, and something is left to prune."""
    program = experiment.of.program if isinstance(experiment.of, System) else experiment.of
    keys = [e.key for e in parameters(program)]
    targets = [*experiment.parts, *(r.target for r in experiment.rates), *experiment.kept]
    for target in targets:
        if not any(target.covers(key) for key in keys):
            yield _lost(target, keys)
    left = [
        e.key
        for e in parameters(program)
        if len(e.type.shape) > 1 and not any(target.covers(e.key) for target in experiment.kept)
    ]
    if not left:
        yield Diagnostic(
            PRN902,
            f"`{experiment.name}` leaves no weight that could be pruned",
            experiment.span,
            "everything is excepted",
            notes=("biases, norms and embeddings are never pruned unless `rate` names them",),
        )


def _lost(target: Target, keys: list[str]) -> Diagnostic:
    known = sorted({".".join(key.split(".")[: target.path.count(".") + 1]) for key in keys})
    near = nearest(target.path, known)
    first = [k for k in known if k.split(".")[0] == target.path.split(".")[0]]
    return Diagnostic(
        PRN902,
        f"`{target.path}` names no weight",
        target.span,
        "nothing there",
        helps=(f"did you mean `{near}`?",) if near else (f"there are: {', '.join((first or known)[:12])}",),
    )
