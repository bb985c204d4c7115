"""Bad specs from several sides, each in several settings: every one is caught, with its code and at its place."""

from __future__ import annotations

import pytest

from fanin import pipeline
from fanin.diagnostics.model import Diagnostic
from fanin.report import Start
from fanin.source import Source
from tests.starts import BAD, MEANT

# Statements from `x` to `x` that make one mistake, by the input that they need. `!` stands before what is at fault.
MISTAKES: dict[str, tuple[str, list[str]]] = {
    "STR601": (
        "[N, 8], y: int[N]",
        [
            "x = cross_entropy!(x -> a: Linear(5) -> softmax(axis=-1), y)",
            "x = cross_entropy!(x -> a: Linear(5) -> log_softmax(axis=1), y)",
            "p = x -> a: Linear(5) -> softmax(axis=-1)\n  x = cross_entropy!(p, y)",
            "x = x -> a: Linear(5) -> softmax(axis=-1) -> cross_entropy!(y)",
            "x = x -> a: Linear(5) -> Softmax(axis=-1) -> cross_entropy!(y)",
            "x = binary_cross_entropy_with_logits!(x -> a: Linear(1) -> sigmoid -> flatten, float(y))",
        ],
    ),
    "STR602": (
        "[N, 8], y: int[N]",
        [
            f"x = x -> a: Linear(5) -> {act} -> cross_entropy!(y)"
            for act in ("relu", "tanh", "gelu", "Sigmoid()", "selu")
        ],
    ),
    "STR603": (
        "[N, 8]",
        [
            "x = x -> a: Linear(5) -> relu -> !relu",
            "x = x -> a: Linear(5) -> ReLU() -> !Tanh()",
            "x = x -> a: Linear(5) -> tanh -> dropout(0.2) -> !sigmoid",
            "h = x -> a: Linear(5) -> gelu\n  x = !gelu(h)",
            "x = x -> a: Linear(6) -> relu -> reshape(-1, 2, 3) -> !silu -> flatten(1)",
        ],
    ),
    "STR604": (
        "[N, 8]",
        [
            "x = x -> a: Linear(5) -> dropout(0.5) -> !BatchNorm1d()",
            "x = x -> dropout(0.1) -> a: Linear(5) -> !BatchNorm1d() -> relu",
            "x = x -> Dropout(0.3) -> relu -> a: Linear(5) -> !BatchNorm1d()",
            "h = x -> a: Linear(5) -> dropout(0.2)\n  x = h -> !BatchNorm1d()",
        ],
    ),
    "STR606": (
        "[1, 4, 8, 8]",
        [
            "x = x -> a: Conv2d(4, 3, padding=1, bias=false) -> !BatchNorm2d()",
            "x = x -> !BatchNorm2d() -> relu",
            "x = x -> flatten(2) -> !BatchNorm1d()",
        ],
    ),
    "STR608": (
        "[N, 4, 32, 32]",
        [
            "x = x -> !Conv2d(4, 3, stride=4)",
            "x = x -> !Conv2d(4, 2, stride=(3, 2))",
            "x = x -> relu -> !max_pool2d(2, stride=3)",
            "x = x -> !AvgPool2d(2, stride=5)",
        ],
    ),
    "STR609": (
        "[N, 3, 32, 32]",
        [
            "x = x -> flatten(1) -> !Linear(64)",
            "x = x -> Conv2d(8, 3, padding=1) -> relu -> flatten(1) -> !Linear(10)",
            "x = x -> flatten(1) -> dropout(0.1) -> !Linear(16)",
            "x = x -> max_pool2d(2) -> Flatten() -> !Linear(10)",
        ],
    ),
    "STR610": (
        "[N, 8], y: [N, 1]",
        [
            "x = mse_loss!(x -> a: Linear(1) -> sigmoid, y)",
            "x = x -> a: Linear(1) -> Sigmoid() -> l1_loss!(y)",
            "p = x -> a: Linear(1) -> softmax(axis=-1)\n  x = mse_loss!(p, y)",
            "x = x -> a: Linear(1) -> sigmoid -> smooth_l1_loss!(y)",
        ],
    ),
    "STR631": (
        "[N, 8], y: [N, 1]",
        [
            "@law(bernoulli)\n  a = x -> l: Linear(1)\n  x = !mse_loss(a, y)",
            "@law(gaussian)\n  a = x -> l: Linear(1)\n  x = a -> !binary_cross_entropy_with_logits(y)",
            "@law(bernoulli)\n  a = x -> l: Linear(1) -> sigmoid\n  x = !l1_loss(a -> flatten(1), y)",
            "@law(poisson)\n  a = x -> l: Linear(1)\n  b = a -> reshape(N, 1)\n  x = !huber_loss(b, y)",
            "@law(laplace)\n  a: [N, 1] = x -> l: Linear(1)\n  x = !mse_loss(a, y)",
        ],
    ),
    "CST901": (
        "[B, T, 60]",
        ["x = !scaled_dot_product_attention(x, x, x)", "x = (x, x, x) -> !MultiheadAttention(3, batch_first=true)"],
    ),
    "CST902": (
        "[N, 64]",
        [
            "x = x -> a: !Linear(1001) -> relu -> b: Linear(64)",
            "h = x -> a: !Linear(3002)\n  x = (h * sigmoid(h)) -> b: Linear(64)",
            "x = x -> a: Linear(512) -> gelu -> b: !Linear(513) -> gelu -> c: Linear(64)",
            "x = x -> reshape(-1, 1, 8, 8) -> a: !Conv2d(515, 3) -> relu -> b: Conv2d(8, 3) -> flatten(1)",
        ],
    ),
    "CST905": (
        "[B, T, 64]",
        [
            "x = matmul(matmul(x, transpose(x, 1, 2)) -> !softmax(axis=-1), x)",
            "s = matmul(x, transpose(x, 1, 2)) / 8.0\n  p = s -> !softmax(axis=2) -> dropout(0.1)\n  x = matmul(p, x)",
            "s = bmm(x, transpose(x, 1, 2)) * 0.125\n  x = bmm(!softmax(s, axis=-1), x)",
            "s = matmul(x, transpose(x, 1, 2)) -> masked_fill(eye(T) > 0.0, -100.0)\n  x = matmul(!softmax(s, axis=-1), x)",
        ],
    ),
    "STR620": (
        "[N, 8]",
        [
            "x = x + !0.0 * (x -> a: Linear(8) -> relu)",
            "x = x + (x -> a: Linear(8) -> gelu) !* 0",
            "x = x -> a: Linear(8) -> relu -> neg -> !relu",
            "x = x + !relu(-sigmoid(x -> a: Linear(8)))",
            "h = x -> a: Linear(8) -> softplus -> dropout(0.1)\n  x = x * !relu(-h)",
        ],
    ),
    "STR622": (
        "[N, 8]",
        [
            "x = x + (x -> !branch: Linear(16) -> relu -> Linear(8))",
            "x = (x -> !body: Linear(16, bias=false) -> BatchNorm1d() -> relu -> Linear(8)) + x",
            "x += x -> !mlp: Linear(32) -> gelu -> Linear(8) -> dropout(0.1)",
            "x = concat(x, (x -> !side: Linear(16) -> relu -> Linear(4)), axis=1) -> out: Linear(8)",
        ],
    ),
}
SETTINGS = {
    "a model": "model Net()(x: {type}) {{\n  {body}\n  return x\n}}",
    "a block": "block Part()(x: {type}) {{\n  {body}\n  return x\n}}\nmodel Net()(x: {type}) {{ return x -> part: Part(){rest} }}",
    "a loop": "model Net()(x: {type}) {{\n  h = x\n  for i in 0..2 {{\n    x = h\n    {body}\n  }}\n  return x\n}}",
    "a branch": "model Net()(x: {type}) {{\n  if 1 < 2 {{\n    {body}\n  }}\n  return x\n}}",
    "a block used twice": (
        "block Part()(x: {type}) {{\n  {body}\n  return x\n}}\n"
        "model Net()(x: {type}) {{\n  a = Part()\n  b = Part()\n  return a({args}), b({args})\n}}"
    ),
}
CASES = [
    (code, i, setting) for code, (_, bodies) in MISTAKES.items() for i in range(len(bodies)) for setting in SETTINGS
]


