"""One random spec through the checker and the emitted module, and past them through torch: where the two disagree."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random
from typing import Any

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from fanin import pipeline
from fanin.diagnostics.model import Severity
from fanin.ir.conditions import holds
from fanin.ir.dims import Symbol
from fanin.ir.graph import Program
from fanin.ir.types import DType
from fanin.ops.registry import all_ops
from fanin.report import Report
from fanin.runtime.load import build
from tests.models import backward, differences, meets, open_symbols, tensors_in
from tests.properties.generator.build import Made, walk
from tests.properties.generator.spec import Bind, Block, For, If, Name, Pipe, Return, Spec, Stage, Update, print_spec
from tests.properties.generator.unchecked import Failure, Frame, Unchecked, quiet

SIZES = (1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 16, 18, 24)
RANDOM = frozenset(op.name for op in all_ops() if not op.keeps)  # equal inputs need not give equal numbers
LOOSE = RANDOM | {"eigh", "svd"}  # nor where vectors are found but for a sign, and what follows is badly conditioned


class Disagreement(Exception):
    """The compiler and torch see it differently. ``kind`` stays the same while a spec is made smaller."""

    def __init__(self, kind: str, why: str) -> None:
        super().__init__(f"{kind}: {why}")
        self.kind = kind


@dataclass(frozen=True)
class Outcome:
    """How a case went: ``accepted`` or the codes it was refused with, and how many sizes were run."""

    codes: tuple[str, ...]
    runs: int = 0


def compare(made: Made, seed: int = 0) -> list[Outcome]:
    """How a spec fares with its letters open; and where it is refused, with one after another given a size.

    Raises Disagreement.
    """
    given: dict[str, int] = {}
    letters = [n for n in made.sizes if any(n in t.dims for _, t in made.spec.model.inputs)]
    Random(seed).shuffle(letters)
    found = [check(made, given, seed)]
    while found[-1].codes and letters and not made.bad:
        letter = letters.pop()
        given[letter] = made.sizes[letter]
        found.append(check(made, given, seed))
    return found


def check(made: Made, given: dict[str, int], seed: int) -> Outcome:
    try:
        report = pipeline.check_text(print_spec(made.spec), hyper=dict(given))
    except Exception as error:
        raise Disagreement(f"the checker raises {type(error).__name__}", repr(error)) from error
    errors = [d for d in report.diagnostics if d.severity is Severity.ERROR]
    with quiet():
        if not errors:
            return accepted(made, report, seed, given)
        codes = tuple(sorted({d.code.id for d in errors}))
        if any(c.startswith(("SYN", "NAM")) for c in codes):
            raise Disagreement(f"refused with {codes[0]}", errors[0].headline)
        if all(c.startswith("SHP") for c in codes):
            refused(made, codes, errors[0].headline, seed, given)
        return Outcome(codes)


# ----------------------------------------------------------------------------------------------------------- accepted


def accepted(made: Made, report: Report, seed: int, given: dict[str, int]) -> Outcome:
    program = next(p for p in report.programs if p.name == made.spec.model.name)
    try:
        source = pipeline.source(program)
        module = build(program, source, seed=1).double()
    except Exception as error:
        raise Disagreement(f"emission raises {type(error).__name__}", repr(error)) from error
    kinds = {p.value.type.dtype for p in program.inputs if p.value is not None}
    says = DType.FLOAT in kinds or any(p.is_floating_point() for p in module.parameters())
    with contextlib.nullcontext() if says else wide():
        return accepted_module(made, program, module, seed)


def accepted_module(made: Made, program: Program, module: Any, seed: int) -> Outcome:
    plain = Unchecked(made.spec)
    ran = 0
    fixed = not any(isinstance(e, Name) and (e.name in LOOSE) for e in walk(made.spec.declarations))
    for sizes in itertools.islice(good_sizes(program, made, seed), 3):
        ran += 1
        run_accepted(program, module, plain, sizes, compare_numbers=fixed and not random_module(made.spec))
    if not ran:
        raise Disagreement("no sizes", f"none found that meet {[str(r.condition) for r in program.requirements]}")
    for requirement in program.requirements[:3]:
        broken = list(itertools.islice(bad_sizes(program, requirement, seed), 12))
        for sizes in broken[:2]:
            refuses(module, program, requirement, sizes)
        if "is below 0" in requirement.message:
            continue  # PyTorch counts from the end then, and nothing fails: it is another slice
        several = len({tuple(sizes.values()) for sizes in broken}) > 3
        if several and not requirement.written and not any(needed(made, program, sizes) for sizes in broken):
            raise Disagreement("a condition is not needed", f"{requirement.condition} ({requirement.message})")
    return Outcome((), ran)


@contextlib.contextmanager
def wide() -> Iterator[None]:
    """Float64 where neither an input nor a weight says how wide a float is."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def random_module(spec: Spec) -> bool:
    squeezed = {name.replace("_", "") for name in RANDOM}
    return any(isinstance(e, Name) and e.name.lower() in squeezed for e in walk(spec.declarations))


