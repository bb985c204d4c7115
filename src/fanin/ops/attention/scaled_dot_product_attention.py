"""Attention by scaled dot products."""

from __future__ import annotations

from dataclasses import replace
from math import inf, prod
from typing import Any, cast, final

from fanin.ir.dims import Dim, floordiv, mod
from fanin.ir.facts import Compare
from fanin.ir.numbers import place
from fanin.ir.places import Box, Digit, at, normal, through, whole
from fanin.ir.types import DType, TensorType
from fanin.ops.attributes import Probability
from fanin.ops.broadcasting import broadcast
from fanin.ops.code import OMIT, TRAINING, Code, Infix, Input, call, unless
from fanin.ops.contract import Complaint, Inferred, Need, Op, OpAttrs, Port, Result, need_equal
from fanin.ops.keeping import ALIKE, Backprop, Kept, Lies, numbers
from fanin.ops.ports import FLOAT
from fanin.ops.sees import Sees, Use, aligned
from fanin.ops.spelling import optional, optional_input, spell, spell_unless
from fanin.ops.ties import SUM, Expr, Layout, Letter, Measure, Ties, Times, stretch
from fanin.record import record


@record
class AttentionAttrs(OpAttrs):
    dropout_p: Probability = 0.0
    is_causal: bool = False
    scale: float | None = None
    enable_gqa: bool = False


