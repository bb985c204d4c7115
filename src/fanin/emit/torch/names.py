"""Names in the emitted source: checked, legible, and none of them twice."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable

# What the emitted code itself uses by name. A name of the author's that is one of these gets an underscore.
TAKEN = frozenset(
    [
        "self",
        "torch",
        "nn",
        "F",
        "Tensor",
        "TorchFunctionMode",
        "partial",
        "islice",
        "init",
        "stacked",
        "normed",
        "foreign",
        "weight_norm",
        "spectral_norm",
        "checkpoint",
        "each_copy",
        "partly_frozen",
        "tracked",
        "_each",
        "math",
        "hashlib",
        "NamedTuple",
        "OrderedDict",
        "Callable",
        "Any",
        "attrgetter",
        "bool",
        "dict",
        "enumerate",
        "float",
        "getattr",
        "int",
        "isinstance",
        "len",
        "list",
        "max",
        "min",
        "next",
        "range",
        "reversed",
        "setattr",
        "str",
        "sum",
        "super",
        "tuple",
        "zip",
        "ValueError",
        "True",
        "False",
        "None",
    ]
)

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


def is_identifier(text: str) -> bool:
    """Whether Python takes it as a name."""
    return bool(_IDENTIFIER.match(text)) and not keyword.iskeyword(text)


def identifier(text: str) -> str:
    """The name itself where Python takes it and nothing here has it, else the nearest one."""
    text = re.sub(r"\W", "_", text, flags=re.ASCII) or "_"
    if text[0].isdigit():
        text = f"_{text}"
    if keyword.iskeyword(text) or text in TAKEN:
        text += "_"
    return text


def camel(text: str) -> str:
    """``self_attn`` as ``SelfAttn``; what is in capitals already stays."""
    words = [word for word in re.split(r"\W|_", text, flags=re.ASCII) if word]
    return "".join(word[0].upper() + word[1:] for word in words) or "Block"


def snake(text: str) -> str:
    """``InChannels`` as ``in_channels``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", text).lower()


def singular(text: str) -> str:
    """What one of several is called: ``blocks`` has a ``block``."""
    if text.endswith("ies") and len(text) > 4:
        return text[:-3] + "y"
    return text[:-1] if text.endswith("s") and not text.endswith("ss") and len(text) > 3 else text


class Names:
    """The names of one scope, besides those of the scopes around it."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self.taken = set(taken)

    def fresh(self, wanted: str) -> str:
        """The name, or the name with the first number from 2 that makes it new; it is taken from then on."""
        name = wanted = identifier(wanted)
        number = 2
        while name in self.taken:
            name = f"{wanted}_{number}" if wanted[-1].isdigit() else f"{wanted}{number}"
            number += 1
        self.taken.add(name)
        return name
