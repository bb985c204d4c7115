"""What shrinking takes and gives: ``python benchmarks/shrinking.py [couplings half networks texts written]``.

Times are CPU times; those of networks are ratios of runs that alternate, with one thread.
"""

from __future__ import annotations

import statistics
import sys
import time
from pathlib import Path

import torch

import fanin
from fanin import pipeline
from fanin.report import read_source

SPECS = Path(__file__).parents[1] / "specs"


def couplings() -> None:
    """Milliseconds for the groups of a network, the best of seven."""
    for file, name in (("resnet", "ResNet18"), ("vit", "ViTBase"), ("gpt2", "Gpt2Small"), ("densenet", "DenseNet121")):
        program = fanin.elaborate(str(SPECS / f"{file}.arch"), name)
        times = []
        for _ in range(7):
            start = time.process_time()
            groups = pipeline.couple(program).groups
            times.append(1e3 * (time.process_time() - start))
        print(f"{name:12} {len(groups):4} groups  {min(times):6.1f} ms")


def half(file: str, name: str, keep: dict[str, float], shape: tuple[int, ...]) -> None:
    """The time of a forward pass over that of half the width, and over that of the same drawn afresh."""
    program = fanin.elaborate(str(SPECS / f"{file}.arch"), name)
    net = fanin.load(str(SPECS / f"{file}.arch"), name).eval()
    small = fanin.shrink(program, keep, net=net)
    child = fanin.loads(small.spec).eval()
    assert small.weights is not None
    child.load_state_dict(small.weights)
    x = torch.randn(shape)
    times: dict[str, list[float]] = {"whole": [], "half": []}
    with torch.no_grad():
        for _ in range(12):
            for label, module in (("whole", net), ("half", child)):
                start = time.process_time()
                module(x)
                times[label].append(time.process_time() - start)
    counts = [sum(p.numel() for p in m.parameters()) for m in (net, child)]
    ratio = statistics.median(times["whole"][2:]) / statistics.median(times["half"][2:])
    print(f"{name:12} {counts[0]:_} to {counts[1]:_} weights, {ratio:.2f} times as fast ({small.grade})")


NETWORKS: tuple[tuple[str, str, str, dict[str, int], dict[str, int]], ...] = (
    ("ResNet-18", "resnet", "ResNet18", {}, {"N": 4, "H": 64, "W": 64}),
    ("MobileNet-v2", "mobilenet", "MobileNetV2", {}, {"N": 4, "H": 64, "W": 64}),
    ("DenseNet-121", "densenet", "DenseNet121", {}, {"N": 2, "H": 64, "W": 64}),
    ("U-Net", "unet", "UNet", {}, {"N": 1, "H": 64, "W": 64}),
    ("ViT-S", "vit", "ViTSmall", {}, {"N": 1}),
    ("GPT-2, 4 layers", "gpt2", "Gpt2Small", {"depth": 4, "vocab": 1000}, {"B": 1, "T": 128}),
    ("LSTM tagger", "recurrent", "Lstm", {"vocab": 1000, "width": 128, "hidden": 256}, {"B": 8, "T": 64}),
)


def drawn(module: torch.nn.Module) -> None:
    """Running statistics and norms that are not what they start as."""
    with torch.no_grad():
        for name, tensor in (*module.named_parameters(), *module.named_buffers()):
            if tensor.is_floating_point() and ("running" in name or tensor.dim() == 1):
                tensor.copy_(torch.rand(tensor.shape) * 0.5 + 0.5)


def inputs(program: fanin.Program, sizes: dict[str, int]) -> list[torch.Tensor]:
    found = []
    for port in program.inputs:
        assert port.value is not None
        shape = [d if isinstance(d, int) else sizes[str(d)] for d in port.value.type.shape]
        whole = str(port.value.type.dtype) == "int"
        found.append(torch.randint(0, 900, shape) if whole else torch.randn(shape))
    return found


