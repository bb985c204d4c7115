"""How parameters get their first values: laws as code, and the function that draws them.

The law that all modules of a kind have stands in the emitted ``_draw_weights``, PyTorch's own or another; the
exceptions stand where the module is made, as ``init(nn.Linear(8, 8), weight=nn.init.zeros_)``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import prod, sqrt
from typing import Any

from fanin.emit.torch.expressions import Tree, flat
from fanin.ir.graph import Leaf, Weight
from fanin.ir.laws import (
    Constant,
    Fans,
    Law,
    Normal,
    Orthogonal,
    Scaled,
    TorchDefault,
    TruncNormal,
    Uniform,
)
from fanin.ops.code import Call, Name
from fanin.ops.contract import ParamSpec

_ZEROS, _ONES = Name("nn.init.zeros_"), Name("nn.init.ones_")


def _torch_fans(shape: tuple[int, ...]) -> Fans | None:
    """What ``nn.init`` computes from a shape alone."""
    if len(shape) < 2:
        return None
    kernel = prod(shape[2:])
    return Fans(shape[1] * kernel, shape[0] * kernel)


def partial(function: str, **keywords: Tree) -> Tree:
    """``partial(nn.init.normal_, std=0.02)``, or the function itself where nothing is to be said."""
    return (
        Call("partial", (Name(f"nn.init.{function}"),), tuple(keywords.items()))
        if keywords
        else Name(f"nn.init.{function}")
    )


def law_code(law: Law, spec: ParamSpec | None = None) -> Tree:
    """A law as a function that fills a tensor."""
    match law:
        case Constant(value=value):
            return _ZEROS if value == 0 else _ONES if value == 1 else partial("constant_", val=value)
        case Normal(mean=mean, std=std):
            given = {"mean": mean} if mean else {}
            return partial("normal_", **given, **({} if std == 1 else {"std": std}))
        case Uniform(low=low, high=high):
            torch = None if spec is None else _torch_fans(spec.shape)
            if torch is not None and low == -high and _close(high, sqrt(6 / max(torch.fan_in + torch.fan_out, 1))):
                return partial("xavier_uniform_")
            return partial("uniform_", **({} if (low, high) == (0, 1) else {"a": low, "b": high}))
        case TruncNormal(mean=mean, std=std, low=low, high=high):
            said = {"mean": mean, "std": std, "a": low, "b": high}
            usual = {"mean": 0.0, "std": 1.0, "a": -2.0, "b": 2.0}
            return partial("trunc_normal_", **{k: v for k, v in said.items() if v != usual[k]})
        case Orthogonal(gain=gain):
            return partial("orthogonal_", **({} if gain == 1 else {"gain": gain}))
        case Scaled():
            assert spec is not None
            return _scaled(law, spec)
        case TorchDefault():
            assert spec is not None
            return law_code(spec.fallback, spec)
        case _:
            raise AssertionError(f"no code for the law {law}")


def _scaled(law: Scaled, spec: ParamSpec) -> Tree:
    """PyTorch's own function where it gives the same numbers, else the numbers."""
    own, torch = spec.fans, _torch_fans(spec.shape)
    ending = "uniform_" if law.uniform else "normal_"
    if torch is not None and own.of(law.mode) == torch.of(law.mode) and law.gain == 1:
        if law.mode == "fan_avg" and law.family != "he":
            return partial(f"xavier_{ending}")
        if law.mode != "fan_avg":
            mode = {} if law.mode == "fan_in" else {"mode": law.mode}
            return partial(f"kaiming_{ending}", **mode, nonlinearity="relu" if law.family == "he" else "linear")
    return law_code(law.resolve(own))


# ---------------------------------------------------------------------------------------------- laws of whole kinds

_FAN = "fan"  # uniform within 1 / sqrt(fan-in of the weight): PyTorch's dense layers and convolutions
_HIDDEN = "hidden"  # uniform within 1 / sqrt(hidden_size): PyTorch's recurrent layers


