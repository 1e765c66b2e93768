"""Runs a model over a split: embeddings and directions of the clips, with the rows that they belong to."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model.data import Batch, ReleaseDataset, load_batches
from model.elsa.embedding import Embedder
from model.evaluation.closed_form import CLOSED_FORMS
from model.evaluation.noise import with_noise
from model.targets import DISTANCE, VOCABULARY

#: Seconds between two lines about the progress.
REPORT_EVERY_S = 30.0
#: Columns by which errors are grouped.
QUANTITIES = ("azimuth_deg", "elevation_deg", "distance_m", "floor_area_m2", "t30_ms")


@dataclass(frozen=True)
class ModelOutput:
    """The output of a model for n clips.

    Attributes:
        audio: (n, E), embeddings, unit vectors.
        direction: for each method (n, 3): ``branch``, ``head`` and the closed forms.
        distance_m: (n,), from the head on the embedding.
    """

    audio: NDArray[np.float32]
    direction: dict[str, NDArray[np.float64]]
    distance_m: NDArray[np.float64]

    def select(self, rows: NDArray[np.int64]) -> ModelOutput:
        """The output for some of the clips, in this order."""
        directions = {name: found[rows] for name, found in self.direction.items()}
        return ModelOutput(self.audio[rows], directions, self.distance_m[rows])


@dataclass(frozen=True)
class Collected:
    """Rows of a split and the output of a model for them; n rows.

    Attributes:
        ids, source_ids: n strings.
        augmentation: (n,); 0 marks the set without repeats.
        captions, captions_original: n lists; an original stands once, however many versions it has.
        words: for each attribute n words or None.
        quantities: for each of QUANTITIES (n,), NaN if a row has no value.
        direction: (n, 3), true unit vectors x, y, z; zero for a row of several or moving sources.
        output: of the model for the clips.
        audio_without_space: (n, E), embeddings of W copied to four channels.
    """

    ids: list[str]
    source_ids: list[str]
    augmentation: NDArray[np.int64]
    captions: list[list[str]]
    captions_original: list[list[str]]
    words: dict[str, list[str | None]]
    quantities: dict[str, NDArray[np.float64]]
    direction: NDArray[np.float64]
    output: ModelOutput
    audio_without_space: NDArray[np.float32]

    @property
    def audio(self) -> NDArray[np.float32]:
        """Embeddings (n, E) of the clips with their space, unit vectors."""
        return self.output.audio

    @property
    def one_place_rows(self) -> NDArray[np.int64]:
        """The rows of one still source. Other rows have no one direction, distance or word of it."""
        return np.flatnonzero(self.direction.any(axis=1))

    def select(self, rows: NDArray[np.int64]) -> Collected:
        """Some of the rows, in this order."""

        def chosen(values: list[Any]) -> list[Any]:
            return [values[row] for row in rows]

        return Collected(
            ids=chosen(self.ids),
            source_ids=chosen(self.source_ids),
            augmentation=self.augmentation[rows],
            captions=chosen(self.captions),
            captions_original=chosen(self.captions_original),
            words={attribute: chosen(words) for attribute, words in self.words.items()},
            quantities={name: values[rows] for name, values in self.quantities.items()},
            direction=self.direction[rows],
            output=self.output.select(rows),
            audio_without_space=self.audio_without_space[rows],
        )

    @property
    def distance_m(self) -> NDArray[np.float64]:
        """True distances (n,)."""
        return self.quantities["distance_m"]


class _Collector:
    """Collects the output for several batches."""

    def __init__(self, embedder: Embedder) -> None:
        self.model = embedder.model
        self._audio: list[Tensor] = []
        self._distance: list[Tensor] = []
        self._directions: dict[str, list[Tensor]] = {}

    def add(self, foa: Tensor, semantics: Tensor | None = None) -> None:
        """Runs the model on audio (B, 4, samples) at its rate; ``semantics`` as in ``ElsaModel.encode_audio``."""
        config = self.model.config
        quantities = self.model.spectra(foa)
        out = self.model.encode_audio(foa, semantics=semantics, quantities=quantities)
        self._audio.append(out.embedding.float())
        self._distance.append(DISTANCE.from_scale(out.distance))
        found = {"branch": out.spatial.direction, "head": out.direction}
        for name, method in CLOSED_FORMS.items():
            found[name] = method(quantities, sample_rate=config.spatial_rate, n_fft=config.n_fft)
        for name, directions in found.items():
            self._directions.setdefault(name, []).append(directions)

    def output(self) -> ModelOutput:
        """The output for all batches, in their order."""
        return ModelOutput(
            audio=torch.cat(self._audio).cpu().numpy(),
            direction={name: torch.cat(found).cpu().double().numpy() for name, found in self._directions.items()},
            distance_m=torch.cat(self._distance).cpu().double().numpy(),
        )


def _batches(
    dataset: ReleaseDataset, rows: Sequence[int], batch_size: int, workers: int, report: Callable[[str], None]
) -> Iterator[Batch]:
    """Yields batches of rows, and reports the progress every REPORT_EVERY_S."""
    started = last = time.perf_counter()
    done = 0
    for batch in load_batches(dataset, rows, batch_size=batch_size, workers=workers):
        yield batch
        done += len(batch.rows)
        now = time.perf_counter()
        if now - last >= REPORT_EVERY_S:
            last, rate = now, done / (now - started)
            left = (len(rows) - done) / rate
            report(f"{done} of {len(rows)} rows of {dataset.split}, {rate:.1f} rows/s, {left:.0f} s to go")


@torch.inference_mode()
def run_on_clips(embedder: Embedder, clips: list[NDArray[np.float32]], *, batch_size: int = 16) -> ModelOutput:
    """Runs a model on clips (4, samples), all of one length, at the model's rate."""
    collector = _Collector(embedder)
    for first in range(0, len(clips), batch_size):
        collector.add(torch.from_numpy(np.stack(clips[first : first + batch_size])).to(embedder.model.device))
    return collector.output()


