"""Writes the pages that are made from the code: ``python docs/generate.py``.

``docs/ops.md`` comes from the ops, ``docs/codes.md`` from the pages of the codes, the picture of the README from the
spec beside it. A test holds the committed files to what this writes.
"""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PICTURE = "docs/images/digits_cnn"
SPEC = "specs/digits_cnn.arch"
NOTE = "<!-- Written by docs/generate.py; change what it reads, not this file. -->\n\n"


# --------------------------------------------------------------------------------------------------------- ops

OPS_HEAD = """\
# Ops

Everything that a spec can call without importing it. `fanin ops` lists the same in a terminal, and `fanin ops Linear`
prints one entry.

A capitalised name is a module: its call makes an instance, with weights where the op has any. A lower-case name is a
function: its call gives a value. Where an op is both, they share an entry. What stands in a pipe gets the tensor that
flows in as its first input. Arguments after a `*` go by name only. Input sizes are never given.

Modules with weights also take `init=`, `bias_init=` and `frozen=` ([names and
weights](language.md#7-names-and-weights)). Each example works where the inputs named beside it are bound; all of them
run as tests. "In PyTorch" is what the emitted source calls for the example.
"""


def ops_page() -> str:
    from fanin.ops import reference
    from fanin.ops.registry import find_op

    folders: dict[str, dict[str, list[Any]]] = {}
    for entry in reference.entries():
        op = find_op(entry.name)
        assert op is not None
        folder = type(op).__module__.split(".")[-2]
        folders.setdefault(folder, {}).setdefault(op.name, []).append(entry)
    parts = [NOTE, OPS_HEAD, "\n"]
    for folder in sorted(folders):
        names = [entry.name for group in folders[folder].values() for entry in group]
        parts.append(f"- [{folder}](#{folder}): {', '.join(f'`{name}`' for name in names)}\n")
    for folder in sorted(folders):
        parts.append(f"\n## {folder}\n")
        for name, group in folders[folder].items():
            parts.append(_op(name, group, find_op(name)))
    return "".join(parts) + _all_torch_names()


TORCH_HEAD = """
## Names of PyTorch

Modules of `torch.nn` and functions of `torch.nn.functional`, `torch`, `torch.linalg`, `torch.fft` and `torch.special`,
as PyTorch 2.13 has them, without those that change a tensor in place, set something, or are for its own use. A spec
that uses such a name gets what stands here as an offer.

| name | here |
|---|---|
"""
# Not for users, for quantised or sparse tensors, or about something else than tensors.
_OTHERS = re.compile(
    r"_copy$|^(_|is_|set_|get_|sym_|cudnn|mkldnn|miopen|fbgemm|quantize|q_|fake_quant|native_|sparse|batch_norm_"
    r"|autocast|has_torch|handle_torch|unsafe_|import_ir|parse_|init_|are_|can_cast|compiled|prepare_|use_det|profiler)|sparse"
    r"|quantiz|dlpack|^(Optional|assert_int_or_pair|boolean_dispatch|classproperty|compile|fork|wait|load|save|seed|manual_seed"
    r"|initial_seed|typename|thread_safe_generator|merge_type.*|unify_type.*|from_.*|frombuffer|asarray|clear_.*"
    r"|promote_types"
    r"|result_type|resolve_.*|alias_.*|as_strided.*|slice_inverse|choose_qparams.*|dequantize|int_repr|hash_tensor|empty_.*"
    r"|fused_.*|nonzero_static|values_.*|hsmm|hspmm|smm|dsmm|spmm|saddmm|sspaddmm|scaled_mm|grouped_mm|scaled_grouped_mm"
    r"|.*_with_indices|conv_tbc|convolution|grid_sampler.*|affine_grid_generator|cudnn.*|autograd|equal|allclose|broadcast_shapes"
    r"|norm_except_dim|segment_reduce|symeig|eig|lstsq|triangular_solve|range|matrix_rank)$"
)


def _all_torch_names() -> str:
    import torch
    from torch import nn

    from fanin.elaborate.foreign import EXPLAINED, RENAMED
    from fanin.ops.registry import names

    known = set(names())
    own = {"max": "numbers: `max`; tensors: `amax`, `maximum`", "min": "numbers: `min`; tensors: `amin`, `minimum`"}
    rows: list[str] = []
    places = [("torch.nn", nn), ("F", nn.functional), ("torch", torch)]
    places += [(f"torch.{name}", getattr(torch, name)) for name in ("linalg", "fft", "special")]
    for place, module in places:
        for name in sorted(n for n in dir(module) if not n.startswith("_") and not n.endswith("_")):
            value = getattr(module, name)
            is_module = isinstance(value, type) and issubclass(value, nn.Module)
            plain = callable(value) and not isinstance(value, type) and name.islower()
            if (is_module if module is nn else plain) and not _OTHERS.search(name):
                here = f"`{name}`" if name in known else own.get(name, "")
                here = here or (f"`{RENAMED[name]}`" if name in RENAMED else EXPLAINED.get(name, "not there"))
                rows.append(f"| `{place}.{name}` | {here.replace('|', chr(92) + '|')} |\n")
    return TORCH_HEAD + "".join(rows)


