"""The two phases of a training: what each trains, its outputs for a batch, and its loss.

``pretraining`` trains the spatial branch alone, on its own direction and measures (ELSA, A.8, which has a cosine for
the angles; we use the chord, and squared errors for the measures). ``training`` trains the whole model.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from model.configuration.run_configuration import RunConfiguration
from model.configuration.training import PretrainingConfiguration, TrainingConfiguration
from model.data import Batch, ReleaseDataset, load_batches
from model.elsa import ElsaModel
from model.losses.elsa_loss import branch_loss, elsa_loss
from model.losses.outputs import Outputs, audio_outputs, branch_outputs, target_outputs, targets_of
from model.losses.sentences import make_questions, word_loss
from model.spatial import SpatialOutput
from model.training.frozen import Captions, Views, is_frozen
from model.training.processes import Processes

QUESTIONS = make_questions()
#: Clips that a frozen semantic encoder encodes at one time before the first epoch.
ENCODING_BATCH = 16


@dataclass(frozen=True)
class Phase:
    """A phase of a training. It computes on the device of its model."""

    model: ElsaModel
    configuration: RunConfiguration

    @property
    def name(self) -> str:
        """``pretraining`` or ``training``."""
        raise NotImplementedError

    @property
    def settings(self) -> PretrainingConfiguration | TrainingConfiguration:
        """Epochs, batch size, optimiser and learning rate."""
        raise NotImplementedError

    @property
    def shared(self) -> list[nn.Parameter]:
        """Parameters that the loss itself reads."""
        return []

    def begin(self) -> list[nn.Parameter]:
        """Sets the training mode of the model, and returns the parameters of the phase; some may be frozen."""
        raise NotImplementedError

    def sample_rate(self, epoch: int | None) -> int:
        """The sample rate that the phase needs for the crops of an epoch; None stands for validation."""
        return self.model.config.sample_rate

    @property
    def prepares(self) -> bool:
        """Whether ``prepare`` runs frozen parts on clips at the model's rate."""
        return False

    def prepare(self, batch: Batch, epoch: int | None) -> Tensor | None:
        """The output of frozen parts for a batch, computed once for all passes; epoch None stands for validation."""
        return None

    def forward(self, batch: Batch, prepared: Tensor | None) -> dict[str, Tensor]:
        """Named tensors over the clips of a batch, targets included, from the batch and its ``prepare``."""
        raise NotImplementedError

    def loss(self, outputs: Outputs) -> dict[str, Tensor]:
        """The terms of the loss, among them ``loss``, from the outputs of a whole batch."""
        raise NotImplementedError

    def autocast(self) -> torch.autocast:
        """A context with the precision of the configuration."""
        half = self.configuration.training.precision == "bfloat16"
        return torch.autocast(self.model.device.type, dtype=torch.bfloat16, enabled=half)

    def on_device(self, batch: Batch) -> Batch:
        """The batch on the device of the model. On a CPU it is the same object, which keeps its audio."""
        return batch if self.model.device.type == "cpu" else batch.to(self.model.device)


class Pretraining(Phase):
    """The phase that trains the spatial branch alone."""

    name = "pretraining"

    @property
    def settings(self) -> PretrainingConfiguration:
        """The section ``training.pretraining``."""
        return self.configuration.training.pretraining

    def sample_rate(self, epoch: int | None) -> int:
        """The rate of the spatial branch."""
        return _branch_rate(self.model)

    def begin(self) -> list[nn.Parameter]:
        """Sets the training mode of the model, and returns the parameters of the spatial branch."""
        self.model.train()
        return list(self.model.spatial_branch.parameters())

    def forward(self, batch: Batch, prepared: Tensor | None) -> dict[str, Tensor]:
        """The outputs of the spatial branch, and the targets."""
        batch = self.on_device(batch)
        with self.autocast():
            branch = self.model.spatial_branch
            output: SpatialOutput = branch(self.model.spectra(batch.audio, batch.sample_rate, bins=branch.bins))
        return {**branch_outputs(output), **target_outputs(batch.targets)}

    def loss(self, outputs: Outputs) -> dict[str, Tensor]:
        """``direction``, ``measures`` and their sum ``loss``."""
        terms = branch_loss(outputs, targets_of(outputs))
        return {"loss": terms["direction"] + terms["measures"], **terms}


