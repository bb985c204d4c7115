"""How well the signal analysis predicts compiled modules, and what it costs.

    python benchmarks/predictions.py [ops] [nets] [graphs] [streams] [cost] [--draws 16] [--only LeNet Llama]
    python benchmarks/predictions.py nets --only Llama --places --hyper width=512 hidden=1024
    python benchmarks/predictions.py files --specs specs/*.arch [--most 2e6]

``ops``: one op between two convolutions (16 x 16, 48 channels, a batch of 8), each line the error in percent of the
predicted rms behind it and of the gradient in front of it, with the standard error of the measurement. ``nets``: small
versions of networks of the zoo; of activations, gradients and gradients of weights the largest error over all modules
with its standard error, the largest that is sure (less three standard errors), and the median. ``--places`` prints
every module instead, so that one sees where an error arises; ``--hyper`` sets hyper-parameters: what comes of finite
widths goes where they are larger. ``graphs``: the dense layers of networks on graphs of 128 nodes, regular ones of
degree 2, 6 and 12 and a random one of as many edges as the second. ``streams``: the square of the gradient at the start
of a relu that is added to its own input 16 times, over what is predicted, less 1. ``cost``: seconds after start-up for
networks of the zoo at full size. ``files``: every model of these files, at the sizes that the analysis takes for its
open dimensions; those of more parameters than ``--most`` are gone through but not measured.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from fanin import pipeline
from fanin.ir.graph import Program
from fanin.ir.unknown import Unknown
from fanin.signal import grid
from fanin.signal.rows import Row, rows

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
SPECS = ROOT / "specs"

SMALL_IMAGE, TOKENS = {"N": 8, "H": 64, "W": 64}, {"B": 4, "T": 32}
NETS: list[tuple[str, str, dict[str, Any], dict[str, int]]] = [
    ("lenet", "LeNet", {}, {"N": 8}),
    ("mlp", "Mlp", {}, {"N": 16}),
    ("autoencoder", "AutoEncoder", {}, {"N": 16}),
    ("vae", "Vae", {"features": 300}, {"N": 16}),
    ("selu", "SeluMlp", {}, {"N": 16}),
    ("without_norm", "ReZeroMlp", {"depth": 12}, {"N": 16}),
    ("without_norm", "FixupMlp", {"depth": 8}, {"N": 16}),
    ("vgg", "Vgg11", {}, {"N": 4, "H": 64, "W": 64}),
    ("resnet", "ResNet18", {}, SMALL_IMAGE),
    ("resnet", "ResNet50", {}, SMALL_IMAGE),
    ("mobilenet", "MobileNetV2", {}, SMALL_IMAGE),
    ("convnext", "ConvNeXt", {"depths": [1, 2], "widths": [32, 64], "p": 0.0, "classes": 10}, SMALL_IMAGE),
    ("densenet", "DenseNet", {"depths": [2, 3, 2, 2], "growth": 16, "stem": 32, "classes": 10}, SMALL_IMAGE),
    ("unet", "UNet", {"widths": [32, 64, 128]}, {"N": 4, "H": 32, "W": 32}),
    ("mixer", "Mixer", {"width": 128, "depth": 4, "patch": 8, "size": 64, "classes": 10}, {"N": 8}),
    ("vit", "Vit", {"width": 128, "depth": 4, "heads": 4, "patch": 8, "size": 64, "classes": 10}, {"N": 8}),
    ("gpt2", "Gpt2", {"width": 128, "depth": 4, "heads": 4, "vocab": 257, "length": 64}, TOKENS),
    ("llama", "Llama", {"width": 128, "depth": 3, "heads": 8, "kv_heads": 4, "hidden": 256, "vocab": 257}, TOKENS),
    ("recurrent", "Elman", {}, {"B": 8, "T": 16}),
    ("recurrent", "Lstm", {"vocab": 57, "width": 64, "hidden": 128}, {"B": 8, "T": 16}),
    ("recurrent", "Gru", {"vocab": 57, "width": 64, "hidden": 128}, {"B": 8, "T": 16}),
    ("recurrent", "GruOfThePaper", {"vocab": 57, "width": 64, "hidden": 128}, {"B": 8, "T": 16}),
    ("realnvp", "RealNvp", {}, {"N": 16}),
]
COSTS = [
    ("resnet", "ResNet50"),
    ("resnet", "ResNet152"),
    ("gpt2", "Gpt2Small"),
    ("vit", "ViTBase"),
    ("llama", "Llama2of7B"),
    ("mobilenet", "MobileNetV2"),
    ("densenet", "DenseNet121"),
    ("densenet", "DenseNet201"),
    ("gpt2", "Gpt2Xl"),
    ("unet", "UNet"),
    ("recurrent", "Lstm"),
]


KINDS = ("act", "grad", "weights")
Error = tuple[float, float]
"""In percent, with its standard error."""


def places(
    program: Program, sizes: dict[str, int], draws: int, batch: dict[str, Any] | None = None
) -> list[tuple[Row, dict[str, Error]]]:
    """The errors of activations, gradients and gradients of weights, module by module."""
    analysis = pipeline.signal(program, sizes=sizes)
    measured = pipeline.measure(program, analysis, draws=draws, batch=batch)
    found = []
    for row in rows(analysis):
        seen = measured.of(row)
        if seen is None or row.rms is None:
            continue
        own: dict[str, Error] = {}
        if seen.rms:
            own["act"] = (100 * (row.rms / seen.rms - 1), 100 * seen.rms_error)
        if row.grad_std and seen.grad:
            own["grad"] = (100 * (row.grad_std / seen.grad - 1), 100 * seen.grad_error)
        for key, value in row.weights:
            there, error = measured.weights.get(key, (0.0, 0.0))
            if key.endswith("weight") and there > 1e-9 and row.op in ("Linear", "Conv2d"):
                own["weights"] = (100 * (value / there - 1), 100 * error)
        found.append((row, own))
    return found


def errors(program: Program, sizes: dict[str, int], draws: int) -> dict[str, list[Error]]:
    found = places(program, sizes, draws)
    return {kind: [own[kind] for _, own in found if kind in own] for kind in KINDS}


def ops(draws: int, only: list[str]) -> None:
    from tests.unit.signal.test_networks import BODIES, CONVS

    print(f"{'op':22}{'rms behind':>18}{'gradient in front':>20}{'weights of the first':>22}")
    for name, body in BODIES.items():
        if only and name not in only:
            continue
        program = pipeline.check_text(CONVS.format(body=body)).programs[-1]
        found = errors(program, {}, draws)
        three = [found["act"][-2], found["grad"][0], found["weights"][0]]
        print(
            f"{name:22}"
            + "".join(f"{e:+10.1f} ± {s:4.1f}".rjust(n) for (e, s), n in zip(three, (18, 20, 22), strict=True)),
            flush=True,
        )


def nets(draws: int, only: list[str], given: dict[str, int], every: bool) -> None:
    print(f"{'network':16}" + "".join(f"{c + ' max ± se, sure / median':>32}" for c in ("act", "grad", "dW")))
    for file, name, hyper, sizes in NETS:
        if only and name not in only:
            continue
        path = str(SPECS / f"{file}.arch")
        program = next(p for p in pipeline.check(path, [name], {**hyper, **given}).programs if p.name == name)
        if every:
            for row, own in places(program, sizes, draws):
                found = "".join(
                    f"{kind:>9} {own[kind][0]:+6.1f} ± {own[kind][1]:4.1f}" for kind in KINDS if kind in own
                )
                print(f"{row.path:40}{row.op:18}{found}", flush=True)
            continue
        print(f"{name:16}" + "".join(c.rjust(32) for c in cells(errors(program, sizes, draws))), flush=True)


def graphs(draws: int, only: list[str]) -> None:
    nodes, rng = 128, np.random.RandomState(0)
    here = np.arange(nodes)
    regular = [(1,), (1, 5, 17), (1, 5, 17, 23, 31, 49)]
    edges = [np.concatenate([(here + s * k) % nodes for k in hops for s in (1, -1)]) for hops in regular]
    cases = [
        (f"degree {2 * len(hops)}", np.stack([e, np.resize(here, len(e))]))
        for hops, e in zip(regular, edges, strict=True)
    ]
    cases.append(("random", rng.randint(nodes, size=(2, nodes * 6))))
    for name in ("Gcn", "Gat", "Chebyshev"):
        if only and name not in only:
            continue
        program = pipeline.elaborate(str(SPECS / "graph.arch"), name, {"features": 64})
        for kind, edge in cases:
            batch = {"x": rng.randn(nodes, 64), "edge": edge}
            for row, own in places(program, {"V": nodes, "E": edge.shape[1]}, draws, batch):
                if row.op == "Linear":
                    found = "".join(f"{own[k][0]:+10.1f} ± {own[k][1]:.1f}" for k in ("act", "grad"))
                    print(f"{name:12}{kind:12}{row.path:16}{found}", flush=True)


RELUS = """model Relus(width: int)(x: [N, width]) -> [N, width] {
  for _ in 0..16 { x += x -> layers: Linear(width, init=he_normal, bias=false) -> relu }
  return x
}
"""


def streams(draws: int) -> None:
    for width in (64, 256, 1024):
        (program,) = pipeline.check_text(RELUS, hyper={"width": width}).programs
        analysis = pipeline.signal(program)
        measured = pipeline.measure(program, analysis, draws=draws)
        row = next(row for row in rows(analysis) if row.op == "Linear")
        seen = measured.of(row)
        assert seen is not None and seen.grad and row.grad_std
        square = (seen.grad / row.grad_std) ** 2
        error = 2 * seen.grad_error * square
        print(
            f"width {width:5}: {square - 1:6.2f} ± {error:.2f}, {width * (square - 1):5.0f} over the width", flush=True
        )


def files(paths: list[str], draws: int, most: float) -> None:
    print(f"{'model':32}" + "".join(f"{c + ' max ± se, sure / median':>32}" for c in ("act", "grad", "dW")))
    for path in paths:
        for program in pipeline.check(path, None, {}).programs:
            try:
                analysis = pipeline.signal(program)
            except ValueError as why:
                print(f"{program.name:32}{why}", flush=True)
                continue
            unknown = next((s.why for s in analysis.signals.values() if isinstance(s, Unknown)), "")
            if unknown:
                print(f"{program.name:32}{unknown}", flush=True)
                continue
            if sum(math.prod(t.shape) for t in analysis.tape.tensors.values()) > most:
                print(f"{program.name:32}gone through", flush=True)
                continue
            try:
                print(
                    f"{program.name:32}" + "".join(c.rjust(32) for c in cells(errors(program, {}, draws))), flush=True
                )
            except Exception as why:
                print(f"{program.name:32}not measured: {str(why).splitlines()[0][:60]}", flush=True)


def cells(found: dict[str, list[tuple[float, float]]]) -> list[str]:
    out = []
    for kind in KINDS:
        values = [(abs(e), s) for e, s in found[kind]] or [(0.0, 0.0)]
        (most, error), sure = max(values), max(0.0, *(e - 3 * s for e, s in values))
        out.append(f"{most:.1f} ± {error:.1f}, {sure:.1f} / {statistics.median(e for e, _ in values):.1f}")
    return out


def cost() -> None:
    print(f"{'network':20}{'ops':>8}{'seconds':>10}")
    pipeline.signal(pipeline.elaborate(str(SPECS / "lenet.arch"), "LeNet", {}))
    for file, name in COSTS:
        program = pipeline.elaborate(str(SPECS / f"{file}.arch"), name, {})
        grid.forget()
        start = time.process_time()
        analysis = pipeline.signal(program)
        print(f"{name:20}{len(analysis.tape.steps):8}{time.process_time() - start:10.2f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", default=["ops", "nets", "cost"])
    parser.add_argument("--draws", type=int, default=16)
    parser.add_argument("--only", nargs="*", default=[], help="ops or networks by their names")
    parser.add_argument("--places", action="store_true", help="every module of a network, not the largest errors")
    parser.add_argument("--hyper", nargs="*", default=[], metavar="NAME=VALUE", help="hyper-parameters, for `nets`")
    parser.add_argument("--specs", nargs="*", default=[], help="files, for `files`")
    parser.add_argument("--most", type=float, default=2e6, help="parameters of a model that is measured")
    args = parser.parse_args()
    torch.set_num_threads(2)
    for what in args.what:
        if what == "cost":
            cost()
        elif what == "graphs":
            graphs(args.draws, args.only)
        elif what == "streams":
            streams(args.draws)
        elif what == "files":
            files(args.specs, args.draws, args.most)
        else:
            given = {name: int(value) for name, value in (pair.split("=") for pair in args.hyper)}
            ops(args.draws, args.only) if what == "ops" else nets(args.draws, args.only, given, args.places)


if __name__ == "__main__":
    main()
