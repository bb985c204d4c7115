"""Running what was emitted. The only package, with those built on it, that imports torch."""
