"""PyTorch's forward passes: `torch_forward.py NETWORK FOLDER` makes a network of torchvision with random weights,
leaves it as FOLDER/NETWORK.onnx beside pictures and what it answers for them in double precision
(NETWORK.safetensors), and prints one JSON line a measurement: eager, with channels last, and compiled, at batch 1 and 16, on two threads.
"""

import copy
import json
import pathlib
import sys
import time

import numpy as np
import torch
import torchvision

THREADS = 2
ROUNDS = 7
ROUND_S = 1.0
SIZES = {"inception_v3": 299, "mobilenet_v2": 224, "resnet50": 224}


def save_tensors(path, tensors):
    """The safetensors format: the length of a JSON header, the header, the bytes."""
    header, parts, at = {}, [], 0
    for name, value in tensors.items():
        data = np.ascontiguousarray(value.numpy())
        offsets = [at, at + data.nbytes]
        header[name] = {"dtype": "F32", "shape": list(data.shape), "data_offsets": offsets}
        parts.append(data.tobytes())
        at += data.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(len(text).to_bytes(8, "little") + text + b"".join(parts))


def timed(run):
    """Microseconds a call: the median of the rounds."""
    for _ in range(3):
        run()
    times = []
    for _ in range(ROUNDS):
        start, calls = time.perf_counter(), 0
        while True:
            run()
            calls += 1
            spent = time.perf_counter() - start
            if spent >= ROUND_S:
                break
        times.append(spent / calls * 1e6)
    return sorted(times)[ROUNDS // 2]


def settle(network, pictures):
    """Sets the statistics of normalisations to those of pictures: with the ones that it starts with, a deep network's
    activations fade, until its answer is its last bias whatever the picture, and comparing answers shows nothing."""
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 1.0
    network.train()
    with torch.no_grad():
        network(pictures)
    network.eval()


def main():
    name, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    label = name.replace("_", "-")
    torch.set_num_threads(THREADS)
    torch.manual_seed(1)
    options = {"aux_logits": False, "init_weights": False} if name == "inception_v3" else {}
    network = getattr(torchvision.models, name)(weights=None, **options)
    size = SIZES[name]
    inputs = {batch: torch.randn(batch, 3, size, size) for batch in (1, 16)}
    settle(network, inputs[16])
    with torch.inference_mode():
        tensors = {f"input{batch}": x for batch, x in inputs.items()}
        exact = copy.deepcopy(network).double()
        tensors.update({f"output{batch}": exact(x.double()).float() for batch, x in inputs.items()})
    save_tensors(folder / f"{label}.safetensors", tensors)
    torch.onnx.export(
        network, (inputs[1],), str(folder / f"{label}.onnx"), input_names=["input"], output_names=["output"],
        opset_version=17, dynamo=False, dynamic_axes={"input": {0: "batch"}, "output": {0: "batch"}},
    )
    plain, last = torch.contiguous_format, torch.channels_last
    with torch.inference_mode():
        for batch, x in inputs.items():
            for system, layout in (("torch-eager", plain), ("torch-channels-last", last)):
                network.to(memory_format=layout)
                given = x.contiguous(memory_format=layout)
                report(f"{label}-b{batch}", system, timed(lambda: network(given)))
            compiled = torch.compile(network.to(memory_format=plain))
            report(f"{label}-b{batch}", "torch-compile", timed(lambda: compiled(x)))


def report(case, system, value):
    print(json.dumps({"case": case, "system": system, "value": value, "unit": "us", "better": "lower"}), flush=True)


main()
