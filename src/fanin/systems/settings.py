"""How a run goes: everything about it that the spec does not say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from fanin.record import field, record

PRECISIONS = ("float32", "float64", "bfloat16", "float16")
DEVICES = ("auto", "cpu", "cuda")

_FREE = frozenset(["device", "save_every", "log_every", "tensorboard", "compile"])  # a resumed run may change these


@record
class Settings:
    """The settings of a run.

    ``epochs`` or ``steps`` is for how long a system without stages is trained. ``val`` and ``test`` are held out of the
    data: shares below 1, or numbers of rows. ``monitor`` is a measure of the validation data: the weights with the
    least of it are kept (the most, where it is a ``metric`` and ``highest`` is set), and ``patience`` ends a stage when
    so many epochs brought none better. ``log_every`` and ``save_every`` count steps; 0 saves at the ends of epochs
    alone. ``precision`` bfloat16 and float16 are mixed: the weights stay float32.
    """

    epochs: int | None = None
    steps: int | None = None
    batch_size: int = 64
    seed: int = 0
    val: float = 0.0
    test: float = 0.0
    stratify: str | None = None
    shuffle: bool = True
    drop_last: bool = False
    mapping: Mapping[str, str] = field(default_factory=dict)  # input: field of the data
    monitor: str | None = None
    highest: bool = False
    patience: int | None = None
    device: str = "auto"
    precision: str = "float32"
    compile: bool = False
    shard: bool = False
    log_every: int = 1
    save_every: int = 0
    tensorboard: bool = False

    def document(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    def differences(self, other: Settings) -> list[str]:
        """The settings in which another run would not be a continuation of this one."""
        mine, theirs = self.document(), other.document()
        return [name for name in mine if name not in _FREE and mine[name] != theirs[name]]
