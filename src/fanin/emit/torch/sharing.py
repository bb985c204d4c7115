"""Anti-unification: graphs whose classes are the same but for numbers become one class with constructor arguments.

Every number in a class is a position, with a vector of values: one for each graph that shares it. A vector that is
constant is printed, any other is the simplest expression over the block's hyper-parameters and the letters of its
shapes that gives these values, and where there is none, an argument of its own. A constant is a hyper-parameter too
where the class says so in other places: `Linear(3 * width)` is not `Linear(2304)`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fanin.emit.torch.authored import ORIGIN, Arguments, Number, Vector, authored
from fanin.emit.torch.expressions import Comprehension, Tree, rebuild
from fanin.emit.torch.names import Names
from fanin.ops.code import Call, Infix, Method, Name, Prefix
from fanin.record import record


@record
class Hole:
    """A number in a skeleton."""

    kind: str  # "bool" | "number"


def skeleton(tree: Tree) -> Tree:
    """The tree with its numbers taken out; equal for two trees that differ in numbers only."""
    if isinstance(tree, bool):
        return Hole("bool")
    if isinstance(tree, int | float):
        return Hole("number")
    return rebuild(tree, skeleton)


# --------------------------------------------------------------------------------------------- defaults of modules

# Keywords that graphs of one block may give or leave out: they are written in all of them while classes are compared.
_DEFAULTS: tuple[tuple[str, dict[str, Number]], ...] = (
    ("nn.Conv", {"stride": 1, "padding": 0, "output_padding": 0, "dilation": 1, "groups": 1, "bias": True}),
    ("nn.Linear", {"bias": True}),
    ("nn.BatchNorm", {"eps": 1e-5, "momentum": 0.1, "affine": True}),
    ("nn.LayerNorm", {"eps": 1e-5, "elementwise_affine": True, "bias": True}),
    ("nn.GroupNorm", {"eps": 1e-5, "affine": True}),
    ("F.scaled_dot_product_attention", {"dropout_p": 0.0, "is_causal": False}),
)


def _defaults(target: str) -> dict[str, Number]:
    return next((defaults for prefix, defaults in _DEFAULTS if target.startswith(prefix)), {})


def used_keywords(tree: Tree, found: dict[str, set[str]]) -> None:
    """Collects which keywords with a known default each kind of module is given."""

    def visit(part: Tree) -> Tree:
        if isinstance(part, Call):
            known = _defaults(part.target)
            found.setdefault(part.target, set()).update(name for name, _ in part.keywords if name in known)
        return rebuild(part, visit)

    visit(tree)


def with_defaults(tree: Tree, found: dict[str, set[str]]) -> Tree:
    """The tree with those keywords written out everywhere, in one order."""

    def visit(part: Tree) -> Tree:
        part = rebuild(part, visit)
        if not isinstance(part, Call) or not found.get(part.target):
            return part
        given = dict(part.keywords)
        known = {name: value for name, value in _defaults(part.target).items() if name in found[part.target]}
        full = {name: given.get(name, value) for name, value in known.items()}
        rest = {name: value for name, value in given.items() if name not in known}
        return Call(part.target, part.args, (*full.items(), *rest.items()))

    return visit(tree)


def without_defaults(tree: Tree, own: Mapping[str, Mapping[str, Number]]) -> Tree:
    """The tree without keywords that say what PyTorch, or a class of the file, does anyway."""

    def visit(part: Tree) -> Tree:
        part = rebuild(part, visit)
        if not isinstance(part, Call):
            return part
        known = own.get(part.target) or _defaults(part.target)
        kept = tuple((name, value) for name, value in part.keywords if name not in known or not _is(value, known[name]))
        return Call(part.target, part.args, kept)

    return visit(tree)


def _is(value: Any, default: Number) -> bool:
    return (
        isinstance(value, bool | int | float)
        and isinstance(value, bool) is isinstance(default, bool)
        and value == default
    )


# -------------------------------------------------------------------------------------------------- explanations


@dataclass
class Shared:
    """The arguments of a class that several graphs (or one) share, found while its numbers are explained.

    ``known`` are candidate arguments, the best first: a name and its value in each graph. ``likely`` are those that
    may be behind a constant of the same value anywhere; others are only where the author wrote them.
    """

    known: dict[str, Vector]
    likely: frozenset[str] = frozenset()
    names: Names = field(default_factory=Names)
    hypers: frozenset[str] = frozenset()
    spoken: dict[str, str] = field(default_factory=dict)  # words of the spec -> arguments
    roles: dict[str, tuple[str, ...]] = field(default_factory=dict)  # of the classes in the file
    used: dict[str, Vector] = field(default_factory=dict)
    said: dict[Vector, Tree] = field(default_factory=dict)

    def explain(self, vector: Vector, wanted: str = "size", written: Arguments = ()) -> Tree:
        """What is printed in a position with these values. ``wanted`` names the argument it may take."""
        constant = _constant(vector)
        if constant and wanted == "axis":
            return vector[0]
        found = self._authored(vector, wanted, written)
        if found is None and self._is_handed_on(vector, wanted, written):
            found = Name(wanted)
        if found is None and vector in self.said and not _mixed(self.said, vector):
            said = self.said[vector]
            found = said if not constant or _is_size(vector[0], wanted) else None
        if found is None and not constant:
            found = self._search(vector, {**self.known, **self.used})
        elif found is None and _is_size(vector[0], wanted):
            likely = {name: v for name, v in self.known.items() if name in self.likely}
            found = self._search(vector, likely, exact=True)
        if found is None:
            found = vector[0] if constant else self._argument(wanted, vector)
        for name in _names(found):
            if name in self.known:
                self.used[name] = self.known[name]
        if not isinstance(found, bool | int | float) and (not constant or _is_size(vector[0], wanted)):
            self.said[vector] = found
        return found

    def _is_handed_on(self, vector: Vector, wanted: str, written: Arguments) -> bool:
        """Whether an argument goes on under its own name. A default that is equal to it is not meant."""
        if wanted not in self.known or not _same(self.known[wanted], vector):
            return False
        if not _constant(vector):
            return wanted not in _SIZES or vector not in self.said
        if wanted not in self.hypers:
            return vector not in self.said
        words = [word for word, own in self.spoken.items() if own == wanted]
        return any(("~", word) in written for word in words)

    def at(self, indices: Sequence[int]) -> Shared:
        """The same for some of the graphs alone, where the others have no such position."""

        def pick(vector: Vector) -> Vector:
            return tuple(vector[i] for i in indices)

        part = Shared({name: pick(v) for name, v in self.known.items()}, self.likely, self.names)
        part.hypers, part.spoken, part.roles = self.hypers, self.spoken, self.roles
        part.used = {name: pick(v) for name, v in self.used.items()}
        part.said = {pick(v): tree for v, tree in reversed(self.said.items())}
        return part

    def take_back(self, part: Shared, indices: Sequence[int], count: int) -> None:
        """Note the arguments that ``part`` of the graphs need; the others get 0 for new ones."""
        for name, values in part.used.items():
            if name in self.known:
                self.used[name] = self.known[name]
            elif name not in self.used:
                full: list[Number] = [type(values[0])(0)] * count
                for i, value in zip(indices, values, strict=True):
                    full[i] = value
                self.used[name] = tuple(full)

    def _authored(self, vector: Vector, wanted: str, written: Arguments) -> Tree | None:
        """The author's own expression, where it gives these values."""
        known = {word: (own, self.known[own]) for word, own in self.spoken.items()}
        places = [wanted, "", "~"] if all(isinstance(v, float) for v in vector) else [wanted, ""]
        texts = [t for place in places for k, t in written if k == place]
        if wanted.startswith("size") and vector[0] not in (0, 1, -1):
            # PyTorch's functions call their arguments otherwise than the language does.
            texts += [t for k, t in written if k and k not in ("~", ORIGIN)]
        for text in texts:
            found = authored(text, known, len(vector))
            if found is not None and _same(found[1], vector):
                return found[0]
        return None

    def soft(self, vector: Vector, *, spatial: bool = False) -> Tree | None:
        """As ``explain`` for a comment: None where only a new argument would do. Height and width seldom are one."""
        if vector in self.said and not _mixed(self.said, vector) and not (spatial and _constant(vector)):
            return self.said[vector]
        if _constant(vector):
            return vector[0]
        letter = next((word for word, own in self.spoken.items() if _same(self.known[own], vector)), None)
        return self._search(vector, self.used) or (None if letter is None else Name(letter))

    def _argument(self, wanted: str, vector: Vector) -> Tree:
        name = self.names.fresh("size" if wanted.startswith("size") else wanted)
        self.used[name] = vector
        return Name(name)

    def _search(self, vector: Vector, among: dict[str, Vector], *, exact: bool = False) -> Tree | None:
        """The simplest expression with these values."""
        for name, v in among.items():
            if _same(v, vector):
                return Name(name)
        if exact:
            return None
        if isinstance(vector[0], bool):
            return next(
                (
                    Prefix("not", Name(n))
                    for n, v in among.items()
                    if _same(tuple(not x for x in v), vector) and isinstance(v[0], bool)
                ),
                None,
            )
        if not _whole(vector):
            return None
        whole = {name: v for name, v in among.items() if _whole(v) and (min(v) > 1 or not _constant(vector))}
        for name, v in whole.items():
            factor = _factor(vector, v)
            if factor is not None and 2 <= factor <= 16:
                return Infix("*", factor, Name(name))
        ratio = self._quotient(vector, whole)
        if ratio is not None:
            return ratio
        for name, v in whole.items():
            divisor = _factor(v, vector)
            if divisor is not None and 2 <= divisor <= 16:
                return Infix("//", Name(name), divisor)
        if _constant(vector):
            return None
        for name, v in whole.items():
            shift = {a - b for a, b in zip(vector, v, strict=True)}
            if len(shift) == 1 and abs(only := next(iter(shift))) <= 4:
                return Infix("+" if only > 0 else "-", Name(name), abs(only))
        for i, (name, v) in enumerate(whole.items()):
            for other, w in list(whole.items())[i:]:
                if name != other and _same(tuple(a * b for a, b in zip(v, w, strict=True)), vector):
                    return Infix("*", Name(name), Name(other))
                if name != other and _same(tuple(a + b for a, b in zip(v, w, strict=True)), vector):
                    return Infix("+", Name(name), Name(other))
        return None

    def _quotient(self, vector: Vector, whole: dict[str, Vector]) -> Tree | None:
        for name, v in whole.items():
            for other, w in whole.items():
                if name != other and all(
                    b and a % b == 0 and a // b == c for a, b, c in zip(v, w, vector, strict=True)
                ):
                    return Infix("//", Name(name), Name(other))
        return None


