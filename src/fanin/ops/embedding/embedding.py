"""The embedding."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, final

from fanin.ir.dims import Dim
from fanin.ir.laws import Normal
from fanin.ir.places import through, whole
from fanin.ir.types import DType, TensorType
from fanin.ops.attributes import PositiveInt
from fanin.ops.code import Call, Code, Input, call, unless
from fanin.ops.contract import (
    INTS,
    Axis,
    Complaint,
    Inferred,
    Op,
    OpAttrs,
    ParamSpec,
    Port,
    Result,
    Weighted,
    need_at_least,
)
from fanin.ops.ports import FLOAT
from fanin.ops.sees import Sees, Use, same
from fanin.ops.ties import Letter, Ties, letters
from fanin.record import KW_ONLY, record


@record
class EmbeddingAttrs(OpAttrs):
    num_embeddings: PositiveInt
    embedding_dim: PositiveInt
    _: KW_ONLY
    padding_idx: int | None = None


@final
class Embedding(Weighted[EmbeddingAttrs]):
    """A learned vector for every index.

    ``padding_idx`` names an index whose vector starts at zero and gets no gradient. PyTorch's ``max_norm`` is left out,
    since it changes the weights in the forward pass, and ``sparse`` and ``scale_grad_by_freq``, which are the
    optimiser's concern.

    Shape: ``int[*] -> [*, embedding_dim]``
    Params: ``weight [num_embeddings, embedding_dim]``
    Signal: ``E[y²]`` is that of the weights.
    Source: Bengio et al. 2003, "A Neural Probabilistic Language Model", section 2.
    """

    name = "Embedding"
    module = "Embedding"
    attrs = EmbeddingAttrs
    inputs = (Port("x", INTS),)
    example = "y = x -> Embedding(100, 8)"
    example_inputs = {"x": "int[B, T]"}
    kept = ("x",)

    def infer(self, a: EmbeddingAttrs, *types: TensorType) -> Result:
        (x,) = types
        if a.padding_idx is not None and not -a.num_embeddings <= a.padding_idx < a.num_embeddings:
            message = f"there is no index {a.padding_idx} in an embedding of {a.num_embeddings}"
            raise Complaint(message, "padding_idx", kind="type")
        return TensorType(DType.FLOAT, (*x.shape, a.embedding_dim))

    def params(self, a: EmbeddingAttrs, *types: TensorType) -> tuple[ParamSpec, ...]:
        axes = (Axis("vocabulary", a.num_embeddings), Axis("feature", a.embedding_dim))
        return (ParamSpec("weight", axes, Normal(0.0, 1.0), "embedding"),)

    def construct(self, a: EmbeddingAttrs, *types: TensorType) -> Call:
        return call("nn.Embedding", a.num_embeddings, a.embedding_dim, padding_idx=unless(a.padding_idx, None))

    def sees(self, a: EmbeddingAttrs, use: Use) -> Sees:
        return Sees(((same(use.x),),), own=(use.x.rank,))

    def choices(self, a: EmbeddingAttrs, *types: TensorType) -> dict[int, Dim]:
        return {0: a.num_embeddings}

    def signal(self, a: EmbeddingAttrs, *types: TensorType) -> Any:
        from fanin.signal.rules.linear import Lookup

        return Lookup(a.num_embeddings)

    def couplings(self, a: EmbeddingAttrs, *types: TensorType) -> Ties:
        outer = letters(types[0])
        v, d = Letter("v", a.num_embeddings), Letter("d", a.embedding_dim)
        fixed = (("v", "an index may be any of the vocabulary"),)
        weight = (("weight", (v, d)),)
        return Ties((outer,), ((*outer, d),), weight, fixed, resize=lambda n: replace(a, embedding_dim=n(d)))


@final
class EmbeddingFunction(Op[OpAttrs]):
    """The rows of a tensor, by index.

    Shape: ``x int[*], weight [V, D] -> [*, D]``
    """

    name = "embedding"
    inputs = (Port("x", INTS), Port("weight", FLOAT))
    example = "y = embedding(x, table)"
    example_inputs = {"x": "int[B, T]", "table": "[100, 8]"}
    kept = ("x",)

    def infer(self, a: OpAttrs, *types: TensorType) -> Result:
        x, weight = types
        if weight.rank != 2:
            raise Complaint(f"the weight of `embedding` is a matrix, not {weight}", "weight")
        message = "there are no vectors in the table"
        needs = need_at_least(weight.shape[0], 1, message, ("weight", 0))
        return Inferred((TensorType(weight.dtype, (*x.shape, weight.shape[1])),), needs)

    def sees(self, a: OpAttrs, use: Use) -> Sees:
        table = use.types[1]
        assert table is not None
        row = (through(0, table.shape[0]), whole(use.x.rank, table.shape[1]))
        return Sees(((same(use.x),), (row,)), (table.shape[0],), weighted=((1, 0),))

    def choices(self, a: OpAttrs, *types: TensorType) -> dict[int, Dim]:
        return {0: types[1].shape[0]}

    def torch(self, a: OpAttrs, *types: TensorType) -> Code:
        return call("F.embedding", Input(0), Input(1))

    def couplings(self, a: OpAttrs, *types: TensorType) -> Ties:
        outer = letters(types[0])
        v, d = Letter("v", types[1].shape[0]), Letter("d", types[1].shape[1])
        fixed = (("v", "an index may be any of the vocabulary"),)
        return Ties((outer, (v, d)), ((*outer, d),), fixed=fixed)

    def masked(self, a: OpAttrs, values: tuple[float | None, ...], own: bool) -> float | None:
        return values[1]
