"""One training step of PyTorch, f32, on a network of networks.py. Prints one JSON line a result, as bench/main.ts reads
them. Arguments: the network, and how (eager, channels-last, compile, sparse); without that, each in a process of its
own, so that its memory is its own. THREADS (default 2) bounds the threads.
"""
import json
import os
import resource
import statistics
import subprocess
import sys
import time

import torch

from networks import NETWORKS, batches, prepare

CHECKED = 10
ROUNDS = 5
ROUND_S = 1.5


def ways(name):
    yield "eager"
    if len(next(iter(NETWORKS[name][1].values()))[0]) == 3:
        yield "channels-last"
    if name == "wide-deep-b256":
        yield "sparse"
    yield "compile"


def measure(name, way):
    torch.set_num_threads(int(os.environ.get("THREADS", "2")))
    batch, _, _, loss_of, make_optimizer = NETWORKS[name]
    module, _, _ = prepare(name, **({"sparse": True} if way == "sparse" else {}))
    rounds = batches(name, batch)
    if way == "channels-last":
        module = module.to(memory_format=torch.channels_last)
        rounds = [(x.to(memory_format=torch.channels_last), *rest) for x, *rest in rounds]
    optimizer = make_optimizer(module)
    forward = torch.compile(module) if way == "compile" else module
    done = 0

    def step():
        nonlocal done
        optimizer.zero_grad(set_to_none=True)
        loss = loss_of(forward, *rounds[done % len(rounds)])
        loss.backward()
        optimizer.step()
        done += 1
        return loss

    losses = [step().item() for _ in range(CHECKED)]

    def timed(steps):
        begin = time.perf_counter()
        for _ in range(steps):
            loss = step()
        loss.item()
        return (time.perf_counter() - begin) / steps

    steps = max(4, min(20_000, round(ROUND_S / timed(CHECKED))))
    times = [timed(steps) for _ in range(ROUNDS)]
    system = f"torch-{way}"
    emit(name, system, statistics.median(times) * 1e6, "us", losses=losses)
    emit(f"{name}-memory", system, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, "bytes")


def emit(case, system, value, unit, **more):
    print(json.dumps(dict(case=case, system=system, value=value, unit=unit, better="lower", **more)), flush=True)


name = sys.argv[1]
if len(sys.argv) > 2:
    measure(name, sys.argv[2])
else:
    for way in ways(name):
        ended = subprocess.run([sys.executable, __file__, name, way], check=False)
        if ended.returncode != 0:
            print(f"torch-{way} could not train {name}.", file=sys.stderr)
