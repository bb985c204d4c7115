"""Running systems: data goes in, weights move, and everything that matters is on disk at any moment."""
