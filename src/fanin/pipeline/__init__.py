"""The story: source text → syntax tree → typed graph IR → facts → artefact, a file for each step.

Every command and every function of the package goes through here. Nothing up to drawing needs torch.
"""

from fanin.pipeline.artefacts import (
    batch,
    compare,
    compiled,
    draw,
    export,
    measure,
    paint,
    probe,
    show,
    show_document,
    show_training,
    signal,
    source,
    training_source,
)
from fanin.pipeline.checks import check, check_source, check_text
from fanin.pipeline.experiments import is_pruning, prune, resume_pruning
from fanin.pipeline.files import entries, format_text, load, models, standard_library
from fanin.pipeline.graphs import elaborate, elaborate_source, plan_pruning, recipe, thinned, training
from fanin.pipeline.once import prune_weights
from fanin.pipeline.planning import plan_costs
from fanin.pipeline.repairing import repair, roles
from fanin.pipeline.runs import resume, run_folder, search, smoke, stepper, train
from fanin.pipeline.shrinking import couple, shrink, smaller_spec
from fanin.pipeline.spreading import Spread

__all__ = [
    "Spread",
    "batch",
    "check",
    "check_source",
    "check_text",
    "compare",
    "compiled",
    "couple",
    "draw",
    "elaborate",
    "elaborate_source",
    "entries",
    "export",
    "format_text",
    "is_pruning",
    "load",
    "measure",
    "models",
    "paint",
    "plan_costs",
    "plan_pruning",
    "probe",
    "prune",
    "prune_weights",
    "recipe",
    "repair",
    "resume",
    "resume_pruning",
    "roles",
    "run_folder",
    "search",
    "show",
    "show_document",
    "show_training",
    "shrink",
    "signal",
    "smaller_spec",
    "smoke",
    "source",
    "standard_library",
    "stepper",
    "thinned",
    "train",
    "training",
    "training_source",
]
