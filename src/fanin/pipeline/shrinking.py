"""Typed graph IR → a smaller spec: what a cut leaves of a network, as the parent's text with other widths where that
can be, else written anew from the graph."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fanin.ir.graph import Program
from fanin.pipeline.artefacts import source
from fanin.pipeline.files import format_text, load, standard_library
from fanin.pipeline.graphs import elaborate_source
from fanin.record import record
from fanin.report import CheckFailed, NoSuchName
from fanin.source import Source

if TYPE_CHECKING:
    from fanin.analyses.couplings import Coupled
    from fanin.analyses.couplings.cut import Cut
    from fanin.analyses.plan import Plan
    from fanin.pruning.smaller import Saved

_FILE = "smaller.arch"


@record
class Smaller:
    """The spec of what a cut leaves, and its network. ``anew`` says why it is not the parent's text with other widths;
    empty where it is."""

    spec: str
    program: Program
    anew: str


def couple(program: Program, *, uniform: bool = False) -> Coupled:
    """Which entries of the network's axes can only be cut together. ``uniform``: a repetition stays one."""
    from fanin.analyses.couplings import couplings

    return couplings(program, uniform)


def shrink(cut: Cut, header: str = "") -> Smaller:
    """The smaller spec, and its network, which holds just the weights that the cut leaves.

    ``header`` are comments that go above it. Raises CannotWrite.
    """
    from fanin.resizing import CannotResize

    try:
        text = header + _resized(cut)[0]
        return Smaller(text, elaborate_source(Source(_FILE, text), _FILE, cut.coupled.program.name, None), "")
    except CannotResize as error:
        anew = str(error)
    if header:
        header = f"{header.rstrip()}\n# It is written anew, without the comments and loops of its parent: {anew}.\n\n"
    return Smaller(*_written(cut, header), anew)


def smaller_spec(cut: Cut, header: str = "") -> str:
    """What a cut leaves, as a spec written from the graph. Raises CannotWrite for what has no form as text yet."""
    from fanin.emit.arch import CannotWrite, write_spec

    text = write_spec(cut.coupled.program, cut, header)
    written, problems = format_text(Source(_FILE, text))
    if written is None:
        raise CannotWrite(f"`{cut.coupled.program.name}` ({problems[0].headline})")
    return written


def _written(cut: Cut, header: str) -> tuple[str, Program]:
    from fanin.analyses.couplings.cut import difference
    from fanin.emit.arch import CannotWrite

    text = smaller_spec(cut, header)
    try:
        small = elaborate_source(Source(_FILE, text), _FILE, cut.coupled.program.name, None)
    except CheckFailed as error:
        raise CannotWrite(f"`{cut.coupled.program.name}` ({error.report.diagnostics[0].headline})") from None
    wrong = difference(cut, small)
    if wrong:
        raise CannotWrite(f"`{cut.coupled.program.name}` ({wrong})")
    return text, small


def write_smaller(plan: Plan, state: Mapping[str, Any], home: str) -> Saved | None:
    """What is left where whole units went: ``smaller.arch`` and ``smaller.safetensors``, or why there is none.

    ``home`` has the weights before; what was saved of them is measured, where there is a smaller network that runs.
    """
    from fanin.analyses.couplings.cut import Cut
    from fanin.emit.arch import CannotWrite
    from fanin.pruning.shrinking import WrongWeights, alive, shrink_state, write_weights
    from fanin.pruning.smaller import saved
    from fanin.signal.sizes import sizes_for

    coupled = couple(plan.program)
    try:
        cut = Cut(coupled, alive(coupled, state))
        header = f"# {plan.program.name} after {plan.experiment.name}; its results are {cut.grade}.\n\n"
        small, weights = shrink(cut, header), shrink_state(cut, state)
    except (CannotWrite, WrongWeights) as error:
        with open(os.path.join(home, "smaller.txt"), "w", encoding="utf-8") as file:
            file.write(f"there is no smaller spec: {error}\n")
        return None
    with open(os.path.join(home, "smaller.arch"), "w", encoding="utf-8") as file:
        file.write(small.spec)
    files = [os.path.join(home, f"{name}.safetensors") for name in ("weights", "smaller")]
    write_weights(files[1], weights)
    programs = [(program, source(program)) for program in (plan.program, small.program)]
    sizes = sizes_for(plan.program)
    return None if sizes is None else saved(programs, (state, weights), files, sizes)


