"""Networks that start badly, by the code of what is wrong, and such as look like it and are meant so.

``!`` stands in the line that a finding is at.
"""

from __future__ import annotations

_RES = "block Res()(x: [N, D]) -> [N, D] {{\n  return x + ({branch})\n}}\n"
_CNN = "model Net()(x: [N, 3, 32, 32]) {{\n  return x -> stem: Conv2d(32, 3, padding=1, bias=false) -> {body} -> mean(axis=(2, 3)) -> head: Linear(10)\n}}"
_VIEWS = "block Embed()(x: [N, 3, H, W]) -> [N, 64] {{\n  return x -> conv: Conv2d(32, 3, stride=2, bias=false) -> bn: BatchNorm2d() -> relu -> mean(axis=(2, 3)) -> fc: Linear(64)\n}}\n{use}"
_TIED = (
    _RES
    + "model Net()(x: [N, 128]) {{\n  step = Res()\n  for _ in 0..{depth} {{ x = x -> step }}\n  return x -> head: Linear(10)\n}}"
)

BAD: dict[str, list[str]] = {
    "CST906": [
        "model Net()(x: [N, 3, 512, 512]) {\n  h = x -> a: Conv2d(64, 3, padding=1) -> !relu -> avg_pool2d(8)\n  return h -> b: Conv2d(64, 3, padding=1) -> relu -> mean(axis=(2, 3)) -> head: Linear(10)\n}",
        "model Net()(q: [B, T, 256], k: [B, 512, 256]) {\n  assert T >= 256\n  e = !tanh(q[:, :, none] + k[:, none])\n  s = e -> score: Linear(1) -> squeeze(3) -> softmax(axis=2)\n  return (s @ k) -> head: Linear(10)\n}",
        "model Net()(x: [B, 256, 64]) {\n  x = x -> place: Linear(64)\n  d = !x[:, :, none] - x[:, none]\n  k = (d ** 2) -> sum(axis=3) -> neg -> exp\n  return (k @ x) -> head: Linear(10)\n}",
        "model Net()(t: int[B, 1024]) {\n  x = t -> embed: Embedding(50_304, 64)\n  x = x -> a: Linear(256) -> relu -> b: Linear(64)\n  logits = x[:, :-1] -> head: Linear(50_304)\n  return !cross_entropy(logits -> transpose(1, 2), t[:, 1:])\n}",
        "block Edges(width: int)(x: [N, F], edge: [E, D], source: int[E]) -> [E, width] {\n  assert E >= 20_000\n  w = edge -> h: Linear(64) -> relu -> !make: Linear(F * width)\n  return einsum(\"e f, e f w -> e w\", x[source], w -> reshape(-1, F, width))\n}\nmodel Net()(x: [N, 64], edge: [E, 8], source: int[E]) { return (x -> node: Linear(64), edge, source) -> conv: Edges(64) -> relu -> head: Linear(4) }",
        "block Mix()(x: [N, C, H, W]) -> [N, C, H, W] { return x + (x -> up: Conv2d(32 * C, 1) -> !relu -> down: Conv2d(C, 1)) }\nmodel Net()(x: [N, 3, 256, 256]) { return x -> stem: Conv2d(16, 3, padding=1) -> mix: Mix() -> mean(axis=(2, 3)) -> head: Linear(10) }",
    ],
    "SIG102": [
        f"@init(auto)\nmodel Net()(x: [N, 256]) {{\n  for _ in 0..{depth} {{ x = x -> l: Linear({width}) -> {act} }}\n  return x -> !head: Linear(10)\n}}"
        for depth, width, act in ((24, 256, "gelu"), (20, 512, "silu"), (40, 128, "mish"), (30, 64, "gelu"))
    ],
    "SIG104": [
        '@init(linear=he_normal, bias=zeros)\nmodel Net()(x: [N, 3072]) {\n  return x -> a: Linear(2048) -> relu -> b: Linear(512) -> relu\n    -> !c: Linear(128) -> relu -> head: Linear(10)\n}',
        '@init(linear=he_normal(mode="fan_out"), bias=zeros)\nmodel Net()(x: [N, 64]) {\n  return x -> a: Linear(32) -> relu -> b: Linear(256) -> relu\n    -> !c: Linear(1024) -> relu -> head: Linear(10)\n}',
        '@init(conv=he_normal, bias=zeros)\nmodel Net()(x: [N, 3, 64, 64]) {\n  return x -> a: Conv2d(16, 3, padding=1) -> relu -> max_pool2d(2) -> b: Conv2d(64, 3, padding=1) -> relu\n    -> !c: Conv2d(256, 3, padding=1) -> relu -> mean(axis=(2, 3)) -> head: Linear(10)\n}',
        '@init(linear=lecun_normal, bias=zeros)\nmodel Net()(x: [N, 64]) {\n  return x -> a: Linear(16) -> selu -> b: Linear(128) -> selu -> dropout(0.1)\n    -> !c: Linear(512) -> selu -> head: Linear(10)\n}',
    ],
    "SIG107": [
        "model Net()(x: [N, 64]) {\n  x = x -> a: Linear(128) -> sigmoid\n  return x -> !l: Linear(128) -> sigmoid -> m: Linear(128) -> sigmoid -> n: Linear(128) -> sigmoid -> head: Linear(10)\n}",
        "model Net()(x: [N, 64]) {\n  return x -> stem: Linear(256) -> softplus\n    -> layers: 4 * (!Linear(256) -> softplus) -> head: Linear(10)\n}",
        "model Net()(x: [N, 3, 32, 32]) {\n  x = x -> stem: Conv2d(32, 3, padding=1) -> sigmoid\n  for _ in 0..4 { x = x -> !l: Conv2d(32, 3, padding=1) -> sigmoid }\n  return x -> flatten(1) -> head: Linear(10)\n}",
        "model Net()(x: [N, 64]) {\n  x = x -> a: Linear(128) -> sigmoid -> dropout(0.2)\n  return x -> l: 6 * (!Linear(128) -> sigmoid -> dropout(0.2)) -> head: Linear(10)\n}",
    ],
    "SIG120": [
        "@init(linear=lecun_normal(gain=0.75), bias=zeros)\nmodel Net()(x: [N, 256]) {\n  return x -> l: 12 * (!Linear(256) -> selu) -> head: Linear(10)\n}",
        "@init(linear=orthogonal, bias=zeros)\nmodel Net()(x: [N, 256]) {\n  return x -> l: 6 * (!Linear(256) -> relu) -> head: Linear(10)\n}",
        "@init(linear=xavier_uniform, bias=zeros)\nmodel Net()(x: [N, 256]) {\n  return x -> stem: Linear(256) -> gelu\n    -> l: 3 * (!Linear(256) -> gelu) -> head: Linear(10)\n}",
        "@init(conv=he_normal(gain=1.3), bias=zeros)\nmodel Net()(x: [N, 64, 32, 32]) {\n  return x -> l: 6 * (!Conv2d(64, 1) -> relu) -> flatten(1) -> head: Linear(10)\n}",
    ],
    "SIG121": [
        "@init(linear=xavier_normal, bias=zeros)\nmodel Net()(x: [N, T, 256]) {\n  q, k, v = x -> !qkv: Linear(768) -> chunk(3, axis=-1)\n  return scaled_dot_product_attention(q, k, v)\n}",
        "@init(linear=xavier_uniform, bias=zeros)\nmodel Net()(x: [N, T, 256]) {\n  q, k, v = x -> !qkv: Linear(768) -> split(256, axis=2)\n  return scaled_dot_product_attention(q, k, v)\n}",
        "@init(linear=xavier_uniform)\nmodel Net()(x: [N, T, 256]) {\n  y = (x, x, x) -> !attn: MultiheadAttention(8, batch_first=true)\n  return y -> head: Linear(10)\n}",
        "@init(conv=he_normal)\nmodel Net()(z: [N, 64, 4, 4]) {\n  return z -> !up: ConvTranspose2d(32, 4, stride=2, padding=1) -> relu -> out: Conv2d(3, 3, padding=1)\n}",
        '@init(conv=he_normal(mode="fan_out"))\nmodel Net()(x: [N, 3, 64, 64]) {\n  return x -> !a: Conv2d(32, 4, stride=2, padding=1) -> relu -> flatten(1) -> head: Linear(10)\n}',
        "@init(linear=xavier_normal, bias=zeros)\nmodel Net()(x: [N, 64]) {\n  a, b = x -> !gates: Linear(256) -> sigmoid -> chunk(2, axis=1)\n  return a * b\n}",
    ],
    "SIG122": [
        _TIED.format(branch="x -> a: Linear(D, init=lecun_normal(gain=0.5)) -> tanh -> !b: Linear(D, init=lecun_normal)", depth=12),
        _TIED.format(branch="x -> a: Linear(D, init=he_normal, bias=false) -> relu -> !b: Linear(D, init=lecun_normal, bias=false)", depth=8),
        _TIED.format(branch="x -> norm: LayerNorm() -> a: Linear(4 * D) -> gelu -> !b: Linear(D)", depth=24),
        _TIED.format(branch="x -> dropout(0.1) -> !a: Linear(D, init=lecun_normal)", depth=6),
    ],
    "SIG130": [
        (_RES + "@init(linear=he_normal, bias=zeros)\nmodel Net()(x: [N, 128]) {{\n  return x -> l: 8 * Res() -> head: Linear(10)\n}}").format(branch="x -> relu -> !fc: Linear(D, init=he_normal)"),
        (_RES + "model Net()(x: [N, 64]) {{\n  return x -> stem: Linear(128) -> l: 12 * Res() -> tanh -> head: Linear(10)\n}}").format(
            branch="x -> a: Linear(4 * D, init=he_normal) -> relu -> !b: Linear(D, init=lecun_normal)"
        ),
        "block Res()(x: [N, C, H, W]) -> [N, C, H, W] {\n  return relu(x + (x -> a: Conv2d(C, 3, padding=1, init=he_normal) -> relu -> !b: Conv2d(C, 3, padding=1, init=he_normal)))\n}\n"
        + _CNN.format(body="l: 8 * Res()"),
        "model Net()(x: [N, 128]) {\n  for _ in 0..32 {\n    !x += x -> norm: LayerNorm() -> a: Linear(128, init=lecun_normal) -> tanh -> b: Linear(128, init=lecun_normal)\n  }\n  return x -> head: Linear(10)\n}",
    ],
    "SIG131": [
        _CNN.format(body="l: 30 * (!Conv2d(32, 3, padding=1, bias=false) -> BatchNorm2d() -> relu)"),
        "model Net()(x: [N, 64]) {\n  return x -> l: 20 * (!Linear(128, bias=false) -> BatchNorm1d() -> relu) -> head: Linear(10)\n}",
        "model Net()(x: [N, 64]) {\n  for _ in 0..24 {\n    x = x -> !l: Linear(128, bias=false) -> bn: BatchNorm1d() -> relu\n  }\n  return x -> head: Linear(10)\n}",
        "model Net()(x: [N, 64]) {\n  return x -> l: 24 * (!Linear(128) -> relu -> BatchNorm1d()) -> head: Linear(10)\n}",
    ],
    "SIG132": [
        "from std.transformer import PostNorm\nmodel Net()(x: [N, T, 64]) {\n  return x -> !l: 16 * PostNorm(4) -> head: Linear(10)\n}",
        "block Layer()(x: [N, T, D]) -> [N, T, D] {\n  return (x + (x -> a: Linear(2 * D) -> relu -> b: Linear(D))) -> !norm: LayerNorm()\n}\n"
        "model Net()(x: [N, T, 64]) {\n  return x -> l: 30 * Layer() -> head: Linear(10)\n}",
        "block Layer()(x: [N, T, D]) -> [N, T, D] {\n  return (x + (x -> a: Linear(2 * D) -> silu -> b: Linear(D) -> dropout(0.1))) -> !norm: RMSNorm()\n}\n"
        "model Net()(token: int[N, T]) {\n  return token -> embed: Embedding(100, 64) -> l: 26 * Layer() -> head: Linear(100)\n}",
    ],
    "SIG141": [
        "model Net()(x: [N, 100, 8]) {\n  r = !scan(c: LSTMCell(64), x, h=zeros(N, 64), c=zeros(N, 64))\n  return r.y[:, -1] -> head: Linear(10)\n}",
        "model Net()(x: [N, 60, 8]) {\n  r = !scan(c: RNNCell(64), x, h=zeros(N, 64))\n  return r.y -> head: Linear(10)\n}",
        "from std.recurrent import ElmanCell\nmodel Net()(x: [N, 40, 8]) {\n  r = !scan(c: ElmanCell(128), x, h=zeros(N, 128))\n  return r.y[:, -1] -> head: Linear(10)\n}",
        "model Net()(token: int[N, 200]) {\n  x = token -> embed: Embedding(100, 32)\n  r = !scan(c: GRUCell(64), x, h=zeros(N, 64))\n  return r.y[:, -1] -> head: Linear(10)\n}",
    ],
    "SIG142": [
        "model Net()(x: [N, 64]) {\n  p = x -> norm: LayerNorm() -> !router: Linear(16, init=normal(std=0.5)) -> softmax(axis=-1)\n  return p -> topk(2, axis=-1)\n}",
        "model Net()(x: [N, T, 64]) {\n  h = x -> fc: Linear(64, init=he_normal) -> relu\n  return h -> !router: Linear(8, init=normal(std=0.4), bias=false) -> topk(1, axis=-1)\n}",
        "model Net()(token: int[N, T]) {\n  x = token -> embed: Embedding(100, 256)\n  p = x -> !router: Linear(32, init=lecun_normal(gain=2.0)) -> softmax(axis=-1)\n  return p -> topk(4, axis=-1)\n}",
    ],
    "SIG151": [
        "model Net()(x: [N, 64]) {\n  return x -> a: Linear(64) -> tanh -> !b: Linear(64, init=zeros) -> tanh -> head: Linear(10)\n}",
        "model Net()(x: [N, 64]) {\n  h = x -> a: Linear(64) -> gelu -> b: Linear(64) -> gelu\n  return h -> !c: Linear(32, init=zeros, bias_init=normal(std=1.0)) -> relu -> head: Linear(10)\n}",
        "model Net()(x: [N, 64]) {\n  param gate: [] = zeros\n  h = x -> a: Linear(64) -> tanh\n  h = !gate * h\n  return h -> head: Linear(10)\n}",
        "model Net()(x: [N, 64]) {\n  param gamma: [64] = zeros\n  h = x -> a: Linear(64) -> norm: LayerNorm()\n  h = !gamma * h\n  return h -> tanh -> head: Linear(10)\n}",
    ],
    "SIG160": [
        "model Net()(x: [N, T, 1]) {\n  return x -> !norm: LayerNorm() -> fc: Linear(8)\n}",
        "model Net()(x: [N, 8, 16, 16]) {\n  return x -> conv: Conv2d(8, 3, padding=1) -> max_pool2d(16) -> !norm: GroupNorm(8) -> relu -> flatten(1) -> head: Linear(10)\n}",
        "model Net()(x: [N, 8, 16, 16]) {\n  return x -> conv: Conv2d(8, 3, padding=1) -> max_pool2d(8, stride=16) -> !norm: GroupNorm(4) -> relu -> flatten(1) -> head: Linear(10)\n}",
        "model Net()(x: [N, 64]) {\n  return x -> gate: Linear(1) -> !norm: RMSNorm() -> head: Linear(10)\n}",
        "model Net()(x: [N, 64]) {\n  return x -> a: Linear(64) -> reshape(-1, 32, 2) -> !norm: LayerNorm() -> flatten(1) -> head: Linear(10)\n}",
    ],
    "SIG162": [
        _CNN.format(body="relu -> max_pool2d(16) -> !a: Conv2d(64, 3, padding=1) -> relu"),
        _CNN.format(body="relu -> max_pool2d(8) -> !a: Conv2d(64, 7, padding=3) -> relu"),
        "model Net()(x: [N, 8, 64]) {\n  return x -> max_pool1d(32) -> !a: Conv1d(16, 5, padding=2) -> relu -> flatten(1) -> head: Linear(10)\n}",
        _CNN.format(body="relu -> max_pool2d(8) -> !a: Conv2d(64, 3, padding=4, dilation=4) -> relu"),
    ],
    "SIG163": [
        "model Net()(x: [N, 64, 32]) {\n  return x -> !mean(axis=1) -> a: Linear(64) -> relu -> b: Linear(64) -> relu -> head: Linear(10)\n}",
        "model Net()(x: [N, 16, 32, 32]) {\n  return x -> !avg_pool2d(8) -> a: Conv2d(32, 3, padding=1) -> relu -> flatten(1) -> head: Linear(10)\n}",
        "model Net()(x: [N, 3, 64, 64]) {\n  h = x -> a: Conv2d(32, 3, padding=1, bias=false) -> tanh\n  return h -> !mean(axis=(2, 3)) -> b: Linear(64) -> relu -> c: Linear(64) -> relu -> head: Linear(10)\n}",
        "model Net()(token: int[N, 128]) {\n  return token -> embed: Embedding(1000, 64) -> !mean(axis=1) -> a: Linear(64) -> relu -> b: Linear(64) -> relu -> head: Linear(10)\n}",
    ],
    "SIG171": [
        "model Net(width: int = 128)(x: [N, 64]) {\n  x = x -> a: Linear(width, init=lecun_normal) -> tanh\n  return x -> !b: Linear(width, init=normal(std=0.1)) -> tanh -> head: Linear(10)\n}",
        "model Net(width: int = 64)(x: [N, 64]) {\n  x = x -> a: Linear(width, init=he_normal) -> relu\n  return x -> !head: Linear(10, init=normal(std=0.05))\n}",
        "@init(bias=zeros)\nmodel Net(width: int = 64)(x: [N, 64]) {\n  return x -> a: Linear(width, init=lecun_normal) -> relu -> !b: Linear(width, init=normal(std=0.02)) -> relu\n    -> head: Linear(10)\n}",
    ],
    "SIG172": [
        "model Net()(x: [N, 64]) {\n  return x -> l: 4 * (!Linear(100, init=he_normal, frozen=0.9) -> relu) -> head: Linear(10)\n}",
        "model Net()(x: [N, 64]) {\n  return x -> !a: Linear(100, frozen=0.95) -> tanh -> b: Linear(100) -> tanh -> head: Linear(10)\n}",
        "model Net()(x: [N, 3, 16, 16]) {\n  return x -> !a: Conv2d(64, 3, frozen=0.9) -> relu -> mean(axis=(2, 3)) -> head: Linear(10)\n}",
    ],
    "STR614": [
        _VIEWS.format(use="model Siamese()(a: [N, 3, H, W], b: [N, 3, H, W]) {{\n  net = Embed()\n  one = net(a)\n  two = !net(b)\n  return norm(one - two, axis=1)\n}}").replace("{{", "{").replace("}}", "}"),
        _VIEWS.format(use="system SimClr()(one: [N, 3, 32, 32], two: [N, 3, 32, 32]) {{\n  net = Embed()\n  a = one -> net\n  b = two -> !net\n  loss d = mean((a - b) ** 2)\n  train net on d with adam(lr=1e-3)\n}}").replace("{{", "{").replace("}}", "}"),
        "model Net()(a: [N, 8], b: [N, 8]) {\n  bn = BatchNorm1d()\n  return a -> p: Linear(8, bias=false) -> bn,\n    b -> q: Linear(8, bias=false) -> !bn\n}",
        "model Net()(a: [N, 8], b: [N, 8]) {\n  net = 2 * (Linear(8, bias=false) -> BatchNorm1d() -> relu)\n  u = a -> net\n  v = b -> !net\n  return u * v\n}",
        "block Critic()(x: [N, D]) -> [N, 1] {\n  return x -> a: Linear(64, bias=false) -> bn: BatchNorm1d() -> relu -> b: Linear(1)\n}\n"
        "system Gan()(x: [N, 32]) {\n  made = randn(N, 8) -> gen: Linear(32)\n  critic = Critic()\n  loss d = mean(critic(stop_gradient(made)))\\\n    - mean(!critic(x))\n  loss g = -mean(critic(made))\n  train critic on d with adam(lr=1e-4)\n  train gen on g with adam(lr=1e-4)\n}".replace("\\\n    ", " "),
        "model Triplet()(a: [N, 8], b: [N, 8], c: [N, 8]) {\n  net = (Linear(16, bias=false) -> BatchNorm1d() -> relu -> Linear(4))\n  u = net(a)\n  v = !net(b)\n  w = net(c)\n  return norm(u - v, axis=1) - norm(u - w, axis=1)\n}",
    ],
}  # fmt: skip

