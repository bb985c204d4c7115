"""What can be said of a graph before a weight exists."""
