"""Random draws that depend on a seed and on names alone: a counter-based generator whose key is a hash."""

from __future__ import annotations

import hashlib

import numpy as np


def derive_seed(*parts: int | str) -> int:
    """Derives a uint64 from a seed and the names of what is drawn.

    Type and length of each part enter the hash, so ``("a", "bc")`` and ``("ab", "c")`` give different seeds.

    Raises:
        TypeError: a part is neither an integer nor a string. The text of a float is not the same on every machine.
    """
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, bool) or not isinstance(part, (int, str)):
            raise TypeError(f"a seed is derived from integers and strings, not {type(part).__name__}")
        text = str(part).encode("utf-8", "surrogatepass")
        digest.update(f"{type(part).__name__}:{len(text)}:".encode())
        digest.update(text)
    return int.from_bytes(digest.digest()[:8], "little")


def keyed_generator(*parts: int | str) -> np.random.Generator:
    """Makes a generator (Philox 4×64, counter-based) whose stream depends on ``parts`` alone.

    Values that reach a sample must be drawn with ``random``, ``integers`` or raw bits. NumPy's other distributions call
    transcendental functions of the C library, which differ between machines in the last digit.

    Raises:
        TypeError: a part is neither an integer nor a string.
    """
    return np.random.Generator(np.random.Philox(key=derive_seed(*parts)))
