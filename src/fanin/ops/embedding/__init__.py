"""Tables looked up by index."""
