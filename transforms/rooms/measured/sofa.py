"""SOFA files of room responses (AES69): the geometry of each measurement, and its samples."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from transforms.records import Rejection
from transforms.rooms.measured.ambisonics import order_of
from transforms.rooms.measured.files import MOST_RESPONSES, MeasuredFile
from transforms.rooms.measured.hdf5 import opened_hdf5
from transforms.rooms.measured.prepare import check_length, check_rate
from transforms.rooms.measured.response import STAGE, RawResponse, ResponseRejected
from transforms.rooms.measured.settings import CHANNELS, NORMALISATIONS, Conventions
from transforms.rooms.ranges import LONGEST_SIDE_M
from transforms.sofa.coordinates import (
    Frame,
    System,
    UnitUnknown,
    Vector,
    dot,
    frame_of,
    minus,
    plus,
    system_of,
    unit,
)
from transforms.sofa.hdf5 import Hdf5, Hdf5Refused

READ = ("SingleRoomSRIR", "SingleRoomDRIR", "SingleRoomMIMOSRIR", "GeneralFIR", "GeneralFIR-E", "GeneralFIRE")
#: A proposed convention that publishers of ambisonic responses use.
_ALSO_READ = ("AmbisonicsDRIR",)
_HARMONICS = "spherical harmonics"
_ZERO: Vector = (0.0, 0.0, 0.0)
_FORWARD: Vector = (1.0, 0.0, 0.0)
_UPWARD: Vector = (0.0, 0.0, 1.0)
#: Receivers that are no further apart stand at one point, as ambisonic channels do.
_ONE_POINT_M = 0.01
#: Corners that programs write where nobody has given any.
_TEMPLATE_ROOM: Vector = (1.0, 2.0, 3.0)
_SMALLEST_SIDE_M, _WALL_M, _VOLUME_SHARE = 0.5, 0.05, 0.1
_MOST_TEXT_CHARACTERS = 500
_MOST_DELAY_SAMPLES = 1e9


def read_sofa(file: MeasuredFile) -> Iterator[RawResponse | Rejection]:
    """Reads each response of a SOFA file; one that cannot be used becomes a rejection.

    Raises:
        MeasuredUnusable: the file is damaged or hostile, or holds no ambisonic room responses.
    """
    with opened_hdf5(file) as hdf5:
        yield from _Sofa(file, hdf5).responses()


@dataclass(frozen=True)
class _Points:
    """A variable of positions: one for all measurements, or one for each, of one object or of several."""

    numbers: NDArray[np.float64]
    """(objects, 3, 1 or measurements)."""
    system: System

    def at(self, measurement: int, number: int = 0, system: System | None = None) -> Vector:
        return (system or self.system).vector(self.of_file(measurement, number))

    def of_file(self, measurement: int, number: int = 0) -> Vector:
        """The three numbers as the file holds them."""
        column = measurement if self.numbers.shape[2] > 1 else 0
        x, y, z = self.numbers[min(number, len(self.numbers) - 1), :, column]
        return float(x), float(y), float(z)


@dataclass(frozen=True)
class _Place:
    """Source and listener of one measurement.

    Attributes:
        listener_m: the listener's position in the room.
        source_m: the source's position in the room.
        frame: the listener's axes.
        seen: the source in the frame of the listener.
        unturned: the source from the listener along the axes of the room.
    """

    listener_m: Vector
    source_m: Vector
    frame: Frame
    seen: Vector
    unturned: Vector


class _Sofa:
    """What a SOFA file says of all its measurements."""

    def __init__(self, file: MeasuredFile, hdf5: Hdf5) -> None:
        self.file, self.hdf5 = file, hdf5
        self._known_views: dict[str, tuple[_Points, _Points]] = {}
        self._check_convention()
        self.ir = hdf5.variable("Data.IR")
        self.by_emitter = self.ir.ndim == 4
        if self.ir.ndim not in (3, 4) or not all(self.ir.shape):
            raise Hdf5Refused(f"Data.IR has the shape {self.ir.shape}; it needs measurements, receivers and samples")
        # FIRE of older files has the emitters before the samples, FIR-E of newer ones after them.
        self.emitters_last = (hdf5.attribute("DataType") or "").upper() != "FIRE"
        self.measurements, self.receivers = self.ir.shape[:2]
        self.emitters = (self.ir.shape[3 if self.emitters_last else 2]) if self.by_emitter else 1
        self.samples = self.ir.shape[2 if self.emitters_last or not self.by_emitter else 3]
        if self.measurements * self.emitters > MOST_RESPONSES:
            raise Hdf5Refused(
                f"it has {self.measurements * self.emitters} responses; at most {MOST_RESPONSES} are read"
            )
        try:
            order_of(self.receivers)
        except ResponseRejected as error:
            raise Hdf5Refused(f"{error}; its receivers are no ambisonic channels") from error
        self.listener = self._points("ListenerPosition", _ZERO)
        self.source = self._points("SourcePosition", None)
        self.receiver = self._points("ReceiverPosition", _ZERO, by="R")
        self.emitter = self._points("EmitterPosition", _ZERO, by="E")
        self._check_receivers()
        self._check_angles()
        self.rates = self._each("Data.SamplingRate", 1.0)
        units = (hdf5.attribute("Units", "Data.SamplingRate") or "hertz").lower()
        if units not in ("hertz", "hz"):
            raise Hdf5Refused(f"Data.SamplingRate has the unit {units[:40]!r}, not hertz")
        self.delays = self._delays()
        self.corners = self._corners()
        self.of_file = self._conventions()
        short_name = hdf5.attribute("RoomShortName")
        self.room_id = (short_name or file.name.rsplit(".", 1)[0])[:_MOST_TEXT_CHARACTERS]
        self.license = (hdf5.attribute("License") or "")[:_MOST_TEXT_CHARACTERS] or None
        named = [hdf5.attribute(name) for name in ("Title", "AuthorContact", "Organization")]
        self.attribution = ", ".join(text for text in named if text)[:_MOST_TEXT_CHARACTERS] or None

    def responses(self) -> Iterator[RawResponse | Rejection]:
        count = self.measurements * self.emitters
        for first, block in self.hdf5.blocks(self.ir, "Data.IR", 0):
            for offset, measured in enumerate(block):
                measurement = first + offset
                for emitter in range(self.emitters):
                    number = measurement * self.emitters + emitter + 1
                    response_id = self.file.name if count == 1 else f"{self.file.name}#{number}"
                    samples = (
                        measured if not self.by_emitter else np.take(measured, emitter, 2 if self.emitters_last else 1)
                    )
                    try:
                        yield self._response(response_id, measurement, emitter, samples)
                    except ResponseRejected as error:
                        detail = f"{response_id}: {error}"
                        yield Rejection(self.file.name, STAGE, error.reason, detail, self.file.split, response_id)

    def _response(self, response_id: str, measurement: int, emitter: int, samples: NDArray) -> RawResponse:
        rate = self.rates[measurement if len(self.rates) > 1 else 0]
        check_rate(rate)
        check_length(self.samples, rate, self.receivers)
        place = self._place(measurement, emitter, self.source.system)
        direction = unit(place.seen, least=1e-3)
        if direction is None:
            raise ResponseRejected("no_position", "the positions of source and listener are missing, or are one point")
        others = {
            meaning: self._place(measurement, emitter, system).seen
            for meaning, system in self.source.system.others().items()
        }
        others["unturned"] = place.unturned
        if place.listener_m != _ZERO:
            others["from_listener"] = place.frame.seen(place.source_m)
        size, receiver_m, source_m = self._in_room(measurement, place)
        delays = self.delays[measurement if len(self.delays) > 1 else 0, :, emitter if self.delays.shape[2] > 1 else 0]
        return RawResponse(
            file=self.file.name,
            response_id=response_id,
            room_id=self.room_id,
            split=self.file.split,
            direction=direction,
            samples=np.ascontiguousarray(samples, dtype=np.float32),
            sample_rate=rate,
            of_file=self.of_file,
            other_directions={name: found for name, other in others.items() if (found := unit(other)) is not None},
            delays=tuple(float(delay) for delay in delays),
            distance_m=round(math.sqrt(dot(place.seen, place.seen)), 6),
            length_m=size[0] if size else None,
            width_m=size[1] if size else None,
            height_m=size[2] if size else None,
            floor_area_m2=round(size[0] * size[1], 6) if size else None,
            receiver_m=receiver_m,
            source_m=source_m,
            license=self.license,
            attribution=self.attribution,
        )

    def _place(self, measurement: int, emitter: int, source_system: System) -> _Place:
        """Where source and listener are in a measurement, if the position of the source is in this system."""
        frame = self._frame("Listener", measurement)
        receiver = self.receiver.at(measurement) if self.receiver.numbers.any() else _ZERO
        listener_m = plus(self.listener.at(measurement), frame.in_room(receiver))
        source_m = self.source.at(measurement, system=source_system)
        if self.emitter.numbers.any():
            of_source = self.emitter.at(measurement, emitter)
            source_m = plus(source_m, self._frame("Source", measurement).in_room(of_source))
        away = minus(source_m, listener_m)
        frame = self._turned_receiver(frame, measurement)
        return _Place(listener_m, source_m, frame, frame.seen(away), away)

    def _turned_receiver(self, frame: Frame, measurement: int) -> Frame:
        """The frame of the receivers, where all of them are turned alike against the listener."""
        if not (self.hdf5.has("ReceiverView") and self.hdf5.has("ReceiverUp")):
            return frame
        view, up = self._views("Receiver")
        if any(np.ptp(points.numbers, axis=0).any() for points in (view, up)):
            return frame
        own = self._frame("Receiver", measurement)
        if own == Frame():
            return frame
        return Frame(frame.in_room(own.front), frame.in_room(own.left), frame.in_room(own.up))

    def _frame(self, owner: str, measurement: int) -> Frame:
        view, up = self._views(owner)
        # The usual upward vector is often left Cartesian where the view is spherical.
        usual = up.of_file(measurement) == _UPWARD and not self.hdf5.attribute("Type", f"{owner}Up")
        found = frame_of(view.at(measurement), _UPWARD if usual else up.at(measurement))
        if found is None:
            raise ResponseRejected("no_position", f"{owner}View and {owner}Up give no orientation")
        return found

    def _views(self, owner: str) -> tuple[_Points, _Points]:
        if owner not in self._known_views:
            by = "R" if owner == "Receiver" else None
            view = self._points(f"{owner}View", _FORWARD, by=by)
            up = self._points(f"{owner}Up", _UPWARD, by=by, attributes=f"{owner}View")
            self._known_views[owner] = view, up
        return self._known_views[owner]

    def _in_room(self, measurement: int, place: _Place) -> tuple[Vector | None, Vector | None, Vector | None]:
        """The size of the room, and the positions in it from its lower corner; None where the file does not tell."""
        if self.corners is None:
            return None, None, None
        first, second = (corner.at(measurement) for corner in self.corners)
        low = tuple(map(min, first, second))
        x, y, z = (abs(one - other) for one, other in zip(first, second, strict=True))
        size = (round(x, 6), round(y, 6), round(z, 6))
        if not all(_SMALLEST_SIDE_M <= side <= LONGEST_SIDE_M for side in size) or size == _TEMPLATE_ROOM:
            return None, None, None
        receiver, source = (
            tuple(round(one - least, 6) for one, least in zip(position, low, strict=True))
            for position in (place.listener_m, place.source_m)
        )
        if not all(
            -_WALL_M <= one <= side + _WALL_M
            for position in (receiver, source)
            for one, side in zip(position, size, strict=True)
        ):
            # Corners around which nobody stands describe another room, or are a template's.
            return None, None, None
        if self.hdf5.has("RoomVolume"):
            volume = float(self.hdf5.numbers("RoomVolume").ravel()[0])
            if volume > 0.0 and abs(x * y * z / volume - 1.0) > _VOLUME_SHARE:
                return None, None, None
        return size, (receiver[0], receiver[1], receiver[2]), (source[0], source[1], source[2])

    def _check_convention(self) -> None:
        if (self.hdf5.attribute("Conventions") or "").upper() != "SOFA":
            raise Hdf5Refused("it is no SOFA file")
        name = self.hdf5.attribute("SOFAConventions") or "none"
        if name not in READ and name not in _ALSO_READ:
            raise Hdf5Refused(f"its convention {name[:60]} holds no room responses; {', '.join(READ)} are read")
        if not self.hdf5.has("Data.IR"):
            raise Hdf5Refused("it has no variable Data.IR")

    def _conventions(self) -> Conventions:
        """What attributes of Data.IR, or descriptions of the receivers, say of the channels."""
        channels = (self.hdf5.attribute("ChannelOrdering", "Data.IR") or "").lower()
        normalisation = (self.hdf5.attribute("Normalization", "Data.IR") or "").lower()
        if normalisation and normalisation not in NORMALISATIONS:
            raise Hdf5Refused(f"its channels have the normalisation {normalisation[:40]!r}, which is not read")
        if channels and channels not in CHANNELS:
            raise Hdf5Refused(f"its channels have the order {channels[:40]!r}, which is not read")
        return Conventions(channels or None, normalisation or None)

    def _check_receivers(self) -> None:
        kind = (self.hdf5.attribute("Type", "ReceiverPosition") or "").lower()
        if kind == _HARMONICS or not self.receiver.numbers.any():
            return
        points = [self.receiver.at(0, number) for number in range(len(self.receiver.numbers))]
        if len(points) > 1 and any(math.dist(points[0], point) > _ONE_POINT_M for point in points):
            raise Hdf5Refused(
                f"its {self.receivers} receivers stand apart, as the capsules of an array; encode them to AmbiX first"
            )

    def _check_angles(self) -> None:
        for name, points in (("SourcePosition", self.source), ("ListenerPosition", self.listener)):
            for measurement in range(points.numbers.shape[2]):
                why = points.system.impossible(points.of_file(measurement))
                if why is not None:
                    raise Hdf5Refused(f"{name} has {why}")

    def _points(
        self, name: str, default: Vector | None, *, by: str | None = None, attributes: str | None = None
    ) -> _Points:
        """A variable of positions or directions, with its attributes, or with those of the variable `attributes`."""
        if not self.hdf5.has(name):
            if default is None:
                raise Hdf5Refused(f"it has no variable {name}, so the directions are unknown")
            return _Points(np.array(default).reshape(1, 3, 1), System(False))
        numbers = self.hdf5.numbers(name)
        objects = {None: 1, "R": self.receivers, "E": self.emitters}[by]
        shaped = _shaped(numbers, objects, self.measurements, several=by is not None)
        if shaped is None:
            raise Hdf5Refused(f"{name} has the shape {numbers.shape}; Data.IR has {self.measurements} measurements")
        if not shaped.any():
            return _Points(shaped, System(False))
        described = name if attributes is None or self.hdf5.attribute("Type", name) else attributes
        kind, units = self.hdf5.attribute("Type", described), self.hdf5.attribute("Units", described)
        if (kind or "").lower() == _HARMONICS:
            if by == "R":
                return _Points(np.zeros((1, 3, 1)), System(False))
            raise Hdf5Refused(f"{name} has the type {_HARMONICS}, which gives no position")
        try:
            return _Points(shaped, system_of(kind, units))
        except UnitUnknown as error:
            raise Hdf5Refused(f"{name}: {error}") from error

    def _each(self, name: str, least: float) -> list[float]:
        """A number for all measurements, or one for each."""
        numbers = self.hdf5.numbers(name).ravel()
        if numbers.size not in (1, self.measurements) or not np.all(np.isfinite(numbers)) or numbers.min() < least:
            raise Hdf5Refused(f"{name} needs one number, or one for each of {self.measurements} measurements")
        return [float(number) for number in numbers]

    def _delays(self) -> NDArray[np.float64]:
        """The delays in samples, (1 or measurements, receivers, 1 or emitters)."""
        if not self.hdf5.has("Data.Delay"):
            return np.zeros((1, self.receivers, 1))
        numbers = self.hdf5.numbers("Data.Delay")
        units = (self.hdf5.attribute("Units", "Data.Delay") or "sample").lower()
        if not units.startswith("sample"):
            raise Hdf5Refused(f"Data.Delay has the unit {units[:40]!r}, not samples")
        shape = (*numbers.shape, *([1] * (3 - numbers.ndim)))
        fits = [(1, self.measurements), (1, self.receivers), (1, self.emitters)]
        if len(shape) != 3 or any(side not in sides for side, sides in zip(shape, fits, strict=True)):
            raise Hdf5Refused(f"Data.Delay has the shape {numbers.shape}; it needs one for each receiver")
        if not np.all(np.isfinite(numbers)) or np.abs(numbers).max(initial=0.0) > _MOST_DELAY_SAMPLES:
            raise Hdf5Refused("Data.Delay holds what is no delay")
        return np.broadcast_to(numbers.reshape(shape), (shape[0], self.receivers, shape[2]))

    def _corners(self) -> tuple[_Points, _Points] | None:
        if (self.hdf5.attribute("RoomType") or "").lower() != "shoebox":
            return None
        names = ("RoomCornerA", "RoomCornerB")
        if not all(map(self.hdf5.has, names)):
            return None
        first, second = (self._points(name, _ZERO, attributes="RoomCorners") for name in names)
        return first, second


def _shaped(
    numbers: NDArray[np.float64], objects: int, measurements: int, *, several: bool
) -> NDArray[np.float64] | None:
    """Positions as (objects, 3, 1 or measurements); None for a shape that is none of SOFA's."""
    if numbers.shape == (3,):
        return numbers.reshape(1, 3, 1)
    if several:
        shaped = numbers[..., None] if numbers.ndim == 2 else numbers
        fits = shaped.ndim == 3 and shaped.shape[0] in (1, objects) and shaped.shape[1] == 3
        return shaped if fits and shaped.shape[2] in (1, measurements) else None
    if numbers.ndim == 2 and numbers.shape[1] == 3 and numbers.shape[0] in (1, measurements):
        return numbers.T[None]
    return None
