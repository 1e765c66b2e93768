"""A measured response: as its file holds it, as a row takes it, and why one is rejected."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from transforms.records import Acoustics
from transforms.rooms.measured.settings import Conventions
from transforms.sofa.coordinates import Vector

#: The stage that rejections of measured responses name.
STAGE = "measured room"


class ResponseRejected(ValueError):
    """One response cannot be used; `reason` is machine-readable, the message is for a person."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


@dataclass(frozen=True)
class RawResponse:
    """A response as its file holds it, before its channels are converted and its direct sound is found."""

    file: str
    """The name of the file that states the directions: the SOFA or MAT file, or responses.csv."""
    response_id: str
    room_id: str
    split: str | None
    direction: Vector
    """The unit vector to the source in the frame of the listener: x front, y left, z up."""
    samples: NDArray[np.float32]
    """(channels, n) in the order and normalisation of the file."""
    sample_rate: float
    of_file: Conventions = field(default_factory=Conventions)
    """What the file says of its channels."""
    other_directions: Mapping[str, Vector] = field(default_factory=dict)
    """Where the source would be if the file meant something else; the key says what (see `proof`)."""
    delays: tuple[float, ...] = (0.0,)
    """How long after time zero each channel begins, in samples; one value stands for all channels."""
    distance_m: float | None = None
    length_m: float | None = None
    width_m: float | None = None
    height_m: float | None = None
    floor_area_m2: float | None = None
    receiver_m: Vector | None = None
    source_m: Vector | None = None
    license: str | None = None
    attribution: str | None = None


@dataclass(frozen=True)
class MeasuredResponse:
    """A measured response at 48 kHz, ACN and SN3D, with what was measured on it."""

    response_id: str
    """Unique: the file's path below the given folder, and "#number" where a file holds several."""
    room_id: str
    split: str | None
    """From responses.csv, or a folder named train, validation or test on the file's path; else None."""
    azimuth_deg: float
    """Of the source as the turned listener sees it: 0 is the front, +90 the left."""
    elevation_deg: float
    distance_m: float | None
    length_m: float | None
    """Sizes are None where the file does not tell them."""
    width_m: float | None
    height_m: float | None
    floor_area_m2: float | None
    receiver_m: Vector | None
    """Positions from one lower corner of the room; None where the file does not tell both and the corner."""
    source_m: Vector | None
    license: str | None
    attribution: str | None
    samples: NDArray[np.float32]
    """(channels, n) at 48 kHz in ACN order and SN3D; (order + 1)² channels, at least 4."""
    direct_sample: float
    """The arrival of the direct sound in `samples`."""
    acoustics: Acoustics
    """Measured on W; an octave above the band of the file, or below its noise, is NaN."""
