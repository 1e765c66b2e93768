"""A split of one or several releases as a data set of samples.

Every crop, choice of caption and transform depends only on the seed, the epoch and the row's id, not on the order, the
worker or the process.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from torch.utils.data import Dataset

from model.augmentation import Augmentation, Words
from model.data.decoded import DecodedSound
from model.data.order import Turn, epoch_order
from model.data.samples import Sample
from model.data.sound import RowSound, Samples, clip_length, read_clip, read_crop, to_length
from model.data.tables import COLUMNS, read_shards
from model.draws import keyed_generator
from model.errors import ConfigurationError, ReleaseUnreadable
from model.targets import MEASURES, VOCABULARY

# Copies W to all four channels.
_WITHOUT_SPACE = np.outer(np.ones(4), (1, 0, 0, 0))


def unit_direction(azimuth_deg: float, elevation_deg: float) -> tuple[float, float, float]:
    """The unit vector of a direction: x is front, y left, z up; azimuth is counter-clockwise, +90° is left."""
    azimuth, elevation = np.deg2rad(azimuth_deg), np.deg2rad(elevation_deg)
    return (
        float(np.cos(elevation) * np.cos(azimuth)),
        float(np.cos(elevation) * np.sin(azimuth)),
        float(np.sin(elevation)),
    )


def _direction(azimuth_deg: float | None, elevation_deg: float | None) -> tuple[float, float, float]:
    """The unit vector of a row's direction; zero for several or moving sources, which have none."""
    if azimuth_deg is None or elevation_deg is None:
        return (0.0, 0.0, 0.0)
    return unit_direction(azimuth_deg, elevation_deg)


def _word_indices(words: Words) -> tuple[int, ...]:
    """For each attribute of VOCABULARY the index of its word; −1 if it has none."""
    return tuple(
        known.index(word) if (word := words.get(attribute)) in known else -1 for attribute, known in VOCABULARY.items()
    )


