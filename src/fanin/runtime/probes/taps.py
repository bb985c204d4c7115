"""Named values of a compiled network, as it runs.

A value is named by the path of the module that computes it and its name in the emitted source, which is the author's
(``layers.0.attn.weights``), a module's result by the path of the module. Nothing of that is in the emitted model: while
it is watched, its classes run a second version of the same source that also tells what each name is bound to.
"""

from __future__ import annotations

import ast
import linecache
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

TELL = "_fanin_tell"
OWN = frozenset(("_draw_weights", "_usual_law", "stacked", "_each"))  # what makes weights, which no input goes through


class Taps(Mapping[str, Tensor]):
    """Tensors by name; of a name that was bound several times, the last. ``every(name)`` has all of them in order."""

    def __init__(self) -> None:
        self._seen: dict[str, list[Tensor]] = {}

    def __getitem__(self, name: str) -> Tensor:
        if name not in self._seen:
            raise KeyError(f"no value `{name}` was seen{self._near(name)}")
        return self._seen[name][-1]

    def __iter__(self) -> Iterator[str]:
        return iter(self._seen)

    def __len__(self) -> int:
        return len(self._seen)

    def every(self, name: str) -> list[Tensor]:
        """Every tensor that a name was bound to, in order."""
        self[name]
        return list(self._seen[name])

    def clear(self) -> None:
        """Forget what was seen, between two runs."""
        self._seen.clear()

    def tell(self, name: str, value: Any) -> None:
        """Keep a tensor; of what is no tensor, or is one inside ``vmap`` alone, nothing."""
        if isinstance(value, Tensor) and not torch._C._functorch.is_functorch_wrapped_tensor(value):
            self._seen.setdefault(name, []).append(value)

    def _near(self, name: str) -> str:
        from fanin.diagnostics.suggest import nearest

        near = nearest(name, list(self._seen))
        return f": did you mean `{near}`?" if near else ""


@contextmanager
def taps(net: nn.Module) -> Iterator[Taps]:
    """Watch a network: inside the ``with``, all that it computes under a name is kept, with its gradient.

    Modules that fanin did not emit are seen by what they give. The network is not changed; other instances of its
    classes run as before, a little slower, and are not watched.
    """
    seen = Taps()
    stack: list[tuple[str, nn.Module]] = []
    paths = {id(module): path for path, module in net.named_modules()}

    def enter(module: nn.Module, args: object) -> None:
        stack.append((paths[id(module)], module))

    def leave(module: nn.Module, args: object, output: object) -> None:
        stack.pop()
        path = paths[id(module)]
        parts = output if isinstance(output, tuple) else (output,)
        names = getattr(output, "_fields", None) or [str(i) for i in range(len(parts))]
        for name, part in zip(names, parts, strict=True):
            seen.tell((path if len(parts) == 1 else f"{path}.{name}".lstrip(".")) or "output", part)

    def tell(function: str, name: str, value: Any) -> None:
        if stack:
            seen.tell(".".join(p for p in (stack[-1][0], function, name) if p), value)

    modules = list(dict(net.named_modules()).values())
    handles = [m.register_forward_pre_hook(enter, prepend=True) for m in modules]
    handles += [m.register_forward_hook(leave, always_call=True) for m in modules]
    kinds = {type(m) for m in modules if type(m).__module__.startswith("fanin_emitted_")}
    plain = {kind: vars(kind)["forward"] for kind in kinds if "forward" in vars(kind)}
    try:
        for kind, forward in _told(set(plain), tell).items():
            kind.forward = forward
        yield seen
    finally:
        for kind, forward in plain.items():
            kind.forward = forward
        for handle in handles:
            handle.remove()


def _told(kinds: set[type[nn.Module]], tell: Any) -> dict[type[nn.Module], Any]:
    """A ``forward`` for each class that tells what it binds."""
    found: dict[type[nn.Module], Any] = {}
    for name in {kind.__module__ for kind in kinds}:
        module = sys.modules[name]
        filename = str(module.__file__)
        tree = ast.parse("".join(linecache.getlines(filename)))
        for part in tree.body:
            if isinstance(part, ast.FunctionDef) and part.name not in OWN:
                _instrument(part, part.name)
            elif isinstance(part, ast.ClassDef):
                for method in part.body:
                    if isinstance(method, ast.FunctionDef) and not method.name.startswith("__"):
                        _instrument(method, "" if method.name == "forward" else method.name)
        space: dict[str, Any] = {"__name__": name, TELL: tell}
        exec(compile(ast.fix_missing_locations(tree), filename, "exec"), space)
        for kind in kinds:
            if kind.__module__ == name:
                found[kind] = vars(space[kind.__name__])["forward"]
    return found


def _instrument(function: ast.FunctionDef, shown: str) -> None:
    """Behind every binding, tell it."""
    for node in ast.walk(function):
        for field in ("body", "orelse"):
            block = getattr(node, field, None)
            if isinstance(block, list):
                setattr(node, field, [out for statement in block for out in (statement, *_tells(statement, shown))])


def _tells(statement: ast.stmt, function: str) -> list[ast.stmt]:
    targets: list[ast.expr] = []
    if isinstance(statement, ast.Assign):
        targets = statement.targets
    elif isinstance(statement, (ast.AugAssign, ast.AnnAssign)):
        targets = [statement.target]
    names = [n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]
    return [_call(function, name) for name in names if name != "_"]


def _call(function: str, name: str) -> ast.stmt:
    value = ast.Name(name, ast.Load())
    return ast.Expr(ast.Call(ast.Name(TELL, ast.Load()), [ast.Constant(function), ast.Constant(name), value], []))
