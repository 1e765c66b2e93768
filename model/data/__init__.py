"""Samples straight from releases: rows from Parquet, a crop of each FLAC at the model's rate, what is true of it."""

from __future__ import annotations

from model.data.dataset import ReleaseDataset, unit_direction
from model.data.loader import load_batches
from model.data.order import Turn, epoch_order
from model.data.samples import Batch, Sample, collate
from model.data.sound import read_foa, to_length, without_space
from model.data.tables import SPLITS

__all__ = [
    "SPLITS",
    "Batch",
    "ReleaseDataset",
    "Sample",
    "Turn",
    "collate",
    "epoch_order",
    "load_batches",
    "read_foa",
    "to_length",
    "unit_direction",
    "without_space",
]