@final
class ScaledDotProductAttention(Op[AttentionAttrs]):
    """``softmax(scale · Q Kᵀ + mask) V``, with ``scale = 1 / sqrt(E)`` where none is given.

    A bool mask is true where a key may be seen. ``dropout_p`` counts in training only. With ``enable_gqa``, axis -3 are
    heads, and each head of ``key`` and ``value`` serves as many of ``query`` as it takes.

    Shape: ``query [*B, L, E], key [*B, S, E], value [*B, S, V], attn_mask [*B, L, S]? -> [*B, L, V]``, broadcast over B
    Source: Vaswani et al. 2017, "Attention Is All You Need", eq. 1; Ainslie et al. 2023 (grouped queries).
    """

    name = "scaled_dot_product_attention"
    attrs = AttentionAttrs
    inputs = (
        Port("query", FLOAT),
        Port("key", FLOAT),
        Port("value", FLOAT),
        Port("attn_mask", (DType.FLOAT, DType.BOOL), optional=True),
    )
    example = "y = scaled_dot_product_attention(q, k, v, is_causal=true)"
    example_inputs = {"q": "[N, 4, T, 8]", "k": "[N, 4, T, 8]", "v": "[N, 4, T, 8]"}

    def infer(self, a: AttentionAttrs, *types: TensorType) -> Result:
        q, k, v = types[:3]
        mask = optional(types, 3)
        least = 3 if a.enable_gqa else 2
        for port, t in (("query", q), ("key", k), ("value", v)):
            if t.rank < least:
                why = (
                    "`enable_gqa` takes [*, heads, length, size]"
                    if a.enable_gqa
                    else "attention takes [*, length, size]"
                )
                raise Complaint(f"{why}, and `{port}` is {t}", port)
        if mask is not None and a.is_causal:
            raise Complaint(
                "`is_causal` makes the mask itself, and there is an `attn_mask` as well",
                "is_causal",
                kind="type",
            )
        needs = need_equal(
            q.shape[-1],
            k.shape[-1],
            "queries have {left} numbers and keys have {right}",
            ("query", -1),
            ("key", -1),
        )
        needs += need_equal(
            k.shape[-2], v.shape[-2], "there are {left} keys for {right} values", ("key", -2), ("value", -2)
        )
        heads: tuple[Dim, ...] = ()
        if a.enable_gqa:
            heads = (q.shape[-3],)
            needs += need_heads("key", q, k) + need_heads("value", q, v)
        scores, more = common(least, ("query", q), ("key", k))
        needs += more
        outer, more = common(least, ("query", q), ("key", k), ("value", v))
        needs += tuple(need for need in more if need not in needs)
        if mask is not None:
            needs += need_mask(mask, (*scores, *heads, q.shape[-2], k.shape[-2]))
        return Inferred((q.with_shape(*outer, *heads, q.shape[-2], v.shape[-1]),), needs)

    def torch(self, a: AttentionAttrs, *types: TensorType) -> Code:
        return call(
            "F.scaled_dot_product_attention",
            Input(0),
            Input(1),
            Input(2),
            attn_mask=optional_input(types, 3),
            # PyTorch drops whenever it is asked to; `training` is 1 or 0.
            dropout_p=Infix("*", spell(a.dropout_p), TRAINING) if a.dropout_p else OMIT,
            is_causal=unless(a.is_causal, False),
            scale=spell_unless(a.scale, None),
            enable_gqa=unless(a.enable_gqa, False),
        )

    def flops(self, a: AttentionAttrs, *types: TensorType) -> Dim:
        q, k, v = types[:3]
        least = 3 if a.enable_gqa else 2
        heads: Dim = q.shape[-3] if a.enable_gqa else 1
        scores = cast(Dim, prod(common(least, ("query", q), ("key", k))[0])) * heads
        outer = cast(Dim, prod(common(least, ("query", q), ("key", k), ("value", v))[0])) * heads
        pairs = q.shape[-2] * k.shape[-2]
        return 2 * scores * pairs * q.shape[-1] + 2 * outer * pairs * v.shape[-1]

    def sees(self, a: AttentionAttrs, use: Use) -> Sees:
        q, k, v = use.types[:3]
        assert q is not None and k is not None and v is not None
        out, rank = use.out, use.out.rank
        row, keys = whole(rank - 2, q.shape[-2]), through(0, k.shape[-2])

        def outer(t: TensorType) -> Box:
            box = list(aligned(t.with_shape(*t.shape[:-2]), out.with_shape(*out.shape[:-2])))
            if a.enable_gqa and t.shape[-3] != 1 and t.shape[-3] != q.shape[-3]:
                share = floordiv(q.shape[-3], t.shape[-3])
                box[-1] = normal([(1, Digit(rank - 3, share, t.shape[-3]))], 0, 0)
            return tuple(box)

        query = (*outer(q), row, through(1, q.shape[-1]))
        key = (*outer(k), keys, through(1, k.shape[-1]))
        value = (*outer(v), keys, whole(rank - 1, v.shape[-1]))
        reads: tuple[tuple[Box, ...], ...] = ((query,), (key,), (value,))
        void: tuple[tuple[int, tuple[bool | float, ...]], ...] = ()
        mask = use.types[3] if len(use.types) > 3 else None
        if mask is not None:
            scores = out.with_shape(*out.shape[:-1], k.shape[-2])
            box = list(aligned(mask, scores))
            box[-1] = at(0) if mask.shape[-1] == 1 else keys
            reads += ((tuple(box),),)
            void = ((3, (False,) if mask.dtype is DType.BOOL else (-inf,)),)
        only = (place(rank - 2, q.shape[-2]) - place(-1, k.shape[-2]),) if a.is_causal else ()
        return Sees(reads, (k.shape[-2], q.shape[-1]), only, void)

    def saved(self, a: AttentionAttrs, use: Backprop) -> Kept:
        y = use.results[0]
        q, k, v = (t for t in use.inputs[:3] if t is not None)
        alike = q.shape[:2] == k.shape[:2] == v.shape[:2] and q.shape[-1] == v.shape[-1]
        if q.rank != 4 or not alike or use.asked(3):  # no fused kernel: the scores are written down
            scores = numbers(*y.shape[:-1], k.shape[-2])
            if a.enable_gqa:  # each head of the query has its own copy
                heads = q.shape[:-2]
                return Kept(more=(q, numbers(*heads, *k.shape[-2:]), numbers(*heads, *v.shape[-2:]), scores))
            return Kept((2,), more=(q, k, scores))
        rows = numbers(*y.shape[:-1])  # logarithms of the sums of the softmax
        return Kept(tuple(range(len(use.inputs))), (0,), (rows,))

    def lies(self, a: AttentionAttrs, *types: TensorType) -> Lies:
        return ALIKE  # fused kernels write as the queries lie

    def signal(self, a: AttentionAttrs, *types: TensorType) -> Any:
        from fanin.signal.rules.softmax import Attention

        return Attention(a.scale, a.is_causal)

    def couplings(self, a: AttentionAttrs, *types: TensorType) -> Ties:
        q, k, v = types[:3]
        mask = optional(types, 3)
        e, m = Letter("e", q.shape[-1]), Letter("m", v.shape[-1])
        rows, keys = Letter("l", q.shape[-2]), Letter("s", k.shape[-2])
        outer = [t.with_shape(*t.shape[:-2]) for t in (q, k, v)]
        batch, out = stretch(outer, max(t.rank for t in outer), "b")
        if a.enable_gqa and k.shape[-3] != q.shape[-3]:
            batch, out = shared_heads(batch, out, q.shape[-3], k.shape[-3])
        layouts = [(*batch[0], rows, e), (*batch[1], keys, e), (*batch[2], keys, m)]
        if mask is not None:
            over = (*out, rows, keys)[-mask.rank :]
            layouts.append(tuple(Letter(f"m{i}", 1) if s == 1 else over[i] for i, s in enumerate(mask.shape)))
        scale = a.scale
        if scale is None and isinstance(q.shape[-1], int):
            scale = float(q.shape[-1]) ** -0.5

        def resize(n: Measure) -> AttentionAttrs:
            return a if n(e) == q.shape[-1] else replace(a, scale=scale)  # what divided the scores still does

        fixed: tuple[tuple[str, str], ...] = (("s", "attention shares out over it"),)
        if a.is_causal:
            fixed += (("l", "a row sees the keys up to its own place"),)
        return Ties(tuple(layouts), ((*out, rows, m),), fixed=fixed, ends=(("e", SUM),), resize=resize)

    def masked(self, a: AttentionAttrs, values: tuple[float | None, ...], own: bool) -> float | None:
        return values[2]


