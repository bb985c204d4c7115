"""Cells of recurrent networks: one step each, for `scan`."""
