"""The contract of every op: what it says of itself is what PyTorch does.

Nothing here knows an op by name. The registry finds them, the example and the attributes' types make the cases.
"""

from __future__ import annotations

import contextlib
import math
import re
import warnings
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
import torch
from cases import TORCH, Case, accepted, cases, parse_type, tensors
from evaluate import Evaluator
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

import fanin
from fanin.ir.conditions import Compare, holds
from fanin.ir.dims import Symbol, evaluate
from fanin.ir.laws import Constant, Normal, Uniform
from fanin.ir.types import TensorType
from fanin.ir.unknown import Unknown
from fanin.ops.attributes import bind
from fanin.ops.contract import Complaint, Inferred, Need, Op, OpAttrs, inferred
from fanin.ops.keeping import Backprop
from fanin.ops.registry import all_ops

TRIES = 150
OPS = pytest.mark.parametrize("op", all_ops(), ids=lambda op: f"{type(op).__module__.split('.')[-2]}-{op.name}")


class Refused(Exception):
    """By the op. ``soft``: about kinds and arguments, not shapes, where the language may be stricter than PyTorch."""

    def __init__(self, why: str, *, soft: bool = False, result: Inferred | None = None, training: bool = False) -> None:
        super().__init__(why)
        self.soft, self.result, self.training = soft, result, training


def attributes(op: Op[Any], case: Case) -> OpAttrs:
    """Raises Refused, softly."""
    try:
        return bind(op.attrs, case.given)
    except Complaint as complaint:
        raise Refused(complaint.message, soft=True) from complaint


def infer(op: Op[Any], a: OpAttrs, case: Case, training: bool) -> Inferred:
    """Raises Refused where the op, or its caller on its behalf, refuses."""
    if not accepted(op, case):
        raise Refused("a port does not take this kind", soft=True)
    try:
        numbers = tuple(None if isinstance(o, TensorType) else o for o in case.flat)
        if any(number is not None for number in numbers):
            op.check_numbers(a, case.types, numbers)
        result = inferred(op.infer(a, *case.types))
    except Complaint as complaint:
        check_headline(complaint.message)
        raise Refused(complaint.message, soft=complaint.kind in ("type", "missing")) from complaint
    for need in result.needs:
        check_headline(fill(need))
        if (training or not need.training) and not holds(need.condition, {}):
            raise Refused(fill(need), result=result, training=need.training)
    return result


def fill(need: Need) -> str:
    sides = (need.condition.left, need.condition.right) if isinstance(need.condition, Compare) else ("", "")
    return need.message.format(left=sides[0], right=sides[1])


def check_headline(text: str) -> None:
    assert text and not text.endswith("."), f"a headline has no full stop: {text}"
    assert text[0] == "`" or not text[0].isupper() or not text[1:2].islower(), f"a headline is in lower case: {text}"


def run(
    op: Op[Any], a: OpAttrs, case: Case, training: bool, *, backward: bool = False, device: str = "cpu", ints: int = 0
) -> list[Any]:
    """The results of the op's own code, in torch."""
    made = op.construct(a, *case.types)
    module: nn.Module | None = None
    if made is not None:
        module = Evaluator()(made)
        assert isinstance(module, nn.Module)
        module = module.to(device).double().train(training)
    inputs = [i.to(device) if isinstance(i, torch.Tensor) else i for i in tensors(case, grad=backward, ints=ints)]
    for i, port in enumerate(op.inputs[: len(inputs)]):
        if port.name in getattr(op, "constants", ()) and isinstance(inputs[i], torch.Tensor):
            inputs[i] = inputs[i].detach()
    result = Evaluator(inputs, module, training)(op.torch(a, *case.types))
    results = list(result) if isinstance(result, (tuple, list)) else [result]
    if backward:
        total = [r.real.sum() for r in results if r.requires_grad]
        if total:
            torch.stack(total).sum().backward()
    return results


