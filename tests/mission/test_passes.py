"""Passes over trained networks, each next to the same thing by hand. Rows S031, S097, S124, S133, S134, S210."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import fanin
from fanin import passes
from tests.mission.test_learning import HELD, digits

# ------------------------------------------------------------------------------------------------------- calibration

CALIBRATION = """
block Net()(x: [N, 64]) -> [N, 10] { return x -> fc1: Linear(256) -> relu -> fc2: Linear(10) }

system Fit()(x: [N, 64], label: int[N]) {
  net = Net()
  loss ce = cross_entropy(net(x), label)
  train net on ce with adam(lr=3e-3)
}

system Calibrate()(x: [N, 64], label: int[N]) {
  net = Net()
  param temperature: [] = ones
  logits = net(x) / temperature
  loss nll = cross_entropy(logits, label)
  train temperature on nll with lbfgs(lr=0.5, max_iter=50)
}
"""


def overfitted() -> tuple[str, nn.Module, Tensor, Tensor]:
    """A network that has learned 300 digits by heart, and goes on."""
    torch.manual_seed(0)
    x, y = digits()
    net = fanin.loads("model Net()(x: [N, 64]) -> [N, 10] { return x -> fc1: Linear(256) -> relu -> fc2: Linear(10) }")
    optimiser = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(500):
        optimiser.zero_grad()
        F.cross_entropy(net(x[:300]), y[:300]).backward()
        optimiser.step()
    return CALIBRATION, net, x, y


def test_s031_one_temperature_behind_a_frozen_network(tmp_path: Path) -> None:
    spec, net, x, y = overfitted()
    fitted, judged = slice(300, 900), HELD
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    found = passes.calibrate(net, x[fitted], y[fitted])
    # by hand: LBFGS on log T
    log_t = torch.zeros((), requires_grad=True)
    logits = net(x[fitted]).detach()
    optimiser = torch.optim.LBFGS([log_t], lr=0.5, max_iter=100)

    def closure() -> Tensor:
        optimiser.zero_grad()
        loss = F.cross_entropy(logits / log_t.exp(), y[fitted])
        loss.backward()
        return loss

    optimiser.step(closure)  # type: ignore[no-untyped-call]
    temperature = float(found.temperature)
    assert temperature == pytest.approx(float(log_t.exp()), rel=1e-3)
    assert temperature > 1
    assert found.after.nll < found.before.nll
    print(f"S031: T {temperature:.2f}, {found.before} to {found.after}")
    with torch.no_grad():
        raw, cool = net(x[judged]), found(x[judged])
    assert torch.equal(raw.argmax(1), cool.argmax(1))
    assert F.cross_entropy(cool, y[judged]) < 0.85 * F.cross_entropy(raw, y[judged])
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())
    assert not any(p.requires_grad for p in found.parameters())

    # and as a system: a parameter behind what no line trains
    from safetensors.torch import save_file

    (tmp_path / "calibrate.arch").write_text(spec)
    save_file(net.state_dict(), tmp_path / "net.safetensors")
    run = fanin.train(
        str(tmp_path / "calibrate.arch"),
        "Calibrate",
        {"x": x[fitted], "label": y[fitted]},
        steps=2,
        batch_size=None,
        val=0.0,
        weights={"net": str(tmp_path / "net.safetensors")},
    )
    assert float(run.system.temperature.detach()) == pytest.approx(temperature, rel=1e-3)
    assert all(torch.equal(t, before[name]) for name, t in run.system.net.state_dict().items())


def test_s031_no_temperature_is_best() -> None:
    eye = nn.Linear(3, 3, bias=False)
    with torch.no_grad():
        eye.weight.copy_(torch.eye(3))
    with pytest.raises(ValueError, match="classified right"):
        passes.calibrate(eye, torch.eye(3), torch.arange(3))
    with pytest.raises(ValueError, match="chance"):
        passes.calibrate(eye, torch.eye(3), torch.tensor([1, 2, 0]))


# ------------------------------------------------------------------------------------------------------------ biases

PLAIN = """
model Net()(image: [N, 3, 6, 6]) -> [N, 5] {
  x = image -> conv1: Conv2d(8, 1) -> relu -> conv2: Conv2d(4, 1, stride=2) -> conv3: Conv2d(4, 3, padding=1) -> tanh
  return x -> mean(axis=(2, 3)) -> fc1: Linear(7) -> relu -> fc2: Linear(6, bias=false) -> fc3: Linear(5)
}
"""


def test_s097_a_bias_is_a_weight_of_an_input_that_is_one() -> None:
    net = fanin.loads(PLAIN)
    x = torch.randn(4, 3, 6, 6)
    folded = passes.fold_bias(net)
    kept = {name for name, _ in folded.named_parameters() if name.endswith("bias")}
    assert kept == {"conv3.bias"}  # padded and wider than one
    assert folded.get_parameter("fc3.weight").shape == (5, 7)
    torch.testing.assert_close(folded.get_parameter("fc3.weight")[:, -1], net.get_parameter("fc3.bias"))
    torch.testing.assert_close(folded(x), net(x), rtol=0, atol=1e-6)
    back = passes.unfold_bias(folded)
    assert back.state_dict().keys() == net.state_dict().keys()
    assert all(torch.equal(tensor, net.state_dict()[name]) for name, tensor in back.state_dict().items())
    assert torch.equal(back(x), net(x))


def test_s097_learning_goes_on_alike() -> None:
    """A step of gradient descent on the folded network is one on the network: the parametrisation is the same."""
    net = fanin.loads("model Net()(x: [N, 4]) -> [N, 3] { return x -> fc1: Linear(6) -> tanh -> fc2: Linear(3) }")
    folded = passes.fold_bias(net)
    x, y = torch.randn(9, 4), torch.randint(3, (9,))
    for each in (net, folded):
        optimiser = torch.optim.SGD(each.parameters(), lr=0.3)
        F.cross_entropy(each(x), y).backward()
        optimiser.step()
    for name, tensor in passes.unfold_bias(folded).state_dict().items():
        torch.testing.assert_close(tensor, net.state_dict()[name], rtol=0, atol=1e-6)


def test_s097_a_single_layer_and_a_shared_one() -> None:
    layer = nn.Linear(3, 2)
    x = torch.randn(5, 3)
    torch.testing.assert_close(passes.fold_bias(layer)(x), layer(x))
    square = nn.Linear(3, 3)
    twice = passes.fold_bias(nn.Sequential(square, nn.ReLU(), square))
    assert len(list(twice.parameters())) == 1
    torch.testing.assert_close(twice(x), square(square(x).relu()))
    tied = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    tied[1].weight = tied[0].weight
    with pytest.raises(ValueError, match="share"):
        passes.fold_bias(tied)


# ----------------------------------------------------------------------------------------------------- a cut network

CONV = """
model Net(classes: int = 5)(image: [N, 1, 8, 8]) -> [N, classes] {
  maps = image -> conv1: Conv2d(16, 3, padding=1) -> relu -> max_pool2d(2) -> conv2: Conv2d(32, 3, padding=1) -> relu
  features = maps -> flatten(1) -> fc: Linear(64) -> norm: BatchNorm1d() -> relu
  return features -> head: Linear(classes)
}

