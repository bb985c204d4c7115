"""Folders of images, with pillow: a folder for each class, or ``train``, ``val`` and ``test`` with those in them."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from fanin.data.address import Address
from fanin.data.lazy import Items, lazy_fields
from fanin.data.problems import failure
from fanin.data.table import Array, Data
from fanin.diagnostics.codes import DAT002, DAT004, DAT007, DAT010

_ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm")
_IN_MEMORY = 1 << 30  # bytes up to which the images are read once, before training
_PARTS = ("train", "val", "test")


def open_folder(address: Address) -> Data:
    """``image`` [N, C, H, W], from 0 to 1, and ``label`` int[N], the number of the folder in the alphabet.

    ``channels`` is 1 or 3, ``size`` brings each image to a square (the shorter side scaled, the middle cut out).
    """
    try:
        from PIL import Image
    except ImportError:
        raise failure(
            DAT010,
            "a folder of images is read by pillow, which is not installed",
            address.span,
            "needs pillow",
            helps=["pip install 'fanin[data]'"],
        ) from None
    channels = int(address.choice("channels", "3", ("1", "3")))
    size = address.integer("size", 0, low=0)
    address.done()
    root = address.head
    inside = _folders(root)
    if "train" not in inside:
        return _part(address, Image, root, channels, size, None)
    kinds = tuple(_folders(os.path.join(root, "train")))
    for part in _PARTS:
        new = set(_folders(os.path.join(root, part)) if part in inside else ()) - set(kinds)
        if new:
            text = f"{os.path.join(root, part)} has the class `{min(new)}`, and train has not"
            raise failure(DAT002, text, address.span, "a class that nothing is trained on")
    parts = {p: _part(address, Image, os.path.join(root, p), channels, size, kinds) for p in _PARTS if p in inside}
    return replace(parts["train"], name=root, parts=parts)


def _part(address: Address, image: Any, root: str, channels: int, size: int, kinds: tuple[str, ...] | None) -> Data:
    kinds = tuple(_folders(root)) if kinds is None else kinds
    found = [(os.path.join(root, k, f), n) for n, k in enumerate(kinds) for f in _images(os.path.join(root, k))]
    found = found or [(os.path.join(root, f), -1) for f in _images(root)]
    if not found:
        text = f"{root} has no images"
        raise failure(DAT007, text, address.span, "empty", helps=[f"they end in {', '.join(_ENDINGS[:3])}, …"])
    paths = [path for path, _ in found]
    read = _reader(address, image, paths, channels, size)
    first = read(0)
    count = len(paths)
    labels = {"label": np.array([n for _, n in found], dtype=np.int64)} if found[0][1] >= 0 else {}
    classes = {"label": kinds} if labels else {}
    if first.nbytes * count > _IN_MEMORY:
        items = Items(root, count, lambda row: {"image": read(row)})
        return Data({**lazy_fields(items, {"image": first}), **labels}, root, classes, divide={"image": 255.0})
    pictures = np.empty((count, *first.shape), dtype=np.uint8)
    for row in range(count):
        one = read(row)
        if one.shape != first.shape:
            raise failure(
                DAT004,
                f"{paths[row]} is {one.shape[2]} x {one.shape[1]}, and {paths[0]} {first.shape[2]} x {first.shape[1]}",
                address.span,
                "images of several sizes",
                helps=[f"`:size={min(first.shape[1:])}` brings them to one size"],
            )
        pictures[row] = one
    return Data({"image": pictures, **labels}, root, classes, divide={"image": 255.0})


def _reader(address: Address, image: Any, paths: list[str], channels: int, size: int) -> Callable[[int], Array]:
    mode = "L" if channels == 1 else "RGB"

    def read(row: int) -> Array:
        try:
            with image.open(paths[row]) as opened:
                picture = opened.convert(mode)
                if size:
                    picture = _square(picture, size, image)
                array: Array = np.asarray(picture, dtype=np.uint8)
        except (OSError, ValueError, SyntaxError, image.DecompressionBombError) as error:
            text = str(error).split("\n", 1)[0][:200]
            raise failure(
                DAT002, f"{paths[row]} is no image that can be read", address.span, "in this folder", notes=[text]
            ) from None
        return array[None] if channels == 1 else np.ascontiguousarray(array.transpose(2, 0, 1))

    return read


def _square(picture: Any, size: int, image: Any) -> Any:
    wide, high = picture.size
    scale = size / min(wide, high)
    picture = picture.resize(
        (max(size, round(wide * scale)), max(size, round(high * scale))), image.Resampling.BILINEAR
    )
    left, top = (picture.size[0] - size) // 2, (picture.size[1] - size) // 2
    return picture.crop((left, top, left + size, top + size))


def _folders(root: str) -> list[str]:
    return sorted(n for n in os.listdir(root) if not n.startswith(".") and os.path.isdir(os.path.join(root, n)))


def _images(root: str) -> list[str]:
    try:
        names = os.listdir(root)
    except OSError:  # a class that a part lacks
        return []
    return sorted(n for n in names if n.lower().endswith(_ENDINGS) and not n.startswith("."))