@pytest.mark.parametrize(("code", "number", "setting"), CASES, ids=lambda v: str(v))
def test_a_mistake_of_structure_is_found_where_it_is(code: str, number: int, setting: str) -> None:
    type_, bodies = MISTAKES[code]
    body = bodies[number]
    args = "x, y" if "y:" in type_ else "x"
    marked = SETTINGS[setting].format(type=type_, body=body, rest="(y)" if "y:" in type_ else "", args=args)
    line = marked[: marked.index("!")].count("\n")
    report = pipeline.check_text(marked.replace("!", ""))
    assert report.ok, [d.headline for d in report.diagnostics]
    found = [d for d in report.diagnostics if d.code.id == code]
    assert found, [(d.code.id, d.headline) for d in report.diagnostics]
    assert all(d.span.text and marked.replace("!", "")[: d.span.start].count("\n") == line for d in found)


# Whole networks, with what is to be found at what; `!` stands before it.
WHOLE: dict[str, list[str]] = {
    "STR632": [
        "@edges(a=directed)\nmodel Net()(x: [V, 8], a: [V, V]) {\n  _, basis = !eigh(diag(sum(a, axis=1)) - a)\n  return basis @ (x -> filters: Linear(8))\n}",
        "block Basis()(a: [V, V]) -> [V, V] {\n  values, vectors = !eigh(a)\n  return vectors * values\n}\n@edges(a=signed)\nmodel Net()(x: [V, 8], a: [V, V]) { return ((a -> basis: Basis()) @ x) -> out: Linear(4) }",
        "from std.graph import ChebyshevConv\n@edges(edge=directed)\nmodel Net()(x: [V, 8], edge: int[2, E]) {\n  h = x\n  for _ in 0..2 { h = (h, edge) -> !conv: ChebyshevConv(8, 3) -> relu }\n  return h\n}",
        "@edges(distance=distance, feature=free)\nmodel Net()(distance: [V, V], feature: [V, V, 4]) {\n  gate = feature -> score: Linear(1) -> squeeze(2)\n  return !eigvalsh(distance * gate)\n}",
        "model Net()(x: [V, 8], a: [V, V]) {\n  @edges(signed)\n  w = a - mean(a)\n  return x, !eigvalsh(diag(sum(w, axis=1)) - w)\n}",
        "@edges(a=free)\nsystem Fit()(x: [V, 8], a: [V, V], y: int[V]) {\n  net = Linear(8)\n  _, basis = !eigh(a)\n  loss ce = cross_entropy(basis @ net(x), y)\n  train net on ce with adam(lr=1e-3)\n}",
    ],
    "STR621": [
        "model Net()(x: [N, 8]) { return float((x -> !choose: Linear(8)) > 0.0) * (x -> a: Linear(8)) }",
        "model Net()(x: [N, 8]) {\n  h = float(x -> !a: Linear(8) -> int)\n  return h -> b: Linear(4)\n}",
        "model Net()(x: [N, 8]) {\n  h = stop_gradient(x -> !a: Linear(8))\n  return h -> relu -> b: Linear(4)\n}",
        "model Net()(x: [N, 8]) {\n  i = argmax(x -> !router: Linear(4), axis=1)\n  return i -> e: Embedding(4, 8)\n}",
        "block B()(x: [N, D]) { return x -> a: Linear(D) -> relu -> b: Linear(D) }\n"
        "model Net()(x: [N, 8]) { return (x -> c: Linear(8)) + stop_gradient(x -> part: !B()) }",
    ],
    "CST903": [
        "model Net()(t: int[B, T]) { return ((t -> e: !Embedding(50_000, 64)) + sinusoidal(T, 64)) -> head: Linear(50_000) }",
        "model Net()(t: int[B, T]) {\n  e = Embedding(32_001, 64)\n"
        "  return (!e(t) + sinusoidal(T, 64)) -> head: Linear(32_001, bias=false, weight=e.weight)\n}",
        "model Net(v: int = 9_999)(t: int[B, T]) { return (t -> e: !Embedding(v, 32)) -> transpose(1, 2) -> c: Conv1d(32, 3, padding=1) -> transpose(1, 2) -> h: Linear(v) }",
    ],
    "CST904": [
        "model Net()(u: int[N]) { return u -> !e: Embedding(100_000, 64) -> a: Linear(64) -> relu -> h: Linear(8) }",
        "model Net(n: int = 2_000_000)(u: int[N], x: [N, 8]) {\n"
        "  return concat(u -> !e: Embedding(n, 8), x, axis=1) -> a: Linear(32) -> relu -> h: Linear(1)\n}",
    ],
}
WHOLE_CASES = [(code, i) for code, specs in WHOLE.items() for i in range(len(specs))]


