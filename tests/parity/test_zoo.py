"""The specs that ship against public implementations: weights copied over, in float64, in training and evaluation.

`agreement.agree` compares outputs, gradients of inputs and parameters, and buffers after a step. Where a reference is
not installed, its test is skipped.
"""

from __future__ import annotations

import itertools
import math
import re
from typing import Any

import pytest

import fanin
from tests.examples import SPECS
from tests.parity.agreement import agree

torch = pytest.importorskip("torch")
nn = torch.nn


def spec(file: str, name: str, **hyper: Any) -> Any:
    return fanin.load(str(SPECS / f"{file}.arch"), name, **hyper)


def renamed(*rules: tuple[str, str]) -> Any:
    """Keys by regular expressions, the first that matches."""

    def key(name: str) -> str:
        for pattern, replacement in rules:
            if re.search(pattern, name):
                return re.sub(pattern, replacement, name)
        return name

    return key


def in_order(mine: Any, theirs: Any) -> Any:
    """Keys by their place in the state_dict."""
    table = dict(zip(mine.state_dict(), theirs.state_dict(), strict=True))
    return table.__getitem__


def images(*sizes: int, colours: int = 3) -> list[tuple[Any]]:
    return [(torch.randn(2, colours, size, size),) for size in sizes]


# ------------------------------------------------------------------------------------------------ dense networks


@pytest.mark.parametrize("features", [3, 8])
def test_regressions(features: int) -> None:
    linear_model = pytest.importorskip("sklearn.linear_model")
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(40, features, generator=generator, dtype=torch.float64)
    y = (x[:, 0] + 0.3 * torch.randn(40, generator=generator, dtype=torch.float64) > 0).long()
    for name, reference in (
        ("LinearRegression", linear_model.LinearRegression().fit(x.numpy(), x[:, :1].numpy())),
        ("LogisticRegression", linear_model.LogisticRegression().fit(x.numpy(), y.numpy())),
    ):
        mine = spec("regression", name, features=features).double()
        with torch.no_grad():
            mine.linear.weight.copy_(torch.from_numpy(reference.coef_))
            mine.linear.bias.copy_(torch.from_numpy(reference.intercept_))
        decide = reference.predict if name == "LinearRegression" else reference.decision_function
        torch.testing.assert_close(
            mine(x).flatten(), torch.from_numpy(decide(x.numpy())).flatten(), rtol=1e-9, atol=1e-9
        )


def test_mlp(torchvision_models: Any) -> None:
    from torchvision.ops import MLP

    mine = spec("mlp", "Mlp", widths=[16, 12], classes=5, features=20)
    theirs = MLP(20, [16, 12, 5])
    agree(mine, theirs, [(torch.randn(n, 20),) for n in (3, 7)], keys=in_order(mine, theirs))


def sequential(*sizes: int, act: Any) -> Any:
    layers: list[Any] = []
    for a, b in itertools.pairwise(sizes):
        layers += [nn.Linear(a, b), act()]
    return nn.Sequential(*layers[:-1])


def test_auto_encoder() -> None:
    mine = spec("autoencoder", "AutoEncoder", widths=[12, 8], code=3, features=20)
    theirs = nn.ModuleList([sequential(20, 12, 8, 3, act=nn.ReLU), sequential(3, 8, 12, 20, act=nn.ReLU)])

    def run(x: Any) -> Any:
        code = theirs[0](x)
        return theirs[1](code), code

    agree(mine, theirs, [(torch.randn(n, 20),) for n in (3, 7)], keys=in_order(mine, theirs), run=run)


