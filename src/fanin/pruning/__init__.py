"""What is done with masks and cuts: scores, smaller networks and their weights. It has torch, as `runtime` has."""
