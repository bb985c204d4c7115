"""Text from graphs and facts: PyTorch source, pictures, tables, JSON."""
