"""What every evaluation needs of a release, made once: embeddings, directions, and the rows they belong to."""

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

#: How often it is told how far a split has come.
TOLD_EVERY_S = 30.0
#: Columns of rows that errors are looked at by.
QUANTITIES = ("azimuth_deg", "elevation_deg", "distance_m", "floor_area_m2", "t30_ms")


@dataclass(frozen=True)
class Heard:
    """What a model makes of n clips; E numbers an embedding.

    Attributes:
        audio: (n, E), unit vectors.
        direction: method → (n, 3): ``branch``, ``head`` and the closed forms.
        distance_m: (n,), of the head on the embedding.
    """

    audio: NDArray[np.float32]
    direction: dict[str, NDArray[np.float64]]
    distance_m: NDArray[np.float64]


@dataclass(frozen=True)
class Collected:
    """A split as a model sees it, n rows.

    Attributes:
        ids, source_ids: n strings.
        augmentation: (n,); 0 is the set without repeats.
        captions, captions_original: n lists.
        words: attribute → n words or None.
        quantities: QUANTITIES → (n,), NaN where a row has none.
        direction: (n, 3), true unit vectors x, y, z.
        heard: the clips.
        audio_without_space: (n, E), unit vectors of W copied to four channels.
    """

    ids: list[str]
    source_ids: list[str]
    augmentation: NDArray[np.int64]
    captions: list[list[str]]
    captions_original: list[list[str]]
    words: dict[str, list[str | None]]
    quantities: dict[str, NDArray[np.float64]]
    direction: NDArray[np.float64]
    heard: Heard
    audio_without_space: NDArray[np.float32]

    @property
    def audio(self) -> NDArray[np.float32]:
        """(n, E), unit vectors of the clips with their space."""
        return self.heard.audio

    @property
    def distance_m(self) -> NDArray[np.float64]:
        """(n,), true."""
        return self.quantities["distance_m"]


class _Hearing:
    """Gathers batches into Heard."""

    def __init__(self, embedder: Embedder) -> None:
        self.model = embedder.model
        self._audio: list[Tensor] = []
        self._distance: list[Tensor] = []
        self._directions: dict[str, list[Tensor]] = {}

    def add(self, foa: Tensor, semantics: Tensor | None = None) -> None:
        """(B, 4, samples), at the model's rate, on its device; ``semantics`` as ``ElsaModel.encode_audio`` takes it."""
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

    def heard(self) -> Heard:
        """All batches, in their order."""
        return Heard(
            audio=torch.cat(self._audio).cpu().numpy(),
            direction={name: torch.cat(found).cpu().double().numpy() for name, found in self._directions.items()},
            distance_m=torch.cat(self._distance).cpu().double().numpy(),
        )


def _batches(
    dataset: ReleaseDataset, rows: Sequence[int], batch_size: int, workers: int, told: Callable[[str], None]
) -> Iterator[Batch]:
    """Rows in their order; every TOLD_EVERY_S it is told how many are done, the rate and the time that is left."""
    started = last = time.perf_counter()
    done = 0
    for batch in load_batches(dataset, rows, batch_size=batch_size, workers=workers):
        yield batch
        done += len(batch.rows)
        now = time.perf_counter()
        if now - last >= TOLD_EVERY_S:
            last, rate = now, done / (now - started)
            left = (len(rows) - done) / rate
            told(f"{done} of {len(rows)} rows of {dataset.split}, {rate:.1f} rows/s, {left:.0f} s to go")


@torch.inference_mode()
def hear(embedder: Embedder, clips: list[NDArray[np.float32]], *, batch_size: int = 16) -> Heard:
    """What a model makes of clips (4, samples), all of one length, at the model's rate."""
    hearing = _Hearing(embedder)
    for first in range(0, len(clips), batch_size):
        hearing.add(torch.from_numpy(np.stack(clips[first : first + batch_size])).to(embedder.model.device))
    return hearing.heard()


@torch.inference_mode()
def hear_with_noise(
    embedder: Embedder,
    dataset: ReleaseDataset,
    noise_db: float,
    *,
    batch_size: int = 16,
    workers: int = 0,
    told: Callable[[str], None] = lambda _: None,
) -> Heard:
    """The rows of a split in diffuse noise, which depends on the row's id and the ratio alone.

    Raises:
        SoundUnreadable: a file that cannot be used.
    """
    hearing = _Hearing(embedder)
    ids, rate = dataset.values("id"), embedder.model.config.sample_rate
    for batch in _batches(dataset, range(len(dataset)), batch_size, workers, told):
        noisy = [
            with_noise(foa, rate, noise_db, key=f"{ids[row]} {noise_db:g} dB")
            for row, foa in zip(batch.rows, batch.audio.numpy(), strict=True)
        ]
        hearing.add(torch.from_numpy(np.stack(noisy)).to(embedder.model.device))
    return hearing.heard()


@torch.inference_mode()
def collect(
    embedder: Embedder,
    dataset: ReleaseDataset,
    rows: Sequence[int] | None = None,
    *,
    batch_size: int = 16,
    workers: int = 0,
    told: Callable[[str], None] = lambda _: None,
) -> Collected:
    """Runs a model over rows of a split, all of them where none are named, each cropped at its middle.

    Raises:
        SoundUnreadable: a file that cannot be used.
    """
    model = embedder.model
    hearing = _Hearing(embedder)
    chosen = range(len(dataset)) if rows is None else rows
    mono = []

    def of_rows(values: Sequence[Any]) -> list[Any]:
        return [values[row] for row in chosen]

    for batch in _batches(dataset, chosen, batch_size, workers, told):
        foa = batch.to(model.device).audio
        # Both ways the semantic encoder hears W, once.
        semantics = model.encode_semantics(foa)
        hearing.add(foa, semantics)
        alone = foa[:, :1].expand(-1, 4, -1)
        mono.append(model.encode_audio(alone, semantics=semantics).embedding.float())
    places = np.asarray(chosen, dtype=np.int64)
    return Collected(
        ids=of_rows(dataset.values("id")),
        source_ids=of_rows(dataset.clips()),
        augmentation=np.nan_to_num(dataset.numbers("augmentation")).astype(np.int64)[places],
        captions=of_rows(dataset.values("captions")),
        captions_original=of_rows(dataset.values("captions_original")),
        words={attribute: of_rows(dataset.values(attribute)) for attribute in VOCABULARY},
        quantities={name: dataset.numbers(name)[places] for name in QUANTITIES},
        direction=dataset.directions()[places],
        heard=hearing.heard(),
        audio_without_space=torch.cat(mono).cpu().numpy(),
    )
