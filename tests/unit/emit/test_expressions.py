"""Trees print as Python with the same tree, and with no bracket too many."""

import ast

import pytest

from fanin.emit.torch.expressions import Comprehension, Printer, Star, flat, layout
from fanin.ir.dims import Symbol
from fanin.ops.code import (
    Attribute,
    Call,
    Cut,
    Infix,
    Input,
    Invoke,
    Like,
    Method,
    Module,
    Name,
    Prefix,
    Sequence,
    Subscript,
    call,
)

A, B, C = Name("a"), Name("b"), Name("c")


@pytest.mark.parametrize(
    ("tree", "text"),
    [
        (Infix("+", Infix("*", A, B), C), "a * b + c"),
        (Infix("*", Infix("+", A, B), C), "(a + b) * c"),
        (Infix("-", A, Infix("-", B, C)), "a - (b - c)"),
        (Infix("-", Infix("-", A, B), C), "a - b - c"),
        (Infix("**", Prefix("-", A), 2), "(-a) ** 2"),
        (Prefix("-", Infix("**", A, 2)), "-a**2"),
        (Infix("**", A, -1), "a**-1"),
        (Infix("**", -1, A), "(-1) ** a"),
        (Infix("-", A, -1), "a - -1"),
        (Infix("<", Infix("<", A, B), C), "(a < b) < c"),
        (Infix("&", Infix("==", A, B), C), "(a == b) & c"),
        (Attribute(Infix("@", A, B), "mT"), "(a @ b).mT"),
        (Attribute(Prefix("-", A), "T"), "(-a).T"),
        (Method(Infix("+", A, B), "sum", (-1,), (("keepdim", True),)), "(a + b).sum(-1, keepdim=True)"),
        (Invoke(Name("self.fc"), (A,)), "self.fc(a)"),
        (Subscript(A, (Cut(), Cut(None, 3))), "a[:, :3]"),
        (Subscript(A, (Name("..."), Cut(Infix("//", B, 2)))), "a[..., b // 2 :]"),
        (Subscript(A, (0, None, Cut(None, None, -1))), "a[0, None, ::-1]"),
        (Sequence((A,)), "(a,)"),
        (Sequence((A, 2), "[]"), "[a, 2]"),
        (Sequence(()), "()"),
        (call("f", "it's", 'a "b"\n', float("inf"), 1e-5, -0.0), 'f("it\'s", \'a "b"\\n\', float("inf"), 1e-05, -0.0)'),
        (Call("nn.Sequential", (Star(Comprehension(Call("B", (1,)), 3)),)), "nn.Sequential(*[B(1) for _ in range(3)])"),
    ],
)
def test_a_tree_prints_with_the_brackets_it_needs(tree: object, text: str) -> None:
    assert flat(tree) == text
    ast.parse(text, mode="eval")


def test_the_places_of_an_op_are_filled() -> None:
    height = Symbol("H")
    printer = Printer(["x", "a + b"], "self.fc", "self.fc.weight")
    assert printer.text(Infix("*", Input(0), Input(1))) == "x * (a + b)"
    assert printer.text(Invoke(Module(), (Input(0),))) == "self.fc(x)"
    assert printer.text(call("torch.zeros", 2 * height + 1, dtype=Attribute(Like(), "dtype"))) == (
        "torch.zeros(2 * H + 1, dtype=self.fc.weight.dtype)"
    )
    assert printer.text(Infix("*", Input(0), height // 2)) == "x * (H // 2)"


def test_long_calls_break_as_ruff_breaks_them() -> None:
    arms = tuple(Call("nn.Conv2d", (64, 128, 3), (("padding", 1),)) for _ in range(4))
    assert layout(Call("nn.Sequential", arms[:3]), 8, "self.stem = ") == (
        "self.stem = nn.Sequential(\n"
        "            nn.Conv2d(64, 128, 3, padding=1),\n"
        * 1
        + "            nn.Conv2d(64, 128, 3, padding=1),\n" * 2
        + "        )"
    )
    assert layout(Call("nn.ModuleList", (Sequence(arms[:2], "[]"),)), 8, "self.layer_with_a_long_name = ").splitlines()[
        1
    ] == ("            [nn.Conv2d(64, 128, 3, padding=1), nn.Conv2d(64, 128, 3, padding=1)]")