def agree(result: Inferred, results: list[Any]) -> str:
    """What differs; nothing where the types are as inferred."""
    if len(result.types) != len(results):
        return f"{len(result.types)} results inferred, {len(results)} found"
    for wanted, found in zip(result.types, results, strict=True):
        if not isinstance(found, torch.Tensor):
            return f"{found!r} is no tensor"
        if tuple(found.shape) != wanted.shape:
            return f"{wanted} inferred, {list(found.shape)} found"
        if found.dtype is not TORCH[wanted.dtype]:
            return f"{wanted.dtype} inferred, {found.dtype} found"
    return ""


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    with warnings.catch_warnings(), torch.random.fork_rng():
        warnings.simplefilter("ignore")
        torch.manual_seed(0)
        yield


def shown(op: Op[Any], case: Case, training: bool) -> str:
    return f"`{op.name}` of {', '.join(map(str, case.flat))} with {case.given}, training={training}"


# ------------------------------------------------------------------------------------------------------------- laws


@OPS
def test_an_op_has_a_reference_and_an_example(op: Op[Any]) -> None:
    doc = type(op).__doc__ or ""
    assert doc.strip() and op.example
    first = doc.strip().split("\n\n")[0]
    assert first.rstrip().endswith(".") and "Shape:" not in first, "the docstring begins with a sentence"
    assert "Shape:" in doc
    next(cases(op, 1))


@OPS
def test_the_example_compiles_and_runs_as_a_function_and_as_a_module(op: Op[Any]) -> None:
    for text in dict.fromkeys((op.example, as_module(op))):
        names = text.split("\n")[-1].split(" = ")[0].strip()
        ports = ", ".join(f"{name}: {kind}" for name, kind in op.example_inputs.items())
        with quiet():
            net = fanin.loads(f"model Example()({ports}) {{\n  {text}\n  return {names}\n}}\n").double()
            with contextlib.suppress(torch.linalg.LinAlgError):  # about numbers, not sizes
                for training in (True, False):
                    net.train(training)(*example_tensors(op))


def as_module(op: Op[Any]) -> str:
    """The example with the module in place of the function."""
    if not op.module or op.module == op.name:
        return op.example
    text, count = re.subn(rf"-> {op.name}\b", f"-> {op.module}", op.example)
    return text if not count or text.endswith(")") else f"{text}()"


def example_tensors(op: Op[Any]) -> list[Any]:
    sizes: dict[str, int] = {}
    rng = Random(0)
    types = tuple((parse_type(text, sizes, rng),) for text in op.example_inputs.values())
    return tensors(Case({}, types))


@OPS
def test_what_an_op_infers_is_what_torch_gives_and_what_it_refuses_torch_refuses(op: Op[Any]) -> None:
    ran = 0
    for case in cases(op, TRIES):
        for training in (False, True):
            with quiet():
                ran += check(op, case, training)
    if not ran and "[" in op.example and f"{op.name}(" not in op.example:
        pytest.skip("the example has an index, and no call to take attributes from")
    assert ran >= 10, f"only {ran} cases of `{op.name}` were accepted: it is hardly tested"


def check(op: Op[Any], case: Case, training: bool) -> bool:
    try:
        a = attributes(op, case)
        result = infer(op, a, case, training)
    except Refused as refused:
        if not refused.soft:
            check_refusal(op, attributes(op, case), case, training, refused)
        return False
    try:
        results = run(op, a, case, training, backward=training)
    except torch.linalg.LinAlgError:
        results = run(op, a, case, training, device="meta")  # about numbers, not sizes
    except Exception as error:
        if "ZeroDivisionError" not in repr(error):
            pytest.fail(f"{shown(op, case, training)} is accepted, and torch raises: {error!r:.300}")
        results = run(op, a, case, training, backward=training, ints=1)
    difference = agree(result, results)
    assert not difference, f"{shown(op, case, training)}: {difference}"
    return True