@dataclass
class Laws:
    """The laws of a program: for each kind of module and parameter the one it has throughout, where it has one."""

    usual: dict[tuple[str, str], str] = field(default_factory=dict)
    codes: dict[str, Tree] = field(default_factory=dict)
    padding: bool = False  # whether an embedding has an index whose vector starts at 0

    def collect(self, leaves: Iterable[tuple[str, Leaf]]) -> None:
        """Choose the usual law of each kind: PyTorch's own if any module has it, else the most common."""
        counts: dict[tuple[str, str], Counter[str]] = {}
        own: dict[tuple[str, str], str] = {}
        for target, leaf in leaves:
            self.padding = self.padding or getattr(leaf.attrs, "padding_idx", None) is not None
            for weight in leaf.weights:
                key = _kind(target, weight.spec.name)
                code = self.label(leaf, weight)
                fallback = self.label(leaf, Weight(weight.spec, weight.spec.fallback))
                counts.setdefault(key, Counter())[code] += 1
                if code == fallback:
                    own.setdefault(key, code)
        for key, counted in counts.items():
            self.usual[key] = own.get(key) or counted.most_common(1)[0][0]

    def label(self, leaf: Leaf, weight: Weight) -> str:
        """A law as text that is equal for equal laws, whatever the sizes."""
        law = weight.spec.fallback if isinstance(weight.law, TorchDefault) else weight.law
        if isinstance(law, Uniform) and law == weight.spec.fallback and law.low == -law.high:
            # Bias and weight of one layer: `weight` and `bias`, or `out_proj.weight` and `out_proj.bias`.
            prefix = weight.spec.name.rpartition(".")[0]
            main = f"{prefix}.weight" if prefix else "weight"
            spec = next((w.spec for w in leaf.weights if w.spec.name == main), None)
            if spec is not None and len(spec.shape) > 1 and _close(law.high, 1 / sqrt(max(prod(spec.shape[1:]), 1))):
                return _FAN
            hidden = getattr(leaf.attrs, "hidden_size", 0)
            if hidden and _close(law.high, 1 / sqrt(hidden)):
                return _HIDDEN
        code = law_code(law, weight.spec)
        text = flat(code)
        self.codes[text] = code
        return text

    def exceptions(self, target: str, leaf: Leaf) -> tuple[tuple[str, Tree], ...]:
        """The laws to be stated where this leaf is made."""
        stated = []
        for weight in leaf.weights:
            label = self.label(leaf, weight)
            if weight.tied is None and label != self.usual[_kind(target, weight.spec.name)]:
                code = self.codes[label] if label in self.codes else law_code(weight.spec.fallback)
                stated.append((weight.spec.name, code))
        return tuple(stated)


# Layers inside PyTorch's modules: they are visited as modules of their own.
_INNER = {("nn.MultiheadAttention", "out_proj"): "nn.modules.linear.NonDynamicallyQuantizableLinear"}


def _kind(target: str, name: str) -> tuple[str, str]:
    """The module that owns a parameter, and its name there."""
    prefix, _, last = name.rpartition(".")
    return (_INNER[target, prefix], last) if prefix else (target, name)


def _close(a: float, b: float) -> bool:
    return abs(a - b) <= 1e-12 * abs(b)


# ------------------------------------------------------------------------------------------------- emitted source

INIT_DOTTED = '''\
def init(module: Module, **laws: Callable[[Tensor], Any]) -> Module:
    """The module, with laws of its own for the first values of some of its tensors."""
    for name, law in laws.items():
        attrgetter(name)(module).law = law
    return module
'''

INIT = '''\
def init(module: Module, **laws: Callable[[Tensor], Any]) -> Module:
    """The module, with laws of its own for the first values of some of its tensors."""
    for name, law in laws.items():
        getattr(module, name).law = law
    return module
'''

FOREIGN = '''\
def foreign(make: Callable[..., nn.Module], *args: Any, **keywords: Any) -> nn.Module:
    """A place for a module that draws its own first values: it is made once all others are drawn."""
    place = nn.Module()
    place.__dict__["make"] = partial(make, *args, **keywords)
    return place
'''