system Transfer()(h: [N, 64], label: int[N]) {
  head = Linear(5)
  loss ce = cross_entropy(head(h), label)
  metric acc = mean(float(argmax(head(h), axis=1) == label))
  train head on ce with adam(lr=1e-2)
}
"""


def trained(x: Tensor, y: Tensor, net: Any, steps: int = 200) -> None:
    optimiser = torch.optim.Adam(net.parameters(), lr=3e-3)
    draw = torch.Generator().manual_seed(0)
    net.train()
    for _ in range(steps):
        rows = torch.randint(len(x), (64,), generator=draw)
        optimiser.zero_grad()
        F.cross_entropy(net(x[rows]), y[rows]).backward()
        optimiser.step()
    net.eval()


@pytest.fixture(scope="module")
def small_and_large() -> dict[str, tuple[Tensor, Tensor]]:
    """Digits below five, and from five on."""
    x, y = digits()
    images = x.reshape(-1, 1, 8, 8)
    return {"small": (images[y < 5], y[y < 5]), "large": (images[y >= 5], y[y >= 5] - 5)}


def test_s124_features_of_a_trained_network(small_and_large: dict[str, tuple[Tensor, Tensor]], tmp_path: Path) -> None:
    path = tmp_path / "net.arch"
    path.write_text(CONV)
    program = fanin.elaborate(str(path), "Net")
    net = fanin.load(str(path), "Net")
    trained(*small_and_large["small"], net)
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    images, label = small_and_large["large"]
    seen = {}
    net.get_submodule("head").register_forward_hook(lambda _, inputs, __: seen.update(h=inputs[0].detach()))
    net(images)
    body: Any = passes.cut(program, "features", net)
    h = body(images)
    assert (h - seen["h"]).abs().max() <= 1e-7
    assert not hasattr(body, "head")
    assert not any(p.requires_grad for p in body.parameters())

    training = fanin.training(str(path), "Transfer", steps=200)
    head, half = training.system, len(h) // 2
    for _ in range(200):
        training(h[:half], label[:half])
    with torch.no_grad():
        right = (head.head(h[half:]).argmax(1) == label[half:]).double().mean()
    assert right >= 0.9
    assert all(torch.equal(t, before[name]) for name, t in body.state_dict().items())


def test_s124_the_body_as_a_frozen_part_of_a_system(tmp_path: Path) -> None:
    """In one system: what no line trains keeps its weights, and a file fills it."""
    from safetensors.torch import save_file

    text = """
