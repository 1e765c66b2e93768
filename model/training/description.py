"""Describes a training without doing it: the parts of the model, the data, the steps and their time on this machine."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch

from model.configuration.run_configuration import RunConfiguration
from model.elsa.parameter_counts import PAPER, parameter_counts
from model.training.frozen import VIEWS
from model.training.phases import ENCODING_BATCH, Phase, Training
from model.training.processes import Processes
from model.training.progress import duration
from model.training.trainer import Trainer, splits, without_direction_text

#: Steps before the timing starts, and steps that are timed.
WARM_UP_STEPS, TIMED_STEPS = 1, 3


def describe(configuration: RunConfiguration, releases: Sequence[Path | str]) -> Iterator[str]:
    """Yields lines for a person to read. It does a few steps for their time, and keeps nothing.

    Raises:
        ReleaseUnreadable, ConfigurationError: as ``train``.
    """
    training, validation = splits(configuration, releases)
    processes = Processes(configuration.training.device)
    try:
        with torch.random.fork_rng():
            trainer = Trainer(configuration, training, validation, processes)
            yield f"{'part':<18}{'parameters':>14}  {'ELSA, the paper'}"
            for part, count in parameter_counts(trainer.model).items():
                yield f"{part.replace('_', ' '):<18}{count:>14,}  {PAPER.get(part, '')}".rstrip()
            yield (
                f"{len(training):,} clips to train on, {len(validation):,} to validate with, "
                f"{configuration.model.clip_s:g} s of each"
            )
            if training.rows_without_direction:
                yield without_direction_text(training)
            with tempfile.TemporaryDirectory() as folder:
                for phase in trainer.phases(Path(folder) / VIEWS):
                    yield _steps(trainer, phase)
    finally:
        processes.leave()


def _steps(trainer: Trainer, phase: Phase) -> str:
    settings, an_epoch = phase.settings, trainer.steps_an_epoch(phase)
    share = trainer.batch_size(settings) // trainer.processes.count
    parts = share // trainer.chunk_size(phase)
    encoding = _encoding_s(trainer, phase)
    seconds = _step_s(trainer, phase)
    expected = encoding + settings.epochs * an_epoch * seconds
    return (
        f"{phase.name}: {settings.epochs} epochs of {an_epoch:,} steps of {trainer.batch_size(settings):,} clips"
        + (f", {trainer.processes.count} processes" if trainer.processes.count > 1 else "")
        + (f", in {parts} chunks" if parts > 1 else "")
        + f"; {settings.optimizer}, learning rate {settings.learning_rate:g}; "
        f"{trainer.batch_size(settings) / seconds:.1f} samples/s, about {duration(expected)}"
        + (f", {duration(encoding)} of it to encode the clips first" if encoding else "")
        + ", without validation"
    )


def _encoding_s(trainer: Trainer, phase: Phase) -> float:
    """Seconds that a frozen semantic encoder takes to encode the clips; 0 if its output is not stored."""
    if not isinstance(phase, Training) or phase.views is None:
        return 0.0
    started, expected = time.perf_counter(), 0.0
    for done, batches in phase.encode_views(trainer.processes):
        if done <= WARM_UP_STEPS < batches:
            started = time.perf_counter()
            continue
        expected = (time.perf_counter() - started) / max(1, done - WARM_UP_STEPS) * batches
        if done == WARM_UP_STEPS + TIMED_STEPS:
            break
    # For the time of a step, the remaining views may hold any numbers.
    for turns in phase.views.missing(ENCODING_BATCH):
        phase.views.put(turns, torch.zeros(len(turns), phase.model.semantic_branch.encoder.size))
    return expected


def _step_s(trainer: Trainer, phase: Phase) -> float:
    """Seconds per step, including the loading of data."""
    optimizer, parameters = trainer.optimizer(phase)
    started, done = time.perf_counter(), 0
    for batch, chunks in enumerate(trainer.batches(phase, 0, 0)):
        trainer.step(phase, optimizer, parameters, chunks, epoch=0, batch=batch)
        if batch < WARM_UP_STEPS and trainer.steps_an_epoch(phase) > 1:
            started = time.perf_counter()
            continue
        done += 1
        if done == TIMED_STEPS:
            break
    return (time.perf_counter() - started) / max(1, done)