@pytest.mark.parametrize(("code", "number"), WHOLE_CASES, ids=lambda v: str(v))
def test_a_mistake_of_a_network_is_found_where_it_is(code: str, number: int) -> None:
    marked = WHOLE[code][number]
    report = pipeline.check_text(marked.replace("!", ""))
    assert report.ok, [d.headline for d in report.diagnostics]
    found = [d for d in report.diagnostics if d.code.id == code]
    assert found, [(d.code.id, d.headline) for d in report.diagnostics]
    assert all(
        marked.replace("!", "")[: d.span.start].count("\n") == marked[: marked.index("!")].count("\n") for d in found
    )


# Networks that start badly, with what is to be found; `{n}` is a width.
STARTS: dict[str, list[str]] = {
    "SIG101": [
        "@init(linear=xavier_normal, bias=zeros)\nmodel Net()(x: [N, 64]) {{ return x -> l: {d} * (Linear(128) -> relu) -> h: Linear(4) }}",
        "@init(linear=normal(std=0.5), bias=zeros)\nmodel Net()(x: [N, 64]) {{ return x -> l: {d} * (Linear(128) -> relu) -> h: Linear(4) }}",
        "model Net()(x: [N, 64]) {{ return x -> l: {d} * (Linear(128, bias=false) -> gelu) -> h: Linear(4) }}",
        "@init(linear=he_normal, bias=zeros)\nblock R()(x: [N, D]) -> [N, D] {{ return x + 2.0 * (x -> a: Linear(128) -> relu) }}\n"
        "model Net()(x: [N, 128]) {{ return x -> l: {d} * R() -> h: Linear(4) }}",
    ],
    "SIG103": [
        "model Net()(x: [N, 64]) {{ return x -> l: {d} * (Linear(128) -> sigmoid) -> h: Linear(4) }}",
        "model Net()(x: [N, 64]) {{ return x -> l: {d} * (Linear(128) -> silu) -> h: Linear(4) }}",
        "@init(linear=normal(std=0.5), bias=zeros)\nmodel Net()(x: [N, 64]) {{ return x -> l: {d} * (Linear(128) -> relu) -> h: Linear(4) }}",
    ],
    "SIG105": [
        "model Net()(x: [N, 64]) {{ return x -> a: Linear(64, init=normal(std=3.0)) -> {s} -> h: Linear(4) }}",
        "model Net()(x: [N, 64]) {{ x = x -> a: Linear(64) -> relu\n return x -> b: Linear(64, init=normal(std=5.0)) -> {s} -> h: Linear(4) }}",
    ],
    "SIG110": [
        "@init(linear=he_normal, bias=zeros)\nmodel Net()(x: [N, 32]) {{ return x -> l: {d} * (Linear(24) -> relu) -> h: Linear(4) }}",
        "@init(linear=lecun_normal, bias=zeros)\nmodel Net()(x: [N, 32]) {{ return x -> l: {d} * (Linear(20) -> leaky_relu) -> h: Linear(4) }}",
    ],
    "SIG112": [
        "model Net()(x: [N, 32]) {{ return x -> l: {d} * (Linear(6) -> relu) -> h: Linear(4) }}",
    ],
    "SIG170": [
        "model Net()(x: [N, 32]) {{ return x -> a: Linear(64) -> b: Linear({n}) -> relu -> h: Linear(4) }}",
        "model Net()(x: [N, 32]) {{ x = x -> a: Linear({n})\n x = x -> b: Linear(64) -> tanh\n return x -> h: Linear(4) }}",
    ],
}
START_CASES = [(code, i, k) for code, specs in STARTS.items() for i in range(len(specs)) for k in range(3)]


