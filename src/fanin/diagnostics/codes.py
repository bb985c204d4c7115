"""Every code fanin can report. A code never changes its meaning; each has a page in ``pages/``.

A constant in this module is a registered code: nothing else is needed but its page. Keep each family together
and in order, above the registry at the end.
"""

from __future__ import annotations

from fanin.diagnostics.model import Code, Severity

E, W, A = Severity.ERROR, Severity.WARNING, Severity.ADVICE

# SYN: syntax
SYN101 = Code("SYN101", "unexpected-token")
SYN102 = Code("SYN102", "unclosed-brace")
SYN103 = Code("SYN103", "unclosed-bracket")
SYN104 = Code("SYN104", "wrong-closer")
SYN105 = Code("SYN105", "unterminated-string")
SYN106 = Code("SYN106", "single-quotes")
SYN107 = Code("SYN107", "unknown-escape")
SYN108 = Code("SYN108", "strange-character")
SYN109 = Code("SYN109", "foreign-operator")
SYN110 = Code("SYN110", "foreign-comment")
SYN111 = Code("SYN111", "malformed-number")
SYN112 = Code("SYN112", "reserved-word")
SYN113 = Code("SYN113", "hidden-name")
SYN114 = Code("SYN114", "foreign-word")
SYN115 = Code("SYN115", "indented-body")
SYN116 = Code("SYN116", "bare-conditional")
SYN117 = Code("SYN117", "bare-operator")
SYN118 = Code("SYN118", "label-not-a-name")
SYN119 = Code("SYN119", "misplaced-return")
SYN120 = Code("SYN120", "system-statement")
SYN121 = Code("SYN121", "only-promises")
SYN122 = Code("SYN122", "stray-percent")
SYN123 = Code("SYN123", "spaced-attribute")
SYN124 = Code("SYN124", "comprehension")
SYN125 = Code("SYN125", "nested-too-deep")
SYN126 = Code("SYN126", "semicolon")
SYN127 = Code("SYN127", "argument-colon")
SYN128 = Code("SYN128", "bare-expression")
SYN129 = Code("SYN129", "loose-statement")
SYN130 = Code("SYN130", "missing-comma")
SYN131 = Code("SYN131", "unknown-keyword")

# NAM: names and imports

NAM201 = Code("NAM201", "unbound-name")
NAM202 = Code("NAM202", "unused-binding", W)
NAM203 = Code("NAM203", "unknown-import")
NAM204 = Code("NAM204", "import-cycle")
NAM205 = Code("NAM205", "not-in-that-file")
NAM206 = Code("NAM206", "declared-twice")
NAM207 = Code("NAM207", "ambiguous-label")
NAM208 = Code("NAM208", "unknown-result")
NAM209 = Code("NAM209", "unknown-member")
NAM210 = Code("NAM210", "unused-hyper-parameter", W)
NAM211 = Code("NAM211", "unused-module", W)
NAM212 = Code("NAM212", "unused-import", W)
NAM220 = Code("NAM220", "path-taken")
NAM221 = Code("NAM221", "reserved-path")
NAM222 = Code("NAM222", "endless-recursion")
NAM230 = Code("NAM230", "unused-allow", W)
NAM231 = Code("NAM231", "allow-without-reason")
NAM232 = Code("NAM232", "unknown-attribute")

# SHP: shapes and dimensions

SHP301 = Code("SHP301", "axis-mismatch")
SHP302 = Code("SHP302", "indivisible")
SHP303 = Code("SHP303", "too-small")
SHP304 = Code("SHP304", "bad-shape")
SHP305 = Code("SHP305", "open-dimension")
SHP306 = Code("SHP306", "rank-mismatch")
SHP307 = Code("SHP307", "unbound-dimension")
SHP308 = Code("SHP308", "two-widths")

# TYP: arguments and types

