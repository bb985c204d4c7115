"""Every code fanin can report. A code never changes its meaning; each has a page in ``pages/``.

A constant in this module is a registered code: nothing else is needed but its page. Keep each family together
and in order, above the registry at the end.
"""

from __future__ import annotations

from fanin.diagnostics.model import Code, Severity

W, A = Severity.WARNING, Severity.ADVICE

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

# SHP: shapes and dimensions

# TYP: arguments and types

# EXP: a broken `expect` or `assert`

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