@torch.inference_mode()
def run_in_noise(
    embedder: Embedder,
    dataset: ReleaseDataset,
    noise_db: float,
    rows: Sequence[int] | None = None,
    *,
    batch_size: int = 16,
    workers: int = 0,
    report: Callable[[str], None] = lambda _: None,
) -> ModelOutput:
    """Runs a model on the rows of a split in diffuse noise.

    Args:
        embedder: the model.
        dataset: the rows.
        noise_db: signal-to-noise ratio. The noise depends only on it and on the row's id.
        rows: numbers of rows; None is all rows.
        batch_size, workers: as in ``load_batches``.
        report: gets lines about the progress.

    Raises:
        SoundUnreadable: a file cannot be used.
    """
    collector = _Collector(embedder)
    ids, rate = dataset.values("id"), embedder.model.config.sample_rate
    chosen = range(len(dataset)) if rows is None else rows
    for batch in _batches(dataset, chosen, batch_size, workers, report):
        noisy = [
            with_noise(foa, rate, noise_db, key=f"{ids[row]} {noise_db:g} dB")
            for row, foa in zip(batch.rows, batch.audio.numpy(), strict=True)
        ]
        collector.add(torch.from_numpy(np.stack(noisy)).to(embedder.model.device))
    return collector.output()


@torch.inference_mode()
def collect(
    embedder: Embedder,
    dataset: ReleaseDataset,
    rows: Sequence[int] | None = None,
    *,
    batch_size: int = 16,
    workers: int = 0,
    report: Callable[[str], None] = lambda _: None,
) -> Collected:
    """Runs a model over rows of a split, each cropped at its middle.

    Args:
        embedder: the model.
        dataset: the split.
        rows: numbers of rows; None is all rows.
        batch_size, workers: as in ``load_batches``.
        report: gets lines about the progress.

    Raises:
        SoundUnreadable: a file cannot be used.
    """
    model = embedder.model
    collector = _Collector(embedder)
    chosen = range(len(dataset)) if rows is None else rows
    mono = []

    def of_rows(values: Sequence[Any]) -> list[Any]:
        return [values[row] for row in chosen]

    for batch in _batches(dataset, chosen, batch_size, workers, report):
        foa = batch.to(model.device).audio
        # The semantic encoder reads only W, so its output is the same with and without space.
        semantics = model.encode_semantics(foa)
        collector.add(foa, semantics)
        without_space = foa[:, :1].expand(-1, 4, -1)
        mono.append(model.encode_audio(without_space, semantics=semantics).embedding.float())
    indices = np.asarray(chosen, dtype=np.int64)
    return Collected(
        ids=of_rows(dataset.values("id")),
        source_ids=of_rows(dataset.clips()),
        augmentation=np.nan_to_num(dataset.numbers("augmentation")).astype(np.int64)[indices],
        captions=of_rows(dataset.values("captions")),
        # Versions of a caption have the same original, which is one caption of the clip.
        captions_original=[list(dict.fromkeys(texts)) for texts in of_rows(dataset.values("captions_original"))],
        words={attribute: of_rows(dataset.values(attribute)) for attribute in VOCABULARY},
        quantities={name: dataset.numbers(name)[indices] for name in QUANTITIES},
        direction=dataset.directions()[indices],
        output=collector.output(),
        audio_without_space=torch.cat(mono).cpu().numpy(),
    )