@pytest.mark.parametrize(("code", "number", "k"), START_CASES, ids=lambda v: str(v))
def test_a_bad_start_is_found(code: str, number: int, k: int) -> None:
    depth, width, act = (12, 16, 24)[k], (64, 96, 128)[k], ("tanh", "sigmoid", "softsign")[k]
    text = STARTS[code][number].format(d=depth, n=width, s=act)
    report = pipeline.check_source(Source("<string>", text), "<string>", None, None, signals=True)
    assert not any(d.is_fatal for d in report.diagnostics), [d.headline for d in report.diagnostics]
    assert code in {d.code.id for d in report.diagnostics}, [(d.code.id, d.headline) for d in report.diagnostics]


_LM = """model Net()(token: int[B, T]) -> [B, T, 50] {{
  x = (token -> words: Embedding(50, 16)) + sinusoidal(T, 16)
  {body}
  return x -> head: Linear(50)
}}
"""
_NEXT = """system Pretrain()(token: int[B, T]) {{
  assert T >= 2
  net = Net()
  {loss}
  train net on nll with adam(lr=1e-3)
}}
"""
_LOSSES = [
    'loss nll = cross_entropy(net(token[:, :-1]) -> rearrange("b t v -> b v t"), token[:, 1:])',
    'loss nll = cross_entropy(rearrange(net(token)[:, :-1], "b t v -> (b t) v"), rearrange(token[:, 1:], "b t -> (b t)"))',
    "y = token[:, 1:]\n  loss nll = cross_entropy(net(token)[:, :-1] -> flatten(0, 1), y -> flatten)",
    "loss nll = nll_loss(log_softmax(transpose(net(token[:, :-1]), 1, 2), axis=1), narrow(token, 1, 1, T - 1))",
]
_UNMASKED = [
    "x += !scaled_dot_product_attention(x, x, x)",
    "x += (x, x, x) -> a: !MultiheadAttention(2, batch_first=true)",
    "s = x @ transpose(x, 1, 2)\n  x += !softmax(s / 4.0, axis=-1) @ x",
    "s = masked_fill(x @ transpose(x, 1, 2), bool(tril(ones(T, T))), -inf)\n  x += !softmax(s, axis=-1) @ x",
    "s = where(arange(T)[:, none] >= arange(T) - 1, x @ transpose(x, 1, 2), -inf)\n  x += !softmax(s, axis=-1) @ x",
]
_MASKED = [
    "x += scaled_dot_product_attention(x, x, x, is_causal=true)",
    "s = masked_fill(x @ transpose(x, 1, 2), tril(ones(T, T)) == 0, -inf)\n  x += softmax(s, axis=-1) @ x",
    "s = where(arange(T)[:, none] >= arange(T), x @ transpose(x, 1, 2), -inf)\n  x += softmax(s, axis=-1) @ x",
    "s = x @ transpose(x, 1, 2) + triu(full((T, T), -inf), diagonal=1)\n  x += softmax(s, axis=-1) @ x",
    "w = tril(softmax(x @ transpose(x, 1, 2), axis=-1))\n  x += scaled_dot_product_attention(x, x, x, is_causal=true)",
    "r = scan(GRUCell(16), x, h=zeros(B, 16))\n  x = r.y",
    "x = x -> transpose(1, 2) -> pad((2, 0)) -> c: Conv1d(16, 3) -> transpose(1, 2)",
    "x += scaled_dot_product_attention(x, x, x, bool(tril(ones(T, T))))",
    "x = cumsum(x, axis=1)",
]
_AHEAD = [
    "x += x -> transpose(1, 2) -> c: !Conv1d(16, 3, padding=1) -> transpose(1, 2)",
    'x += x -> transpose(1, 2) -> c: !Conv1d(16, 5, padding="same") -> transpose(1, 2)',
    "r = !scan(GRUCell(16), x, h=zeros(B, 16), reverse=true)\n  x = r.y",
    "x += !flip(x, axis=1)",
    "x += !scaled_dot_product_attention(x, x, x)",
    "x += (x, x, x) -> a: !MultiheadAttention(2, batch_first=true)",
    "x += x -> transpose(1, 2) -> !avg_pool1d(3, stride=1, padding=1) -> transpose(1, 2)",
]
_CLASSIFIER = "model Net()(image: [N, 3, {side}, {side}]) -> [N, 10] {{\n  x = image\n  {body}\n  return x -> {pool} -> head: Linear(10)\n}}\n"
_POOLS = ("!mean(axis=(2, 3))", "!adaptive_avg_pool2d(1) -> flatten(1)", "!amax(axis=(2, 3))")
_TRUNKS = [
    (96, "x = x -> a: Conv2d(8, 3, padding=1) -> relu"),
    (128, "x = x -> a: Conv2d(8, 5, padding=2) -> relu -> b: Conv2d(8, 3, padding=1) -> relu"),
    (64, "x = x -> l: 6 * (Conv2d(8, 1) -> relu)\n  x = x -> m: Conv2d(8, 3, padding=1)"),
    (16, "x = x -> l: 4 * (Conv2d(8, 7, padding=3, stride=1) -> relu -> max_pool2d(3, stride=1, padding=1))\n"
         "  x = x -> m: 40 * (Conv2d(8, 5, padding=2) -> relu)"),
]  # fmt: skip

