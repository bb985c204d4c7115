"""Multi-head attention."""

from __future__ import annotations

from dataclasses import replace
from math import inf, prod, sqrt
from typing import Any, cast, final

from fanin.ir.dims import Dim, mod
from fanin.ir.facts import Compare
from fanin.ir.laws import ZEROS, Uniform
from fanin.ir.places import Box, Span, through, whole
from fanin.ir.types import DType, TensorType
from fanin.ir.unknown import Unknown
from fanin.ops.attributes import PositiveInt, Probability
from fanin.ops.code import Call, Code, Input, Invoke, Module, Subscript, call, unless
from fanin.ops.contract import (
    Axis,
    Complaint,
    Inferred,
    Need,
    OpAttrs,
    ParamSpec,
    Port,
    Result,
    Weighted,
    need_equal,
)
from fanin.ops.keeping import Backprop, Kept, numbers
from fanin.ops.ports import FLOAT
from fanin.ops.sees import Sees, Use
from fanin.ops.sizes import divisors_near
from fanin.ops.spelling import optional, spell_unless
from fanin.ops.ties import PARAM, Expr, Layout, Letter, Ties, Times, held, letters
from fanin.record import KW_ONLY, record


@record
class MultiheadAttrs(OpAttrs):
    num_heads: PositiveInt
    _: KW_ONLY
    dropout: Probability = 0.0
    bias: bool = True
    batch_first: bool = False


