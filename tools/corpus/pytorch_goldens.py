"""Writes the small files of torch.save that the tests of packages/formats read.

    python tools/corpus/pytorch_goldens.py packages/formats/goldens
"""

import sys
from collections import OrderedDict
from pathlib import Path

import torch


def tensors():
    """Each type that torch stores, and views that share a storage."""
    matrix = torch.arange(6, dtype=torch.float32).reshape(2, 3) / 8
    wide = torch.arange(24, dtype=torch.int32).reshape(2, 3, 4)
    return OrderedDict(
        matrix=matrix,
        turned=matrix.T,
        second_row=matrix[1],
        column=matrix[:, 1],
        every_other=wide[:, ::2, 1:],
        permuted=wide.permute(2, 0, 1),
        double=torch.tensor([1.5, -2.25], dtype=torch.float64),
        half=torch.tensor([1.5, -0.0, 65504, 2.0**-24, float("inf")], dtype=torch.float16),
        bfloat=torch.tensor([1.5, -3.0, 2.0**100], dtype=torch.bfloat16),
        long=torch.tensor([2**40, -1]),
        short=torch.tensor([-300, 300], dtype=torch.int16),
        char=torch.tensor([-3, 3], dtype=torch.int8),
        byte=torch.tensor([0, 255], dtype=torch.uint8),
        flags=torch.tensor([True, False]),
        scalar=torch.tensor(0.5),
        empty=torch.zeros(0, 3),
        parameter=torch.nn.Parameter(torch.ones(2)),
    )


def checkpoint():
    """What training scripts save: a module's state, an optimizer's, and numbers beside them."""
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Linear(2, 1), torch.nn.BatchNorm1d(1))
    optimizer = torch.optim.Adam(module.parameters())
    module(torch.ones(3, 2)).sum().backward()
    optimizer.step()
    with torch.no_grad():
        module[0].weight.copy_(torch.tensor([[0.25, 0.5]]))
    return {"epoch": 3, "state_dict": module.state_dict(), "optimizer": optimizer.state_dict()}


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    torch.save(tensors(), folder / "tensors.pt")
    torch.save(tensors(), folder / "tensors_legacy.pth", _use_new_zipfile_serialization=False)
    torch.save(checkpoint(), folder / "checkpoint.pt")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
