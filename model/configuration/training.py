"""How a model is trained, as frozen dataclasses that check their values."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

from model.errors import ConfigurationError

OPTIMIZERS = ("adam", "adamw", "lamb")
PRECISIONS = ("float32", "bfloat16")


@dataclass(frozen=True)
class LossWeights:
    """What each term of the loss counts for; 0 switches it off (ELSA, section 4.3, where each is 1)."""

    contrastive: float = 1.0
    #: one minus the cosine between the embedding's and the true direction
    direction: float = 1.0
    #: squared error of the embedding's log distance and log floor area
    distance: float = 1.0
    area: float = 1.0
    #: chord to the direction and squared error of the measures that the spatial branch itself says; ours, it stands in
    #: for pre-training
    branch: float = 1.0
    #: cross entropy of a clip's words among sentences that tell a place alone; ours, 0 as in the paper
    words: float = 0.0

    def __post_init__(self) -> None:
        for name, value in dataclasses.asdict(self).items():
            if value < 0:
                raise ConfigurationError(f"training.losses.{name} is {value}, below 0")


@dataclass(frozen=True)
class PretrainingConfiguration:
    """The spatial branch trained alone, before the rest, on its own words (A.8 in ELSA, where values are from)."""

    #: 100 in the paper; 0 leaves the phase out
    epochs: int = 0
    #: 1024 in the paper
    batch_size: int = 64
    #: lamb (the paper's), adamw or adam
    optimizer: str = "lamb"
    learning_rate: float = 1e-3
    weight_decay: float = 0.01
    warmup_steps: int = 50
    #: whether the branch then keeps its weights while the rest trains
    freeze: bool = False

    def __post_init__(self) -> None:
        _check_optimisation(self, "training.pretraining")
        if self.epochs < 0:
            raise ConfigurationError(f"training.pretraining.epochs is {self.epochs}, below 0")
        if self.freeze and not self.epochs:
            raise ConfigurationError("training.pretraining.freeze is true, but training.pretraining.epochs is 0")


@dataclass(frozen=True)
class TrainingConfiguration:
    """How a model is trained; every field has a use on one CPU."""

    seed: int = 0
    epochs: int = 10
    #: clips that are held against one another in the contrastive loss, over all processes
    batch_size: int = 32
    #: clips whose gradients are in memory at one time; 0 for a process's whole share of the batch. With less, every
    #: clip goes through the model twice, and the gradient stays that of the whole batch.
    chunk_size: int = 0
    #: crops of each row that a frozen semantic encoder hears before the first epoch; in training a row takes, at no
    #: cost, what was made of its clip in any room, while the spatial branch hears a new crop every time. 0 for hearing
    #: every crop. Processes share what they heard by a file in the folder of the run.
    semantic_views: int = 0
    #: whether clips that only the spatial branch hears are decoded once, at its rate, into a file in the folder of the
    #: run: 128 kB for a second of 16 kHz, gone when the training is done
    keep_decoded: bool = False
    #: adamw, adam (the paper's) or lamb
    optimizer: str = "adamw"
    #: float32, or bfloat16 for the products of matrices and the convolutions; weights stay float32
    precision: str = "float32"
    learning_rate: float = 1e-3
    weight_decay: float = 0.01
    #: steps over which the learning rate rises from 0, before the cosine
    warmup_steps: int = 50
    #: the gradient's norm is cut here
    gradient_norm: float = 1.0
    #: share of the samples served without space: W in all four channels, with the original caption
    nonspatial_share: float = 0.2
    #: processes that decode FLAC; 0 decodes in the training process
    workers: int = 0
    #: cpu, cuda, or auto for CUDA where there is one
    device: str = "auto"
    losses: LossWeights = field(default_factory=LossWeights)
    pretraining: PretrainingConfiguration = field(default_factory=PretrainingConfiguration)

    def __post_init__(self) -> None:
        _check_optimisation(self, "training")
        bounds = {"epochs": 1, "chunk_size": 0, "semantic_views": 0, "workers": 0}
        for name, least in bounds.items():
            if getattr(self, name) < least:
                raise ConfigurationError(f"training.{name} is {getattr(self, name)}, below {least}")
        if not 0 <= self.nonspatial_share <= 1:
            raise ConfigurationError(f"training.nonspatial_share is {self.nonspatial_share}, outside [0, 1]")
        if self.gradient_norm <= 0:
            raise ConfigurationError(f"training.gradient_norm is {self.gradient_norm}, not above 0")
        if self.precision not in PRECISIONS:
            raise ConfigurationError(f"training.precision is {self.precision!r}, not one of {', '.join(PRECISIONS)}")
        if self.device not in ("auto", "cpu", "cuda"):
            raise ConfigurationError(f"training.device is {self.device!r}, not auto, cpu or cuda")


def _check_optimisation(settings: PretrainingConfiguration | TrainingConfiguration, where: str) -> None:
    """What both phases of training have."""
    # A contrastive loss over one pair is zero whatever the model does.
    for name, least in {"batch_size": 2, "warmup_steps": 0, "weight_decay": 0}.items():
        if getattr(settings, name) < least:
            raise ConfigurationError(f"{where}.{name} is {getattr(settings, name)}, below {least}")
    if settings.learning_rate <= 0:
        raise ConfigurationError(f"{where}.learning_rate is {settings.learning_rate}, not above 0")
    if settings.optimizer not in OPTIMIZERS:
        raise ConfigurationError(f"{where}.optimizer is {settings.optimizer!r}, not one of {', '.join(OPTIMIZERS)}")
