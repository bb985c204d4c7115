"""The words of training with their arguments: optimisers, schedules of the learning rate, options of a step.

The arguments of an optimiser are those of ``torch.optim``, with its defaults.
"""

from __future__ import annotations

from typing import Any


class Needed:
    """Stands where an argument has no default."""

    def __repr__(self) -> str:
        return "needed"


NEEDED = Needed()

TAGS: dict[str, str] = {"generative": "sample", "density": "log_prob"}
"""What a declaration of such a tag offers: what a generative model can do and a classifier cannot."""
LIKELIHOODS = ("gaussian", "laplace", "bernoulli", "categorical", "poisson")
"""Laws that an author may say of an output: what a target is drawn from, given it."""
ROLES = ("stability", "expressive")
"""What a part may be for."""
EDGES: dict[str, bool] = {"binary": True, "distance": True, "directed": False, "signed": False, "free": False}
"""What an author may say of the edges of a graph, and whether its spectrum is that of a Laplacian: they are there or
not, or have a length, both ways alike; they lead one way; they may be below 0; they are anything, a row of features."""

_ADAM: dict[str, Any] = {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.0}

OPTIMISERS: dict[str, dict[str, Any]] = {
    "adadelta": {"lr": 1.0, "rho": 0.9, "eps": 1e-6, "weight_decay": 0.0},
    "adafactor": {"lr": 1e-2, "beta2_decay": -0.8, "d": 1.0, "weight_decay": 0.0},
    "adagrad": {"lr": 1e-2, "lr_decay": 0.0, "weight_decay": 0.0, "initial_accumulator_value": 0.0, "eps": 1e-10},
    "adam": {**_ADAM, "amsgrad": False},
    "adamax": {**_ADAM, "lr": 2e-3},
    "adamw": {**_ADAM, "weight_decay": 1e-2, "amsgrad": False},
    "asgd": {"lr": 1e-2, "lambd": 1e-4, "alpha": 0.75, "t0": 1e6, "weight_decay": 0.0},
    "lamb": {**_ADAM, "eps": 1e-6},
    "lars": {"lr": NEEDED, "momentum": 0.9, "weight_decay": 0.0, "trust": 1e-3, "eps": 1e-8},
    "lbfgs": {"lr": 1.0, "max_iter": 20, "tolerance_grad": 1e-7, "tolerance_change": 1e-9, "history_size": 100},
    "muon": {"lr": 1e-3, "weight_decay": 0.1, "momentum": 0.95, "nesterov": True, "eps": 1e-7, "ns_steps": 5},
    "nadam": {**_ADAM, "lr": 2e-3, "momentum_decay": 4e-3, "decoupled_weight_decay": False},
    "radam": {**_ADAM, "decoupled_weight_decay": False},
    "rmsprop": {"lr": 1e-2, "alpha": 0.99, "eps": 1e-8, "weight_decay": 0.0, "momentum": 0.0, "centered": False},
    "rprop": {"lr": 1e-2, "etas": (0.5, 1.2), "step_sizes": (1e-6, 50.0)},
    "sgd": {"lr": 1e-3, "momentum": 0.0, "dampening": 0.0, "weight_decay": 0.0, "nesterov": False},
    "sparseadam": {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8},
}

SCHEDULES: dict[str, dict[str, Any]] = {
    "constant": {"warmup": 0},
    "linear": {"warmup": 0, "after": 0, "to": 0.0},
    "cosine": {"warmup": 0, "to": 0.0},
    "step": {"at": [], "every": 0, "factor": 0.1, "warmup": 0},
    "exponential": {"factor": NEEDED, "warmup": 0},
    "inverse_sqrt": {"warmup": NEEDED},
}

OPTIONS: dict[str, dict[str, Any]] = {
    "every": {"k": NEEDED},
    "clip": {"norm": NEEDED},
    "accumulate": {"k": NEEDED},
    "decay": {},  # takes any number of paths
}

# What a value may be, by name; the others only have to be 0 or more.
POSITIVE = frozenset(
    [
        "lr",
        "eps",
        "k",
        "norm",
        "max_iter",
        "history_size",
        "ns_steps",
        "factor",
        "trust",
        "d",
        "t0",
        "n",
        "m",
        "rows",
        "columns",
        "samples",
        "rounds",
    ]
)
FRACTIONS = frozenset(["betas", "momentum", "dampening", "rho", "alpha", "to"])  # 0 or more, below 1
WHOLE = frozenset(
    [
        "k",
        "warmup",
        "after",
        "every",
        "max_iter",
        "history_size",
        "ns_steps",
        "n",
        "m",
        "rows",
        "columns",
        "samples",
        "rounds",
    ]
)
SIGNED = frozenset(["beta2_decay"])

UNITS = ("epochs", "steps")
