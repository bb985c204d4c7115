"""Words for what is drawn: ops, sizes, paths, numbers."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import MISSING, fields
from fractions import Fraction
from typing import Any, TypeAlias

from fanin.analyses.reading import types_of
from fanin.ir.dims import Dim, Poly, Symbol, dim, render
from fanin.ir.facts import Facts
from fanin.ir.graph import Apply, Scalar, Value
from fanin.ir.types import DType, TensorType
from fanin.ops.code import Code, Cut, Name, Subscript
from fanin.ops.contract import Axis, Op, OpAttrs
from fanin.ops.spelling import same

SizeText: TypeAlias = Callable[[Dim], str]

MINUS, TIMES = "−", "×"

# Attributes that a picture does without: they change neither what flows nor, much, what is learned.
QUIET = frozenset(
    (
        *(
            "affine",
            "approximate",
            "batch_first",
            "beta",
            "bias",
            "ceil_mode",
            "count_include_pad",
            "elementwise_affine",
        ),
        *(
            "enable_gqa",
            "end_axis",
            "eps",
            "inplace",
            "interleaved",
            "keepdim",
            "momentum",
            "output_padding",
            "padding",
        ),
        *("padding_idx", "padding_mode", "sorted", "stable", "start_axis", "threshold", "track_running_stats"),
    )
)
# Attributes whose value speaks for itself; others are named.
BARE = frozenset(
    (
        *(
            "axes",
            "chunks",
            "embedding_dim",
            "end",
            "equation",
            "fill_value",
            "hidden_size",
            "kernel_size",
            "length",
            "m",
        ),
        *("n", "negative_slope", "num_classes", "num_embeddings", "out_channels", "out_features", "output_size", "p"),
        *("pattern", "repeats", "shape", "sizes", "start", "steps", "width"),
    )
)
WORDS = {"num_groups": "groups", "num_heads": "heads", "is_causal": "causal", "dropout_p": "dropout"}
SIGNS = {"+": "+", "-": MINUS, "*": TIMES, "/": "÷"}
INFIX = {"*": TIMES, "-": MINUS, "/": "÷", "<=": "≤", ">=": "≥", "!=": "≠"}


# --------------------------------------------------------------------------------------------------------- ops


def family(op: Op[Any]) -> str:
    """The kind of op, which decides its colour: the folder it stands in."""
    parts = type(op).__module__.split(".")
    return parts[2] if len(parts) > 3 and parts[:2] == ["fanin", "ops"] else ""


def op_text(node: Apply, size: SizeText) -> str:
    """``Conv 3×3, 64, stride 2``, ``Linear 768 → 3072``, ``softmax``."""
    title = getattr(node.op, "title", "")
    if title and len(node.inputs) == 2:
        return _binary_text(node, title, size)
    code = node.op.torch(node.attrs, *types_of(node.inputs)) if not node.op.module else None  # type: ignore[arg-type]
    if isinstance(code, Subscript):
        return f"[{', '.join(_place_text(item, size) for item in code.items)}]"
    name = op_name(node)
    words = attribute_words(node, size)
    return f"{name} {', '.join(words)}" if words else name


def op_name(node: Apply) -> str:
    """The name as it was written, without the count of axes and PyTorch's underscores."""
    name = node.op.module if node.module is not None and node.op.module else node.op.name
    if node.op.name == "scaled_dot_product_attention":
        return "attention"
    name = re.sub(r"(?<=[a-z])[123]d$", "", name)
    return name.replace("_", " ")


def _place_text(item: Code | Cut, size: SizeText) -> str:
    """A place in an index: ``:``, ``1:``, ``0``, ``index``."""
    if isinstance(item, Cut):
        ends = ["" if end is None else _place_text(end, size) for end in (item.start, item.stop)]
        return ":".join(ends) + ("" if item.step is None else f":{_place_text(item.step, size)}")
    if isinstance(item, Name):
        return item.text.lower()
    return value_text(item, size) if isinstance(item, (int, Poly)) else "none" if item is None else "index"