_SIZES = frozenset(
    [
        "in_channels",
        "out_channels",
        "channels",
        "in_features",
        "out_features",
        "in_features1",
        "in_features2",
        "features",
    ]
)
_NO_SIZES = frozenset(
    [
        "kernel_size",
        "stride",
        "padding",
        "output_padding",
        "dilation",
        "groups",
        "count",
        "bias",
        "p",
        "eps",
        "momentum",
        "std",
        "val",
    ]
)


def _is_size(value: Number, role: str) -> bool:
    """Whether two equal numbers in such a position are probably one: 768 is, a stride of 1 is not."""
    if isinstance(value, bool) or not isinstance(value, int) or role in _NO_SIZES:
        return False
    return role in _SIZES or value > 8


def _constant(vector: Vector) -> bool:
    return all(v == vector[0] for v in vector)


def _same(a: Vector, b: Vector) -> bool:
    """Whether they are equal numbers of one kind: 2.0 is no kernel size, and 1 no flag."""
    return a == b and [type(x) for x in a] == [type(y) for y in b]


def _mixed(said: dict[Vector, Tree], vector: Vector) -> bool:
    """Whether the entry found is for numbers of another kind: (1, 0) is equal to (True, False)."""
    return any(not _same(key, vector) for key in said if key == vector)


