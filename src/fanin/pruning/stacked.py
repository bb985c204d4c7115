"""Trainings side by side: those that differ in numbers alone are taken along as one, a step of all at a time.

Each ends with the bits that it has alone, so whatever does not fit runs by itself and nobody can tell. The weights of
all are slices of tensors with the replicas as their first axis; the loops keep their systems, whose parameters are
those slices, and whoever looks at one between two steps finds it as if it ran alone.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import fields
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from fanin.data.loader import Batches
from fanin.pruning.joint import Joint, fits
from fanin.pruning.masks import like
from fanin.pruning.moving import Mover
from fanin.pruning.stacking import Program
from fanin.pruning.tracing import Unstackable
from fanin.pruning.trials import tried, tried_measures
from fanin.record import record
from fanin.systems.training import _FLUSH, Loop, rows_of

_MOST, _ROOM = 64, 1 << 24  # trainings at a time, and numbers of all their weights together
T = TypeVar("T")
OFTEN = 100  # steps after which a joint graph is worth its making
_programs: WeakKeyDictionary[Any, dict[Hashable, Program | str]] = WeakKeyDictionary()
_joints: WeakKeyDictionary[Any, dict[Hashable, Joint | int | None]] = WeakKeyDictionary()


@record(eq=False)
class Ready:
    """A training that can go on: its loop, and where its random numbers stand."""

    loop: Loop
    random: list[dict[str, Tensor]]

    @staticmethod
    def now(loop: Loop) -> Ready:
        """With the random numbers as they are now."""
        return Ready(loop, loop.machine.random_states())


def shares(asked: Sequence[T], parameters: int) -> Iterator[Sequence[T]]:
    """What is trained at a time. Large networks gain nothing side by side, and would need the memory for it."""
    most = max(1, min(_MOST, _ROOM // max(parameters, 1)))
    yield from (asked[start : start + most] for start in range(0, len(asked), most))


def go(trainings: Sequence[Ready]) -> None:
    """Take trainings to their ends, side by side as far as that goes.

    Each loop is then as after its own ``go``, and has in its machine the generator that its random numbers come from.
    """
    for group in _groups(trainings):
        for ready in group:
            ready.loop.machine.generator = torch.Generator()
            ready.loop.machine.generator.set_state(ready.random[0]["cpu"])
        if len(group) == 1 or not _together([ready.loop for ready in group]):
            for ready in group:
                _alone(ready.loop)


def _alone(loop: Loop) -> None:
    generator, loop.machine.generator = loop.machine.generator, None
    assert generator is not None
    torch.set_rng_state(generator.get_state())
    loop.go()
    generator.set_state(torch.get_rng_state())
    loop.machine.generator = generator


def _together(loops: list[Loop]) -> bool:
    """Take trainings on side by side. Whether that went to their ends; else each goes on from where it is."""
    stack = Stack(loops)
    try:
        stack.go()
    except Unstackable:
        stack.release()
        return False
    return True


# -------------------------------------------------------------------------------------------------------------- groups


def reason(loop: Loop) -> str | None:
    """Why a training runs by itself; None where others of its kind can be beside it."""
    settings, machine, training = loop.settings, loop.machine, loop.training
    features = {name for stage in training.stages for line in stage.lines for name in line._fields}
    if machine.device.type != "cpu" or machine.size > 1:
        return "it is on a GPU, or has several processes"
    if machine.mixed is not None or settings.compile:
        return "its precision is mixed, or it is compiled"
    if not isinstance(loop.batches, Batches):
        return "its data has no length"
    if settings.patience is not None:
        return "it may end before the others do"
    if "accumulate" in features or bool(getattr(training, "by_hand", ())) or hasattr(training, "again"):
        return "it moves weights in a way of its own"
    if hasattr(training, "grow") or hasattr(training, "once_more"):
        return "it moves weights in a way of its own"
    if hasattr(training, "ended"):
        return "its numbers say where a stage ends"
    return None


def _groups(trainings: Sequence[Ready]) -> Iterable[list[Ready]]:
    """Those of one kind, in the order they come."""
    found: dict[Hashable, list[Ready]] = {}
    for ready in trainings:
        alone = reason(ready.loop) is not None
        found.setdefault(id(ready) if alone else _kind(ready.loop), []).append(ready)
    return found.values()


def _kind(loop: Loop) -> Hashable:
    """What trainings have in common that run side by side."""
    training, batches = loop.training, loop.batches
    settings = tuple((f.name, repr(getattr(loop.settings, f.name))) for f in fields(loop.settings) if f.name != "seed")
    states = tuple(_counts(optimiser) for optimiser in training.optimisers.values())
    place = training.stage, training.step, loop.steps, batches.epoch, batches.position, states
    return (
        id(loop.module),
        settings,
        tuple(training.lengths),
        place,
        id(batches.data),
        id(loop.val and loop.val.data),
        (_rates(training)),
    )


def _counts(optimiser: torch.optim.Optimizer) -> Hashable:
    """What an optimiser knows besides moments, above all its steps: those that began at another step count others."""
    return tuple(
        (name, "moment" if name != "step" and like(value, weight) else float(value))
        for group in optimiser.param_groups
        for weight in group["params"]
        for name, value in optimiser.state.get(weight, {}).items()
        if value is not None
    )


def _rates(training: Any) -> Hashable:
    """The rates of learning on the way, which a round may have kept where they end."""
    return tuple(
        tuple(line.rate(step, length) for step in range(0, length, max(1, length // 64)))
        for stage, length in zip(training.stages, training.lengths, strict=True)
        for line in stage.lines
        if "rate" in line._fields
    )


# ----------------------------------------------------------------------------------------------------------- the stack


class Stack:
    """Trainings of one kind on their way. ``go`` raises Unstackable between two steps, where one doesn't go."""

    def __init__(self, loops: Sequence[Loop]) -> None:
        self.loops, self.lead, self.count = list(loops), loops[0], len(loops)
        self.generators = [loop.machine.generator or torch.Generator() for loop in loops]
        self.known = _programs.setdefault(self.lead.module, {})
        self.joints = _joints.setdefault(self.lead.module, {})
        self.mover = Mover([loop.training for loop in loops], self.lead.module.covers)
        self.waiting: list[dict[str, Tensor]] = []

    def go(self) -> None:
        """Train to the end, as ``Loop.go`` does."""
        while not self.lead.training.done:
            self._epoch()
        self._note()

    def _epoch(self) -> None:
        lead, loops, settings = self.lead, self.loops, self.lead.settings
        training, batches = lead.training, lead.batches
        assert isinstance(batches, Batches)
        own = {loop.settings.seed: loop for loop in reversed(loops)}  # one that fetches the batches of a seed
        streams = {seed: iter(loop.batches) for seed, loop in own.items()}
        for _ in range(len(batches) - batches.position):
            rows = {seed: next(stream) for seed, stream in streams.items()}
            for loop in loops:
                _keep_up(own, loop)
            stage = training.stage
            batch = [torch.stack([rows[loop.settings.seed][name] for loop in loops]) for name in lead.inputs]
            try:
                self.waiting.append(self.step(batch))
            except Unstackable:  # each goes on with this batch
                for loop in loops:
                    loop.batches.position -= 1
                raise
            except (RuntimeError, IndexError, ValueError, TypeError) as error:
                raise lead.explained(error) from error
            for loop in loops:
                loop.steps += 1
                if loop.after is not None:
                    loop.after()
            ended = training.stage != stage
            if ended or len(self.waiting) == _FLUSH or lead.steps % settings.log_every == 0:
                self._note(stage)
            if training.done:
                break
            if ended:
                for loop in loops:
                    loop._forget()
        else:
            for stream in streams.values():
                next(stream, None)
            for loop in loops:
                _keep_up(own, loop)
        self._note()
        self._validate()
        if training.done:
            for loop in loops:
                loop._restore()

    def step(self, batch: list[Tensor]) -> dict[str, Tensor]:
        """One step of all; what was measured has the replicas as its axis."""
        training, mover = self.lead.training, self.mover
        lines, stage = training.lines, training.stages[training.stage]
        due = tuple(i for i, line in enumerate(lines) if (training.step + 1) % getattr(line, "every", 1) == 0)
        measured: dict[str, Tensor] = {}
        if due:
            ramps = training.numbers() if hasattr(training, "numbers") else []
            program = self._program(stage.methods[due], due, batch, ramps)
            mover.begin(program)
            given = [*batch, *ramps]
            joint = self._joint(program, due[0], given) if len(due) == 1 else None
            if joint is not None:
                measured, slopes = joint(mover.states, given)
                mover.move(due[0], slopes)
            else:
                moves = program(self.count, mover.states, given, self.generators)
                for number, found in zip(due, moves, strict=True):
                    mover.move(number, mover.slopes(number, found[lines[number].loss]))
                    measured.update((name, value.detach()) for name, value in found.items())
        mover.follow(due)
        mover.count_on()
        return measured

    def _program(self, method: str, due: tuple[int, ...], batch: list[Tensor], ramps: list[Tensor]) -> Program:
        training = self.lead.training
        asks = tuple(w.requires_grad for w in training.system.parameters())
        key = (method, self.count, due, training.stage, asks, *_sort(batch), *_sort(ramps))
        if key not in self.known:
            self.known[key] = tried([loop.training for loop in self.loops], method, due, batch, ramps)
        return _usable(self.known[key])

    def _joint(self, program: Program, number: int, given: list[Tensor]) -> Joint | None:
        """The joint graph of a program and the way back of a line, where it has been run often enough to have one."""
        states = self.mover.states
        key = (id(program), *(isinstance(value, Tensor) for value in states.values()))
        found = self.joints.get(key, 0)
        if isinstance(found, int):  # how often it was run
            self.joints[key] = found + 1
            if found < OFTEN:
                return None
            loss, moved = self.lead.training.lines[number].loss, self.mover.moved(number)
            joint = Joint(program, self.generators, loss, moved)
            found = self.joints[key] = joint if fits(program) and joint.written(states, given) else None
        return found

    # ------------------------------------------------------------------------------------------- what is looked at

    def _note(self, stage: int | None = None) -> None:
        """Have each loop note what was measured since the last time."""
        self._share_out()
        for loop in self.loops:
            loop._note(stage)

    def _share_out(self) -> None:
        waiting, self.waiting = self.waiting, []
        columns = [{name: value.unbind() for name, value in measured.items()} for measured in waiting]
        for replica, loop in enumerate(self.loops):
            loop.waiting += [{name: values[replica] for name, values in measured.items()} for measured in columns]

    def _validate(self) -> None:
        """Measure the held out data, as in evaluation."""
        lead = self.lead
        if lead.val is None:
            return
        try:
            found = self.measure(lead.val)
        except Unstackable:
            lead.val.position = 0  # of the batches one is taken
            for loop in self.loops:
                loop._validate()
            return
        for loop, told in zip(self.loops, found, strict=True):
            loop.validated(told)

    def measure(self, batches: Any) -> list[dict[str, float]]:
        """The measures of all systems over the same data, as ``Loop.measure`` has them."""
        lead, training = self.lead, self.lead.training
        sums: dict[str, Tensor] = {}
        total = 0
        with torch.no_grad():
            for place, rows in enumerate(batches):
                count = rows_of(batches, place) or 1
                ramps = training.numbers() if hasattr(training, "numbers") else []
                batch = [*lead.machine.batch(rows, lead.inputs, count), *ramps]
                key = ("measure", self.count, *_sort(batch))
                if key not in self.known:
                    self.known[key] = tried_measures([loop.system for loop in self.loops], batch)
                program = _usable(self.known[key])
                (found,) = program(self.count, self.mover.whole, batch, self.generators)
                for name, value in zip(lead.measures, found.values(), strict=True):
                    sums[name] = sums.get(name, 0.0) + value.to(torch.float64) * (count * lead.machine.weight)
                total += count
        shares = {name: (value / total).tolist() for name, value in sums.items()}
        return [{name: values[replica] for name, values in shares.items()} for replica in range(self.count)]

    def release(self) -> None:
        """Give each loop what it needs to go on by itself."""
        self._share_out()
        self.mover.release()


def _keep_up(own: dict[int, Loop], loop: Loop) -> None:
    """Have the batches of a loop be where those of its seed are."""
    first, other = own[loop.settings.seed].batches, loop.batches
    other.epoch, other.position = first.epoch, first.position


def _usable(found: Program | str) -> Program:
    if isinstance(found, str):
        raise Unstackable(found)
    return found


def _sort(tensors: Iterable[Tensor]) -> Iterable[Hashable]:
    return ((tuple(t.shape), t.dtype) for t in tensors)
