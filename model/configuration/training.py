"""How a model is trained: the section ``training`` of a configuration."""

from __future__ import annotations

from dataclasses import field
from typing import Annotated, Literal

from pydantic import Field

from model.settings import (
    Flag,
    NullIsEmpty,
    NumberFromZero,
    PositiveNumber,
    Share,
    Whole,
    WholeFromZero,
    section,
)

Optimizer = Literal["adam", "adamw", "lamb"]
#: A contrastive loss over one pair is zero whatever the model does.
BatchSize = Annotated[Whole, Field(ge=2, le=1_000_000)]
#: A larger number would never end, or fill the disk.
Epochs = Annotated[Whole, Field(ge=1, le=1_000_000)]
EpochsFromZero = Annotated[Whole, Field(ge=0, le=1_000_000)]
ViewCount = Annotated[Whole, Field(ge=0, le=1000)]
WorkerCount = Annotated[Whole, Field(ge=0, le=1024)]


@section
class LossWeights:
    """Weight of each term of the loss; 0 switches a term off (ELSA, section 4.3, where each is 1)."""

    contrastive: NumberFromZero = 1.0
    #: one minus the cosine between the embedding's and the true direction
    direction: NumberFromZero = 1.0
    #: squared error of the embedding's log distance
    distance: NumberFromZero = 1.0
    #: squared error of the embedding's log floor area
    area: NumberFromZero = 1.0
    #: chord to the direction and squared error of the measures, both from the spatial branch itself. Ours: it replaces
    #: pre-training
    branch: NumberFromZero = 1.0
    #: cross entropy of a clip's words among sentences that state only a position or a room; ours, 0 as in the paper
    words: NumberFromZero = 0.0


@section
class PretrainingConfiguration:
    """Training of the spatial branch alone, before the rest, on its own outputs (ELSA, A.8, gives the values)."""

    #: 100 in the paper; 0 leaves the phase out
    epochs: EpochsFromZero = 0
    #: 1024 in the paper
    batch_size: BatchSize = 64
    #: lamb (the paper's), adamw or adam
    optimizer: Optimizer = "lamb"
    learning_rate: PositiveNumber = 1e-3
    weight_decay: NumberFromZero = 0.01
    warmup_steps: WholeFromZero = 50
    #: whether the branch keeps its weights while the rest trains
    freeze: Flag = False

    def __post_init__(self) -> None:
        if self.freeze and not self.epochs:
            raise ValueError("freeze is true, but epochs is 0")


@section
class TrainingConfiguration:
    """How a model is trained; every field is of use on one CPU."""

    seed: Whole = 0
    epochs: Epochs = 10
    #: clips that the contrastive loss compares with one another, over all processes
    batch_size: BatchSize = 32
    #: clips whose gradients are in memory at one time; 0 is a process's whole share of the batch. If it is smaller than
    #: that, every clip passes through the model twice, and the gradient is still that of the whole batch
    chunk_size: WholeFromZero = 0
    #: crops of each row that a frozen semantic encoder encodes before the first epoch; 0 encodes every crop during
    #: training. A row then uses the stored vectors of its clip from any room, while the spatial branch gets a new crop
    #: each time. Processes share the vectors through a file in the folder of the run
    semantic_views: ViewCount = 0
    #: whether clips that only the spatial branch reads are decoded once, at its rate, into a file in the folder of the
    #: run: 128 kB for a second at 16 kHz, removed when the training ends
    keep_decoded: Flag = False
    #: adamw, adam (the paper's) or lamb
    optimizer: Optimizer = "adamw"
    #: float32, or bfloat16 for matrix products and convolutions; weights stay float32
    precision: Literal["float32", "bfloat16"] = "float32"
    learning_rate: PositiveNumber = 1e-3
    weight_decay: NumberFromZero = 0.01
    #: steps over which the learning rate rises from 0, before the cosine
    warmup_steps: WholeFromZero = 50
    #: the norm of the gradient is clipped to this
    gradient_norm: PositiveNumber = 1.0
    #: share of the samples without space: W in all four channels, with the original caption
    nonspatial_share: Share = 0.2
    #: processes that decode FLAC; 0 decodes in the training process
    workers: WorkerCount = 0
    #: cpu, cuda, or auto for CUDA if there is one
    device: Literal["auto", "cpu", "cuda"] = "auto"
    losses: Annotated[LossWeights, NullIsEmpty] = field(default_factory=LossWeights)
    pretraining: Annotated[PretrainingConfiguration, NullIsEmpty] = field(default_factory=PretrainingConfiguration)
