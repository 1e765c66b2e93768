"""Samples and batches: crops with captions and targets. The augmentation is applied on the device of the batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model.augmentation.apply_recordings import Recordings, record
from model.augmentation.recording import Recording
from model.data.sound import Samples
from model.targets import Targets

_INT16_FULL_SCALE = 1 << 15


@dataclass(frozen=True)
class Sample:
    """A crop with its caption and targets.

    Attributes:
        row: index in the data set.
        crop: (4, samples), W, Y, Z, X as decoded. ``matrix`` and then ``recording`` turn it into ``audio``.
        sample_rate: of the crop, in hertz.
        caption: a sentence that is true of ``audio``.
        direction: unit vector x, y, z to the source; zero if there are several or it moves.
        measures: values of MEASURES in their order; NaN if the row has none.
        is_spatial: false if W is in all four channels.
        words: for each attribute of VOCABULARY the index of the row's word; −1 if it has none.
        matrix: (4, 4), maps the crop's channels to the audio's; None changes nothing.
        recording: defects applied after the matrix; None changes nothing.
    """

    row: int
    crop: Samples
    sample_rate: int
    caption: str
    direction: tuple[float, float, float]
    measures: tuple[float, ...]
    is_spatial: bool
    words: tuple[int, ...]
    matrix: NDArray[np.float64] | None = None
    recording: Recording | None = None

    @property
    def audio(self) -> NDArray[np.float32]:
        """The sound that a model receives: (4, samples) float32, W, Y, Z, X, full scale 1."""
        return collate([self]).audio[0].numpy()


@dataclass(frozen=True)
class Batch:
    """B samples.

    Attributes:
        rows: indices in the data set.
        crops: (B, 4, samples), int16 or float32, as decoded. ``matrices`` and ``recordings`` turn them into ``audio``.
        sample_rate: of the crops, in hertz.
        captions: B sentences.
        targets: of the audio.
        matrices: (B, 4, 4), map the crops' channels to the audio's; None changes nothing.
        recordings: defects of the clips that have any; None if no clip has.
    """

    rows: list[int]
    crops: Tensor
    sample_rate: int
    captions: list[str]
    targets: Targets
    matrices: Tensor | None = None
    recordings: Recordings | None = None

    @cached_property
    def audio(self) -> Tensor:
        """(B, 4, samples) float32, W, Y, Z, X, full scale 1. It is computed once, on the device of the batch."""
        audio = self.crops.to(torch.float32, copy=True)
        if self.crops.dtype == torch.int16:
            audio *= 1 / _INT16_FULL_SCALE
        if self.matrices is not None:
            # One clip at a time on a CPU, where allocating a whole batch takes longer than the products.
            for clips in [slice(i, i + 1) for i in range(len(audio))] if audio.device.type == "cpu" else [slice(None)]:
                audio[clips] = torch.bmm(self.matrices[clips], audio[clips])
        if self.recordings is not None:
            record(audio, self.recordings, sample_rate=self.sample_rate)
        return audio

    def to(self, device: torch.device | str) -> Batch:
        """The batch on another device, which then computes ``audio``; the batch itself if it is there already."""
        if self.crops.device == torch.device(device):
            return self
        return replace(
            self,
            crops=self.crops.to(device),
            targets=self.targets.to(device),
            matrices=None if self.matrices is None else self.matrices.to(device),
            recordings=None if self.recordings is None else self.recordings.to(device),
        )


def collate(samples: Sequence[Sample]) -> Batch:
    """Makes a batch of samples of one length and rate."""
    crops = [sample.crop for sample in samples]
    if any(crop.dtype != np.int16 for crop in crops):
        crops = [_as_float(crop) for crop in crops]
    matrices = None
    if any(sample.matrix is not None for sample in samples):
        stacked = np.stack([np.eye(4) if sample.matrix is None else sample.matrix for sample in samples])
        matrices = torch.from_numpy(stacked).to(torch.float32)
    return Batch(
        rows=[sample.row for sample in samples],
        crops=torch.from_numpy(np.stack(crops)),
        sample_rate=samples[0].sample_rate,
        captions=[sample.caption for sample in samples],
        targets=Targets(
            direction=torch.tensor([sample.direction for sample in samples], dtype=torch.float32),
            measures=torch.tensor([sample.measures for sample in samples], dtype=torch.float32),
            is_spatial=torch.tensor([sample.is_spatial for sample in samples]),
            words=torch.tensor([sample.words for sample in samples]),
        ),
        matrices=matrices,
        recordings=Recordings.of([sample.recording for sample in samples]),
    )


def _as_float(crop: Samples) -> NDArray[np.float32]:
    return crop.astype(np.float32) * np.float32(1 / _INT16_FULL_SCALE if crop.dtype == np.int16 else 1)
