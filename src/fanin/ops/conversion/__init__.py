"""From one kind of number to another."""
