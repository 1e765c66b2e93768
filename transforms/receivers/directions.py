"""Interpolation between the directions of a table: on a regular grid, or between directions that were measured."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

# Lagrange polynomials through six points of the grid.
_POINTS = 6
_OFFSETS = np.arange(_POINTS) - (_POINTS // 2 - 1)
# Measured directions closer than this are one direction.
_LEAST_APART = 1e-4
# How far inside all triangles the middle has to be.
_LEAST_DEPTH = 0.05
# Directions whose triangle is found at a time, to limit memory.
_AT_A_TIME = 256


class Directions(Protocol):
    """The directions of a table, and how to interpolate between them."""

    @property
    def size(self) -> int:
        """How many directions there are."""
        ...

    def weights(self, direction: NDArray[np.float64]) -> scipy.sparse.csr_array:
        """The weights (n, directions) that give the value at unit vectors (n, 3)."""
        ...


@dataclass(frozen=True)
class RegularGrid:
    """Directions at equal steps of azimuth and elevation, from pole to pole; the azimuth changes first."""

    azimuths: int
    """Steps of a whole turn; an even number. Elevations have steps of the same size."""

    @property
    def elevations(self) -> int:
        """Steps from pole to pole, both included."""
        return self.azimuths // 2 + 1

    @property
    def size(self) -> int:
        """How many directions there are."""
        return self.azimuths * self.elevations

    @property
    def elevation_rad(self) -> NDArray[np.float64]:
        """The elevations, from below to above."""
        return np.linspace(-0.5 * np.pi, 0.5 * np.pi, self.elevations)

    @property
    def unit_vectors(self) -> NDArray[np.float64]:
        """The directions, (directions, 3)."""
        azimuth = np.arange(self.azimuths) * (2.0 * np.pi / self.azimuths)
        around = np.stack([np.cos(azimuth), np.sin(azimuth)], axis=1)
        vectors = np.empty((self.elevations, self.azimuths, 3))
        vectors[:, :, :2] = np.cos(self.elevation_rad)[:, None, None] * around
        vectors[:, :, 2] = np.sin(self.elevation_rad)[:, None]
        return vectors.reshape(-1, 3)

    def weights(self, direction: NDArray[np.float64]) -> scipy.sparse.csr_array:
        """The weights (n, directions) that give the value at unit vectors (n, 3)."""
        step = 2.0 * np.pi / self.azimuths
        azimuth = np.arctan2(direction[:, 1], direction[:, 0]) / step
        elevation = np.arctan2(direction[:, 2], np.hypot(direction[:, 0], direction[:, 1])) / step
        elevation += 0.5 * (self.elevations - 1)
        left, below = np.floor(azimuth), np.floor(elevation)
        along, up = _lagrange(azimuth - left), _lagrange(elevation - below)
        columns = left.astype(np.int64)[:, None] + _OFFSETS
        rows = below.astype(np.int64)[:, None] + _OFFSETS
        # Beyond a pole the same meridian goes on at the opposite azimuth.
        last = self.elevations - 1
        beyond = (rows < 0) | (rows > last)
        rows = np.where(rows < 0, -rows, np.where(rows > last, 2 * last - rows, rows))
        turned = np.where(beyond, self.azimuths // 2, 0)
        index = rows[:, :, None] * self.azimuths + (columns[:, None, :] + turned[:, :, None]) % self.azimuths
        values = up[:, :, None] * along[:, None, :]
        return _matrix(index.reshape(len(direction), -1), values.reshape(len(direction), -1), self.size)


class MeasuredDirections:
    """Directions that were measured, anywhere on the sphere; between them lie triangles.

    Args:
        unit_vectors: directions (directions, 3), of which no two are one.

    Raises:
        ValueError: there are too few of them, or all lie in one plane.
    """

    def __init__(self, unit_vectors: NDArray[np.float64]) -> None:
        from scipy.spatial import ConvexHull, QhullError

        self.unit_vectors = unit_vectors
        try:
            hull = ConvexHull(unit_vectors)
        except (QhullError, ValueError) as error:
            raise ValueError(f"{len(unit_vectors)} directions do not surround the listener") from error
        # Each side of the hull states how far the middle is behind it.
        if hull.equations[:, 3].max() > -_LEAST_DEPTH:
            raise ValueError(f"{len(unit_vectors)} directions leave more than a half of the sphere without any")
        triangles = hull.simplices
        # The order of triangles is made one that depends on nothing but the directions.
        triangles = np.sort(triangles, axis=1)
        self._triangles = triangles[np.lexsort(triangles.T[::-1])].astype(np.int64)

    @property
    def size(self) -> int:
        """How many directions there are."""
        return len(self.unit_vectors)

    @cached_property
    def _inverses(self) -> NDArray[np.float64]:
        """For each triangle, the rows (3, 3) whose products with a direction are the weights of its corners."""
        one, two, three = np.moveaxis(self.unit_vectors[self._triangles], 1, 0)
        normals = np.stack([np.cross(two, three), np.cross(three, one), np.cross(one, two)], axis=1)
        volume = np.einsum("ti,ti->t", one, normals[:, 0])
        flat = np.abs(volume) < 1e-12
        return np.where(flat[:, None, None], -1.0, normals / np.where(flat, 1.0, volume)[:, None, None])

    def areas(self) -> NDArray[np.float64]:
        """The share (directions,) of the sphere that each direction stands for; a triangle's goes to its corners."""
        corners = self.unit_vectors[self._triangles]
        one, two, three = np.moveaxis(corners, 1, 0)
        volume = np.abs(np.sum(one * np.cross(two, three), axis=1))
        between = [np.sum(left * right, axis=1) for left, right in ((one, two), (two, three), (three, one))]
        # The solid angle of a triangle (Van Oosterom and Strackee, 1983).
        angle = 2.0 * np.arctan2(volume, 1.0 + between[0] + between[1] + between[2])
        areas = np.zeros(self.size)
        np.add.at(areas, self._triangles, angle[:, None] / 3.0)
        return np.asarray(areas / areas.sum())

    def weights(self, direction: NDArray[np.float64]) -> scipy.sparse.csr_array:
        """The weights (n, directions) of the three directions around each unit vector (n, 3), whose sum is one.

        A direction that was measured has the weight one.
        """
        index = np.empty((len(direction), 3), dtype=np.int64)
        values = np.empty((len(direction), 3))
        for start in range(0, len(direction), _AT_A_TIME):
            part = slice(start, start + _AT_A_TIME)
            corners = np.einsum("tci,ni->ntc", self._inverses, direction[part])
            # Of the triangles on the direction's side, the one that it lies deepest in.
            best = np.argmax(np.min(corners, axis=2), axis=1)
            found = np.maximum(corners[np.arange(len(best)), best], 0.0)
            values[part] = found / found.sum(axis=1, keepdims=True)
            index[part] = self._triangles[best]
        return _matrix(index, values, self.size)


def distinct_directions(unit_vectors: NDArray[np.float64]) -> NDArray[np.int64]:
    """The indices of directions without those that repeat an earlier one, as both ends of a circle may do."""
    from scipy.spatial import cKDTree

    repeated = {max(pair) for pair in cKDTree(unit_vectors).query_pairs(_LEAST_APART)}
    return np.array([index for index in range(len(unit_vectors)) if index not in repeated], dtype=np.int64)


def _lagrange(after: NDArray[np.float64]) -> NDArray[np.float64]:
    """The weights (n, 6) of the points around positions `after` (n,) the third of them, 0 to 1."""
    weights = np.ones((after.size, _POINTS))
    for number, offset in enumerate(_OFFSETS.tolist()):
        for other in _OFFSETS.tolist():
            if other != offset:
                weights[:, number] *= (after - other) / (offset - other)
    return weights


def _matrix(index: NDArray[np.int64], values: NDArray[np.float64], columns: int) -> scipy.sparse.csr_array:
    rows, per_row = index.shape
    return scipy.sparse.csr_array(
        (values.astype(np.float32).ravel(), index.ravel(), np.arange(rows + 1) * per_row), shape=(rows, columns)
    )