def _binary_text(node: Apply, title: str, size: SizeText) -> str:
    """``× 0.125``, ``1 − x``; the sign alone between two tensors."""
    left, right = node.inputs
    sign = INFIX.get(title, title)
    if isinstance(right, Scalar):
        return f"{sign} {value_text(right.value, size)}"
    if isinstance(left, Scalar):
        plain = title in "+*"
        return f"{sign} {value_text(left.value, size)}" if plain else f"{value_text(left.value, size)} {sign} x"
    return sign


def attribute_words(node: Apply, size: SizeText) -> list[str]:
    """What is worth saying of an op's attributes, in few words."""
    words: list[str] = []
    axes = weight_axes(node)
    roles = {axis.role: axis.size for axis in axes}
    kernel = [axis.size for axis in axes if axis.role == "kernel"]
    attrs = node.attrs
    told: set[str] = set()
    if not kernel and len(axes) == 2:
        words.append(_matrix(node, axes))
        told |= {"out_features", "num_embeddings", "embedding_dim"}
    if hasattr(attrs, "kernel_size"):
        words.append(TIMES.join(map(str, kernel or _spread(attrs.kernel_size, node.op.name))))
        told.add("kernel_size")
    if kernel and hasattr(attrs, "out_channels"):
        words.append(str(attrs.out_channels))
        told.add("out_channels")
    groups = getattr(attrs, "groups", 1)
    if kernel and groups != 1:
        depthwise = groups == getattr(attrs, "out_channels", None) and roles.get("in") == 1
        words.append("depthwise" if depthwise else f"groups {groups}")
    told.add("groups")
    for name, value in _salient(attrs):
        if name in told or (name == "stride" and value == getattr(attrs, "kernel_size", None)):
            continue
        text = _word(name, value, node.op.name, size)
        if value is True:
            words.append(WORDS.get(name, name))
        elif name in BARE:
            words.append(text)
        else:
            words.append(f"{WORDS.get(name, name)} {text}")
    scalars = [operand for operand in node.inputs if isinstance(operand, Scalar)]
    return words + [value_text(scalar.value, size) for scalar in scalars]


def _word(name: str, value: Any, op: str, size: SizeText) -> str:
    if name in ("stride", "dilation", "output_size"):
        return _spread_text(value, op)
    if name == "sizes" and isinstance(value, tuple) and all(isinstance(v, tuple) and len(v) == 2 for v in value):
        return ", ".join(f"{letter}={value_text(v, size)}" for letter, v in value)
    if isinstance(value, str):
        return value_text(value.replace("->", "→"))
    return value_text(value, size)


def _salient(attrs: OpAttrs) -> list[tuple[str, Any]]:
    found = []
    for field in fields(attrs):
        value = getattr(attrs, field.name)
        default = field.default
        if field.name in QUIET or value is None or value == ():
            continue
        if field.name not in ("p", "axis") and default is not MISSING and same(value, default):
            continue
        if field.name == "axis" and default is not MISSING and same(value, default):
            continue
        found.append((field.name, value))
    return found


def weight_axes(node: Apply) -> tuple[Axis, ...]:
    """The axes, with roles, of the first parameter of an op that owns weights."""
    if node.module is None:
        return ()
    types = [None if operand is None else operand.type for operand in node.inputs]
    try:
        specs = node.op.params(node.attrs, *types)  # type: ignore[arg-type]
    except Exception:  # a use with sizes of its own: the picture does without
        return ()
    return specs[0].axes if specs else ()


def _matrix(node: Apply, axes: tuple[Axis, ...]) -> str:
    first, second = axes
    if (first.role, second.role) == ("out", "in"):
        return f"{number(second.size)} → {number(first.size)}"
    return f"{number(first.size)} {TIMES} {number(second.size)}"


def _spread(value: Any, name: str) -> tuple[Any, ...]:
    """A size for each spatial axis: 3 of ``max_pool2d`` is 3 × 3."""
    if isinstance(value, (tuple, list)):
        return tuple(value)
    digits = re.search(r"([123])d$", name)
    return (value,) * (int(digits[1]) if digits else 1)


