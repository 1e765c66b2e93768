"""The two phases of a training, as the loop sees them: what they train, what a batch gives, what the loss is.

``pretraining`` is the spatial branch alone, on the direction and the measures that it says itself (A.8 in ELSA, with a
cosine for the angles where ours is a chord, and squared errors for the rest). ``training`` is the whole model.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from model.configuration.run_configuration import RunConfiguration
from model.configuration.training import PretrainingConfiguration, TrainingConfiguration
from model.data import Batch, ReleaseDataset, load_batches
from model.elsa.network import AudioOutput, ElsaModel
from model.spatial import SpatialOutput
from model.targets import MEASURES, VOCABULARY, Targets
from model.training.frozen import Captions, Views, is_frozen
from model.training.losses import branch_loss, elsa_loss
from model.training.processes import Processes
from model.training.sentences import place_questions, word_loss

QUESTIONS = place_questions()
#: Clips that a frozen semantic encoder hears at a time before the first epoch.
HEARING_BATCH = 16


@dataclass(frozen=True)
class Phase:
    """A phase; both kinds hold their model, and compute where it lies."""

    model: ElsaModel
    configuration: RunConfiguration

    @property
    def name(self) -> str:
        """pretraining or training."""
        raise NotImplementedError

    @property
    def settings(self) -> PretrainingConfiguration | TrainingConfiguration:
        """Epochs, batch, optimiser and learning rate."""
        raise NotImplementedError

    @property
    def shared(self) -> list[nn.Parameter]:
        """Parameters that the loss itself reads."""
        return []

    def begin(self) -> list[nn.Parameter]:
        """Brings the model into training mode; the parameters of the phase, of which some may take no gradient."""
        raise NotImplementedError

    def sample_rate(self, epoch: int | None) -> int:
        """The rate at which crops of an epoch are heard, none for validation: no more than what is trained needs."""
        return self.model.config.sample_rate

    @property
    def prepares(self) -> bool:
        """Whether frozen parts hear clips at the model's rate first, by ``prepare``."""
        return False

    def prepare(self, batch: Batch, epoch: int | None) -> Tensor | None:
        """What frozen parts make of a batch, once for all passes; ``epoch`` is the crops', none in validation."""
        return None

    def forward(self, batch: Batch, prepared: Tensor | None) -> list[Tensor]:
        """A batch, and what ``prepare`` gave → tensors over its clips, the targets last."""
        raise NotImplementedError

    def loss(self, outputs: Sequence[Tensor]) -> dict[str, Tensor]:
        """What ``forward`` gives, of a whole batch → the terms, ``loss`` among them."""
        raise NotImplementedError

    def autocast(self) -> torch.autocast:
        """The precision that the configuration asks for."""
        half = self.configuration.training.precision == "bfloat16"
        return torch.autocast(self.model.device.type, dtype=torch.bfloat16, enabled=half)

    def on_device(self, batch: Batch) -> Batch:
        """The batch where the model lies. On a CPU it is the same one, which keeps its audio."""
        return batch if self.model.device.type == "cpu" else batch.to(self.model.device)


class Pretraining(Phase):
    """The spatial branch alone."""

    name = "pretraining"

    @property
    def settings(self) -> PretrainingConfiguration:
        """See Phase."""
        return self.configuration.training.pretraining

    def sample_rate(self, epoch: int | None) -> int:
        """The spatial branch's: nothing else hears."""
        return _rate_of_branch(self.model)

    def begin(self) -> list[nn.Parameter]:
        """See Phase."""
        self.model.train()
        return list(self.model.spatial_branch.parameters())

    def forward(self, batch: Batch, prepared: Tensor | None) -> list[Tensor]:
        """See Phase."""
        batch = self.on_device(batch)
        with self.autocast():
            branch = self.model.spatial_branch
            said: SpatialOutput = branch(self.model.spectra(batch.audio, batch.sample_rate, bins=branch.bins))
        return [*_tensors(said), _packed(batch.targets)]

    def loss(self, outputs: Sequence[Tensor]) -> dict[str, Tensor]:
        """See Phase."""
        *said, packed = outputs
        terms = branch_loss(_said(said), _unpacked(packed))
        return {"loss": terms["direction"] + terms["measures"], **terms}


