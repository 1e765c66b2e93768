"""Interpolation: straight lines between the edges of blocks, and a cubic spline between the samples of a signal."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Float = TypeVar("Float", np.float32, np.float64)


def lines_between(edges: NDArray[Float], block: int) -> NDArray[Float]:
    """Straight lines from edge to edge of blocks.

    Args:
        edges: the values at the edges of blocks, (blocks + 1,).
        block: samples in a block.

    Returns:
        Values (blocks · block,) of the same type, the first of them at the first edge.
    """
    share = np.arange(block, dtype=edges.dtype) / edges.dtype.type(block)
    values = (edges[1:] - edges[:-1])[:, None] * share
    values += edges[:-1, None]
    return values.ravel()


def spline_values(coefficients: NDArray[np.float32], positions: NDArray[np.float64]) -> NDArray[np.float32]:
    """A cubic spline at fractional positions.

    Args:
        coefficients: those of the spline, (n,).
        positions: positions (m,) in samples; they are kept within the coefficients, where the spline has to be zero.

    Returns:
        Values (m,).
    """
    inside = np.clip(positions, 1.0, coefficients.size - 3.0)
    first = inside.astype(np.int64)
    after = (inside - first).astype(np.float32)
    before = np.float32(1.0) - after
    sixth = np.float32(1.0 / 6.0)
    weight_before = before * before * before * sixth
    weight_after = after * after * after * sixth
    # The weights of the two samples on either side follow from those of the outer two, because all sum up to one, and
    # so do their moments.
    weight_right = after + weight_before - np.float32(2.0) * weight_after
    weight_left = before + weight_after - np.float32(2.0) * weight_before
    first -= 1
    values = weight_before * np.take(coefficients, first)
    for weight in (weight_left, weight_right, weight_after):
        first += 1
        weight *= np.take(coefficients, first)
        values += weight
    return np.asarray(values)
