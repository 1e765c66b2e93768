"""What a training would be, before it is: the model's parts, the data, the steps, and the time they take here."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch

from model.configuration import RunConfiguration
from model.elsa import parameter_counts
from model.parameters import PAPER
from model.training.loop import Trainer, splits
from model.training.phases import Phase, Training
from model.training.processes import Processes
from model.training.progress import duration

#: Steps before the clock starts, and steps that are timed.
WARM_UP_STEPS, TIMED_STEPS = 1, 3


def describe(configuration: RunConfiguration, releases: Sequence[Path | str]) -> Iterator[str]:
    """Lines for a person to read. A few steps are done and thrown away; nothing is written.

    Raises:
        ReleaseUnreadable, ConfigurationError: as ``train`` does.
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
            for phase in trainer.phases():
                yield _steps(trainer, phase)
    finally:
        processes.leave()


def _steps(trainer: Trainer, phase: Phase) -> str:
    settings, an_epoch = phase.settings, trainer.steps_an_epoch(phase)
    share = trainer.batch_size(settings) // trainer.processes.count
    parts = share // trainer.chunk_size(phase)
    seconds, kept = _timed(trainer, phase)
    # What a frozen semantic encoder gives is computed in the first epochs alone, where views of it are kept.
    views = trainer.configuration.training.semantic_views if isinstance(phase, Training) else 0
    heard = min(views, settings.epochs) if views and trainer.processes.count == 1 else settings.epochs
    expected = an_epoch * (settings.epochs * (seconds - kept) + heard * kept)
    return (
        f"{phase.name}: {settings.epochs} epochs of {an_epoch:,} steps of {trainer.batch_size(settings):,} clips"
        + (f", {trainer.processes.count} processes" if trainer.processes.count > 1 else "")
        + (f", in {parts} chunks" if parts > 1 else "")
        + f"; {settings.optimizer}, learning rate {settings.learning_rate:g}; "
        f"{trainer.batch_size(settings) / seconds:.1f} samples/s, about {duration(expected)} without validation"
    )


def _timed(trainer: Trainer, phase: Phase) -> tuple[float, float]:
    """Seconds a step, data included, and how many of them frozen parts take."""
    optimizer, parameters = trainer.optimizer(phase)
    started, done, kept = time.perf_counter(), 0, 0.0
    batches = trainer.batches(phase, 0, 0)
    for batch, chunks in enumerate(batches):
        for chunk in chunks:
            # Augmentation is paid for in every epoch, so it is no part of what is kept; on a CPU a batch holds it.
            _ = phase.on_device(chunk).audio
        before = time.perf_counter()
        for chunk in chunks:
            phase.prepare(chunk, None)
        prepared = time.perf_counter() - before
        trainer.step(phase, optimizer, parameters, chunks, epoch=0, batch=batch)
        if batch < WARM_UP_STEPS and trainer.steps_an_epoch(phase) > 1:
            started = time.perf_counter()
            continue
        done, kept = done + 1, kept + prepared
        if done == TIMED_STEPS:
            break
    # A step prepares by itself; here everything was prepared twice.
    return (time.perf_counter() - started - kept) / max(1, done), kept / max(1, done)