def check_refusal(op: Op[Any], a: OpAttrs, case: Case, training: bool, refused: Refused) -> None:
    try:
        op.torch(a, *case.types), op.construct(a, *case.types)
    except Exception:
        return  # there is no code for it
    # What binds in training fails there; a complaint is about both modes, and failing in one is enough.
    for mode in (True,) if refused.training else (training, not training):
        try:
            results = run(op, a, case, mode, backward=mode)
            run(op, a, case, mode, device="meta")  # where kernels of one device do not look, shapes are checked
        except Exception:
            return
        if refused.result is not None and agree(refused.result, results):
            return
    pytest.fail(
        f"{shown(op, case, training)} is refused ({refused}), and torch gives {[list(r.shape) for r in results]}"
    )


@OPS
def test_the_module_gives_what_the_function_gives(op: Op[Any]) -> None:
    for case in cases(op, 40):
        try:
            a = attributes(op, case)
            result = infer(op, a, case, False)
        except Refused:
            continue
        made = op.construct(a, *case.types)
        if made is None or op.name == op.module:
            continue
        with quiet():
            module = Evaluator()(made).double().eval()
            torch.set_default_dtype(torch.float64)  # which is what a module makes of ints
            try:
                found, wanted = module(*tensors(case)), run(op, a, case, False)
            finally:
                torch.set_default_dtype(torch.float32)
        assert not agree(result, [found]), f"{shown(op, case, False)}: {agree(result, [found])}"
        assert torch.allclose(found, wanted[0], equal_nan=True), shown(op, case, False)


@OPS
def test_sizes_left_open_give_what_numbers_give(op: Op[Any]) -> None:
    for case in cases(op, TRIES):
        try:
            a = attributes(op, case)
            wanted = infer(op, a, case, True)
        except Refused:
            continue
        sizes: dict[Symbol, int] = {}
        opened = tuple(None if t is None else open_up(t, sizes) for t in case.types)
        try:
            found = inferred(op.infer(a, *opened))  # type: ignore[arg-type]
        except Complaint:
            continue  # sizes that have to be numbers
        closed = tuple(t.with_shape(*(evaluate(d, sizes) for d in t.shape)) for t in found.types)
        assert closed == wanted.types, f"{shown(op, case, True)}: {found.types} at {sizes}"
        for need in found.needs:
            assert holds(need.condition, sizes), f"{shown(op, case, True)}: {fill(need)} ({need.condition})"
        flops, counted = op.flops(a, *case.types), None
        with contextlib.suppress(Complaint):
            counted = evaluate(op.flops(a, *opened), sizes)  # type: ignore[arg-type]
        assert counted in (flops, None), f"{shown(op, case, True)}: {counted} flops, {flops} in numbers"


def open_up(t: TensorType, sizes: dict[Symbol, int]) -> TensorType:
    """A type with a letter for every size above 1: a 1 is written, or it could not stretch."""
    shape: list[Any] = []
    for size in t.shape:
        assert isinstance(size, int)
        if size > 1:
            letter = Symbol(f"D{len(sizes)}")
            sizes[letter] = size
            shape.append(letter.poly)
        else:
            shape.append(size)
    return t.with_shape(*shape)


@OPS
def test_parameters_are_those_of_the_real_module(op: Op[Any]) -> None:
    seen = 0
    for case in cases(op, 40):
        try:
            a = attributes(op, case)
            infer(op, a, case, True)
            specs, made = op.params(a, *case.types), op.construct(a, *case.types)
        except (Refused, Complaint):
            continue  # a function may take what the module does not
        if made is None:
            assert not specs, f"`{op.name}` has parameters and no module"
            continue
        with quiet():
            module = Evaluator()(made)
        parameters, state = dict(module.named_parameters()), module.state_dict()
        assert [s.name for s in specs] == list(state), shown(op, case, True)
        for spec in specs:
            assert spec.shape == tuple(state[spec.name].shape), f"{shown(op, case, True)}: {spec}"
            assert (spec.kind == "param") == (spec.name in parameters), f"{spec.name} is no {spec.kind}"
            assert state[spec.name].dtype.is_floating_point == (TORCH[spec.dtype].is_floating_point), spec.name
        seen += 1
    assert seen or type(op).construct is Op.construct


