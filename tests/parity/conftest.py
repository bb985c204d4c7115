"""Public models as references: they are optional, and a test that needs one says why it is skipped."""

from __future__ import annotations

from typing import Any

import pytest

_KEEP: list[Any] = []


def _torchvision() -> None:
    """Import torchvision. The wheel on PyPI is a CUDA build: beside a CPU torch its schemas are defined first."""
    torch = pytest.importorskip("torch")
    try:
        import torchvision
    except ImportError:
        pytest.skip("torchvision is not installed: pip install --no-deps torchvision")
    except RuntimeError:
        library = torch.library.Library("torchvision", "DEF")
        for op in ("nms", "qnms"):
            library.define(f"{op}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _KEEP.append(library)
        import torchvision  # noqa: F401


@pytest.fixture(scope="session")
def torchvision_models() -> Any:
    """``torchvision.models``."""
    _torchvision()
    import torchvision

    return torchvision.models


@pytest.fixture(scope="session")
def timm() -> Any:
    _torchvision()
    return pytest.importorskip("timm")


@pytest.fixture(scope="session")
def transformers() -> Any:
    _torchvision()
    return pytest.importorskip("transformers")


@pytest.fixture(scope="session")
def diffusers() -> Any:
    _torchvision()
    return pytest.importorskip("diffusers")


@pytest.fixture(scope="session")
def geometric() -> Any:
    """``torch_geometric.nn``."""
    return pytest.importorskip("torch_geometric.nn")
