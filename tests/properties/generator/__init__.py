"""Random specs, and an interpreter of them that shares nothing with the compiler's elaborator.

``spec`` is the representation and its text, ``build`` makes random ones, ``operations`` makes uses of the ops of the
registry, and ``unchecked`` runs a spec in torch with no check before.
"""
