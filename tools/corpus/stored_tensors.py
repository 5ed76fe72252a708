"""Writes tensors as other scripts of this folder and main.ts read them."""

import json

import numpy as np


def save_tensors(path, tensors):
    """The safetensors format: the length of a JSON header, the header, the bytes."""
    kinds = {"float32": "F32", "int64": "I64", "int32": "I32", "bool": "BOOL", "uint8": "U8"}
    header, parts, at = {}, [], 0
    for name, array in tensors.items():
        data = np.ascontiguousarray(array)
        header[name] = {
            "dtype": kinds[str(data.dtype)],
            "shape": list(data.shape),
            "data_offsets": [at, at + data.nbytes],
        }
        parts.append(data.tobytes())
        at += data.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(len(text).to_bytes(8, "little") + text + b"".join(parts))
