"""``fanin new``: a starter file."""

from __future__ import annotations

import os
import re

import click

from fanin.cli import exits, options
from fanin.cli.files import write_text
from fanin.cli.output import err, write_json

STARTER = """\
# A small convolutional network for 8 x 8 images of digits.
#
#   fanin check {file}              finds mistakes, without running anything
#   fanin draw {file} -o net.svg    draws it
#   fanin compile {file} -o net.py  writes it as PyTorch

## One residual block: two convolutions, and the input added to what they give.
block Residual(width: int)(x: [N, width, H, W]) {{
  h = x
    -> conv1: Conv2d(width, 3, padding=1, bias=false) -> norm1: BatchNorm2d() -> relu
    -> conv2: Conv2d(width, 3, padding=1, bias=false) -> norm2: BatchNorm2d()
  return relu(x + h)
}}

## Classifies grey images. `-p width=32` makes it wider.
model {model}(classes: int = 10, width: int = 16)(image: [N, 1, 8, 8]) -> [N, classes] {{
  return image
    -> stem: Conv2d(width, 3, padding=1) -> relu
    -> blocks: 2 * Residual(width)
    -> max_pool2d(2)  # [N, width, 4, 4]
    -> flatten(1)
    -> dropout(0.1)
    -> head: Linear(classes)
}}
"""


@click.command("new", short_help="Write a starter file.")
@click.argument("name")
@options.as_json
def command(name: str, as_json: bool) -> None:
    """Write NAME.arch, a small network to change: a digits classifier with comments."""
    path = name if name.endswith(".arch") else f"{name}.arch"
    file = os.path.basename(path)
    model = model_name(file.removesuffix(".arch"))
    if not model:
        raise exits.Failure(f"`{name}` has no letter to name a model after", "fanin new digits")
    if os.path.lexists(path):
        raise exits.Failure(f"{path} exists, and is left as it is", "choose another name")
    folder = os.path.dirname(path)
    if folder and not os.path.isdir(folder):
        raise exits.Failure(f"there is no folder {folder}", f"mkdir {folder}")
    shown = f'"{path}"' if re.search(r"\s", path) else path
    write_text(path, STARTER.format(file=shown, model=model))
    if as_json:
        write_json({"file": path, "model": model})
    else:
        err(f"wrote {path}, with a model {model}\n\nnext: fanin check {shown}\n      fanin draw {shown}\n")


def model_name(stem: str) -> str:
    """``my-net`` gives ``MyNet``; a name in the language is ASCII and begins with a letter."""
    words = [word for word in re.split(r"[^A-Za-z0-9]+", stem) if word]
    name = "".join(word[0].upper() + word[1:] for word in words)
    if name and not re.search("[A-Za-z]", name):
        return ""
    return name if name[:1].isalpha() or not name else f"Net{name}"
