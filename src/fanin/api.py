"""The Python interface: ``fanin.check``, ``elaborate``, ``source``, ``draw``, ``load``, ``shrink`` and their kin."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from fanin import pipeline
from fanin.ir.graph import Program
from fanin.record import record
from fanin.report import Report

if TYPE_CHECKING:
    import torch

    from fanin.analyses.couplings import Coupled
    from fanin.analyses.couplings.cut import Cut
    from fanin.emit.picture.drawing import Picture
    from fanin.pruning.running import Pruned
    from fanin.repairs.run import Repaired
    from fanin.runtime.export import Exported
    from fanin.signal.analysis import Input
    from fanin.signal.rows import Row
    from fanin.systems.run import Run
    from fanin.systems.search import Search
    from fanin.systems.training import Watch


def check(path: str, name: str | None = None, **hyper: Any) -> Report:
    """The findings on a spec: ``.diagnostics`` (code, name, severity, span, …) and ``.ok``."""
    return pipeline.check(path, [name] if name else None, hyper)


def elaborate(path: str, name: str | None = None, **hyper: Any) -> Program:
    """The typed graph of a model or block; sizes that it leaves open may be given by their letters."""
    return pipeline.elaborate(path, name, hyper)


def source(path: str, name: str | None = None, *, optimize: int = 1, **hyper: Any) -> str:
    """The standalone PyTorch module that ``load`` would run; of a system, with how it is trained."""
    return pipeline.compiled(path, name, hyper, optimize=optimize)


def draw(
    program: Program, *, depth: int | None = None, expand: tuple[str, ...] = (), color: str | None = None
) -> Picture:
    """The picture of a program, painted by its ``cost``, ``parameters`` or ``signal`` where ``color`` says so.

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


class Repair:
    """A repair carried out: ``text`` is the file that comes out, ``notes`` say what was done to it.

    ``before`` and ``after`` are the rows of ``fanin.signal``. ``rates`` are what to multiply a learning rate by, for
    each parameter by its key (of Adam), where the repair says so (``mup``).
    """

    def __init__(self, path: str, found: Repaired) -> None:
        from fanin.signal.rows import rows

        self.path, self.name, self.text = path, found.name, found.text
        self.program = found.after[0]
        self.before, self.after = rows(found.before[1]), rows(found.after[1])
        self.notes, self.rates = found.answer.notes, dict(found.answer.rates)

    def __str__(self) -> str:
        from fanin.emit.repairs import comparison

        return comparison(f"{self.program.name}, {self.name}", self.notes, self.before, self.after)

    def write(self, path: str | None = None) -> None:
        """The text into a file: that which was read, unless another is named."""
        with open(path or self.path, "w", encoding="utf-8", newline="") as file:
            file.write(self.text)


def repair(
    path: str,
    kind: str,
    name: str | None = None,
    *,
    base: Mapping[str, Any] | None = None,
    inputs: Mapping[str, Input | dict[str, float]] | None = None,
    **hyper: Any,
) -> Repair:
    """A spec whose network starts better: ``kind`` is auto, gain, residual, fixup, … (``fanin.repairs.names()``).

    Nothing is written; ``.text`` is the repaired file and ``.write()`` saves it. ``base`` are the hyper-parameters of
    the network that ``mup`` carries scales over from. Raises ValueError where the repair does not fit.
    """
    return Repair(path, pipeline.repair(path, kind, name, hyper, base=dict(base or {}), inputs=inputs))


@record(eq=False)
class Shrunk:
    """A network after a cut: its ``spec``, its ``program``, and its ``weights`` where it was given some.

    ``grade`` says how its results compare with those of the network whose weights are zero where something went.
    """

    spec: str
    program: Program
    weights: dict[str, torch.Tensor] | None
    cut: Cut

    @property
    def grade(self) -> str:
        return str(self.cut.grade)

    def carry_over(
        self,
        net: torch.nn.Module,
        optimizer: torch.optim.Optimizer,
        child: torch.nn.Module,
        other: torch.optim.Optimizer,
    ) -> None:
        """Give ``other``, an optimiser of the smaller network ``child``, what ``optimizer`` remembers of ``net``.

        Moments lose the entries that weights have lost, and steps go on. Learning rates are those of ``other``.
        """
        from fanin.pruning.shrinking import shrink_moments

        names: dict[torch.Tensor, str] = {parameter: name for name, parameter in net.named_parameters()}
        found = shrink_moments(self.cut, {names[p]: dict(held) for p, held in optimizer.state.items()})
        for name, parameter in child.named_parameters():
            if name in found:
                other.state[parameter] = found[name]


def couplings(program: Program, *, uniform: bool = False) -> Coupled:
    """Which entries of weights can only be cut together: ``.groups``, and ``.fixed`` with what holds them.

    ``uniform``: equal places of a repetition are cut alike, so that it stays one.
    """
    return pipeline.couple(program, uniform=uniform)


