"""The grammar as a table: Lark defines, checks and builds it, a cache file keeps it, and a warm start needs no Lark.

This is the one file that imports lark. What is cached is plain data (numbers and strings), written with marshal
together with the whole grammar text, so that a stale or broken file is noticed and built anew.
"""

from __future__ import annotations

import marshal
import os
import re
import sys
import zlib
from typing import Any

from fanin.record import record

_FORMAT = 1
_HERE = os.path.realpath(__file__)


@record
class Rule:
    """One expansion. ``name`` is its alias, or else its origin; a ``unit`` one only passes its symbol on."""

    origin: str
    name: str
    symbols: tuple[str, ...]
    unit: bool

    @property
    def is_list(self) -> bool:
        """A helper that Lark made for a ``*`` or ``+``."""
        return self.origin.startswith("__")

    @property
    def extends(self) -> bool:
        """A list helper's recursive form: the list so far, and what comes on top."""
        return self.is_list and self.symbols[0] == self.origin


@record
class Grammar:
    """The LALR table. In ``states``, a positive number shifts to that state, a negative one reduces the rule
    ``-n - 1``; a rule's name leads to the state behind it."""

    states: list[dict[str, int]]
    rules: list[Rule]
    start: int
    accept: int
    literals: dict[str, str]  # text -> terminal: words and signs
    patterns: dict[str, str]  # terminal -> regular expression


def grammar_text() -> str:
    """The grammar file, from the package or else from the checkout."""
    package = os.path.dirname(os.path.dirname(_HERE))
    for folder in (package, os.path.dirname(os.path.dirname(package))):
        path = os.path.join(folder, "grammars", "fanin.lark")
        if os.path.isfile(path):
            with open(path, encoding="utf-8") as file:
                return file.read()
    raise FileNotFoundError("grammars/fanin.lark is neither in the package nor in the checkout")


def load_grammar() -> Grammar:
    """The table from the user's cache folder, or else built and, where that is possible, stored there."""
    text = grammar_text()
    key = (_FORMAT, sys.version_info[:2], _lark_version(), text)
    path = os.path.join(_cache_folder(), f"grammar-{zlib.crc32(repr(key).encode()):08x}.bin")
    data = _read(path, key)
    if data is None:
        data = build_data(text)
        _write(path, key, data)
    states, rules, start, accept, literals, patterns = data
    return Grammar(states, [Rule(*rule) for rule in rules], start, accept, literals, patterns)


def build_data(text: str, strict: bool = False) -> tuple[Any, ...]:
    """Has Lark read the grammar, and gives its LALR table as plain data."""
    import lark

    parser = lark.Lark(text, parser="lalr", start="file", maybe_placeholders=False, keep_all_tokens=True, strict=strict)
    table = parser.parser.parser._parse_table  # Lark has no public way to its table
    number = {rule: at for at, rule in enumerate(parser.rules)}
    rules = [
        (
            str(rule.origin.name),
            str(rule.alias or rule.origin.name),
            tuple(str(symbol.name) for symbol in rule.expansion),
            len(rule.expansion) == 1
            and rule.alias is None
            and not rule.origin.name.startswith("__")
            and (rule.options.expand1 or rule.origin.name.startswith("_")),
        )
        for rule in parser.rules
    ]
    order = {state: at for at, state in enumerate(table.states)}
    shared: dict[tuple[tuple[str, int], ...], dict[str, int]] = {}
    states = []
    for row in table.states.values():
        actions = {
            str(symbol): order[arg] if getattr(arg, "expansion", None) is None else -number[arg] - 1
            for symbol, (_, arg) in row.items()
        }
        states.append(shared.setdefault(tuple(sorted(actions.items())), actions))
    literals = {t.pattern.value: str(t.name) for t in parser.terminals if t.pattern.type == "str"}
    patterns = {str(t.name): t.pattern.to_regexp() for t in parser.terminals if t.pattern.type == "re"}
    (start,), (accept,) = table.start_states.values(), table.end_states.values()
    return states, rules, order[start], order[accept], literals, patterns


def _lark_version() -> str:
    """Lark's version, read from its text: importing it would cost more than the cache saves."""
    for folder in sys.path:
        try:
            with open(os.path.join(folder, "lark", "__init__.py"), encoding="utf-8") as file:
                found = re.search(r'__version__[^"\n]*"([^"\n]+)"', file.read())
        except OSError:
            continue
        return found[1] if found else ""
    return ""


def _cache_folder() -> str:
    named = os.environ.get("FANIN_CACHE_DIR")
    if named:
        return named
    home = os.path.expanduser("~")
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or os.path.join(home, "AppData", "Local")
    elif sys.platform == "darwin":
        base = os.path.join(home, "Library", "Caches")
    else:
        base = os.environ.get("XDG_CACHE_HOME") or os.path.join(home, ".cache")
    return os.path.join(base, "fanin")


def _read(path: str, key: Any) -> tuple[Any, ...] | None:
    try:
        with open(path, "rb") as file:
            raw = file.read()
        if zlib.crc32(raw[4:]) != int.from_bytes(raw[:4], "big"):
            return None
        found, data = marshal.loads(raw[4:])
    except (OSError, ValueError, EOFError, TypeError):
        return None
    return data if found == key else None


def _write(path: str, key: Any, data: Any) -> None:
    """Stores the table for the next start; a folder that can't be written to is no mistake."""
    raw = marshal.dumps((key, data))
    scratch = f"{path}.{os.getpid()}"
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(scratch, "wb") as file:
            file.write(zlib.crc32(raw).to_bytes(4, "big") + raw)
        os.replace(scratch, path)
    except OSError:
        pass