def _spread_text(value: Any, name: str) -> str:
    sizes = _spread(value, name)
    if name.startswith("adaptive"):
        return TIMES.join(map(value_text, sizes))
    return value_text(sizes[0]) if len(set(sizes)) == 1 else TIMES.join(map(value_text, sizes))


def is_join(node: Apply) -> bool:
    """Where arms meet: a sum, product or concatenation of tensors."""
    if len({operand.index for operand in node.inputs if isinstance(operand, Value)}) < 2:
        return False
    return join_text(node) is not None


def join_text(node: Apply) -> str | None:
    """``⊕``, ``concat``; None for what is no mere meeting of arms."""
    sign = SIGNS.get(getattr(node.op, "title", ""))
    if sign is not None:
        return sign
    first = node.op.inputs[0] if node.op.inputs else None
    wordy = any(isinstance(getattr(node.attrs, field.name), str) for field in fields(node.attrs))
    return node.op.name if first is not None and first.variadic and not wordy else None


# --------------------------------------------------------------------------------------------- types and numbers


class Sizes:
    """Dimensions as a paper has them: ``⌈H/2⌉`` for ``ceildiv(H, 2)``, ``H/2`` where that is known to be whole."""

    def __init__(self, facts: Facts | None = None) -> None:
        self.facts = facts
        self._shares: dict[Dim, tuple[Fraction, Symbol] | None] = {}

    def text(self, size: Dim) -> str:
        if not isinstance(size, Poly):
            return str(size)
        share = self.share(size)
        if share is not None:
            part, symbol = share
            above = str(symbol) if part.numerator == 1 else f"{part.numerator}{symbol}"
            return above if part.denominator == 1 else f"{above}/{part.denominator}"
        text = render(size).replace(" * ", "*")
        for name, pattern in (("⌈⌉", CEILDIV), ("⌊⌋", FLOORDIV)):
            before = ""
            while before != text:
                before = text
                text = pattern.sub(lambda found, marks=name: _rounded(found, marks), text)  # type: ignore[misc]
        text = re.sub(r"\(([⌈⌊][^()⌈⌉⌊⌋]*[⌉⌋])\)", r"\1", text)
        return re.sub(r"\b(\d+)\*(?=[A-Za-z⌈⌊])", r"\1", text).replace("*", "·")

    def share(self, size: Dim) -> tuple[Fraction, Symbol] | None:
        """``(1/2, H)`` where the size is known to be half of H, whatever H is."""
        if size not in self._shares:
            self._shares[size] = self._share(size)
        return self._shares[size]

    def _share(self, size: Dim) -> tuple[Fraction, Symbol] | None:
        if not isinstance(size, Poly):
            return None
        symbols = size.symbols()
        if len(symbols) != 1 or self.facts is None:
            return None
        (symbol,) = symbols
        part, whole = self.facts.normal(size), self.facts.normal(dim(symbol))
        if not isinstance(part, Poly) or not isinstance(whole, Poly) or len(part.terms) != 1 or len(whole.terms) != 1:
            return None
        ((letters, factor),) = part.terms.items()
        ((others, total),) = whole.terms.items()
        return (Fraction(factor, total), symbol) if letters == others else None

    def type(self, type: TensorType) -> str:
        """``[N, 64, ⌈H/2⌉]``"""
        shape = f"[{', '.join(self.text(size) for size in type.shape)}]"
        return shape if type.dtype is DType.FLOAT else f"{type.dtype.value}{shape}"

    def flops(self, cost: Dim | None) -> str:
        """``118 MFLOP``, ``18.8K·⌈H/2⌉·⌈W/2⌉ FLOP``; empty where nothing counts or too much would have to be said."""
        if cost is None or (isinstance(cost, int) and cost == 0):
            return ""
        if isinstance(cost, int):
            text = short(cost)
            return f"{text[:-1]} {text[-1]}FLOP" if text[-1].isalpha() else f"{text} FLOP"
        terms: dict[str, Fraction] = {}
        for monomial, factor in cost.terms.items():
            letters: dict[str, int] = {}
            number = Fraction(factor)
            for atom in monomial:
                share = self.share(atom.poly)
                number *= share[0] if share else 1
                name = str(share[1]) if share else self.text(atom.poly)
                letters[name] = letters.get(name, 0) + 1
            key = "·".join(name + _power(n) for name, n in letters.items())
            terms[key] = terms.get(key, Fraction(0)) + number
        if len(terms) > 2 or any(number < 0 for number in terms.values()):
            return ""
        parts = [(short(round(number)) if number != 1 or not key else "", key) for key, number in terms.items()]
        text = " + ".join("·".join(filter(None, part)) for part in parts)
        return f"{text} FLOP" if len(text) <= 40 else ""

    def cost(self, params: int, flops: Dim | None, each: bool = False) -> str:
        """``9.4K params · 236 MFLOP``"""
        text = " · ".join(filter(None, (f"{short(params)} params" if params else "", self.flops(flops))))
        return f"{text} each" if text and each else text