def shared_heads(batch: tuple[Layout, ...], out: Layout, ours: Dim, theirs: Dim) -> tuple[tuple[Layout, ...], Layout]:
    """Heads of queries as (group, head in it): a key and a value serve a group, and go with all of it."""
    group, inner = Letter("kv", theirs), Letter("r", cast(int, ours) // cast(int, theirs))
    every: Expr = Times((group, inner))
    q, k, v = ((*layout[:-1], head) for layout, head in zip(batch, (every, group, group), strict=True))
    return (q, k, v), (*out[:-1], every)


def common(inner: int, *operands: tuple[str, TensorType]) -> tuple[tuple[Dim, ...], tuple[Need, ...]]:
    """The axes before the ``inner`` last ones, broadcast."""
    outer = [(port, t.with_shape(*t.shape[:-inner])) for port, t in operands]
    shape, needs = broadcast(*outer, what=f"the batches of {' and '.join(port for port, _ in operands)}")
    return shape, tuple(replace(n, places=tuple((port, axis - inner) for port, axis in n.places)) for n in needs)


def need_heads(port: str, q: TensorType, other: TensorType) -> tuple[Need, ...]:
    """The heads of a key or value divide those of the query."""
    theirs, ours = other.shape[-3], q.shape[-3]
    if theirs == ours or theirs == 1:
        return ()
    left = mod(ours, theirs)
    if left == 0:
        return ()
    message = f"{ours} heads of `query` do not divide among {theirs} of `{port}`"
    return (Need(Compare("==", left, 0), message, (("query", -3), (port, -3)), "indivisible"),)


def need_mask(mask: TensorType, scores: tuple[Dim, ...]) -> tuple[Need, ...]:
    """A mask fits the scores, where it is 1 by stretching. Raises Complaint for too few axes or too many."""
    if not 2 <= mask.rank <= len(scores):
        message = f"`attn_mask` has 2 to {len(scores)} axes here, not {mask.rank}: {mask}"
        raise Complaint(message, "attn_mask", kind="type" if mask.rank < 2 else "shape")
    needs: tuple[Need, ...] = ()
    for axis in range(-mask.rank, 0):
        size = mask.shape[axis]
        if size != 1:
            message = "the mask has {left} where the scores have {right}"
            needs += need_equal(size, scores[axis], message, ("attn_mask", axis))
    return needs