NORMED = '''\
def normed(module: Module, parametrize: Callable[[nn.Module], nn.Module]) -> Module:
    """The module; its weight is parametrised once it is drawn."""
    module.__dict__["parametrize"] = parametrize
    return module
'''

STACKED = '''\
def stacked(module: Module, count: int) -> Module:
    """So many copies as one module: each tensor has an axis in front. See ``each_copy``."""
    single = copy.deepcopy(module)
    for path, part in module.named_modules():
        for tensors in (part._parameters, part._buffers):
            for name, old in tensors.items():
                if old is None:
                    continue
                law = getattr(old, "law", partial(_usual_law, single.get_submodule(path), name))
                new = torch.empty(count, *old.shape, dtype=old.dtype)
                if isinstance(old, nn.Parameter):
                    new = nn.Parameter(new, requires_grad=old.requires_grad)
                new.law = partial(_each, law)  # type: ignore[attr-defined]
                tensors[name] = new
    return module


def _each(law: Callable[[Tensor], Any], tensor: Tensor) -> None:
    """First values for every copy."""
    for part in tensor:
        law(part)
'''

UNDRAWN = '''\
class _Undrawn(TorchFunctionMode):
    """Modules are made without PyTorch's own first values, which nothing would read."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if getattr(func, "__module__", "") == "torch.nn.init":
            return kwargs["tensor"]
        return func(*args, **(kwargs or {}))
'''

_DRAW = '''\
def _draw_weights(model: nn.Module, seed: int) -> None:
    """Give every tensor of a model that was built without storage its first values.

    Each is drawn on the CPU, from a seed made of ``seed`` and its name: it depends on nothing else.
    """
    drawn: dict[int, Tensor] = {}
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        for path, module in model.named_modules():
            for tensors in (module._parameters, module._buffers):
                for name, old in tensors.items():
                    if old is None or not old.is_meta:
                        continue
                    if id(old) not in drawn:
                        new = torch.empty(old.shape, dtype=old.dtype)
                        key = f"{seed}:{path}.{name}" if path else f"{seed}:{name}"
                        digest = hashlib.sha256(key.encode()).digest()
                        torch.default_generator.manual_seed(int.from_bytes(digest[:8], "big"))
                        getattr(old, "law", partial(_usual_law, module, name))(new)
{padding}                        if isinstance(old, nn.Parameter):
                            new = nn.Parameter(new, requires_grad=old.requires_grad)
                        drawn[id(old)] = new
                    tensors[name] = drawn[id(old)]
{norms}{foreign}'''

_NORMS = """\
        for path, module in list(model.named_modules()):
            parametrize = module.__dict__.pop("parametrize", None)
            if parametrize is not None:
                learned = module.weight.requires_grad
                digest = hashlib.sha256(f"{seed}:{path}".encode()).digest()
                torch.default_generator.manual_seed(int.from_bytes(digest[:8], "big"))
                parametrize(module).requires_grad_(learned)
"""

_PADDING = """\
                        if isinstance(module, nn.Embedding) and module.padding_idx is not None:
                            new[module.padding_idx] = 0
"""


_FOREIGN = """\
        for path, module in list(model.named_modules()):
            make = module.__dict__.get("make")
            if make is not None:
                digest = hashlib.sha256(f"{seed}:{path}".encode()).digest()
                torch.default_generator.manual_seed(int.from_bytes(digest[:8], "big"))
                model.set_submodule(path, make())
"""