def shrink(
    program: Program,
    keep: Mapping[str, float | int | Iterable[int]] | None = None,
    *,
    net: torch.nn.Module | Mapping[str, torch.Tensor] | None = None,
    align: int = 1,
    uniform: bool = False,
    approximate: bool = False,
) -> Shrunk:
    """The network without some of its channels, units or heads, and what is left of the weights of ``net``.

    ``keep`` says by the names of groups, or by paths with ``*``, what stays: a share (0.5), how many (32), or which
    entries; numbers are rounded up to a multiple of ``align``. With ``net`` those with the largest joint norm stay,
    without it the first.
    Without ``keep``, what is all zero in ``net`` goes. Raises CutError for what cannot be cut.
    """
    from fanin.analyses.couplings.cut import Cut
    from fanin.analyses.couplings.wanted import chosen

    coupled = pipeline.couple(program, uniform=uniform)
    state: Any = None
    if net is not None:
        state = net if isinstance(net, Mapping) else net.state_dict()
    if keep is None and state is None:
        raise ValueError("shrink needs to be told what stays: give `keep`, or a `net` with zeros")
    entries, counts = chosen(coupled, keep or {}, align, approximate)
    if state is not None:
        from fanin.pruning.shrinking import alive, strongest

        entries |= strongest(coupled, state, counts) if keep is not None else alive(coupled, state, align, approximate)
    else:
        entries |= {name: list(range(count)) for name, count in counts.items()}
    cut = Cut(coupled, entries, approximate)
    small = pipeline.shrink(cut)
    weights = None
    if state is not None:
        from fanin.pruning.shrinking import shrink_state

        weights = shrink_state(cut, state)
    return Shrunk(small.spec, small.program, weights, cut)


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


def train(
    path: str,
    name: str | None = None,
    data: Any = None,
    *,
    out: str | None = None,
    hyper: Mapping[str, Any] | None = None,
    watch: Watch | None = None,
    **settings: Any,
) -> Run:
    """Train a system of a spec on ``data``: a name, a path, or arrays and tensors by the names of its inputs.

    ``settings`` are those of `fanin train`: ``epochs`` or ``steps``, ``batch_size``, ``seed``, ``val``, ``test``,
    ``monitor``, ``patience``, ``device``, ``precision``, … (``fanin.systems.settings.Settings``). With ``out`` the run
    keeps everything in that folder, and ``resume`` goes on with it. ``watch(event, known)`` is told what happens.

    Raises CheckFailed where the spec has errors, DataFailed where the data doesn't fit, and RunFailed.
    """
    return pipeline.train(path, name, data, out=out, hyper=dict(hyper or {}), watch=watch, settings=settings)


def prune(
    path: str,
    name: str | None = None,
    data: Any = None,
    *,
    out: str | None = None,
    hyper: Mapping[str, Any] | None = None,
    watch: Watch | None = None,
    processes: int = 1,
    cluster: str | None = None,
    cluster_options: Mapping[str, Any] | None = None,
    **settings: Any,
) -> Pruned:
    """Run a pruning experiment of a spec on ``data``, which is given as in ``train``.

    ``settings`` are those of ``train``; ``seed`` is what the data is split by, and the seeds of the trainings are those
    of the experiment. ``.results`` has a row for each training, ``.mean("accuracy", round=9, run="reinit")`` and
    ``.table()``; ``.tickets[seed]`` the weights and the masks. With ``out`` they are kept in that folder, and what it
    has of the same experiment is not done again. ``processes`` share the seeds and the control runs, to the same bits;
    with ``cluster``, such as ``"slurm"``, as so many jobs at a time, by submitit, which takes ``cluster_options``
    (``timeout_min``, ``slurm_partition``, …). All machines have to see the folder.

    Raises CheckFailed where the spec has errors, DataFailed where the data doesn't fit, and RunFailed.
    """
    over = pipeline.Spread(processes, cluster, dict(cluster_options or {}))
    given = dict(hyper or {})
    return pipeline.prune(path, name, data, out=out, hyper=given, watch=watch, settings=settings, over=over)


def training(path: str, name: str | None = None, *, steps: int | None = None, seed: int = 0, **hyper: Any) -> Any:
    """The training of a system to be taken step by step, where the batches come from a loop of one's own.

    Called with the tensors of a batch, in the order of the system's inputs, it takes a step and gives the measures.
    ``.system`` is the module, ``.value("action")`` a value that the system binds, as a function of its inputs, and
    ``.state_dict()`` all that it remembers. ``steps`` is how many there are in all, where a schedule or the end of the
    run matters, and those of an epoch where stages are counted in epochs.
    """
    return pipeline.stepper(path, name, hyper, seed, steps)


def search(
    path: str,
    name: str | None = None,
    data: Any = None,
    ranges: Mapping[str, Any] | None = None,
    *,
    trials: int = 20,
    seed: int = 0,
    folds: int | None = None,
    hyper: Mapping[str, Any] | None = None,
    **settings: Any,
) -> Search:
    """Random search: values drawn from ``ranges`` for hyper-parameters of a system, checked, and trained with.

    A range is a list of values, a Python ``range``, or a ``fanin.systems.search.Uniform(low, high, log=…)``. Trials are
    compared by the best ``monitor`` of the held out data (``highest=True``: the most of it), on ``val=0.2`` or over
    ``folds`` of all rows in turn; the other ``settings`` are those of ``train``. What the spec does not take is not
    trained: its ``refused`` says why. ``.trials`` has all, ``.ranked`` the best first, ``.best`` the best.
    """
    return pipeline.search(
        path,
        name,
        data,
        ranges or {},
        trials=trials,
        seed=seed,
        folds=folds,
        hyper=dict(hyper or {}),
        settings=settings,
    )


def resume(
    folder: str,
    data: Any = None,
    *,
    watch: Watch | None = None,
    processes: int = 1,
    cluster: str | None = None,
    cluster_options: Mapping[str, Any] | None = None,
    **settings: Any,
) -> Any:
    """Go on with a run of ``train`` or ``prune`` from what was kept last, to the same bits as if it had not stopped.

    Gives what those give. ``data`` is needed again where it was no name or path; it has to be the same. ``processes``
    and ``cluster`` are for an experiment of ``prune``. Raises RunFailed.
    """
    if pipeline.is_pruning(folder):
        over = pipeline.Spread(processes, cluster, dict(cluster_options or {}))
        return pipeline.resume_pruning(folder, data, watch=watch, settings=settings, over=over)
    return pipeline.resume(folder, data, watch=watch, settings=settings)