def refuses(module: Any, program: Program, requirement: Any, sizes: dict[Symbol, int]) -> None:
    """Sizes that break a condition of the model are refused on entry."""
    module.train()
    try:
        module(*numbers(program, sizes))
    except ValueError:
        return
    except Exception as error:
        why = f"{requirement.condition} at {sizes}: {error!r}"
        raise Disagreement("a broken condition is noticed late", why) from error
    raise Disagreement("a broken condition is not noticed", f"{requirement.condition} at {sizes}")


def needed(made: Made, program: Program, sizes: dict[Symbol, int]) -> bool:
    """Whether torch itself fails, or gives something else, at sizes that break a condition."""
    plain = Unchecked(made.spec)
    try:
        with sdpa_kernel(SDPBackend.MATH):  # others read past the end, as below
            results = plain.run(learning(numbers(program, sizes)), training=True)
        if differences(program, results, sizes) or any(isinstance(t, Tensor) and not t.numel() for t in plain.trail):
            return True
        backward(results)
    except Exception:
        return True
    return False


def run_accepted(
    program: Program, module: Any, plain: Unchecked, sizes: dict[Symbol, int], compare_numbers: bool
) -> None:
    inputs = numbers(program, sizes)
    at = f"at { ({s.name: n for s, n in sizes.items()}) }"
    module.eval()
    try:
        with torch.no_grad():
            results = module(*inputs)
    except Exception as error:
        if of_numbers(error):
            return
        raise Disagreement("accepted, and the module raises", f"{error!r} {at}") from error
    wrong = differences(program, results, sizes)
    if wrong:
        raise Disagreement("accepted, and the types differ", wrong[0])
    try:
        with torch.no_grad():
            plain.run(inputs)
            carry_over(module, plain)
            expected = plain.run(inputs)
    except Failure as error:
        if isinstance(error.__cause__, Exception) and of_numbers(error.__cause__):
            return
        raise Disagreement("accepted, and it fails in torch as it stands", f"{error} {at}") from error
    if compare_numbers:
        same_numbers("the numbers differ", at, expected, tensors_in(results))
    if not meets(program, sizes, training=True):
        return
    expected = None
    with contextlib.suppress(Failure):
        expected = plain.run(inputs, training=True)
    module.train()
    try:
        results = module(*learning(inputs))
        wrong = differences(program, results, sizes)
        backward(results)
    except Exception as error:
        if of_numbers(error):
            return
        raise Disagreement("accepted, and training raises", f"{error!r} {at}") from error
    if wrong:
        raise Disagreement("accepted, and the types differ in training", wrong[0])
    read = all_read(plain.spec)
    drawn = "dropout" in print_spec(plain.spec)
    if (
        compare_numbers
        and not drawn
        and expected is not None
        and (read or not any(isinstance(s, Update) for s in walk(plain.spec)))
    ):
        same_numbers("the numbers differ in training", at, expected, tensors_in(results))
        if read:
            state, mine = module.state_dict(), plain.tensors()
            same_numbers("a buffer differs after a step", at, [mine[k] for k in state], list(state.values()))


def all_read(spec: Spec) -> bool:
    """Whether every name is read: what nobody reads is not computed, and leaves its buffers as they are."""
    for block in spec.declarations:
        if isinstance(block, Block):
            body = list(walk(block.body))
            bound = [n for s in body if isinstance(s, Bind) for n in s.names] + [
                s.name for s in body if isinstance(s, Stage)
            ]
            read = [e.name for e in body if isinstance(e, Name)]
            if any(read.count(n) == 0 for n in bound if n is not None) or len(set(bound)) < len(bound):
                return False
    return True


