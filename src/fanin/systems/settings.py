"""How a run goes: everything about it that the spec does not say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from fanin.record import field, record
from fanin.systems.problems import RunFailed

PRECISIONS = ("float32", "float64", "bfloat16", "float16")

_FREE = frozenset(["device", "save_every", "log_every", "tensorboard", "compile"])  # a resumed run may change these


@record
class Settings:
    """The settings of a run.

    ``epochs`` or ``steps`` is for how long a system without stages is trained. ``batch_size`` None is all rows at once.
    ``val`` and ``test`` are held out of the data: shares below 1, or numbers of rows. ``mapping`` says which field of
    the data an input is. ``weights`` are files for parts of the system, by their paths: of
    ``{"encoder": "simclr.safetensors:encoder"}`` it takes what is below ``encoder`` there. ``monitor`` is a measure of
    the validation data: the weights with the least of it are kept (with ``highest`` the most), and ``patience`` ends a
    stage when so many epochs brought none better. ``log_every`` and ``save_every`` count steps; with 0 a checkpoint is
    taken at ends of epochs. ``shard`` has each of several processes hold a part of the weights (FSDP2). ``precision``
    bfloat16 and float16 are mixed: the weights stay float32.
    """

    epochs: int | None = None
    steps: int | None = None
    batch_size: int | None = 64
    seed: int = 0
    val: float = 0.0
    test: float = 0.0
    stratify: str | None = None
    shuffle: bool = True
    drop_last: bool = False
    mapping: Mapping[str, str] = field(default_factory=dict)
    weights: Mapping[str, str] = field(default_factory=dict)
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
    overfit: int | None = None  # so many batches are all the data
    smoke: bool = False  # two steps of each stage
    stability: bool = False  # of a pruning: each training a second time, with other random numbers
    one_by_one: bool = False  # of a pruning: seeds and controls one after another, with the same bits

    def document(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    def differences(self, other: Settings) -> list[str]:
        """The settings in which another run would not be a continuation of this one."""
        mine, theirs = self.document(), other.document()
        return [name for name in mine if name not in _FREE and mine[name] != theirs[name]]


def settings_of(given: Mapping[str, Any]) -> Settings:
    """Settings by name. Raises RunFailed for a name or a number that can't be meant."""
    from fanin.diagnostics.suggest import did_you_mean

    known = {f.name for f in fields(Settings)}
    for name in given:
        if name not in known:
            raise RunFailed(f"there is no setting `{name}`{did_you_mean(name, sorted(known))}")
    made = Settings(**given)
    for name in ("epochs", "steps", "batch_size", "patience", "log_every"):
        value = getattr(made, name)
        if value is not None and value < 1:
            raise RunFailed(f"`{name}` is 1 or more, not {value}")
    if made.epochs is not None and made.steps is not None:
        raise RunFailed("`epochs` and `steps` are both given", help="leave out one of them")
    if made.precision not in PRECISIONS:
        raise RunFailed(f"there is no precision `{made.precision}`", help=f"there are: {', '.join(PRECISIONS)}")
    return made
