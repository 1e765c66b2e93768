"""Samples straight from releases: rows from Parquet, a crop of each FLAC at the model's rate, and what is true of it.

Every crop and every choice of caption is a function of the seed, the epoch and the row's id; no order, worker or
process changes it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import soundfile
import soxr
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from model.draws import keyed_generator
from model.losses import Targets
from model.spatial import MEASURES

SPLITS = ("train", "validation", "test")
#: The attributes of a row that have words (ELSA, section 3.2), with the words in the order of the classes.
VOCABULARY: dict[str, tuple[str, ...]] = {
    "direction": ("front", "left", "right", "back"),
    "elevation": ("up", "down"),
    "distance": ("near", "far"),
    "room_size": ("small", "large"),
    "reverberation": ("dampened", "reverberant"),
}
# The columns that are read, and the types that they are read as.
_SCHEMA = pa.schema(
    [
        ("file_name", pa.string()),
        ("id", pa.string()),
        ("source_id", pa.string()),
        ("augmentation", pa.int64()),
        ("captions", pa.list_(pa.string())),
        ("captions_original", pa.list_(pa.string())),
        ("sample_rate", pa.int64()),
        ("azimuth_deg", pa.float64()),
        ("elevation_deg", pa.float64()),
        *((measure.column, pa.float64()) for measure in MEASURES),
        *((attribute, pa.string()) for attribute in VOCABULARY),
    ]
)


class ReleaseUnreadable(ValueError):
    """A release that cannot be used; the message is one line that names the file, the field and the value."""


class SoundUnreadable(ReleaseUnreadable):
    """A sound file that cannot be used, which only shows when its turn comes."""


@dataclass(frozen=True)
class Sample:
    """A clip and what is true of it. ``audio`` is (4, samples) float32, W, Y, Z, X; see Targets for the rest."""

    row: int
    audio: NDArray[np.float32]
    caption: str
    direction: tuple[float, float, float]
    measures: tuple[float, ...]
    is_spatial: bool


@dataclass(frozen=True)
class Batch:
    """B samples: rows (indices in the data set), audio (B, 4, samples), B captions and their targets."""

    rows: list[int]
    audio: Tensor
    captions: list[str]
    targets: Targets


def unit_direction(azimuth_deg: float, elevation_deg: float) -> tuple[float, float, float]:
    """The unit vector x, y, z of a direction: x front, y left, z up; azimuth counter-clockwise, +90° is left."""
    azimuth, elevation = np.deg2rad(azimuth_deg), np.deg2rad(elevation_deg)
    return (
        float(np.cos(elevation) * np.cos(azimuth)),
        float(np.cos(elevation) * np.sin(azimuth)),
        float(np.sin(elevation)),
    )


def without_space(foa: NDArray[np.float32]) -> NDArray[np.float32]:
    """The mono signal W in all four channels: sound without space (ELSA, section 4.1). (4, samples) → (4, samples)."""
    return np.repeat(foa[:1], 4, axis=0)


def read_foa(path: Path, *, sample_rate: int, start: int = 0, frames: int = -1) -> NDArray[np.float32]:
    """Part of a sound file as ambisonics at a rate of choice.

    Args:
        path: four channels are AmbiX (W, Y, Z, X; SN3D); one channel is copied to all four.
        sample_rate: of the result, in hertz.
        start, frames: in samples of the file; −1 reads to the end.

    Returns:
        (4, samples), float32, full scale 1.

    Raises:
        SoundUnreadable: when it cannot be decoded, is empty, not finite or has another number of channels.
    """
    try:
        with soundfile.SoundFile(path) as file:
            file.seek(start)
            samples = file.read(frames, dtype="float32", always_2d=True)
            rate = file.samplerate
    except (OSError, RuntimeError) as error:
        raise SoundUnreadable(f"{path}: cannot be decoded: {' '.join(str(error).split())}") from None
    wanted = frames if frames >= 0 else 1
    if len(samples) < wanted:
        raise SoundUnreadable(f"{path}: {len(samples)} samples from {start} on, at least {wanted} are expected")
    if samples.shape[1] not in (1, 4):
        raise SoundUnreadable(f"{path}: {samples.shape[1]} channels; 4 (ambisonics W, Y, Z, X) or 1 are expected")
    if not np.isfinite(samples).all():
        raise SoundUnreadable(f"{path}: samples that are not finite")
    if rate != sample_rate:
        samples = soxr.resample(samples, rate, sample_rate, quality="HQ")
    return np.ascontiguousarray(np.broadcast_to(samples.T, (4, len(samples))), dtype=np.float32)


def to_length(foa: NDArray[np.float32], samples: int) -> NDArray[np.float32]:
    """Cut, or filled up with zeros, to so many samples. (4, n) → (4, samples)."""
    return np.pad(foa[:, :samples], ((0, 0), (0, max(0, samples - foa.shape[1]))))


class ReleaseDataset(Dataset[Sample]):
    """The rows of one split of one or several releases.

    In training a row is cropped at a random place, one of its captions is drawn, and a share of the rows is served
    without space: W in all four channels, with the original caption. In evaluation the crop is the middle of the clip,
    the caption the first, and every row keeps its space.

    Args:
        releases: folders.
        split: train, validation or test.
        sample_rate: of the crops; a release of a higher rate is resampled, one of a lower rate refused.
        clip_s: length of a crop in seconds; shorter clips are followed by zeros.
        seed: of every draw.
        training: random crops and captions, or fixed ones.
        nonspatial_share: of the rows served without space, in training.

    Raises:
        ReleaseUnreadable: no such release, no rows in the split, a missing column, a rate too low, a path that leads
            out of its shard.
    """

    def __init__(
        self,
        releases: Sequence[Path | str],
        split: str,
        *,
        sample_rate: int,
        clip_s: float,
        seed: int = 0,
        training: bool = False,
        nonspatial_share: float = 0.0,
    ) -> None:
        self.split = split
        self.sample_rate = sample_rate
        self.clip_s = clip_s
        self.seed = seed
        self.training = training
        self.nonspatial_share = nonspatial_share
        self.epoch = 0
        tables: list[pa.Table] = []
        shard_of_row: list[int] = []
        self._shards: list[Path] = []
        for release in map(Path, releases):
            for shard, table in _shards(release, split):
                shard_of_row += [len(self._shards)] * len(table)
                self._shards.append(shard)
                tables.append(table)
        if not shard_of_row:
            raise ReleaseUnreadable(f"no release given: {split} has no rows")
        self.table = pa.concat_tables(tables).combine_chunks()
        self._shard_of_row = np.array(shard_of_row)
        self._columns = {name: self.table.column(name).chunk(0) for name in _SCHEMA.names}
        slow = np.flatnonzero(self.numbers("sample_rate") < sample_rate)
        if len(slow):
            row = int(slow[0])
            raise ReleaseUnreadable(
                f"{self._path(row)}: sample_rate is {self.value('sample_rate', row)} Hz, the model needs {sample_rate}"
            )

    def set_epoch(self, epoch: int) -> None:
        """The epoch that draws depend on, from 0."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self._shard_of_row)

    def value(self, column: str, row: int) -> Any:
        """One cell."""
        return self._columns[column][row].as_py()

    def values(self, column: str) -> list[Any]:
        """A column as Python values."""
        return self._columns[column].to_pylist()

    def numbers(self, column: str) -> NDArray[np.float64]:
        """A column as float64; null is NaN."""
        return np.array([np.nan if value is None else value for value in self.values(column)], dtype=np.float64)

    def directions(self) -> NDArray[np.float64]:
        """Unit vectors x, y, z to the sources, (rows, 3)."""
        angles = zip(self.numbers("azimuth_deg"), self.numbers("elevation_deg"), strict=True)
        return np.array([unit_direction(azimuth, elevation) for azimuth, elevation in angles])

    def __getitem__(self, row: int) -> Sample:
        """A sample; see the class."""
        captions, originals = self.value("captions", row), self.value("captions_original", row)
        draw = keyed_generator(self.seed, "sample", self.epoch, self.value("id", row)) if self.training else None
        place = 0.5 if draw is None else draw.random()
        which = 0 if draw is None else int(draw.integers(len(captions)))
        is_spatial = draw is None or draw.random() >= self.nonspatial_share
        audio = self.audio(row, place)
        return Sample(
            row=row,
            audio=audio if is_spatial else without_space(audio),
            caption=captions[which] if is_spatial else originals[which],
            direction=unit_direction(self.value("azimuth_deg", row), self.value("elevation_deg", row)),
            measures=tuple(
                float("nan") if (value := self.value(measure.column, row)) is None else value for measure in MEASURES
            ),
            is_spatial=is_spatial,
        )

    def audio(self, row: int, place: float = 0.5) -> NDArray[np.float32]:
        """A crop of a row's FLAC: ``place`` 0 is its start, 1 its end. (4, clip_s · sample_rate), float32."""
        path = self._path(row)
        rate = self.value("sample_rate", row)
        try:
            info = soundfile.info(path)
        except (OSError, RuntimeError) as error:
            raise SoundUnreadable(f"{path}: cannot be decoded: {' '.join(str(error).split())}") from None
        if info.samplerate != rate:
            raise SoundUnreadable(f"{path}: {info.samplerate} Hz, its row says {rate}")
        if info.channels != 4:
            raise SoundUnreadable(f"{path}: {info.channels} channels, 4 are expected")
        length = min(info.frames, round(self.clip_s * rate))
        start = int(place * (info.frames - length))
        foa = read_foa(path, sample_rate=self.sample_rate, start=start, frames=length)
        return to_length(foa, round(self.clip_s * self.sample_rate))

    def _path(self, row: int) -> Path:
        return self._shards[self._shard_of_row[row]] / self.value("file_name", row)


