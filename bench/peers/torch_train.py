"""One training step of PyTorch on the engine's cases, f32. Prints one JSON line a result, as bench/main.ts reads them.

Arguments: the names of the cases. THREADS (default 2) bounds the threads.
"""
import json
import os
import resource
import statistics
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)
torch.set_num_threads(int(os.environ.get("THREADS", "2")))


class Cnn(nn.Module):
    """conv32 - pool - conv64 - pool - dense128 - dense10 on 28 x 28 grey pictures."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(1, 32, 3)
        self.second = nn.Conv2d(32, 64, 3)
        self.dense = nn.Linear(1600, 128)
        self.out = nn.Linear(128, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.first(x)), 2)
        x = F.max_pool2d(F.relu(self.second(x)), 2)
        return self.out(F.relu(self.dense(x.flatten(1))))


CASES = {
    # name: (model, shape of a picture, batch, steps a repetition)
    "mlp-b32": (lambda: nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10)), (784,), 32, 500),
    "mnist-cnn-b128": (Cnn, (1, 28, 28), 128, 20),
}


def measure(name, system, change, compile_it):
    make, shape, batch, steps = CASES[name]
    model = change(make())
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    forward = torch.compile(model) if compile_it else model
    batches = [(torch.randn(batch, *shape), torch.randint(0, 10, (batch,))) for _ in range(4)]
    if len(shape) == 3:
        batches = [(change(x), y) for x, y in batches]

    def step(i):
        x, y = batches[i % 4]
        optimizer.zero_grad(set_to_none=True)
        loss = F.cross_entropy(forward(x), y)
        loss.backward()
        optimizer.step()
        return loss

    for i in range(5):
        step(i)
    times = []
    for _ in range(5):
        begin = time.perf_counter()
        for i in range(steps):
            loss = step(i)
        loss.item()
        times.append((time.perf_counter() - begin) / steps * 1e6)
    emit(name, system, statistics.median(times), "us")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    emit(f"{name}-memory", system, peak, "bytes")


def emit(case, system, value, unit):
    print(json.dumps(dict(case=case, system=system, value=value, unit=unit, better="lower")), flush=True)


for case in sys.argv[1:] or CASES:
    measure(case, "torch-eager", lambda thing: thing, False)
    if len(CASES[case][1]) == 3:
        measure(case, "torch-channels-last", lambda thing: thing.to(memory_format=torch.channels_last), False)
