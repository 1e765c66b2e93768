"""Random draws that depend on a seed and an id alone: a counter-based generator keyed by a hash."""

from __future__ import annotations

import hashlib

import numpy as np


def derive_seed(*parts: int | str) -> int:
    """A uint64 from a seed and the names of what is drawn.

    Integers and strings only: a float's text is not the same on every machine. Parts are told apart by their type and
    length, so ``("a", "bc")`` and ``("ab", "c")`` give different seeds.
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
    """A generator (Philox 4×64, counter-based) whose stream is a function of ``parts`` and of nothing else.

    Draw with ``random`` and ``integers`` (or raw bits) where the value reaches a sample: NumPy's other distributions
    call the C library's transcendental functions, which differ between machines in the last place.
    """
    return np.random.Generator(np.random.Philox(key=derive_seed(*parts)))
