"""The subject of an evaluation: a model on a split of releases. Results that several tasks need are computed once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from model.data import ReleaseDataset
from model.draws import keyed_generator
from model.elsa.embedding import Embedder
from model.errors import SoundUnreadable
from model.evaluation.collect import Collected, ModelOutput, collect, run_in_noise
from model.evaluation.options import EvaluationOptions
from model.evaluation.probes import Readout, train_classifier, train_direction_readout
from model.evaluation.recordings.corpus import Corpus, read_corpora, run_on_parts
from model.targets import VOCABULARY


class NotScored(Exception):
    """A task, or a part of one, has nothing to score. The message says why."""


#: The key in metrics.json of how many rows a task leaves out.
LEFT_OUT = "rows_left_out"


def _in_one_place(collected: Collected, split: str) -> Collected:
    rows = collected.one_place_rows
    if not len(rows):
        raise NotScored(f"no row of {split} has one still source")
    return collected if len(rows) == len(collected.ids) else collected.select(rows)


class Subject:
    """A model, a split and a folder for figures.

    Args:
        embedder: the model.
        releases: folders.
        split: the split that is tested.
        output: the folder for figures.
        options: of the evaluation.
        train_releases: folders whose train split probes learn from; empty is ``releases``.
        workers: processes that decode.
        report: gets lines about the progress.
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
        report: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.embedder = embedder
        self.releases = releases
        self.train_releases = train_releases
        self.split = split
        self.output = output
        self.options = options
        self.workers = workers
        self.report = report
        self._of_corpora: dict[tuple[str, str], ModelOutput] = {}

    def dataset(self, split: str, releases: Sequence[Path | str] = ()) -> ReleaseDataset:
        """The rows of a split of releases; without ``releases``, of those that are tested.

        Raises:
            ReleaseUnreadable: a release cannot be used.
        """
        config = self.embedder.model.config
        return ReleaseDataset(releases or self.releases, split, sample_rate=config.sample_rate, clip_s=config.clip_s)

    @cached_property
    def tested(self) -> Collected:
        """The output for the split that is tested."""
        return collect(self.embedder, self.dataset(self.split), workers=self.workers, report=self.report)

    @cached_property
    def train(self) -> Collected:
        """The output for the rows that probes learn from: all rows of train, or ``options.train_rows`` drawn.

        They are not tested, unless the tested split is train itself.
        """
        dataset = self.dataset("train", self.train_releases)
        if len(dataset) > self.options.train_rows:
            draw = keyed_generator(self.options.seed, "train rows", len(dataset))
            rows = np.sort(draw.choice(len(dataset), self.options.train_rows, replace=False)).tolist()
        elif self.split == "train" and not self.train_releases:
            return self.tested
        else:
            rows = None
        return collect(self.embedder, dataset, rows, workers=self.workers, report=self.report)

    @cached_property
    def tested_in_one_place(self) -> Collected:
        """The output for the tested rows of one still source.

        Raises:
            NotScored: there are none.
        """
        return _in_one_place(self.tested, self.split)

    @property
    def rows_left_out(self) -> dict[str, int]:
        """For metrics.json, how many tested rows have several or moving sources; empty if none has."""
        count = len(self.tested.ids) - len(self.tested.one_place_rows)
        return {LEFT_OUT: count} if count else {}

    def in_noise(self, noise_db: float) -> ModelOutput:
        """The output for ``tested_in_one_place`` in diffuse noise."""
        rows = self.tested.one_place_rows.tolist()
        dataset = self.dataset(self.split)
        return run_in_noise(self.embedder, dataset, noise_db, rows, workers=self.workers, report=self.report)

    @cached_property
    def corpora(self) -> list[Corpus]:
        """The real recordings that the options name.

        Raises:
            ReleaseUnreadable: a folder has another layout, or a file that cannot be used.
        """
        return read_corpora(self.options)

    def of_corpus(self, corpus: Corpus, split: str) -> ModelOutput:
        """The output for the parts of real recordings, ``train`` or ``test``.

        Raises:
            NotScored: there are no parts, or a recording turns out to be broken.
        """
        parts = corpus.parts[split]
        if not parts:
            raise NotScored(f"{corpus.folder}: no {split} recording in which a single source sounds")
        key = (corpus.name, split)
        if key not in self._of_corpora:
            try:
                self._of_corpora[key] = run_on_parts(self.embedder, corpus, parts, self.report)
            except SoundUnreadable as error:
                raise NotScored(str(error)) from None
        return self._of_corpora[key]

    @cached_property
    def readout(self) -> Readout:
        """A readout from embeddings to directions, learnt on the train rows of one still source.

        Raises:
            NotScored: there are none.
        """
        train = _in_one_place(self.train, "train")
        return train_direction_readout(
            train.audio,
            train.direction,
            train.source_ids,
            steps=self.options.readout_steps,
            seed=self.options.seed,
        )

    @cached_property
    def direction_classifier(self) -> Readout:
        """A classifier from embeddings to words of direction, learnt on train.

        Raises:
            NotScored: train has no row with one of the words.
        """
        words = self.train.words["direction"]
        vocabulary = VOCABULARY["direction"]
        missing = [word for word in vocabulary if word not in words]
        if missing:
            raise NotScored(f"no train row has the direction {missing[0]}")
        rows = [row for row, word in enumerate(words) if word is not None]
        classes = np.array([vocabulary.index(str(words[row])) for row in rows])
        return train_classifier(
            self.train.audio[rows],
            classes,
            len(vocabulary),
            [self.train.source_ids[row] for row in rows],
            steps=self.options.readout_steps,
            seed=self.options.seed,
        )