@pytest.mark.parametrize(
    ("file", "name", "hyper", "act", "sizes"),
    [
        ("selu", "SeluMlp", {"width": 16, "depth": 3, "p": 0.0, "features": 9}, nn.SELU, (9, 16, 16, 16, 10)),
        ("random_features", "DeepRandomFeatures", {"hidden": 16, "depth": 3}, nn.ReLU, (64, 16, 16, 16, 10)),
        ("random_features", "RandomFeatures", {"hidden": 16}, nn.ReLU, (64, 16, 10)),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_dense_stacks(file: str, name: str, hyper: dict[str, Any], act: Any, sizes: tuple[int, ...]) -> None:
    mine, theirs = spec(file, name, **hyper), sequential(*sizes, act=act)
    agree(mine, theirs, [(torch.randn(n, sizes[0]),) for n in (3, 7)], keys=in_order(mine, theirs))


# ------------------------------------------------------------------------------------------------------- pictures


def test_lenet() -> None:
    theirs = nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.Tanh(), nn.AvgPool2d(2), nn.Conv2d(6, 16, 5), nn.Tanh(), nn.AvgPool2d(2),
        nn.Flatten(), nn.Linear(400, 120), nn.Tanh(), nn.Linear(120, 84), nn.Tanh(), nn.Linear(84, 10),
    )  # fmt: skip
    mine = spec("lenet", "LeNet")
    agree(mine, theirs, images(28, colours=1), keys=in_order(mine, theirs))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "reference"), [("Vgg11", "vgg11"), ("Vgg16Bn", "vgg16_bn")])
def test_vgg(torchvision_models: Any, name: str, reference: str) -> None:
    theirs = getattr(torchvision_models, reference)(weights=None, dropout=0.0)
    agree(spec("vgg", name, p=0.0), theirs, images(32, 65))


def test_googlenet(torchvision_models: Any) -> None:
    theirs = torchvision_models.googlenet(
        weights=None, init_weights=False, num_classes=7, aux_logits=True, dropout=0.0, dropout_aux=0.0
    )
    text = (SPECS / "googlenet.arch").read_text().replace("(classes, 0.7)", "(classes, 0.0)")
    mine = fanin.loads(text, "GoogLeNet", classes=7, p=0.0)

    def run(x: Any) -> Any:
        found = theirs(x)
        if theirs.training:
            return found.logits, found.aux_logits2, found.aux_logits1
        theirs.train()
        middle = {}
        for name in ("inception4a", "inception4d"):
            getattr(theirs, name).register_forward_hook(lambda m, i, o, name=name: middle.update({name: o}))
        theirs.eval()
        logits = theirs(x)
        return logits, theirs.aux2(middle["inception4d"]), theirs.aux1(middle["inception4a"])

    agree(mine, theirs, images(64, 97), run=run)


def test_densenet(torchvision_models: Any) -> None:
    theirs = torchvision_models.DenseNet(8, (2, 3, 2, 2), 16, num_classes=7)
    mine = spec("densenet", "DenseNet", depths=[2, 3, 2, 2], growth=8, stem=16, classes=7)
    agree(mine, theirs, images(32, 65), keys=renamed((r"denselayer\.(\d+)", r"denselayer\1")))


def test_mobilenet(torchvision_models: Any) -> None:
    mine = spec("mobilenet", "MobileNetV2", p=0.0)
    agree(mine, torchvision_models.mobilenet_v2(weights=None, dropout=0.0), images(64, 97))


def test_convnext(torchvision_models: Any) -> None:
    from torchvision.models.convnext import CNBlockConfig, ConvNeXt

    widths, depths = [8, 12, 16, 20], [1, 2, 2, 1]
    blocks = [CNBlockConfig(w, n, d) for w, n, d in zip(widths, [*widths[1:], None], depths, strict=True)]
    theirs = ConvNeXt(blocks, 0.0, num_classes=7)
    mine = spec("convnext", "ConvNeXt", depths=depths, widths=widths, p=0.0, classes=7)
    agree(mine, theirs, images(64, 96))


def test_stochastic_depth_of_convnext_leaves_out_what_torchvision_does(torchvision_models: Any) -> None:
    from torchvision.models.convnext import CNBlockConfig, ConvNeXt

    theirs = ConvNeXt([CNBlockConfig(8, 12, 2), CNBlockConfig(12, None, 2)], 0.6, num_classes=7)
    mine = spec("convnext", "ConvNeXt", depths=[2, 2], widths=[8, 12], p=0.6, classes=7)
    agree(mine, theirs, [(torch.randn(16, 3, 32, 32),)])


