"""``@tag`` and ``@law``: what an author says of a part, held to it. Rows S042 and S143."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.distributions import Bernoulli, Categorical, Distribution, Laplace, Normal, Poisson

import fanin
from fanin import pipeline
from fanin.diagnostics.fixes import edited
from fanin.diagnostics.model import Diagnostic
from tests.examples import SPECS, example
from tests.models import codes, load


def found(text: str, code: str) -> list[Diagnostic]:
    return [d for d in pipeline.check_text(text).diagnostics if d.code.id == code]


# ------------------------------------------------------------------------------------- S042: what a tag asks for

GAN = """
@tag(generative)
system Gan()(x: [N, 64]) {
  gen = Linear(64)
  disc = Linear(1)
  sample = gen(randn(N, 8))
  loss d = mean(softplus(-disc(x))) + mean(softplus(disc(stop_gradient(sample))))
  loss g = mean(softplus(-disc(sample)))
  train disc on d with adam(lr=2e-4)
  train gen on g with adam(lr=2e-4)
}
"""
AUTOREGRESSIVE = """
block Cell(vocab: int, hidden: int)(x: int[B], h: [B, hidden]) -> (logits: [B, vocab], h: [B, hidden]) {
  _, h = x -> words: Embedding(vocab, 16) -> cell: GRUCell(hidden)(h)
  return h -> head: Linear(vocab), h
}

block Draw(net: module, hidden: int)(x: int[B], h: [B, hidden]) -> (token: int[B], x: int[B], h: [B, hidden]) {
  logits, h = net(x, h)
  token = multinomial(softmax(logits, axis=1), 1)[:, 0]
  return token, token, h
}

## Word for word: what is said next hangs on all that was said.
@tag(generative, density)
system Words(vocab: int = 12, hidden: int = 20)(token: int[B, T]) {
  net = Cell(vocab, hidden)
  before = concat(int(zeros(B, 1)), token[:, :-1], axis=1)
  r = scan(net, before, h=zeros(B, hidden))
  said = log_softmax(r.logits, axis=2)
  log_prob = sum(take_along_axis(said, token[:, :, none], axis=2)[:, :, 0], axis=1)
  loss nll = -mean(log_prob)
  draw = Draw(net, hidden)
  sample = scan(draw, steps=T, x=int(zeros(B)), h=zeros(B, hidden)).token
  train net on nll with adam(lr=1e-3)
}
"""
CLASSIFIER = """
TAG
system Classify()(x: [N, 64], y: int[N]) {
  net = Linear(10)
  guess = net(x)
  loss ce = cross_entropy(guess, y)
  train net on ce with adam(lr=1e-3)
}
"""


@pytest.mark.parametrize("name", ["vae", "realnvp", "diffusion"])
def test_s042_generative_specs_of_the_zoo_are_accepted(name: str) -> None:
    path = SPECS / f"{name}.arch"
    assert "@tag(generative" in path.read_text()
    report = pipeline.check(str(path))
    assert report.ok and not [d for d in report.diagnostics if d.code.id.startswith("STR63")]
    system = next(line.split()[1].split("(")[0] for line in path.read_text().splitlines() if line.startswith("system"))
    assert fanin.elaborate(str(path), f"{system}.sample").outputs  # and there it is


@pytest.mark.parametrize("text", [GAN, AUTOREGRESSIVE], ids=["gan", "autoregressive"])
def test_s042_a_gan_and_an_autoregressive_model_are_accepted(text: str) -> None:
    assert codes(text) == []


def test_s042_what_the_entries_give() -> None:
    """One sample after the other is a word, and the probabilities of all sentences of two words sum up to 1."""
    sample = load(AUTOREGRESSIVE, "Words.sample")(torch.zeros(5, 7, dtype=torch.long))
    assert sample.shape == (5, 7) and int(sample.min()) >= 0 and int(sample.max()) < 12
    density = load(AUTOREGRESSIVE, "Words.log_prob", vocab=4)
    sentences = torch.tensor(list(product(range(4), repeat=2)))
    assert float(density(sentences).exp().sum()) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(
    ("tag", "missing"),
    [("generative", ["sample"]), ("density", ["log_prob"]), ("generative, density", ["sample", "log_prob"])],
)
def test_s042_a_classifier_is_rejected_and_the_missing_entry_named(tag: str, missing: list[str]) -> None:
    text = CLASSIFIER.replace("TAG", f"@tag({tag})")
    report = pipeline.check_text(text)
    assert not report.ok
    seen = found(text, "STR630")
    assert [d.span.text for d in seen] == tag.split(", ")
    assert all(f"`{entry}`" in d.headline for d, entry in zip(seen, missing, strict=True))
    assert "STR630" not in codes(CLASSIFIER.replace("TAG", ""))


def test_s042_a_model_offers_its_named_results() -> None:
    body = "model Net()(z: [N, 8]) -> {} {{ return z -> fc: Linear(4) }}"
    assert codes("@tag(generative)\n" + body.format("(sample: [N, 4])")) == []
    (message,) = found("@tag(generative)\n" + body.format("[N, 4]"), "STR630")
    assert message.headline == "`Net` is tagged `generative` and has no result `sample`"
    alias = body.replace("model", "block").format("[N, 4]") + "\n@tag(density)\nmodel Other = Net()"
    (message,) = found(alias, "STR630")
    assert "`Other`" in message.headline


def test_an_example_beside_the_checkout_is_a_gan() -> None:
    text = example("cyclegan").read_text()
    assert "STR630" in codes(text.replace("system", "@tag(density)\nsystem", 1))


@pytest.mark.parametrize(
    ("mark", "headline"),
    [
        ("@tag(generativ)", "there is no tag `generativ`"),
        ("@tag()", "`@tag` says what this is"),
        ("@law(bernouli)", "there is no law `bernouli`"),
        ("@law(out=bernoulli)", "there is no result `out`"),
        ("@law()", "`@law` says the law of a binding"),
    ],
)
def test_marks_that_mean_nothing(mark: str, headline: str) -> None:
    text = f"{mark}\nmodel Net()(x: [N, 8]) -> [N, 4] {{ return x -> fc: Linear(4) }}"
    seen = pipeline.check_text(text).diagnostics
    assert [d.code.id for d in seen] == ["TYP405"] and headline in seen[0].headline


def test_a_mark_of_a_block_that_is_used_is_reported_once() -> None:
    text = "@law(loud)\nblock B()(x: [N, 8]) -> [N, 8] { return x -> fc: Linear(8) }\n"
    text += "model Net()(x: [N, 8]) { return x -> a: B() -> b: B() }"
    assert [d.code.id for d in pipeline.check_text(text).diagnostics] == ["TYP405"]


def test_laws_of_several_results_are_said_by_name() -> None:
    text = (
        "@law({})\nmodel Net()(x: [N, 8]) -> (a: [N, 4], b: [N, 4]) {{ return x -> f: Linear(4), x -> g: Linear(4) }}"
    )
    assert codes(text.format("a=bernoulli, b=gaussian")) == []
    assert codes(text.format("bernoulli")) == ["TYP405"]


# ------------------------------------------------------------------------------------- S143: the law decides the loss

LOSSES = {"gaussian": "mse_loss", "bernoulli": "binary_cross_entropy_with_logits", "categorical": "cross_entropy"}
TARGETS = {"gaussian": "[N, 4]", "bernoulli": "[N, 4]", "categorical": "int[N]"}
SYSTEM = """
@law(LAW)
block Head()(x: [N, 8]) -> [N, 4] { return x -> fc: Linear(4) }

