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


class Block(nn.Module):
    def __init__(self, channels, filters, stride):
        super().__init__()
        self.first = nn.Conv2d(channels, filters, 3, stride, 1, bias=False)
        self.first_norm = nn.BatchNorm2d(filters)
        self.second = nn.Conv2d(filters, filters, 3, 1, 1, bias=False)
        self.second_norm = nn.BatchNorm2d(filters)
        self.side = nn.Identity()
        if channels != filters:
            self.side = nn.Sequential(nn.Conv2d(channels, filters, 1, stride, bias=False), nn.BatchNorm2d(filters))

    def forward(self, x):
        h = self.second_norm(self.second(F.relu(self.first_norm(self.first(x)))))
        return F.relu(h + self.side(x))


def resnet20():
    """ResNet-20 for pictures of 32 x 32 (He et al., 2015, section 4.2), with projections where the size changes."""
    layers = [nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()]
    channels = 16
    for filters, stride in ((16, 1), (32, 2), (64, 2)):
        for i in range(3):
            layers.append(Block(channels, filters, stride if i == 0 else 1))
            channels = filters
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


def adam(parameters):
    return torch.optim.Adam(parameters, 1e-3)


def momentum(parameters):
    return torch.optim.SGD(parameters, 0.01, momentum=0.9)


CASES = {
    # name: (model, shape of a picture, batch, steps a repetition, optimizer)
    "mlp-b32": (lambda: nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10)), (784,), 32, 500, adam),
    "mnist-cnn-b128": (Cnn, (1, 28, 28), 128, 20, adam),
    "resnet20-b128": (resnet20, (3, 32, 32), 128, 4, momentum),
}


def measure(name, system, change, compile_it):
    make, shape, batch, steps, optimize = CASES[name]
    model = change(make())
    optimizer = optimize(model.parameters())
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
