"""The data sets that scikit-learn carries in its package: nothing is downloaded."""

from __future__ import annotations

from typing import Any

import numpy as np

from fanin.data.address import Address
from fanin.data.problems import failure
from fanin.data.scaling import scaled
from fanin.data.table import Data
from fanin.diagnostics.codes import DAT010

BUNDLED = {
    "digits": "handwritten digits: 1,797 images of 8 x 8, 10 classes",
    "iris": "flowers: 150 rows of 4 measures, 3 classes",
    "wine": "wines: 178 rows of 13 measures, 3 classes",
    "breast_cancer": "tumours: 569 rows of 30 measures, 2 classes",
    "diabetes": "patients: 442 rows of 10 measures, and a number to predict",
    "linnerud": "athletes: 20 rows of 3 exercises, and 3 numbers to predict",
}
"""Name and what it is."""


def open_bundled(address: Address) -> Data:
    """``digits`` has ``image`` [N, 1, 8, 8] (``flat=true``: ``x`` [N, 64]), the others ``x`` [N, D]; then ``label``
    int[N] or ``y``. ``scale`` is ``unit`` (the default of images: 0 to 1), ``standard`` or ``none`` (of tables)."""
    try:
        from sklearn import datasets
    except ImportError:
        raise failure(
            DAT010,
            f"`{address.head}` comes with scikit-learn, which is not installed",
            address.span,
            "a set of scikit-learn's",
            helps=["pip install 'fanin[data]'"],
        ) from None
    name = address.head
    images = name == "digits"
    flat = address.flag("flat") if images else True
    scale = address.choice("scale", "unit" if images else "none", ("unit", "standard", "none"))
    address.done()
    loaded: Any = getattr(datasets, f"load_{name}")()
    x = np.asarray(loaded["data"], dtype=np.float64)
    x = x / 16.0 if images and scale == "unit" else x
    fields = {"x" if flat else "image": x if flat else x.reshape(-1, 1, 8, 8)}
    target = np.asarray(loaded["target"])
    labels = "target_names" in loaded and target.dtype.kind in "iu"
    fields["label" if labels else "y"] = target.astype(np.int64) if labels else target.astype(np.float64)
    classes = {"label": tuple(map(str, loaded["target_names"]))} if labels else {}
    data = Data(fields, name, classes)
    if scale == "standard" or (scale == "unit" and not images):
        return scaled(data, next(iter(fields)), scale)
    return data