def _shards(release: Path, split: str) -> Iterator[tuple[Path, pa.Table]]:
    """The shards of a split with their rows, in the order of their names."""
    if not release.is_dir():
        raise ReleaseUnreadable(f"{release}: no such release")
    files = sorted((release / split).glob("*/metadata.parquet"))
    rows = 0
    for file in files:
        try:
            names = pq.read_schema(file).names
            missing = [name for name in _SCHEMA.names if name not in names]
            if missing:
                raise ReleaseUnreadable(f"{file}: no column {missing[0]}")
            # The file alone: its folder's name would be read as a partition.
            table = _cast(pq.ParquetFile(file).read(columns=_SCHEMA.names), file)
        except (OSError, pa.ArrowException) as error:
            raise ReleaseUnreadable(f"{file}: cannot be read: {' '.join(str(error).split())}") from None
        for name, captions, originals in zip(
            table.column("file_name").to_pylist(),
            table.column("captions").to_pylist(),
            table.column("captions_original").to_pylist(),
            strict=True,
        ):
            # By its text, not resolved: model hubs keep the files of a data set behind links.
            if name is None or PurePath(name).is_absolute() or ".." in PurePath(name).parts:
                raise ReleaseUnreadable(f"{file}: file_name {name!r} leads out of the shard")
            if not captions or not originals or len(captions) != len(originals):
                raise ReleaseUnreadable(f"{file}: {name}: captions and captions_original do not pair up")
        rows += len(table)
        yield file.parent, table
    if not rows:
        raise ReleaseUnreadable(f"{release}: split {split} has no rows")