def _op(name: str, group: list[Any], op: Any) -> str:
    first = group[0]
    lines = [f"\n### {' · '.join(entry.name for entry in group)}\n\n"]
    lines += [f"`{entry.signature}`\\\n" for entry in group]
    lines[-1] = lines[-1].removesuffix("\\\n") + "\n\n"
    lines.append(f"{_markdown(first.summary)}\n")
    if first.doc.strip():
        lines.append(f"\n{_fields(first.doc)}\n")
    inputs = ", ".join(f"`{n}: {t}`" for n, t in op.example_inputs.items()) or "no inputs"
    lines.append(f"\nExample: `{op.example}`, with {inputs}.")
    torch = ", ".join(f"`{t}`" for t in dict.fromkeys(_torch_names(op)))
    lines.append(f" In PyTorch: {torch}.\n" if torch else "\n")
    return "".join(lines)


def _markdown(text: str) -> str:
    """A docstring's double backquotes as Markdown's single ones."""
    return re.sub(r"\s+", " ", text.replace("``", "`")).strip()


def _fields(doc: str) -> str:
    """``Shape:``, ``Params:`` … as a list; other paragraphs as they are."""
    parts: list[str] = []
    for paragraph in re.split(r"\n\s*\n", doc.strip()):
        rows = re.split(r"^(?=[A-Z][a-z]+: )", paragraph, flags=re.MULTILINE)
        for row in filter(str.strip, rows):
            head, colon, rest = row.partition(": ")
            if colon and head.isalpha():
                parts.append(f"- {head}: {_markdown(rest)}")
            else:
                parts.append(f"{_markdown(row)}\n" if not parts else f"\n{_markdown(row)}\n")
    return "\n".join(parts).strip()


def _torch_names(op: Any) -> Iterator[str]:
    """What the emitted source calls for the example of an op."""
    from fanin.ir.types import TensorType

    node = _example_node(op)
    if node is None:
        return
    attrs, types = node
    assert all(isinstance(t, TensorType) for t in types)
    made = op.construct(attrs, *types)
    if made is not None:
        yield from _targets(made)
    if made is None or op.module != op.name:
        yield from _targets(op.torch(attrs, *types))


def _targets(code: Any) -> Iterator[str]:
    from fanin.ops.code import Attribute, Call, Infix, Method, Prefix

    short = {"F.": "torch.nn.functional.", "nn.": "torch.nn."}
    if isinstance(code, Call):
        name = code.target
        for alias, full in short.items():
            if name.startswith(alias):
                name = full + name.removeprefix(alias)
        yield name
    elif isinstance(code, Method | Attribute):
        yield f"Tensor.{code.name}"
    elif isinstance(code, Infix | Prefix):
        yield code.op


def _example_node(op: Any) -> tuple[Any, tuple[Any, ...]] | None:
    """The attributes and input types of the op in its own example, as the compiler sees them."""
    from fanin import pipeline
    from fanin.report import CheckFailed
    from fanin.source import Source

    inputs = ", ".join(f"{n}: {t}" for n, t in op.example_inputs.items())
    names = op.example.split(" = ", 1)[0]
    text = f"model Example()({inputs}) {{\n  {op.example}\n  return {names}\n}}\n"
    try:
        program = pipeline.elaborate_source(Source("<example>", text), "<example>", None, None)
    except CheckFailed:
        return None
    return _find(program, op)


def _find(program: Any, op: Any) -> tuple[Any, tuple[Any, ...]] | None:
    from fanin.ir.graph import Apply, Value
    from fanin.ir.types import DType, TensorType

    for node in program.graph.nodes:
        if isinstance(node, Apply) and type(node.op) is type(op):
            number = TensorType(DType.FLOAT, ())
            return node.attrs, tuple(i.type if isinstance(i, Value) else number for i in node.inputs if i is not None)
    return None


# ------------------------------------------------------------------------------------------------------- codes

CODES_HEAD = """\
# Codes

Every message has a code that never changes its meaning. `fanin explain SHP301`, or `fanin explain axis-mismatch`,
prints its page; this is all of them. Each has a spec that shows the finding, and one that does not; both run as tests.
"""