@dataclass(frozen=True)
class Training(Phase):
    """The whole model.

    Attributes:
        dataset: what is trained on.
        captions: keeps what a frozen text encoder gives.
        views: keeps what a frozen semantic encoder gives; none where nothing is kept.
    """

    dataset: ReleaseDataset
    captions: Captions
    views: Views | None = None

    name = "training"

    @property
    def settings(self) -> TrainingConfiguration:
        """See Phase."""
        return self.configuration.training

    @property
    def shared(self) -> list[nn.Parameter]:
        """The temperature, and what brings the questions of places to the embedding."""
        asked = self.model.text_projection.parameters() if self.settings.losses.words else ()
        return [self.model.logit_scale, *asked]

    def begin(self) -> list[nn.Parameter]:
        """See Phase."""
        self.model.train()
        if self.settings.pretraining.freeze:
            self.model.spatial_branch.requires_grad_(False).eval()
        return list(self.model.parameters())

    def sample_rate(self, epoch: int | None) -> int:
        """The spatial branch's where what the semantic encoder makes of the clips is kept."""
        kept = self.prepares if epoch is None else self.views is not None
        return _rate_of_branch(self.model) if kept else self.model.config.sample_rate

    @property
    def prepares(self) -> bool:
        """Whether the semantic encoder is frozen."""
        return is_frozen(self.model.semantic_branch.encoder)

    def prepare(self, batch: Batch, epoch: int | None) -> Tensor | None:
        """What the semantic encoder makes of a batch; none where it is trained."""
        if not self.prepares:
            return None
        if self.views is None or epoch is None:
            return self._hear(batch)
        return self.views.get(self.views.chosen(batch.rows, epoch)).to(self.model.device)

    def hear(self, processes: Processes) -> Iterator[tuple[int, int]]:
        """Lets the semantic encoder hear what is to be kept and is not yet, each process its part.

        Yields:
            How many of this process's batches are done, and how many there are.

        Raises:
            ReleaseUnreadable: when a file cannot be used.
        """
        if self.views is None:
            return
        missing = self.views.missing(HEARING_BATCH)[processes.index :: processes.count]
        # What one process writes, no other takes for heard before.
        processes.wait()
        order = [turn for turns in missing for turn in turns]
        loaded = load_batches(self.dataset, order, batch_size=HEARING_BATCH, workers=self.settings.workers)
        for done, (turns, batch) in enumerate(zip(missing, loaded, strict=True), 1):
            self.views.put(turns, self._hear(batch))
            yield done, len(missing)

    def _hear(self, batch: Batch) -> Tensor:
        with torch.no_grad(), self.autocast():
            return self.model.encode_semantics(self.on_device(batch).audio).float()

    def forward(self, batch: Batch, prepared: Tensor | None) -> list[Tensor]:
        """See Phase."""
        batch = self.on_device(batch)
        with self.autocast():
            audio = self.model.encode_audio(batch.audio, semantics=prepared, sample_rate=batch.sample_rate)
            text = self.model.project_text(self.captions.encode(batch.captions))
        return [
            audio.embedding,
            text,
            audio.direction,
            audio.distance,
            audio.area,
            *_tensors(audio.spatial),
            _packed(batch.targets),
        ]

    def loss(self, outputs: Sequence[Tensor]) -> dict[str, Tensor]:
        """See Phase."""
        embedding, text, direction, distance, area, *said, packed = outputs
        audio = AudioOutput(embedding, direction, distance, area, _said(said))
        targets, weights, scale = _unpacked(packed), self.settings.losses, self.model.logit_scale
        terms = elsa_loss(audio, text, scale, targets, weights)
        if weights.words:
            # Read without gradient: they would weigh a text encoder that is trained down by ten captions a clip.
            with torch.no_grad():
                read = self.captions.encode(QUESTIONS.sentences)
            with self.autocast():
                asked = self.model.project_text(read)
            terms["words"] = word_loss(embedding, asked, scale, targets.words, QUESTIONS)
            terms["loss"] = terms["loss"] + weights.words * terms["words"]
        return terms


def _rate_of_branch(model: ElsaModel) -> int:
    return min(model.config.spatial_rate, model.config.sample_rate)


def _tensors(said: SpatialOutput) -> list[Tensor]:
    """What the loss reads of a spatial branch's output; the features are not among it."""
    return [said.direction, said.measures, *([] if said.first is None else [said.first])]


def _said(tensors: Sequence[Tensor]) -> SpatialOutput:
    direction, measures, *first = tensors
    return SpatialOutput(direction, measures, measures, first[0] if first else None)


def _packed(targets: Targets) -> Tensor:
    """Targets as one tensor (B, 4 + measures + attributes), which passes from process to process."""
    is_spatial = targets.is_spatial.float().unsqueeze(1)
    return torch.cat([targets.direction, is_spatial, targets.measures, targets.words.float()], dim=1)


def _unpacked(packed: Tensor) -> Targets:
    direction, is_spatial, measures, words = packed.split([3, 1, len(MEASURES), len(VOCABULARY)], dim=1)
    return Targets(direction, measures, is_spatial[:, 0] > 0.5, words.long())
