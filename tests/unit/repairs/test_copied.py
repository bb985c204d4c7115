"""Blocks of the library that have to change are copied into the file first."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import fanin
from fanin import pipeline
from fanin.repairs.case import Refused

VIT = """# A small vision transformer.
from std.attention import SelfAttention
from std.transformer import PreNorm, Mlp

## Patches, and what is read off them.
model Vit(depth: int = 4)(x: [N, 16, 64]) -> [N, 10] {
  return x
    -> first: SelfAttention(2)
    -> layers: depth * PreNorm(4)
    -> ln: LayerNorm()
    -> mean(axis=1)
    -> mlp: Mlp(16)
    -> head: Linear(10)
}
"""


def spec(folder: Path, text: str) -> str:
    path = folder / "net.arch"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_the_block_and_those_on_the_way_to_it(tmp_path: Path) -> None:
    text = VIT.replace("from std.attention import SelfAttention\n", "").replace(", Mlp", "")
    text = text.replace("    -> first: SelfAttention(2)\n", "").replace("    -> mlp: Mlp(16)\n", "")
    path = spec(tmp_path, text)
    found = pipeline.repair(path, "gpt")
    for line in ("block PreNorm(", "block SelfAttention(", "block Mlp(", "from std.attention import split_heads"):
        assert found.text.count(line) == 1, found.text
    assert "std.transformer" not in found.text and found.text.startswith("# A small vision transformer.")
    assert "## Patches, and what is read off them.\nmodel Vit" in found.text
    changed = Path(spec(tmp_path, found.text))
    assert fanin.check(str(changed)).ok and not fanin.check(str(changed)).diagnostics
    layer = fanin.load(str(changed)).layers[1]
    plain = fanin.loads(text).layers[1]
    for name in ("attn.proj.weight", "mlp.fc2.weight"):
        assert float(
            layer.get_parameter(name).detach().std() / plain.get_parameter(name).detach().std()
        ) == pytest.approx(8**-0.5, rel=0.06)


def test_a_layer_that_is_both_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"makes the last layers of branches and `first.proj`, which is none"):
        pipeline.repair(spec(tmp_path, VIT), "gpt")


def test_what_is_not_changed_stays_imported(tmp_path: Path) -> None:
    found = pipeline.repair(spec(tmp_path, VIT), "rezero")
    assert "from std.attention import SelfAttention" in found.text
    assert "from std.transformer import Mlp" in found.text
    assert "block PreNorm(" in found.text and "block Mlp" not in found.text
    assert "`PreNorm`: copied from the library, to be changed here" in found.answer.notes
    assert [k for k, _ in fanin.loads(found.text).named_parameters() if "alpha" not in k] == [
        k for k, _ in fanin.loads(VIT).named_parameters()
    ]


def test_the_copy_is_the_network(tmp_path: Path) -> None:
    """With the gates at 1 the repaired network computes what the one of the library does."""
    found = pipeline.repair(spec(tmp_path, VIT), "skipinit")
    old, new = fanin.loads(VIT), fanin.loads(found.text)
    missing = new.load_state_dict(old.state_dict(), strict=False)
    assert not missing.unexpected_keys and all("alpha" in k for k in missing.missing_keys)
    with torch.no_grad():
        for name, parameter in new.named_parameters():
            if "alpha" in name:
                parameter.fill_(1.0)
        x = torch.randn(3, 16, 64)
        assert torch.equal(old(x), new(x))


def test_another_name_is_not_guessed_about(tmp_path: Path) -> None:
    text = VIT.replace("PreNorm, Mlp", "PreNorm as Layer, Mlp").replace("depth * PreNorm", "depth * Layer")
    with pytest.raises(Refused, match="only imports"):
        pipeline.repair(spec(tmp_path, text), "rezero")


def test_files_of_the_users_are_theirs_to_repair(tmp_path: Path) -> None:
    (tmp_path / "parts.arch").write_text("block B()(x: [N, D]) { return x + (x -> fc: Linear(D)) }\n", encoding="utf-8")
    text = 'from "./parts.arch" import B\nmodel Net()(x: [N, 8]) { return x -> b: 3 * B() }\n'
    with pytest.raises(Refused, match=r"parts\.arch, which this file only imports"):
        pipeline.repair(spec(tmp_path, text), "rezero")


def test_a_block_that_two_ways_lead_to(tmp_path: Path) -> None:
    """Imported by the file, and used by another block that it imports."""
    text = """
from std.attention import SelfAttention
from std.transformer import PreNorm
model One()(x: [N, T, 32]) -> [N, T, 32] { return x -> layers: 2 * PreNorm(4) }
model Two()(x: [N, T, 32]) -> [N, T, 32] { return x -> SelfAttention(4) }
"""
    found = pipeline.repair(spec(tmp_path, text), "gpt", "One")
    assert found.text.count("block SelfAttention(") == found.text.count("block PreNorm(") == 1
    assert fanin.check(spec(tmp_path, found.text)).ok


def test_what_starts_at_nothing_is_not_closed_again(tmp_path: Path) -> None:
    text = "from std.transformer import ReZeroLayer\nmodel One()(x: [N, T, 32]) { return x -> l: 2 * ReZeroLayer(4) }\n"
    for kind in ("rezero", "skipinit", "residual", "gpt"):
        with pytest.raises(Refused, match="start at nothing already"):
            pipeline.repair(spec(tmp_path, text), kind)