DEPENDENCE: list[tuple[str, str]] = [
    *(("STR611", _LM.format(body=body) + _NEXT.format(loss=loss)) for body in _UNMASKED for loss in _LOSSES),
    *(("STR612", _LM.format(body=f"{mask}\n  {body}")) for body in _AHEAD for mask in (_MASKED[0], _MASKED[3])),
    *(("STR612", _LM.format(body=body) + _NEXT.format(loss=loss)) for body in _AHEAD[:3] for loss in _LOSSES[:2]),
    *(("STR613", _CLASSIFIER.format(side=side, body=body, pool=pool)) for side, body in _TRUNKS for pool in _POOLS),
]


@pytest.mark.parametrize("number", range(len(DEPENDENCE)))
def test_what_is_seen_and_must_not_be_is_found_where_it_is(number: int) -> None:
    code, marked = DEPENDENCE[number]
    line = marked[: marked.index("!")].count("\n")
    text = marked.replace("!", "")
    report = pipeline.check_text(text)
    assert report.ok, [d.headline for d in report.diagnostics]
    found = [d for d in report.diagnostics if d.code.id in ("STR611", "STR612", "STR613")]
    assert {d.code.id for d in found} == {code}, [(d.code.id, d.headline) for d in report.diagnostics]
    assert all(text[: d.span.start].count("\n") == line for d in found)


