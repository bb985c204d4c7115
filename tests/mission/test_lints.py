"""Rows of the mission that lints answer. Rows S044, S086."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import fanin
from fanin import pipeline

SPECS = Path(__file__).resolve().parents[2] / "specs"
COUPLED = {"STR604", "STR605", "STR606", "STR614"}  # batch statistics where they do not fit

_CELL = "block Cell()(x: [B, D], h: [B, 8]) -> (h: [B, 8]) {\n  return tanh((x -> a: Linear(8)) + (h -> bn: BatchNorm1d()))\n}\n"
_EMBED = (
    "block Embed()(x: [N, 3, H, W]) -> [N, 64] {\n"
    "  return x -> conv: Conv2d(32, 3, bias=false) -> bn: BatchNorm2d() -> relu -> mean(axis=(2, 3)) -> fc: Linear(64)\n}\n"
)
# Labelled by hand: what is wrong, and the text that it is said at.
SEEDED = {
    "in a scan": (
        "STR605",
        "BatchNorm1d()",
        _CELL + "model Net()(x: [B, T, 4]) { return scan(c: Cell(), x, h=zeros(B, 8)).h }",
    ),
    "at a batch of one": (
        "STR606",
        "BatchNorm2d()",
        "model Net()(x: [1, 3, 32, 32]) {\n  return x -> conv: Conv2d(8, 3, bias=false) -> BatchNorm2d() -> relu\n}",
    ),
    "next to dropout": (
        "STR604",
        "BatchNorm1d()",
        "model Net()(x: [N, 64]) {\n  return x -> a: Linear(32) -> relu -> dropout(0.5) -> b: Linear(32, bias=false)\n    -> BatchNorm1d() -> relu -> c: Linear(4)\n}",
    ),
    "of two views": (
        "STR614",
        "net(right)",
        _EMBED
        + "model Siamese()(left: [N, 3, H, W], right: [N, 3, H, W]) {\n  net = Embed()\n  return norm(net(left) - net(right), axis=1)\n}",
    ),
    "of two views in training": (
        "STR614",
        "net(two)",
        _EMBED
        + "system Byol()(one: [N, 3, 32, 32], two: [N, 3, 32, 32]) {\n  net = Embed()\n  follower = ema(net, decay=0.99)\n"
        "  loss a = mean((net(one) - follower(two)) ** 2) + mean((net(two) - follower(one)) ** 2)\n  train net on a with adam(lr=1e-3)\n}",
    ),
    "of made and of real samples": (
        "STR614",
        "critic(x)",
        "block Critic()(x: [N, D]) -> [N, 1] {\n  return x -> a: Linear(64, bias=false) -> bn: BatchNorm1d() -> relu -> b: Linear(1)\n}\n"
        "system Gan()(x: [N, 32]) {\n  made = randn(N, 8) -> gen: Linear(32)\n  critic = Critic()\n"
        "  loss d = mean(critic(stop_gradient(made))) - mean(critic(x))\n  loss g = -mean(critic(made))\n"
        "  train critic on d with adam(lr=1e-4)\n  train gen on g with adam(lr=1e-4)\n}",
    ),
}
QUIET = (
    "densenet",
    "digits_cnn",
    "googlenet",
    "mobilenet",
    "resnet",
    "siamese",
    "unet",
    "vgg",
    "lenet",
    "recurrent",
    "seq2seq",
    "vae",
)


@pytest.mark.parametrize("case", SEEDED)
def test_s044_batch_statistics_where_they_do_not_fit(case: str) -> None:
    code, place, text = SEEDED[case]
    report = pipeline.check_text(text)
    assert report.ok, [d.headline for d in report.diagnostics]
    found = [d for d in report.diagnostics if d.code.id in COUPLED]
    assert [d.code.id for d in found] == [code]
    assert place in found[0].span.text


@pytest.mark.parametrize("spec", QUIET)
def test_s044_networks_of_the_zoo_have_no_such_finding(spec: str) -> None:
    report = pipeline.check(str(SPECS / f"{spec}.arch"))
    assert report.ok and not COUPLED & {d.code.id for d in report.diagnostics}


def test_s044_what_two_views_do_to_a_batch_norm() -> None:
    """Why it is said: of views that differ in mean the network sees no difference, and as one batch it does."""
    block = "block Embed()(x: [N, D]) -> [N, D] {\n  return x -> bn: BatchNorm1d()\n}\n"
    apart = block + "model Net()(a: [N, 16], b: [N, 16]) {\n  e = Embed()\n  return e(a), e(b)\n}"
    joined = (
        block
        + "model Net()(a: [N, 16], b: [N, 16]) {\n  both = concat(a, b, axis=0) -> e: Embed()\n  return both[:N], both[N:]\n}"
    )
    a, b = torch.randn(256, 16), 3 + torch.randn(256, 16)
    gap = [float((u - v).mean().abs()) for u, v in (fanin.loads(text).train()(a, b) for text in (apart, joined))]
    assert gap[0] < 1e-5 < 1 < gap[1]
    assert {d.code.id for d in pipeline.check_text(apart).diagnostics} & COUPLED == {"STR614"}
    assert not {d.code.id for d in pipeline.check_text(joined).diagnostics} & COUPLED


# ------------------------------------------------------------------------------- S086, spectra need plain edges

# A spectral convolution on given edges: kinds, whether they are plain, and edges of that kind between four nodes.
_SPECTRAL = (
    "@edges(a={kind})\nmodel Net()(x: [V, 8], a: [V, V]) {{\n"
    "  frequency, basis = eigh(diag(sum(a, axis=1)) - a)\n"
    "  return basis @ ((transpose(basis, 0, 1) @ x) * frequency[:, none])\n}}"
)
_FEATURES = (
    "@edges(a={kind})\nmodel Net()(x: [V, 8], a: [V, V, 3]) {{\n  w = a -> learned: Linear(1) -> squeeze(2)\n"
    "  frequency, basis = eigh(diag(sum(w, axis=1)) - w)\n  return basis @ x * frequency[:, none]\n}}"
)
_CHEBYSHEV = (
    "from std.graph import ChebyshevConv\n@edges(edge={kind})\nmodel Net()(x: [V, 8], edge: int[2, E]) {{\n"
    "  return (x, edge) -> conv: ChebyshevConv(4, 3)\n}}"
)
_RING = torch.tensor([[0, 1, 0, 1], [1, 0, 1, 0], [0, 1, 0, 1], [1, 0, 1, 0]]).double()
_LENGTHS = _RING * torch.tensor([[0.0, 2, 1, 3], [2, 0, 4, 1], [1, 4, 0, 5], [3, 1, 5, 0]]).double()
_ONE_WAY = torch.roll(torch.eye(4, dtype=torch.float64), 1, 1)
KINDS = {
    "binary": (True, _RING),
    "distance": (True, _LENGTHS),
    "directed": (False, _ONE_WAY),
    "signed": (False, _RING - 2 * torch.eye(4, dtype=torch.float64).flip(1)),
    "free": (False, torch.tensor([[0.3, -1, 2, 0.1], [4, 0, -3, 1], [0.2, 0.5, 0, -2], [1, -1, 3, 0]]).double()),
}


@pytest.mark.parametrize("kind", KINDS)
def test_s086_spectra_need_plain_edges(kind: str) -> None:
    """Three kinds are found and two are not; of an example of each, NumPy says whether its Laplacian has frequencies."""
    plain, edges = KINDS[kind]
    frequencies = np.linalg.eigvals((edges.sum(1).diag() - edges).numpy())
    assert bool((abs(frequencies.imag) < 1e-9).all() and (frequencies.real > -1e-9).all()) is plain
    for spec, at in ((_SPECTRAL, "eigh("), (_FEATURES, "eigh("), (_CHEBYSHEV, "conv: ChebyshevConv")):
        report = pipeline.check_text(spec.format(kind=kind))
        assert report.ok, [d.headline for d in report.diagnostics]
        found = [d for d in report.diagnostics if d.code.id == "STR632"]
        assert bool(found) is not plain, (spec, [d.headline for d in report.diagnostics])
        assert all(d.span.text.startswith(at) and kind in d.headline for d in found), [d.span.text for d in found]