MEANT: dict[str, list[str]] = {
    "CST906": [
        "model Net()(x: [N, 3, 512, 512]) {\n  h = x -> a: Conv2d(64, 8, stride=8, bias=false) -> BatchNorm2d() -> relu\n  return h -> b: Conv2d(64, 3, padding=1) -> relu -> mean(axis=(2, 3)) -> head: Linear(10)\n}",
        "block Part()(x: [B, 256, D]) -> [B, 256, 256] {\n  d = x[:, :, none] - x[:, none]\n  return (d ** 2) -> sum(axis=3) -> neg -> exp\n}\nmodel Net()(x: [B, 256, 64]) {\n  x = x -> place: Linear(64)\n  return ((x -> part: checkpoint(Part())) @ x) -> head: Linear(10) }",
        "model Net()(t: int[B, 1024]) { return t -> embed: Embedding(50_304, 64) -> a: Linear(128) -> relu -> head: Linear(50_304) }",
        "model Net()(x: [N, 3, 8192]) { return x -> a: Linear(64) -> relu -> mean(axis=1) -> head: Linear(10) }",
    ],
    "SIG102": [
        "@init(auto)\nmodel Net()(x: [N, 256]) {\n  for _ in 0..24 { x = x -> l: Linear(256) -> relu }\n  return x -> head: Linear(10)\n}",
        "@init(auto)\nmodel Net()(x: [N, 256]) {\n  for _ in 0..6 { x = x -> l: Linear(256) -> gelu }\n  return x -> head: Linear(10)\n}",
    ],
    "SIG104": [
        "@init(linear=he_normal, bias=zeros)\nmodel Net()(x: [N, 64]) {\n  return x -> a: Linear(512) -> relu -> b: Linear(32) -> relu -> c: Linear(512) -> relu -> head: Linear(64)\n}",
        "@init(linear=he_normal)\nmodel Net()(x: [N, 64]) {\n  return x -> a: Linear(2048, bias=false) -> BatchNorm1d() -> relu -> b: Linear(256, bias=false) -> BatchNorm1d() -> relu\n    -> c: Linear(64, bias=false) -> BatchNorm1d() -> relu -> head: Linear(10)\n}",
    ],
    "SIG107": ["@init(linear=he_normal, bias=zeros)\nmodel Net()(x: [N, 64]) {\n  return x -> l: 6 * (Linear(256) -> relu) -> head: Linear(10)\n}"],
    "SIG120": ["model Net()(x: [N, 64]) {\n  return x -> l: 6 * (Linear(64, bias=false) -> BatchNorm1d() -> tanh) -> head: Linear(10)\n}"],
    "SIG121": ["@init(conv=he_normal)\nmodel Net()(z: [N, 64, 4, 4]) {\n  return z -> up: ConvTranspose2d(32, 4, stride=2, padding=1, bias=false) -> BatchNorm2d() -> relu -> out: Conv2d(3, 3)\n}"],
    "SIG122": [
        _TIED.format(branch="0.01 * (x -> a: Linear(D) -> relu -> b: Linear(D))", depth=60),
        (_RES + "model Net()(x: [N, 128]) {{\n  return x -> l: 8 * Res() -> norm: LayerNorm() -> head: Linear(10)\n}}").format(branch="x -> a: Linear(D) -> tanh -> b: Linear(D)"),
    ],
    "SIG130": [
        (_RES + "model Net()(x: [N, 128]) {{\n  return x -> l: 30 * Res() -> norm: LayerNorm() -> head: Linear(10)\n}}").format(branch="x -> norm: LayerNorm() -> a: Linear(D, init=lecun_normal)"),
    ],
    "SIG131": [_CNN.format(body="l: 8 * (Conv2d(32, 3, padding=1, bias=false) -> BatchNorm2d() -> relu)")],
    "SIG132": [
        "block Layer()(x: [N, T, D]) -> [N, T, D] {\n  return (3.0 * x + (x -> a: Linear(2 * D) -> relu -> b: Linear(D))) -> norm: LayerNorm()\n}\n"
        "model Net()(x: [N, T, 64]) {\n  return x -> l: 30 * Layer() -> head: Linear(10)\n}",
    ],
    "SIG141": ["model Net()(x: [N, T, 8]) {\n  r = scan(c: LSTMCell(64), x, h=zeros(N, 64), c=zeros(N, 64))\n  return r.y -> head: Linear(10)\n}"],
    "SIG142": ["model Net()(x: [N, 64]) {\n  return x -> norm: LayerNorm() -> router: Linear(8, init=lecun_normal(gain=0.3)) -> topk(2, axis=-1)\n}"],
    "SIG151": [
        (_RES + "model Net()(x: [N, 64]) {{\n  return x -> stem: Linear(64) -> l: 6 * Res() -> head: Linear(10, init=zeros)\n}}").format(branch="x -> a: Linear(D) -> tanh -> b: Linear(D, init=zeros)"),
        "block Couple()(x: [N, 8]) -> [N, 8] {\n  a, b = x -> chunk(2, axis=1)\n  s, t = a -> fc1: Linear(32) -> relu -> fc2: Linear(8, init=zeros, bias_init=zeros) -> chunk(2, axis=1)\n"
        "  return concat(a, b * exp(s) + t, axis=1)\n}\nmodel Net()(x: [N, 8]) {\n  return x -> flow: 4 * Couple()\n}",
    ],
    "SIG160": ["model Net()(x: [N, 8, 16, 16]) {\n  return x -> a: Conv2d(32, 16, bias=false) -> bn: BatchNorm2d() -> relu -> flatten(1) -> head: Linear(10)\n}"],
    "SIG162": ["model Net()(x: [N, 8, H, W]) {\n  return x -> max_pool2d(4) -> a: Conv2d(32, 3, padding=1) -> relu -> mean(axis=(2, 3)) -> head: Linear(10)\n}"],
    "SIG163": [
        "model Net()(x: [N, 16, 32, 32]) {\n  return x -> a: Conv2d(32, 3) -> relu -> mean(axis=(2, 3)) -> head: Linear(10)\n}",
        "model Net()(x: [N, 16, 32, 32]) {\n  s = x -> mean(axis=(2, 3)) -> a: Linear(4) -> relu -> b: Linear(16) -> sigmoid\n  return x * s[:, :, none, none] -> flatten(1) -> head: Linear(10)\n}".replace("return x * s[:, :, none, none] ->", "return (x * s[:, :, none, none]) ->"),
    ],
    "SIG171": ["model Net(width: int = 64)(x: [N, 64]) {\n  return x -> a: Linear(width, init=he_normal) -> relu -> b: Linear(width, init=he_normal) -> relu -> head: Linear(10)\n}"],
    "SIG172": ["model Net()(x: [N, 64]) {\n  return x -> a: Linear(100, frozen=true) -> relu -> head: Linear(10)\n}"],
    "STR614": [
        "block E()(x: [N, D]) -> [N, D] {\n  return x -> a: Linear(D) -> norm: LayerNorm() -> relu\n}\nmodel Net()(a: [N, 8], b: [N, 8]) {\n  e = E()\n  return e(a) * e(b)\n}",
        "block E()(x: [N, D]) -> [N, D] {\n  return x -> a: Linear(D, bias=false) -> bn: BatchNorm1d() -> relu\n}\nmodel Net()(a: [N, 8], b: [N, 8]) {\n  return e(concat(a, b, axis=0))\n}".replace("  return e(", "  e = E()\n  return e("),
        "block E()(x: [N, D]) -> [N, D] {\n  return x -> a: Linear(D, bias=false) -> bn: BatchNorm1d() -> relu\n}\nmodel Net()(a: [N, 8], b: [N, 8]) {\n  e = E()\n  f = E()\n  return e(a) * f(b)\n}",
        "block E()(x: [N, D]) -> [N, D] {\n  return x -> a: Linear(D, bias=false) -> bn: BatchNorm1d() -> relu\n}\n"
        "system S()(a: [N, 8], b: [N, 8]) {\n  e = E()\n  slow = ema(e, decay=0.99)\n  loss d = mean((e(a) - stop_gradient(slow(b))) ** 2)\n  train e on d with adam(lr=1e-3)\n}",
    ],
}  # fmt: skip
