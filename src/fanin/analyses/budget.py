"""``expect memory(…)``: what it asks for, as words, sizes and shapes, and the bytes that are the answer."""

from __future__ import annotations

from fanin.analyses.memory import STATES, memory_of
from fanin.analyses.reading import alone
from fanin.analyses.sizes import Misfit, bind_shapes, broken_requirement
from fanin.diagnostics import Diagnostic
from fanin.diagnostics.codes import TYP401, TYP405
from fanin.diagnostics.suggest import nearest
from fanin.ir.dims import Dim, Symbol, expand, maximum, substitute
from fanin.ir.graph import Graph, Program, Promise, Query
from fanin.ir.unknown import Unknown

WIDTHS = {"float64": 8, "float32": 4, "bfloat16": 2, "float16": 2}
WORDS = ("training", "inference", *WIDTHS, *STATES)


def asked(program: Program, graph: Graph, promise: Promise, query: Query) -> Dim | Unknown | Diagnostic:
    """Bytes of parameters and activations at the peak, and in training of gradients and the optimiser's state.

    An argument is a word (``training``, ``adam``, ``bfloat16``), the size of a letter (``T=1024``), ``batch`` for the
    first axis of the inputs, or the shape of an input. Letters without a size stay open.
    """

    def wrong(headline: str, label: str = "not this", help: str = "") -> Diagnostic:
        return Diagnostic(TYP405, headline, promise.span, label, helps=(help,) if help else ())

    words: set[str] = set()
    shapes: dict[str, list[int]] = {}
    sizes: dict[Symbol, int] = {}
    opens = _open_letters(graph)
    for name, value in query.args:
        if value is True and name in WORDS:
            words.add(name)
        elif isinstance(value, (list, tuple)) and name:
            shapes[name] = list(value)
        elif name and not isinstance(value, bool) and isinstance(value, int) and value > 0:
            found = batch_of(graph) if name == "batch" and "batch" not in opens else opens.get(name)
            if found is None:
                known = ", ".join(f"`{letter}`" for letter in opens) or "none"
                return wrong(
                    f"`{name}` is no open dimension of the inputs of `{graph.name}`", "no such size", f"open: {known}"
                )
            sizes[found] = value
        elif value is True:
            near = nearest(name, WORDS)
            helps = f"did you mean `{near}`?" if near else f"the words: {', '.join(WORDS)}"
            return wrong(f"`memory` knows no `{name}`", help=helps)
        else:
            headline = f"`memory` takes sizes and shapes, such as `batch=32`, not `{name or value}`"
            return Diagnostic(TYP401, headline, promise.span, "not this")
    if problem := _at_odds(words):
        return wrong(problem)
    bound = bind_shapes(graph, shapes)
    if not isinstance(bound, Misfit):
        sizes = {**bound, **sizes}
        bound = (broken_requirement(program, sizes) if graph is program.graph else None) or bound
    if isinstance(bound, Misfit):
        return Diagnostic(TYP401, f"in `{promise.text}`, {bound.message}", promise.span, "these sizes")
    width = next((WIDTHS[word] for word in words if word in WIDTHS), 4)
    states = next((STATES[word] for word in words if word in STATES), 0)
    memory = memory_of(graph, width)
    peaks = memory.training if "training" in words else memory.inference
    if isinstance(peaks, Unknown):
        return peaks
    here = [expand(substitute(expand(peak), dict(sizes))) for peak in peaks]
    return maximum(*here) + memory.held("training" in words, states)


def _at_odds(words: set[str]) -> str:
    """Words that do not go together."""
    for group in (("training", "inference"), tuple(WIDTHS), tuple(STATES)):
        here = [word for word in group if word in words]
        if len(here) > 1:
            return f"`memory` is for {here[0]} or for {here[1]}, not for both"
    if "training" not in words and words & set(STATES):
        return f"an optimiser keeps its state in training: write `memory(training, {next(iter(words & set(STATES)))})`"
    return ""


def _open_letters(graph: Graph) -> dict[str, Symbol]:
    found: dict[str, Symbol] = {}
    for port in graph.ports:
        for size in () if port.value is None else port.value.type.shape:
            symbol = alone(size)
            if symbol is not None:
                found.setdefault(symbol.name, symbol)
    return found


def batch_of(graph: Graph) -> Symbol | None:
    """The letter that the inputs begin with, where it is one."""
    firsts = {p.value.type.shape[0] for p in graph.ports if p.value is not None and p.value.type.shape}
    letters = {alone(size) for size in firsts}
    return next(iter(letters)) if len(letters) == 1 else None