@OPS
def test_parameters_start_as_in_the_real_module(op: Op[Any]) -> None:
    checked = 0
    for case in cases(op, 30):
        try:
            a = attributes(op, case)
            infer(op, a, case, True)
            specs, made = op.params(a, *case.types), op.construct(a, *case.types)
        except (Refused, Complaint):
            continue  # a function may take what the module does not
        if made is None or not specs or checked >= 3:
            continue
        checked += 1
        with quiet():
            count = max(1, 2000 // max(1, min(math.prod(s.shape) for s in specs)))
            drawn = [Evaluator()(made).state_dict() for _ in range(min(count, 400))]
        for spec in specs:
            numbers = torch.stack([d[spec.name].double() for d in drawn]).flatten()
            check_law(spec.fallback, numbers, f"{shown(op, case, True)}: {spec.name} by {spec.fallback}")


def check_law(law: Any, numbers: torch.Tensor, what: str) -> None:
    count = numbers.numel()
    mean, std = float(numbers.mean()), float(numbers.std(correction=0))
    slack = 6 / math.sqrt(count)  # six standard errors, more or less
    match law:
        case Constant():
            # A row that stays empty (`padding_idx`) is no constant's: those agree everywhere.
            assert bool((numbers == law.value).all()), what
        case Uniform():
            wanted = (law.high - law.low) / math.sqrt(12)
            assert float(numbers.min()) >= law.low - 1e-6 and float(numbers.max()) <= law.high + 1e-6, what
            assert abs(std - wanted) <= slack * wanted + 1e-7, f"{what}: std {std}, not {wanted}"
        case Normal():
            empty = float((numbers == 0).double().mean())  # a row that `padding_idx` leaves at zero
            assert abs(mean - law.mean * (1 - empty)) <= slack * law.std, what
            assert abs(std - law.std * math.sqrt(1 - empty)) <= slack * law.std, f"{what}: std {std}"
        case _:
            raise AssertionError(f"{what}: no law to check")


@OPS
def test_flops_are_what_torch_counts(op: Op[Any]) -> None:
    for case in cases(op, 40):
        try:
            a = attributes(op, case)
            infer(op, a, case, True)
        except Refused:
            continue
        made = op.construct(a, *case.types)
        with quiet(), FlopCounterMode(display=False) as counter:
            module = None if made is None else Evaluator()(made).to("meta").double().eval()
            inputs = [i.to("meta") if isinstance(i, torch.Tensor) else i for i in tensors(case)]
            try:
                Evaluator(inputs, module)(op.torch(a, *case.types))
            except (NotImplementedError, RuntimeError) as error:
                assert "meta" in str(error).lower(), f"{shown(op, case, False)}: {error!r:.200}"
                continue  # PyTorch cannot tell: its result depends on numbers
        found = op.flops(a, *case.types)
        assert found == counter.get_total_flops(), f"{shown(op, case, False)}: {found}, not {counter.get_total_flops()}"


@OPS
def test_what_is_kept_for_the_backward_pass_is_what_torch_keeps(op: Op[Any]) -> None:
    """By storage, as saved tensors' hooks see it: which inputs and results, and how many numbers besides."""
    for case in cases(op, 40):
        try:
            a = attributes(op, case)
            result = infer(op, a, case, True)
        except Refused:
            continue
        with quiet(), contextlib.suppress(torch.linalg.LinAlgError):
            difference = keeping(op, a, case, result)
            assert not difference, f"{shown(op, case, True)}: {difference}"


def keeping(op: Op[Any], a: OpAttrs, case: Case, result: Inferred) -> str:
    """What the op says it keeps and torch does not, or the other way round."""
    made = op.construct(a, *case.types)
    module = None if made is None else Evaluator()(made).double()
    inputs = tensors(case, grad=True)
    for i, port in enumerate(op.inputs[: len(inputs)]):
        if port.name in getattr(op, "constants", ()) and isinstance(inputs[i], torch.Tensor):
            inputs[i] = inputs[i].detach()
    saved: list[torch.Tensor] = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: saved.append(t) or t, lambda t: t):
        found = Evaluator(inputs, module, True)(op.torch(a, *case.types))
    results = [r for r in (found if isinstance(found, (tuple, list)) else [found]) if isinstance(r, torch.Tensor)]
    needs = tuple(isinstance(i, torch.Tensor) and i.requires_grad for i in inputs)
    if not any(r.requires_grad for r in results) or any(0 in t.shape for t in (*result.types, *inputs_of(case))):
        return ""
    if getattr(a, "dropout_p", 0) or getattr(a, "dropout", 0):
        return ""  # the CPU has no fused kernel of attention that drops
    learns = module is not None and any(True for _ in module.parameters())
    numbers = tuple(i for i, o in enumerate(case.flat) if isinstance(o, (int, float)))
    told = op.saved(a, Backprop(case.types, result.types, needs, learns, numbers))
    if isinstance(told, Unknown):
        return ""
    names = {i.untyped_storage().data_ptr(): f"x{n}" for n, i in enumerate(inputs) if isinstance(i, torch.Tensor)}
    for n, r in enumerate(results):
        names.setdefault(r.untyped_storage().data_ptr(), f"y{n}")
    own = set() if module is None else {t.untyped_storage().data_ptr() for t in module.state_dict().values()}
    storages = {
        t.untyped_storage().data_ptr(): t for t in saved if t.dim() and t.untyped_storage().data_ptr() not in own
    }
    wanted = {f"x{i}" for i in told.inputs if isinstance(inputs[i], torch.Tensor)} | {f"y{i}" for i in told.results}
    here = {names[s] for s in storages if s in names}
    scalars = {f"x{i}" for i, x in enumerate(inputs) if isinstance(x, torch.Tensor) and not x.dim()}
    if (wanted ^ here) - scalars - {f"y{i}" for i, r in enumerate(results) if not r.dim()}:
        return f"{sorted(wanted)} are said to be kept, and {sorted(here)} are"
    besides = sum(t.untyped_storage().nbytes() // t.element_size() for s, t in storages.items() if s not in names)
    said = sum(t.numel() for t in told.more if t.rank)
    return "" if said == besides else f"{said} numbers are said to be kept besides, and {besides} are"


def inputs_of(case: Case) -> list[TensorType]:
    return [t for t in case.types if t is not None]


@OPS
def test_results_lie_where_the_op_says(op: Op[Any]) -> None:
    for case in cases(op, 40):
        try:
            a = attributes(op, case)
            result = infer(op, a, case, True)
        except Refused:
            continue
        if not case.types or case.types[0] is None or any(0 in t.shape for t in (*result.types, *inputs_of(case))):
            continue
        lies = op.lies(a, *case.types)
        with quiet(), contextlib.suppress(torch.linalg.LinAlgError):
            inputs = tensors(case)
            made = op.construct(a, *case.types)
            module = None if made is None else Evaluator()(made).double()
            found = Evaluator(inputs, module, True)(op.torch(a, *case.types))
            first = inputs[0][0] if isinstance(inputs[0], (list, tuple)) else inputs[0]
            results = list(found) if isinstance(found, (tuple, list)) else [found]
            if isinstance(first, torch.Tensor) and first.numel():
                on = {r.untyped_storage().data_ptr() == first.untyped_storage().data_ptr() for r in results}
                whole = lies.axes is not None and list(lies.axes) == sorted(lies.axes)
                assert on == {lies.view and (whole or not lies.packed)}, f"{shown(op, case, True)}: {lies}"