block Body()(x: [N, 6]) -> [N, 8] { return x -> fc: Linear(8) -> norm: BatchNorm1d() -> relu }
model Old()(x: [N, 6]) -> [N, 3] { return x -> body: Body() -> head: Linear(3) }
system New()(x: [N, 6], label: int[N]) {
  body = Body()
  head = Linear(2)
  loss ce = cross_entropy(head(body(x)), label)
  train head on ce with adam(lr=1e-2)
}
"""
    path = tmp_path / "net.arch"
    path.write_text(text)
    old = fanin.load(str(path), "Old")
    old(torch.randn(20, 6))  # statistics that are not those of the start
    save_file(old.state_dict(), tmp_path / "old.safetensors")
    data = {"x": torch.randn(40, 6), "label": torch.randint(2, (40,))}
    file = f"{tmp_path / 'old.safetensors'}:body"
    run = fanin.train(str(path), "New", data, epochs=3, weights={"body": file}, val=0.0)
    for name, tensor in run.system.body.state_dict().items():
        assert torch.equal(tensor, old.state_dict()[f"body.{name}"])


@pytest.mark.parametrize("at", ["maps", "features", "conv1", "fc", "head"])
def test_a_cut_keeps_what_its_value_hangs_on(at: str, tmp_path: Path) -> None:
    path = tmp_path / "net.arch"
    path.write_text(CONV)
    net: Any = fanin.load(str(path), "Net").eval()
    images = torch.randn(3, 1, 8, 8)
    c1 = net.conv1(images)
    maps = net.conv2(F.max_pool2d(c1.relu(), 2)).relu()
    fc = net.fc(maps.flatten(1))
    features = net.norm(fc).relu()
    wanted = {"maps": maps, "features": features, "conv1": c1, "fc": fc, "head": net.head(features)}
    part = passes.cut(fanin.elaborate(str(path), "Net"), at, net)
    torch.testing.assert_close(part(images), wanted[at], rtol=0, atol=1e-7)
    kept = {"conv1": 1, "maps": 2, "fc": 3, "features": 4, "head": 5}
    assert len(list(part.children())) == kept[at]


def test_a_cut_with_tied_weights_and_a_size_of_another_input(tmp_path: Path) -> None:
    path = tmp_path / "tied.arch"
    path.write_text("""
model Tied()(token: int[B, T], other: [H, 3]) -> [B, T, 7] {
  words = Embedding(7, 4)
  x = words(token)
  places = zeros(H, 4)
  hidden = x -> mix: Linear(4) -> tanh
  return hidden @ transpose(words.weight, 0, 1) + mean(places) + mean(other)
}
""")
    program = fanin.elaborate(str(path), "Tied")
    net: Any = fanin.load(str(path), "Tied")
    token = torch.randint(7, (2, 5))
    hidden = net.mix(net.words(token)).tanh()
    torch.testing.assert_close(passes.cut(program, "hidden", net)(token), hidden)
    assert passes.cut(program, "places")(torch.zeros(6, 3)).shape == (6, 4)


def test_a_cut_has_no_conditions_on_inputs_that_it_does_not_take(tmp_path: Path) -> None:
    """As the embedding of the step in a diffusion network, whose picture has to be divisible."""
    path = tmp_path / "steps.arch"
    path.write_text("""
fn waves(t: int[N], size: int) -> [N, size] {
  angle = float(t)[:, none] * exp(-linspace(0.0, 4.0, size))
  return sin(angle)
}