def codes_page() -> str:
    from fanin.diagnostics.codes import CODES, FAMILIES
    from fanin.diagnostics.pages import load_page

    codes = sorted(CODES.values(), key=lambda code: code.id)
    parts = [NOTE, CODES_HEAD]
    for family, about in FAMILIES.items():
        mine = [code for code in codes if code.id.startswith(family)]
        if not mine:
            continue
        parts.append(f"\n## {family}: {about}\n\n| code | name | severity |\n|---|---|---|\n")
        parts += [f"| [{c.id}](#{c.id.lower()}-{c.name}) | {c.name} | {c.severity} |\n" for c in mine]
        for code in mine:
            page = load_page(code)
            if page is None:
                continue
            text = re.sub(r"^```fanin bad$", f"```fanin bad {code.id}", page.text, flags=re.MULTILINE)
            text = re.sub(r"^```fanin file ", "```fanin beside ", text, flags=re.MULTILINE)
            text = re.sub(r"^```fanin good$", "```fanin", text, flags=re.MULTILINE)
            parts.append(f"\n##{text.rstrip()}\n")
    return "".join(parts)


# ------------------------------------------------------------------------------------------------------- lints

LINTS_HEAD = """\
# Lints

A lint is about a network that can be built and run, and will not do what was meant, or not well. `fanin check` looks
at structure (STR) and at what hardware asks for (CST). `fanin check --signal` looks at the start as well (SIG): at the
laws of tensors when the weights are drawn ([Before a weight exists](signal.md)); and at what a step of training keeps
in memory (CST906), which is too dear for every check: up to a second. Each rule has a page with a bad and a good spec,
where its number comes from, and what it lets pass: `fanin explain SIG130`, or follow the links.

Advice and warnings leave the exit status at 0, `--strict` counts warnings; a finding beyond the second number of a rule
is an error. What is meant to be so is let pass where it stands, with a reason, errors of lints too. An `@allow` that
silences nothing is a finding itself.

```fanin
@init(linear=he_normal, bias=zeros)
model Net()(x: [N, 64]) {
  @allow(thin-layer, "the code has two numbers, to be drawn")
  h = x -> a: Linear(64) -> relu -> code: Linear(2) -> relu
  return h -> b: Linear(96) -> relu -> c: Linear(64)
}
```

## Numbers of a project

The numbers below can be set for a project, by code or by name, in its `pyproject.toml`. A code that has none, a name
that does not exist and a value that is no number above 0 are mistakes that the command refuses.

    [tool.fanin]
    width = "width"           # the hyper-parameter that a start is not to hang on (SIG171)

    [tool.fanin.limits]
    SIG110 = 4.0
    residual-growth = 30.0

## Fixes

`fanin check --fix` applies those that keep what is computed, `--diff` shows them. Of lints these are: a bias in front
of a norm that takes it away again (SIG161, `bias=false`); the second of two equal activations such as relu (STR603); a
`log_softmax` over the classes in front of a cross entropy (STR601); an `@allow` that silences nothing. They are applied
where one step follows the other in one pipe, so that no other use of a block can want it differently. Where a spec
promises what a fix would change, such as its number of parameters, the fix is left out. Other laws, scales and norms
change how a network starts: a message says which, and the spec's author decides.
"""


def lints_page() -> str:
    from fanin.diagnostics.codes import CODES, FAMILIES
    from fanin.diagnostics.model import LINTS
    from fanin.lints.signal import limits

    known, about = limits(), _first_lines()
    parts = [NOTE, LINTS_HEAD]
    for family in LINTS:
        parts.append(f"\n## {family}: {FAMILIES[family]}\n\n")
        numbers = any(id.startswith(family) for id in known)
        parts.append("| rule | level | what | from | the number, and why |\n|---|---|---|---|---|\n" if numbers
                     else "| rule | level | what |\n|---|---|---|\n")  # fmt: skip
        for code in sorted((c for c in CODES.values() if c.id.startswith(family)), key=lambda c: c.id):
            link = f"[{code.id}](codes.md#{code.id.lower()}-{code.name}) {code.name}"
            row = f"| {link} | {code.severity} | {about.get(code.id, '')} |"
            if numbers:
                limit = known.get(code.id)
                beyond = f", error {limit.error:g}" if limit is not None and limit.error else ""
                row += f" {limit.value:g}{beyond} | {limit.of}: {limit.why} |" if limit is not None else " | |"
            parts.append(f"{row}\n")
    return "".join(parts)


def _first_lines() -> dict[str, str]:
    """What each rule is about, as the first line of its file says it."""
    found: dict[str, str] = {}
    for path in sorted((ROOT / "src/fanin/lints").rglob("*.py")):
        line = path.read_text(encoding="utf-8").split("\n", 1)[0]
        if said := re.match(r'"""((?:[A-Z]{3}\d{3}(?:, )?)+): (.*)$', line):
            found |= dict.fromkeys(said[1].split(", "), said[2].rstrip('."'))
    return found


# ----------------------------------------------------------------------------------------------------- picture