def same_numbers(kind: str, at: str, expected: list[Any], found: list[Tensor]) -> None:
    for mine, theirs in zip(expected, found, strict=True):
        mine = mine if isinstance(mine, Tensor) else torch.as_tensor(mine, dtype=theirs.dtype)
        if not torch.allclose(mine.to(theirs.dtype), theirs, rtol=1e-9, atol=1e-9, equal_nan=True):
            raise Disagreement(kind, f"{at}: {mine.flatten()[:5]} and {theirs.flatten()[:5]}")


def of_numbers(error: Exception) -> bool:
    """Whether what torch raises is about the numbers in a tensor, or about a gradient that nothing has."""
    words = (
        "probability tensor contains",
        "invalid multinomial distribution",
        "should be between 0 and 1",
        "index out of range in self",
        "is not implemented",
        "Expected p_in",
        "is not differentiable with respect to argument",
    )
    return isinstance(error, torch.linalg.LinAlgError) or any(w in str(error) for w in words)


def carry_over(module: Any, plain: Unchecked) -> None:
    """The emitted module's weights, put where the language says that they live. Raises Disagreement over a path."""
    state, mine = module.state_dict(), plain.tensors()
    missing, extra = sorted(set(mine) - set(state)), sorted(set(state) - set(mine))
    if missing or extra:
        raise Disagreement("the paths differ", f"emitted {extra}, expected {missing}")
    for key, value in mine.items():
        if value.shape != state[key].shape:
            raise Disagreement("a weight's shape differs", f"{key}: {list(state[key].shape)}, {list(value.shape)}")
        value.detach().copy_(state[key])


# ------------------------------------------------------------------------------------------------------------ refused


def refused(made: Made, codes: tuple[str, ...], headline: str, seed: int, given: dict[str, int]) -> None:
    """Somewhere the unchecked execution has to fail, or to give something other than is declared."""
    plain = Unchecked(made.spec)
    letters = [n for n in made.sizes if n not in given]
    rng = Random(seed)
    choices = [dict(made.sizes)]
    choices += [{n: rng.choice(SIZES) for n in letters} for _ in range(24)]
    choices += [{n: (size if n != one else rng.choice(SIZES)) for n, size in made.sizes.items()} for one in letters]
    for training in (True, False):
        for sizes in choices:
            try:
                inputs = declared_inputs(made.spec.model, {**sizes, **given})
                # Other kernels of attention write past the end of what they are given where its sizes do not fit.
                with sdpa_kernel(SDPBackend.MATH):
                    results = plain.run(learning(inputs) if training else inputs, training)
                    if training:
                        backward([results, plain.trail])
                        if any(isinstance(t, Tensor) and not t.numel() for t in plain.trail):
                            return  # PyTorch takes a mean of nothing for one; here it is refused
            except (Failure, RuntimeError):
                return
    if codes == ("SHP305",):
        return  # what sizes no weight may still be needed when the model is built
    raise Disagreement(f"refused with {codes[0]}, and torch runs it", headline)


def declared_inputs(model: Block, sizes: dict[str, int]) -> list[Tensor]:
    """Inputs of the declared types. Raises Failure where there are none at these sizes."""
    runner = Unchecked.__new__(Unchecked)
    runner.spec = Spec([])
    frame = Frame(None, {}, dict(sizes))  # type: ignore[arg-type]
    found = []
    for i, (_, type) in enumerate(model.inputs):
        shape = [runner.size(d, frame) for d in type.dims]
        if any(n < 1 for n in shape):
            raise Failure("no such tensor")
        found.append(random_tensor(DType(type.dtype), shape, i))
    return found


# -------------------------------------------------------------------------------------------------------------- sizes


