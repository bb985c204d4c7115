"""Habits from PyTorch and Python: names that mean nothing here, and what stands for them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from fanin.ops import torch_names
from fanin.ops.registry import find_op
from fanin.source import Source, Span

# What a name of another language or library is called here.
RENAMED = {
    **torch_names.RENAMED,
    "None": "none", "True": "true", "False": "false", "null": "none", "nil": "none", "cat": "concat", "view": "reshape",
    "expand": "broadcast_to", "detach": "stop_gradient", "swish": "silu", "Dense": "Linear", "Conv2D": "Conv2d",
    "Convolution2D": "Conv2d", "MaxPooling2D": "MaxPool2d", "BatchNormalization": "BatchNorm2d", "dim": "axis",
    "batch_norm": "BatchNorm2d", "max_pool": "max_pool2d", "avg_pool": "avg_pool2d", "gather_nd": "gather",
    "MultiHeadAttention": "MultiheadAttention", "LSTMCell": "LSTMCell", "abs_": "abs", "relu_": "relu",
}  # fmt: skip

# What stands for a name that nothing here is called.
EXPLAINED = {
    **torch_names.INSTEAD,
    "Sequential": "modules in a row are a pipe in brackets: `(Linear(8) -> ReLU())`",
    "sequential": "modules in a row are a pipe in brackets: `(Linear(8) -> ReLU())`",
    "range": "a range is written `0..n`",
    "size": "the sizes of a tensor are `x.shape`",
    "self": "the names of a block are in scope by themselves: leave out `self.`",
    "super": "a block has no class above it: what it does is what its braces say",
    "ModuleList": "modules are kept in a list, `[…]`, or made in a `for`",
    "ModuleDict": "modules are named by their labels",
    "torch": "ops need no prefix: `relu`, `Linear`",
    "nn": "ops need no prefix: `Linear`",
    "F": "ops need no prefix: `relu`",
    "np": "ops and numbers need no prefix: `sqrt`, `pi`",
    "tf": "ops need no prefix: `relu`, `Linear`",
    "math": "`sqrt`, `log` and `pi` are called by their own names",
    "Parameter": "a learned tensor is declared: `param scale: [8] = ones`",
    "no_grad": "what gets no gradient goes through `stop_gradient(x)`",
    "Activation": "a function stands in the pipe by itself: `x -> relu`",
    "Input": "the inputs of a model are its second list: `model Net()(x: [N, 784]) { … }`",
    "Lambda": "a function is declared beside the blocks, with `fn`",
    "lambda": "a function is declared beside the blocks, with `fn`",
    "print": "`fanin show` prints what is elaborated",
    "append": "a list grows with `++`: `xs = xs ++ [x]`",
}

PREFIXES = frozenset(["torch", "nn", "F", "functional", "self", "np", "tf", "math", "keras", "layers"])

# Methods of PyTorch's tensors that are no function of the same name here.
_NOTHING = frozenset(["contiguous", "cuda", "cpu", "to", "clone"])


@dataclass(frozen=True, slots=True)
class Meant:
    """What was meant by the text of ``span``: a replacement, or None where only ``help`` can be said."""

    span: Span
    text: str | None
    help: str


def what_was_meant(name: str, span: Span, known: frozenset[str]) -> Meant | None:
    """A foreign name at ``span``, with its members and its call, as the language writes it."""
    if name in PREFIXES:
        dotted = _members(span)
        if dotted:
            return _without_prefix(name, span, dotted, known)
    if name == "range":
        return _range(span)
    if name in ("Sequential", "sequential"):
        return _sequential(span, span.start)
    if name in RENAMED:
        return Meant(span, RENAMED[name], "")
    return Meant(span, None, EXPLAINED[name]) if name in EXPLAINED else None


def method(name: str, value: Span, at: Span) -> Meant | None:
    """``x.view(N, 8)``: a method as a function of what it is called on. ``at`` is the method's name."""
    called = call_after(at.source, at.end)
    whole = Span(at.source, value.start, called[1]) if called else Span(at.source, value.start, at.end)
    args = called[0] if called else []
    text = value.text if re.fullmatch(r"[\w.]+|\(.*\)", value.text, re.DOTALL) else f"({value.text})"
    if name == "size":
        return Meant(whole, f"{text}.shape[{args[0]}]" if len(args) == 1 else f"{text}.shape", "")
    if name in _NOTHING:
        return Meant(whole, text, f"`{name}` has no meaning here: leave it out")
    if name in ("T", "mT"):
        return Meant(whole, f"transpose({text}, -2, -1)", "")
    meant = RENAMED.get(name, name)
    if find_op(meant) is None or not called:
        return None
    return Meant(whole, f"{meant}({', '.join([text, *args])})", "")


def call_after(source: Source, start: int) -> tuple[list[str], int] | None:
    """The arguments of a call whose brackets open at ``start``, as text, and where it ends; or None."""
    text = source.text
    if start >= len(text) or text[start] != "(":
        return None
    args: list[str] = []
    depth, begun, at, quoted = 0, start + 1, start, False
    while at < len(text):
        sign = text[at]
        if sign == '"':
            quoted = not quoted
        elif quoted:
            at += sign == "\\"
        elif sign in "([{":
            depth += 1
        elif sign in ")]}":
            depth -= 1
            if depth == 0:
                last = text[begun:at].strip()
                return [*args, last] if last else args, at + 1
        elif sign == "," and depth == 1:
            args.append(text[begun:at].strip())
            begun = at + 1
        at += 1
    return None


def _members(span: Span) -> list[str]:
    found = re.match(r"(?:\.\w+)+", span.source.text[span.end : span.end + 200])
    return found[0].split(".")[1:] if found else []


def _without_prefix(name: str, span: Span, dotted: list[str], known: frozenset[str]) -> Meant:
    while len(dotted) > 1 and dotted[0] in PREFIXES:
        dotted = dotted[1:]
    last = dotted[0]
    skipped = span.source.text.index(f".{last}", span.end) + 1
    whole = Span(span.source, span.start, skipped + len(last))
    if last in ("Sequential", "range"):
        inner = Span(span.source, skipped, skipped + len(last))
        meant = _sequential(inner, span.start) if last == "Sequential" else None
        if meant is not None:
            return meant
    last = RENAMED.get(last, last)
    if last in known or find_op(last) is not None:
        return Meant(whole, last, "")
    return Meant(whole, None, EXPLAINED.get(last, EXPLAINED.get(name, "ops need no prefix")))


def _range(span: Span) -> Meant:
    called = call_after(span.source, span.end)
    help = EXPLAINED["range"]
    if called is None or not 1 <= len(called[0]) <= 2:
        return Meant(span, None, help)
    args, end = called
    first, last = ("0", args[0]) if len(args) == 1 else args
    plain = all(re.fullmatch(r"[\w.]+", part) for part in (first, last))
    text = f"{first}..{last}" if plain else f"({first})..({last})"
    return Meant(Span(span.source, span.start, end), text, help)


def _sequential(span: Span, start: int) -> Meant:
    called = call_after(span.source, span.end)
    if called is None or not called[0] or any("=" in part.split("(")[0] or "*" in part[:1] for part in called[0]):
        return Meant(span, None, EXPLAINED["Sequential"])
    args, end = called
    text = args[0] if len(args) == 1 else f"({' -> '.join(args)})"
    return Meant(Span(span.source, start, end), text, EXPLAINED["Sequential"])
