"""The training loop: phases, epochs and steps, with a checkpoint to continue from.

The model of the epoch with the best mAP@10 on the spatial captions of validation is kept. On a CPU, with the same
versions and numbers of threads and processes, a run depends only on its configuration and its releases: two runs give
the same weights, whether or not they were stopped in between. The paper trains with Adam at 5e-5 and a cosine for 40
epochs at a batch of 2,304 (ELSA, section 5.1).
"""

from __future__ import annotations

import io
import math
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import torch
import transformers
import yaml
from torch import nn

from model.configuration.run_configuration import CONFIGURATION, RunConfiguration
from model.data import Batch
from model.devices import device_of
from model.elsa import ElsaModel, load_model
from model.elsa.parameter_counts import parameter_counts
from model.errors import RunRefused, TrainingDiverged, TrainingInterrupted, WorkersLost
from model.files import clear, is_file, write_text
from model.folders import MODEL_WEIGHTS, check_model
from model.runs.checkpoints import (
    CHECKPOINT,
    Progress,
    load_checkpoint,
    load_progress,
    save_best,
    save_checkpoint,
    save_files,
)
from model.runs.history import Scalars, draw_curve, loss_of, read_history, write_history
from model.runs.record import (
    check_record,
    configuration_sha256,
    data_sha256,
    read_record,
    read_saved_configuration,
    weights_sha256,
    write_record,
)
from model.training.epoch_clock import EpochClock
from model.training.frozen import DECODED, VIEWS
from model.training.interruption import Interruption
from model.training.phases import ENCODING_BATCH, Phase, Training
from model.training.processes import Processes
from model.training.progress import ProgressLine, duration
from model.training.trainer import Trainer, splits, take_weights, without_direction_text
from model.training.validation import Means

#: Seconds between two checkpoints within an epoch.
CHECKPOINT_EVERY_S = 60.0
#: Seconds between two drawings of the learning curve: one takes a third of a second, longer than a short epoch.
DRAW_EVERY_S = 30.0


