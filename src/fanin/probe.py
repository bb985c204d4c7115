"""What a network does, measured: ``fanin.probe.jacobian(net, x)`` and the like. Importing it imports torch.

What is said of a network before a weight exists is ``fanin.signal``; these look at weights as they are.
"""

from __future__ import annotations

from fanin.runtime.probes.adversarial import Attack, adversarial
from fanin.runtime.probes.baseline import Baseline, freeze_all_but, random_baseline
from fanin.runtime.probes.curvature import Curvature, curvature, hessian_product
from fanin.runtime.probes.features import Features, decorrelation, features
from fanin.runtime.probes.gradients import Gradient, gradients
from fanin.runtime.probes.jacobian import Jacobian, jacobian, jacobian_matrix
from fanin.runtime.probes.prior import Prior, prior
from fanin.runtime.probes.reconstruction import reconstruction
from fanin.runtime.probes.spectrum import Spectrum, spectrum
from fanin.runtime.probes.taps import Taps, taps
from fanin.runtime.probes.usage import Recorder, Usage, usage

__all__ = [
    "Attack",
    "Baseline",
    "Curvature",
    "Features",
    "Gradient",
    "Jacobian",
    "Prior",
    "Recorder",
    "Spectrum",
    "Taps",
    "Usage",
    "adversarial",
    "curvature",
    "decorrelation",
    "features",
    "freeze_all_but",
    "gradients",
    "hessian_product",
    "jacobian",
    "jacobian_matrix",
    "prior",
    "random_baseline",
    "reconstruction",
    "spectrum",
    "taps",
    "usage",
]
