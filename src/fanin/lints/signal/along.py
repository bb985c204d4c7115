"""A network as the rules on its start read it: its steps and layers, who gives and who reads what, what is known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from fanin.analyses.conditions import Sizes, open_dimensions
from fanin.analyses.sizes import broken_requirement
from fanin.diagnostics.model import Severity
from fanin.ir.graph import Program
from fanin.lints.signal.limits import Limit
from fanin.signal.analysis import Analysis, known
from fanin.signal.rules.convolution import MeanWindow
from fanin.signal.rules.noise import Drop
from fanin.signal.rules.normalise import Normalise
from fanin.signal.rules.pointwise import Curve
from fanin.signal.rules.reduce import Mean
from fanin.signal.state import Gradient, Signal
from fanin.signal.tape import Edge, Loop, Step, Tape, record

WEIGHTED = frozenset(
    (
        "Linear", "Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d",
    )
)  # fmt: skip


@dataclass(frozen=True)
class Layer:
    """A weighted layer: what comes in, what goes out, and the gradient there."""

    step: Step
    x: Signal
    y: Signal
    g: Gradient | None

    @property
    def width(self) -> int:
        """Its units: channels, or features."""
        return self.y.shape[-1 if self.step.name == "Linear" else 1]

    @property
    def fan_in(self) -> int:
        return self.x.shape[-1 if self.step.name == "Linear" else 1]


class Net:
    """An analysis with the limits that its rules go by."""

    def __init__(
        self,
        program: Program,
        analysis: Analysis,
        limits: Mapping[str, float] | None = None,
        wider: Net | None = None,
    ) -> None:
        self.wider = wider  # the same network at several times its width, where a project names that
        self.program = program
        self.analysis = analysis
        self.steps = analysis.tape.steps
        self.makers: dict[int, Step] = {id(edge): step for step in self.steps for edge in step.outputs}
        self.readers: dict[int, list[Step]] = {}
        for step in self.steps:
            for edge in step.inputs:
                if edge is not None:
                    self.readers.setdefault(id(edge), []).append(step)
        self._limits = limits or {}
        self._outputs = {id(edge) for edge in analysis.tape.outputs.values()}

    def limit(self, limit: Limit) -> float:
        """What a rule warns from: its own number, or the one that a project set."""
        return self._limits.get(limit.code.id, limit.value)

    def level(self, limit: Limit, value: float) -> Severity | None:
        """The level of a finding of this size, where it is another than that of its code."""
        if limit.error is None:
            return None
        return Severity.ERROR if value > max(limit.error, self.limit(limit)) else None

    def signal(self, edge: Edge | None) -> Signal | None:
        found = known(self.analysis, edge)
        return found if isinstance(found, Signal) else None

    def gradient(self, edge: Edge | None) -> Gradient | None:
        return None if edge is None else self.analysis.gradient(edge)

    def maker(self, edge: Edge | None) -> Step | None:
        return None if edge is None else self.makers.get(id(edge))

    def reads(self, edge: Edge) -> list[Step]:
        return self.readers.get(id(edge), [])

    def is_output(self, edge: Edge) -> bool:
        return id(edge) in self._outputs

    def rule(self, step: Step) -> object:
        return self.analysis.rules.get(id(step))

    def is_norm(self, step: Step) -> bool:
        from fanin.signal.rules.chain import Scaled

        rule = self.rule(step)
        return isinstance(rule, Normalise) or (isinstance(rule, Scaled) and isinstance(rule.inner, Normalise))

    def only(self, step: Step) -> Edge | None:
        """The one tensor that a step takes, numbers aside; None where there are several, or none."""
        given = [e for e in step.inputs if e is not None and e.number is None]
        return given[0] if len(given) == 1 else None

    def passes(self, step: Step) -> bool:
        """Whether a step hands one tensor on, entry by entry or moved, with no weights and no norm of its own."""
        return not step.weights and self.only(step) is not None and not self.is_norm(step)

    def is_neutral(self, step: Step) -> bool:
        """Activations, dropout, poolings and moves: what stands between the layers of a chain."""
        rule = self.rule(step)
        return isinstance(rule, Curve | Drop | MeanWindow | Mean) or self.passes(step)

    def back(self, edge: Edge | None) -> Iterator[Step]:
        """The steps that led to a tensor along the one way there is, the last one first, up to where ways meet."""
        while (step := self.maker(edge)) is not None:
            yield step
            edge = self.only(step)

    def between(self, layer: Layer, *, norms: bool = False) -> list[Step]:
        """The steps in front of a layer, the last one first, up to a layer, a norm, or a tensor that is read twice."""
        found = []
        for step in self.back(layer.step.inputs[0]):
            open_ = self.is_neutral(step) or (norms and self.is_norm(step))
            if not open_ or any(len(self.reads(e)) > 1 for e in step.outputs):
                break
            found.append(step)
        return found

    def has_fixed_scale(self, layer: Layer) -> bool:
        """Whether a norm stands behind a layer, which gives it the scale that it has."""
        readers = self.reads(layer.step.outputs[0])
        return bool(readers) and all(self.is_norm(step) for step in readers)

    def hidden(self, chain: list[Layer]) -> list[Layer]:
        """A chain without its last layer, where no activation reads what that gives."""
        after = self.reads(chain[-1].step.outputs[0])
        return chain if any(isinstance(self.rule(step), Curve) for step in after) else chain[:-1]

    @cached_property
    def other_sizes(self) -> Sizes | None:
        """Other sizes for the open dimensions, those of the analysis if none is open; None where no others will do."""
        opens = open_dimensions(self.program)
        tries = [{s: times * self.analysis.sizes[s] for s in opens} for times in (2, 4, 3)]
        return next((sizes for sizes in tries if broken_requirement(self.program, sizes) is None), None)

    @cached_property
    def _twin(self) -> Tape | None:
        """The same program with other sizes in the place of those that are open; None where no others will do."""
        if not open_dimensions(self.program):
            return self.analysis.tape
        sizes = self.other_sizes
        return None if sizes is None else record(self.program, sizes, training=self.analysis.training)

    @cached_property
    def _twins(self) -> dict[tuple[str, str, int], Step]:
        found: dict[tuple[str, str, int], Step] = {}
        for step in self._twin.steps if self._twin is not None else ():
            found.setdefault((step.path, step.name, step.span.start), step)
        return found

    def is_sure(self, step: Step, axis: int) -> bool:
        """Whether an axis of what a step takes has its size whatever the open sizes of the inputs are."""
        twin, edge = self._twins.get((step.path, step.name, step.span.start)), step.inputs[0]
        other = twin.inputs[0] if twin is not None else None
        return edge is not None and other is not None and edge.type.shape[axis] == other.type.shape[axis]

    def is_sure_of_steps(self, loop: Loop) -> bool:
        """Whether a recurrence has its number of steps whatever the open sizes are."""
        loops = self._twin.loops if self._twin is not None else []
        mine = self.analysis.tape.loops
        return len(loops) == len(mine) and loops[next(i for i, m in enumerate(mine) if m is loop)].steps == loop.steps

    def reaches(self, edge: Edge, most: int) -> bool:
        """Whether a tensor goes to an output, and nowhere else, through at most so many weighted layers."""
        todo, seen = [(edge, most)], set()
        while todo:
            at, left = todo.pop()
            if (id(at), left) in seen:
                continue
            seen.add((id(at), left))
            for step in self.reads(at):
                rest = left - bool(step.weights and not self.is_norm(step))
                if rest < 0:
                    return False
                todo += [(out, rest) for out in step.outputs]
            if not self.reads(at) and not self.is_output(at):
                return False
        return True

    @cached_property
    def layers(self) -> list[Layer]:
        """Those of which something is known. A place that is gone through several times is there as often."""
        found = []
        for step in self.steps:
            if step.name in WEIGHTED and step.weights:
                x, y = self.signal(step.inputs[0]), self.signal(step.outputs[0])
                if x is not None and y is not None:
                    found.append(Layer(step, x, y, self.gradient(step.outputs[0])))
        return found

    @cached_property
    def once(self) -> list[Layer]:
        """Those layers, the steps of a recurrence left out but the first."""
        seen: set[str] = set()
        out = []
        for layer in self.layers:
            if layer.step.path not in seen:
                seen.add(layer.step.path)
                out.append(layer)
        return out

    @cached_property
    def has_norm(self) -> bool:
        return any(self.is_norm(step) for step in self.steps)

    @cached_property
    def chains(self) -> list[list[Layer]]:
        """Runs of layers of one kind with nothing between them but activations, dropout, poolings and moves."""
        return self._chains(norms=False)

    @cached_property
    def normed_chains(self) -> list[list[Layer]]:
        """The same with norms between them too."""
        return self._chains(norms=True)

    def _chains(self, norms: bool) -> list[list[Layer]]:
        by_step = {id(layer.step): layer for layer in self.once}
        runs: list[list[Layer]] = []
        ends: dict[int, list[Layer]] = {}
        for layer in self.once:
            passed = self.between(layer, norms=norms)
            edge = self.only(passed[-1]) if passed else layer.step.inputs[0]
            maker = self.maker(edge)
            before = by_step.get(id(maker))
            alone = edge is not None and len(self.reads(edge)) == 1
            run = ends.get(id(maker)) if before is not None and alone else None
            if run is None or before is None or before.step.name != layer.step.name:
                run = []
                runs.append(run)
            run.append(layer)
            ends[id(layer.step)] = run
        return runs


def factor(x: float) -> str:
    return f"{x:.3g}"