@dataclass(frozen=True)
class TrainingResult:
    """The result of a training.

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
    init_from: Path | str | None = None,
    progress: TextIO | None = None,
) -> TrainingResult:
    """Trains a model on the splits ``train`` and ``validation`` of releases, or continues a training.

    A training that was stopped continues at its last checkpoint. A finished run with fewer epochs than the
    configuration continues from its kept weights, with a new optimiser.

    Args:
        configuration: the model, its training and its data.
        releases: folders; their rows are mixed.
        output: the folder of the run. It may be new, empty, or the folder of a run of the same configuration and data.
            It will hold config.json, model.safetensors and the tokenizer's files (of the best epoch),
            configuration.yaml, run.json, history.jsonl and learning_curve.png (of every epoch), tensorboard/, and
            checkpoint.safetensors until the end.
        init_from: the folder of a run of a model of the same shape; a new training starts from its weights.
        progress: stream for lines of progress; None is standard error.

    Raises:
        ReleaseUnreadable: a release cannot be used; or SoundUnreadable, during the training, one of its files.
        ConfigurationError: an encoder or device that does not exist, an initial model of another shape, or a batch that
            the processes cannot share.
        ModelUnreadable: ``init_from`` holds no model.
        RunRefused: the folder holds something else, or a run of another configuration or of other data.
        TrainingDiverged: the loss is not finite.
        TrainingInterrupted: SIGINT or SIGTERM was received.
    """
    run = Path(output)
    record = read_record(run)
    device_of(configuration.training.device)
    training, validation = splits(configuration, releases)
    identity = {"configuration_sha256": configuration_sha256(configuration), "data_sha256": data_sha256(releases)}
    if init_from is not None:
        check_model(Path(init_from))
        identity["init_sha256"] = weights_sha256(Path(init_from))
    epochs_before = 0
    if record:
        check_record(run, record, identity, configuration)
        if record.get("finished"):
            epochs_before = _epochs_of(run, record)
            if configuration.training.epochs == epochs_before:
                return _result(run, record["best"], was_finished=True)
            if configuration.training.epochs < epochs_before:
                raise RunRefused(
                    f"{run}: has {epochs_before} epochs, training.epochs is {configuration.training.epochs}; "
                    "take another folder"
                )
    initial = _initial_model(run, {**record, **identity}, init_from)
    processes = Processes(configuration.training.device)
    try:
        # All processes must have looked at the folder before one of them writes.
        processes.wait()
        stream = sys.stderr if progress is None else progress
        with torch.random.fork_rng(), Interruption() as interruption:
            decoded = run / DECODED if configuration.training.keep_decoded else None
            trainer = Trainer(configuration, training, validation, processes, decoded, initial)
            return _Run(trainer, run, {**record, **identity}, epochs_before, interruption, stream).finish()
    finally:
        processes.leave()


def _epochs_of(run: Path, record: dict[str, Any]) -> int:
    training = read_saved_configuration(run).get("training")
    epochs = training.get("epochs") if isinstance(training, dict) else None
    return epochs if isinstance(epochs, int) else int(record["best"]["epoch"]) + 1


def _initial_model(run: Path, record: dict[str, Any], init_from: Path | str | None) -> ElsaModel | None:
    """The model whose weights a training takes over; None for a training that draws its weights.

    A checkpoint has no weights of frozen encoders. A run that has started from a model and continues takes them from
    its own best model, or from the initial one while there is no best.
    """
    if "init_sha256" not in record:
        return None
    if is_file(run, MODEL_WEIGHTS):
        return load_model(run)
    if init_from is None:
        raise RunRefused(f"{run}: this run has started from a model; give the same --init-from again")
    return load_model(init_from)


def _result(run: Path, best: dict[str, Any], *, was_finished: bool = False) -> TrainingResult:
    return TrainingResult(run, best["epoch"], best["map_at_10"], best["validation_loss"], was_finished)


@dataclass(frozen=True)
class _PhaseWork:
    """A phase that is running: its optimiser with the parameters that it changes, and its progress."""

    phase: Phase
    optimizer: torch.optim.Optimizer
    parameters: list[nn.Parameter]
    steps_an_epoch: int
    line: ProgressLine
    scalars: Scalars | None


class _Run:
    """A training with its folder.

    Args:
        trainer: does the steps.
        run: the folder.
        record: of a run that continues, and the hashes that identify this one.
        epochs_before: epochs of a finished run that is to have more; 0 for any other run.
        interruption: a request to stop.
        stream: for lines of progress.
    """

    def __init__(
        self,
        trainer: Trainer,
        run: Path,
        record: dict[str, Any],
        epochs_before: int,
        interruption: Interruption,
        stream: TextIO,
    ) -> None:
        self.trainer = trainer
        self.processes = trainer.processes
        self.run = run
        self.interruption = interruption
        # Only the first process writes files and lines.
        self.writes = trainer.processes.is_first
        self.stream = stream if self.writes else _NoStream()
        self._saved_at = self._drawn_at = time.monotonic()
        counts = parameter_counts(trainer.model)
        if self.writes:
            run.mkdir(parents=True, exist_ok=True)
        # The phases write into the folder.
        self.processes.wait()
        self.phases = trainer.phases(run / VIEWS)
        epochs = trainer.configuration.training.epochs
        before = None if epochs_before else load_progress(run)
        if before is not None and before.phase == self.phases[-1].name and before.epoch > epochs:
            raise RunRefused(f"{run}: has {before.epoch} epochs, training.epochs is {epochs}; take another folder")
        self.processes.wait()
        if self.writes:
            self._begin(record, epochs_before, counts)
        self.processes.wait()
        self.progress = load_progress(run) or Progress(self.phases[0].name)
        if self.progress.phase not in [phase.name for phase in self.phases]:
            raise RunRefused(f"{run}: its checkpoint is of {self.progress.phase}, which the configuration leaves out")
        self.resumes = is_file(run, CHECKPOINT)
        self.processes.wait()
        if epochs_before:
            kept = self.progress.best_epoch + 1
            print(f"{run}: continues from the weights of epoch {kept}, up to epoch {epochs}", file=self.stream)
        elif self.resumes:
            step = f"epoch {self.progress.epoch + 1}, step {self.progress.batch + 1}"
            print(f"{run}: continues with {self.progress.phase}, {step}", file=self.stream)
        rows, device = trainer.rows_an_epoch, trainer.model.device
        text = f"{counts['all']:,} parameters, {counts['trained']:,} trained; {rows:,} clips an epoch on {device}"
        print(text + (f", {self.processes.count} processes" if self.processes.count > 1 else ""), file=self.stream)
        if trainer.training.rows_without_direction:
            print(without_direction_text(trainer.training), file=self.stream)

    def _begin(self, record: dict[str, Any], epochs_before: int, counts: dict[str, int]) -> None:
        """Writes the record and the configuration of the run."""
        trainer = self.trainer
        extensions = list(record.get("extensions", []))
        if epochs_before:
            self._reopen(record["best"], epochs_before)
            extensions.append({"after_epochs": epochs_before, "from_epoch": record["best"]["epoch"]})
        self.record: dict[str, Any] = {
            **{key: record[key] for key in ("configuration_sha256", "data_sha256", "init_sha256") if key in record},
            "rows": {"train": len(trainer.training), "validation": len(trainer.validation)},
            "rows_an_epoch": trainer.rows_an_epoch,
            "parameters": counts,
            "processes": trainer.processes.count,
            "versions": {"torch": torch.__version__, "transformers": transformers.__version__},
            **({"extensions": extensions} if extensions else {}),
        }
        write_record(self.run, self.record)
        write_text(self.run, CONFIGURATION, yaml.safe_dump(trainer.configuration.as_dict(), sort_keys=False))
        save_files(self.run, trainer.tokenizer.save)

    def _reopen(self, best: dict[str, Any], epochs_before: int) -> None:
        """Writes a checkpoint with which a finished run continues from its kept weights."""
        history = read_history(self.run)
        try:
            loss_of(history, best["epoch"])
        except ValueError as error:
            raise RunRefused(f"{self.run}: {error}") from None
        take_weights(self.trainer.model, load_model(self.run))
        optimizer, _ = self.trainer.optimizer(self.phases[-1])
        progress = Progress(
            self.phases[-1].name,
            epoch=epochs_before,
            best_epoch=best["epoch"],
            best=[best["map_at_10"], -best["validation_loss"]],
            history=history,
        )
        save_checkpoint(self.run, self.trainer.trained, self.trainer.model, optimizer, progress)

    def finish(self) -> TrainingResult:
        """Does all remaining work."""
        names = [phase.name for phase in self.phases]
        for phase in self.phases[names.index(self.progress.phase) :]:
            if self.progress.phase != phase.name:
                # Before the new phase has an optimiser, so that the state of the old one is freed.
                self.progress = Progress(phase.name, history=self.progress.history)
            self._run_phase(phase)
        last = self.progress
        loss = loss_of(last.history, last.best_epoch)
        best = {"epoch": last.best_epoch, "map_at_10": last.best[0], "validation_loss": loss}
        self.processes.wait()
        if self.writes:
            draw_curve(self.run, last.history)
            write_record(self.run, self.record | {"best": best, "finished": True})
            # A finished run does not need these.
            for name in (CHECKPOINT, VIEWS, DECODED):
                clear(self.run, name)
        return _result(self.run, best)

    def _run_phase(self, phase: Phase) -> None:
        trainer, progress = self.trainer, self.progress
        optimizer, parameters = trainer.optimizer(phase)
        if self.resumes:
            load_checkpoint(self.run, trainer.trained, trainer.model, optimizer)
            self.resumes = False
        if isinstance(phase, Training):
            self._encode_views(phase)
        steps = trainer.steps_an_epoch(phase)
        done = progress.epoch * steps + progress.batch
        line = ProgressLine(steps * phase.settings.epochs, self.stream, done)
        scalars = Scalars(self.run, done, self.stream) if self.writes else None
        work = _PhaseWork(phase, optimizer, parameters, steps, line, scalars)
        self._saved_at = time.monotonic()
        with nullcontext() if scalars is None else closing(scalars):
            while progress.epoch < phase.settings.epochs:
                self._run_epoch(work)

    def _encode_views(self, phase: Training) -> None:
        """Stores the output of a frozen semantic encoder, before the first epoch."""
        line, started, encoded = None, time.perf_counter(), 0
        try:
            for _, batches in phase.encode_views(self.processes):
                line = line or ProgressLine(batches, self.stream, what="encoding, batch")
                line.step(ENCODING_BATCH)
                encoded += ENCODING_BATCH
                if self.interruption.requested:
                    break
        except WorkersLost:
            if not self.interruption.requested:
                raise
        finally:
            if phase.views is not None:
                phase.views.flush()
        if self.processes.any(self.interruption.requested):
            raise TrainingInterrupted(
                f"{self.run}: stopped while the semantic encoder encoded the clips; the same command continues"
            )
        if line is not None:
            seconds = time.perf_counter() - started
            rate = encoded / seconds
            line.line(f"the semantic encoder has encoded the clips: {rate:.1f} samples/s, {duration(seconds)}")

    def _run_epoch(self, work: _PhaseWork) -> None:
        progress = self.progress
        means, clock = Means(progress.sums, progress.count), EpochClock()
        batches = self.trainer.batches(work.phase, progress.epoch, progress.batch)
        while True:
            with clock.waiting():
                chunks = self._next_chunks(batches, work)
            if chunks is None:
                break
            self._step(work, chunks, means, clock)
        clock.stop()
        self._end_epoch(work, means, clock)
        self._save(work)

    def _next_chunks(self, batches: Iterator[list[Batch]], work: _PhaseWork) -> list[Batch] | None:
        try:
            return next(batches, None)
        except WorkersLost:
            # A terminal sends its signal to the workers too.
            if self.interruption.requested:
                self._stop(work)
            raise

    def _step(self, work: _PhaseWork, chunks: list[Batch], means: Means, clock: EpochClock) -> None:
        trainer, progress = self.trainer, self.progress
        terms = trainer.step(
            work.phase, work.optimizer, work.parameters, chunks, epoch=progress.epoch, batch=progress.batch
        )
        size = trainer.batch_size(work.phase.settings)
        clock.clips += size
        means.add({name: value for name, value in terms.items() if name != "learning_rate"}, size)
        progress.batch += 1
        progress.sums, progress.count = means.sums, means.count
        work.line.step(size, terms["loss"])
        if work.scalars is not None:
            work.scalars.add(work.phase.name, terms, progress.epoch * work.steps_an_epoch + progress.batch)
        if self.processes.any(self.interruption.requested):
            self._stop(work)
        if time.monotonic() - self._saved_at >= CHECKPOINT_EVERY_S:
            self._save(work)

    def _end_epoch(self, work: _PhaseWork, means: Means, clock: EpochClock) -> None:
        """Validates, keeps the best model, writes the history, and moves on to the next epoch."""
        progress, model, phase = self.progress, self.trainer.model, work.phase
        validation = self.trainer.validate(phase)
        if not math.isfinite(validation["loss"]):
            raise TrainingDiverged(f"epoch {progress.epoch + 1}: the loss on validation is {validation['loss']}")
        training = means.means()
        if isinstance(phase, Training):
            # Ties are common in the beginning; then the lower loss is better.
            score = [validation["map_at_10"], -validation["loss"]]
            if score > progress.best:
                progress.best_epoch, progress.best = progress.epoch, score
                if self.writes:
                    save_best(model, self.run)
        progress.history.append(
            {
                "phase": phase.name,
                "epoch": progress.epoch,
                "train": training,
                "validation": validation,
                "temperature": math.exp(-model.logit_scale.item()),
                "best_epoch": progress.best_epoch,
                "samples_per_s": round(clock.clips_per_s, 2),
                "waited_for_data": round(clock.waiting_share, 3),
            }
        )
        work.line.line(_epoch_line(phase, progress, training, validation, clock))
        progress.epoch, progress.batch, progress.sums, progress.count = progress.epoch + 1, 0, {}, 0
        if self.writes:
            write_history(self.run, progress.history)
            if time.monotonic() - self._drawn_at >= DRAW_EVERY_S:
                draw_curve(self.run, progress.history)
                self._drawn_at = time.monotonic()
        if work.scalars is not None:
            work.scalars.add(f"{phase.name}, validation", validation, progress.epoch * work.steps_an_epoch)

    def _save(self, work: _PhaseWork) -> None:
        if self.writes:
            save_checkpoint(self.run, self.trainer.trained, self.trainer.model, work.optimizer, self.progress)
        self._saved_at = time.monotonic()

    def _stop(self, work: _PhaseWork) -> None:
        self._save(work)
        if self.writes:
            draw_curve(self.run, self.progress.history)
        self.processes.wait()
        raise TrainingInterrupted(
            f"{self.run}: stopped after step {self.progress.batch} of epoch {self.progress.epoch + 1}; the same "
            "command continues"
        )


def _epoch_line(
    phase: Phase, progress: Progress, training: dict[str, float], validation: dict[str, float], clock: EpochClock
) -> str:
    """The line about an epoch that has just ended."""
    whole = isinstance(phase, Training)
    precision = f", mAP@10 {validation['map_at_10']:.3f}" if whole else ""
    kept = " (kept)" if whole and progress.best_epoch == progress.epoch else ""
    return (
        f"{'epoch' if whole else 'pretraining, epoch'} {progress.epoch + 1} of {phase.settings.epochs}: "
        f"loss {training['loss']:.4f}, validation {validation['loss']:.4f}{precision}{kept}, "
        f"{clock.clips_per_s:.1f} samples/s, {duration(clock.seconds)}, {clock.waiting_share:.0%} waiting for data"
    )


class _NoStream(io.StringIO):
    """Discards lines, for processes that print none."""

    def write(self, text: str) -> int:
        """Discards the text."""
        return len(text)
