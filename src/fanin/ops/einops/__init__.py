"""Ops in einops' notation, printed as plain PyTorch."""
