"""The specs that ship with fanin: in the package, or in the checkout that it is run from."""

from __future__ import annotations

import os

from fanin.record import record
from fanin.report import read_source


@record
class Spec:
    """``title`` is the first sentence of the comment at the top; ``models`` are what it declares."""

    name: str
    path: str
    title: str
    models: tuple[str, ...]
    text: str


def folder() -> str:
    """Where the specs are. Raises FileNotFoundError."""
    here = os.path.dirname(__file__)
    for place in (os.path.join(here, "specs"), os.path.join(here, "..", "..", "specs")):
        if os.path.isdir(place):
            return os.path.normpath(place)
    raise FileNotFoundError("the folder `specs` is neither in the package nor in the checkout")


def specs() -> dict[str, Spec]:
    """All specs by name."""
    from fanin import pipeline

    found: dict[str, Spec] = {}
    place = folder()
    for file in sorted(os.listdir(place)):
        if file.endswith(".arch"):
            path = os.path.join(place, file)
            source = read_source(path)
            models = tuple(pipeline.models(pipeline.load(source, path).units[0]))
            found[file[:-5]] = Spec(file[:-5], path, _title(source.text), models, source.text)
    return found


def _title(text: str) -> str:
    """The first sentence of the comment at the top."""
    words: list[str] = []
    for line in text.split("\n"):
        if not line.startswith("#"):
            break
        words += line.lstrip("# ").split()
        if any(word.endswith(".") and len(word) > 3 for word in words):
            break
    sentence = " ".join(words)
    for at, c in enumerate(sentence):
        if c in ".:" and sentence[at + 1 : at + 2] in ("", " ") and not sentence[:at].endswith(("et al", "al")):
            return sentence[:at]
    return sentence
