"""One training step of PyTorch on the engine's cases over sequences, f32. Prints one JSON line a result, as bench/main.ts reads them.

Arguments: the names of the cases. THREADS (default 2) bounds the threads; COMPILE=0 leaves torch.compile out.
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

STEPS = 64
BATCH = 32


class CharLstm(nn.Module):
    """Two layers of LSTM that predict the next of 96 characters."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(96, 64)
        self.lstm = nn.LSTM(64, 128, 2, batch_first=True)
        self.out = nn.Linear(128, 96)

    def forward(self, x):
        return self.out(self.lstm(self.embedding(x))[0]).flatten(0, 1)


class Textformer(nn.Module):
    """Two transformer layers that sort texts into two classes."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(5000, 128)
        self.places = nn.Parameter(torch.randn(STEPS, 128) * 0.02)
        layer = nn.TransformerEncoderLayer(128, 4, 512, 0.0, batch_first=True, activation="gelu")
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.out = nn.Linear(128, 2)

    def forward(self, x):
        return self.out(self.encoder(self.embedding(x) + self.places).mean(1))


CASES = {
    # name: (model, tokens, classes, labels a batch)
    "charlstm-b32-t64": (CharLstm, 96, 96, BATCH * STEPS),
    "textformer-b32-t64": (Textformer, 5000, 2, BATCH),
}


def measure(name, system, compile_it, steps=20):
    make, tokens, classes, labels = CASES[name]
    model = make()
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    forward = torch.compile(model) if compile_it else model
    batches = [(torch.randint(0, tokens, (BATCH, STEPS)), torch.randint(0, classes, (labels,))) for _ in range(4)]

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


names = sys.argv[1:] or list(CASES)
for case in names:
    measure(case, "torch-eager", False)
for case in names:
    if os.environ.get("COMPILE") != "0":
        measure(case, "torch-compile", True)
