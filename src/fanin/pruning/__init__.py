"""What is done with masks and cuts: scores, experiments, smaller networks. With `runtime` and `systems`, it has torch."""
