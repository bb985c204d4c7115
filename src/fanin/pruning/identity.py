"""What an experiment is, as a hash: what its bits follow from, and nothing else.

It is taken of the elaborated spec, so comments, layout and the order of declarations don't matter; what has its default
is left out, so an option that is added later changes no hash. Who asks for more seeds, control runs or measures asks
for more of the same experiment.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass, replace
from hashlib import sha256
from typing import Any

from fanin.data.stream import Stream
from fanin.data.table import Data, fingerprint
from fanin.emit.document import content
from fanin.ir.experiment import CRITERIA, UNITS, Experiment
from fanin.ir.recipe import Setting, System, Target
from fanin.ir.rules import OPTIMISERS, OPTIONS, SCHEDULES
from fanin.record import record
from fanin.systems.settings import Settings

ENGINE = 1
"""Raised by whoever changes the bits that come out of an experiment."""

_WORDS = (OPTIMISERS, SCHEDULES, OPTIONS, CRITERIA, UNITS)
_UNSAID = {"criterion": ["magnitude"], "unit": ["weight"], "scope": "global", "rewind": ["start", 0]}
_EACH = ("of", "name", "seeds", "controls", "measures", "expected")  # of an experiment, not of one of its trainings
_ALIKE = frozenset(
    ["device", "save_every", "log_every", "tensorboard", "compile", "mapping", "stability", "one_by_one"]
)


@record
class Identity:
    """Hashes of the spec with the settings, and of the data, as 16 letters each; the version of the engine."""

    spec: str
    data: str
    engine: int = ENGINE

    def replica(self, seed: int) -> str:
        """Of what one seed gives."""
        return _hash([self.spec, self.data, seed, self.engine])

    def document(self) -> dict[str, Any]:
        """For JSON."""
        return {"spec": self.spec, "data": self.data, "engine": self.engine}

    def differences(self, other: Mapping[str, Any]) -> list[str]:
        """What it is that differs from the document of another."""
        return [name for name in ("spec", "data", "engine") if getattr(self, name) != other.get(name)]

    def __str__(self) -> str:
        return f"identity: spec {self.spec}, data {self.data}, engine {self.engine}"


def identity(experiment: Experiment, parts: Mapping[str, Data | Stream], settings: Settings) -> Identity:
    """The identity of an experiment on data that is cut and bound to its inputs."""
    return Identity(spec_hash(experiment, settings), data_hash(parts))


def spec_hash(experiment: Experiment, settings: Settings) -> str:
    """Of all that is written of an experiment, its system and its settings."""
    of = experiment.of
    said: dict[str, Any] = {f.name: plain(getattr(experiment, f.name)) for f in fields(experiment) if f.name != "span"}
    said = {k: v for k, v in said.items() if k not in _EACH and v not in (None, False, [], _UNSAID.get(k))}
    if isinstance(of, System):
        network: Any = content(replace(of.program, graph=of.graph))
        recipe = ("trains", "stages", "followers", "ramps")
        said["recipe"] = {name: plain(getattr(of, name)) for name in recipe if getattr(of, name)}
        said["measures"] = [[m.name, m.kind] for m in of.measures]
    else:
        network = content(of)
    run = {k: v for k, v in plain(settings).items() if k not in _ALIKE}
    return _hash([said, _unplaced(network), run])


def data_hash(parts: Mapping[str, Data | Stream]) -> str:
    """Of the rows of each part; of data without a length, of its name and its first sample."""
    own = {n: [d.name, fingerprint(d.head)] if isinstance(d, Stream) else fingerprint(d) for n, d in parts.items()}
    return _hash(own)


def plain(value: Any) -> Any:
    """Anything of a recipe as JSON has it, without places in a file and without what is as by default."""
    if isinstance(value, Setting):
        usual = next((words[value.name] for words in _WORDS if value.name in words), {})
        given = {name: plain(v) for name, v in value.args if name not in usual or usual[name] != v}
        return [value.name, given] if given else [value.name]
    if isinstance(value, Target):
        return value.path
    if is_dataclass(value) and not isinstance(value, type):
        found = {}
        for f in fields(value):
            own = getattr(value, f.name)
            default = f.default_factory() if f.default_factory is not MISSING else f.default
            unsaid = own is None or own is False or own == () if default is MISSING else own == default
            if f.name != "span" and not unsaid:
                found[f.name] = plain(own)
        return found
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [plain(item) for item in value]
    return value


def _unplaced(value: Any) -> Any:
    """A document of a program without places, comments and the names of what is computed on the way."""
    if isinstance(value, dict):
        return {
            key: item if key == "attrs" else _unplaced(item)
            for key, item in value.items()
            if key not in ("at", "doc", "names")
        }
    return [_unplaced(item) for item in value] if isinstance(value, list) else value


def _hash(value: Any) -> str:
    return sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()[:16]
