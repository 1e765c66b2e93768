"""Frame labels of the DCASE challenge on localisation: which sounds each 100 ms of a row holds, and where they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from transforms.rooms.geometry import direction_to_unit_vector

#: Times are compared in whole microseconds, which is what a release stores, so that a half is exactly a half.
_US = 1_000_000
FRAME_US = 100_000


class FrameLabel(NamedTuple):
    """A sound in a frame, as a line of DCASE's metadata has it."""

    frame: int
    """Counted from 0."""
    class_index: int
    source: int
    """The sound's number among the sources of its row, so that no two sounds of a row share one."""
    azimuth_deg: int
    """In (−180, 180], counter-clockwise: 90 is left."""
    elevation_deg: int
    distance_cm: int


def sounding_frames(onset_s: float, duration_s: float, length_s: float) -> range:
    """The frames that belong to a sound: it fills at least half of each.

    A sound that fills half of no frame has the one frame of which it fills most, so that none is lost. What follows the
    end of the file, at `length_s`, does not sound.
    """
    start_us = max(round(onset_s * _US), 0)
    end_us = min(round((onset_s + duration_s) * _US), round(length_s * _US))
    if end_us <= start_us:
        return range(0)
    half_us = FRAME_US // 2
    if end_us - start_us >= half_us:
        # The first frame of which half is left at the start, and the last of which half is over at the end.
        frames = range(-(-(start_us - half_us) // FRAME_US), (end_us - half_us) // FRAME_US + 1)
        if frames:
            return frames
    touched = range(start_us // FRAME_US, (end_us - 1) // FRAME_US + 1)
    fullest = max(touched, key=lambda frame: min(end_us, (frame + 1) * FRAME_US) - max(start_us, frame * FRAME_US))
    return range(fullest, fullest + 1)


def frame_labels(
    sources: Sequence[Mapping[str, Any]], class_indices: Sequence[int], length_s: float
) -> list[FrameLabel]:
    """The labels of a row, ordered by frame and source.

    Args:
        sources: the column `sources` of the row.
        class_indices: the class of each source.
        length_s: the length of the row's file.
    """
    labels = []
    for number, (source, class_index) in enumerate(zip(sources, class_indices, strict=True)):
        frames = sounding_frames(source["onset_s"], source["duration_s"], length_s)
        positions_m = _positions_m(source, _times_s(frames, source, length_s))
        for frame, position in zip(frames, rounded_positions(positions_m), strict=True):
            labels.append(FrameLabel(frame, class_index, number, *position))
    return sorted(labels)


def rounded_positions(positions_m: NDArray[np.float64]) -> list[tuple[int, int, int]]:
    """Azimuth in (−180, 180] and elevation in whole degrees, and distance in whole centimetres, of positions (n, 3)."""
    x, y, z = positions_m.T
    azimuth = np.rint(np.degrees(np.arctan2(y, x))).astype(np.int64)
    azimuth = np.where(azimuth == -180, 180, azimuth)
    elevation = np.rint(np.degrees(np.arctan2(z, np.hypot(x, y)))).astype(np.int64)
    distance = np.rint(100.0 * np.sqrt(x * x + y * y + z * z)).astype(np.int64)
    return list(zip(azimuth.tolist(), elevation.tolist(), distance.tolist(), strict=True))


def labels_to_csv(labels: Sequence[FrameLabel]) -> str:
    """The lines of a metadata file, without a header."""
    return "".join(f"{','.join(map(str, label))}\n" for label in labels)


def _times_s(frames: range, source: Mapping[str, Any], length_s: float) -> NDArray[np.float64]:
    """For each frame, the middle of the part of it in which the source sounds."""
    starts_s = np.asarray(frames, dtype=np.float64) * FRAME_US / _US
    end_s = min(source["onset_s"] + source["duration_s"], length_s)
    return 0.5 * (np.maximum(starts_s, source["onset_s"]) + np.minimum(starts_s + FRAME_US / _US, end_s))


def _positions_m(source: Mapping[str, Any], times_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Positions (n, 3) of a source from the receiver; between two points of a path it moves on a straight line.

    Positions, and not angles, are interpolated: so nothing goes round the wrong way at ±180° or spins at the zenith.
    """
    points = sorted(source["path"], key=lambda point: point["time_s"]) or [{"time_s": 0.0, **source}]
    azimuth_deg, elevation_deg, distance_m, known_s = (
        np.array([point[name] for point in points], dtype=np.float64)
        for name in ("azimuth_deg", "elevation_deg", "distance_m", "time_s")
    )
    known_m = distance_m[:, None] * direction_to_unit_vector(azimuth_deg, elevation_deg)
    return np.stack([np.interp(times_s, known_s, along) for along in known_m.T], axis=1)
