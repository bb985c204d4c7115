"""The version of fanin that is running."""

from __future__ import annotations


def version() -> str:
    """From the package, else from the metadata of the installation, which takes longer to find."""
    import fanin

    if known := getattr(fanin, "__version__", None):
        return str(known)
    from importlib import metadata

    try:
        return metadata.version("fanin")
    except metadata.PackageNotFoundError:
        return "unknown (not installed)"