class ReleaseDataset(Dataset[Sample]):
    """A split of one or several releases.

    In training, a row is cropped at a random position and one of its captions is drawn. A share of the rows loses its
    space: W is copied to all four channels, and the caption is the original one. The other rows are augmented; those of
    several or moving sources are not moved, because their captions tell several places. In
    evaluation, the crop is the middle of the clip, the caption is the first, and nothing is augmented.

    Args:
        releases: folders.
        split: train, validation or test.
        sample_rate: rate of the crops in hertz. A release with a higher rate is resampled, one with a lower rate is
            rejected.
        clip_s: length of a crop in seconds. A shorter clip is padded with zeros at its end.
        seed: of every draw.
        training: whether crops and captions are drawn, or fixed.
        nonspatial_share: share of the rows without space, in training.
        augmentation: transforms, in training; None for none.
        weights: each release's share of an epoch, for ``turns``; None is its number of rows.
        rows_an_epoch: rows of an epoch, for ``turns``; None is all rows.

    Raises:
        ReleaseUnreadable: no such release, no rows in the split, a missing column, a rate too low, or a file name that
            leads out of its shard.
        ConfigurationError: not as many weights as releases.
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
        augmentation: Augmentation | None = None,
        weights: Sequence[float] | None = None,
        rows_an_epoch: int | None = None,
    ) -> None:
        self.split = split
        self.sample_rate = sample_rate
        self.clip_s = clip_s
        self.seed = seed
        self.training = training
        self.nonspatial_share = nonspatial_share
        self.augmentation = augmentation
        self.weights = weights
        self.rows_an_epoch = rows_an_epoch
        self.decoded: DecodedSound | None = None
        if weights is not None and len(weights) != len(releases):
            raise ConfigurationError(f"data.weights has {len(weights)} numbers for {len(releases)} releases")
        tables: list[pa.Table] = []
        shard_of_row: list[int] = []
        self.sizes: list[int] = []
        self._shards: list[tuple[Path, str]] = []
        for release in map(Path, releases):
            before = len(shard_of_row)
            for shard, table in read_shards(release, split):
                shard_of_row += [len(self._shards)] * len(table)
                self._shards.append((release, shard))
                tables.append(table)
            self.sizes.append(len(shard_of_row) - before)
        if not shard_of_row:
            raise ReleaseUnreadable(f"no release given: {split} has no rows")
        self.table = pa.concat_tables(tables).combine_chunks()
        self._shard_of_row = np.array(shard_of_row)
        self._columns = self._chunks()
        slow = np.flatnonzero(self.numbers("sample_rate") < sample_rate)
        if len(slow):
            row = int(slow[0])
            raise ReleaseUnreadable(
                f"{self.path(row)}: sample_rate is {self.value('sample_rate', row)} Hz, the model needs {sample_rate}"
            )

    def __getstate__(self) -> dict[str, Any]:
        # The columns are views of the table, so a worker would receive the data twice.
        return {name: value for name, value in self.__dict__.items() if name != "_columns"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._columns = self._chunks()

    def _chunks(self) -> dict[str, pa.Array]:
        return {name: self.table.column(name).chunk(0) for name in COLUMNS.names}

    def at_rate(self, sample_rate: int, decoded: Path | None = None) -> ReleaseDataset:
        """The same rows and draws with crops at another rate. Both data sets share the table.

        Args:
            sample_rate: in hertz, at most that of the releases.
            decoded: a file that keeps decoded clips, see ``DecodedSound``; None decodes every crop.
        """
        other = copy.copy(self)
        other.sample_rate = sample_rate
        other.decoded = None
        if decoded is not None:
            other.decoded = DecodedSound(
                decoded, [clip_length(self.sound(row), sample_rate=sample_rate) for row in range(len(self))]
            )
        return other

    def turns(self, epoch: int) -> list[Turn]:
        """The turns of an epoch in their order; the releases are mixed by their weights. Epochs count from 0."""
        return epoch_order(
            self.sizes, seed=self.seed, epoch=epoch, weights=self.weights, rows_an_epoch=self.rows_an_epoch
        )

    def __len__(self) -> int:
        return len(self._shard_of_row)

    def value(self, column: str, row: int) -> Any:
        """The value of a column in a row; None for null."""
        return self._columns[column][row].as_py()

    def values(self, column: str) -> list[Any]:
        """A column as Python values, None for null."""
        return self._columns[column].to_pylist()

    def numbers(self, column: str) -> NDArray[np.float64]:
        """A column as float64 (rows,), NaN for null."""
        return np.array([np.nan if value is None else value for value in self.values(column)], dtype=np.float64)

    def clips(self) -> list[str]:
        """The source clip of each row. A row without a source is its own clip."""
        return [source or own for source, own in zip(self.values("source_id"), self.values("id"), strict=True)]

    @property
    def rows_without_direction(self) -> int:
        """The number of rows of several or moving sources, which have no one direction or distance."""
        return int(self.table.column("azimuth_deg").null_count)

    def directions(self) -> NDArray[np.float64]:
        """Unit vectors x, y, z to the sources, (rows, 3); zero for a row of several or moving sources."""
        angles = zip(self.values("azimuth_deg"), self.values("elevation_deg"), strict=True)
        return np.array([_direction(azimuth, elevation) for azimuth, elevation in angles])

    def __getitem__(self, row: int | Turn) -> Sample:
        """The sample of a turn, or of a row in epoch 0."""
        turn = row if isinstance(row, Turn) else Turn(row)
        return self._draw_sample(turn) if self.training else self._fixed_sample(turn.row)

    def _fixed_sample(self, row: int) -> Sample:
        return Sample(
            row=row,
            crop=self.crop(row),
            sample_rate=self.sample_rate,
            caption=self.value("captions", row)[0],
            direction=_direction(self.value("azimuth_deg", row), self.value("elevation_deg", row)),
            measures=self._measures(row),
            is_spatial=True,
            words=_word_indices(self._words(row)),
        )

    def _draw_sample(self, turn: Turn) -> Sample:
        row = turn.row
        captions, originals = self.value("captions", row), self.value("captions_original", row)

        def generator(name: str) -> np.random.Generator:
            return keyed_generator(self.seed, name, turn.epoch, self.value("id", row), turn.repeat)

        draw = generator("sample")
        position = draw.random()
        which = int(draw.integers(len(captions)))
        is_spatial = draw.random() >= self.nonspatial_share
        azimuth, elevation = self.value("azimuth_deg", row), self.value("elevation_deg", row)
        caption = captions[which] if is_spatial else originals[which]
        matrix, recording = None, None
        words: Words = self._words(row) if is_spatial else {}
        if not is_spatial:
            matrix = _WITHOUT_SPACE * (1.0 if self.augmentation is None else self.augmentation.gain(generator))
        elif self.augmentation is not None:
            augmented = self.augmentation.draw(
                generator,
                azimuth_deg=azimuth,
                elevation_deg=elevation,
                words=words,
                caption=caption,
                original=originals[which],
                sample_rate=self.sample_rate,
            )
            matrix, recording = augmented.matrix, augmented.recording
            azimuth, elevation = augmented.azimuth_deg, augmented.elevation_deg
            caption, words = augmented.caption, augmented.words
        return Sample(
            row=row,
            crop=self.crop(row, position),
            sample_rate=self.sample_rate,
            caption=caption,
            direction=_direction(azimuth, elevation),
            measures=self._measures(row),
            is_spatial=is_spatial,
            words=_word_indices(words),
            matrix=matrix,
            recording=recording,
        )

    def _words(self, row: int) -> Words:
        return {attribute: self.value(attribute, row) for attribute in VOCABULARY}

    def _measures(self, row: int) -> tuple[float, ...]:
        values = (self.value(measure.column, row) for measure in MEASURES)
        return tuple(float("nan") if value is None else value for value in values)

    def crop(self, row: int, position: float = 0.5) -> Samples:
        """A crop of a row's FLAC, (4, clip_s · sample_rate). At position 0 it is at the start, at 1 at the end."""
        if self.decoded is not None:
            return self._crop_decoded(row, position, self.decoded)
        return read_crop(self.sound(row), position=position, clip_s=self.clip_s, sample_rate=self.sample_rate)

    def _crop_decoded(self, row: int, position: float, decoded: DecodedSound) -> Samples:
        def decode() -> NDArray[np.int16]:
            return read_clip(self.sound(row), sample_rate=self.sample_rate)

        whole, frames = decoded.clip(row, decode), round(self.clip_s * self.sample_rate)
        start = int(position * max(0, whole.shape[1] - frames))
        return np.array(to_length(whole[:, start : start + frames], frames))

    def path(self, row: int) -> Path:
        """The path of a row's FLAC file, for messages."""
        return self.sound(row).path

    def sound(self, row: int) -> RowSound:
        """A row's FLAC file, with the rate and length that the row states."""
        release, shard = self._shards[self._shard_of_row[row]]
        rate, duration_s = self.value("sample_rate", row), self.value("duration_s", row)
        return RowSound(release, f"{shard}/{self.value('file_name', row)}", rate, duration_s)
