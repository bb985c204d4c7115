"""The expression of a node: the call of a module, of a function or of an op."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from fanin.emit.torch import places
from fanin.emit.torch.expressions import Frame, Tree
from fanin.emit.torch.expressions import Mapping as DictOf
from fanin.emit.torch.uses import EmitError
from fanin.ir.dims import Dim, Symbol
from fanin.ir.graph import Apply, Call, Ensemble, Grad, Leaf, Node, Repeat, Scalar, fixed_count
from fanin.ops import code as ops
from fanin.ops.code import Function, Invoke, Name

if TYPE_CHECKING:
    from fanin.emit.torch.forward import Forward

PARTLY_FROZEN = Function(
    "partly_frozen",
    '''\
def partly_frozen(module: nn.Module, fixed: dict[str, tuple[int, int]], *inputs: Tensor) -> Any:
    """Its first output units get no gradient: so many along an axis of each parameter."""
    tensors: dict[str, Tensor] = dict(module.named_parameters())
    for name, (axis, count) in fixed.items():
        still, moving = tensors[name].tensor_split([count], dim=axis)
        tensors[name] = torch.cat((still.detach(), moving), dim=axis)
    return torch.func.functional_call(module, tensors, inputs)
''',
)
EACH_COPY = Function(
    "each_copy",
    '''\
def each_copy(module: nn.Module, *inputs: Tensor) -> Any:
    """Every copy in a module made by ``stacked`` on its slice of the inputs, all at once."""
    tensors = {**dict(module.named_parameters()), **dict(module.named_buffers())}

    def one(tensors: dict[str, Tensor], *inputs: Tensor) -> Any:
        return torch.func.functional_call(module, tensors, inputs)

    return torch.vmap(one, randomness="different")(tensors, *inputs)
''',
)


def code_of(writer: Forward, node: Node) -> Tree:
    """What computes the outputs of a node. Raises EmitError."""
    tree = _plain(writer, node)
    if isinstance(node, Apply | Call) and isinstance(tree, Invoke) and writer.modules.is_checkpointed(node.module):
        return again(tree)
    return tree


def _plain(writer: Forward, node: Node) -> Tree:
    inputs = [writer.tree(operand) for operand in node.inputs]
    match node:
        case Apply():
            code = node.op.torch(node.attrs, *types_of(node))
            if writer.explicit and isinstance(code, ops.Method) and code.name == "reshape" and -1 in code.args:
                code = ops.Method(code.receiver, code.name, node.outputs[0].type.shape)
            leaf = None if node.module is None or node.module.borrowed else writer.modules.leaf(node.module.path)
            if leaf is not None and places.is_partly_frozen(leaf):
                module = Name(writer.modules.access(node.module)) if node.module is not None else None
                return ops.Call(writer.scope.helper(PARTLY_FROZEN), (module, fixed_units(leaf), *inputs))
            return _fill(writer, code, node, inputs)
        case Call():
            return _call(writer, node, inputs)
        case Repeat():
            return Invoke(Name(writer.modules.access(node.module)), tuple(inputs))
        case Ensemble():
            return ops.Call(writer.scope.helper(EACH_COPY), (Name(writer.modules.access(node.module)), *inputs))
        case Grad():
            whole = node.inputs[0] is not None and node.inputs[0].type.rank > 0
            args = (ops.Method(inputs[0], "sum", ()) if whole else inputs[0], inputs[1])
            found = ops.Call("torch.autograd.grad", args, (("create_graph", Name("True")),))
            return ops.Subscript(found, (0,))
        case _:
            raise EmitError(f"no PyTorch code for {type(node).__name__} yet")


def again(tree: Tree) -> Tree:
    """The call of a module, computed again in the backward pass."""
    assert isinstance(tree, Invoke)
    return ops.Call("checkpoint", (tree.callee, *tree.args), (("use_reentrant", Name("False")),))


def _fill(writer: Forward, code: Any, node: Apply, inputs: Sequence[Tree]) -> Tree:
    frame = Frame(
        inputs,
        None if node.module is None else Name(writer.modules.access(node.module)),
        writer.scope.like,
        writer.sizes.size,
        writer.name,
        writer.scope.helper,
        numbers_of(node),
    )
    return frame.fill(code)


def _call(writer: Forward, node: Call, inputs: Sequence[Tree]) -> Tree:
    """The call of a block's instance, or of a function."""
    if node.backwards and node.module is not None:
        return ops.Method(Name(writer.modules.access(node.module)), "inverse", tuple(inputs))
    use = writer.scope.use_of(node.graph)
    rest: list[Tree] = [Name(writer.modules.access(ref)) for ref in places.lends(node)]
    rest += [writer.sizes.size(_told(node, symbol)) for symbol in use.sizes]
    if use.like:
        rest.append(writer.scope.like())
    if use.training:
        rest.append(writer.name(Name("self.training")))
    args = [*use.tensors(inputs), *rest] if rest else use.tensors(inputs, drop=True)
    if node.module is not None:
        return Invoke(Name(writer.modules.access(node.module)), tuple(args))
    keywords = tuple(zip(use.parameters, use.arguments, strict=True))
    return ops.Call(use.name, tuple(args), keywords)


def fixed_units(leaf: Leaf) -> Tree:
    """For each parameter with output units: their axis, and how many of them are fixed."""
    found: list[tuple[str, Tree]] = []
    for w in leaf.weights:
        axes = [i for i, axis in enumerate(w.spec.axes) if axis.role == "out"] if w.spec.kind == "param" else []
        if axes:
            size = w.spec.axes[axes[0]].size
            assert isinstance(size, int) and not isinstance(leaf.frozen, bool)
            found.append((w.spec.name, ops.Sequence((axes[0], fixed_count(size, leaf.frozen)))))
    return DictOf(tuple(found))


def repeat_is_call(node: Repeat) -> bool:
    """Whether a repetition is an ``nn.Sequential`` that is called as a whole."""
    if len(node.inputs) != 1 or len(node.outputs) != 1:
        return False
    for run in node.runs:
        if len(run.call.inputs) != 1 or len(run.call.outputs) != 1:
            return False
        if isinstance(run.call, Call) and places.lends(run.call):
            return False
    return True


def _told(node: Call, symbol: Symbol) -> Dim:
    """A size that a graph is told, in the letters of its caller: a composition has the letters of the graph around."""
    if symbol in node.graph.sizes and node.sizes:
        return node.sizes[node.graph.sizes.index(symbol)]
    if node.graph.kind == "composition" or symbol.definition is None:
        return symbol.poly
    return symbol.definition


def types_of(node: Node) -> tuple[Any, ...]:
    return tuple(None if operand is None else operand.type for operand in node.inputs)


def numbers_of(node: Node) -> tuple[bool, ...]:
    return tuple(isinstance(operand, Scalar) for operand in node.inputs)
