"""Who imports whom: data flows one way, and everything up to drawing works where torch is not installed."""

from __future__ import annotations

import ast
import importlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from fanin.ops.contract import Op

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "fanin"

BASE = {"source", "record", "collection"}  # below everything: spans, value classes, the garbage collector
MAY_IMPORT: dict[str, set[str]] = {
    "record": set(),
    "collection": set(),
    "source": {"record"},
    "diagnostics": BASE,
    "report": BASE | {"diagnostics"},
    "syntax": BASE | {"diagnostics"},
    "ir": BASE,
    "ops": BASE | {"ir"},
    "elaborate": BASE | {"syntax", "ir", "ops", "diagnostics"},
    "analyses": BASE | {"ir", "ops", "diagnostics"},
    "signal": BASE | {"analyses", "ir", "ops"},
    "lints": BASE | {"signal", "analyses", "ir", "ops", "diagnostics"},
    "rewrites": BASE | {"signal", "analyses", "ir", "ops", "diagnostics"},
    "repairs": BASE | {"signal", "analyses", "ir", "ops", "syntax", "diagnostics"},
    "resizing": BASE | {"emit", "repairs", "analyses", "ir", "ops", "syntax", "diagnostics"},
    "emit": BASE | {"ir", "ops", "analyses", "signal", "report", "__version__"},
    "runtime": BASE | {"emit", "analyses", "signal", "ir", "diagnostics", "report"},
    "data": BASE | {"ir", "diagnostics", "report"},
    "systems": BASE
    | {"data", "runtime", "signal", "emit", "analyses", "ir", "ops", "diagnostics", "report", "__version__"},
    "passes": BASE | {"runtime", "emit", "rewrites", "ir", "diagnostics"},
    "pruning": BASE | {"systems", "data", "runtime", "emit", "analyses", "rewrites", "ir", "ops"},
}
TELL_THE_STORY = {"pipeline", "api", "cli", "probe", "std", "zoo", "__init__", "__main__"}  # may import everything
EXCEPTIONS = {
    # (file, what it imports, in a function only): why
    ("ir/graph.py", "fanin.analyses.paths"): "`Program.parameters` answers users through the walk of the analyses",
    ("ir/graph.py", "fanin.analyses.view"): "`Program.to_networkx` likewise",
    ("analyses/promises.py", "fanin.signal.sizes"): "an `expect signal(…)` alone needs the analysis of signals",
    ("analyses/promises.py", "fanin.signal.totals"): "likewise",
    ("emit/table.py", "fanin.syntax.format"): "`show --after parse` prints the tree in the one layout",
    ("emit/table.py", "fanin.syntax.parser"): "`show --after parse` reads the file",
}
TENSORS = [f"data/{name}.py" for name in ("loader", "streaming", "tensors", "augment")]
HOMES = {  # where a library may be imported, and whether only inside functions
    "torch": (("runtime/", "systems/", "pruning/", "passes/", "emit/torch/programs/", *TENSORS), False),
    "sklearn": (("data/sources/",), True),
    "submitit": (("pipeline/spreading.py",), True),
    "pyarrow": (("data/sources/",), True),
    "PIL": (("data/sources/",), True),
    "numpy": (("runtime/", "systems/", "pruning/", "data/", "signal/", "lints/signal/"), False),
    "safetensors": (("systems/", "pruning/"), True),
    "matplotlib": (("emit/plots.py",), False),
    "onnxruntime": (("runtime/",), True),
    "lark": (("syntax/grammar.py",), False),
    "networkx": (("analyses/",), True),
    "pydantic": (("",), True),
    "graphviz": (("emit/picture/",), True),
    "pygraphviz": (("emit/picture/",), True),
    "click": (("cli/",), False),
    "rich": (("cli/colour.py", "cli/bar.py"), False),  # a file that is imported where colour is shown
}


@dataclass(frozen=True)
class Import:
    file: str
    line: int
    name: str
    names: tuple[str, ...]
    deep: bool  # inside a function
    typed: bool  # for the type checker only

    def __str__(self) -> str:
        return f"{self.file}:{self.line} imports {self.name}"


def imports() -> Iterator[Import]:
    for path in sorted(PACKAGE.rglob("*.py")):
        file = path.relative_to(PACKAGE).as_posix()
        yield from inside(ast.parse(path.read_text()), file, deep=False, typed=False)