@final
class MultiheadAttention(Weighted[MultiheadAttrs]):
    """``W_o`` of the heads side by side, each an attention of projected queries, keys and values; its output alone.

    The length comes first unless ``batch_first``, as in PyTorch. A bool mask is true where a key may *not* be seen, the
    other way round than in ``scaled_dot_product_attention``; a float mask is added to the scores.

    Shape: ``query [L, N, E], key [S, N, K], value [S, N, V], key_padding_mask [N, S]?, attn_mask [L, S] or
    [N num_heads, L, S]? -> [L, N, E]``; with ``batch_first`` ``[N, L, E]`` and so on; the batch axis may be missing
    Params: ``in_proj_weight [3 E, E]``, or ``q_proj_weight [E, E]``, ``k_proj_weight [E, K]``, ``v_proj_weight [E, V]``
    where sizes differ; ``in_proj_bias [3 E]``, ``out_proj.weight [E, E]``, ``out_proj.bias [E]``
    Source: Vaswani et al. 2017, "Attention Is All You Need", section 3.2.2.
    """

    name = "MultiheadAttention"
    module = "MultiheadAttention"
    attrs = MultiheadAttrs
    inputs = (
        Port("query", FLOAT),
        Port("key", FLOAT),
        Port("value", FLOAT),
        Port("key_padding_mask", (DType.FLOAT, DType.BOOL), optional=True),
        Port("attn_mask", (DType.FLOAT, DType.BOOL), optional=True),
    )
    example = "y = MultiheadAttention(4, batch_first=true)(x, memory, memory)"
    example_inputs = {"x": "[N, L, 16]", "memory": "[N, S, 16]"}

    def infer(self, a: MultiheadAttrs, *types: TensorType) -> Result:
        q, k, v = types[:3]
        if q.rank not in (2, 3):
            raise Complaint(
                f"`MultiheadAttention` takes three axes, or two without a batch: `query` is {q}", "query", kind="rank"
            )
        for port, t in (("key", k), ("value", v)):
            if t.rank != q.rank:
                raise Complaint(
                    f"`{port}` has as many axes as `query`: it is {t}, and `query` is {q}", port, kind="rank"
                )
        needs: tuple[Need, ...] = ()
        left = mod(q.shape[-1], a.num_heads)
        if left != 0:
            message = f"{q.shape[-1]} numbers do not divide among {a.num_heads} heads"
            help = divisors_near(q.shape[-1], a.num_heads)
            needs += (Need(Compare("==", left, 0), message, (("query", -1),), "indivisible", help),)
        length, batch = axes_of(q.rank, a.batch_first)
        message = "there are {left} keys for {right} values"
        needs += need_equal(k.shape[length], v.shape[length], message, ("key", length), ("value", length))
        count: Dim = 1
        if batch is not None:
            count = q.shape[batch]
            for port, t in (("key", k), ("value", v)):
                message = f"the batches of `query` and `{port}` disagree: {{left}} and {{right}}"
                needs += need_equal(count, t.shape[batch], message, ("query", batch), (port, batch))
        padding, mask = optional(types, 3), optional(types, 4)
        if padding is not None:
            needs += need_shape(
                "key_padding_mask", padding, (k.shape[length],) if batch is None else (count, k.shape[length])
            )
        if mask is not None:
            scores = (q.shape[length], k.shape[length])
            needs += need_shape("attn_mask", mask, scores if mask.rank == 2 else (count * a.num_heads, *scores))
        return Inferred((q,), needs)

    def packed(self, q: TensorType, k: TensorType, v: TensorType) -> bool:
        """Whether queries, keys and values have one size, and their projections one weight."""
        return q.shape[-1] == k.shape[-1] == v.shape[-1]

    def params(self, a: MultiheadAttrs, *types: TensorType) -> tuple[ParamSpec, ...]:
        q, k, v = types[:3]
        size = cast(int, q.shape[-1])
        found: tuple[ParamSpec, ...] = ()
        if self.packed(q, k, v):
            axes = Axis("out", 3 * size), Axis("in", size)
            found += (ParamSpec("in_proj_weight", axes, xavier(3 * size, size), "linear"),)
        else:
            for letter, t in (("q", q), ("k", k), ("v", v)):
                within = cast(int, t.shape[-1])
                axes = Axis("out", size), Axis("in", within)
                found += (ParamSpec(f"{letter}_proj_weight", axes, xavier(size, within), "linear"),)
        if a.bias:
            found += (ParamSpec("in_proj_bias", (Axis("out", 3 * size),), ZEROS, "bias"),)
        law = Uniform(-1 / sqrt(size), 1 / sqrt(size))
        found += (ParamSpec("out_proj.weight", (Axis("out", size), Axis("in", size)), law, "linear"),)
        return (*found, ParamSpec("out_proj.bias", (Axis("out", size),), ZEROS, "bias")) if a.bias else found

    def construct(self, a: MultiheadAttrs, *types: TensorType) -> Call:
        q, k, v = types[:3]
        size = q.shape[-1]
        return call(
            "nn.MultiheadAttention",
            size,
            a.num_heads,
            dropout=spell_unless(a.dropout, 0.0),
            bias=unless(a.bias, True),
            kdim=unless(k.shape[-1], size),
            vdim=unless(v.shape[-1], size),
            batch_first=unless(a.batch_first, False),
        )

    def torch(self, a: MultiheadAttrs, *types: TensorType) -> Code:
        more: list[tuple[str, Code]] = [
            (name, Input(i))
            for i, name in ((3, "key_padding_mask"), (4, "attn_mask"))
            if optional(types, i) is not None
        ]
        attended = Invoke(Module(), (Input(0), Input(1), Input(2)), (*more, ("need_weights", False)))
        return Subscript(attended, (0,))

    def flops(self, a: MultiheadAttrs, *types: TensorType) -> Dim:
        q, k, v = types[:3]
        length, batch = axes_of(q.rank, a.batch_first)
        count: Dim = 1 if batch is None else q.shape[batch]
        size, rows, columns = q.shape[-1], q.shape[length], k.shape[length]
        projected = cast(Dim, prod(q.shape)) * 2 + cast(Dim, prod(k.shape)) + cast(Dim, prod(v.shape))
        return 2 * size * projected + 4 * count * rows * columns * size

    def sees(self, a: MultiheadAttrs, use: Use) -> Sees:
        q, k, v = use.types[:3]
        assert q is not None and k is not None and v is not None
        length, batch = axes_of(q.rank, a.batch_first)
        keys = through(0, k.shape[length])

        def box(t: TensorType, at: Span) -> Box:
            axes = {length: at, q.rank - 1: through(1, t.shape[-1])}
            return tuple(axes.get(i, whole(i, size)) for i, size in enumerate(t.shape))

        reads: tuple[tuple[Box, ...], ...] = (
            (box(q, whole(length, q.shape[length])),),
            (box(k, keys),),
            (box(v, keys),),
        )
        void: tuple[tuple[int, tuple[bool | float, ...]], ...] = ()
        for i in (3, 4):
            mask = use.types[i] if len(use.types) > i else None
            if mask is None:
                reads += ((),)
                continue
            first = () if batch is None else (whole(batch, q.shape[batch]),)
            seen: Box = (*first, keys) if i == 3 else (whole(length, q.shape[length]), keys)
            if mask.rank == 3:  # a mask for each head of each sample
                seen = (Span((), 0, mask.shape[0] - 1), *seen)
            reads += ((seen,),)
            void += ((i, (True,) if mask.dtype is DType.BOOL else (-inf,)),)
        last = q.rank - 1
        told = ((0, last), (1, last), (2, last))
        return Sees(reads[: len(use.types)], (k.shape[length], q.shape[-1]), (), void, (last,), told)

    def saved(self, a: MultiheadAttrs, use: Backprop) -> Kept:
        q, k, v = (t for t in use.inputs[:3] if t is not None)
        length, batch = axes_of(q.rank, a.batch_first)
        size, count = q.shape[-1], 1 if batch is None else q.shape[batch]
        rows = numbers(q.shape[length], count, a.num_heads)
        projected = (q, k.with_last(size), v.with_last(size))
        copied = (q, k, v) if a.batch_first and batch is not None and use.learns else ()
        padding, mask = optional(use.inputs, 3), optional(use.inputs, 4)
        masks: tuple[TensorType, ...] = ()  # as floats, one for what is given
        if padding is not None:
            wide = () if mask is None else (q.shape[length],)
            masks = (numbers(count, a.num_heads, *wide, k.shape[length]),)
        elif mask is not None and mask.dtype is DType.BOOL:
            masks = (numbers(*mask.shape),)
        taken: tuple[int, ...] = (0, 1, 2) if use.learns and not copied else ()
        if mask is not None and not masks:
            taken += (4,)
        return Kept(taken, more=(*copied, *projected, q, rows, *masks))

    def signal(self, a: MultiheadAttrs, *types: TensorType) -> Any:
        from fanin.signal.rules.multihead import Multihead

        if len(types) > 3 or not a.batch_first:
            return Unknown("nothing is known behind `MultiheadAttention` with masks, or with positions first")
        return Multihead(a.num_heads)

    def couplings(self, a: MultiheadAttrs, *types: TensorType) -> Ties:
        q, k, v = types[:3]
        size = cast(int, q.shape[-1])
        h, d = Letter("h", a.num_heads), Letter("d", size // a.num_heads)
        e, three = Times((h, d)), Letter("three", 3)
        rows = Times((three, h, d))
        within: list[Expr] = [e, e, e]
        params: list[tuple[str, Layout]] = []
        if self.packed(q, k, v):
            params.append(("in_proj_weight", (rows, e)))
        else:
            for n, (letter, t) in enumerate((("q", q), ("k", k), ("v", v))):
                within[n] = e if n == 0 else Letter(letter, t.shape[-1])
                params.append((f"{letter}_proj_weight", (e, within[n])))
        bias = (("in_proj_bias", (rows,)),) if a.bias else ()
        last = (("out_proj.bias", (e,)),) if a.bias else ()
        length, batch = axes_of(q.rank, a.batch_first)

        def layout(t: TensorType, name: str, expr: Expr) -> Layout:
            names = {length: Letter(name, t.shape[length])}
            if batch is not None:
                names[batch] = Letter("n", t.shape[batch])
            return (*(names[i] for i in range(t.rank - 1)), expr)

        more = tuple(letters(t, f"m{i}.") for i, t in enumerate(types[3:]))
        fixed = held(more, "a mask has it")
        why = "the module sizes its heads by what comes in"
        return Ties(
            (layout(q, "l", within[0]), layout(k, "s", within[1]), layout(v, "s", within[2]), *more),
            (layout(q, "l", e),),
            (*params, *bias, ("out_proj.weight", (e, e)), *last),
            (*fixed, ("three", why), ("d", why), ("s", "attention shares out over it")),
            (("k", PARAM), ("v", PARAM)),
            lambda n: replace(a, num_heads=n(h)),
        )


def axes_of(rank: int, batch_first: bool) -> tuple[int, int | None]:
    """The axis of the length, and that of the batch, where there is one."""
    if rank == 2:
        return 0, None
    return (1, 0) if batch_first else (0, 1)


def xavier(fan_out: int, fan_in: int) -> Uniform:
    """PyTorch draws the projections of attention from Glorot's uniform law."""
    bound = sqrt(6 / (fan_in + fan_out))
    return Uniform(-bound, bound)


def need_shape(port: str, given: TensorType, wanted: tuple[Dim, ...]) -> tuple[Need, ...]:
    """A mask of exactly that shape. Raises Complaint for another rank."""
    if given.rank != len(wanted):
        raise Complaint(f"`{port}` is {given}, and it should be [{', '.join(map(str, wanted))}]", port)
    needs: tuple[Need, ...] = ()
    for axis, size in enumerate(wanted):
        message = f"axis {axis} of `{port}` is {{left}} where it should be {{right}}"
        needs += need_equal(given.shape[axis], size, message, (port, axis))
    return needs
