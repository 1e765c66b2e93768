"""The loop: phases, epochs, steps; the checkpoint with the best mAP@10 on the spatial captions of validation is kept.

A run is a function of its configuration and its releases: on a CPU, with the same versions and numbers of threads and
processes, two runs give the same weights, whether or not they were stopped in between. The paper trains with Adam at
5e-5 and a cosine for 40 epochs at a batch of 2,304 (ELSA, section 5.1).
"""

from __future__ import annotations

import copy
import io
import json
import math
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

import torch
import transformers
import yaml
from torch import Tensor, nn

from model.configuration import ConfigurationError, PretrainingConfiguration, RunConfiguration, TrainingConfiguration
from model.data import Batch, ReleaseDataset, Turn, WorkersLost, load_batches
from model.draws import derive_seed
from model.elsa import LOGIT_SCALE_AT_MOST, ElsaModel, parameter_counts
from model.text import load_tokenizer
from model.training.checkpoints import (
    CHECKPOINT,
    RECORD,
    Progress,
    check_record,
    configuration_sha256,
    data_sha256,
    load_checkpoint,
    load_progress,
    read_record,
    save_best,
    save_checkpoint,
    write_text,
)
from model.training.contrastive import batch_gradients, chunk_size_of
from model.training.frozen import DECODED, VIEWS, Captions, Views, is_frozen
from model.training.interruption import Interruption
from model.training.optimizers import make_optimizer
from model.training.phases import HEARING_BATCH, Phase, Pretraining, Training
from model.training.processes import Processes
from model.training.progress import ProgressLine, duration
from model.training.records import Scalars, write_history
from model.training.schedule import learning_rate_at
from model.training.validation import Means, as_numbers, mean_average_precision, outputs_on

#: Seconds between two checkpoints within an epoch.
CHECKPOINT_EVERY_S = 60.0


class TrainingDiverged(FloatingPointError):
    """A loss or a gradient that is not finite; the message is one line."""


class TrainingInterrupted(Exception):
    """A training that was asked to stop, and has written its checkpoint; the message is one line."""


@dataclass(frozen=True)
class TrainingResult:
    """What a training has left.

    Attributes:
        run: its folder.
        best_epoch: the epoch that was kept, from 0.
        map_at_10, validation_loss: of that epoch, on the validation split.
        was_finished: whether there was nothing left to do.
    """

    run: Path
    best_epoch: int
    map_at_10: float
    validation_loss: float
    was_finished: bool = False


def train(
    configuration: RunConfiguration,
    releases: Sequence[Path | str],
    output: Path | str,
    *,
    progress: TextIO | None = None,
) -> TrainingResult:
    """Trains a model on the splits ``train`` and ``validation`` of releases, or goes on where a training has stopped.

    Args:
        configuration: the model, its training and the data for it.
        releases: folders, their rows mixed.
        output: the folder of the run, new, empty, or of a run of the same configuration and data. It holds config.json,
            model.safetensors and the tokenizer's files (the best epoch's), configuration.yaml, run.json, history.jsonl
            and learning_curve.png (each epoch), tensorboard/, and checkpoint.safetensors until the end.
        progress: where progress is told, standard error by default.

    Raises:
        ReleaseUnreadable: a release that cannot be used; SoundUnreadable, once under way, one of its files.
        ConfigurationError: an encoder that is not there, or a batch that the processes cannot share.
        RunRefused: a folder that holds something else, or a run of another configuration or of other data.
        TrainingDiverged: a loss that is not finite.
        TrainingInterrupted: after SIGINT or SIGTERM.
    """
    run = Path(output)
    record = read_record(run)
    training, validation = splits(configuration, releases)
    identity = {"configuration_sha256": configuration_sha256(configuration), "data_sha256": data_sha256(releases)}
    if record:
        check_record(run, record, identity)
        if record.get("finished"):
            return _result(run, record["best"], was_finished=True)
    processes = Processes(configuration.training.device)
    try:
        # All have looked at the folder before one of them writes.
        processes.wait()
        told = sys.stderr if progress is None else progress
        with torch.random.fork_rng(), Interruption() as interruption:
            decoded = run / DECODED if configuration.training.keep_decoded else None
            trainer = Trainer(configuration, training, validation, processes, decoded)
            return _Run(trainer, run, identity, interruption, told).finish()
    finally:
        processes.leave()


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
        augmentation=data.augmentation if data.augment else None,
        weights=data.weights,
        rows_an_epoch=data.rows_an_epoch,
    )
    return training, ReleaseDataset(releases, "validation", sample_rate=shape.sample_rate, clip_s=shape.clip_s)


