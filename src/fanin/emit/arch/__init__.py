"""A network written as a spec of its own: the language as an output."""

from fanin.emit.arch.parts import CannotWrite
from fanin.emit.arch.writer import write_spec

__all__ = ["CannotWrite", "write_spec"]
