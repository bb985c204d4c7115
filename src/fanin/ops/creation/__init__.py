"""Tensors made from nothing."""