PART = r"(?:[^(),]|\([^(),]*\))+"
CEILDIV = re.compile(rf"ceildiv\(({PART}), ([^(),]+)\)")
FLOORDIV = re.compile(r"((?:\([^()]*\)|[\w⌈⌉⌊⌋./*])+) // (\d+|[A-Za-z]\w*)")


def _rounded(found: re.Match[str], marks: str) -> str:
    above, below = found[1], found[2]
    simple = above.startswith("(") or re.fullmatch(r"[\w.⌈⌉⌊⌋/*]+", above)
    return f"{marks[0]}{above}/{below}{marks[1]}" if simple else f"{marks[0]}({above})/{below}{marks[1]}"


def _power(exponent: int) -> str:
    return "" if exponent == 1 else str(exponent).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))


def number(value: int) -> str:
    """``3072``, and ``50,257`` from ten thousand on."""
    return f"{value:,}" if abs(value) >= 10_000 else str(value)


def short(value: int) -> str:
    """``640``, ``9.4K``, ``25.6M``."""
    size = float(value)
    for unit in ("", "K", "M", "G", "T", "P"):
        if abs(size) < 999.5 or unit == "P":
            return f"{value}" if not unit else f"{size:.3g}{unit}" if size < 100 else f"{size:.0f}{unit}"
        size /= 1000
    raise AssertionError


def value_text(value: Any, size: SizeText = str) -> str:
    """An attribute's or scalar's value: whole numbers without a point, tuples in brackets."""
    if isinstance(value, bool) or value is None:
        return str(value).lower()
    if isinstance(value, float):
        if value in (float("inf"), float("-inf")):
            return "∞" if value > 0 else f"{MINUS}∞"
        whole = value == int(value) and abs(value) < 1e6
        return (str(int(value)) if whole else f"{value:.4g}").replace("-", MINUS)
    if isinstance(value, int):
        return str(value).replace("-", MINUS)
    if isinstance(value, Poly):
        return size(value)
    if isinstance(value, (tuple, list)):
        return f"({', '.join(value_text(v, size) for v in value)})"
    text = str(value)
    return text if len(text) <= 60 else text[:59] + "…"


# ------------------------------------------------------------------------------------------------------- paths


def range_text(paths: list[str]) -> str:
    """What several paths are together: ``layer.0–11``, ``features.24, 26``, ``fc1 … fc9``."""
    first, last = paths[0], paths[-1]
    if len(set(paths)) == 1:
        return first
    parts = [path.split(".") for path in paths]
    if len({len(p) for p in parts}) == 1:
        differing = [i for i in range(len(parts[0])) if len({p[i] for p in parts}) > 1]
        if len(differing) == 1 and all(p[differing[0]].isdigit() for p in parts):
            i = differing[0]
            numbers = [int(p[i]) for p in parts]
            if numbers == list(range(numbers[0], numbers[0] + len(numbers))):
                text = f"{numbers[0]}–{numbers[-1]}"
            else:
                text = f"{numbers[0]}, {numbers[1]}" if len(numbers) == 2 else f"{numbers[0]} … {numbers[-1]}"
            return ".".join((*parts[0][:i], text, *parts[0][i + 1 :]))
    return f"{first} … {last}"