@pytest.mark.parametrize("loss", range(len(_LOSSES)))
@pytest.mark.parametrize("body", range(len(_MASKED)))
def test_a_network_that_does_not_look_ahead_may_predict_the_next_token(body: int, loss: int) -> None:
    report = pipeline.check_text(_LM.format(body=_MASKED[body]) + _NEXT.format(loss=_LOSSES[loss]))
    assert report.ok, [d.headline for d in report.diagnostics]
    assert not [d.headline for d in report.diagnostics if d.code.id in ("STR611", "STR612")]


GOOD = [
    "@edges(a=directed)\nmodel Net()(x: [V, 8], a: [V, V]) {\n  both = maximum(a, transpose(a, 0, 1))\n  _, basis = eigh(diag(sum(both, axis=1)) - both)\n  return basis @ (x -> filters: Linear(8))\n}",
    "@edges(a=signed)\nmodel Net()(x: [V, 8], a: [V, V]) {\n  w = abs(a)\n  _, basis = eigh(diag(sum(w, axis=1)) - w)\n  return basis @ (x -> filters: Linear(8))\n}",
    "@edges(feature=free)\nmodel Net()(x: [V, 8], feature: [V, V, 4]) {\n  w = exp(-norm(feature, axis=2))\n  _, basis = eigh(diag(sum(w, axis=1)) - w)\n  return basis @ (x -> filters: Linear(8))\n}",
    "@edges(feature=free)\nmodel Net()(x: [V, 8], feature: [V, V, 4]) {\n  @edges(distance)\n  w = feature -> learned: Linear(1) -> squeeze(2) -> softplus\n  return x -> filters: Linear(8), eigvalsh(w)\n}",
    "from std.graph import GraphConv\n@edges(edge=directed)\nmodel Net()(x: [V, 8], edge: int[2, E]) { return (x, edge) -> conv: GraphConv(4) }",
    "from std.graph import ChebyshevConv\n@edges(edge=distance)\nmodel Net()(x: [V, 8], edge: int[2, E]) { return (x, edge) -> conv: ChebyshevConv(4, 3) }",
    # what the rules on cost and on branches let pass
    "model Net()(x: [N, 64]) { return x -> a: Linear(512) -> relu -> head: Linear(1001) }",
    "model Net()(x: [N, 64]) { return x -> a: Linear(300) -> relu -> b: Linear(100) -> relu -> head: Linear(10) }",
    "model Net()(x: [B, T, 64]) {\n  assert T < 512\n  return matmul(softmax(matmul(x, transpose(x, 1, 2)) / 8.0, axis=-1), x)\n}",
    "model Net()(x: [B, 64, 64]) { return matmul(softmax(matmul(x, transpose(x, 1, 2)) / 8.0, axis=-1), x) }",
    "model Net()(x: [N, 8]) {\n  param scale: [] = zeros\n  return x + scale * (x -> branch: (Linear(64) -> relu -> Linear(8)))\n}",
    "model Net()(x: [N, 8]) { return x + (x -> up: Linear(64) -> relu -> down: Linear(8)) }",
    "model Net()(x: [N, 8]) { return x + (x -> Linear(64) -> relu -> Linear(8)) }",
    "model Net()(x: [N, 8]) {\n  h = x -> a: Linear(64)\n  h = h + stop_gradient(round(h) - h)\n  return h -> b: Linear(4)\n}",
    "model Net()(x: [N, 8]) { return stop_gradient(x -> a: Linear(64, frozen=true)) -> relu -> b: Linear(4) }",
    "@init(linear=he_normal, bias=zeros)\nmodel Net()(x: [N, 64]) { return x -> l: 6 * (Linear(256) -> relu) -> h: Linear(4) }",
    "model Net()(x: [N, 64]) { return x -> l: 6 * (Linear(256, bias=false) -> BatchNorm1d() -> relu) -> h: Linear(4) }",
    "model Net()(x: [N, 3, H, W]) { return x -> a: Conv2d(16, 3, stride=2) -> relu -> mean(axis=(2, 3)) -> h: Linear(4) }",
    "model Net()(x: [N, 16]) -> [N, 16] { return x -> a: Linear(8) -> tanh -> code: Linear(2) -> tanh -> b: Linear(8) -> tanh -> c: Linear(16) }",
    "model Net()(x: [N, 8], y: int[N]) { return x -> a: Linear(16) -> relu -> b: Linear(4) -> cross_entropy(y) }",
    "model Net()(x: [N, 8], y: [N, 4]) { return x -> a: Linear(16) -> relu -> b: Linear(4) -> mse_loss(y) }",
    "model Net()(x: [N, 64]) { return x -> a: Linear(4, bias=false) -> b: Linear(64) }",
    "model Net()(x: [N, 8], y: [N, 4]) {\n  @law(gaussian)\n  a = x -> l: Linear(4)\n  return huber_loss(a, y) }",
    "@law(p=poisson)\nmodel Net()(x: [N, 8]) -> (p: [N, 4], q: [N, 4]) { return x -> a: Linear(4), x -> b: Linear(4) }",
]


