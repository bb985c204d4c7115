"""Complex numbers: their parts, and made of two floats."""
