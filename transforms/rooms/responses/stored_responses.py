"""Measured responses in files that every worker reads: an index of what is known of them, and their samples."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from transforms.records import Acoustics, MeasuredPlace, Response
from transforms.rooms.measured.files import MeasuredUnusable
from transforms.rooms.measured.response import MeasuredResponse
from transforms.seeds import derive_seed
from transforms.sound.clip_audio import SAMPLE_RATE
from transforms.storage import folder_files

#: Rows hear the first order.
CHANNELS = 4
#: Gains are multiples of 0.001 dB.
GAIN_DECIMALS = 3
# The direct sound, in seconds before and after its arrival.
_DIRECT_FROM_S, _DIRECT_TO_S = 0.0005, 0.001
#: What a response tells of its room.
SIZES = ("length_m", "width_m", "height_m", "floor_area_m2")
_FILE_BYTES = 32 << 20
_PLACE_DECIMALS = 6


@dataclass(frozen=True)
class StoredResponse:
    """What the index knows of a response."""

    place: MeasuredPlace
    acoustics: Acoustics
    license: str | None
    attribution: str | None
    gain_db: float
    """Brings the direct sounds of its room to the amplitude 1/r on W."""
    file: int
    offset_bytes: int
    n_samples: int


class StoredResponses:
    """The responses of a set, of which each row draws one."""

    def __init__(self, folder: str, name: str, responses: Iterable[StoredResponse]) -> None:
        self.folder, self.name = folder, name
        self._of_room: dict[str, dict[str, list[StoredResponse]]] = {}
        for response in responses:
            place = response.place
            self._of_room.setdefault(place.split, {}).setdefault(place.room_id, []).append(response)
        self._rooms = {split: sorted(rooms) for split, rooms in self._of_room.items()}

    @property
    def files(self) -> list[int]:
        """The numbers of the files of samples."""
        return sorted({one.file for rooms in self._of_room.values() for of_room in rooms.values() for one in of_room})

    def rooms(self, split: str) -> list[str]:
        """The names of a split's rooms, sorted; none where the split has no measured rooms."""
        return self._rooms.get(split, [])

    def of_room(self, split: str, index: int) -> list[StoredResponse]:
        """The responses of the room of a split with this number."""
        return self._of_room[split][self._rooms[split][index]]

    def index_for(self, row_seed: int, split: str) -> int:
        """The number of a row's room among the rooms of its split."""
        return derive_seed(row_seed, "measured room") % len(self._rooms[split])

    def response_for(self, row_seed: int, split: str) -> StoredResponse:
        """The response of a row: its room is drawn first, so that a room counts as much as any other."""
        of_room = self.of_room(split, self.index_for(row_seed, split))
        return of_room[derive_seed(row_seed, "measured response") % len(of_room)]

    def read(self, response: StoredResponse) -> Response:
        """The samples of a response, with its gain.

        Raises:
            OSError: they cannot be read.
        """
        n_bytes = CHANNELS * response.n_samples * 4
        with folder_files.open_file(self.folder, samples_name(self.name, response.file)) as file:
            file.seek(response.offset_bytes)
            raw = file.read(n_bytes)
        if len(raw) != n_bytes:
            raise OSError(f"{samples_name(self.name, response.file)} ends before the response {response.place}")
        samples = np.frombuffer(raw, dtype="<f4").reshape(CHANNELS, response.n_samples)
        scaled = samples * np.float32(10.0 ** (response.gain_db / 20.0))
        return Response(scaled.astype(np.float32, copy=False), SAMPLE_RATE, response.acoustics)


def samples_name(name: str, number: int) -> str:
    """The name of a file of samples, beside the index of this name."""
    return f"{name.removesuffix('.parquet')}-{number:05d}.f32"


def open_responses(folder: str, name: str) -> StoredResponses:
    """The responses whose index has this name in a folder.

    Raises:
        OSError: it cannot be read.
    """
    with folder_files.open_file(folder, name) as file:
        table = pq.read_table(io.BytesIO(file.read()))
    return StoredResponses(folder, name, [_from_record(record) for record in table.to_pylist()])


def copy_responses(responses: StoredResponses, folder: str, name: str, *, samples: bool = True) -> None:
    """Copies an index into another folder, and the samples unless only places are wanted; what is there stays.

    Raises:
        OSError: they cannot be read or written.
    """
    for number in responses.files if samples else ():
        if not folder_files.exists(folder, samples_name(name, number)):
            with folder_files.open_file(responses.folder, samples_name(responses.name, number)) as file:
                folder_files.write_bytes(folder, samples_name(name, number), file.read())
    # The index comes last: where it is, all samples are.
    with folder_files.open_file(responses.folder, responses.name) as file:
        folder_files.write_bytes(folder, name, file.read())


