"""Which random changes a picture gets: the text ``shift2+rotate15+flip``, and which fields have them."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from fanin.data.address import Address, Option
from fanin.data.problems import DataFailed, failure, listed
from fanin.data.table import Data
from fanin.diagnostics.codes import DAT009
from fanin.diagnostics.suggest import nearest
from fanin.record import record

AMOUNTS: Final = {
    "shift": 1.0,
    "rotate": 15.0,
    "zoom": 0.1,
    "stretch": 0.33,
    "flip": 0.5,
    "crop": 0.5,
    "bright": 0.4,
    "contrast": 0.4,
    "colour": 0.4,
    "grey": 0.2,
    "noise": 0.05,
}
"""What is meant where no number stands behind a name; ``augment`` says what each is."""
_PART = re.compile(r"([a-z]+)(\d+(?:\.\d+)?)?")
_SHARES = {"flip", "crop", "grey"}  # from 0 to 1


@record
class Change:
    """``rotate15``: what is done, and how much."""

    name: str
    amount: float


def asked(address: Address) -> tuple[Option | None, bool]:
    """What an address wants done to pictures: ``augment=shift+rotate``, ``views=true``."""
    option = address.take("augment")
    return option, address.flag("views")


def changed(data: Data, wanted: Option | None, views: bool, address: Address) -> Data:
    """Data whose pictures are changed in each batch; with ``views`` there are two of each, ``one`` and ``two``.

    The parts that are held out keep their pictures, but for views. Raises DataFailed.
    """
    if wanted is None and not views:
        return data
    pictures = [n for n, a in data.fields.items() if a.ndim == 4 and data.kind(n).value == "float"]
    if not pictures:
        at = address.whole if wanted is None else wanted.span
        text = f"{data.name} has no pictures of floats, [N, C, H, W], to change"
        bytes_too = any(a.ndim == 4 and a.dtype == "uint8" for a in data.fields.values())
        helps = ["`scale=unit` makes floats of bytes"] if bytes_too else []
        raise failure(DAT009, text, at, "nothing to change", helps=helps)
    steps = _default(views) if wanted is None else parse(wanted)
    parts = {part: changed(own, wanted, views, address) if views else own for part, own in data.parts.items()}
    if "train" in parts and not views:
        parts["train"] = changed(replace(parts["train"], parts={}), wanted, views, address)
    if not views:
        return replace(data, augment=dict.fromkeys(pictures, steps), parts=parts)
    name = pictures[0]
    both = {"one": data[name], "two": data[name]}
    divide = {**data.divide, **(dict.fromkeys(both, data.divide[name]) if name in data.divide else {})}
    return replace(
        data,
        fields={**data.fields, **both},
        augment=dict.fromkeys(both, steps),
        views=frozenset(both),
        divide=divide,
        parts=parts,
    )


def parse(option: Option) -> tuple[Change, ...]:
    """The changes of a text. Raises DataFailed."""
    found = []
    for piece in option.text.split("+"):
        part = _PART.fullmatch(piece)
        if part is None or part[1] not in AMOUNTS:
            near = nearest(part[1] if part else piece, AMOUNTS)
            helps = [f"did you mean `{near}`?" if near else f"there are {listed(AMOUNTS)}"]
            raise failure(DAT009, f"`{piece}` is no change of a picture", option.value_span, "not known", helps=helps)
        amount = AMOUNTS[part[1]] if part[2] is None else float(part[2])
        if part[1] in _SHARES and amount > 1:
            raise _share(option, piece)
        found.append(Change(part[1], amount))
    return tuple(found)


def _share(option: Option, piece: str) -> DataFailed:
    return failure(DAT009, f"`{piece}` is a share, from 0 to 1", option.value_span, "too large")


def _default(views: bool) -> tuple[Change, ...]:
    """Of views: a window of another ratio in another light (Chen et al. 2020, section 3), weaker for small pictures."""
    names = ("crop", "stretch", "flip", "bright", "contrast", "colour", "grey") if views else ()
    return tuple(Change(n, AMOUNTS[n]) for n in names)
