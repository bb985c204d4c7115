"""The ops: one file each, with everything the compiler asks of them. ``registry`` finds them by name."""