def networks() -> None:
    """Half of every width that can be cut exactly: the largest difference to the masked network, relative to the
    largest result, in double and single precision; and how many times as fast it is."""
    from fanin.analyses.couplings.cut import Cut
    from fanin.pruning.shrinking import mask_state, shrink_state

    print("| network | weights | after | text | float64 | float32 | times as fast |\n|---|---|---|---|---|---|---|")
    for title, file, name, hyper, sizes in NETWORKS:
        program = fanin.elaborate(str(SPECS / f"{file}.arch"), name, **hyper)
        groups = [g for g in pipeline.couple(program).groups if g.grade != "approximate"]
        cut = Cut(pipeline.couple(program), {g.name: range(-(-g.size // 2)) for g in groups})
        small = pipeline.shrink(cut)
        net = fanin.load(str(SPECS / f"{file}.arch"), name, **hyper).eval()
        drawn(net)
        child = fanin.loads(small.spec, name).eval()
        masked = mask_state(cut, net.state_dict())
        child.load_state_dict(shrink_state(cut, masked))
        x, errors = inputs(program, sizes), []
        times: dict[str, list[float]] = {"whole": [], "half": []}
        net.load_state_dict(masked)
        with torch.no_grad():
            for _ in range(6):
                for label, module in (("whole", net), ("half", child)):
                    start = time.process_time()
                    module(*x)
                    times[label].append(time.process_time() - start)
            for dtype in (torch.float32, torch.float64):
                given = [t.to(dtype) if t.is_floating_point() else t for t in x]
                a, b = net.to(dtype)(*given), child.to(dtype)(*given)
                a, b = (r if isinstance(r, torch.Tensor) else r[0] for r in (a, b))
                errors.append(float((a - b).abs().max() / a.abs().max()))
        counts = [sum(p.numel() for p in m.parameters()) for m in (net, child)]
        ratio = statistics.median(times["whole"][1:]) / statistics.median(times["half"][1:])
        text = "anew" if small.anew else "edited"
        print(
            f"| {title} | {counts[0] / 1e6:.2f} M | {counts[1] / 1e6:.2f} M | {text} "
            f"| {errors[1]:.0e} | {errors[0]:.0e} | {ratio:.2f} |",
            flush=True,
        )


def texts() -> None:
    """Of the models in ``specs``: how many have half of every width as their own text, and why others have not."""
    from fanin.analyses.couplings.cut import Cut
    from fanin.emit.arch import CannotWrite

    good = total = 0
    for path in sorted(SPECS.glob("*.arch")):
        for name in pipeline.models(pipeline.load(read_source(str(path)), str(path)).units[0]):
            program = fanin.elaborate(str(path), name)
            coupled = pipeline.couple(program)
            keep = {g.name: range(max(1, g.size // 2)) for g in coupled.groups if g.grade != "approximate"}
            if not keep:
                continue
            total += 1
            try:
                why = pipeline.shrink(Cut(coupled, keep)).anew
            except CannotWrite as error:
                why = f"refused: {error}"
            good += not why
            if why:
                print(f"{name}: {why}", flush=True)
    print(f"{good} of {total} models have their own text")


def written() -> None:
    """A network of half the width that was shrunk, against the same one that is drawn as it stands in its spec."""
    path = str(SPECS / "resnet.arch")
    program = fanin.elaborate(path, "ResNet18")
    small = fanin.shrink(
        program, {g.name: 0.5 for g in pipeline.couple(program).groups}, net=fanin.load(path, "ResNet18")
    )
    assert small.weights is not None
    one, other = fanin.loads(small.spec, "ResNet18").eval(), fanin.loads(small.spec, "ResNet18", seed=1).eval()
    one.load_state_dict(small.weights)
    x = torch.randn(4, 3, 64, 64)
    times: dict[str, list[float]] = {"shrunk": [], "drawn": []}
    with torch.no_grad():
        for _ in range(20):
            for label, module in (("shrunk", one), ("drawn", other)):
                start = time.process_time()
                module(x)
                times[label].append(time.process_time() - start)
    print(f"shrunk to drawn {statistics.median(times['shrunk'][2:]) / statistics.median(times['drawn'][2:]):.2f}")


def halves() -> None:
    half("resnet", "ResNet18", {"conv1": 0.5, "layer*": 0.5}, (8, 3, 64, 64))
    half("vit", "ViTSmall", {"patch_embed": 0.5, "blocks": 0.5}, (2, 3, 224, 224))


if __name__ == "__main__":
    torch.set_num_threads(1)
    parts = {"couplings": couplings, "half": halves, "networks": networks, "texts": texts, "written": written}
    for part in sys.argv[1:] or parts:
        parts[part]()