@dataclass(frozen=True)
class Training(Phase):
    """The phase that trains the whole model.

    Attributes:
        dataset: the rows to train on.
        captions: stores the output of a frozen text encoder.
        views: stores the output of a frozen semantic encoder; None stores nothing.
    """

    dataset: ReleaseDataset
    captions: Captions
    views: Views | None = None

    name = "training"

    @property
    def settings(self) -> TrainingConfiguration:
        """The section ``training``."""
        return self.configuration.training

    @property
    def shared(self) -> list[nn.Parameter]:
        """The temperature, and the projection of the questions' text if they are asked."""
        projection = self.model.text_projection.parameters() if self.settings.losses.words else ()
        return [self.model.logit_scale, *projection]

    def begin(self) -> list[nn.Parameter]:
        """Sets the training mode of the model, and returns its parameters."""
        self.model.train()
        if self.settings.pretraining.freeze:
            self.model.spatial_branch.requires_grad_(False).eval()
        return list(self.model.parameters())

    def sample_rate(self, epoch: int | None) -> int:
        """The rate of the spatial branch if the output of the semantic encoder is stored, otherwise the model's."""
        stored = self.prepares if epoch is None else self.views is not None
        return _branch_rate(self.model) if stored else self.model.config.sample_rate

    @property
    def prepares(self) -> bool:
        """Whether the semantic encoder is frozen."""
        return is_frozen(self.model.semantic_branch.encoder)

    def prepare(self, batch: Batch, epoch: int | None) -> Tensor | None:
        """The output of the semantic encoder for a batch; None if the encoder is trained."""
        if not self.prepares:
            return None
        if self.views is None or epoch is None:
            return self._encode(batch)
        return self.views.get(self.views.choose(batch.rows, epoch)).to(self.model.device)

    def encode_views(self, processes: Processes) -> Iterator[tuple[int, int]]:
        """Encodes the views that are not stored yet, each process its part.

        Yields:
            The number of this process's batches that are done, and of all its batches.

        Raises:
            SoundUnreadable: a file cannot be used.
        """
        if self.views is None:
            return
        missing = self.views.missing(ENCODING_BATCH)[processes.index :: processes.count]
        # All processes must have looked before one of them writes.
        processes.wait()
        order = [turn for turns in missing for turn in turns]
        loaded = load_batches(self.dataset, order, batch_size=ENCODING_BATCH, workers=self.settings.workers)
        for done, (turns, batch) in enumerate(zip(missing, loaded, strict=True), 1):
            self.views.put(turns, self._encode(batch))
            yield done, len(missing)

    def _encode(self, batch: Batch) -> Tensor:
        with torch.no_grad(), self.autocast():
            return self.model.encode_semantics(self.on_device(batch).audio).float()

    def forward(self, batch: Batch, prepared: Tensor | None) -> dict[str, Tensor]:
        """The outputs of the model, the embeddings of the captions, and the targets."""
        batch = self.on_device(batch)
        with self.autocast():
            audio = self.model.encode_audio(batch.audio, semantics=prepared, sample_rate=batch.sample_rate)
            text = self.model.project_text(self.captions.encode(batch.captions))
        return {**audio_outputs(audio, text), **target_outputs(batch.targets)}

    def loss(self, outputs: Outputs) -> dict[str, Tensor]:
        """The terms of ``elsa_loss``, and ``words`` if its weight is not 0."""
        targets, weights, scale = targets_of(outputs), self.settings.losses, self.model.logit_scale
        terms = elsa_loss(outputs, scale, targets, weights)
        if weights.words:
            # Encoded without gradient: for a trained text encoder they would cost as much as ten more captions a clip.
            with torch.no_grad():
                encoded = self.captions.encode(QUESTIONS.sentences)
            with self.autocast():
                sentences = self.model.project_text(encoded)
            terms["words"] = word_loss(outputs["embedding"], sentences, scale, targets.words, QUESTIONS)
            terms["loss"] = terms["loss"] + weights.words * terms["words"]
        return terms


def _branch_rate(model: ElsaModel) -> int:
    return min(model.config.spatial_rate, model.config.sample_rate)
