"""Writes HDF5 files whose weights are said to lie elsewhere, for the tests that refuse them.

    python tools/corpus/hostile_hdf5.py packages/formats/goldens/keras
"""

import json
import sys
from pathlib import Path

import h5py
import numpy as np


def small(path, make_kernel):
    """A dense layer of 2 by 3 without a bias, as Keras writes it; its kernel is made by the caller."""
    dense = {"name": "d", "units": 3, "use_bias": False, "batch_input_shape": [None, 2]}
    layers = [{"class_name": "Dense", "config": dense}]
    config = {"class_name": "Sequential", "config": {"name": "s", "layers": layers}}
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = json.dumps(config)
        group = file.create_group("model_weights/d")
        group.attrs["weight_names"] = np.asarray([b"d/kernel:0"])
        make_kernel(group, "d/kernel:0")


def elsewhere(group, name):
    group.create_dataset(name, (2, 3), "float32", external=[("/etc/passwd", 0, 24)])


def typed(group, name):
    """The numbers are what somebody types, where a reader opens the process' own input."""
    group.create_dataset(name, (2, 3), "float32", external=[("/dev/stdin", 0, 24)])


def virtual(group, name):
    layout = h5py.VirtualLayout((2, 3), "float32")
    layout[:] = h5py.VirtualSource("/etc/passwd", "kernel", (2, 3))
    group.create_virtual_dataset(name, layout)


def chunked(group, name):
    """One chunk of 4 MB, none of which is in the file."""
    group.create_dataset(name, (2, 3), "float32", chunks=(1000, 1000), maxshape=(None, None))


def main(folder):
    for make in [elsewhere, typed, virtual, chunked]:
        small(folder / f"hostile_{make.__name__}.h5", make)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
