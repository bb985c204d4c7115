"""The typed graph: dimensions, types, operations on values, and the instances that own weights."""
