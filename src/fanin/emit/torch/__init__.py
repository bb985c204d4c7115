"""The PyTorch source writer: a program as a standalone module. Runs without torch."""
