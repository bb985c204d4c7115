"""What a check says of some files, and the ways in which reading one can fail."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Any

from fanin.diagnostics.model import Diagnostic, Severity
from fanin.record import record
from fanin.source import Source

Hyper = dict[str, Any]
"""Values for hyper-parameters, and for open sizes by their letters."""


@record
class Report:
    """The findings of a check, with the sources it read and the programs it could build."""

    diagnostics: tuple[Diagnostic, ...] = ()
    sources: tuple[Source, ...] = ()
    programs: tuple[Any, ...] = ()

    @property
    def ok(self) -> bool:
        """No errors. Warnings and advice are allowed."""
        return not any(d.severity is Severity.ERROR for d in self.diagnostics)

    def count(self, severity: Severity) -> int:
        return Counter(d.severity for d in self.diagnostics)[severity]

    def __str__(self) -> str:
        from fanin.diagnostics.render import render, summary

        counted = summary(self.diagnostics, len(self.sources) or 1)
        return f"{render(self.diagnostics)}\n{counted}" if self.diagnostics else counted


@record
class Start:
    """What a check of the start goes by: limits in the place of the rules' own, by code, and the name of the width."""

    limits: Mapping[str, float] = field(default_factory=dict)
    width: str = ""


class Unreadable(Exception):
    """A file that is missing, or no UTF-8 text. Its message is for the user."""


class CheckFailed(Exception):
    """What was asked for cannot be built: the report has errors."""

    def __init__(self, report: Report) -> None:
        super().__init__(report)
        self.report = report

    def __str__(self) -> str:
        return "the spec has errors\n\n" + str(self.report)


class NoSuchName(LookupError):
    """A file does not have what was asked for, or has several and none was named (``name`` is None then)."""

    def __init__(self, name: str | None, names: Sequence[str], path: str) -> None:
        super().__init__(name)
        self.name, self.names, self.path = name, tuple(names), path

    def __str__(self) -> str:
        from fanin.diagnostics.suggest import did_you_mean

        listed = ", ".join(f"`{name}`" for name in self.names)
        if self.name is None:
            if not self.names:
                return f"there is no model in {self.path}"
            return f"{self.path} has several models: {listed}; say which, as in {self.path}:{self.names[0]}"
        if not self.names:
            return f"there is no `{self.name}` in {self.path}, which declares nothing that can be built"
        near = did_you_mean(self.name, self.names)
        return f"there is no `{self.name}` in {self.path}{near or ';'} it has {listed}"


def read_source(path: str) -> Source:
    """The text of a file, with its line breaks as they are. Raises Unreadable."""
    try:
        with open(path, "rb") as file:
            data = file.read()
    except FileNotFoundError:
        raise Unreadable(f"there is no file {path}{_neighbour(path)}") from None
    except (IsADirectoryError, PermissionError) as error:
        if os.path.isdir(path):  # Windows says "permission denied" of a folder
            raise Unreadable(f"{path} is a folder: name the files in it") from None
        raise Unreadable(f"{path} cannot be read: {error.strerror}") from None
    except (OSError, ValueError) as error:  # ValueError: a path with a null character
        raise Unreadable(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    return Source(path, decode(data, path))


def decode(data: bytes, name: str) -> str:
    """The text of a spec, without a byte order mark. Raises Unreadable."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        wide = data[:2] in (b"\xff\xfe", b"\xfe\xff")
        where = f"see byte {error.start + 1}, in line {line}"
        hint = "it looks like UTF-16; save it as UTF-8" if wide else where
        raise Unreadable(f"{name} is not UTF-8: {hint}") from None


def _neighbour(path: str) -> str:
    """The file of the same folder that was probably meant."""
    from fanin.diagnostics.suggest import did_you_mean

    folder, name = os.path.split(path)
    try:
        names = [entry for entry in os.listdir(folder or ".") if entry.endswith(".arch")]
    except (OSError, ValueError):
        return ""
    if name + ".arch" in names:
        return f"; did you mean `{os.path.join(folder, name)}.arch`?"
    return did_you_mean(name, names)
