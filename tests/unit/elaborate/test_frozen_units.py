"""`frozen=0.5`: some output units learn, the others stay as drawn."""

from __future__ import annotations

import copy

import pytest
import torch

from fanin import pipeline
from fanin.analyses.paths import parameters
from fanin.source import Source
from tests.unit.elaborate.test_training import load

LAYERS = {
    "Linear(5, frozen=0.5)": ("[N, 4]", (2, 4), 0, 3),
    "Conv2d(7, 3, frozen=0.9)": ("[N, 4, 6, 6]", (2, 4, 6, 6), 0, 6),
    "ConvTranspose2d(4, 2, frozen=0.25)": ("[N, 4, 6, 6]", (2, 4, 6, 6), 1, 1),
}


@pytest.mark.parametrize("layer", LAYERS)
def test_the_fixed_units_get_no_gradient_and_pass_it_on(layer: str) -> None:
    shape, sizes, axis, fixed = LAYERS[layer]
    spec = f"model Net()(x: {shape}) {{ return x -> fc: {layer} }}"
    net, free = (
        load(spec),
        load(spec.replace(", frozen=0.5", "").replace(", frozen=0.9", "").replace(", frozen=0.25", "")),
    )
    assert net.state_dict().keys() == free.state_dict().keys()
    free.load_state_dict(net.state_dict())
    x = torch.randn(sizes).double()
    a, b = x.clone().requires_grad_(), x.clone().requires_grad_()
    for model in (net, copy.deepcopy(net)):
        torch.testing.assert_close(model(a), free(b))
        weights = torch.randn_like(free(b))
        (model(a) * weights).sum().backward()
        (free(b) * weights).sum().backward()
        torch.testing.assert_close(a.grad, b.grad)
        mine, theirs = (m.get_parameter("fc.weight").grad for m in (model, free))
        assert mine is not None and theirs is not None
        still, moving = mine.tensor_split([fixed], dim=axis)
        assert not still.any() and moving.any()
        torch.testing.assert_close(moving, theirs.tensor_split([fixed], dim=axis)[1])
        assert not model.get_parameter("fc.bias").grad[:fixed].any()
        free.zero_grad()
        model.zero_grad()
        a.grad = b.grad = None
    compiled = torch.compile(net, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(x), free(x))


def test_fixed_units_count_as_not_trainable_and_a_composition_keeps_its_keys() -> None:
    spec = "model Net()(x: [N, 4]) { expect trainable == 28 return x -> body: (Linear(10, frozen=0.44) -> relu) }"
    report = pipeline.check_text(spec.replace("28", "30"))
    assert [d.code.id for d in report.diagnostics] == []
    net = load(spec.replace("28", "30"))
    assert set(net.state_dict()) == {"body.0.weight", "body.0.bias"}
    program = pipeline.elaborate_source(Source("<string>", spec), "<string>", None, {})
    assert [p.frozen for p in parameters(program)] == [0.44, 0.44]
    net(torch.randn(2, 4).double()).sum().backward()
    assert not net.get_parameter("body.0.bias").grad[:4].any()
