"""The folder of a run: everything to understand it, to use what came out of it, and to go on with it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

from fanin.systems import checkpoint
from fanin.systems.journal import Row
from fanin.systems.problems import RunFailed

DOCUMENT, PROGRAM, WEIGHTS, CURVES = "run.json", "system.py", "weights.safetensors", "curves.svg"
VERSION = 1


class Folder:
    """``run.json`` says what was run, ``spec/`` has the files of the spec, ``system.py`` the program that trains it."""

    def __init__(self, path: str) -> None:
        self.path = path

    @property
    def checkpoints(self) -> str:
        return os.path.join(self.path, "checkpoints")

    def create(self, document: Mapping[str, Any], program: str, specs: Mapping[str, str]) -> None:
        """Make it. Raises RunFailed where there is something already."""
        try:
            os.makedirs(self.path, exist_ok=True)
            if os.listdir(self.path):
                raise RunFailed(
                    f"{self.path} is not empty",
                    help=f"choose another folder, or go on with `fanin train --resume {self.path}`",
                )
        except OSError as error:
            raise RunFailed(f"{self.path} cannot be written: {error.strerror or error}") from None
        self.renew(document, program, specs)

    def renew(self, document: Mapping[str, Any], program: str, specs: Mapping[str, str]) -> None:
        """Say anew what is run in it: the document comes last, and with it the folder is one of a run."""
        try:
            for name, text in specs.items():
                os.makedirs(os.path.dirname(os.path.join(self.path, "spec", name)), exist_ok=True)
                self._write(os.path.join("spec", name), text)
            self._write(PROGRAM, program)
            self._write(DOCUMENT, json.dumps({"version": VERSION, **document}, indent=2) + "\n")
        except OSError as error:
            raise RunFailed(f"{self.path} cannot be written: {error.strerror or error}") from None

    @property
    def begun(self) -> bool:
        """Whether it is a folder of a run already."""
        return os.path.exists(os.path.join(self.path, DOCUMENT))

    def document(self) -> dict[str, Any]:
        """What was run. Raises RunFailed for a folder that is none of a run."""
        path = os.path.join(self.path, DOCUMENT)
        try:
            with open(path, encoding="utf-8") as file:
                found: dict[str, Any] = json.load(file)
        except (OSError, ValueError):
            raise RunFailed(f"{self.path} is no folder of a run", help=f"it would have a {DOCUMENT}") from None
        if found.get("version") != VERSION:
            raise RunFailed(f"{path} is of version {found.get('version')}, and this fanin reads version {VERSION}")
        return found

    def program(self) -> str:
        """The printed program that the run was begun with."""
        try:
            with open(os.path.join(self.path, PROGRAM), encoding="utf-8") as file:
                return file.read()
        except OSError as error:
            raise RunFailed(f"{self.path} has no {PROGRAM} that can be read: {error.strerror}") from None

    def state(self) -> dict[str, Any] | None:
        """What the latest checkpoint has; one that is damaged is passed over. None where there is none."""
        names = checkpoint.finished(self.checkpoints)
        problem: Exception | None = None
        for name in reversed(names):
            try:
                return checkpoint.load(os.path.join(self.checkpoints, name))
            except (OSError, ValueError, KeyError) as error:
                problem = problem or error
        if problem is not None:
            raise RunFailed(f"no checkpoint in {self.checkpoints} can be read: {problem}")
        return None

    def kept(self) -> str:
        """Where a run that ends here can go on, as the end of a sentence."""
        found = checkpoint.last(self.checkpoints)
        if found is None:
            return ""
        step = int(os.path.basename(found).removeprefix("step-"))
        return f"; step {step} is kept: `fanin train --resume {self.path}`"

    def save_weights(self, state: Mapping[str, Any]) -> None:
        """The weights of the trained system, under the names of its ``state_dict``."""
        from safetensors.torch import save_file

        path = os.path.join(self.path, WEIGHTS)
        tensors = {}
        for name, tensor in state.items():
            tensors[name] = tensor.detach().to("cpu", copy=True).contiguous()  # tied ones are written twice
        try:
            save_file(tensors, f"{path}.new")
            os.replace(f"{path}.new", path)
        except OSError as error:
            raise RunFailed(f"{path} cannot be written: {error.strerror or error}{self.kept()}") from None

    def draw_curves(self, train: Sequence[Row], validation: Sequence[Row], title: str) -> None:
        """The measures over the steps as a picture, where matplotlib is there."""
        try:
            from fanin.emit.plots import training_plot
        except ImportError:
            return
        training_plot(train, validation, os.path.join(self.path, CURVES), title)

    def _write(self, name: str, text: str) -> None:
        checkpoint.write_file(os.path.join(self.path, name), text.encode())


def unused(base: str) -> str:
    """``runs/gan``, or ``runs/gan-2`` where there is one."""
    number, path = 1, base
    while os.path.exists(path):
        number += 1
        path = f"{base}-{number}"
    return path