system Fit()(x: [N, 8], y: [N, 4]) {
  net = Head()
  loss fit = LOSS(net(x), y)
  train net on fit with adam(lr=1e-3)
}
"""


@pytest.mark.parametrize(("law", "loss"), product(LOSSES, LOSSES.values()))
def test_s143_three_laws_have_three_losses(law: str, loss: str) -> None:
    """Of nine pairs three are as they should be; the six others are found, and the fix is the loss of the law."""
    text = SYSTEM.replace("LAW", law).replace("LOSS", loss)
    seen = found(text, "STR631")
    if LOSSES[law] == loss:
        assert seen == []
        return
    (message,) = seen
    assert message.span.text == loss and law in message.headline
    assert message.fix is not None
    mended = edited(text, message.fix.edits)
    assert f"loss fit = {LOSSES[law]}(net(x), y)" in mended and found(mended, "STR631") == []


LIKELIHOODS: dict[str, tuple[Callable[[Tensor], Distribution], Tensor]] = {
    "gaussian": (lambda out: Normal(out, 0.5**0.5), torch.randn(6, 4)),
    "laplace": (lambda out: Laplace(out, 1.0), torch.randn(6, 4)),
    "bernoulli": (lambda out: Bernoulli(logits=out), torch.randint(2, (6, 4)).float()),
    "categorical": (lambda out: Categorical(logits=out), torch.randint(4, (6,))),
    "poisson": (lambda out: Poisson(out.exp()), torch.randint(5, (6, 4)).float()),
}


@pytest.mark.parametrize("law", LIKELIHOODS)
def test_s143_the_loss_of_a_law_has_the_gradient_of_its_likelihood(law: str) -> None:
    from fanin.lints.structure.loss_against_law import _LOSSES

    make, target = LIKELIHOODS[law]
    out = torch.randn(6, 4, dtype=torch.double, requires_grad=True)
    target = target if target.dtype is torch.long else target.double()
    loss = getattr(F, _LOSSES[law])(out, target, reduction="sum")
    (seen,) = torch.autograd.grad(loss, out)
    (wanted,) = torch.autograd.grad(-make(out).log_prob(target).sum(), out)
    torch.testing.assert_close(seen, wanted)


FOLLOWED = """
ALLOW
model Net()(x: [N, 8], y: [N, 4]) {
  out = (x -> outer: Outer()) -> flatten(1)
  return LOSS(out, y)
}

@law(logits=bernoulli)
block Inner()(x: [N, 8]) -> (logits: [N, 4], z: [N, 2]) { return x -> a: Linear(4), x -> b: Linear(2) }

block Outer()(x: [N, 8]) -> [N, 2, 2] {
  logits, _ = x -> inner: Inner()
  return logits -> reshape(N, 2, 2)
}
"""


def test_a_law_is_followed_through_blocks_and_shapes() -> None:
    plain = FOLLOWED.replace("ALLOW", "")
    assert codes(plain.replace("LOSS", "mse_loss")) == ["STR631"]
    assert codes(plain.replace("LOSS", "binary_cross_entropy_with_logits")) == []
    allowed = FOLLOWED.replace("ALLOW", '@allow(loss-against-law, "least squares, as LSGAN has them")')
    assert codes(allowed.replace("LOSS", "mse_loss")) == []


def test_behind_a_sigmoid_the_loss_takes_probabilities() -> None:
    text = """
model Net()(x: [N, 8], y: [N, 4]) {
  @law(bernoulli)
  p = x -> fc: Linear(4) -> sigmoid
  return l1_loss(p, y)
}
"""
    (message,) = found(text, "STR631")
    assert message.fix is not None and "binary_cross_entropy(p, y)" in edited(text, message.fix.edits)
