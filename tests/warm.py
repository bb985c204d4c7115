"""What processes that are killed are forked of: all that a training and an experiment import has been used once."""

import os
import tempfile

import torch

import fanin

SPEC = """
system Fit()(x: [N, 4], label: int[N]) {
  net = Linear(3)
  loss ce = cross_entropy(net(x), label)
  train net on ce with adam()
}
prune Ticket of Fit { remove 20% at once }
"""

torch.set_num_threads(1)
with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "spec.arch")
    with open(path, "w", encoding="utf-8") as file:
        file.write(SPEC)
    fanin.train(path, "Fit", "iris", out=os.path.join(folder, "run"), steps=2, val=0.2, save_every=1)
    fanin.prune(path, "Ticket", "iris", out=os.path.join(folder, "ticket"), epochs=1, device="cpu")