TYP401 = Code("TYP401", "wrong-type")
TYP402 = Code("TYP402", "tensor-decides")
TYP403 = Code("TYP403", "not-callable")
TYP404 = Code("TYP404", "given-twice")
TYP405 = Code("TYP405", "unknown-argument")
TYP406 = Code("TYP406", "surplus-argument")
TYP407 = Code("TYP407", "wrong-inputs")
TYP408 = Code("TYP408", "wrong-dtype")
TYP409 = Code("TYP409", "no-result")
TYP410 = Code("TYP410", "bad-number")
TYP411 = Code("TYP411", "several-results")
TYP412 = Code("TYP412", "not-an-initialiser")
TYP414 = Code("TYP414", "nothing-to-apply")
TYP415 = Code("TYP415", "not-a-stage")
TYP416 = Code("TYP416", "bad-operand")
TYP417 = Code("TYP417", "unpacking")
TYP418 = Code("TYP418", "makes-a-module")
TYP419 = Code("TYP419", "bad-index")

# EXP: a broken `expect` or `assert`

EXP501 = Code("EXP501", "broken-expect")
EXP502 = Code("EXP502", "broken-assert")
EXP503 = Code("EXP503", "undecided-expect", A)

# SYS: systems

SYS702 = Code("SYS702", "nothing-measured")
SYS703 = Code("SYS703", "not-a-loss")
SYS704 = Code("SYS704", "loss-without-weights")
SYS705 = Code("SYS705", "weights-without-loss", W)
SYS706 = Code("SYS706", "wasted-gradient", W)
SYS707 = Code("SYS707", "two-optimisers")
SYS708 = Code("SYS708", "trained-target")
SYS709 = Code("SYS709", "softmax-twice", W)
SYS710 = Code("SYS710", "path-matches-nothing")
SYS711 = Code("SYS711", "stage-without-training")
SYS712 = Code("SYS712", "constant-term", W)
SYS713 = Code("SYS713", "collapse-prone", W)
SYS714 = Code("SYS714", "not-probabilities", W)
SYS715 = Code("SYS715", "line-never-taken", W)

# SIG: signal and initialisation

SIG101 = Code("SIG101", "activation-growth", W)
SIG102 = Code("SIG102", "chaotic-variance", W)
SIG103 = Code("SIG103", "gradient-growth", W)
SIG104 = Code("SIG104", "one-way-scale", W)
SIG105 = Code("SIG105", "saturation", W)
SIG106 = Code("SIG106", "input-collapse", W)
SIG107 = Code("SIG107", "mean-shift", W)
SIG110 = Code("SIG110", "width-noise", W)
SIG111 = Code("SIG111", "thin-layer", W)
SIG112 = Code("SIG112", "dead-network", W)
SIG120 = Code("SIG120", "activation-gain", A)
SIG121 = Code("SIG121", "fan-mismatch", W)
SIG122 = Code("SIG122", "tied-growth", W)
SIG123 = Code("SIG123", "symmetric-start", E)
SIG130 = Code("SIG130", "residual-growth", W)
SIG131 = Code("SIG131", "norms-without-skip", W)
SIG132 = Code("SIG132", "deep-post-norm", A)
SIG140 = Code("SIG140", "attention-logits", W)
SIG141 = Code("SIG141", "recurrent-horizon", W)
SIG142 = Code("SIG142", "router-load", A)
SIG150 = Code("SIG150", "zero-on-zero", E)
SIG151 = Code("SIG151", "zero-gated", A)
SIG160 = Code("SIG160", "degenerate-norm", E)
SIG161 = Code("SIG161", "bias-before-norm", A)
SIG162 = Code("SIG162", "padding-loss", W)
SIG163 = Code("SIG163", "averaging-loss", A)
SIG170 = Code("SIG170", "linear-stack", A)
SIG171 = Code("SIG171", "width-scaling", W)
SIG172 = Code("SIG172", "mostly-frozen", A)

# STR: structure and redundancy

STR601 = Code("STR601", "softmax-before-loss", W)
STR602 = Code("STR602", "activation-on-logits", W)
STR603 = Code("STR603", "activation-twice", W)
STR604 = Code("STR604", "dropout-before-norm", W)
STR605 = Code("STR605", "norm-in-recurrence", W)
STR606 = Code("STR606", "batch-of-one", W)
STR607 = Code("STR607", "no-position", W)
STR608 = Code("STR608", "skipped-inputs", W)
STR609 = Code("STR609", "dense-on-grid", W)
STR610 = Code("STR610", "loss-of-another-law", W)
STR611 = Code("STR611", "missing-causal-mask", W)
STR612 = Code("STR612", "looks-ahead", W)
STR613 = Code("STR613", "receptive-field", W)
STR614 = Code("STR614", "statistics-of-two-views", W)
STR620 = Code("STR620", "dead-branch", W)
STR621 = Code("STR621", "unreachable-parameter", W)
STR622 = Code("STR622", "label-of-the-head", A)
STR630 = Code("STR630", "missing-entry")
STR631 = Code("STR631", "loss-against-law", W)
STR632 = Code("STR632", "spectral-edges", W)