@pytest.mark.parametrize("text", GOOD)
def test_networks_as_they_should_be_have_no_finding(text: str) -> None:
    report = pipeline.check_source(Source("<string>", text), "<string>", None, None, signals=True)
    assert [(d.code.id, d.headline) for d in report.diagnostics] == []


def _checked(text: str) -> list[Diagnostic]:
    report = pipeline.check_source(Source("<string>", text), "<string>", None, None, signals=Start(width="width"))
    assert not any(d.is_fatal for d in report.diagnostics), [d.headline for d in report.diagnostics]
    return list(report.diagnostics)


@pytest.mark.parametrize(("code", "number"), [(c, i) for c, specs in BAD.items() for i in range(len(specs))])
def test_a_network_with_one_fault_is_found_where_it_is(code: str, number: int) -> None:
    marked = BAD[code][number]
    line = marked[: marked.index("!")].count("\n")
    text = marked.replace("!", "", 1)
    found = _checked(text)
    places = [text[: d.span.start].count("\n") for d in found if d.code.id == code and d.span.source.text == text]
    elsewhere = [d for d in found if d.code.id == code and d.span.source.text != text]
    assert line in places or elsewhere, [(d.code.id, d.span.text, d.headline) for d in found]


@pytest.mark.parametrize(("code", "number"), [(c, i) for c, specs in MEANT.items() for i in range(len(specs))])
def test_what_is_meant_to_be_so_is_let_pass(code: str, number: int) -> None:
    assert [d.headline for d in _checked(MEANT[code][number]) if d.code.id == code] == []
