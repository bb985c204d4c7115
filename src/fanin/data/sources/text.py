"""``.csv`` and ``.tsv`` files."""

from __future__ import annotations

import csv
import io

import numpy as np

from fanin.data.address import Address
from fanin.data.columns import chosen, parsed
from fanin.data.problems import DataFailed, failure
from fanin.data.table import Data
from fanin.diagnostics.codes import DAT002, DAT007
from fanin.source import Source, Span

_SIGNS = {"comma": ",", "semicolon": ";", "tab": "\t", "space": " "}


def open_csv(address: Address) -> Data:
    """A field for each column, or what the options say. The first line is a heading unless all of it is numbers, or
    ``header`` says so; ``sep`` is ``comma``, ``semicolon``, ``tab`` or ``space``, by the first line where left out."""
    path = address.head
    header = address.choice("header", "auto", ("auto", "true", "false"))
    wanted = address.choice("sep", "auto", ("auto", *_SIGNS))
    source = Source(path, _text(address))
    sep = _SIGNS[wanted] if wanted != "auto" else _separator(source.line(1), path)
    rows, lines = _rows(source, sep)
    if not rows:
        raise failure(DAT007, f"{path} has no rows", address.span, "empty")
    titled = header == "true" or (header == "auto" and not all(_is_number(c) for c in rows[0]))
    names = [c.strip() for c in rows[0]] if titled else [f"c{i}" for i in range(len(rows[0]))]
    twice = next((n for i, n in enumerate(names) if n in names[:i]), None)
    if twice is not None:
        raise failure(DAT002, f"{path} has two columns `{twice}`", _line(source, lines[0]), "one name, two columns")
    start = 1 if titled else 0
    for row, line in zip(rows[start:], lines[start:], strict=True):
        if len(row) != len(names):
            raise failure(
                DAT002,
                f"line {line} of {path} has {len(row)} cells, and line {lines[0]} has {len(names)}",
                _line(source, line),
                f"{len(row)} cells",
            )
    if len(rows) == start:
        raise failure(DAT007, f"{path} has a heading, and no rows", address.span, "nothing below the first line")
    columns = {name: parsed([row[i] for row in rows[start:]]) for i, name in enumerate(names)}
    return chosen(columns, address, np.array(lines[start:], dtype=np.int64), "line")


def _text(address: Address) -> str:
    try:
        with open(address.head, "rb") as file:
            data = file.read()
    except OSError as error:
        raise failure(DAT002, f"{address.head} cannot be read: {error.strerror}", address.span, "not read") from None
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        text = f"{address.head} is not UTF-8: see byte {error.start + 1}, in line {line}"
        raise failure(DAT002, text, address.span, "another encoding", helps=["save it as UTF-8"]) from None


def _rows(source: Source, sep: str) -> tuple[list[list[str]], list[int]]:
    """The rows that have anything, and the line on which each begins."""
    rows: list[list[str]] = []
    lines: list[int] = []
    reader = csv.reader(io.StringIO(source.text, newline=""), delimiter=sep, skipinitialspace=True, strict=True)
    line = 1
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return rows, lines
        except csv.Error as error:
            raise _broken(source, line, str(error)) from None
        if row and any(cell.strip() for cell in row):
            rows.append(row)
            lines.append(line)
        line = reader.line_num + 1


def _broken(source: Source, line: int, text: str) -> DataFailed:
    said = "a quotation mark that is never closed" if "unexpected end" in text else text
    return failure(DAT002, f"line {line} of {source.name} is no line of a table: {said}", _line(source, line), "here")


def _line(source: Source, number: int) -> Span:
    source.position(0)
    start = source._starts[number - 1] if number <= len(source._starts) else len(source.text)
    return Span(source, start, start + len(source.line(number)) if number <= len(source._starts) else start)


def _separator(line: str, path: str) -> str:
    """What a heading is divided by: a comma, or where it has none a semicolon or tab."""
    if path.lower().endswith(".tsv"):
        return "\t"
    return next((sign for sign in ",;\t" if sign in line), ",")


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
