"""A model with its data: the phases of a training, its batches, single steps and validations; no loop, and no run.

On a CPU, with the same versions and numbers of threads and processes, a step is a function of the configuration, the
releases and its place.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Sequence
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
    """What is trained on, and what is validated with.

    Raises:
        ReleaseUnreadable: a release that cannot be used.
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


class Trainer:
    """A model with its data: single steps and validations; on disk nothing but what is kept of the sound.

    Args:
        decoded: a file for clips that only the spatial branch hears, decoded at its rate; none to decode each anew.
    """

    def __init__(
        self,
        configuration: RunConfiguration,
        training: ReleaseDataset,
        validation: ReleaseDataset,
        processes: Processes,
        decoded: Path | None = None,
    ) -> None:
        self.configuration = configuration
        self.training = training
        self.validation = validation
        self.processes = processes
        settings = configuration.training
        # A copy: the sources of encoders fill in what is not stated.
        self.model = ElsaModel.create(copy.deepcopy(configuration.model), settings.seed)
        nn.Module.to(self.model, processes.device)
        processes.same_weights(self.model)
        self.tokenizer = load_tokenizer(self.model.config)
        self.trained = {name: p for name, p in self.model.named_parameters() if p.requires_grad}
        self.rows_an_epoch = len(training.turns(0))
        self._captions = Captions(self.model, self.tokenizer)
        self.decoded = decoded
        self._kept: ReleaseDataset | None = None
        # What frozen parts make of the validation split, by phase and batch: it is the same after every epoch.
        self._prepared: dict[str, dict[int, Tensor | None]] = {}

    def phases(self, views: Path | None = None) -> list[Phase]:
        """What there is to do, in its order. ``views`` is a file for what a frozen semantic encoder gives."""
        settings = self.configuration.training
        encoder = self.model.semantic_branch.encoder
        kept = None
        if settings.semantic_views and views is not None and is_frozen(encoder):
            with self.processes.first_alone():
                kept = Views(views, self.training.clips(), settings.semantic_views, encoder.size, settings.seed)
        whole = Training(self.model, self.configuration, self.training, self._captions, kept)
        before = Pretraining(self.model, self.configuration)
        return [before, whole] if settings.pretraining.epochs else [whole]

    def batch_size(self, settings: PretrainingConfiguration | TrainingConfiguration) -> int:
        """Clips of a batch over all processes: what is set, or, when an epoch has fewer, all that can be shared.

        Raises:
            ConfigurationError: when they cannot be shared.
        """
        count = self.processes.count
        if settings.batch_size % count:
            raise ConfigurationError(f"batch_size is {settings.batch_size}, which {count} processes cannot share")
        size = min(settings.batch_size, self.rows_an_epoch) // count * count
        if not size:
            raise ConfigurationError(f"{self.rows_an_epoch} rows cannot be shared by {count} processes")
        return size

    def steps_an_epoch(self, phase: Phase) -> int:
        """Whole batches of an epoch; a last, short one would weigh as much as the others."""
        return self.rows_an_epoch // self.batch_size(phase.settings)

    def chunk_size(self, phase: Phase) -> int:
        """Clips of this process whose gradients are in memory at one time."""
        share = self.batch_size(phase.settings) // self.processes.count
        return chunk_size_of(share, self.configuration.training.chunk_size)

    def optimizer(self, phase: Phase) -> tuple[torch.optim.Optimizer, list[nn.Parameter]]:
        """A new optimiser for a phase, which begins, and the parameters that it steps."""
        parameters = [parameter for parameter in phase.begin() if parameter.requires_grad]
        return make_optimizer(parameters, phase.settings), parameters

    def batches(self, phase: Phase, epoch: int, first: int) -> Iterator[list[Batch]]:
        """This process's chunks of each batch of an epoch, from the batch ``first`` on."""
        size, chunk = self.batch_size(phase.settings), self.chunk_size(phase)
        # The epochs of both phases are told apart, so that no crop comes twice.
        before = 0 if isinstance(phase, Pretraining) else self.configuration.training.pretraining.epochs
        turns = self.training.turns(before + epoch)
        own: list[Turn | int] = []
        for batch in range(first, len(turns) // size):
            own += self.processes.share(turns[batch * size : (batch + 1) * size])
        workers = self.configuration.training.workers
        loaded = load_batches(self._heard(phase.sample_rate(epoch)), own, batch_size=chunk, workers=workers)
        while chunks := list(islice(loaded, size // self.processes.count // chunk)):
            yield chunks

    def _heard(self, sample_rate: int) -> ReleaseDataset:
        """The training split at a rate, decoded once where that is below the model's and the run keeps it."""
        config = self.model.config
        if self.decoded is None or sample_rate == config.sample_rate:
            return self.training.at_rate(sample_rate)
        if self._kept is None:
            with self.processes.first_alone():
                self._kept = self.training.at_rate(sample_rate, self.decoded)
        return self._kept

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
        """One step; the loss's terms, and beside them ``gradient_norm`` and ``learning_rate``.

        Raises:
            TrainingDiverged: before anything is changed.
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
            seed_of=lambda place: derive_seed(seed, phase.name, epoch, batch, self.processes.index, place),
        )
        norm = nn.utils.clip_grad_norm_(parameters, self.configuration.training.gradient_norm)
        told = as_numbers({**terms, "gradient_norm": norm})
        for name in ("loss", "gradient_norm"):
            if not math.isfinite(told[name]):
                what = name.replace("_", " ")
                raise TrainingDiverged(
                    f"epoch {epoch + 1}, step {batch + 1}: the {what} is {told[name]}; a lower learning_rate, now "
                    f"{settings.learning_rate:g}, may help"
                )
        optimizer.step()
        with torch.no_grad():
            self.model.logit_scale.clamp_(max=LOGIT_SCALE_AT_MOST)
        return {**told, "learning_rate": rate}

    def validate(self, phase: Phase) -> dict[str, float]:
        """The loss and its terms on the validation split, in batches of training's size; of the whole model mAP@10 too.

        The model is in training mode again afterwards, as the phase wants it.
        """
        self.model.eval()
        prepared = self._prepared.setdefault(phase.name, {})

        def on(sample_rate: int, forward: Callable[[Batch, int], Sequence[Tensor]]) -> list[Tensor]:
            return outputs_on(
                self.validation.at_rate(sample_rate),
                forward,
                batch_size=self.chunk_size(phase),
                workers=self.configuration.training.workers,
                processes=self.processes,
            )

        def prepare(batch: Batch, place: int) -> list[Tensor]:
            prepared[place] = phase.prepare(batch, None)
            return []

        # Apart from the rest, so that a training that goes on after a kill hears what one without a stop has heard.
        if phase.prepares and not prepared:
            on(self.model.config.sample_rate, prepare)
        outputs = on(phase.sample_rate(None), lambda batch, place: phase.forward(batch, prepared.get(place)))
        size = self.batch_size(phase.settings)
        sums = Means()
        with torch.no_grad():
            for first in range(0, len(outputs[0]), size):
                part = [output[first : first + size] for output in outputs]
                sums.add(as_numbers(phase.loss(part)), len(part[0]))
        means = sums.means()
        if isinstance(phase, Training):
            captions = [captions[0] for captions in self.validation.values("captions")]
            means["map_at_10"] = mean_average_precision(outputs[0], outputs[1], captions)
        phase.begin()
        return means