@dataclass
class ResponseWriter:
    """Writes responses one by one, and the index when all are there."""

    folder: str
    name: str
    _records: list[dict[str, Any]] = field(default_factory=list)
    _splits: dict[str, str | None] = field(default_factory=dict)
    _waiting: bytearray = field(default_factory=bytearray)
    _files: int = 0

    @property
    def rooms(self) -> Mapping[str, str | None]:
        """The rooms so far, each with the split that its file states."""
        return self._splits

    def add(self, response: MeasuredResponse) -> None:
        """Writes the samples of a response.

        Raises:
            OSError: they cannot be written.
        """
        samples = np.ascontiguousarray(response.samples[:CHANNELS], dtype="<f4")
        self._splits.setdefault(response.room_id, response.split)
        self._records.append(
            {
                **{name: value for name, value in _place_values(response).items() if name != "split"},
                **asdict(response.acoustics),
                "license": response.license,
                "attribution": response.attribution,
                "level_db": direct_level_db(samples[0], response.direct_sample),
                "file": self._files,
                "offset_bytes": len(self._waiting),
                "n_samples": samples.shape[1],
            }
        )
        self._waiting += samples.tobytes()
        if len(self._waiting) >= _FILE_BYTES:
            self._flush()

    def finish(self, splits: Mapping[str, str]) -> StoredResponses:
        """Writes the index, with the split of each room.

        Raises:
            MeasuredUnusable: a room has two sizes.
            OSError: it cannot be written.
        """
        self._flush()
        gains, sizes = room_gains_db(self._records), room_sizes_m(self._records)
        for record in self._records:
            room_id = record["room_id"]
            record |= {"split": splits[room_id], "gain_db": gains[room_id], **sizes[room_id]}
        buffer = io.BytesIO()
        pq.write_table(pa.Table.from_pylist(self._records, _SCHEMA), buffer, compression="zstd")
        folder_files.write_bytes(self.folder, self.name, buffer.getvalue())
        return StoredResponses(self.folder, self.name, [_from_record(record) for record in self._records])

    def _flush(self) -> None:
        if self._waiting:
            folder_files.write_bytes(self.folder, samples_name(self.name, self._files), bytes(self._waiting))
            self._files += 1
            self._waiting.clear()


def direct_level_db(samples_w: NDArray[np.float32], direct_sample: float) -> float:
    """The level of the direct sound on W (n,), in dB; an impulse of amplitude 1 has about 0 dB."""
    first = max(0, round(direct_sample - _DIRECT_FROM_S * SAMPLE_RATE))
    window = samples_w[first : round(direct_sample + _DIRECT_TO_S * SAMPLE_RATE) + 1]
    energy = float(np.einsum("i,i->", window, window, dtype=np.float64))
    return 10.0 * math.log10(energy) if energy > 0.0 else -math.inf


def room_sizes_m(records: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, float | None]]:
    """The sizes of each room, which hold for all of its responses as soon as one of them tells them.

    Raises:
        MeasuredUnusable: two responses of a room tell different sizes.
    """
    found: dict[str, dict[str, float | None]] = {}
    for record in records:
        of_room = found.setdefault(record["room_id"], dict.fromkeys(SIZES))
        for name in SIZES:
            told, before = record[name], of_room[name]
            if told is not None and before is not None and told != before:
                raise MeasuredUnusable(f"room {record['room_id']!r} has two values of {name}: {before} and {told}")
            of_room[name] = before if told is None else told
    return found


def room_gains_db(records: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """The gain of each room: the median of what brings each direct sound to 1/r on W, and 0 dB where r is not known.

    Loudspeakers and microphones of a measurement have gains of their own. One gain for a room keeps the distances in it
    audible, and makes its rows as loud as simulated ones.
    """
    wanted: dict[str, list[float]] = {}
    for record in records:
        distance_m = record["distance_m"] if record["distance_m"] is not None else 1.0
        if math.isfinite(record["level_db"]) and distance_m > 0.0:
            wanted.setdefault(record["room_id"], []).append(-20.0 * math.log10(distance_m) - record["level_db"])
        else:
            wanted.setdefault(record["room_id"], [])
    return {
        room_id: round(sorted(of_room)[len(of_room) // 2], GAIN_DECIMALS) if of_room else 0.0
        for room_id, of_room in wanted.items()
    }


def _place_values(response: MeasuredResponse) -> dict[str, Any]:
    values = {name: getattr(response, name) for name in MeasuredPlace.__dataclass_fields__}

    def rounded(value: Any) -> Any:
        if isinstance(value, float):
            return round(value, _PLACE_DECIMALS)
        return [round(float(part), _PLACE_DECIMALS) for part in value] if isinstance(value, tuple) else value

    return {name: rounded(value) for name, value in values.items()}


def _from_record(record: Mapping[str, Any]) -> StoredResponse:
    place = {name: record[name] for name in MeasuredPlace.__dataclass_fields__}
    for name in ("receiver_m", "source_m"):
        place[name] = None if place[name] is None else tuple(place[name])
    acoustics = {name: record[name] for name in Acoustics.__dataclass_fields__}
    acoustics["t30_bands_ms"] = tuple(acoustics["t30_bands_ms"])
    rest = ("license", "attribution", "gain_db", "file", "offset_bytes", "n_samples")
    return StoredResponse(MeasuredPlace(**place), Acoustics(**acoustics), **{name: record[name] for name in rest})


_STRING, _NUMBER, _NUMBERS = pa.string(), pa.float64(), pa.list_(pa.float64())
_SCHEMA = pa.schema(
    [
        *((name, _STRING) for name in ("response_id", "room_id", "split", "license", "attribution")),
        *((name, _NUMBER) for name in ("azimuth_deg", "elevation_deg", "distance_m", "length_m", "width_m")),
        *((name, _NUMBER) for name in ("height_m", "floor_area_m2", "t30_ms", "edt_ms", "c50_db", "drr_db", "gain_db")),
        *((name, _NUMBERS) for name in ("receiver_m", "source_m", "t30_bands_ms")),
        *((name, pa.int64()) for name in ("file", "offset_bytes", "n_samples")),
    ]
)
