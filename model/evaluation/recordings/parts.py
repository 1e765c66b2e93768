"""From the labels of a recording to the parts of it in which a single source sounds and stays where it is."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model.data import unit_direction

#: Shorter parts are not used.
LEAST_S = 0.25
#: A source that moves farther than this from where a part begins ends the part there.
STILL_WITHIN_DEG = 5.0


@dataclass(frozen=True)
class Label:
    """A sound between two times of a recording. Azimuth is counter-clockwise, +90° is left.

    Labels of the same source that follow each other without a gap can form one part. The distance is None where the
    data set has none.
    """

    source: str
    start_s: float
    end_s: float
    azimuth_deg: float
    elevation_deg: float
    distance_m: float | None


@dataclass(frozen=True)
class Part:
    """A part of a recording in which a single source sounds.

    The recording is in ``folder``, which the user typed; None where the recording itself was typed.
    """

    recording: Path
    label: Label
    folder: Path | None = None


def parts_of_one_source(labels: Sequence[Label]) -> list[Label]:
    """The parts of a recording in which a single source sounds, each as one label with the mean direction and distance.

    A part lasts at least LEAST_S, and its source stays within STILL_WITHIN_DEG of where the part begins. A source that
    moves is cut into several parts.

    Args:
        labels: of one recording, in any order.
    """
    parts: list[list[Label]] = []
    for piece in _alone(labels):
        if parts and _continues(parts[-1], piece):
            parts[-1].append(piece)
        else:
            parts.append([piece])
    return [_joined(part) for part in parts if part[-1].end_s - part[0].start_s >= LEAST_S]


def directions(parts: Sequence[Part]) -> NDArray[np.float64]:
    """Unit vectors x, y, z to the sources, (n, 3)."""
    return np.array([unit_direction(part.label.azimuth_deg, part.label.elevation_deg) for part in parts])


def _alone(labels: Sequence[Label]) -> Iterator[Label]:
    """Yields the pieces of labels during which no other label sounds, in the order of time."""
    begins: dict[float, list[int]] = {}
    ends: dict[float, list[int]] = {}
    for number, label in enumerate(labels):
        if label.start_s < label.end_s:
            begins.setdefault(label.start_s, []).append(number)
            ends.setdefault(label.end_s, []).append(number)
    sounding: set[int] = set()
    for start, end in itertools.pairwise(sorted({*begins, *ends})):
        sounding.difference_update(ends.get(start, ()))
        sounding.update(begins.get(start, ()))
        if len(sounding) == 1:
            (number,) = sounding
            yield replace(labels[number], start_s=start, end_s=end)


def _continues(part: Sequence[Label], piece: Label) -> bool:
    """Whether a piece belongs to the part before it."""
    first, last = part[0], part[-1]
    return last.end_s == piece.start_s and first.source == piece.source and _angle_deg(first, piece) <= STILL_WITHIN_DEG


def _angle_deg(one: Label, other: Label) -> float:
    if (one.azimuth_deg, one.elevation_deg) == (other.azimuth_deg, other.elevation_deg):
        return 0.0
    vectors = [unit_direction(label.azimuth_deg, label.elevation_deg) for label in (one, other)]
    # The chord, because the cosine cannot resolve small angles.
    return math.degrees(2 * math.asin(min(1.0, math.dist(*vectors) / 2)))


def _joined(pieces: Sequence[Label]) -> Label:
    """One label for the pieces of a part, with the mean direction and distance over its time."""
    durations = [piece.end_s - piece.start_s for piece in pieces]
    distances = [piece.distance_m for piece in pieces if piece.distance_m is not None]
    joined = replace(pieces[0], end_s=pieces[-1].end_s)
    if len(set(distances)) > 1:
        joined = replace(joined, distance_m=float(np.average(distances, weights=durations)))
    if len({(piece.azimuth_deg, piece.elevation_deg) for piece in pieces}) > 1:
        vectors = [unit_direction(piece.azimuth_deg, piece.elevation_deg) for piece in pieces]
        x, y, z = np.average(vectors, axis=0, weights=durations)
        joined = replace(
            joined,
            azimuth_deg=math.degrees(math.atan2(y, x)),
            elevation_deg=math.degrees(math.atan2(z, math.hypot(x, y))),
        )
    return joined