def test_vit(timm: Any) -> None:
    theirs = timm.models.vision_transformer.VisionTransformer(
        img_size=32, patch_size=8, embed_dim=24, depth=3, num_heads=3, num_classes=7
    )
    mine = spec("vit", "Vit", width=24, depth=3, heads=3, patch=8, size=32, classes=7)
    agree(mine, theirs, [(torch.randn(n, 3, 32, 32),) for n in (2, 3)])


def test_mixer(timm: Any) -> None:
    theirs = timm.models.mlp_mixer.MlpMixer(num_classes=7, img_size=32, patch_size=8, num_blocks=3, embed_dim=24)
    mine = spec("mixer", "Mixer", width=24, depth=3, patch=8, size=32, classes=7)
    agree(mine, theirs, [(torch.randn(n, 3, 32, 32),) for n in (2, 3)])


class PlainUNet(nn.Module):  # type: ignore[name-defined, misc]
    """The U-Net written out flat, as the many copies of it are."""

    def __init__(self, widths: list[int], classes: int) -> None:
        super().__init__()

        def double(a: int, b: int) -> Any:
            return nn.Sequential(
                nn.Conv2d(a, b, 3, padding=1, bias=False), nn.BatchNorm2d(b), nn.ReLU(),
                nn.Conv2d(b, b, 3, padding=1, bias=False), nn.BatchNorm2d(b), nn.ReLU(),
            )  # fmt: skip

        ins = [1, *widths[:-1]]
        self.down = nn.ModuleList([double(a, b) for a, b in zip(ins, widths, strict=True)])
        self.up = nn.ModuleList([nn.ConvTranspose2d(b, a, 2, 2) for a, b in itertools.pairwise(widths)])
        self.merge = nn.ModuleList([double(2 * a, a) for a in widths[:-1]])
        self.head = nn.Conv2d(widths[0], classes, 1)

    def forward(self, x: Any) -> Any:
        kept = []
        for i, down in enumerate(self.down):
            x = down(x if i == 0 else nn.functional.max_pool2d(x, 2))
            kept.append(x)
        for up, merge, skip in list(zip(self.up, self.merge, kept, strict=False))[::-1]:
            x = merge(torch.cat([skip, up(x)], 1))
        return self.head(x)


def test_unet() -> None:
    mine = fanin.loads((SPECS / "unet.arch").read_text(), widths=[4, 6, 8])
    place = {"conv1": 0, "bn1": 1, "conv2": 3, "bn2": 4}

    def key(name: str) -> str:
        parts = name.split(".")
        if parts[0] == "head":
            return name
        level = parts.count("inner")
        kind = parts[1 + level]
        return f"up.{level}.{parts[-1]}" if kind == "up" else f"{kind}.{level}.{place[parts[-2]]}.{parts[-1]}"

    agree(mine, PlainUNet([4, 6, 8], 2), [(torch.randn(2, 1, 16, 24),), (torch.randn(1, 1, 8, 12),)], keys=key)


