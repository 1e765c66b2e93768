"""Training on one device: AdamW with a cosine schedule, the checkpoint with the least loss on validation.

A run is a function of its configuration and its releases: on a CPU, with the same number of threads and versions, two
runs give the same weights. The paper trains with Adam at 5e-5 for 40 epochs at a batch of 2,304 (ELSA, section 5.1).
"""

from __future__ import annotations

import json
import math
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import torch
import transformers
import yaml
from torch import nn

from model.configuration import RunConfiguration, TrainingConfiguration
from model.data import Batch, ReleaseDataset, epoch_order, load_batches
from model.draws import derive_seed
from model.elsa import LOGIT_SCALE_AT_MOST, ElsaModel, parameter_counts, save_model
from model.embedding import device_of
from model.losses import elsa_loss
from model.text import Tokenizer, load_tokenizer

#: Without a terminal, a line of progress this often.
LINE_EVERY_S = 30.0


@dataclass(frozen=True)
class TrainingResult:
    """What a training has left: its folder, the best epoch (from 0) and that epoch's loss on validation."""

    run: Path
    best_epoch: int
    validation_loss: float


def learning_rate_at(step: int, steps: int, warmup_steps: int) -> float:
    """The share of the learning rate at a step: a rise from 0 over the warm-up, then half a cosine to 0."""
    warmup_steps = min(warmup_steps, steps // 2)
    if step < warmup_steps:
        return (step + 1) / (warmup_steps + 1)
    return 0.5 * (1 + math.cos(math.pi * (step - warmup_steps) / max(1, steps - warmup_steps)))


def train(
    configuration: RunConfiguration,
    releases: Sequence[Path | str],
    output: Path | str,
    *,
    progress: TextIO | None = None,
) -> TrainingResult:
    """Trains a model on the splits ``train`` and ``validation`` of releases.

    Args:
        configuration: the model and its training.
        releases: folders, their rows mixed.
        output: the folder of the run, which must not exist or be empty: config.json, model.safetensors and the
            tokenizer's files (the best epoch's), configuration.yaml, run.json, metrics.jsonl (a line an epoch).
        progress: where progress is told, standard error by default.

    Raises:
        ReleaseUnreadable: a release that cannot be used; SoundUnreadable, once under way, one of its files.
        ConfigurationError: a text encoder that is not there.
        FileExistsError: an output folder that holds something; one line.
    """
    settings, run = configuration.training, Path(output)
    if run.exists() and (not run.is_dir() or any(run.iterdir())):
        raise FileExistsError(f"{run}: exists and is not an empty folder")
    shape = configuration.model
    training = ReleaseDataset(
        releases,
        "train",
        sample_rate=shape.sample_rate,
        clip_s=shape.clip_s,
        seed=settings.seed,
        training=True,
        nonspatial_share=settings.nonspatial_share,
    )
    validation = ReleaseDataset(releases, "validation", sample_rate=shape.sample_rate, clip_s=shape.clip_s)
    run.mkdir(parents=True, exist_ok=True)
    told = sys.stderr if progress is None else progress
    with torch.random.fork_rng():
        torch.manual_seed(derive_seed(settings.seed, "training"))
        return _train(configuration, training, validation, run, told)


def _train(
    configuration: RunConfiguration, training: ReleaseDataset, validation: ReleaseDataset, run: Path, told: TextIO
) -> TrainingResult:
    settings = configuration.training
    device = device_of(settings.device)
    model = ElsaModel.create(configuration.model, settings.seed)
    nn.Module.to(model, device)
    tokenizer = load_tokenizer(model.config)
    tokenizer.save(run)
    counts = parameter_counts(model)
    (run / "configuration.yaml").write_text(yaml.safe_dump(configuration.as_dict(), sort_keys=False), encoding="utf-8")
    record: dict[str, Any] = {
        "configuration_sha256": configuration.sha256(),
        "rows": {"train": len(training), "validation": len(validation)},
        "parameters": counts,
        "versions": {"torch": torch.__version__, "transformers": transformers.__version__},
    }
    _write(run / "run.json", json.dumps(record, indent=2))
    print(f"{counts['all']:,} parameters, {counts['trained']:,} trained; {len(training):,} rows", file=told)
    optimizer = _optimizer(model, settings)
    # A release smaller than a batch is one batch; else the last, short one would weigh as much as the others.
    drop_last = len(training) >= settings.batch_size
    steps_an_epoch = max(1, len(training) // settings.batch_size)
    steps = settings.epochs * steps_an_epoch
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: learning_rate_at(step, steps, settings.warmup_steps)
    )
    best_epoch, best_loss = -1, math.inf
    report = _Progress(steps, told)
    for epoch in range(settings.epochs):
        training.set_epoch(epoch)
        model.train()
        sums = _Means()
        started = time.perf_counter()
        batches = load_batches(
            training,
            epoch_order(len(training), seed=settings.seed, epoch=epoch),
            batch_size=settings.batch_size,
            workers=settings.workers,
            drop_last=drop_last,
        )
        for batch in batches:
            terms = _terms(model, tokenizer, batch, configuration)
            optimizer.zero_grad()
            terms["loss"].backward()
            nn.utils.clip_grad_norm_(model.parameters(), settings.gradient_norm)
            optimizer.step()
            schedule.step()
            with torch.no_grad():
                model.logit_scale.clamp_(max=LOGIT_SCALE_AT_MOST)
            sums.add(terms, len(batch.rows))
            report.step(len(batch.rows), float(terms["loss"].detach()))
        seconds = time.perf_counter() - started
        checked = validation_terms(model, tokenizer, validation, configuration)
        means = sums.means()
        line = {
            "epoch": epoch,
            "train": means,
            "validation": checked,
            "temperature": math.exp(-model.logit_scale.item()),
            "samples_per_s": round(sums.count / seconds, 2),
        }
        with (run / "metrics.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        print(
            f"epoch {epoch + 1} of {settings.epochs}: loss {means['loss']:.4f}, "
            f"validation {checked['loss']:.4f}, {sums.count / seconds:.1f} samples/s",
            file=told,
        )
        if checked["loss"] < best_loss:
            best_epoch, best_loss = epoch, checked["loss"]
            _save(model, run)
    if best_epoch < 0:
        raise FloatingPointError(f"{run}: the loss on validation was never a number; no model is kept")
    record["best"] = {"epoch": best_epoch, "validation_loss": best_loss}
    _write(run / "run.json", json.dumps(record, indent=2))
    return TrainingResult(run, best_epoch, best_loss)


def validation_terms(
    model: ElsaModel, tokenizer: Tokenizer, validation: ReleaseDataset, configuration: RunConfiguration
) -> dict[str, float]:
    """The loss and its terms on a split, its rows in order, in batches of the training's size."""
    model.eval()
    sums = _Means()
    with torch.inference_mode():
        for batch in load_batches(
            validation,
            range(len(validation)),
            batch_size=configuration.training.batch_size,
            workers=configuration.training.workers,
        ):
            sums.add(_terms(model, tokenizer, batch, configuration), len(batch.rows))
    return sums.means()


def _terms(
    model: ElsaModel, tokenizer: Tokenizer, batch: Batch, configuration: RunConfiguration
) -> dict[str, torch.Tensor]:
    device = model.device
    tokens = {name: value.to(device) for name, value in tokenizer(batch.captions).items()}
    audio, text = model(batch.audio.to(device), **tokens)
    return elsa_loss(audio, text, model.logit_scale, batch.targets.to(device), configuration.training.losses)


def _optimizer(model: ElsaModel, settings: TrainingConfiguration) -> torch.optim.AdamW:
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    # Biases, norms and the temperature have nothing to decay to.
    groups = [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": settings.weight_decay},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=settings.learning_rate)


def _save(model: ElsaModel, run: Path) -> None:
    """The model into its run, file by file by renaming, so that a kill leaves whole files."""
    part = run / ".part"
    shutil.rmtree(part, ignore_errors=True)
    save_model(model, part)
    for file in sorted(part.iterdir()):
        file.replace(run / file.name)
    part.rmdir()


def _write(path: Path, text: str) -> None:
    part = path.with_name(path.name + ".part")
    part.write_text(text + "\n", encoding="utf-8")
    part.replace(path)


class _Means:
    """Means of the loss's terms over an epoch, weighted by the samples of each batch."""

    def __init__(self) -> None:
        self.count = 0
        self._sums: dict[str, float] = {}

    def add(self, terms: dict[str, torch.Tensor], samples: int) -> None:
        self.count += samples
        for name, value in terms.items():
            self._sums[name] = self._sums.get(name, 0.0) + float(value.detach()) * samples

    def means(self) -> dict[str, float]:
        return {name: value / max(1, self.count) for name, value in self._sums.items()}


class _Progress:
    """The rate and the time that remains: one line that is written over on a terminal, else a line now and then."""

    def __init__(self, steps: int, told: TextIO) -> None:
        self.steps = steps
        self.told = told
        self.done = self.samples = 0
        self.started = self.last = time.perf_counter()

    def step(self, samples: int, loss: float) -> None:
        self.done += 1
        self.samples += samples
        now = time.perf_counter()
        if now - self.last < (1.0 if self.told.isatty() else LINE_EVERY_S):
            return
        self.last = now
        rate = self.samples / (now - self.started)
        remaining = (now - self.started) / self.done * (self.steps - self.done)
        text = f"step {self.done} of {self.steps}: loss {loss:.4f}, {rate:.1f} samples/s, {remaining:.0f} s to go"
        print(f"\r{text}  " if self.told.isatty() else text, end="" if self.told.isatty() else "\n", file=self.told)
        self.told.flush()
