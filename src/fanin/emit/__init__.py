"""Text from graphs and facts: PyTorch source, drawings, documents."""
