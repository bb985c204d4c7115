"""Patterns: what they compute is what a plain reading of einops' notation computes, index by index."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from fanin.ir.poly import Symbol
from fanin.ir.types import DType, floats
from fanin.ops.attributes import bind
from fanin.ops.code import Method
from fanin.ops.contract import Complaint, inferred
from ops.running import agrees, check, op, refuses, sample


def x(*shape: int) -> torch.Tensor:
    return sample(DType.FLOAT, shape)


def sizes(**given: int) -> tuple[tuple[str, int], ...]:
    return tuple(given.items())


def by_hand(pattern: str, known: dict[str, int], t: torch.Tensor) -> torch.Tensor:
    """``rearrange`` and ``repeat`` without dots, by indices: each number is put where the pattern says."""

    def side(text: str) -> list[list[str]]:
        groups: list[list[str]] = []
        inside = False
        for token in text.replace("(", " ( ").replace(")", " ) ").split():
            if token in "()":
                inside = token == "("
                groups += [[]] if inside else []
            elif inside:
                groups[-1].append(token)
            else:
                groups.append([token])
        return groups

    left, right = (side(part) for part in pattern.split("->"))
    known = known | {str(n): n for n in range(10)}
    for group, size in zip(left, t.shape, strict=True):
        unknown = [axis for axis in group if axis not in known]
        rest = 1
        for axis in group:
            rest *= known.get(axis, 1)
        for axis in unknown:
            known[axis] = size // rest
    names = sorted({axis for group in left + right for axis in group if not axis.isdigit() or axis > "1"})

    def place(groups: list[list[str]], at: dict[str, int]) -> tuple[int, ...]:
        found = []
        for group in groups:
            i = 0
            for axis in group:
                i = i * known[axis] + at.get(axis, 0)
            found.append(i)
        return tuple(found)

    shape = []
    for group in right:
        n = 1
        for axis in group:
            n *= known[axis]
        shape.append(n)
    result = torch.zeros(shape, dtype=t.dtype)
    for at in itertools.product(*(range(known[name]) for name in names)):
        where = dict(zip(names, at, strict=True))
        result[place(right, where)] = t[place(left, where)]
    return result


REARRANGE = [
    ("b t (h d) -> b h t d", {"h": 3}, (2, 5, 6)),
    ("b t (h d) -> b h t d", {"d": 3}, (2, 5, 6)),
    ("b t (h d) -> b h t d", {"h": 3, "d": 2}, (2, 5, 6)),
    ("b h t d -> b t (h d)", {}, (2, 3, 4, 5)),
    ("n d h w -> n (h w) d", {}, (2, 3, 4, 5)),
    ("n t (three h d) -> three n h t d", {"three": 3, "h": 2}, (2, 5, 12)),
    ("n (three c) h w -> three n 1 (h w) c", {"three": 3}, (2, 6, 4, 5)),
    ("n 1 (h w) c -> n c h w", {"h": 2}, (2, 1, 6, 3)),
    ("n c (h p) (w q) -> n (h w) (p q c)", {"p": 2, "q": 3}, (2, 3, 4, 6)),
    ("n c (h a) (w b) -> n (c a b) h w", {"a": 2, "b": 2}, (2, 3, 4, 6)),
    ("n (c a b) h w -> n c (h a) (w b)", {"a": 2, "b": 2}, (2, 12, 2, 3)),
    ("b t v -> (b t) v", {}, (2, 3, 4)),
    ("b t -> (b t)", {}, (2, 3)),
    ("(b t) d -> b t d", {"b": 2}, (6, 4)),
    ("(k m) n c -> k m n c", {"k": 2}, (6, 4, 3)),
    ("m k n -> (k m) n", {}, (2, 3, 4)),
    ("b s 1 -> b s", {}, (2, 3, 1)),
    ("b s -> 1 b 1 s 1", {}, (2, 3)),
    ("n (c h w) -> n c h w", {"h": 2, "w": 3}, (2, 12)),
    ("a b c d -> d c b a", {}, (2, 3, 4, 5)),
    ("a b c -> (c b a)", {}, (2, 3, 4)),
    ("a (b c) d -> a d (b c)", {"b": 2}, (2, 6, 3)),
    ("a (b c d) -> (a b) (d c)", {"b": 2, "c": 3}, (2, 12)),
    ("(a 1 b) -> b a ()", {"a": 2}, (6,)),
    ("a -> a", {}, (3,)),
    ("1 1 -> 1", {}, (1, 1)),
]


@pytest.mark.parametrize(("pattern", "known", "shape"), REARRANGE)
def test_rearrange_puts_every_number_where_the_pattern_says(
    pattern: str, known: dict[str, int], shape: tuple[int, ...]
) -> None:
    for kind in (DType.FLOAT, DType.INT, DType.BOOL):
        t = sample(kind, shape)
        (got,) = agrees("rearrange", {"pattern": pattern, "sizes": sizes(**known)}, t)
        assert torch.equal(got, by_hand(pattern.replace("()", "1"), known, t))


def test_random_patterns_put_every_number_where_they_say() -> None:
    generator = torch.Generator().manual_seed(0)

    def draw(n: int) -> int:
        return int(torch.randint(n, (), generator=generator))

    for _ in range(300):
        names = [*"abcde"[: 1 + draw(5)]]
        known = {name: 1 + draw(3) for name in names}
        parts = []
        for order in (names, [names[i] for i in torch.randperm(len(names), generator=generator)]):
            groups: list[str] = []
            todo = list(order)
            while todo:
                count = 1 + draw(min(3, len(todo)))
                group, todo = todo[:count], todo[count:]
                groups.append(group[0] if count == 1 and draw(2) else f"({' '.join(group)})")
                if not draw(6):
                    groups.append("1")
            parts.append(" ".join(groups))
        pattern = " -> ".join(parts)
        shape = []
        for text in parts[0].replace("(", "|(").replace(")", ")|").split("|"):
            for group in [text] if text.startswith("(") else text.split():
                size = 1
                for name in group.strip("()").split():
                    size *= known.get(name, 1)
                shape.append(size)
        t = x(*shape)
        (got,) = agrees("rearrange", {"pattern": pattern, "sizes": sizes(**known)}, t)
        assert torch.equal(got, by_hand(pattern, known, t)), pattern


REPEAT = [
    ("n k -> n k d", {"d": 3}, (2, 4)),
    ("n k -> d n k", {"d": 3}, (2, 4)),
    ("n k -> (n d) k", {"d": 3}, (2, 4)),
    ("n k -> n (d k)", {"d": 3}, (2, 4)),
    ("h w -> (h a) (w b)", {"a": 2, "b": 3}, (2, 4)),
    ("h w -> w a h b", {"a": 2, "b": 1}, (2, 4)),
    ("h w -> h w 3", {}, (2, 4)),
    ("(a b) -> b c a 2", {"a": 2, "c": 5}, (6,)),
    ("1 d -> b d", {"b": 4}, (1, 3)),
]


@pytest.mark.parametrize(("pattern", "known", "shape"), REPEAT)
def test_repeat_puts_every_number_where_the_pattern_says(
    pattern: str, known: dict[str, int], shape: tuple[int, ...]
) -> None:
    t = x(*shape)
    (got,) = agrees("repeat", {"pattern": pattern, "sizes": sizes(**known)}, t)
    assert torch.equal(got, by_hand(pattern, known, t))


def test_dots_stand_for_any_axes() -> None:
    t = x(2, 3, 4, 6)
    (got,) = agrees("rearrange", {"pattern": "... (h d) -> h ... d", "sizes": sizes(h=2)}, t)
    assert torch.equal(got, t.unflatten(-1, (2, 3)).movedim(-2, 0))
    (got,) = agrees("rearrange", {"pattern": "b ... -> b (...)"}, t)
    assert torch.equal(got, t.flatten(1))
    (got,) = agrees("rearrange", {"pattern": "b ... -> ... b"}, x(2))
    (got,) = agrees("reduce", {"pattern": "b ... -> b", "reduction": "mean"}, t)
    assert torch.allclose(got, t.mean(dim=(1, 2, 3)))
    (got,) = agrees("repeat", {"pattern": "... -> ... k", "sizes": sizes(k=2)}, t)


@pytest.mark.parametrize("reduction", ["sum", "mean", "max", "min", "prod", "any", "all"])
@pytest.mark.parametrize("kind", list(DType))
def test_reduce_gives_the_kinds_that_torch_does(reduction: str, kind: DType) -> None:
    t = sample(kind, (2, 4, 6))
    for pattern, known in (("a b c -> a c", {}), ("a (b k) (c l) -> b a c", {"k": 2, "l": 3}), ("a b c -> ", {})):
        parts = t.unflatten(1, (2, 2)).unflatten(3, (2, 3))
        gone = {"a b c -> a c": (1, 2), "a b c -> ": (0, 1, 2, 3, 4)}.get(pattern, (2, 4))
        name = {"max": "amax", "min": "amin"}.get(reduction, reduction)
        attrs = {"pattern": pattern, "reduction": reduction, "sizes": sizes(**known)}
        try:
            if name == "prod":
                expected = parts
                for i in reversed(gone):
                    expected = expected.prod(dim=i)
            else:
                expected = getattr(parts, name)(dim=gone)
        except RuntimeError:
            assert refuses("reduce", attrs, t)
            continue
        expected = expected.flatten(1) if pattern == "a b c -> a c" else expected
        if pattern.endswith("b a c"):
            expected = expected.transpose(0, 1)
        (got,) = agrees("reduce", attrs, t)
        assert torch.allclose(got.to(torch.complex128), expected.to(torch.complex128))


def test_reduce_takes_axes_without_a_name() -> None:
    t = x(2, 3, 4, 6)
    (got,) = agrees("reduce", {"pattern": "b c (h 2) (w 3) -> b c h w", "reduction": "max"}, t)
    assert torch.equal(got, torch.nn.functional.max_pool2d(t, (2, 3)))
    agrees("reduce", {"pattern": "b c h w -> b c 1 1", "reduction": "sum"}, t)


def text(pattern: str, shape: tuple[Any, ...], **known: int) -> str:
    kind = op("rearrange")
    code = kind.torch(bind(kind.attrs, {"pattern": pattern, "sizes": sizes(**known)}), floats(*shape))
    found = ""
    while isinstance(code, Method):
        inside = ", ".join(str(getattr(a, "items", a)) for a in code.args)
        found, code = f".{code.name}({inside}){found}", code.receiver
    return found


def test_the_code_is_what_a_careful_person_writes() -> None:
    b, t, d = (Symbol(name).poly for name in "BTD")
    assert text("b t (h d) -> b h t d", (b, t, 12 * d), h=12) == ".unflatten(-1, (12, -1)).transpose(1, 2)"
    assert text("b h t d -> b t (h d)", (b, 12, t, d)) == ".transpose(1, 2).flatten(-2)"
    assert text("n d h w -> n (h w) d", (b, 768, t, d)) == ".flatten(2).transpose(1, 2)"
    assert text("b t v -> (b t) v", (b, t, d)) == ".flatten(0, 1)"
    assert text("b s 1 -> b s", (b, t, 1)) == ".squeeze(2)"
    three = text("n t (three h d) -> three n h t d", (b, t, 2304), three=3, h=12)
    assert three == ".unflatten(-1, (3, 12, -1)).permute(2, 0, 3, 1, 4)"


def test_an_open_axis_divides_under_a_condition() -> None:
    d = Symbol("D").poly
    kind = op("rearrange")
    a = bind(kind.attrs, {"pattern": "(h d) -> h d", "sizes": (("h", 8),)})
    assert [need.kind for need in inferred(kind.infer(a, floats(d))).needs] == ["indivisible"]
    found = inferred(kind.infer(a, floats(8 * d)))
    assert not found.needs and found.types == (floats(8, d),)


@pytest.mark.parametrize(
    ("name", "pattern", "known", "message"),
    [
        ("rearrange", "a b -> a", {}, "`b` stands on the left of the pattern, and not on its right"),
        ("rearrange", "a b -> a b c", {}, "`c` stands on the right of the pattern, and not on its left"),
        ("rearrange", "a b a -> a b", {}, "`a` stands twice on the left"),
        ("rearrange", "a b -> a b b", {}, "`b` stands twice on the right"),
        ("rearrange", "a (b c -> a b c", {}, "a bracket of the pattern is not closed"),
        ("rearrange", "a b) -> a b", {}, "is closed and was not opened"),
        ("rearrange", "a ((b c)) -> a b c", {}, "a bracket stands inside a bracket"),
        ("rearrange", "a b c -> a b c", {}, "the left of the pattern has 3 axes, and x is"),
        ("rearrange", "a (b c) -> a b c", {}, "of `b` and `c`, which are one axis of x, all but one need a size"),
        ("rearrange", "a (b c) -> a b c", {"b": 4}, "an axis of 6 does not divide by 4"),
        ("rearrange", "a b -> b a", {"c": 4}, "there is no axis `c` in the pattern"),
        ("rearrange", "a b -> b a", {"a": 4}, "`a` is {right}, and that axis of x is {left}"),
        ("rearrange", "a b", {}, "a pattern has one `->`"),
        ("rearrange", "a, b -> a b", {}, "a pattern has no `,`"),
        ("rearrange", "a 2 -> a 2", {}, "the axis 2 of the pattern has no name"),
        ("rearrange", "a (...) -> a", {}, "`...` stands in brackets on the left"),
        ("rearrange", "a b -> a b ...", {}, "`...` stands on the right of the pattern, and not on its left"),
        ("rearrange", "a b* -> a b", {}, r"`*` has no meaning in a pattern"),
        ("repeat", "a b -> a b c", {}, "the new axis `c` needs a size"),
        ("repeat", "a b -> a", {}, "`b` stands on the left of the pattern, and not on its right"),
        ("reduce", "a b -> a c", {}, "`c` stands on the right of the pattern, and not on its left"),
    ],
)
def test_a_wrong_pattern_says_what_is_wrong(name: str, pattern: str, known: dict[str, int], message: str) -> None:
    attrs: dict[str, Any] = {"pattern": pattern, "sizes": sizes(**known)}
    if name == "reduce":
        attrs["reduction"] = "sum"
    with pytest.raises(Complaint) as caught:
        check(name, attrs, x(2, 6))
    assert message in caught.value.message


EINSUM = [
    ("b h t d, b h s d -> b h t s", [(2, 3, 4, 5), (2, 3, 6, 5)]),
    ("batch row, batch width -> batch row width", [(2, 3), (2, 4)]),
    ("b s, b s m -> b m", [(2, 3), (2, 3, 4)]),
    ("n d -> n", [(2, 3)]),
    ("i i -> i", [(3, 3)]),
    ("i i ->", [(3, 3)]),
    ("i, i ->", [(3,), (3,)]),
    ("a b, b c, c d -> a d", [(2, 3), (3, 4), (4, 5)]),
    ("b s m, b k m, b k -> b s", [(2, 3, 4), (2, 5, 4), (2, 5)]),
    ("b s, b s, b s -> b", [(2, 3), (2, 3), (2, 3)]),
    ("r s, b -> r", [(2, 3), (4,)]),
    ("... d, d k -> ... k", [(2, 3, 4), (4, 5)]),
    ("... a b, ... b c -> ... a c", [(6, 2, 3), (3, 4)]),
    ("a ... b -> b a ...", [(2, 3, 4, 5)]),
    ("k m n c, m k -> m n c", [(2, 3, 4, 5), (3, 2)]),
]


@pytest.mark.parametrize(("equation", "shapes"), EINSUM)
def test_einsum_is_torchs_with_names_and_costs_what_its_counter_counts(
    equation: str, shapes: list[tuple[int, ...]]
) -> None:
    tensors = [x(*shape) for shape in shapes]
    kind = op("einsum")
    a = bind(kind.attrs, {"equation": equation})
    with FlopCounterMode(display=False) as counter:
        (got,) = agrees("einsum", {"equation": equation}, *tensors)
    assert 2 * kind.flops(a, *(floats(*shape) for shape in shapes)) == counter.get_total_flops()
    names = dict.fromkeys(equation.replace("->", " ").replace(",", " ").replace("...", "").split())
    letters = dict(zip(names, "abcdefghij", strict=False))
    short = "".join(letters.get(token, token) for token in equation.replace(",", " , ").replace("->", " -> ").split())
    assert torch.allclose(got, torch.einsum(short, *tensors))
    for dtype in (DType.COMPLEX,):
        agrees("einsum", {"equation": equation}, *(sample(dtype, shape) for shape in shapes))


@pytest.mark.parametrize(
    ("equation", "message"),
    [
        ("b s, b s m", "an equation has one `->`"),
        ("b s -> b", "the equation has 1 terms for 2 tensors"),
        ("bs, bm -> sm", "`sm` stands in the result, and in no term"),
        ("bs, bm -> bs", "`bs` names 1 axis, and its tensor is"),
        ("b s, s m -> b m", "`s` is {left} in one tensor of this einsum, and {right} in another"),
        ("b (s t), b m -> b m", "`(` cannot stand in an equation"),
        ("b s, b m -> b b", "`b` stands twice in the result"),
        ("b s, b m -> b m, s", "an equation has one result"),
    ],
)
def test_a_wrong_equation_says_what_is_wrong(equation: str, message: str) -> None:
    with pytest.raises(Complaint) as caught:
        check("einsum", {"equation": equation}, x(2, 3), x(2, 4))
    assert message in caught.value.message


def test_einsum_takes_one_kind() -> None:
    assert refuses("einsum", {"equation": "a, a ->"}, x(2), sample(DType.COMPLEX, (2,)))
    assert refuses("einsum", {"equation": "a, a ->"}, x(2), sample(DType.INT, (2,)))
