"""How the laws of tensors and of gradients pass an op: one class for each kind of op, forwards and backwards."""