def draw_source(laws: Laws, normed: bool, foreign: bool) -> list[str]:
    """The lines of ``_draw_weights`` and of the usual laws it needs; ``normed`` if some weight is parametrised, and
    ``foreign`` if some module is the user's own."""
    lines = [
        "def _usual_law(module: nn.Module, name: str, tensor: Tensor) -> None:",
        '    """The law of what states none of its own where it is made."""',
    ]
    groups: dict[tuple[tuple[str, str], ...], list[str]] = {}
    kinds: dict[str, dict[str, str]] = {}
    for (target, name), label in laws.usual.items():
        kinds.setdefault(target, {})[name] = label
    for target, by_name in kinds.items():
        if not _is_plain(by_name) or target in _INNER.values():
            groups.setdefault(_branch(by_name), []).append(target)
    word = "if"
    # What is a `nn.Linear` too comes before it.
    ordered = sorted(groups.items(), key=lambda group: not any(inner in group[1] for inner in _INNER.values()))
    for by_name_items, targets in ordered:
        kind = targets[0] if len(targets) == 1 else f"({', '.join(targets)})"
        lines.append(f"    {word} isinstance(module, {kind}):")
        lines += [f"        {line}" for line in _lines(dict(by_name_items))]
        word = "elif"
    plain = [
        'if name in ("weight", "running_var"):',
        "    nn.init.ones_(tensor)",
        "else:",
        "    nn.init.zeros_(tensor)",
    ]
    if word == "if":
        lines += [f"    {line}" for line in plain]
    else:
        plain[0] = f"el{plain[0]}"
        lines += [f"    {line}" for line in plain]
    draw = _DRAW.replace("{padding}", _PADDING if laws.padding else "").replace("{norms}", _NORMS if normed else "")
    draw = draw.replace("{foreign}", _FOREIGN if foreign else "")
    return [*lines, "", "", *draw.rstrip().split("\n")]


def _is_plain(by_name: dict[str, str]) -> bool:
    """Whether it is as for norms: ones for what scales, zeros for what shifts."""
    return all(
        label == ("nn.init.ones_" if name in ("weight", "running_var") else "nn.init.zeros_")
        for name, label in by_name.items()
    )


def _branch(by_name: dict[str, str]) -> tuple[tuple[str, str], ...]:
    """A key that is equal for kinds that can share a branch."""
    if set(by_name.values()) == {_FAN}:
        return (("*", _FAN),)
    if set(by_name.values()) == {_HIDDEN}:
        return (("*", _HIDDEN),)
    return tuple(by_name.items())


def _lines(by_name: dict[str, str]) -> list[str]:
    labels = list(dict.fromkeys(by_name.values()))
    if len(labels) == 1:
        return _fill(labels[0])
    if len(by_name) == 2:
        (first, one), (_, other) = by_name.items()
        return [f'if name == "{first}":', *_in(_fill(one)), "else:", *_in(_fill(other))]
    lines, word = [], "if"
    for label in labels[:-1]:
        names = [name for name, own in by_name.items() if own == label]
        test = (
            f'name == "{names[0]}"'
            if len(names) == 1
            else f"name in ({', '.join(f'{chr(34)}{n}{chr(34)}' for n in names)})"
        )
        lines += [f"{word} {test}:", *_in(_fill(label))]
        word = "elif"
    return [*lines, "else:", *_in(_fill(labels[-1]))]


def _in(lines: list[str]) -> list[str]:
    return [f"    {line}" for line in lines]


def _fill(label: str) -> list[str]:
    """Statements that fill ``tensor`` by a law."""
    if label == _FAN:
        return ["bound = 1 / math.sqrt(max(module.weight[0].numel(), 1))", "nn.init.uniform_(tensor, -bound, bound)"]
    if label == _HIDDEN:
        return ["bound = 1 / math.sqrt(module.hidden_size)", "nn.init.uniform_(tensor, -bound, bound)"]
    if label.startswith("partial("):
        function, _, rest = label.removeprefix("partial(").removesuffix(")").partition(", ")
        return [f"{function}(tensor, {rest})"]
    return [f"{label}(tensor)"]


def leaf_target(leaf: Leaf) -> str:
    """The module that a leaf is made of: ``nn.Linear``."""
    made: Any = leaf.op.construct(leaf.attrs, *leaf.types)
    assert made is not None, f"{leaf.op.name} has no module"
    return str(made.target)