model Steps()(x: [N, 3, H, W], t: int[N]) -> [N, 3, H, W] {
  assert H % 4 == 0, "the picture is halved twice"
  time = waves(t, 8) -> time_embedding: (first: Linear(6) -> silu -> second: Linear(3))
  halved = x -> MaxPool2d(4)
  return x + time[:, :, none, none] + mean(halved)
}
""")
    program, net = fanin.elaborate(str(path), "Steps"), fanin.load(str(path), "Steps")
    t = torch.tensor([1, 5, 9])
    waves = torch.sin(t[:, None].float() * torch.exp(-torch.linspace(0, 4, 8)))
    for at in ("time", "time_embedding"):
        part = passes.cut(program, at, net)
        torch.testing.assert_close(part(t), net.time_embedding(waves))
        assert [name for name, _ in part.named_children()] == ["time_embedding"]
    with pytest.raises(ValueError, match="halved twice"):
        passes.cut(program, "halved", net)(torch.zeros(2, 3, 6, 4))


def test_a_cut_elsewhere_is_refused(tmp_path: Path) -> None:
    (tmp_path / "net.arch").write_text(CONV)
    with pytest.raises(ValueError, match="did you mean `features`"):
        passes.cut(fanin.elaborate(str(tmp_path / "net.arch"), "Net"), "featurs")


# ------------------------------------------------------------------------------------------------------- projections

DECONV = """
model Maps()(image: [N, 1, 12, 12]) -> [N, 4, 3, 3] {
  return image -> conv1: Conv2d(6, 3, padding=1) -> relu -> pool1: MaxPool2d(2)
    -> conv2: Conv2d(4, 3, padding=1) -> relu -> max_pool2d(2)
}
"""


def test_s133_activations_projected_back_to_pixels() -> None:
    """Next to the net of Zeiler and Fergus by hand: unpooling by switches, a ReLU, a transposed convolution."""
    net: Any = fanin.loads(DECONV).double()
    x = torch.randn(5, 1, 12, 12, dtype=torch.float64)

    def only(maps: Tensor) -> Tensor:
        """The third map, the others at 0."""
        kept = torch.zeros_like(maps)
        kept[:, 2] = maps[:, 2]
        return kept

    c1, places1 = F.max_pool2d(net.conv1(x).relu(), 2, return_indices=True)
    c2, places2 = F.max_pool2d(net.conv2(c1).relu(), 2, return_indices=True)
    down = F.max_unpool2d(only(c2), places2, 2).relu()
    down = F.conv_transpose2d(down, net.conv2.weight, padding=1)
    down = F.max_unpool2d(down, places1, 2).relu()
    down = F.conv_transpose2d(down, net.conv1.weight, padding=1)
    found = passes.project(net, x, only)
    torch.testing.assert_close(found, down.detach(), rtol=0, atol=1e-12)
    # it is not the gradient, whose ReLU asks what was positive on the way up
    z = x.clone().requires_grad_(True)
    (gradient,) = torch.autograd.grad(net(z), z, only(c2))
    assert (found - gradient).abs().max() > 1e-3


def test_s133_maxima_stay_at_their_places() -> None:
    net = fanin.loads("model Pool()(x: [N, 2, 8, 8]) { return x -> max_pool2d(2) }")
    x = torch.randn(3, 2, 8, 8)
    found = passes.project(net, x)
    pooled, places = F.max_pool2d(x, 2, return_indices=True)
    assert torch.equal(found, F.max_unpool2d(pooled, places, 2))
    assert torch.equal(found[found != 0], x[found != 0])


def test_s133_a_linear_network_is_its_transpose() -> None:
    net: Any = fanin.loads("model Net()(x: [N, 2, 6, 6]) { return x -> a: Conv2d(3, 3) -> flatten(1) -> b: Linear(5) }")
    x = torch.randn(4, 2, 6, 6)
    matrix = torch.stack([net(e.reshape(1, 2, 6, 6))[0] for e in torch.eye(72)], 1) - net(0 * x[:1]).T
    torch.testing.assert_close(passes.project(net, x).flatten(1), net(x) @ matrix, rtol=0, atol=1e-6)


# ------------------------------------------------------------------------------------------------------------ inputs


def test_s134_the_best_input_of_a_linear_unit() -> None:
    """On the unit ball it is w / |w|."""
    net: Any = fanin.loads("model Unit()(x: [N, 20]) -> [N, 3] { return x -> fc: Linear(3) }")
    found = passes.optimise_input(net, 0.1 * torch.randn(4, 20), lambda y: y[:, 1], steps=200, norm=1.0)
    w = net.fc.weight[1].detach()
    assert F.cosine_similarity(found.x, w[None]).min() >= 0.999
    torch.testing.assert_close(found.x.norm(dim=1), torch.ones(4))
    assert (found.curve[-1] > found.curve[0]).all()
    assert net.fc.weight.grad is None


def test_s134_a_class_of_a_convolutional_network(
    small_and_large: dict[str, tuple[Tensor, Tensor]], tmp_path: Path
) -> None:
    path = tmp_path / "net.arch"
    path.write_text(CONV)
    net = fanin.load(str(path), "Net")
    images, label = small_and_large["small"]
    trained(images, label, net)
    noise = torch.rand(500, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        logits = net(noise)
    start = noise[:1]
    for k in range(5):
        found = passes.optimise_input(
            net, start, lambda y, k=k: y[:, k], steps=200, norm=float(start.norm()), bounds=(0, 1)
        )
        assert float(found.x.min()) >= 0 and float(found.x.max()) <= 1 and found.x.norm() <= start.norm() + 1e-4
        assert found.curve[-1, 0] == pytest.approx(float(net(found.x)[0, k].detach()), abs=1e-4)
        rise = float((found.curve[-1, 0] - found.curve[0, 0]) / logits[:, k].std())
        print(f"S134 class {k}: {rise:.1f} s.d.")
        assert rise >= 5
    # a map, by a cut
    part = passes.cut(fanin.elaborate(str(path), "Net"), "maps", net)
    found = passes.optimise_input(part, start, lambda y: y[:, 3].mean((1, 2)), steps=50, norm=float(start.norm()))
    assert found.curve[-1, 0] > 2 * found.curve[0, 0] + 1e-3


def test_s134_as_a_system(tmp_path: Path) -> None:
    """The input is a parameter, the network is frozen, and the norm is bounded by a rule."""
    (tmp_path / "see.arch").write_text("""