# ------------------------------------------------------------------------------------------------ the parent's text


def _resized(cut: Cut) -> tuple[str, Program]:
    """The parent's text with the widths after the cut. Raises CannotResize."""
    from fanin.resizing import Bundle, CannotResize, Elsewhere

    program = cut.coupled.program
    if program.source is None:
        raise CannotResize("its text is not known")
    loader = load(program.source, program.source.name)
    bundle = Bundle(loader.units, program.name, standard_library())
    why = ""
    for roots, follow in ((True, True), (True, False), (False, False)):
        for _ in range(12):
            try:
                return _edited(cut, bundle, roots, follow)
            except Elsewhere as there:
                bundle.imports |= set(there.imports)
                if not [span for span in there.spans if bundle.around(span)]:
                    raise CannotResize(f"{there.spans[0]} is in another file") from None
            except CannotResize as error:
                why = why or str(error)
                break
    raise CannotResize(why or "its blocks are in too many files")


def _edited(cut: Cut, bundle: Any, roots: bool, follow: bool) -> tuple[str, Program]:
    from fanin.analyses import cost
    from fanin.analyses.couplings.cut import Cut, CutError, difference
    from fanin.repairs.run import counted, laid_out
    from fanin.resizing import CannotResize
    from fanin.resizing.agreement import disagreement
    from fanin.resizing.changes import Changes

    program = cut.coupled.program
    source, base = _gathered(cut, bundle)
    loader = load(source, source.name)
    units = {unit.source.name: unit for unit in loader.units}
    again = couple(base, uniform=bool(cut.coupled.repeats))
    try:
        own = Cut(again, {group.name: stays for group, stays in cut.groups}, approximate=True)
    except CutError as error:
        raise CannotResize(str(error)) from None
    changes = Changes(own, units, roots, follow)
    new = set(changes.blocks) - bundle.imports
    if new:
        bundle.imports |= new
        return _edited(cut, bundle, roots, follow)
    text = laid_out(units[source.name].file, changes.text(source, units))
    small = _built(text, program.name)
    told = counted(Source(_FILE, text), None, cost.parameters(small), program.name)
    if told != text:
        text, small = told, _built(told, program.name)
    wrong = difference(own, small) or disagreement(own, base, small)
    if wrong:
        raise CannotResize(wrong)
    return text, small


def _gathered(cut: Cut, bundle: Any) -> tuple[Source, Program]:
    """One file that gives the parent, without anything being told to it."""
    from fanin.analyses.couplings.cut import Cut, difference
    from fanin.resizing import CannotResize
    from fanin.resizing.agreement import disagreement
    from fanin.resizing.bundle import told

    program = cut.coupled.program
    source = told(bundle.source(), program.name, dict(program.graph.hypers), load)
    base = _built(source.text, program.name)
    whole = Cut(cut.coupled, {})
    wrong = difference(whole, base) or disagreement(whole, program, base)
    if wrong:
        raise CannotResize(f"it is not the same in one file ({wrong})")
    return base.source or source, base


def _built(text: str, name: str) -> Program:
    from fanin.resizing import CannotResize

    try:
        return elaborate_source(Source(_FILE, text), _FILE, name, None)
    except CheckFailed as error:
        raise CannotResize(error.report.diagnostics[0].headline) from None
    except NoSuchName:
        raise CannotResize(f"`{name}` is no name of the file") from None
