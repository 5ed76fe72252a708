"""Numbers that bench/networks/numbers.ts makes again bit for bit; see there."""
import numpy as np


def _unit(salt, count):
    h = (np.arange(count, dtype=np.uint64) + np.uint64((salt * 0x9E3779B9) & 0xFFFFFFFF)) & np.uint64(0xFFFFFFFF)
    h = ((h ^ (h >> np.uint64(16))) * np.uint64(0x85EBCA6B)) & np.uint64(0xFFFFFFFF)
    h = ((h ^ (h >> np.uint64(13))) * np.uint64(0xC2B2AE35)) & np.uint64(0xFFFFFFFF)
    return (h ^ (h >> np.uint64(16))).astype(np.float64) / 2.0**32


def uniform(salt, shape, low, high):
    """Floats in [low, high)."""
    count = int(np.prod(shape, dtype=np.int64))
    return (low + (high - low) * _unit(salt, count)).astype(np.float32).reshape(shape)


def integers(salt, shape, bound):
    """Whole numbers in [0, bound)."""
    count = int(np.prod(shape, dtype=np.int64))
    return np.floor(bound * _unit(salt, count)).astype(np.int64).reshape(shape)