system See(k: int = 1)(row: [N]) {
  net = Linear(3)
  param x: [20] = normal(0, 0.01)
  y = net(x)
  loss seen = -y[k] + 0 * sum(row)
  moved = x - 0.1 * grad(seen, x)
  update x = moved / maximum(norm(moved), 1.0)
}
""")
    training = fanin.training(str(tmp_path / "see.arch"), steps=500)
    for _ in range(500):
        training(torch.zeros(1))
    system = training.system
    assert F.cosine_similarity(system.x.detach(), system.net.weight[1].detach(), dim=0) >= 0.999


# --------------------------------------------------------------------------------------------------------- zero shot

CLIP = """
block Sees()(image: [N, 1, 8, 8]) -> [N, 32] {
  return image -> flatten(1) -> fc1: Linear(128) -> relu -> fc2: Linear(32)
}
block Reads()(token: int[N, 2]) -> [N, 32] {
  return token -> words: Embedding(12, 16) -> flatten(1) -> fc1: Linear(64) -> relu -> fc2: Linear(32)
}
model Image()(image: [N, 1, 8, 8]) -> [N, 32] { return image -> tower: Sees() }
model Text()(token: int[N, 2]) -> [N, 32] { return token -> tower: Reads() }

system Clip()(image: [N, 1, 8, 8], token: int[N, 2]) {
  sees = Sees()
  reads = Reads()
  a = normalize(sees(image), axis=1)
  b = normalize(reads(token), axis=1)
  logits = 10 * a @ transpose(b, 0, 1)
  place = arange(N)
  loss match = 0.5 * cross_entropy(logits, place) + 0.5 * cross_entropy(transpose(logits, 0, 1), place)
  train sees, reads on match with adam(lr=2e-3)
}
"""


def test_s210_prompts_are_folded_into_a_head(tmp_path: Path) -> None:
    """Trained on pairs of a picture and its name in one of two phrases; the label is never given."""
    path = tmp_path / "clip.arch"
    path.write_text(CLIP)
    x, y = digits()
    images = x.reshape(-1, 1, 8, 8)
    training = fanin.training(str(path), "Clip", steps=400)
    draw = torch.Generator().manual_seed(0)
    for _ in range(400):
        rows = torch.randint(1437, (64,), generator=draw)
        phrase = torch.randint(10, 12, (64,), generator=draw)
        training(images[rows], torch.stack((phrase, y[rows]), 1))
    system = training.system.double().eval()
    images = images.double()
    prompts = torch.stack((torch.full((10,), 10), torch.arange(10)), 1)  # «a photo of a 0», …
    net = passes.zero_shot(system.sees, system.reads, prompts, scale=10.0)
    with torch.no_grad():
        a, b = F.normalize(system.sees(images[HELD]), dim=1), F.normalize(system.reads(prompts), dim=1)
        torch.testing.assert_close(net(images[HELD]), 10 * a @ b.T, rtol=0, atol=1e-6)
        right = float((net(images[HELD]).argmax(1) == y[HELD]).double().mean())
    print(f"S210: {right:.3f}")
    assert right >= 0.95
    assert not any(p.requires_grad for p in net.parameters())
    with pytest.raises(ValueError, match="text tower"):
        passes.zero_shot(system.sees, nn.Flatten(0), prompts)
