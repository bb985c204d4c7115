"""What pruning reaches on digits, and what it costs: ``python benchmarks/pruning.py [acceptance steps plan sizes]``.

``acceptance``: the reference experiment and its relatives, over five seeds, with the CPU seconds of each. ``steps``: a
masked step of a training over one of the whole network, in turns on one thread. ``plan``: the CPU seconds of `prune
--plan` for 10,000 layers, in a process of its own. ``sizes``: what is kept of a round, in bytes.
"""

from __future__ import annotations

import gc
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.replicas import NETS, SPEC, loops  # noqa: E402
from tests.mission import test_pruning as rows  # noqa: E402

FOLDER = Path(tempfile.mkdtemp())


def experiment(title: str, clauses: str, spec: str = rows.SPEC, **more: Any) -> Any:
    """Run one, and say how long it took."""
    began, wall = time.process_time(), time.perf_counter()
    found = rows.run(FOLDER, clauses, spec, **more)
    spent, passed = time.process_time() - began, time.perf_counter() - wall
    print(f"   {title}: {len(found.results.rows)} trainings, {spent:.1f} s of a processor, {passed:.1f} s", flush=True)
    return found


def told(results: Any, place: int, run: str = "ticket") -> str:
    """An accuracy with its standard deviation over seeds."""
    return f"{100 * results.mean('accuracy', place, run):6.2f} ± {100 * results.std('accuracy', place, run):.2f}"


def acceptance() -> None:
    found = experiment("the reference", rows.REFERENCE)
    results, steps = found.results, "steps_to(accuracy, 0.9)"

    def mean(place: int, run: str = "ticket", measure: str = "accuracy") -> float:
        values = [117.0 if v is None else v for v in results.values(measure, place, run)]
        return sum(values) / len(values) * (100 if measure == "accuracy" else 1)

    for place in (0, 1, 4, 6, 9, 12, 14, 15):
        print(
            f"   {100 * results.density(place):6.2f} %",
            *(told(results, place, r) for r in results.runs[: 4 if place else 1]),
        )
    print(f"A2 the whole network {mean(0):.2f} %")
    print(f"A3 ticket at {100 * results.density(9):.1f} %, less the whole {mean(9) - mean(0):+.2f}")
    for name, place in (("A4", 9), ("A5", 14), ("A5", 15)):
        gap, t, least = rows.paired(results, place, "reinit")
        at = 100 * results.density(place)
        print(f"{name} ticket - reinit at {at:.2f} %: {gap:+.2f}, the least {least:+.2f}, t {t:.1f}")
    print(f"A6 ticket - random at {100 * results.density(14):.2f} %: {mean(14) - mean(14, 'random'):+.2f}")
    print(f"A7 ticket - once at 3.86 %: {mean(15) - mean(15, 'once'):+.2f}, at 41 %: {mean(4) - mean(4, 'once'):+.2f}")
    whole, ticket, reinit = mean(0, measure=steps), mean(6, measure=steps), mean(6, "reinit", steps)
    print(f"A8 steps to 90 % at 26.8 %: whole {whole:.1f}, ticket {ticket:.1f}, reinit {reinit:.1f}")
    for title, clauses in rows.GOING_ON.items():
        found = experiment(title, clauses)
        print("  ", *(told(found.results, place) for place in (4, 7, 11, 15)))
        print(f"A9 {title}: {rows.percent(found):.2f} %")
    for title, clauses in rows.OUTPUT.items():
        print(f"A10 {title}: {rows.percent(experiment(title, clauses)):.2f} %")
    for criterion in ("synflow", "snip", "grasp"):
        clauses = f"by {criterion}\n  {rows.ONE_PERCENT}"
        print(f"A11 {criterion}: {rows.percent(experiment(criterion, clauses, rows.DEEP, epochs=40)):.2f} %")
    for title, clauses in rows.PIECES.items():
        found = experiment(title, f"{clauses}\n  {rows.AFTER}")
        print(f"A12 {title}: {rows.percent(found):.2f} %")


def steps() -> None:
    for place in (0, 2):
        name, net, _ = NETS[place]
        path = FOLDER / "spec.arch"
        path.write_text(SPEC.replace("NET", net))
        masked, whole = loops(str(path), 1)[0], loops(str(path), 1, masked=False)[0]
        batch = [next(iter(masked.batches))[name] for name in masked.inputs]
        found = []
        gc.disable()
        for _ in range(80):
            times = []
            for loop in (masked, whole):
                began = time.thread_time()
                for _ in range(25):
                    loop.training(*batch)
                times.append(time.thread_time() - began)
            found.append(times[0] / times[1])
        gc.enable()
        print(f"{name}: a masked step over one of the whole {statistics.median(found[5:]):.3f}")


LONG = """
model Long()(x: [N, 64]) -> [N, 10] { return x -> layers: (9_999 * (Linear(64) -> relu)) -> head: Linear(10) }
system Fit()(x: [N, 64], y: int[N]) {
  net = Long()
  loss ce = cross_entropy(net(x), y)
  train net on ce with adam()
}
prune Ticket of Fit { remove 20% each of 15 rounds }
"""


def plan() -> None:
    path = FOLDER / "long.arch"
    path.write_text(LONG)
    for options in (["--version"], ["prune", f"{path}:Ticket", "--plan"]):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-m", "fanin", *options], check=True, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        print(f"fanin {options[0]} {options[-1]}: {spent:.2f} s")


def sizes() -> None:
    import fanin

    path, out = FOLDER / "digits.arch", FOLDER / "run"
    path.write_text(rows.SPEC.replace("CLAUSES", "remove 20% each of 3 rounds\n  rewind to start"))
    fanin.prune(str(path), "Ticket", "digits", out=str(out), **rows.RUN)
    for file in sorted((out / "seed-0").rglob("*")):
        if file.is_file():
            print(f"{file.relative_to(out)!s:50}{file.stat().st_size:>10,} bytes")


def main() -> None:
    torch.set_num_threads(1)
    for what in sys.argv[1:] or ("acceptance", "steps", "plan", "sizes"):
        {"acceptance": acceptance, "steps": steps, "plan": plan, "sizes": sizes}[what]()


if __name__ == "__main__":
    main()
