"""The losses of the first ten steps of every network of bench/networks in PyTorch, as one JSON object.

python bench/peers/torch_curves.py > bench/networks/curves.json
"""
import json
import sys

import torch

from networks import NETWORKS, batches, gan_step, prepare

# Small batches where the network is large: the numbers are what counts here.
CURVE_BATCH = {"resnet20-b128": 16, "mnist-cnn-b128": 32, "wide-deep-b256": 64, "charlstm-b32-t64": 4,
               "textformer-b32-t64": 4}
STEPS = 10

torch.set_num_threads(1)
curves = {}
for name in sys.argv[1:] or NETWORKS:
    batch = CURVE_BATCH.get(name, NETWORKS[name][0])
    module, loss_of, make_optimizer = prepare(name)
    optimizer = make_optimizer(module)
    rounds = batches(name, batch)
    losses = []
    for step in range(STEPS):
        inputs = rounds[step % len(rounds)]
        if name.startswith("gan"):
            loss = gan_step(module, optimizer, *inputs)
        else:
            optimizer.zero_grad(set_to_none=True)
            loss = loss_of(module, *inputs)
            loss.backward()
            optimizer.step()
        losses.append(loss.item())
    curves[name] = {"batch": batch, "losses": losses}
print(json.dumps({"torch": torch.__version__, "curves": curves}, indent=1))