def good_sizes(program: Program, made: Made, seed: int) -> Iterator[dict[Symbol, int]]:
    """Sizes that meet a model's conditions, those it was written at first."""
    symbols = open_symbols(program)
    rng = Random(seed)
    seen = set()
    tries: list[dict[Symbol, int]] = [{s: made.sizes.get(s.name, 2) for s in symbols}]
    tries += [{s: rng.choice(SIZES) for s in symbols} for _ in range(300)]
    tries += [{s: rng.choice((*SIZES, 30, 48, 60)) for s in symbols} for _ in range(100)]
    for sizes in tries:
        key = tuple(sizes.values())
        if key not in seen and meets(program, sizes, training=False) and small(program, sizes):
            seen.add(key)
            yield sizes


def small(program: Program, sizes: dict[Symbol, int]) -> bool:
    from tests.models import size_at

    for port in program.inputs:
        assert port.value is not None
        shape = [size_at(d, sizes) for d in port.value.type.shape]
        if any(n < 1 for n in shape) or torch.Size(shape).numel() > 50_000:
            return False
    return True


def bad_sizes(program: Program, requirement: Any, seed: int) -> Iterator[dict[Symbol, int]]:
    """Sizes that break this condition of a model and no other."""
    symbols = open_symbols(program)
    rng = Random(seed + 1)
    others = [r for r in program.requirements if r is not requirement]
    for _ in range(80):
        sizes = {s: rng.choice(SIZES) for s in symbols}
        broken = not holds(requirement.condition, sizes) and all(holds(r.condition, sizes) for r in others)
        if broken and small(program, sizes):
            yield sizes


def numbers(program: Program, sizes: dict[Symbol, int]) -> list[Tensor]:
    from tests.models import tensor_type

    found = []
    for i, port in enumerate(program.inputs):
        assert port.value is not None
        kind, shape = tensor_type(port.value.type, sizes)
        found.append(random_tensor(kind, shape, i))
    return found


def learning(inputs: list[Tensor]) -> list[Tensor]:
    return [i.requires_grad_(i.is_floating_point() or i.is_complex()) for i in inputs]


def random_tensor(kind: DType, shape: Any, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    if kind is DType.INT:
        return torch.zeros(tuple(shape), dtype=torch.int64)
    if kind is DType.BOOL:
        return torch.rand(tuple(shape), generator=generator) < 0.5
    dtype = torch.complex128 if kind is DType.COMPLEX else torch.float64
    return torch.rand(tuple(shape), generator=generator, dtype=dtype)


# ------------------------------------------------------------------------------------------------------------ smaller


def smaller(made: Made, kind: str, seed: int = 0) -> Made:
    """The same disagreement in a spec with fewer statements and stages."""
    best = made
    for _ in range(6):
        shrunk = False
        for candidate in simplifications(best):
            try:
                compare(candidate, seed)
            except Disagreement as found:
                if found.kind == kind:
                    best, shrunk = candidate, True
                    break
            except Exception:
                continue
        if not shrunk:
            return best
    return best


def simplifications(made: Made) -> Iterator[Made]:
    from copy import deepcopy

    count = len(places_to_cut(made.spec))
    for i in range(count):
        spec = deepcopy(made.spec)
        cut = places_to_cut(spec)[i]
        cut()
        yield replace(made, spec=spec)


def places_to_cut(spec: Spec) -> list[Any]:
    """Ways to leave something out, each a function that does it."""
    found: list[Any] = []

    def in_list(items: list[Any], least: int = 0) -> None:
        for i in range(len(items)):
            if len(items) > least:
                found.append(lambda i=i: items.pop(i))

    def statements(body: list[Any]) -> None:
        for i, s in enumerate(body):
            if not isinstance(s, Return):
                found.append(lambda i=i: body.pop(i))
            if isinstance(s, Return):
                in_list(s.values, 1)
            if isinstance(s, For):
                statements(s.body)
                found.append(lambda i=i, s=s: body.__setitem__(slice(i, i + 1), s.body))
            if isinstance(s, If):
                for _, arm in s.branches:
                    statements(arm)
            for e in walk(s):
                if isinstance(e, Pipe):
                    in_list(e.stages, 1)

    for d in spec.declarations:
        if isinstance(d, Block):
            statements(d.body)
            if d.result is not None:
                found.append(lambda d=d: setattr(d, "result", None))
            if d.kind == "model":
                for i, (name, _) in enumerate(d.inputs):
                    if not any(isinstance(e, Name) and e.name == name for e in walk(d.body)):
                        found.append(lambda i=i, d=d: d.inputs.pop(i))
    return found
