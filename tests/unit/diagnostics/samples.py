"""Hand-built diagnostics for the tests of their renderings."""

from __future__ import annotations

from fanin.diagnostics import Code, Diagnostic, Edit, Fix, Frame, Label, Severity
from fanin.source import Source, Span

MISMATCH = Code("SHP301", "axis-mismatch")
REDUNDANT = Code("STR101", "redundant-bias", Severity.WARNING)
THIN = Code("STR102", "thin-layer", Severity.ADVICE)

RESNET = Source(
    "specs/resnet.arch",
    """\
# The basic block of He et al. 2015.
block Basic(width: int)(x: [N, C, H, W]) {
  h = x -> conv1: Conv2d(64, 3, padding=1) -> relu
    -> conv2: Conv2d(64, 3, padding=1)
  return relu(h + x)
}

model Tiny(image: [N, 128, 32, 32]) {
  x = image -> (
    Conv2d(128, 3)
    -> relu
    -> Conv2d(128, 3)
    -> relu
    -> Conv2d(128, 3)
    -> relu
    -> Conv2d(128, 3)
  )
  return x -> layer: Basic(64)
}
""",
)
PARTS = Source("specs/parts.arch", "const WIDTH = 64\nconst DEPTH = 3\n")


def at(source: Source, text: str, count: int = 0) -> Span:
    """The span of the ``count``-th occurrence of a text."""
    start = -1
    for _ in range(count + 1):
        start = source.text.index(text, start + 1)
    return Span(source, start, start + len(text))


def mismatch() -> Diagnostic:
    """The example of the style guide."""
    return Diagnostic(
        MISMATCH,
        "the two arms of this sum disagree: 64 channels and 128",
        at(RESNET, "h + x"),
        "`h` is [N, 64, H, W], `x` is [N, 128, H, W]",
        (Label(at(RESNET, "64"), "this arm has 64 channels because of this"),),
        helps=("project the skip, for example `relu(h + (x -> down: Conv2d(64, 1, bias=false)))`",),
        chain=(Frame("Basic(width=64)", at(RESNET, "Basic(64)")),),
    )


def samples() -> dict[str, Diagnostic]:
    """A diagnostic for each thing a rendering has to show, by name."""
    text = RESNET.text
    pipe = Span(RESNET, text.index("(\n    Conv2d"), text.index(")\n  return x") + 1)
    model = Span(RESNET, text.index("model"), len(text))
    odd = Source("odd.arch", 'x = "漢字 e\u0301" -> foo(1)\n\ty = x\t-> bar(\u202e\x1b[31m2)\n')
    long = Source("long.arch", "x = " + "conv(1) -> " * 30 + "BAD -> " + "relu -> " * 30 + "z\n")
    several = at(RESNET, "relu(h + x)")
    return {
        "mismatch": mismatch(),
        "labels-on-one-line": Diagnostic(
            MISMATCH,
            "several labels",
            at(RESNET, "h + x"),
            "primary",
            (
                Label(several, "all of it"),
                Label(at(RESNET, "return"), "first"),
                Label(at(RESNET, "h + x"), "the same place"),
                Label(at(RESNET, "x)\n"), "in the primary one"),
            ),
        ),
        "label-in-another-file": Diagnostic(
            MISMATCH,
            "the width comes from elsewhere",
            at(RESNET, "Basic(64)"),
            "used here",
            (Label(at(PARTS, "64"), "64 comes from here"), Label(at(PARTS, "3"), "and the depth")),
            notes=("a note\nwith a second line",),
        ),
        "several-lines": Diagnostic(THIN, "a long composition", pipe, "all of this"),
        "from-the-line-start": Diagnostic(
            THIN, "a whole model", model, "this model", (Label(at(RESNET, "Conv2d(128, 3)", 2), "in it"),)
        ),
        "two-tall-spans": Diagnostic(
            THIN, "two spans", pipe, "the pipe", (Label(model._replace(end=pipe.end), "most of the model"),)
        ),
        "end-of-file": Diagnostic(MISMATCH, "a `}` is missing", Span(RESNET, len(text), len(text)), "here"),
        "line-break": Diagnostic(
            MISMATCH,
            "ends with its line",
            Span(RESNET, text.index("}\n"), text.index("}\n") + 2),
            "one column",
        ),
        "wide-characters": Diagnostic(
            MISMATCH,
            "tabs, wide and hidden characters: \x1b[31m",
            at(odd, "foo(1)"),
            "behind a wide string",
            (Label(at(odd, "漢字"), "two characters, four columns"), Label(at(odd, "bar"), "after tabs")),
        ),
        "long-line": Diagnostic(
            MISMATCH, "a long line", at(long, "BAD"), "far right", (Label(at(long, "conv", 2), "left"),)
        ),
        "long-span": Diagnostic(MISMATCH, "a long span", Span(long, 4, len(long.text) - 1), "all of it"),
        "long-chain": Diagnostic(
            MISMATCH,
            "deep down",
            at(RESNET, "relu"),
            chain=tuple(Frame(f"Level({n})", at(RESNET, "relu", n % 5)) for n in range(20)),
        ),
        "fix": Diagnostic(
            REDUNDANT,
            "a normalisation follows, which takes the bias out",
            at(RESNET, "Conv2d(64, 3, padding=1)"),
            "has a bias",
            fix=Fix(
                "leave the bias out",
                (Edit(Span(RESNET, text.index(")\x20-> relu"), text.index(")\x20-> relu")), ", bias=false"),),
                safe=True,
            ),
        ),
        "fix-of-lines": Diagnostic(
            REDUNDANT,
            "a line too many",
            at(RESNET, "-> relu", 2),
            fix=Fix(
                "take the line out, and change the constants",
                (
                    Edit(at(RESNET, "    -> relu\n", 0), ""),
                    Edit(at(PARTS, "64"), "32\nconst MORE = 1"),
                    Edit(at(PARTS, "3"), "4"),
                ),
            ),
        ),
        "no-label": Diagnostic(MISMATCH, "nothing to say at the place", at(RESNET, "h + x")),
        "headline-of-lines": Diagnostic(MISMATCH, "a headline\nof two lines", at(RESNET, "h + x")),
    }