def test_diffusion_unet(diffusers: Any) -> None:
    theirs = diffusers.UNet2DModel(
        sample_size=16, block_out_channels=(8, 16, 16), norm_num_groups=4, attention_head_dim=4, layers_per_block=2,
        down_block_types=("DownBlock2D", "AttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "AttnUpBlock2D", "UpBlock2D"),
    )  # fmt: skip
    mine = spec(
        "diffusion", "DiffusionUNet", widths=[8, 16, 16], attend=[False, True, False], heads_of=4, groups=4
    )  # fmt: skip
    inputs = [(torch.randn(2, 3, n, m), torch.tensor([3, 500])) for n, m in ((16, 16), (8, 12))]
    agree(mine, theirs, inputs, run=lambda x, t: theirs(x, t).sample, tolerance=1e-5)  # their sines are float32

    class Sines(nn.Module):  # type: ignore[name-defined, misc]
        def forward(self, t: Any) -> Any:
            angle = t.double()[:, None] * torch.exp(-math.log(10_000.0) * torch.arange(4, dtype=torch.float64) / 4)
            return torch.cat([angle.cos(), angle.sin()], 1)

    table, exact = theirs.time_proj(inputs[0][1]), Sines()(inputs[0][1])
    torch.testing.assert_close(table.double(), exact, rtol=0, atol=1e-4)
    theirs.time_proj = Sines()
    agree(mine, theirs, inputs, run=lambda x, t: theirs(x, t).sample)


# ------------------------------------------------------------------------------------------------------ sequences


def embedded(theirs: Any, vocab: int, width: int, hidden: int) -> Any:
    return nn.ModuleDict({"embed": nn.Embedding(vocab, width), "rnn": theirs, "head": nn.Linear(hidden, vocab)})


def tokens(vocab: int, *lengths: int) -> list[tuple[Any]]:
    generator = torch.Generator().manual_seed(3)
    return [(torch.randint(vocab, (2, n), generator=generator),) for n in lengths]


def run_rnn(theirs: Any) -> Any:
    def run(token: Any) -> Any:
        return theirs["head"](theirs["rnn"](theirs["embed"](token))[0])

    return run


def test_elman() -> None:
    mine = spec("recurrent", "Elman", vocab=11, width=5, hidden=7)
    theirs = embedded(nn.RNN(5, 7, batch_first=True), 11, 5, 7)
    keys = renamed((r"cell\.input\.(\w+)", r"rnn.\1_ih_l0"), (r"cell\.context\.weight", "rnn.weight_hh_l0"))
    agree(mine, theirs, tokens(11, 4, 9), keys=keys, run=run_rnn(theirs), unused=("rnn.bias_hh",))


def test_lstm() -> None:
    mine = spec("recurrent", "Lstm", vocab=11, width=5, hidden=7, p=0.0)
    theirs = embedded(nn.LSTM(5, 7, num_layers=2, batch_first=True), 11, 5, 7)
    gates = ["enter", "forget", "candidate", "leave"]

    def key(name: str) -> Any:
        parts = name.split(".")
        if parts[0] != "layer":
            return name
        layer, at = parts[1], gates.index(parts[2])
        if parts[3] == "bias":
            return lambda t: t[f"rnn.bias_ih_l{layer}"].chunk(4)[at]
        return lambda t: torch.cat([t[f"rnn.weight_{kind}_l{layer}"].chunk(4)[at] for kind in ("ih", "hh")], 1)

    agree(mine, theirs, tokens(11, 4, 9), keys=key, run=run_rnn(theirs), unused=("rnn.bias_hh",))


def test_gru() -> None:
    mine = spec("recurrent", "Gru", vocab=11, width=5, hidden=7, p=0.0)
    theirs = embedded(nn.GRU(5, 7, batch_first=True), 11, 5, 7)
    agree(mine, theirs, tokens(11, 4, 9), keys=renamed((r"cell\.(\w+)", r"rnn.\1_l0")), run=run_rnn(theirs))


def packed(module: str, part: str) -> Any:
    """A projection of ours, out of the three that PyTorch keeps in one."""
    at = ["query", "key", "value"].index(part.split(".")[0])
    kind = part.split(".")[1]
    return lambda t: t[f"{module}.in_proj_{kind}"].chunk(3)[at]


def test_transformer() -> None:
    width, depth = 16, 2
    text = (SPECS / "transformer.arch").read_text()
    mine = fanin.loads(text, "Transformer", vocab=11, width=width, depth=depth, heads=4, hidden=24, p=0.0)
    theirs = nn.ModuleDict({"embed": nn.Embedding(11, width)})
    theirs["net"] = nn.Transformer(width, 4, depth, depth, 24, dropout=0.0, batch_first=True)
    theirs["net"].encoder.norm = theirs["net"].decoder.norm = None

    def places(length: int) -> Any:
        at = torch.arange(length, dtype=torch.float64)[:, None]
        rate = torch.exp(-math.log(10_000.0) * torch.arange(0, width, 2, dtype=torch.float64) / width)
        return torch.stack([torch.sin(at * rate), torch.cos(at * rate)], 2).flatten(1)

    def run(source: Any, target: Any, mask: Any) -> Any:
        a, b = (theirs["embed"](x) * math.sqrt(width) + places(x.shape[1]) for x in (source, target))
        look_back = nn.Transformer.generate_square_subsequent_mask(target.shape[1], dtype=torch.float64)
        y = theirs["net"](a, b, tgt_mask=look_back, src_key_padding_mask=~mask, memory_key_padding_mask=~mask)
        return y @ theirs["embed"].weight.T

    def key(name: str) -> Any:
        if name in ("embed.weight", "head.weight"):
            return "embed.weight"
        side, layer, module, *rest = name.split(".")
        there = f"net.{side}.layers.{layer}"
        if module.startswith("norm"):
            return f"{there}.{module}.{rest[0]}"
        if module == "mlp":
            return f"{there}.linear{rest[0][-1]}.{rest[1]}"
        theirs_name = f"{there}.{'multihead_attn' if module == 'cross_attn' else 'self_attn'}"
        return f"{theirs_name}.out_proj.{rest[1]}" if rest[0] == "out" else packed(theirs_name, ".".join(rest))

    inputs = []
    for s, t in ((5, 4), (9, 7)):
        mask = torch.ones(2, s, dtype=torch.bool)
        mask[1, -2:] = False
        inputs.append((torch.randint(11, (2, s)), torch.randint(11, (2, t)), mask))
    agree(mine, theirs, inputs, keys=key, run=run)


def test_bert(transformers: Any) -> None:
    config = transformers.BertConfig(
        vocab_size=29, hidden_size=24, num_hidden_layers=3, num_attention_heads=3, intermediate_size=96,
        max_position_embeddings=16, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
    )  # fmt: skip
    theirs = transformers.BertModel(config)
    text = (SPECS / "bert.arch").read_text()
    mine = fanin.loads(text, "Bert", vocab=29, length=16, width=24, depth=3, heads=3, p=0.0)
    inputs = []
    for n in (5, 9):
        mask = torch.ones(2, n, dtype=torch.bool)
        mask[1, -2:] = False
        inputs.append((torch.randint(1, 29, (2, n)), mask, torch.randint(2, (2, n))))

    def run(token: Any, mask: Any, kind: Any) -> Any:
        found = theirs(token, attention_mask=mask.long(), token_type_ids=kind)
        return found.last_hidden_state, found.pooler_output

    agree(mine, theirs, inputs, run=run)


def test_gpt2(transformers: Any) -> None:
    config = transformers.GPT2Config(
        vocab_size=29, n_positions=16, n_embd=24, n_layer=3, n_head=3, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0
    )
    theirs = transformers.GPT2LMHeadModel(config)
    mine = spec("gpt2", "Gpt2", width=24, depth=3, heads=3, vocab=29, length=16, p=0.0)

    def key(name: str) -> Any:
        there = name if name.startswith("lm_head") else f"transformer.{name}"
        if name == "lm_head.weight":
            return "transformer.wte.weight"
        if re.search(r"c_\w+\.weight$", name):  # GPT-2 keeps these as [in, out]
            return lambda t: t[there].T
        return there

    agree(mine, theirs, tokens(29, 5, 12), keys=key, run=lambda token: theirs(token).logits)


def test_llama(transformers: Any) -> None:
    config = transformers.LlamaConfig(
        vocab_size=29, hidden_size=24, intermediate_size=40, num_hidden_layers=3, num_attention_heads=6,
        num_key_value_heads=2, rms_norm_eps=1e-5, tie_word_embeddings=False,
    )  # fmt: skip
    theirs = transformers.LlamaForCausalLM(config)
    mine = spec("llama", "Llama", width=24, depth=3, heads=6, kv_heads=2, hidden=40, vocab=29)
    agree(mine, theirs, tokens(29, 5, 12), run=lambda token: theirs(token).logits, tolerance=1e-5)  # float32 angles

    class Angles(nn.Module):  # type: ignore[name-defined, misc]
        def forward(self, x: Any, position_ids: Any) -> Any:
            rate = 10_000.0 ** (-torch.arange(0, 4, 2, dtype=torch.float64) / 4)
            angle = (position_ids[..., None].double() * rate).repeat(1, 1, 2)
            return angle.cos(), angle.sin()

    at = torch.arange(12)[None]
    for table, exact in zip(theirs.model.rotary_emb(torch.zeros(1), at), Angles()(None, at), strict=True):
        torch.testing.assert_close(table.double(), exact, rtol=0, atol=1e-5)
    theirs.model.rotary_emb = Angles()
    for name, module in list(theirs.named_modules()):
        if type(module).__name__ == "LlamaRMSNorm":  # it goes through float32
            norm = nn.RMSNorm(24, eps=1e-5, dtype=torch.float64)
            norm.weight = module.weight
            theirs.set_submodule(name, norm)
    agree(mine, theirs, tokens(29, 5, 12), run=lambda token: theirs(token).logits)


# --------------------------------------------------------------------------------------------------------- graphs


def graphs(features: int, feature: int = 0) -> list[tuple[Any, ...]]:
    """Graphs without loops of their own and without an edge twice; with isolated nodes."""
    found: list[tuple[Any, ...]] = []
    for nodes, count in ((7, 9), (11, 20)):
        pairs = [(a, b) for a in range(nodes - 1) for b in range(nodes - 1) if a != b]
        chosen = torch.randperm(len(pairs), generator=torch.Generator().manual_seed(nodes))[:count]
        edge = torch.tensor([pairs[i] for i in chosen]).T
        more = (torch.randn(count, feature),) if feature else ()
        found.append((torch.randn(nodes, features), edge, *more))
    return found


def test_gcn(geometric: Any) -> None:
    theirs = nn.ModuleDict({"conv1": geometric.GCNConv(6, 5), "conv2": geometric.GCNConv(5, 3)})
    mine = spec("graph", "Gcn", features=6, hidden=5, classes=3, p=0.0)
    agree(mine, theirs, graphs(6), run=lambda x, e: theirs["conv2"](theirs["conv1"](x, e).relu(), e))


def test_gat(geometric: Any) -> None:
    theirs = nn.ModuleDict({"conv1": geometric.GATConv(6, 4, heads=3), "conv2": geometric.GATConv(12, 5, concat=False)})
    mine = spec("graph", "Gat", features=6, heads=3, width=4, classes=5, p=0.0)
    agree(mine, theirs, graphs(6), run=lambda x, e: theirs["conv2"](nn.functional.elu(theirs["conv1"](x, e)), e))


def test_chebyshev(geometric: Any) -> None:
    theirs = nn.ModuleDict({"conv1": geometric.ChebConv(6, 5, K=4), "conv2": geometric.ChebConv(5, 3, K=4)})
    mine = spec("graph", "Chebyshev", features=6, hidden=5, classes=3, order=4, p=0.0)
    agree(mine, theirs, graphs(6), run=lambda x, e: theirs["conv2"](theirs["conv1"](x, e).relu(), e))


def test_edge_conditioned_mesh(geometric: Any) -> None:
    def edge_network(out: int) -> Any:
        return nn.Sequential(nn.Linear(5, 16), nn.ReLU(), nn.Linear(16, out))

    theirs = nn.ModuleDict(
        {
            "conv1": geometric.NNConv(3, 8, edge_network(24)),
            "conv2": geometric.NNConv(8, 8, edge_network(64)),
            "head": nn.Linear(8, 1),
        }
    )
    mine = spec("graph", "EdgeConditionedMesh", hidden=8)

    def run(x: Any, edge: Any, feature: Any) -> Any:
        x = theirs["conv1"](x, edge, feature).relu()
        return theirs["head"](theirs["conv2"](x, edge, feature).relu())

    agree(mine, theirs, graphs(3, 5), run=run)