def _result(run: Path, best: dict[str, Any], *, was_finished: bool = False) -> TrainingResult:
    return TrainingResult(run, best["epoch"], best["map_at_10"], best["validation_loss"], was_finished)


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


class _Run:
    """A training with its folder."""

    def __init__(
        self, trainer: Trainer, run: Path, identity: dict[str, str], interruption: Interruption, told: TextIO
    ) -> None:
        self.trainer = trainer
        self.processes = trainer.processes
        self.run = run
        self.interruption = interruption
        # One process writes and tells.
        self.writes = trainer.processes.is_first
        self.told = told if self.writes else _Nobody()
        model, counts = trainer.model, parameter_counts(trainer.model)
        self.record: dict[str, Any] = {
            **identity,
            "rows": {"train": len(trainer.training), "validation": len(trainer.validation)},
            "rows_an_epoch": trainer.rows_an_epoch,
            "parameters": counts,
            "processes": trainer.processes.count,
            "versions": {"torch": torch.__version__, "transformers": transformers.__version__},
        }
        if self.writes:
            run.mkdir(parents=True, exist_ok=True)
            self._write_record()
            settings = yaml.safe_dump(trainer.configuration.as_dict(), sort_keys=False)
            write_text(run / "configuration.yaml", settings)
            trainer.tokenizer.save(run)
        self.processes.wait()
        self.phases = trainer.phases(run / VIEWS)
        self.progress = load_progress(run) or Progress(self.phases[0].name)
        self.resumes = (run / CHECKPOINT).is_file()
        self.processes.wait()
        if self.resumes:
            at = f"epoch {self.progress.epoch + 1}, step {self.progress.batch + 1}"
            print(f"{run}: goes on with {self.progress.phase}, {at}", file=self.told)
        rows = trainer.rows_an_epoch
        text = f"{counts['all']:,} parameters, {counts['trained']:,} trained; {rows:,} clips an epoch on {model.device}"
        print(text + (f", {self.processes.count} processes" if self.processes.count > 1 else ""), file=self.told)

    def finish(self) -> TrainingResult:
        """All that is left to do."""
        names = [phase.name for phase in self.phases]
        for phase in self.phases[names.index(self.progress.phase) :]:
            if self.progress.phase != phase.name:
                # Before the new phase has an optimiser, so the old one's state is dropped with it.
                self.progress = Progress(phase.name, history=self.progress.history)
            self._phase(phase)
        last = self.progress
        loss = next(
            line["validation"]["loss"]
            for line in last.history
            if line["phase"] == "training" and line["epoch"] == last.best_epoch
        )
        best = {"epoch": last.best_epoch, "map_at_10": last.best[0], "validation_loss": loss}
        self.processes.wait()
        if self.writes:
            self.record |= {"best": best, "finished": True}
            self._write_record()
            # A finished run needs them no more.
            (self.run / CHECKPOINT).unlink(missing_ok=True)
            for name in (VIEWS, DECODED):
                (self.run / name).unlink(missing_ok=True)
        return _result(self.run, best)

    def _phase(self, phase: Phase) -> None:
        trainer, progress = self.trainer, self.progress
        optimizer, parameters = trainer.optimizer(phase)
        if self.resumes:
            load_checkpoint(self.run, trainer.trained, trainer.model, optimizer)
            self.resumes = False
        if isinstance(phase, Training):
            self._hear(phase)
        steps = trainer.steps_an_epoch(phase)
        done = progress.epoch * steps + progress.batch
        line = ProgressLine(steps * phase.settings.epochs, self.told, done)
        scalars = Scalars(self.run, done, self.told) if self.writes else None
        saved = time.monotonic()
        try:
            while progress.epoch < phase.settings.epochs:
                means = Means(progress.sums, progress.count)
                started, waited, clips = time.perf_counter(), 0.0, 0
                batches = trainer.batches(phase, progress.epoch, progress.batch)
                while True:
                    asked = time.perf_counter()
                    chunks = self._next(batches, phase, optimizer)
                    waited += time.perf_counter() - asked
                    if chunks is None:
                        break
                    terms = trainer.step(
                        phase, optimizer, parameters, chunks, epoch=progress.epoch, batch=progress.batch
                    )
                    size = trainer.batch_size(phase.settings)
                    clips += size
                    means.add({name: value for name, value in terms.items() if name != "learning_rate"}, size)
                    progress.batch += 1
                    progress.sums, progress.count = means.sums, means.count
                    line.step(size, terms["loss"])
                    if scalars is not None:
                        scalars.add(phase.name, terms, progress.epoch * steps + progress.batch)
                    if self.processes.any(self.interruption.asked):
                        self._stop(phase, optimizer)
                    if time.monotonic() - saved >= CHECKPOINT_EVERY_S:
                        self._save(phase, optimizer)
                        saved = time.monotonic()
                self._end_epoch(phase, means, line, scalars, clips, time.perf_counter() - started, waited)
                self._save(phase, optimizer)
                saved = time.monotonic()
        finally:
            if scalars is not None:
                scalars.close()

    def _hear(self, phase: Training) -> None:
        """What a frozen semantic encoder makes of the clips, before the first epoch."""
        line, started, heard = None, time.perf_counter(), 0
        try:
            for _, batches in phase.hear(self.processes):
                line = line or ProgressLine(batches, self.told, what="hearing, batch")
                line.step(HEARING_BATCH)
                heard += HEARING_BATCH
                if self.interruption.asked:
                    break
        except WorkersLost:
            if not self.interruption.asked:
                raise
        finally:
            if phase.views is not None:
                phase.views.flush()
        if self.processes.any(self.interruption.asked):
            raise TrainingInterrupted(
                f"{self.run}: stopped while the semantic encoder heard the clips; the same command goes on from there"
            )
        if line is not None:
            seconds = time.perf_counter() - started
            line.line(f"the semantic encoder has heard the clips: {heard / seconds:.1f} samples/s, {duration(seconds)}")

    def _next(
        self, batches: Iterator[list[Batch]], phase: Phase, optimizer: torch.optim.Optimizer
    ) -> list[Batch] | None:
        try:
            return next(batches, None)
        except WorkersLost:
            # The signal that a terminal sends reaches the workers too.
            if self.interruption.asked:
                self._stop(phase, optimizer)
            raise

    def _end_epoch(
        self,
        phase: Phase,
        means: Means,
        line: ProgressLine,
        scalars: Scalars | None,
        clips: int,
        seconds: float,
        waited: float,
    ) -> None:
        """Validation, the best model, the epoch's line; then the place is the start of the next epoch."""
        progress, model = self.progress, self.trainer.model
        checked = self.trainer.validate(phase)
        if not math.isfinite(checked["loss"]):
            raise TrainingDiverged(f"epoch {progress.epoch + 1}: the loss on validation is {checked['loss']}")
        trained = means.means()
        if isinstance(phase, Training):
            # Ties are common while little is learnt: then the lower loss is the better one.
            score = [checked["map_at_10"], -checked["loss"]]
            if score > progress.best:
                progress.best_epoch, progress.best = progress.epoch, score
                if self.writes:
                    save_best(model, self.run)
        rate = clips / max(seconds, 1e-9)
        entry = {
            "phase": phase.name,
            "epoch": progress.epoch,
            "train": trained,
            "validation": checked,
            "temperature": math.exp(-model.logit_scale.item()),
            "best_epoch": progress.best_epoch,
            "samples_per_s": round(rate, 2),
            "waited_for_data": round(waited / max(seconds, 1e-9), 3),
        }
        progress.history.append(entry)
        precision = f", mAP@10 {checked['map_at_10']:.3f}" if "map_at_10" in checked else ""
        kept = " (kept)" if progress.best_epoch == progress.epoch and precision else ""
        line.line(
            f"{'epoch' if precision else 'pretraining, epoch'} {progress.epoch + 1} of {phase.settings.epochs}: "
            f"loss {trained['loss']:.4f}, validation {checked['loss']:.4f}{precision}{kept}, "
            f"{rate:.1f} samples/s, {duration(seconds)}, {waited / max(seconds, 1e-9):.0%} of it waiting for data"
        )
        progress.epoch, progress.batch, progress.sums, progress.count = progress.epoch + 1, 0, {}, 0
        if self.writes:
            write_history(self.run, progress.history)
        if scalars is not None:
            step = progress.epoch * self.trainer.steps_an_epoch(phase)
            scalars.add(f"{phase.name}, validation", checked, step)

    def _save(self, phase: Phase, optimizer: torch.optim.Optimizer) -> None:
        if not self.writes:
            return
        save_checkpoint(self.run, self.trainer.trained, self.trainer.model, optimizer, self.progress)

    def _stop(self, phase: Phase, optimizer: torch.optim.Optimizer) -> None:
        self._save(phase, optimizer)
        self.processes.wait()
        raise TrainingInterrupted(
            f"{self.run}: stopped after step {self.progress.batch} of epoch {self.progress.epoch + 1}; the same "
            "command goes on from there"
        )

    def _write_record(self) -> None:
        write_text(self.run / RECORD, json.dumps(self.record, indent=2) + "\n")


class _Nobody(io.StringIO):
    """Takes what is told, for processes that tell nothing."""

    def write(self, text: str) -> int:
        """Nothing is kept."""
        return len(text)