def _cast(table: pa.Table, file: Path) -> pa.Table:
    """The columns of _SCHEMA with its types."""
    columns = []
    for field in _SCHEMA:
        column = table.column(field.name)
        try:
            columns.append(column.cast(field.type))
        except pa.ArrowException:
            raise ReleaseUnreadable(f"{file}: column {field.name} is {column.type}, not {field.type}") from None
    return pa.Table.from_arrays(columns, schema=_SCHEMA)


class _Forwarding(Dataset["Sample | ReleaseUnreadable"]):
    """A data set that returns its errors: raised in a worker they would come back wrapped in a traceback's text."""

    def __init__(self, dataset: ReleaseDataset) -> None:
        self.dataset = dataset

    def __getitem__(self, row: int) -> Sample | ReleaseUnreadable:
        try:
            return self.dataset[row]
        except ReleaseUnreadable as error:
            return error


def collate(samples: Sequence[Sample]) -> Batch:
    """Samples of one length to a batch."""
    return Batch(
        rows=[sample.row for sample in samples],
        audio=torch.from_numpy(np.stack([sample.audio for sample in samples])),
        captions=[sample.caption for sample in samples],
        targets=Targets(
            direction=torch.tensor([sample.direction for sample in samples], dtype=torch.float32),
            measures=torch.tensor([sample.measures for sample in samples], dtype=torch.float32),
            is_spatial=torch.tensor([sample.is_spatial for sample in samples]),
        ),
    )


def _collate(items: Sequence[Sample | ReleaseUnreadable]) -> Batch | ReleaseUnreadable:
    samples = []
    for item in items:
        if isinstance(item, ReleaseUnreadable):
            return item
        samples.append(item)
    return collate(samples)


def _single_threaded(_: int) -> None:
    torch.set_num_threads(1)


def load_batches(
    dataset: ReleaseDataset, order: Sequence[int], *, batch_size: int, workers: int = 0, drop_last: bool = False
) -> Iterator[Batch]:
    """Batches of the rows in the order given.

    Raises:
        ReleaseUnreadable: when a file of a batch cannot be used.
    """
    loader = DataLoader(
        _Forwarding(dataset),
        batch_size=batch_size,
        # DataLoader knows a list of indices by the name of sampler.
        sampler=list(order),
        num_workers=workers,
        drop_last=drop_last,
        collate_fn=_collate,
        worker_init_fn=_single_threaded,
        # Without one of its own it would draw from the global generator.
        generator=torch.Generator().manual_seed(0),
    )
    for batch in loader:
        if isinstance(batch, ReleaseUnreadable):
            raise batch
        yield batch


def epoch_order(rows: int, *, seed: int, epoch: int) -> list[int]:
    """The rows in the random order of an epoch."""
    return keyed_generator(seed, "order", epoch).permutation(rows).tolist()