# CST: cost and hardware

CST901 = Code("CST901", "head-size", A)
CST902 = Code("CST902", "hidden-width", A)
CST903 = Code("CST903", "vocabulary-size", A)
CST904 = Code("CST904", "table-without-compute", A)
CST905 = Code("CST905", "written-scores", A)
CST906 = Code("CST906", "dominant-tensor", A)

# TRN: training

TRN801 = Code("TRN801", "spoiled-line-search", W)
TRN802 = Code("TRN802", "schedule-past-the-end", W)
TRN803 = Code("TRN803", "line-never-due", W)
TRN804 = Code("TRN804", "ramp-past-the-end", W)
TRN805 = Code("TRN805", "not-a-matrix")

# PRN: pruning

PRN901 = Code("PRN901", "bad-experiment")
PRN902 = Code("PRN902", "nothing-to-prune")

# DAT: data

DAT001 = Code("DAT001", "unknown-source")
DAT002 = Code("DAT002", "unreadable-data")
DAT003 = Code("DAT003", "missing-field")
DAT004 = Code("DAT004", "field-shape")
DAT005 = Code("DAT005", "field-dtype")
DAT006 = Code("DAT006", "not-finite")
DAT007 = Code("DAT007", "no-rows")
DAT008 = Code("DAT008", "uneven-fields")
DAT009 = Code("DAT009", "bad-data-option")
DAT010 = Code("DAT010", "missing-package")
DAT011 = Code("DAT011", "failed-source")

# OUT: back ends

OUT801 = Code("OUT801", "not-emitted")
OUT802 = Code("OUT802", "extern-not-allowed")
OUT803 = Code("OUT803", "extern-mismatch")
OUT804 = Code("OUT804", "failed-at-run-time")
OUT805 = Code("OUT805", "not-exported")
OUT806 = Code("OUT806", "changed-by-export", A)

# ----------------------------------------------------------------------------------------------- the registry

FAMILIES = {
    "SYN": "syntax",
    "NAM": "names and imports",
    "SHP": "shapes and dimensions",
    "TYP": "arguments and types",
    "EXP": "a broken expect or assert",
    "SYS": "systems",
    "SIG": "signal and initialisation",
    "STR": "structure and redundancy",
    "CST": "cost and hardware",
    "TRN": "training",
    "PRN": "pruning",
    "DAT": "data",
    "OUT": "back ends",
}

CODES: dict[str, Code] = {code.id: code for code in list(globals().values()) if isinstance(code, Code)}


def find_code(text: str) -> Code | None:
    """The code with this id (``SHP301``) or name (``axis-mismatch``), in any case, ``_`` for ``-``."""
    if found := CODES.get(text.upper()):
        return found
    name = text.lower().replace("_", "-")
    return next((code for code in CODES.values() if code.name == name), None)


def nearest_code(text: str) -> Code | None:
    """The code whose id or name is most like a misspelt one."""
    from fanin.diagnostics.suggest import nearest

    if found := nearest(text.upper(), CODES):
        return CODES[found]
    by_name = {code.name: code for code in CODES.values()}
    near = nearest(text.lower().replace("_", "-"), by_name)
    return by_name[near] if near else None


def select_codes(selector: str) -> frozenset[str]:
    """The ids that an id, a name or the beginning of an id (``SIG``, ``SHP3``) stands for; empty for none."""
    if found := find_code(selector):
        return frozenset((found.id,))
    start = selector.upper()
    if start in FAMILIES:  # a family without a code yet is no mistake of the user's
        return frozenset((start, *(id for id in CODES if id.startswith(start))))
    return frozenset(id for id in CODES if start and id.startswith(start))