def picture() -> Any:
    """The picture of the README; shows itself in a notebook."""
    from fanin import pipeline
    from fanin.emit.picture.drawing import Picture

    return Picture(pipeline.elaborate(str(ROOT / SPEC)))


def picture_dot() -> str:
    return str(picture().dot)


# ------------------------------------------------------------------------------------------------- library and zoo

STD_HEAD = """\
# The library

`std` is written in the language itself: each part is a block or a function that you could have written, and may read
(`src/fanin/std/`). Import what you use: `from std.attention import SelfAttention`. Inputs and results are as the heads
say; `[*S, D]` stands for any leading dimensions.
"""

ZOO_HEAD = """\
# The zoo

Networks that ship with fanin, written to be read and to start from. `fanin zoo` lists them, `fanin zoo resnet` prints
one, `fanin zoo resnet -o mine.arch` writes it to a file. Where a public implementation is named, a test copies its
weights over and holds outputs, gradients of inputs and parameters, and buffers after a step to it: in float64, to 1e-9
(`tests/parity/test_zoo.py`). Each is drawn, compiled, captured as one graph by `torch.compile` and exported to `.pt2`
and `.onnx` in the tests (`tests/specs/test_zoo.py`, `tests/unit/emit/test_export.py`).

| spec | networks | paper | held to |
|---|---|---|---|
"""

# What a spec of the zoo is compared with.
REFERENCES = {
    "autoencoder": "`nn.Sequential`",
    "bert": "transformers' `BertModel`",
    "convnext": "torchvision",
    "densenet": "torchvision",
    "diffusion": "diffusers' `UNet2DModel`",
    "googlenet": "torchvision, with auxiliary heads",
    "gpt2": "transformers' `GPT2LMHeadModel`",
    "graph": "PyTorch Geometric's `GCNConv`, `GATConv`, `ChebConv`, `NNConv`",
    "lenet": "`nn.Sequential`",
    "llama": "transformers' `LlamaForCausalLM`",
    "mixer": "timm",
    "mlp": "`torchvision.ops.MLP`",
    "mobilenet": "torchvision",
    "random_features": "`nn.Sequential`",
    "recurrent": "`nn.RNN`, `nn.LSTM`, `nn.GRU`",
    "regression": "scikit-learn",
    "resnet": "torchvision",
    "selu": "`nn.Sequential`",
    "transformer": "`nn.Transformer`",
    "unet": "a U-Net written out",
    "vgg": "torchvision",
    "vit": "timm",
}


def std_page() -> str:
    from fanin import pipeline
    from fanin.report import read_source

    folder = Path(pipeline.standard_library())
    parts = [NOTE, STD_HEAD]
    for path in sorted(folder.glob("*.arch")):
        source = read_source(str(path))
        title = " ".join(line.lstrip("# ") for line in source.text.split("\n\n")[0].split("\n"))
        parts.append(f"\n## std.{path.stem}\n\n{_wrapped(title)}\n")
        for name, declared in pipeline.load(source, str(path)).units[0].declarations.items():
            body: Any = getattr(declared, "body", None)
            if body is None:
                continue
            head = source.text[declared.span.start : body.span.start].rstrip().removesuffix("{").rstrip()
            parts.append(
                f"\n### {name}\n\n{_wrapped(' '.join(declared.doc.split()))}\n\n{textwrap.indent(head, '    ')}\n"
            )
    return "".join(parts)


def zoo_page() -> str:
    from fanin import zoo

    rows = []
    for spec in zoo.specs().values():
        papers = dict.fromkeys(
            re.findall(r"[A-Z][^\s(]*(?: (?:and|et al\.|[A-Z][^\s(,]*))*,? (?:19|20)\d\d", spec.text)
        )
        models = ", ".join(f"`{name}`" for name in spec.models)
        rows.append(f"| `{spec.name}` | {models} | {'; '.join(papers)} | {REFERENCES.get(spec.name, '')} |\n")
    return NOTE + ZOO_HEAD + "".join(rows)


def _wrapped(text: str) -> str:
    return textwrap.fill(text, 120, break_long_words=False, break_on_hyphens=False)


GENERATED: dict[str, Callable[[], str]] = {
    "docs/ops.md": ops_page,
    "docs/codes.md": codes_page,
    "docs/lints.md": lints_page,
    "docs/std.md": std_page,
    "docs/zoo.md": zoo_page,
    f"{PICTURE}.dot": picture_dot,
}


def main() -> None:
    for name, make in GENERATED.items():
        path = ROOT / name
        path.parent.mkdir(parents=True, exist_ok=True)
        text = make()
        changed = not path.exists() or path.read_text(encoding="utf-8") != text
        path.write_text(text, encoding="utf-8")
        print(f"{'wrote' if changed else 'kept '} {name}")
    picture().save(ROOT / f"{PICTURE}.svg")
    print(f"drew  {PICTURE}.svg")


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT / "src"))
    main()