def _whole(vector: Vector) -> bool:
    return all(isinstance(v, int) and not isinstance(v, bool) for v in vector)


def _factor(product: Vector, vector: Vector) -> int | None:
    """The whole number that ``vector`` is multiplied with."""
    if not vector[0] or product[0] % vector[0]:
        return None
    factor = int(product[0] // vector[0])
    return factor if all(a == factor * b for a, b in zip(product, vector, strict=True)) else None


def _names(tree: Tree) -> set[str]:
    found: set[str] = set()

    def visit(part: Tree) -> Tree:
        if isinstance(part, Name):
            found.add(part.text)
        return rebuild(part, visit)

    visit(tree)
    return found


# ------------------------------------------------------------------------------------------- positions and names

_ROLES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("nn.Conv", ("in_channels", "out_channels", "kernel_size")),
    ("nn.Linear", ("in_features", "out_features")),
    ("nn.Bilinear", ("in_features1", "in_features2", "out_features")),
    ("nn.Embedding", ("vocabulary", "features")),
    ("nn.BatchNorm", ("channels",)),
    ("nn.InstanceNorm", ("channels",)),
    ("nn.GroupNorm", ("groups", "channels")),
    ("nn.LayerNorm", ("features",)),
    ("nn.Dropout", ("p",)),
    ("range", ("count",)),
    ("torch.empty", tuple(f"size{i}" for i in range(8))),
)


