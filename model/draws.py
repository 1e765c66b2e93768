"""Random draws that depend only on a seed and an id, never on order, worker or process."""

from __future__ import annotations

import hashlib

import numpy as np


def derive_seed(*parts: int | str) -> int:
    """A seed in [0, 2⁶³) from integers and strings. Parts of another type or length give another seed."""
    digest = hashlib.sha256()
    for part in parts:
        text = str(part).encode()
        digest.update(f"{type(part).__name__}:{len(text)}:".encode())
        digest.update(text)
    return int.from_bytes(digest.digest()[:8], "little") >> 1


def keyed_generator(*parts: int | str) -> np.random.Generator:
    """A counter-based generator (Philox 4×64) whose stream depends only on ``parts``."""
    return np.random.Generator(np.random.Philox(key=derive_seed(*parts)))