def inside(node: ast.AST, file: str, *, deep: bool, typed: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            for alias in child.names:
                yield Import(file, child.lineno, alias.name, (), deep, typed)
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, f"{file}:{child.lineno} imports relatively"
            if child.module == "fanin":
                for alias in child.names:
                    yield Import(file, child.lineno, f"fanin.{alias.name}", (), deep, typed)
            else:
                names = tuple(alias.name for alias in child.names)
                yield Import(file, child.lineno, child.module or "", names, deep, typed)
        else:
            function = isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
            checking = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
            yield from inside(child, file, deep=deep or function, typed=typed or checking)


ALL = list(imports())


def part(file: str) -> str:
    return file.split("/")[0].removesuffix(".py")


def test_every_part_of_the_package_is_in_the_table() -> None:
    assert {part(i.file) for i in ALL} <= MAY_IMPORT.keys() | TELL_THE_STORY


def test_a_stage_imports_only_from_stages_before_it() -> None:
    wrong = []
    for i in ALL:
        if not i.name.startswith("fanin") or i.typed or part(i.file) in TELL_THE_STORY:
            continue
        target = i.name.split(".")[1] if "." in i.name else "__init__"
        if target == part(i.file) or target in MAY_IMPORT[part(i.file)]:
            continue
        if part(i.file) == "ops" and i.deep and i.name.startswith("fanin.signal.rules."):
            continue  # an op says by which rule laws of tensors pass it; the rules know no op
        if not (i.deep and (i.file, i.name) in EXCEPTIONS):
            wrong.append(str(i))
    assert not wrong, "\n".join(wrong)


def test_rules_of_signals_know_no_op() -> None:
    allowed = {"signal"}
    found = [i for i in ALL if i.file.startswith("signal/rules/") and i.name.startswith("fanin.")]
    assert found
    assert not [str(i) for i in found if i.name.split(".")[1] not in allowed]
    assert not [str(i) for i in found if i.name in ("fanin.signal.analysis", "fanin.signal.tape")]


def test_every_exception_is_one() -> None:
    found = {(i.file, i.name) for i in ALL}
    assert EXCEPTIONS.keys() <= found, EXCEPTIONS.keys() - found


def test_elaboration_takes_the_tree_of_the_syntax_and_nothing_else() -> None:
    allowed = {"fanin.syntax", "fanin.syntax.tree"}
    found = [i for i in ALL if part(i.file) == "elaborate" and i.name.startswith("fanin.syntax")]
    assert found
    assert not [str(i) for i in found if i.name not in allowed]


def test_a_library_is_imported_where_it_belongs() -> None:
    wrong = []
    for i in ALL:
        library = i.name.split(".")[0]
        if library in HOMES and not i.typed:
            homes, deep = HOMES[library]
            if library == "numpy" and part(i.file) == "ops" and i.deep:
                continue  # the curve of an activation
            if not i.file.startswith(homes) or (deep and not i.deep):
                wrong.append(str(i))
    assert not wrong, "\n".join(wrong)


def test_no_other_library_is_imported() -> None:
    known = set(sys.stdlib_module_names) | HOMES.keys() | {"fanin"}
    assert not [str(i) for i in ALL if i.name.split(".")[0] not in known]


def test_ops_see_no_other_ops() -> None:
    """Rules may be shared between files; an op is found by the registry alone."""
    wrong = []
    for i in ALL:
        if i.file.startswith("ops/") and i.name.startswith("fanin.ops."):
            module = importlib.import_module(i.name)
            ops = [n for n in i.names if isinstance(kind := getattr(module, n, None), type) and is_final_op(kind)]
            wrong += [f"{i}: {name}" for name in ops]
    assert not wrong, "\n".join(wrong)


def is_final_op(kind: type) -> bool:
    return issubclass(kind, Op) and getattr(kind, "__final__", False)


# ------------------------------------------------------------------------------------------------------ without torch

BLOCKER = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "numpy"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
"""
SPEC = """
## A small network.
block Block(width: int)(x: [N, D]) -> [N, width] { return x -> fc: Linear(width) -> relu }
model Net(depth: int = 2)(x: [N, 8]) -> [N, 4] {
  expect params == 180
  return x -> body: depth * Block(8) -> head: Linear(4)
}
"""


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[Path]:
    """A folder with a spec; Python started from it finds neither torch nor numpy."""
    (tmp_path / "sitecustomize.py").write_text(BLOCKER)
    (tmp_path / "net.arch").write_text(SPEC)
    yield tmp_path


def fanin(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    paths = [str(folder), str(ROOT / "src")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    command = [sys.executable, "-m", "fanin", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120)


def test_the_blocker_blocks(bare: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(bare)}
    for library in ("torch", "numpy"):
        command = [sys.executable, "-c", f"import {library}"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert "ModuleNotFoundError" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "shown"),
    [
        (("check", "net.arch"), 0, "no errors"),
        (("check", "bad.arch"), 1, "SHP301"),
        (("check", "missing.arch"), 2, "missing.arch"),
        (("show", "net.arch"), 0, "head"),
        (("explain", "SHP301"), 0, "SHP301"),
        (("ops", "Conv2d"), 0, "Conv2d"),
        (("ops",), 0, "Linear"),
    ],
    ids=lambda x: " ".join(x) if isinstance(x, tuple) else None,
)
def test_a_command_answers(bare: Path, arguments: tuple[str, ...], code: int, shown: str) -> None:
    (bare / "bad.arch").write_text("model M()(x: [N, 3], y: [N, 4]) { return x + y }\n")
    done = fanin(bare, *arguments)
    assert done.returncode == code, done.stdout + done.stderr
    assert shown in done.stdout + done.stderr


TICKET = """
system Fit()(x: [N, 8], y: int[N]) {
  net = Linear(16) -> relu -> Linear(4)
  loss ce = cross_entropy(net(x), y)
  train net on ce with adam()
}
prune Ticket of Fit { remove 20% each of 3 rounds }
"""


def test_a_plan_needs_no_weights_and_no_torch(bare: Path) -> None:
    (bare / "ticket.arch").write_text(TICKET)
    done = fanin(bare, "prune", "ticket.arch", "--plan")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "80.21%" in done.stdout


def test_fmt_writes_the_one_layout(bare: Path) -> None:
    target = bare / "loose.arch"
    target.write_text("model M()(x:[N,3]){return x->Linear(2)}\n")
    assert fanin(bare, "fmt", "--check", "loose.arch").returncode == 1
    assert fanin(bare, "fmt", "loose.arch").returncode == 0
    assert "x -> Linear(2)" in target.read_text()
    assert fanin(bare, "fmt", "--check", "loose.arch").returncode == 0


def test_compile_writes_a_module(bare: Path) -> None:
    done = fanin(bare, "compile", "net.arch", "-o", "net.py")
    assert done.returncode == 0, done.stdout + done.stderr
    text = (bare / "net.py").read_text()
    assert "class Net(nn.Module)" in text
    compile(text, "net.py", "exec")


def test_draw_writes_a_picture(bare: Path) -> None:
    done = fanin(bare, "draw", "net.arch", "-o", "net.dot")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "digraph" in (bare / "net.dot").read_text()


def test_new_writes_a_spec_that_checks(bare: Path) -> None:
    done = fanin(bare, "new", "fresh.arch")
    assert done.returncode == 0, done.stdout + done.stderr
    assert fanin(bare, "check", "fresh.arch").returncode == 0


def test_json_stays_json(bare: Path) -> None:
    done = fanin(bare, "check", "net.arch", "--json")
    assert done.returncode == 0
    json.loads(done.stdout)


@pytest.mark.parametrize(
    "statement", ["import fanin", "import fanin; fanin.check('net.arch')", "from fanin import source"]
)
def test_importing_fanin_imports_no_torch(bare: Path, statement: str) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    script = f"{statement}\nimport sys; print(sorted({{'torch', 'numpy', 'networkx', 'pydantic'}} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], cwd=bare, env=environment, capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


def test_a_function_keeps_its_name_when_the_folder_is_imported(bare: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    script = "import fanin, fanin.elaborate.program, fanin.source as s; "
    script += "print(callable(fanin.elaborate), callable(fanin.source))"
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True)
    assert done.stdout.strip() == "True True", done.stderr
