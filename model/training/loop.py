"""The loop: phases, epochs, steps; the checkpoint with the best mAP@10 on the spatial captions of validation is kept.

A run is a function of its configuration and its releases: on a CPU, with the same versions and numbers of threads and
processes, two runs give the same weights, whether or not they were stopped in between. The paper trains with Adam at
5e-5 and a cosine for 40 epochs at a batch of 2,304 (ELSA, section 5.1).
"""

from __future__ import annotations

import io
import json
import math
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import torch
import transformers
import yaml

from model.configuration.run_configuration import RunConfiguration
from model.data import Batch
from model.elsa.parameter_counts import parameter_counts
from model.errors import TrainingDiverged, TrainingInterrupted, WorkersLost
from model.runs.checkpoints import CHECKPOINT, Progress, load_checkpoint, load_progress, save_best, save_checkpoint
from model.runs.files import write_text
from model.runs.history import Scalars, write_history
from model.runs.record import RECORD, check_record, configuration_sha256, data_sha256, read_record
from model.training.frozen import DECODED, VIEWS
from model.training.interruption import Interruption
from model.training.phases import HEARING_BATCH, Phase, Training
from model.training.processes import Processes
from model.training.progress import ProgressLine, duration
from model.training.trainer import Trainer, splits
from model.training.validation import Means

#: Seconds between two checkpoints within an epoch.
CHECKPOINT_EVERY_S = 60.0


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


def _result(run: Path, best: dict[str, Any], *, was_finished: bool = False) -> TrainingResult:
    return TrainingResult(run, best["epoch"], best["map_at_10"], best["validation_loss"], was_finished)


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
            for name in (CHECKPOINT, VIEWS, DECODED):
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
                    chunks = self._next(batches, optimizer)
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
                        self._stop(optimizer)
                    if time.monotonic() - saved >= CHECKPOINT_EVERY_S:
                        self._save(optimizer)
                        saved = time.monotonic()
                self._end_epoch(phase, means, line, scalars, clips, time.perf_counter() - started, waited)
                self._save(optimizer)
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

    def _next(self, batches: Iterator[list[Batch]], optimizer: torch.optim.Optimizer) -> list[Batch] | None:
        try:
            return next(batches, None)
        except WorkersLost:
            # The signal that a terminal sends reaches the workers too.
            if self.interruption.asked:
                self._stop(optimizer)
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

    def _save(self, optimizer: torch.optim.Optimizer) -> None:
        if self.writes:
            save_checkpoint(self.run, self.trainer.trained, self.trainer.model, optimizer, self.progress)

    def _stop(self, optimizer: torch.optim.Optimizer) -> None:
        self._save(optimizer)
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