# How many of the first arguments of a method are axes: an axis of 2 is not the number of heads.
_AXES = {
    "transpose": 2, "permute": 9, "flatten": 2, "unflatten": 1, "unsqueeze": 1, "squeeze": 1, "movedim": 2,
    "unbind": 1, "select": 1, "narrow": 1, "diagonal": 3, "flip": 9, "sum": 1, "mean": 1, "softmax": 1,
}  # fmt: skip
_AXIS_WORDS = frozenset(["dim", "dims", "dim0", "dim1", "start_dim", "end_dim"])


def roles(target: str) -> Sequence[str]:
    """What the positional arguments of a kind of module are called, as far as it is known."""
    return next((names for prefix, names in _ROLES if target.startswith(prefix)), ())


def unify(trees: Sequence[Tree], shared: Shared, wanted: str = "size", written: Arguments = ()) -> Tree:
    """One tree for trees of one skeleton, with explanations where their numbers stand."""
    first = trees[0]
    if isinstance(first, bool | int | float):
        return shared.explain(tuple(trees), wanted, written)
    if isinstance(first, Call):
        names = shared.roles.get(first.target) or roles(first.target)
        args = tuple(
            unify([t.args[i] for t in trees], shared, names[i] if i < len(names) else wanted, written)
            for i in range(len(first.args))
        )
        return Call(first.target, args, _keywords(trees, shared, written))
    if isinstance(first, Method):
        places = _AXES.get(first.name, 0)
        receiver = unify([t.receiver for t in trees], shared, wanted, written)
        args = tuple(
            unify([t.args[i] for t in trees], shared, "axis" if i < places else wanted, written)
            for i in range(len(first.args))
        )
        return Method(receiver, first.name, args, _keywords(trees, shared, written))
    if isinstance(first, Comprehension):
        element = unify([t.element for t in trees], shared, wanted, written)
        return Comprehension(element, unify([t.count for t in trees], shared, "count", written))
    columns = [_parts(tree) for tree in trees]
    if not columns[0]:
        return first
    unified = iter([unify(column, shared, wanted, written) for column in zip(*columns, strict=True)])
    return rebuild(first, lambda part: next(unified))


def _keywords(trees: Sequence[Tree], shared: Shared, written: Arguments) -> tuple[tuple[str, Tree], ...]:
    """The keywords of a call, without those that say in every graph what PyTorch does anyway."""
    known = _defaults(trees[0].target) if isinstance(trees[0], Call) else {}
    found: list[tuple[str, Tree]] = []
    for i, (name, _) in enumerate(trees[0].keywords):
        values = [t.keywords[i][1] for t in trees]
        if name not in known or not all(_is(value, known[name]) for value in values):
            found.append((name, unify(values, shared, "axis" if name in _AXIS_WORDS else name, written)))
    return tuple(found)


def _parts(tree: Tree) -> list[Tree]:
    found: list[Tree] = []

    def keep(part: Tree) -> Tree:
        found.append(part)
        return part

    rebuild(tree, keep)
    return found
