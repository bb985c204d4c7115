"""Pooling over windows, and over as many windows as wanted."""
