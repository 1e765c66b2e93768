"""Single steps and validations of a training: a model with its data, without the loop and the folder of a run.

On a CPU, with the same versions and numbers of threads and processes, a step depends only on the configuration, the
releases and its number.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor, nn

from model.configuration.run_configuration import RunConfiguration
from model.configuration.training import PretrainingConfiguration, TrainingConfiguration
from model.data import Batch, ReleaseDataset, Turn, load_batches
from model.draws import derive_seed
from model.elsa.network import LOGIT_SCALE_AT_MOST, ElsaModel
from model.encoders.text import load_tokenizer
from model.errors import ConfigurationError, TrainingDiverged
from model.training.contrastive import batch_gradients, chunk_size_of
from model.training.frozen import Captions, Views, is_frozen
from model.training.optimizers import learning_rate_at, make_optimizer
from model.training.phases import Phase, Pretraining, Training
from model.training.processes import Processes
from model.training.validation import Means, as_numbers, mean_average_precision, outputs_on


def splits(configuration: RunConfiguration, releases: Sequence[Path | str]) -> tuple[ReleaseDataset, ReleaseDataset]:
    """The data sets for training and for validation.

    Raises:
        ReleaseUnreadable: a release cannot be used.
    """
    shape, data = configuration.model, configuration.data
    training = ReleaseDataset(
        releases,
        "train",
        sample_rate=shape.sample_rate,
        clip_s=shape.clip_s,
        seed=configuration.training.seed,
        training=True,
        nonspatial_share=configuration.training.nonspatial_share,
        augmentation=data.transforms,
        weights=data.weights,
        rows_an_epoch=data.rows_an_epoch,
    )
    return training, ReleaseDataset(releases, "validation", sample_rate=shape.sample_rate, clip_s=shape.clip_s)


def without_direction_text(dataset: ReleaseDataset) -> str:
    """How many rows of a data set teach no direction, and what they teach."""
    return (
        f"{dataset.rows_without_direction:,} of {len(dataset):,} clips have several or moving sources: "
        "they do not count in the losses of direction and distance"
    )


def take_weights(model: ElsaModel, initial: ElsaModel) -> None:
    """Copies the weights of a trained model into a new one.

    Raises:
        ConfigurationError: the models have different shapes.
    """
    try:
        model.load_state_dict(initial.state_dict())
    except RuntimeError:
        ours, theirs = model.config.as_dict(), initial.config.as_dict()
        differing = [name for name in ours if ours[name] != theirs[name] and not name.endswith(("_source", "_frozen"))]
        example = differing[0] if differing else "text_config"
        raise ConfigurationError(
            f"the model to start from has another shape: its {example} is {theirs[example]}, "
            f"the configuration's is {ours[example]}"
        ) from None


class Trainer:
    """Does single steps and validations. On disk it writes only decoded sound.

    Args:
        configuration: the model and its training.
        training, validation: the rows.
        processes: that share the batches.
        decoded: a file for clips that only the spatial branch reads, decoded at its rate; None decodes every crop.
        initial: a trained model whose weights are taken over; None draws the weights.

    Raises:
        ConfigurationError: an encoder that does not exist, or an initial model of another shape.
    """

    def __init__(
        self,
        configuration: RunConfiguration,
        training: ReleaseDataset,
        validation: ReleaseDataset,
        processes: Processes,
        decoded: Path | None = None,
        initial: ElsaModel | None = None,
    ) -> None:
        self.configuration = configuration
        self.training = training
        self.validation = validation
        self.processes = processes
        settings = configuration.training
        # A copy, because encoders fill in their own configuration.
        self.model = ElsaModel.create(copy.deepcopy(configuration.model), settings.seed)
        if initial is not None:
            take_weights(self.model, initial)
        nn.Module.to(self.model, processes.device)
        processes.same_weights(self.model)
        self.tokenizer = load_tokenizer(self.model.config)
        self.trained = {name: p for name, p in self.model.named_parameters() if p.requires_grad}
        self.rows_an_epoch = len(training.turns(0))
        self._captions = Captions(self.model, self.tokenizer)
        self.decoded = decoded
        self._decoded_dataset: ReleaseDataset | None = None
        # The output of frozen parts for the validation split, by phase and batch. It is the same after every epoch.
        self._prepared: dict[str, dict[int, Tensor | None]] = {}

    def phases(self, views: Path | None = None) -> list[Phase]:
        """The phases in their order. ``views`` is a file for the output of a frozen semantic encoder."""
        settings = self.configuration.training
        encoder = self.model.semantic_branch.encoder
        stored = None
        if settings.semantic_views and views is not None and is_frozen(encoder):
            with self.processes.first_alone():
                stored = Views(views, self.training.clips(), settings.semantic_views, encoder.size, settings.seed)
        whole = Training(self.model, self.configuration, self.training, self._captions, stored)
        before = Pretraining(self.model, self.configuration)
        return [before, whole] if settings.pretraining.epochs else [whole]

    def batch_size(self, settings: PretrainingConfiguration | TrainingConfiguration) -> int:
        """Clips of a batch over all processes: the configured number, or fewer if an epoch has fewer rows.

        Raises:
            ConfigurationError: the number is not a multiple of the number of processes, or an epoch has too few rows.
        """
        count = self.processes.count
        if settings.batch_size % count:
            raise ConfigurationError(f"batch_size is {settings.batch_size}; {count} processes cannot share it evenly")
        size = min(settings.batch_size, self.rows_an_epoch) // count * count
        if not size:
            raise ConfigurationError(f"{count} processes cannot share the {self.rows_an_epoch} rows of an epoch")
        return size

    def steps_an_epoch(self, phase: Phase) -> int:
        """Number of whole batches in an epoch. A shorter last batch is left out: its clips would count for more."""
        return self.rows_an_epoch // self.batch_size(phase.settings)

    def chunk_size(self, phase: Phase) -> int:
        """Clips of this process whose gradients are in memory at one time."""
        share = self.batch_size(phase.settings) // self.processes.count
        return chunk_size_of(share, self.configuration.training.chunk_size)

    def optimizer(self, phase: Phase) -> tuple[torch.optim.Optimizer, list[nn.Parameter]]:
        """Begins a phase: makes its optimiser, and returns it with the parameters that it changes."""
        parameters = [parameter for parameter in phase.begin() if parameter.requires_grad]
        return make_optimizer(parameters, phase.settings), parameters

    def batches(self, phase: Phase, epoch: int, first: int) -> Iterator[list[Batch]]:
        """Yields this process's chunks of each batch of an epoch, from the batch ``first`` on."""
        size, chunk = self.batch_size(phase.settings), self.chunk_size(phase)
        # The epochs of the second phase continue those of the first, so that no crop is repeated.
        before = 0 if isinstance(phase, Pretraining) else self.configuration.training.pretraining.epochs
        turns = self.training.turns(before + epoch)
        own: list[Turn | int] = []
        for batch in range(first, len(turns) // size):
            own += self.processes.share(turns[batch * size : (batch + 1) * size])
        workers = self.configuration.training.workers
        loaded = load_batches(self._at_rate(phase.sample_rate(epoch)), own, batch_size=chunk, workers=workers)
        while chunks := list(islice(loaded, size // self.processes.count // chunk)):
            yield chunks

    def _at_rate(self, sample_rate: int) -> ReleaseDataset:
        """The training split at a rate. Below the model's rate it is decoded once, if the run stores decoded sound."""
        config = self.model.config
        if self.decoded is None or sample_rate == config.sample_rate:
            return self.training.at_rate(sample_rate)
        if self._decoded_dataset is None:
            with self.processes.first_alone():
                self._decoded_dataset = self.training.at_rate(sample_rate, self.decoded)
        return self._decoded_dataset

    def step(
        self,
        phase: Phase,
        optimizer: torch.optim.Optimizer,
        parameters: list[nn.Parameter],
        chunks: list[Batch],
        *,
        epoch: int,
        batch: int,
    ) -> dict[str, float]:
        """Does one step.

        Args:
            phase, optimizer, parameters: from ``optimizer``.
            chunks: from ``batches``.
            epoch, batch: numbers of the step, from 0.

        Returns:
            The terms of the loss, ``gradient_norm`` and ``learning_rate``.

        Raises:
            TrainingDiverged: the loss or the gradient is not finite. No weight has changed.
        """
        settings, steps = phase.settings, self.steps_an_epoch(phase)
        rate = settings.learning_rate * learning_rate_at(
            epoch * steps + batch, settings.epochs * steps, settings.warmup_steps
        )
        for group in optimizer.param_groups:
            group["lr"] = rate
        prepared = [(chunk, phase.prepare(chunk, epoch)) for chunk in chunks]
        optimizer.zero_grad()
        seed = self.configuration.training.seed
        terms = batch_gradients(
            self.model,
            prepared,
            lambda chunk: phase.forward(*chunk),
            phase.loss,
            processes=self.processes,
            shared=phase.shared,
            seed_of=lambda chunk: derive_seed(seed, phase.name, epoch, batch, self.processes.index, chunk),
        )
        norm = nn.utils.clip_grad_norm_(parameters, self.configuration.training.gradient_norm)
        numbers = as_numbers({**terms, "gradient_norm": norm})
        for name in ("loss", "gradient_norm"):
            if not math.isfinite(numbers[name]):
                what = name.replace("_", " ")
                raise TrainingDiverged(
                    f"epoch {epoch + 1}, step {batch + 1}: the {what} is {numbers[name]}; try a learning_rate "
                    f"below {settings.learning_rate:g}"
                )
        optimizer.step()
        with torch.no_grad():
            self.model.logit_scale.clamp_(max=LOGIT_SCALE_AT_MOST)
        return {**numbers, "learning_rate": rate}

    def validate(self, phase: Phase) -> dict[str, float]:
        """The loss and its terms on the validation split, in batches of training's size, and mAP@10 in training.

        Afterwards, the model is again in the training mode of the phase.
        """
        self.model.eval()
        prepared = self._prepared.setdefault(phase.name, {})

        def run(sample_rate: int, forward: Callable[[Batch, int], Mapping[str, Tensor]]) -> dict[str, Tensor]:
            return outputs_on(
                self.validation.at_rate(sample_rate),
                forward,
                batch_size=self.chunk_size(phase),
                workers=self.configuration.training.workers,
                processes=self.processes,
            )

        def prepare(batch: Batch, index: int) -> dict[str, Tensor]:
            prepared[index] = phase.prepare(batch, None)
            return {}

        # A separate pass, so that a training that continues after a kill prepares the same crops at the same rate.
        if phase.prepares and not prepared:
            run(self.model.config.sample_rate, prepare)
        outputs = run(phase.sample_rate(None), lambda batch, index: phase.forward(batch, prepared.get(index)))
        size = self.batch_size(phase.settings)
        sums = Means()
        with torch.no_grad():
            for first in range(0, len(self.validation), size):
                part = {name: output[first : first + size] for name, output in outputs.items()}
                sums.add(as_numbers(phase.loss(part)), min(size, len(self.validation) - first))
        means = sums.means()
        if isinstance(phase, Training):
            captions = [captions[0] for captions in self.validation.values("captions")]
            means["map_at_10"] = mean_average_precision(outputs["embedding"], outputs["text"], captions)
        phase.begin()
        return means
