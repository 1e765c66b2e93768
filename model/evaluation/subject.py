"""What is evaluated: a model on a split of releases, with everything that several tasks need made at most once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from model.data import ReleaseDataset
from model.draws import keyed_generator
from model.elsa.embedding import Embedder
from model.evaluation.collect import Collected, Heard, collect, hear_with_noise
from model.evaluation.options import EvaluationOptions
from model.evaluation.probes import Readout, train_classifier, train_direction_readout
from model.targets import VOCABULARY


class NotScored(Exception):
    """A task, or a part of one, that has nothing to score; the message is one line that says why."""


class Subject:
    """A model, a split and a folder for figures.

    Args:
        embedder: the model.
        releases: folders.
        split: that is tested.
        output: the folder that figures go to.
        train_releases: folders whose train split is learnt from; ``releases`` when empty.
        workers: processes that decode.
        told: hears how far a split has come.
    """

    def __init__(
        self,
        embedder: Embedder,
        releases: Sequence[Path | str],
        split: str,
        output: Path,
        options: EvaluationOptions,
        *,
        train_releases: Sequence[Path | str] = (),
        workers: int = 0,
        told: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.embedder = embedder
        self.releases = releases
        self.train_releases = train_releases
        self.split = split
        self.output = output
        self.options = options
        self.workers = workers
        self.told = told

    def dataset(self, split: str, releases: Sequence[Path | str] = ()) -> ReleaseDataset:
        """The rows of a split, of the releases that are tested where none are named.

        Raises:
            ReleaseUnreadable: a release that cannot be used.
        """
        config = self.embedder.model.config
        return ReleaseDataset(releases or self.releases, split, sample_rate=config.sample_rate, clip_s=config.clip_s)

    @cached_property
    def tested(self) -> Collected:
        """The split that is tested."""
        return collect(self.embedder, self.dataset(self.split), workers=self.workers, told=self.told)

    @cached_property
    def train(self) -> Collected:
        """What probes learn from: all rows of train, or ``options.train_rows`` drawn.

        Nothing is tested on them, unless train is what is tested.
        """
        dataset = self.dataset("train", self.train_releases)
        if len(dataset) > self.options.train_rows:
            draw = keyed_generator(self.options.seed, "train rows", len(dataset))
            rows = np.sort(draw.choice(len(dataset), self.options.train_rows, replace=False)).tolist()
        elif self.split == "train" and not self.train_releases:
            return self.tested
        else:
            rows = None
        return collect(self.embedder, dataset, rows, workers=self.workers, told=self.told)

    def in_noise(self, noise_db: float) -> Heard:
        """The split that is tested, in diffuse noise."""
        return hear_with_noise(self.embedder, self.dataset(self.split), noise_db, workers=self.workers, told=self.told)

    @cached_property
    def readout(self) -> Readout:
        """A direction out of an embedding, learnt on train."""
        return train_direction_readout(
            self.train.audio,
            self.train.direction,
            self.train.source_ids,
            steps=self.options.readout_steps,
            seed=self.options.seed,
        )

    @cached_property
    def direction_classifier(self) -> Readout:
        """A word of direction out of an embedding, learnt on train.

        Raises:
            NotScored: train lacks one of the words.
        """
        words = self.train.words["direction"]
        vocabulary = VOCABULARY["direction"]
        missing = [word for word in vocabulary if word not in words]
        if missing:
            raise NotScored(f"no train row has the direction {missing[0]}")
        places = [row for row, word in enumerate(words) if word is not None]
        classes = np.array([vocabulary.index(str(words[row])) for row in places])
        return train_classifier(
            self.train.audio[places],
            classes,
            len(vocabulary),
            [self.train.source_ids[row] for row in places],
            steps=self.options.readout_steps,
            seed=self.options.seed,
        )
