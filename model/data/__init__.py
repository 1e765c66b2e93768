"""Samples from releases: a crop of each FLAC at the model's rate, with its caption and targets."""

from __future__ import annotations

from model.data.dataset import ReleaseDataset, unit_direction
from model.data.loader import load_batches
from model.data.order import Turn, epoch_order
from model.data.samples import Batch, Sample, collate
from model.data.sound import read_foa, to_length

__all__ = [
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
]
